// SPDX-License-Identifier: Apache-2.0
// What /proc tells of a process. Processes come and go: every function answers "nothing" for one
// that has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace pyebpf::sys {

struct ProcMapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t file_offset = 0;
    bool readable = false;
    bool writable = false;
    bool executable = false;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;
    std::string path;  // as in /proc/PID/maps: may end in " (deleted)", may be "[vdso]" or empty
};

// Lines that are not understood are skipped. At most a million mappings.
[[nodiscard]] std::vector<ProcMapping> parse_maps(std::string_view text);
[[nodiscard]] std::vector<ProcMapping> read_maps(uint32_t pid);

struct ProcStat {
    std::string name;
    uint32_t parent = 0;
    uint64_t start_ticks = 0;  // since boot, in sysconf(_SC_CLK_TCK)
    uint64_t cpu_ticks = 0;    // user and system time of all its threads
    uint32_t threads = 0;
    bool is_kernel_thread = false;
};
[[nodiscard]] std::optional<ProcStat> parse_stat(std::string_view text);
[[nodiscard]] std::optional<ProcStat> read_stat(uint32_t pid);

[[nodiscard]] std::vector<uint32_t> process_ids();
[[nodiscard]] std::vector<uint32_t> thread_ids(uint32_t pid);
[[nodiscard]] std::string command_line(uint32_t pid);  // arguments joined by spaces, at most 4 KiB
[[nodiscard]] std::string thread_name(uint32_t pid, uint32_t tid);
[[nodiscard]] std::string executable_path(uint32_t pid);

// Time that all CPUs together were busy since boot (user, system and interrupts; not idle, not
// stolen by a hypervisor), from /proc/stat. Its unit is ns, its resolution 10 ms.
[[nodiscard]] std::optional<uint64_t> parse_busy_ns(std::string_view stat_text,
                                                    uint64_t ticks_per_second);
[[nodiscard]] std::optional<uint64_t> busy_ns();

// Of a symbolic link; "" if it is none. At most 4 KiB.
[[nodiscard]] std::string link_target(const std::string& path);

// The whole of a small file; nullopt if it cannot be read. At most max_bytes.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path,
                                                   size_t max_bytes = 64 << 20);

// Opens a file that process `pid` has mapped at [start, end) with path `path`: within the root of
// the process, without following links out of it (openat2, RESOLVE_IN_ROOT); if that is another
// file by now (inode differs) or gone, through /proc/PID/map_files.
[[nodiscard]] Result<UniqueFd> open_mapped_file(uint32_t pid, const ProcMapping& mapping);
// A path as process `pid` sees it.
[[nodiscard]] Result<UniqueFd> open_in_root(uint32_t pid, const std::string& path);

// Reads memory of a live process; false unless all bytes were read.
[[nodiscard]] bool read_memory(uint32_t pid, uint64_t address, void* to, size_t bytes);

}  // namespace pyebpf::sys
