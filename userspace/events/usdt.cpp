// SPDX-License-Identifier: Apache-2.0
// USDT probes: a note of SystemTap's in the ELF file names each, its address and its counter of
// users (systemtap, sys/sdt.h: "UserSpaceProbeImplementation").
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/closest.h"
#include "events/probe_files.h"

namespace pyebpf::events {

namespace {

constexpr uint32_t kNoteType = 3;
constexpr std::string_view kNoteOwner("stapsdt\0", 8);

struct Probe {
    std::string_view provider;
    std::string_view name;
    StatedAddress address;
    StatedAddress semaphore;  // 0: none
};

std::string_view take_text(std::span<const uint8_t>& bytes) {
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const size_t length = strnlen(text, bytes.size());
    bytes = bytes.subspan(std::min(length + 1, bytes.size()));
    return {text, length};
}

// pc, base, semaphore; provider, name and arguments, each ended by 0. The address moved together
// with the section .stapsdt.base when the file was prelinked.
Probe probe_of(std::span<const uint8_t> note, uint64_t base_now) {
    uint64_t words[3];
    std::memcpy(words, note.data(), sizeof(words));
    note = note.subspan(sizeof(words));
    Probe probe;
    const uint64_t moved = base_now == 0 ? 0 : base_now - words[1];
    probe.address = {words[0] + moved};
    if (words[2] != 0) probe.semaphore = {words[2] + moved};
    probe.provider = take_text(note);
    probe.name = take_text(note);
    return probe;
}

std::vector<Probe> probes_of(const elf::ElfFile& file) {
    std::vector<Probe> probes;
    const elf::Section* section = file.section(".note.stapsdt");
    if (section == nullptr) return probes;
    const elf::Section* base = file.section(".stapsdt.base");
    std::span<const uint8_t> bytes = file.section_bytes(*section);
    const auto padded = [](uint64_t size) { return (size + 3) & ~uint64_t{3}; };
    while (bytes.size() >= 12) {
        uint32_t header[3];  // size of the owner, size of the contents, type
        std::memcpy(header, bytes.data(), sizeof(header));
        const uint64_t contents = sizeof(header) + padded(header[0]);
        const uint64_t end = contents + padded(header[1]);
        if (contents + header[1] > bytes.size()) break;
        const std::string_view owner(reinterpret_cast<const char*>(bytes.data()) + sizeof(header),
                                     header[0]);
        if (header[2] == kNoteType && owner == kNoteOwner && header[1] >= 24)
            probes.push_back(probe_of(bytes.subspan(contents, header[1]),
                                      base == nullptr ? 0 : base->address.value));
        bytes = bytes.subspan(std::min<uint64_t>(end, bytes.size()));
    }
    return probes;
}

}  // namespace

std::vector<std::string> python_probes() {
    std::set<std::string> names;
    for (const ProbeFile& file : running_files("python", {}))
        for (const Probe& probe : probes_of(*file.elf))
            names.insert(fmt::format("{}:{}:{}", file.name, probe.provider, probe.name));
    return {names.begin(), names.end()};
}

Result<EventSource> find_usdt(std::string_view rest, std::span<const uint32_t> pids) {
    const size_t first = rest.find(':');
    if (first == std::string_view::npos || first == 0 || first + 1 == rest.size()) {
        return fail(fmt::format("usdt:{} is not complete", rest),
                    "it is usdt:FILE:PROBE or usdt:FILE:PROVIDER:PROBE, such as "
                    "usdt:python:gc__start",
                    kExitUsage);
    }
    std::string_view name = rest.substr(first + 1);
    std::string_view provider;
    if (const size_t second = name.find(':'); second != std::string_view::npos) {
        provider = name.substr(0, second);
        name = name.substr(second + 1);
    }
    const auto files = probe_files(rest.substr(0, first), pids);
    if (!files) return tl::unexpected(files.error());

    EventSource source;
    source.unit = "hits";
    source.description = fmt::format("the USDT probe {}", rest);
    source.kind = EventSource::Kind::kProbe;
    std::vector<std::string> known;
    for (const ProbeFile& file : *files) {
        for (const Probe& probe : probes_of(*file.elf)) {
            known.emplace_back(probe.name);
            if (probe.name != name || (!provider.empty() && probe.provider != provider)) continue;
            auto site = site_at(file, probe.address);
            if (!site) continue;
            if (probe.semaphore.value != 0) {
                const auto semaphore = site_at(file, probe.semaphore);
                if (!semaphore) continue;
                site->semaphore = semaphore->offset;
            }
            source.sites.push_back(std::move(*site));
        }
    }
    if (!source.sites.empty()) return source;
    if (known.empty()) {
        return fail(fmt::format("{} was built without USDT probes", files->front().name),
                    "CPython has them if it was built --with-dtrace, as Debian's is", kExitUsage);
    }
    std::ranges::sort(known);
    known.erase(std::ranges::unique(known).begin(), known.end());
    return fail(fmt::format("{} has no USDT probe '{}'", files->front().name, name),
                fmt::format("it has {}", fmt::join(known, ", ")), kExitUsage);
}

}  // namespace pyebpf::events
