// SPDX-License-Identifier: Apache-2.0
#include "tui/screen.h"

#include <ncurses.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <utility>

namespace pyebpf::tui {

namespace {

constexpr int kEscapeDelayMs = 25;  // how long to wait whether an ESC begins a longer key

int attributes_of(Style style, bool has_colors) {
    const auto color = [&](Style of) {
        return has_colors ? COLOR_PAIR(static_cast<short>(of)) : A_NORMAL;
    };
    switch (style) {
        case Style::kPlain:
            return A_NORMAL;
        case Style::kTitle:
            return A_BOLD;
        case Style::kHeader:
        case Style::kSelected:
            return A_REVERSE;
        case Style::kDim:
            return A_DIM;
        case Style::kWarning:
            return color(style) | A_BOLD;
        case Style::kPython:
        case Style::kNative:
        case Style::kKernel:
            return color(style);
    }
    return A_NORMAL;
}

}  // namespace

Result<Screen> Screen::open() {
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
        return fail("the live view needs a terminal",
                    "use --batch N to print N times as plain text", kExitUsage);
    }
    std::setlocale(LC_CTYPE, "");
    if (newterm(nullptr, stdout, stdin) == nullptr) {
        const char* kind = std::getenv("TERM");
        return fail(
            std::string("the terminal '") + (kind == nullptr ? "" : kind) + "' is not known",
            "set TERM to its kind, such as xterm or vt100; or use --batch N");
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(kEscapeDelayMs);
    curs_set(0);
    const bool has_colors = ::has_colors() && std::getenv("NO_COLOR") == nullptr;
    if (has_colors) {
        start_color();
        use_default_colors();
        init_pair(static_cast<short>(Style::kWarning), COLOR_RED, -1);
        init_pair(static_cast<short>(Style::kPython), COLOR_YELLOW, -1);
        init_pair(static_cast<short>(Style::kNative), COLOR_BLUE, -1);
        init_pair(static_cast<short>(Style::kKernel), COLOR_MAGENTA, -1);
    }
    return Screen(has_colors);
}

Screen::Screen(Screen&& other) noexcept
    : is_open_(std::exchange(other.is_open_, false)), has_colors_(other.has_colors_) {}

Screen::~Screen() {
    if (is_open_) endwin();
}

Size Screen::size() const {
    return {static_cast<size_t>(getmaxx(stdscr)), static_cast<size_t>(getmaxy(stdscr))};
}

void Screen::show(const std::vector<Line>& lines) {
    erase();
    const Size now = size();
    for (size_t i = 0; i < lines.size() && i < now.height; ++i) {
        const int attributes = attributes_of(lines[i].style, has_colors_);
        attrset(attributes);
        mvaddstr(static_cast<int>(i), 0, lines[i].text.c_str());
        // Bars reach to the edge.
        if ((attributes & A_REVERSE) != 0)
            mvchgat(static_cast<int>(i), 0, -1, A_REVERSE, 0, nullptr);
    }
    refresh();
}

int Screen::read_key() {
    switch (const int key = getch()) {
        case ERR:
            return kKeyNone;
        case KEY_UP:
            return kKeyUp;
        case KEY_DOWN:
            return kKeyDown;
        case KEY_PPAGE:
            return kKeyPageUp;
        case KEY_NPAGE:
            return kKeyPageDown;
        case KEY_HOME:
            return kKeyHome;
        case KEY_END:
            return kKeyEnd;
        case KEY_RESIZE:
            return kKeyResize;
        case KEY_BACKSPACE:
        case '\b':
            return kKeyBackspace;
        case KEY_ENTER:
        case '\r':
            return kKeyEnter;
        default:
            return key;
    }
}

}  // namespace pyebpf::tui
