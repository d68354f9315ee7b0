// SPDX-License-Identifier: Apache-2.0
#include "loader/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "loader/absent_code.h"
#include "loader/sampler.h"
#include "loader/task_iterator.h"
#include "sys/kernel_policy.h"
#include "sys/perf_event.h"

namespace pyebpf::loader {

namespace {

Probe probe_btf() {
    const bool there = sys::has_btf();
    return {"BTF", there, true,
            there ? "/sys/kernel/btf/vmlinux"
                  : "missing: the kernel was built without CONFIG_DEBUG_INFO_BTF"};
}

Probe probe_program(const char* name, bpf_prog_type type, bool needed) {
    const int result = libbpf_probe_bpf_prog_type(type, nullptr);
    return {name, result == 1, needed,
            result == 1   ? "works"
            : result == 0 ? "not in this kernel"
                          : std::strerror(-result)};
}

Probe probe_map(const char* name, bpf_map_type type, bool needed) {
    const int result = libbpf_probe_bpf_map_type(type, nullptr);
    return {name, result == 1, needed,
            result == 1   ? "works"
            : result == 0 ? "not in this kernel"
                          : std::strerror(-result)};
}

Probe probe_helper(const char* name, bpf_func_id helper, const char* use) {
    const int result = libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, helper, nullptr);
    return {name, result == 1, false, result == 1 ? use : std::string("missing: ") + use};
}

Probe probe_event(const char* name, uint32_t type, uint64_t config, bool needed) {
    const auto event = sys::open_sampling_event(
        {.type = type, .config = config, .period = 10'000'000, .frequency_hz = 0}, 0);
    return {name, event.has_value(), needed, event ? "works" : event.error().message};
}

Probe probe_process_events() {
    const auto ring = sys::ProcessEventRing::open(0, 1);
    return {"process events", ring.has_value(), true, ring ? "works" : ring.error().message};
}

Probe probe_task_iterator() {
    const auto self = static_cast<uint32_t>(getpid());
    const auto iterator = TaskIterator::load({&self, 1});
    const auto tasks = iterator
                           ? (*iterator)->take()
                           : Result<std::vector<task_record>>(tl::unexpected(iterator.error()));
    const bool works = tasks && !tasks->empty();
    return {"BPF iterator over tasks (dump)", works, false,
            works   ? "works"
            : tasks ? "it lists nothing"
                    : tasks.error().message};
}

// By loading it: what the kernel answers to libbpf's trial of this type is not the same everywhere.
Probe probe_switches() {
    SamplerOptions options;
    options.programs = {.ticks = false, .switches = true};
    const auto sampler = Sampler::load(options);
    libbpf_set_print(nullptr);
    return {"BPF on the scheduler's switches (wall, off-cpu, gil)", sampler.has_value(), false,
            sampler ? "works" : sampler.error().message};
}

Probe probe_task_work() {
    const bool works = AbsentCode::is_offered();
    return {"BPF work in the sampled task", works, false,
            works ? "code that is not in memory is brought in (since Linux 6.18)"
                  : "missing: code that is not in memory is read while its process lives"};
}

}  // namespace

std::vector<Probe> probe_kernel() {
    libbpf_set_print(nullptr);
    return {
        probe_btf(),
        probe_program("BPF on perf events", BPF_PROG_TYPE_PERF_EVENT, true),
        probe_program("BPF on raw tracepoints", BPF_PROG_TYPE_RAW_TRACEPOINT, true),
        probe_switches(),
        probe_program("BPF on tracepoints", BPF_PROG_TYPE_TRACEPOINT, false),
        probe_program("BPF on user probes", BPF_PROG_TYPE_KPROBE, false),
        probe_task_iterator(),
        probe_task_work(),
        probe_map("BPF ring buffer", BPF_MAP_TYPE_RINGBUF, true),
        probe_event("cpu-clock event", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, true),
        probe_event("hardware cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false),
        probe_process_events(),
        probe_helper("bpf_task_pt_regs", BPF_FUNC_task_pt_regs,
                     "user registers during system calls (else by stack layout)"),
        probe_helper("bpf_get_current_ancestor_cgroup_id", BPF_FUNC_get_current_ancestor_cgroup_id,
                     "filter by container (else by the kernel's structures)"),
    };
}

}  // namespace pyebpf::loader
