// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "output/collapsed.h"
#include "output/format.h"
#include "output/html.h"
#include "output/recording.h"

namespace pyebpf::output {

// Each is in the file of its name.
extern const Format kCallgrind;
extern const Format kChromeTrace;
extern const Format kFirefox;
extern const Format kJson;
extern const Format kJsonLines;
extern const Format kPerfScript;
extern const Format kPprof;
extern const Format kPstats;
extern const Format kSpeedscope;

namespace {

constexpr std::array kFormats{
    &kRecording, &kHtml,      &kCollapsed,   &kPprof,      &kFirefox, &kSpeedscope,
    &kPstats,    &kCallgrind, &kChromeTrace, &kPerfScript, &kJson,    &kJsonLines,
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
    const Format* found = nullptr;
    size_t longest = 0;  // "a.speedscope.json" ends in ".json" too
    for (const Format* format : kFormats) {
        for (const std::string_view end : format->extensions) {
            if (end.size() <= longest || !text.ends_with(end)) continue;
            found = format;
            longest = end.size();
        }
    }
    return found;
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
