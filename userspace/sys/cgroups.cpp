// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroups.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "sys/proc.h"

namespace pyebpf::sys {

namespace {

constexpr uint64_t kRootId = 1;  // of every kernfs root: fs/kernfs/dir.c

// The nth word of a line, separated by single blanks; "" if there is none.
std::string_view word(std::string_view line, size_t index) {
    for (; index > 0; --index) {
        const size_t blank = line.find(' ');
        if (blank == std::string_view::npos) return {};
        line.remove_prefix(blank + 1);
    }
    return line.substr(0, line.find(' '));
}

}  // namespace

// "36 35 0:31 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw"
std::vector<std::string> parse_cgroup2_mounts(std::string_view mountinfo) {
    std::vector<std::string> mounts;
    while (!mountinfo.empty()) {
        const size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
        const std::string_view line = mountinfo.substr(0, end);
        mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
        const size_t separator = line.find(" - ");
        if (separator == std::string_view::npos) continue;
        if (word(line.substr(separator + 3), 0) == "cgroup2") mounts.emplace_back(word(line, 4));
    }
    return mounts;
}

std::optional<std::string> cgroup2_root() {
    struct Place {
        std::string_view mountinfo;
        std::string_view prefix;
    };
    // In a container with the host's pids, the first process sees the host's.
    for (const Place& place :
         {Place{"/proc/self/mountinfo", ""}, Place{"/proc/1/mountinfo", "/proc/1/root"}}) {
        const auto text = read_file(std::string(place.mountinfo));
        if (!text) continue;
        for (const std::string& mount : parse_cgroup2_mounts(*text)) {
            std::string folder = std::string(place.prefix) + mount;
            if (cgroup_folder_id(folder) == kRootId) return folder;
        }
    }
    return std::nullopt;
}

uint64_t cgroup_folder_id(const std::string& folder) {
    struct stat status{};
    if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return 0;
    return status.st_ino;
}

// "NSpid:\t32377\t1": from the outermost namespace that the reader sees to the process's own.
uint32_t parse_namespace_pid(std::string_view status) {
    constexpr std::string_view kLabel = "\nNSpid:";
    const size_t at = status.find(kLabel);
    if (at == std::string_view::npos) return 0;
    std::string_view line = status.substr(at + kLabel.size());
    line = line.substr(0, line.find('\n'));
    const size_t last = line.find_last_of(" \t");
    if (last == std::string_view::npos) return 0;
    line.remove_prefix(last + 1);
    uint32_t pid = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), pid);
    return error == std::errc{} && end == line.data() + line.size() ? pid : 0;
}

uint32_t namespace_pid(uint32_t pid) {
    constexpr size_t kMaxStatusBytes = 64 << 10;  // the list of groups is before it
    const auto text = read_file(fmt::format("/proc/{}/status", pid), kMaxStatusBytes);
    return text ? parse_namespace_pid(*text) : 0;
}

}  // namespace pyebpf::sys
