// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/closest.h"
#include "events/event_source.h"

namespace pyebpf::events {

namespace {

namespace fs = std::filesystem;

// Documentation/trace/ftrace.rst: where tracefs is mounted.
constexpr std::array kFolders{"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"};

}  // namespace

Result<std::vector<std::string>> tracepoints() {
    std::vector<std::string> names;
    for (const char* folder : kFolders) {
        std::error_code error;
        for (fs::directory_iterator category(folder, error), end; !error && category != end;
             category.increment(error)) {
            std::error_code inner;
            for (fs::directory_iterator event(category->path(), inner); !inner && event != end;
                 event.increment(inner)) {
                if (fs::exists(event->path() / "id", inner))
                    names.push_back(category->path().filename().string() + ":" +
                                    event->path().filename().string());
            }
        }
        if (!names.empty()) break;
    }
    if (names.empty()) {
        return fail("the kernel's list of tracepoints is not readable",
                    "run as root, with tracefs mounted: mount -t tracefs tracefs "
                    "/sys/kernel/tracing");
    }
    std::ranges::sort(names);
    return names;
}

Result<uint64_t> tracepoint_id(const EventSource& source) {
    for (const char* folder : kFolders) {
        std::ifstream file(fs::path(folder) / source.category / source.tracepoint / "id");
        if (uint64_t id = 0; file >> id) return id;
    }
    return fail(fmt::format("the number of {} is not readable", source.name),
                "run as root, with tracefs mounted: mount -t tracefs tracefs /sys/kernel/tracing");
}

Result<EventSource> find_tracepoint(std::string_view rest) {
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size()) {
        return fail(fmt::format("tracepoint:{} is not complete", rest),
                    "it is tracepoint:CATEGORY:NAME, such as tracepoint:syscalls:sys_enter_write",
                    kExitUsage);
    }
    const auto names = tracepoints();
    if (!names) return tl::unexpected(names.error());
    if (!std::ranges::binary_search(*names, rest)) {
        std::string near;
        for (const std::string& name : closest(rest, *names, 3))
            near += (near.empty() ? "" : ", ") + name;
        return fail(
            fmt::format("this kernel has no tracepoint '{}'", rest),
            near.empty() ? "pyebpf events tracepoint lists what there is" : "closest: " + near,
            kExitUsage);
    }
    EventSource source;
    source.unit = "hits";
    source.description = fmt::format("the kernel's tracepoint {}", rest);
    source.kind = EventSource::Kind::kTracepoint;
    source.category = rest.substr(0, colon);
    source.tracepoint = rest.substr(colon + 1);
    return source;
}

}  // namespace pyebpf::events
