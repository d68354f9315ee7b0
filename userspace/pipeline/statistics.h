// SPDX-License-Identifier: Apache-2.0
// The accounting of a recording: every tick is in one bucket, every imperfection has a name and a number.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpf/abi/record.h"
#include "loader/sampler.h"
#include "native/unwind_tables.h"
#include "pipeline/process_publisher.h"
#include "pipeline/stack_resolver.h"
#include "profile/profile.h"

namespace pyebpf::pipeline {

struct StatisticsInput {
    loader::KernelCounters kernel{};
    loader::ProgramCost cost;
    std::array<uint64_t, PYTHON_OUTCOMES> python_outcomes{};
    std::array<uint64_t, NATIVE_OUTCOMES> native_outcomes{};
    ResolverTotals resolver;
    PublisherTotals publisher;
    native::UnwindTableTotals unwind;
    uint64_t undefined_samples = 0;
    uint64_t malformed_records = 0;
    uint64_t lost_process_events = 0;
    uint64_t processes_seen = 0;
    uint64_t expected_ticks = 0;  // busy time of all CPUs / period: an idle CPU need not tick
    uint64_t cpus = 0;
};

[[nodiscard]] std::vector<profile::Statistic> make_statistics(const StatisticsInput& input);

}  // namespace pyebpf::pipeline
