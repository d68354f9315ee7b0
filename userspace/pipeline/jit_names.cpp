// SPDX-License-Identifier: Apache-2.0
#include "pipeline/jit_names.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "sys/cgroups.h"
#include "sys/clock.h"
#include "sys/proc.h"

namespace pyebpf::pipeline {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kPauseNs = kNsPerSecond;
constexpr uint64_t kPausePerReading = 19;  // of what reading took

// When the process was started, on the wall clock; 0 if that is not known.
int64_t start_unix_seconds(uint32_t pid) {
    const auto stat = sys::read_stat(pid);
    timespec boot{};
    timespec wall{};
    const long ticks = sysconf(_SC_CLK_TCK);
    if (!stat || ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &boot) != 0 ||
        clock_gettime(CLOCK_REALTIME, &wall) != 0)
        return 0;
    return wall.tv_sec - boot.tv_sec + static_cast<int64_t>(stat->start_ticks) / ticks;
}

bool is_believable(const struct stat& file, uint32_t pid) {
    struct stat process{};
    if (stat(fmt::format("/proc/{}", pid).c_str(), &process) != 0) return false;
    if (file.st_uid != process.st_uid && file.st_uid != 0) return false;
    return file.st_mtim.tv_sec + 1 >= start_unix_seconds(pid);
}

}  // namespace

void JitNames::read(Maps& maps, const process::ProcessTable& table, process::InstanceId instance) {
    const uint32_t pid = table.pid(instance);
    const uint32_t own_pid = sys::namespace_pid(pid);  // by which it names its files
    if (own_pid == 0) return;

    const auto read_one = [pid](const std::string& path, Version& version, auto& result,
                                auto load) {
        const auto file = sys::open_in_root(pid, path);
        struct stat now{};
        if (!file || fstat(file->get(), &now) != 0 || !is_believable(now, pid)) return false;
        const bool is_known = now.st_ino == version.inode && now.st_size == version.size &&
                              now.st_mtim.tv_sec == version.changed.tv_sec &&
                              now.st_mtim.tv_nsec == version.changed.tv_nsec;
        if (is_known) return true;
        version = {now.st_ino, now.st_size, now.st_mtim};
        auto loaded = load(file->get());
        if (loaded) {
            result = std::move(*loaded);
        } else {
            log::verbose(fmt::format("{} of pid {}: {}", path, pid, loaded.error().message));
        }
        return result.has_value();
    };

    read_one(fmt::format("/tmp/perf-{}.map", own_pid), maps.perf_map_version, maps.perf_map,
             symbolize::PerfMap::load);
    // The writer maps a page of its dump as code so that profilers learn of it (jitdump
    // specification); the folder is its choice.
    const std::string name = fmt::format("jit-{}.dump", own_pid);
    std::string path = "/tmp/" + name;
    for (const process::Mapping& mapping : table.mappings(instance)) {
        if (mapping.file->path.ends_with("/" + name)) path = mapping.file->path;
    }
    read_one(path, maps.dump_version, maps.dump, symbolize::JitDump::load);
}

symbolize::Named<std::string_view> JitNames::find(const Maps& maps, MappedAddress address) {
    if (maps.perf_map) {
        if (const auto symbol = maps.perf_map->lookup(address)) return symbol->name;
    }
    if (maps.dump) {
        if (const auto symbol = maps.dump->lookup(address)) return symbol->name;
    }
    const bool has_map = maps.perf_map || maps.dump;
    return symbolize::no_name(has_map ? symbolize::NoName::kOutsideJitMap
                                      : symbolize::NoName::kJitWithoutMap);
}

symbolize::Named<std::string_view> JitNames::lookup(const process::ProcessTable& table,
                                                    process::InstanceId instance,
                                                    MappedAddress address) {
    Maps& maps = maps_[instance.value];
    if (const auto known = find(maps, address)) return known;
    const uint64_t start = sys::monotonic_ns();
    if (start >= maps.next_read_ns && table.alive(instance)) {
        read(maps, table, instance);
        const uint64_t end = sys::monotonic_ns();
        maps.next_read_ns = end + std::max(kPauseNs, (end - start) * kPausePerReading);
    }
    return find(maps, address);
}

}  // namespace pyebpf::pipeline
