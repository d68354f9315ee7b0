// SPDX-License-Identifier: Apache-2.0
// What the threads of a profile did with their time: running, or waiting and for what; and who held
// the global interpreter lock, and who waited for it.
#pragma once

#include <vector>

#include "profile/profile.h"

namespace pyebpf::output {

struct StateTotal {
    profile::ThreadState state = profile::ThreadState::kRunning;
    double ticks = 0;
};
// Those that occur, largest first.
[[nodiscard]] std::vector<StateTotal> state_totals(const profile::Profile& profile);

struct FunctionShare {
    profile::StringId function{0};
    double ticks = 0;
};
// The innermost Python function of each sample that holds the lock, and of each that waits for it.
struct GilTotals {
    double held = 0;
    double waited = 0;
    FunctionShare holder;  // who held it longest
    FunctionShare waiter;  // who waited longest
};
[[nodiscard]] GilTotals gil_totals(const profile::Profile& profile);

}  // namespace pyebpf::output
