// SPDX-License-Identifier: Apache-2.0
// The accounting of a recording: every tick is in one bucket, every imperfection has a name and a
// number.
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

// What became of a tick, for the user: each tick is in exactly one bucket, and the buckets add up
// to the ticks received and missed. A sample with several imperfections is in the first that fits,
// in this order.
enum class Bucket : uint8_t {
    kIdle,
    kFiltered,
    kThrottled,      // never came
    kLost,           // the sample, or a part of its stack, did not arrive
    kUnknownLayout,  // a Python process whose version is not supported, or was not known yet
    kFaulted,    // memory that was not readable, or made no sense; a Python frame without a name
    kTruncated,  // deeper than the limits
    kNoThreadState,     // of a Python process: a native thread, start-up, exit
    kNativeIncomplete,  // all of Python, but the native stack ended early, at code without unwind
                        // information
    kComplete,
    kCount,
};
using Buckets = std::array<uint64_t, static_cast<size_t>(Bucket::kCount)>;

struct SampleFacts {
    uint8_t python_outcome = PYTHON_NOT_A_PYTHON_PROCESS;
    uint8_t native_outcome = NATIVE_NOT_TAKEN;
    bool is_python_process = false;
    bool part_missing = false;   // a part of the stack was lost
    bool frame_unnamed = false;  // a Python frame whose code object is not known
};

[[nodiscard]] Bucket bucket_of(const SampleFacts& sample);

struct StatisticsInput {
    loader::KernelCounters kernel{};
    loader::ProgramCost cost;
    std::array<uint64_t, PYTHON_OUTCOMES> python_outcomes{};
    std::array<uint64_t, NATIVE_OUTCOMES> native_outcomes{};
    ResolverTotals resolver;
    PublisherTotals publisher;
    native::UnwindTableTotals unwind;
    Buckets sample_buckets{};  // of the samples that arrived
    uint64_t undefined_samples = 0;
    uint64_t malformed_records = 0;
    uint64_t lost_process_events = 0;
    uint64_t processes_seen = 0;
    uint64_t expected_ticks = 0;  // busy time of all CPUs / period: an idle CPU need not tick
    uint64_t cpus = 0;
};

[[nodiscard]] std::vector<profile::Statistic> make_statistics(const StatisticsInput& input);

// Lost, truncated and faulted samples, in percent of all ticks of the targets.
[[nodiscard]] double loss_percent(const std::vector<profile::Statistic>& statistics);

}  // namespace pyebpf::pipeline
