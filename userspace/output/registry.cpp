// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "output/collapsed.h"
#include "output/format.h"
#include "output/html.h"

namespace pyebpf::output {

namespace {

constexpr std::array<const Format*, 2> kFormats{
    &kHtml,
    &kCollapsed,
};

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

std::string known_names() {
    std::string names;
    for (const Format* format : kFormats)
        names += (names.empty() ? "" : ", ") + std::string(format->name);
    return names;
}

std::string known_extensions() {
    std::string text;
    for (const Format* format : kFormats) {
        for (const std::string_view extension : format->extensions) {
            text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", extension, format->name);
        }
    }
    return text;
}

const Format* find_by_name(std::string_view name) {
    const auto found = std::ranges::find(kFormats, name, &Format::name);
    return found == kFormats.end() ? nullptr : *found;
}

const Format* find_by_extension(std::string_view path) {
    const std::string text = lower(path);
    for (const Format* format : kFormats) {
        if (std::ranges::any_of(format->extensions,
                                [&](std::string_view end) { return text.ends_with(end); })) {
            return format;
        }
    }
    return nullptr;
}

}  // namespace

std::span<const Format* const> formats() {
    return kFormats;
}

Result<const Format*> choose_format(std::string_view name, std::string_view path) {
    const Format* format = nullptr;
    if (!name.empty()) {
        format = find_by_name(name);
        if (format == nullptr) {
            return fail(fmt::format("unknown format '{}'", name), "known formats: " + known_names(),
                        kExitUsage);
        }
    } else if (path == "-") {
        format = &kCollapsed;
    } else {
        format = find_by_extension(path);
        if (format == nullptr) {
            return fail(fmt::format("cannot tell the format of '{}' from its extension", path),
                        fmt::format("known extensions: {}; or name the format with --format",
                                    known_extensions()),
                        kExitUsage);
        }
    }
    if (format->check != nullptr) {
        if (auto usable = format->check(); !usable) return tl::unexpected<Error>(usable.error());
    }
    return format;
}

}  // namespace pyebpf::output
