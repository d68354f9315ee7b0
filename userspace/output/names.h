// SPDX-License-Identifier: Apache-2.0
// Names as every output shows them: foreign ones (of functions, files, modules, threads) made
// harmless, and our own for kinds and states.
#pragma once

#include <string>
#include <string_view>

#include "base/escape.h"
#include "profile/profile.h"

namespace pyebpf::output {

// printable(), with a backslash of the name itself written "\x5c": every backslash of the result
// begins an escape, so that different names stay different (but for the middle of very long ones).
[[nodiscard]] std::string name_text(std::string_view name);

// name_text() with each of `separators`, characters that mean something in a format, written as
// "\xNN" too.
[[nodiscard]] std::string name_text(std::string_view name, std::string_view separators);

// "python", "native", "interpreter", "kernel", "marker".
[[nodiscard]] std::string_view kind_name(profile::FrameKind kind);

// "running", "run-queue", "gil", "disk" …
[[nodiscard]] std::string_view state_name(profile::ThreadState state);

// What is known of the thread of a sample; 0 and "" where it is not. The texts are as foreign as
// those of the profile.
struct ThreadFacts {
    uint32_t pid = 0;
    uint32_t tid = 0;
    std::string_view process;
    std::string_view thread;  // Python's name for it if there is one, else its comm
    std::string_view container;
    std::string_view python;  // version
};
[[nodiscard]] ThreadFacts thread_facts(const profile::Profile& profile, profile::ThreadId id);

}  // namespace pyebpf::output
