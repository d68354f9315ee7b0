// SPDX-License-Identifier: Apache-2.0
// Who called whom, and what it cost, for the formats that know functions and calls but no stacks.
//
// Each sample counts once for a function and once for a call, however deep the recursion: of a
// function that occurs several times in a stack, only the call into its outermost occurrence is
// counted. So the calls into a function add up exactly to the weight of the samples that have it in
// their stacks. In exchange a call to a function that is active already is not shown; a direct
// recursion never is.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "output/rooted_stacks.h"

namespace pyebpf::output {

struct Cost {
    uint64_t samples = 0;
    uint64_t weight = 0;

    Cost& operator+=(const Cost& other) {
        samples += other.samples;
        weight += other.weight;
        return *this;
    }
    Cost& operator-=(const Cost& other) {
        samples -= other.samples;
        weight -= other.weight;
        return *this;
    }
};

struct CallGraph {
    static constexpr uint32_t kNobody = UINT32_MAX;  // caller of what is at the root
    struct Call {
        uint32_t caller = 0;  // function, or kNobody, which comes last
        uint32_t line = 0;    // in the caller; 0: not known
        uint32_t callee = 0;
        auto operator<=>(const Call&) const = default;
    };
    struct CallCost {
        Cost total;  // of the callee and what it calls
        Cost self;   // of the callee itself
    };

    std::vector<Cost> total;                             // by function
    std::map<std::pair<uint32_t, uint32_t>, Cost> self;  // by function and line
    std::map<Call, CallCost> calls;                      // those of some samples
    Cost sum;                                            // of all samples
};

// Of the samples of one unit. `function_of_frame`: what the caller takes as one function, by frame
// id; `cost_of_stack`: by stack id.
[[nodiscard]] CallGraph make_call_graph(const RootedStacks& stacks,
                                        std::span<const Cost> cost_of_stack,
                                        std::span<const uint32_t> function_of_frame,
                                        uint32_t function_count);

// The cost of each stack in each unit: cost[unit][stack].
[[nodiscard]] std::vector<std::vector<Cost>> cost_of_stacks(const profile::Profile& profile,
                                                            const Units& units,
                                                            RootedStacks& stacks);

}  // namespace pyebpf::output
