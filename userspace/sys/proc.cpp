// SPDX-License-Identifier: Apache-2.0
#include "sys/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

namespace pyebpf::sys {

namespace {

constexpr size_t kMaxMappings = 1'000'000;

// Takes the number at the front of text, and one character after it.
template <class T>
bool take_number(std::string_view& text, T& value, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.empty()) text.remove_prefix(1);
    return true;
}

bool parse_map_line(std::string_view line, ProcMapping& mapping) {
    if (!take_number(line, mapping.start, 16) || !take_number(line, mapping.end, 16) ||
        line.size() < 5)
        return false;
    mapping.readable = line[0] == 'r';
    mapping.writable = line[1] == 'w';
    mapping.executable = line[2] == 'x';
    line.remove_prefix(5);
    if (!take_number(line, mapping.file_offset, 16) ||
        !take_number(line, mapping.device_major, 16) ||
        !take_number(line, mapping.device_minor, 16) || !take_number(line, mapping.inode, 10)) {
        return false;
    }
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    mapping.path = line;
    return mapping.start < mapping.end;
}

std::vector<uint32_t> numeric_entries(const std::string& directory) {
    std::vector<uint32_t> result;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
    if (!stream) return result;
    while (const dirent* entry = readdir(stream.get())) {
        const std::string_view name = entry->d_name;
        uint32_t number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size()) result.push_back(number);
    }
    std::ranges::sort(result);
    return result;
}

}  // namespace

std::string link_target(const std::string& path) {
    std::string target(4096, '\0');
    const ssize_t length = readlink(path.c_str(), target.data(), target.size());
    target.resize(length > 0 ? static_cast<size_t>(length) : 0);
    return target;
}

std::vector<ProcMapping> parse_maps(std::string_view text) {
    std::vector<ProcMapping> result;
    while (!text.empty() && result.size() < kMaxMappings) {
        const size_t end = std::min(text.find('\n'), text.size());
        ProcMapping mapping;
        if (parse_map_line(text.substr(0, end), mapping)) result.push_back(std::move(mapping));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
}

std::vector<ProcMapping> read_maps(uint32_t pid) {
    const auto text = read_file(fmt::format("/proc/{}/maps", pid));
    return text ? parse_maps(*text) : std::vector<ProcMapping>{};
}

// proc(5): "pid (comm) state ppid pgrp session tty tpgid flags …", starttime is field 22. comm may
// hold ") ".
std::optional<ProcStat> parse_stat(std::string_view text) {
    const size_t open = text.find('(');
    const size_t close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return std::nullopt;
    ProcStat stat;
    stat.name = text.substr(open + 1, close - open - 1);
    std::string_view rest = text.substr(std::min(close + 2, text.size()));
    for (int field = 3; field <= 22; ++field) {
        const size_t end = std::min(rest.find(' '), rest.size());
        const std::string_view word = rest.substr(0, end);
        uint64_t number = 0;
        std::from_chars(word.data(), word.data() + word.size(), number);
        if (field == 4) stat.parent = static_cast<uint32_t>(number);
        if (field == 9) stat.is_kernel_thread = (number & 0x00200000) != 0;  // PF_KTHREAD
        if (field == 14 || field == 15) stat.cpu_ticks += number;
        if (field == 20) stat.threads = static_cast<uint32_t>(number);
        if (field == 22) stat.start_ticks = number;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return stat;
}

std::optional<ProcStat> read_stat(uint32_t pid) {
    const auto text = read_file(fmt::format("/proc/{}/stat", pid), 4096);
    return text ? parse_stat(*text) : std::nullopt;
}

std::vector<uint32_t> process_ids() {
    return numeric_entries("/proc");
}

std::vector<uint32_t> thread_ids(uint32_t pid) {
    return numeric_entries(fmt::format("/proc/{}/task", pid));
}

std::string command_line(uint32_t pid) {
    std::string text = read_file(fmt::format("/proc/{}/cmdline", pid), 4096).value_or("");
    while (!text.empty() && text.back() == '\0') text.pop_back();
    std::ranges::replace(text, '\0', ' ');
    return text;
}

std::string thread_name(uint32_t pid, uint32_t tid) {
    std::string name = read_file(fmt::format("/proc/{}/task/{}/comm", pid, tid), 64).value_or("");
    if (!name.empty() && name.back() == '\n') name.pop_back();
    return name;
}

std::string executable_path(uint32_t pid) {
    return link_target(fmt::format("/proc/{}/exe", pid));
}

// proc_stat(5): "cpu user nice system idle iowait irq softirq steal guest guest_nice"; guest times
// are in user and nice already.
std::optional<uint64_t> parse_busy_ns(std::string_view stat_text, uint64_t ticks_per_second) {
    constexpr std::string_view kLabel = "cpu  ";
    if (!stat_text.starts_with(kLabel) || ticks_per_second == 0) return std::nullopt;
    stat_text.remove_prefix(kLabel.size());
    uint64_t ticks = 0;
    for (int field = 0; field < 7; ++field) {
        uint64_t value = 0;
        if (!take_number(stat_text, value, 10)) return std::nullopt;
        const bool is_idle = field == 3 || field == 4;
        if (!is_idle) ticks += value;
    }
    return ticks * (1'000'000'000 / ticks_per_second);
}

std::optional<uint64_t> busy_ns() {
    const auto text = read_file("/proc/stat");
    return text ? parse_busy_ns(*text, static_cast<uint64_t>(sysconf(_SC_CLK_TCK))) : std::nullopt;
}

std::optional<std::string> read_file(const std::string& path, size_t max_bytes) {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    std::string text;
    size_t used = 0;
    while (used < max_bytes) {
        text.resize(std::min(max_bytes, std::max<size_t>(used * 2, 16384)));
        const ssize_t got = read(file.get(), text.data() + used, text.size() - used);
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        used += static_cast<size_t>(got);
    }
    text.resize(used);
    return text;
}

Result<UniqueFd> open_in_root(uint32_t pid, const std::string& path) {
    const std::string root_path = fmt::format("/proc/{}/root", pid);
    const UniqueFd root(open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail_errno("open " + root_path, errno);
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    UniqueFd file(
        static_cast<int>(syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how))));
    if (!file) return fail_errno(fmt::format("open {} in the root of pid {}", path, pid), errno);
    struct stat status{};
    if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return fail(fmt::format("{} in the root of pid {} is not a regular file", path, pid));
    }
    return file;
}

Result<UniqueFd> open_mapped_file(uint32_t pid, const ProcMapping& mapping) {
    if (auto file = open_in_root(pid, mapping.path)) {
        struct stat status{};
        // The device is not compared: overlay file systems report another one in maps than in stat.
        if (fstat(file->get(), &status) == 0 && status.st_ino == mapping.inode) return file;
    }
    const std::string path =
        fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end);
    UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file) return file;
    return fail_errno(fmt::format("open {} of pid {}", mapping.path, pid), errno);
}

bool read_memory(uint32_t pid, uint64_t address, void* to, size_t bytes) {
    const iovec local{to, bytes};
    const iovec remote{reinterpret_cast<void*>(address), bytes};
    return process_vm_readv(static_cast<pid_t>(pid), &local, 1, &remote, 1, 0) ==
           static_cast<ssize_t>(bytes);
}

}  // namespace pyebpf::sys
