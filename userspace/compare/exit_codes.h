// SPDX-License-Identifier: Apache-2.0
// What `check` and its relatives exit with besides the codes of base/result.h; see
// docs/cli/exit-codes.md.
#pragma once

namespace pyebpf::compare {

inline constexpr int kExitRegression = 1;
inline constexpr int kExitCannotMeasure = 3;  // nothing could be measured, or compared
inline constexpr int kExitInconclusive = 4;   // too little is known to decide

}  // namespace pyebpf::compare
