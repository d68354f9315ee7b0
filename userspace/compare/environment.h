// SPDX-License-Identifier: Apache-2.0
// What a recording tells of where and how it was made, and whether recordings can be compared.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compare/exit_codes.h"
#include "profile/profile.h"

namespace pyebpf::compare {

// Facts by name ("kernel", "cpu_model", "python" …), for people and for comparing.
struct Environment {
    std::map<std::string, std::string> facts;
    double loss_percent = 0;
    double ticks = 0;
    bool is_cut = false;
};

// "kernel: 6.1, here 6.5" for each fact that changes the cost of the same code.
[[nodiscard]] std::vector<std::string> differing_facts(const Environment& there,
                                                       const Environment& here);

[[nodiscard]] Environment environment_of(const profile::Profile& profile);

// Samples that were lost, truncated or not readable, in percent of all of the targets.
[[nodiscard]] double loss_percent(const std::vector<profile::Statistic>& statistics);

[[nodiscard]] std::string fact(const Environment& environment, const std::string& name,
                               std::string_view if_unknown = "");

struct NamedEnvironment {
    std::string name;  // of the recording
    Environment environment;
};

// Sentences about differences that may explain a difference of cost. Fails with kExitCannotMeasure
// where a comparison would mean nothing: other event sources or rates, no samples, many lost ones.
[[nodiscard]] Result<std::vector<std::string>> check_environments(
    const std::vector<NamedEnvironment>& recordings);

}  // namespace pyebpf::compare
