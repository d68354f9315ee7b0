// SPDX-License-Identifier: Apache-2.0
// One run of a workload, counted: for each distinct stack how many ticks it has. All statistics are
// functions of tallies, so that simulations and tests make tallies without recordings.
//
// Time in the kernel and in the interpreter belongs to the Python or native function that asked for
// it: a stack here has only functions that somebody wrote for the program. What the time was spent
// on is kept as its category.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compare/function_table.h"
#include "profile/profile.h"

namespace pyebpf::compare {

// What a tick was spent on, by the frame at the leaf, or by what the thread waited for.
enum class Category : uint8_t { kPython, kNative, kInterpreter, kKernel, kNoStack, kGil, kOffCpu };
inline constexpr size_t kCategories = 7;
[[nodiscard]] std::string_view category_text(Category category);

struct StackTally {
    std::vector<FunctionId> functions;  // root first, recursion included; never empty
    uint32_t leaf_line = 0;             // current line of the last function; 0: not known
    Category category = Category::kPython;
    uint32_t process = 0;    // index into Labels
    uint32_t container = 0;  // index into Labels
    double ticks = 0;
};

struct RunTally {
    std::vector<StackTally> stacks;  // what was on a CPU
    double ticks = 0;                // the sum of them
    std::array<double, kCategories> by_category{};
    double seconds = 0;       // wall time
    double tick_seconds = 0;  // CPU time of one tick; 0 if the source does not count time
    double work = 0;          // units of work done; 0: not known
};

// Names of processes and containers, shared by all runs of a comparison.
using Labels = profile::StringTable;

struct TallyContext {
    FunctionTable& functions;
    Labels& labels;
    std::string root;  // of the side's checkout, see project_root()
};

// The function that a Python or native frame is in; `root` is that of the side's checkout.
[[nodiscard]] Function function_of(const profile::Profile& profile, const profile::Frame& frame,
                                   const std::string& root);

// Files of the Python frames of a profile, for project_root().
[[nodiscard]] std::vector<std::string> python_files(const profile::Profile& profile);

// Samples with begin_ns <= time < end_ns.
[[nodiscard]] RunTally tally(const profile::Profile& profile, TallyContext& context,
                             uint64_t begin_ns = 0, uint64_t end_ns = UINT64_MAX);

// The same run cut into `count` pieces of equal duration.
[[nodiscard]] std::vector<RunTally> tally_blocks(const profile::Profile& profile,
                                                 TallyContext& context, size_t count);

}  // namespace pyebpf::compare
