// SPDX-License-Identifier: Apache-2.0
// The output formats: what `--format` and the extension of `-o` choose from. Help, completion and
// documentation list formats().
//
// A format is one source file with a `const Format kName` and one line in formats() (registry.cpp).
// Its writer is a pure function of the profile: the same profile and options give the same bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sink.h"
#include "profile/profile.h"

namespace pyebpf::output {

// What the user may choose about an output; a format ignores what it cannot express.
struct FormatOptions {
    bool per_container = false;  // containers as root frames
    bool per_process = false;    // processes as frames below the containers, or as roots
    bool per_thread = false;     // threads as frames below those, or as roots
    bool current_lines = false;  // the line that ran, not the first line of its function
};

struct Format {
    std::string_view name;                         // for --format
    std::span<const std::string_view> extensions;  // with the dot, lower case, the usual one first
    std::string_view description;                  // one line for --help
    Result<void> (*write)(const profile::Profile&, const FormatOptions&, Sink&);
    Result<void> (*check)() = nullptr;  // why this build cannot write it; null: it always can
};

[[nodiscard]] std::span<const Format* const> formats();

// By name if there is one, otherwise by the path's extension; "-" without a name means collapsed.
// Errors list what is known, have exit code kExitUsage, and include a format that this build cannot
// write.
[[nodiscard]] Result<const Format*> choose_format(std::string_view name, std::string_view path);

}  // namespace pyebpf::output
