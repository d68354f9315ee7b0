// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <string>

#include "base/escape.h"

namespace pyebpf::log {
namespace {

// Room for a message that quotes a few paths; more is cut in the middle.
constexpr size_t kMaxLineBytes = 16 * 1024;

std::atomic<Level> g_level = Level::kNormal;
std::atomic<void (*)()> g_before_line = nullptr;

void write_line(std::string_view text) {
    const std::string line = "pyebpf: " + printable(text, kMaxLineBytes) + "\n";
    if (void (*hook)() = g_before_line.load()) hook();
    // One call, so that lines of several threads do not mix.
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void set_level(Level level) {
    g_level = level;
}
Level level() {
    return g_level;
}

void error(std::string_view text) {
    write_line(text);
}

void warning(std::string_view text) {
    if (level() != Level::kQuiet) write_line(text);
}

void info(std::string_view text) {
    if (level() != Level::kQuiet) write_line(text);
}

void verbose(std::string_view text) {
    if (level() == Level::kVerbose) write_line(text);
}

void set_before_line(void (*hook)()) {
    g_before_line = hook;
}

}  // namespace pyebpf::log
