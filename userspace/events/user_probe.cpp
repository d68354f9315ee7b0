// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>

#include "base/closest.h"
#include "events/probe_files.h"

namespace pyebpf::events {

namespace {

constexpr std::string_view kUsage =
    "it is uprobe:FILE:SYMBOL[+OFFSET], such as uprobe:libc:malloc; FILE is a path, or the name of "
    "a library or program that runs";

std::string nearest(const ProbeFile& file, std::string_view symbol) {
    std::vector<std::string> names;
    for (const elf::Symbol& known : file.elf->symbols())
        if (known.kind == elf::SymbolKind::kFunction) names.emplace_back(known.name);
    std::string near;
    for (const std::string& name : closest(symbol, names, 3))
        near += (near.empty() ? "" : ", ") + name;
    return near.empty() ? fmt::format("it names {} functions, none of them close", names.size())
                        : "closest: " + near;
}

}  // namespace

Result<EventSource> find_user_probe(std::string_view rest, bool at_return,
                                    std::span<const uint32_t> pids) {
    const size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size()) {
        return fail(fmt::format("the probe '{}' is not complete", rest), std::string(kUsage),
                    kExitUsage);
    }
    std::string_view symbol = rest.substr(colon + 1);
    uint64_t offset = 0;
    if (const size_t plus = symbol.find('+'); plus != std::string_view::npos) {
        std::string_view digits = symbol.substr(plus + 1);
        const int base = digits.starts_with("0x") ? 16 : 10;
        if (base == 16) digits.remove_prefix(2);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), offset, base);
        if (error != std::errc{} || end != digits.data() + digits.size() || at_return) {
            return fail(fmt::format("the offset in '{}' is not possible", symbol),
                        std::string(kUsage), kExitUsage);
        }
        symbol = symbol.substr(0, plus);
    }
    const auto files = probe_files(rest.substr(0, colon), pids);
    if (!files) return tl::unexpected(files.error());

    EventSource source;
    source.unit = "hits";
    source.description = fmt::format("{} {}", at_return ? "returns of" : "calls of", rest);
    source.kind = EventSource::Kind::kProbe;
    source.at_return = at_return;
    for (const ProbeFile& file : *files) {
        const auto found = file.elf->find_symbol(symbol);
        if (!found) continue;
        if (offset != 0 && offset >= found->size) {
            return fail(fmt::format("{}: {} has only {} bytes", file.name, symbol, found->size),
                        std::string(kUsage), kExitUsage);
        }
        auto site = site_at(file, found->address + offset);
        if (!site) return tl::unexpected(site.error());
        source.sites.push_back(std::move(*site));
    }
    if (source.sites.empty()) {
        return fail(fmt::format("{} has no symbol '{}'", files->front().name, symbol),
                    nearest(files->front(), symbol), kExitUsage);
    }
    return source;
}

}  // namespace pyebpf::events
