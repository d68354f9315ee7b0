// SPDX-License-Identifier: Apache-2.0
#include "events/event_counter.h"

#include <fmt/format.h>
#include <linux/perf_event.h>

#include <fstream>

#include "sys/perf_event.h"

namespace pyebpf::events {

namespace {

// Documentation/ABI/testing/sysfs-bus-event_source-devices: the bits of `config` of the uprobe PMU.
constexpr uint64_t kReturnProbe = 1;
constexpr unsigned kSemaphoreShift = 32;

Result<uint64_t> number_in(const std::string& path) {
    std::ifstream file(path);
    uint64_t number = 0;
    if (!(file >> number)) {
        return fail(fmt::format("read {}: no number", path),
                    "run as root, with sysfs and tracefs mounted");
    }
    return number;
}

Result<std::vector<sys::CountedEvent>> places_of(const EventSource& source) {
    std::vector<sys::CountedEvent> places;
    if (source.kind == EventSource::Kind::kTracepoint) {
        const auto id = tracepoint_id(source);
        if (!id) return tl::unexpected(id.error());
        places.push_back({.type = PERF_TYPE_TRACEPOINT, .config = *id, .path = {}});
        return places;
    }
    const auto type = number_in("/sys/bus/event_source/devices/uprobe/type");
    if (!type) return tl::unexpected(type.error());
    for (const ProbeSite& site : source.sites) {
        places.push_back(
            {.type = static_cast<uint32_t>(*type),
             .config = (source.at_return ? kReturnProbe : 0) | site.semaphore << kSemaphoreShift,
             .path = site.path,
             .offset = site.offset});
    }
    return places;
}

}  // namespace

Result<EventCounter> EventCounter::open(const EventSource& source) {
    const auto places = places_of(source);
    if (!places) return tl::unexpected(places.error());
    const auto cpus = sys::online_cpus();
    if (!cpus) return tl::unexpected(cpus.error());
    EventCounter counter;
    for (const sys::CountedEvent& place : *places) {
        for (const int cpu : *cpus) {
            auto opened = sys::open_counter(place, cpu);
            if (!opened) return tl::unexpected(opened.error());
            counter.counters_.push_back(std::move(*opened));
        }
    }
    return counter;
}

uint64_t EventCounter::count() const {
    uint64_t sum = 0;
    for (const UniqueFd& counter : counters_) sum += sys::read_counter(counter);
    return sum;
}

}  // namespace pyebpf::events
