// SPDX-License-Identifier: Apache-2.0
// What `pyebpf top` shows and how keys change it, without a terminal: a screen is a list of lines.
// tui/screen.h puts them on a terminal; --batch prints them as they are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tui/live_table.h"

namespace pyebpf::tui {

// Keys that are no characters.
enum Key : int {
    kKeyNone = -1,
    kKeyEscape = 27,
    kKeyEnter = '\n',
    kKeyTab = '\t',
    kKeyBackspace = 127,
    kKeyUp = 0x110000,  // beyond Unicode
    kKeyDown,
    kKeyPageUp,
    kKeyPageDown,
    kKeyHome,
    kKeyEnd,
    kKeyResize,
};

enum class Action : uint8_t { kNone, kQuit, kReset };

struct State {
    Selection selection;
    size_t selected = 0;  // row
    bool is_paused = false;
    bool shows_help = false;
    bool edits_filter = false;
    std::vector<uint32_t> drilled;  // functions whose callers are shown, innermost last
    double refresh_seconds = 1;

    // The keys of py-spy top and of Tachyon's live view mean the same here.
    Action press(int key);
};

struct Status {
    std::string target;
    double elapsed_seconds = 0;
    double window_seconds = 0;  // what the shown numbers are of
    double tick_seconds = 0;    // CPU time that one tick stands for; 0: not time
    uint64_t lost = 0;
    uint64_t processes = 0;
    uint64_t python_processes = 0;
};

enum class Style : uint8_t {
    kPlain,
    kTitle,
    kHeader,
    kSelected,
    kDim,
    kWarning,
    kPython,
    kNative,
    kKernel
};

struct Line {
    std::string text;  // at most `width` columns, printable
    Style style = Style::kPlain;
};

struct Size {
    size_t width = 80;
    size_t height = 24;  // 0: as many lines as there are
};

// Corrects state.selected if the rows have become fewer.
[[nodiscard]] std::vector<Line> draw(const LiveTable& table, State& state, const Status& status,
                                     Size size);

}  // namespace pyebpf::tui
