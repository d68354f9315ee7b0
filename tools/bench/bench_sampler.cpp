// SPDX-License-Identifier: Apache-2.0
// usage: bench_sampler empty|get-stack HZ [TID]
//        bench_sampler switches
//
// Runs one of the yardstick programs (tools/bench/bench.bpf.c) at every tick of a cpu-clock event,
// of all CPUs or of one thread, until its standard input ends. Prints "ready" when it samples, and
// at the end the number of stacks and of their frames.
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "bench.skel.h"
#include "sys/perf_event.h"

namespace {

using pyebpf::Result;
using pyebpf::UniqueFd;

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kMaxHz = 100'000;

bool parse_number(std::string_view text, uint64_t limit, uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && value >= 1 && value <= limit;
}

int fail(const char* what, int error) {
    std::fprintf(stderr, "bench_sampler: %s: %s\n", what, std::strerror(error));
    return 1;
}

// The event that pyebpf opens, on every CPU.
Result<std::vector<UniqueFd>> open_everywhere(uint64_t period_ns) {
    auto cpus = pyebpf::sys::online_cpus();
    if (!cpus) return tl::unexpected(cpus.error());
    std::vector<UniqueFd> events;
    for (const int cpu : *cpus) {
        auto event = pyebpf::sys::open_sampling_event({.type = PERF_TYPE_SOFTWARE,
                                                       .config = PERF_COUNT_SW_CPU_CLOCK,
                                                       .period = period_ns,
                                                       .frequency_hz = 0},
                                                      cpu);
        if (!event) return tl::unexpected(event.error());
        events.push_back(std::move(*event));
    }
    return events;
}

// The same event for one thread, wherever it runs: then every run of the program is one on that
// thread.
UniqueFd open_for_thread(uint64_t period_ns, pid_t tid) {
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    attributes.sample_period = period_ns;
    attributes.disabled = 1;
    return UniqueFd(static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

void wait_for_end_of_input() {
    std::puts("ready");
    std::fflush(stdout);
    char ignored[64];
    while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0) {
    }
}

int run_at_switches() {
    libbpf_set_print(nullptr);
    bench_bpf* skeleton = bench_bpf__open();
    if (skeleton == nullptr) return fail("open the programs", errno);
    bpf_program__set_autoload(skeleton->progs.bench_empty, false);
    bpf_program__set_autoload(skeleton->progs.bench_get_stack, false);
    if (const int error = bench_bpf__load(skeleton); error != 0)
        return fail("load the programs", -error);
    bpf_link* link = bpf_program__attach(skeleton->progs.bench_switch);
    if (link == nullptr) return fail("attach to the switches", errno);
    wait_for_end_of_input();
    bpf_link__destroy(link);
    bench_bpf__destroy(skeleton);
    return 0;
}

int run(bool empty, uint64_t frequency_hz, uint64_t tid) {
    libbpf_set_print(nullptr);
    bench_bpf* skeleton = bench_bpf__open();
    if (skeleton == nullptr) return fail("open the programs", errno);
    // Only one program is loaded, so that it is the only one whose cost this process shows.
    bpf_program__set_autoload(skeleton->progs.bench_empty, empty);
    bpf_program__set_autoload(skeleton->progs.bench_get_stack, !empty);
    bpf_program__set_autoload(skeleton->progs.bench_switch, false);
    if (const int error = bench_bpf__load(skeleton); error != 0)
        return fail("load the programs", -error);

    std::vector<UniqueFd> events;
    if (tid == 0) {
        auto opened = open_everywhere(kNsPerSecond / frequency_hz);
        if (!opened) {
            std::fprintf(stderr, "bench_sampler: %s\n", opened.error().message.c_str());
            return 1;
        }
        events = std::move(*opened);
    } else {
        events.push_back(open_for_thread(kNsPerSecond / frequency_hz, static_cast<pid_t>(tid)));
        if (!events.back()) return fail("open the event", errno);
    }
    bpf_program* program = empty ? skeleton->progs.bench_empty : skeleton->progs.bench_get_stack;
    std::vector<bpf_link*> links;
    for (UniqueFd& event : events) {
        bpf_link* link = bpf_program__attach_perf_event(program, event.get());  // enables the event
        if (link == nullptr) return fail("attach to the event", errno);
        (void)event.release();  // the link closes it
        links.push_back(link);
    }

    wait_for_end_of_input();
    for (bpf_link* link : links) bpf_link__destroy(link);
    std::printf("%llu %llu\n", static_cast<unsigned long long>(skeleton->bss->stacks),
                static_cast<unsigned long long>(skeleton->bss->frames));
    bench_bpf__destroy(skeleton);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view program = count > 1 ? arguments[1] : "";
    uint64_t frequency_hz = 0;
    uint64_t tid = 0;
    if (program == "switches" && count == 2) return run_at_switches();
    if ((program != "empty" && program != "get-stack") || count < 3 || count > 4 ||
        !parse_number(arguments[2], kMaxHz, frequency_hz) ||
        (count == 4 && !parse_number(arguments[3], INT32_MAX, tid))) {
        std::fputs("usage: bench_sampler empty|get-stack HZ [TID], or bench_sampler switches\n", stderr);
        return 2;
    }
    return run(program == "empty", frequency_hz, tid);
}
