// SPDX-License-Identifier: Apache-2.0
// The views of `pyebpf report` as golden cases.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "base/sink.h"

namespace pyebpf::report::test {

[[nodiscard]] std::map<std::string, std::function<Result<void>(Sink&)>> report_cases();

}  // namespace pyebpf::report::test
