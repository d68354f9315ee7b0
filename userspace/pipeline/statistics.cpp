// SPDX-License-Identifier: Apache-2.0
#include "pipeline/statistics.h"

#include <string_view>

namespace pyebpf::pipeline {

namespace {

struct CounterText {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<CounterText, KERNEL_COUNTER_COUNT> kKernelCounters{{
#define COUNTER_TEXT(identifier, name, text) {#name, text},
    KERNEL_COUNTERS(COUNTER_TEXT)
#undef COUNTER_TEXT
}};

// A loss is what takes something away from the profile; the rest is information.
constexpr bool is_kernel_loss(size_t counter) {
    return counter == COUNTER_TICKS_LOST || counter == COUNTER_FORKS_FAILED ||
           counter == COUNTER_CODE_INVALID;
}

struct OutcomeText {
    std::string_view name;
    std::string_view text;
    bool loss;
};

constexpr std::array<OutcomeText, PYTHON_OUTCOMES> kPythonOutcomes{{
    {"python_not_python", "samples of processes without a known Python runtime", false},
    {"python_complete", "samples with a complete Python stack", false},
    {"python_no_thread_state",
     "samples of threads without a Python thread state (native threads, start-up, exit)", false},
    {"python_no_frames", "samples of Python threads outside any Python frame", false},
    {"python_truncated", "Python stacks cut at the root side (too deep)", true},
    {"python_fault_thread_state", "Python thread states that were not readable", true},
    {"python_fault_frame", "Python frames that were not readable", true},
    {"python_bad_chain", "Python frame chains that made no sense", true},
}};

constexpr std::array<OutcomeText, NATIVE_OUTCOMES> kNativeOutcomes{{
    {"native_not_taken", "samples without a native user stack (kernel threads, --no-native)",
     false},
    {"native_complete", "samples with a complete native stack", false},
    {"native_truncated", "native stacks cut at the root side (too deep)", true},
    {"native_fault_stack", "native stacks that were not readable to their end", true},
    {"native_no_mapping", "native stacks that ended outside known code", true},
    {"native_no_table", "native stacks that ended in code whose unwind table was not there (yet)",
     true},
    {"native_no_row", "native stacks that ended in code without unwind information", true},
    {"native_unsupported_rule", "native stacks that ended at an unsupported unwind rule", true},
    {"native_bad_cfa", "native stacks that ended at an impossible frame", true},
}};

struct BucketText {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<BucketText, static_cast<size_t>(Bucket::kCount)> kBuckets{{
    {"bucket_idle", "ticks: the CPU was idle"},
    {"bucket_filtered", "ticks: not a target"},
    {"bucket_throttled", "ticks: never came"},
    {"bucket_lost", "ticks: the sample or a part of its stack did not arrive"},
    {"bucket_unknown_layout",
     "ticks: a Python process of a version that is not supported or was not known yet"},
    {"bucket_faulted", "ticks: a stack with unreadable memory or an unnamed Python frame"},
    {"bucket_truncated", "ticks: a stack deeper than the limits"},
    {"bucket_no_thread_state",
     "ticks: in a Python process, but no Python thread (native thread, start-up, exit)"},
    {"bucket_native_incomplete", "ticks: all Python frames, but the native stack ended early"},
    {"bucket_complete", "ticks: a complete stack"},
}};

}  // namespace

Bucket bucket_of(const SampleFacts& sample) {
    if (sample.part_missing) return Bucket::kLost;
    if (sample.is_python_process && sample.python_outcome == PYTHON_NOT_A_PYTHON_PROCESS)
        return Bucket::kUnknownLayout;
    if (sample.frame_unnamed) return Bucket::kFaulted;
    switch (sample.python_outcome) {
        case PYTHON_FAULT_THREAD_STATE:
        case PYTHON_FAULT_FRAME:
        case PYTHON_BAD_CHAIN:
            return Bucket::kFaulted;
        default:
            break;
    }
    if (sample.native_outcome == NATIVE_FAULT_STACK || sample.native_outcome == NATIVE_BAD_CFA)
        return Bucket::kFaulted;
    if (sample.python_outcome == PYTHON_TRUNCATED || sample.native_outcome == NATIVE_TRUNCATED)
        return Bucket::kTruncated;
    if (sample.python_outcome == PYTHON_NO_THREAD_STATE) return Bucket::kNoThreadState;
    if (sample.native_outcome != NATIVE_COMPLETE && sample.native_outcome != NATIVE_NOT_TAKEN)
        return Bucket::kNativeIncomplete;
    return Bucket::kComplete;
}

double loss_percent(const std::vector<profile::Statistic>& statistics) {
    uint64_t lost = 0;
    uint64_t all = 0;
    for (const profile::Statistic& statistic : statistics) {
        for (size_t i = 0; i < kBuckets.size(); ++i) {
            const auto bucket = static_cast<Bucket>(i);
            if (statistic.name != kBuckets[i].name || bucket == Bucket::kIdle ||
                bucket == Bucket::kFiltered || bucket == Bucket::kThrottled)
                continue;
            all += statistic.value;
            if (bucket == Bucket::kLost || bucket == Bucket::kTruncated ||
                bucket == Bucket::kFaulted)
                lost += statistic.value;
        }
    }
    return all == 0 ? 0 : 100.0 * static_cast<double>(lost) / static_cast<double>(all);
}

std::vector<profile::Statistic> make_statistics(const StatisticsInput& input) {
    std::vector<profile::Statistic> statistics;
    const auto add = [&](std::string_view name, std::string_view text, uint64_t value,
                         bool loss = false) {
        statistics.push_back({std::string(name), std::string(text), value, loss});
    };

    uint64_t received = 0;
    for (const size_t bucket :
         {COUNTER_TICKS_IDLE, COUNTER_TICKS_FILTERED, COUNTER_TICKS_SAMPLED, COUNTER_TICKS_LOST}) {
        received += input.kernel[bucket];
    }
    const uint64_t busy = received - input.kernel[COUNTER_TICKS_IDLE];
    // The kernel accounts busy time in steps of 10 ms, some kernels by sampling: believe
    // differences from 5 % on.
    const uint64_t slack = input.expected_ticks / 20 + 4 * input.cpus;
    const uint64_t missed = input.expected_ticks > busy + slack ? input.expected_ticks - busy : 0;
    add("ticks_expected", "ticks that the busy time of the CPUs should make", input.expected_ticks);
    add("ticks_received", "ticks that came, idle ones included", received);
    add("ticks_missed",
        "ticks that never came (throttled by the kernel, or the machine itself was stopped)",
        missed, true);
    Buckets buckets = input.sample_buckets;
    uint64_t arrived = 0;
    for (const uint64_t value : input.sample_buckets) arrived += value;
    const auto bucket = [&](Bucket which) -> uint64_t& {
        return buckets[static_cast<size_t>(which)];
    };
    bucket(Bucket::kIdle) = input.kernel[COUNTER_TICKS_IDLE];
    bucket(Bucket::kFiltered) = input.kernel[COUNTER_TICKS_FILTERED];
    bucket(Bucket::kThrottled) = missed;
    bucket(Bucket::kLost) += input.kernel[COUNTER_TICKS_LOST];
    // Sent, but not understood.
    if (input.kernel[COUNTER_TICKS_SAMPLED] > arrived)
        bucket(Bucket::kLost) += input.kernel[COUNTER_TICKS_SAMPLED] - arrived;
    for (size_t i = 0; i < buckets.size(); ++i) add(kBuckets[i].name, kBuckets[i].text, buckets[i]);
    for (size_t i = 0; i < kKernelCounters.size(); ++i) {
        add(kKernelCounters[i].name, kKernelCounters[i].text, input.kernel[i], is_kernel_loss(i));
    }
    for (size_t i = 0; i < kPythonOutcomes.size(); ++i) {
        add(kPythonOutcomes[i].name, kPythonOutcomes[i].text, input.python_outcomes[i],
            kPythonOutcomes[i].loss);
    }
    for (size_t i = 0; i < kNativeOutcomes.size(); ++i) {
        add(kNativeOutcomes[i].name, kNativeOutcomes[i].text, input.native_outcomes[i],
            kNativeOutcomes[i].loss);
    }
    add("samples_with_undefined_code", "samples in which a Python function was not defined yet",
        input.undefined_samples);
    add("frames_undefined",
        "Python frames (of distinct stacks) that stayed without a name or a file",
        unnamed_frames(input.resolver), true);
    add("frames_undefined_ended", "of these, the process ended before its code was read",
        input.resolver.unnamed_ended);
    add("frames_undefined_unreadable", "of these, memory of the code object was not readable",
        input.resolver.unnamed_unreadable);
    add("frames_undefined_no_code", "of these, the frame led to no code object",
        input.resolver.unnamed_no_code);
    add("code_read_late", "code objects that user space read from the live process",
        input.resolver.code_read_late);
    add("stack_parts_missing", "distinct stacks of which a part was lost",
        input.resolver.missing_parts, true);
    add("merges", "distinct stacks with native and Python frames", input.resolver.merges);
    add("merges_verified", "of these, every evaluator and every Python run found its partner",
        input.resolver.merges_verified);
    add("native_guessed_tails",
        "distinct stacks whose native root side was a wrong guess and left out",
        input.resolver.guessed_tails);
    add("process_events_lost", "process events that the kernel could not report",
        input.lost_process_events, true);
    add("records_malformed", "records that were not understood", input.malformed_records, true);
    add("processes_seen", "processes seen, with or without samples", input.processes_seen);
    add("python_processes", "Python processes found", input.publisher.python_processes);
    add("python_unsupported", "Python processes of an unsupported version",
        input.publisher.unsupported_processes, true);
    add("code_range_failures", "processes for whose mappings there was no room",
        input.publisher.range_failures, true);
    add("unwind_tables", "files with an unwind table",
        input.unwind.files - input.unwind.failed_files);
    add("unwind_table_bytes", "kernel memory of the unwind tables", input.unwind.bytes);
    add("unwind_tables_cached", "of these, read from the cache on disk", input.unwind.cached_files);
    add("unwind_table_build_ns", "time spent building them", input.unwind.build_ns);
    add("bpf_runs", "runs of the sampling program (needs kernel.bpf_stats_enabled)",
        input.cost.runs);
    add("bpf_ns", "time in the sampling program", input.cost.nanoseconds);
    return statistics;
}

}  // namespace pyebpf::pipeline
