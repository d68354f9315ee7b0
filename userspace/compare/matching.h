// SPDX-License-Identifier: Apache-2.0
// Which functions of the two sides are the same one under another name: a checkout elsewhere, a
// file that was moved, a function that was renamed.
//
//   relocated  same name, same file name, another folder: two checkouts; not worth a word
//   moved      same name, another module
//   renamed    another name; same callers, callees and about the same cost
//
// A pair is made only if it is the best for both, so that nothing is matched twice.
#pragma once

#include <vector>

#include "compare/run_tally.h"

namespace pyebpf::compare {

enum class Relation { kRelocated, kMoved, kRenamed };

struct Match {
    FunctionId base;
    FunctionId head;
    Relation relation = Relation::kRelocated;
};

[[nodiscard]] std::vector<Match> match_functions(const FunctionTable& functions,
                                                 const std::vector<RunTally>& base,
                                                 const std::vector<RunTally>& head);

// Writes the functions of `base` under the names that they have in `head`.
void apply_matches(const std::vector<Match>& matches, std::vector<RunTally>& base);

}  // namespace pyebpf::compare
