// SPDX-License-Identifier: Apache-2.0
#include "events/probe_files.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

#include "sys/proc.h"

namespace pyebpf::events {

namespace {

namespace fs = std::filesystem;

// "libc" means libc.so.6, "libpython" and "python" mean libpython3.13.so.1.0, "python" also
// python3.13.
bool is_meant(std::string_view typed, std::string_view path) {
    const std::string_view base = path.substr(path.rfind('/') + 1);
    if (base == typed) return true;
    const auto rest_of = [&](std::string_view start) {
        return base.starts_with(start) ? base.substr(start.size()) : std::string_view("x");
    };
    const auto is_version = [](std::string_view rest) {
        return rest.find_first_not_of("0123456789.dmtu-") == std::string_view::npos;
    };
    for (const std::string& start : {std::string(typed), "lib" + std::string(typed)}) {
        const std::string_view rest = rest_of(start);
        if (rest == "x") continue;
        const size_t so = rest.find(".so");
        if (so == std::string_view::npos
                ? is_version(rest)
                : is_version(rest.substr(0, so)) && is_version(rest.substr(so + 3)))
            return true;
    }
    return false;
}

void add_file(const std::string& path, const std::string& name, std::vector<ProbeFile>& files) {
    auto elf = elf::ElfFile::open(path);
    if (elf) files.push_back({path, name, std::move(*elf)});
}

// Does the instruction at the start of a probe trap twice? arch/x86/kernel/uprobes.c emulates push,
// nop, call, and jumps, and executes all others out of line, one step at a time.
bool needs_single_step(std::span<const uint8_t> code) {
    if (code.empty()) return false;
    const uint8_t first = code[0];
    if (first >= 0x50 && first <= 0x57) return false;  // push
    if (first == 0x90 || first == 0xe8 || first == 0xe9 || first == 0xeb) return false;
    if (first >= 0x70 && first <= 0x7f) return false;  // short jumps
    if (code.size() < 2) return true;
    if (first == 0x41 && code[1] >= 0x50 && code[1] <= 0x57) return false;  // push r8 … r15
    return !(first == 0x0f && code[1] == 0x1f);                             // long nop
}

// Every distinct one in the system's folders.
std::vector<ProbeFile> installed_files(std::string_view file) {
    std::vector<ProbeFile> files;
    std::set<std::string> seen;
    for (const char* folder : {"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64",
                               "/usr/lib", "/usr/local/lib", "/usr/bin", "/usr/local/bin"}) {
        std::error_code error;
        for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            const std::string path = fs::canonical(entry->path(), error);
            if (error) {
                error.clear();
                continue;
            }
            if (is_meant(file, path) && seen.insert(path).second) add_file(path, path, files);
        }
    }
    return files;
}

}  // namespace

std::vector<ProbeFile> running_files(std::string_view file, std::span<const uint32_t> pids) {
    std::vector<ProbeFile> files;
    std::set<std::tuple<uint32_t, uint32_t, uint64_t>> seen;
    const std::vector<uint32_t> all =
        pids.empty() ? sys::process_ids() : std::vector<uint32_t>(pids.begin(), pids.end());
    for (const uint32_t pid : all) {
        for (const sys::ProcMapping& mapping : sys::read_maps(pid)) {
            if (!mapping.executable || !is_meant(file, mapping.path)) continue;
            if (!seen.emplace(mapping.device_major, mapping.device_minor, mapping.inode).second)
                continue;
            // The kernel's own link: not what a path may lead to by now.
            add_file(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end),
                     mapping.path, files);
        }
    }
    return files;
}

Result<std::vector<ProbeFile>> probe_files(std::string_view file, std::span<const uint32_t> pids) {
    if (file.find('/') != std::string_view::npos) {
        auto elf = elf::ElfFile::open(std::string(file));
        if (!elf) return tl::unexpected(elf.error());
        return std::vector<ProbeFile>{{std::string(file), std::string(file), std::move(*elf)}};
    }
    std::vector<ProbeFile> files = running_files(file, pids);
    // Of the whole machine or a command also what will run later.
    if (files.empty() || pids.empty()) {
        for (ProbeFile& installed : installed_files(file)) {
            std::error_code error;
            const auto is_same = [&](const ProbeFile& other) {
                return fs::equivalent(other.path, installed.path, error);
            };
            if (std::ranges::none_of(files, is_same)) files.push_back(std::move(installed));
        }
    }
    if (!files.empty()) return files;
    return fail(fmt::format("no process runs a file named '{}', and the system has none", file),
                "give its path, such as /usr/lib/x86_64-linux-gnu/libc.so.6", kExitUsage);
}

Result<ProbeSite> site_at(const ProbeFile& file, StatedAddress address) {
    for (const elf::Segment& segment : file.elf->segments()) {
        if (segment.type != PT_LOAD || address < segment.address ||
            address - segment.address >= segment.file_size)
            continue;
        return ProbeSite{.path = file.path,
                         .offset = segment.offset.value + (address - segment.address),
                         .single_steps = needs_single_step(file.elf->bytes_from(address, 2))};
    }
    return fail(fmt::format("{}: address {:#x} is not in the file", file.name, address.value));
}

}  // namespace pyebpf::events
