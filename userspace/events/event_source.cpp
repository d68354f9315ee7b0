// SPDX-License-Identifier: Apache-2.0
#include "events/event_source.h"

#include <fmt/format.h>

namespace pyebpf::events {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

sys::SamplingEvent EventSource::at_frequency(uint64_t frequency_hz) const {
    // A period where it can be: the kernel adapts a frequency by feedback, a period ticks exactly.
    return {.type = type,
            .config = config,
            .period = period(frequency_hz),
            .frequency_hz = counts_time ? 0 : frequency_hz};
}

uint64_t EventSource::period(uint64_t frequency_hz) const {
    if (kind != Kind::kPerf) return 1;
    return counts_time ? kNsPerSecond / frequency_hz : 0;
}

Result<EventSource> find_source(std::string_view name, std::span<const uint32_t> pids) {
    const size_t colon = name.find(':');
    if (colon == std::string_view::npos) return find_perf_event(name);
    const std::string_view kind = name.substr(0, colon);
    const std::string_view rest = name.substr(colon + 1);
    auto found = [&]() -> Result<EventSource> {
        if (kind == "tracepoint") return find_tracepoint(rest);
        if (kind == "uprobe" || kind == "uretprobe")
            return find_user_probe(rest, kind == "uretprobe", pids);
        if (kind == "usdt") return find_usdt(rest, pids);
        return fail(fmt::format("there is no kind of event '{}'", kind),
                    "the kinds are tracepoint, uprobe, uretprobe and usdt; pyebpf events lists "
                    "what there is",
                    kExitUsage);
    }();
    if (found) found->name = name;
    return found;
}

}  // namespace pyebpf::events
