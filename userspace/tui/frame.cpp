// SPDX-License-Identifier: Apache-2.0
#include "tui/frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "output/columns.h"

namespace pyebpf::tui {

namespace {

using output::columns;
using output::shortened;
using profile::FrameKind;

constexpr double kFastestSeconds = 0.25;
constexpr double kSlowestSeconds = 10;
constexpr size_t kMaxFilterBytes = 200;

constexpr std::string_view kHelp[] = {
    "keys",
    "",
    "  q          quit                      h ? X      this help",
    "  tab, v     next view                 L          lines or functions",
    "  t          threads                   P          only Python",
    "  1 2        self, total of now        3 4        self, total of all",
    "  s S        next, previous order      w          now or all",
    "  / c        filter, clear it          p space    freeze",
    "  up down    select (also k j)         enter      callers of the function",
    "  esc        back                      r R        forget what was counted",
    "  + -        refresh more, less often",
    "",
    "self: it was the innermost frame. total: it was anywhere in the stack.",
    "now: the last intervals. all: since the beginning, or since r.",
};

Style style_of(FrameKind kind) {
    switch (kind) {
        case FrameKind::kPython:
            return Style::kPython;
        case FrameKind::kNative:
            return Style::kNative;
        case FrameKind::kKernel:
            return Style::kKernel;
        case FrameKind::kInterpreter:
        case FrameKind::kMarker:
            return Style::kPlain;
    }
    return Style::kPlain;
}

double percent(double part, double whole) {
    return whole > 0 ? 100 * part / whole : 0;
}

std::string_view sort_name(SortBy sort) {
    switch (sort) {
        case SortBy::kSelf:
            return "self";
        case SortBy::kTotal:
            return "total";
        case SortBy::kName:
            return "name";
    }
    return "";
}

std::string row_text(const Row& row, double ticks, size_t width) {
    const std::string numbers = fmt::format(
        "{:5.1f} % {:6.1f} %  ", percent(row.amount.self, ticks), percent(row.amount.total, ticks));
    const size_t room = width - std::min(width, numbers.size());
    const std::string name = shortened(row.name, std::max<size_t>(room / 2, room > 40 ? 24 : 8));
    const size_t left = room - std::min(room, columns(name) + 1);
    return numbers + name + (row.place.empty() || left < 4 ? "" : " " + shortened(row.place, left));
}

template <class Enum>
Enum next(Enum value, size_t count, size_t step) {
    return static_cast<Enum>((static_cast<size_t>(value) + step) % count);
}

}  // namespace

Action State::press(int key) {
    if (edits_filter) {
        if (key == kKeyEnter || key == kKeyEscape) {
            if (key == kKeyEscape) selection.filter.clear();
            edits_filter = false;
        } else if (key == kKeyBackspace) {
            if (!selection.filter.empty()) selection.filter.pop_back();
        } else if (key >= ' ' && key < 0x80 && selection.filter.size() < kMaxFilterBytes) {
            selection.filter += static_cast<char>(key);
        }
        selected = 0;
        return Action::kNone;
    }
    if (shows_help && key != kKeyResize) {
        shows_help = false;
        return key == 'q' ? Action::kQuit : Action::kNone;
    }
    const auto show = [this](View view) {
        selection.view = view;
        drilled.clear();
        selected = 0;
    };
    const auto order = [this](SortBy sort, Window window) {
        selection.sort = sort;
        selection.window = window;
        selected = 0;
    };
    switch (key) {
        case 'q':
            return Action::kQuit;
        case 'h':
        case '?':
        case 'X':
            shows_help = true;
            break;
        case kKeyTab:
        case 'v':
            show(next(selection.view, kViews, 1));
            break;
        case 'L':
            show(selection.view == View::kLines ? View::kFunctions : View::kLines);
            break;
        case 't':
            show(selection.view == View::kThreads ? View::kFunctions : View::kThreads);
            break;
        case 'P':
            selection.python_only = !selection.python_only;
            break;
        case '1':
            order(SortBy::kSelf, Window::kNow);
            break;
        case '2':
            order(SortBy::kTotal, Window::kNow);
            break;
        case '3':
            order(SortBy::kSelf, Window::kAll);
            break;
        case '4':
            order(SortBy::kTotal, Window::kAll);
            break;
        case 's':
            selection.sort = next(selection.sort, 3, 1);
            break;
        case 'S':
            selection.sort = next(selection.sort, 3, 2);
            break;
        case 'w':
            selection.window = next(selection.window, 2, 1);
            break;
        case '/':
            edits_filter = true;
            selection.filter.clear();
            break;
        case 'c':
            selection.filter.clear();
            break;
        case 'p':
        case ' ':
            is_paused = !is_paused;
            break;
        case '+':
            refresh_seconds = std::max(kFastestSeconds, refresh_seconds / 2);
            break;
        case '-':
            refresh_seconds = std::min(kSlowestSeconds, refresh_seconds * 2);
            break;
        case 'r':
        case 'R':
            return Action::kReset;
        case kKeyEscape:
            if (!drilled.empty()) drilled.pop_back();
            selected = 0;
            break;
        case kKeyUp:
        case 'k':
            if (selected > 0) --selected;
            break;
        case kKeyDown:
        case 'j':
            ++selected;
            break;
        case kKeyPageUp:
            selected -= std::min<size_t>(selected, 10);
            break;
        case kKeyPageDown:
            selected += 10;
            break;
        case kKeyHome:
            selected = 0;
            break;
        default:
            break;
    }
    return Action::kNone;
}

std::vector<Line> draw(const LiveTable& table, State& state, const Status& status, Size size) {
    const size_t width = std::max<size_t>(size.width, 40);
    std::vector<Line> lines;
    const auto add = [&](const std::string& text, Style style) {
        lines.push_back({shortened(text, width), style});
    };
    const Header header = table.header(state.selection.window);
    add(fmt::format("pyebpf top  {}  {:.0f} s  {} processes ({} Python)", status.target,
                    status.elapsed_seconds, status.processes, status.python_processes),
        Style::kTitle);
    std::string load;
    if (status.tick_seconds > 0 && status.window_seconds > 0)
        load = fmt::format("CPU {:.0f} %  ",
                           100 * header.ticks * status.tick_seconds / status.window_seconds);
    add(fmt::format("{}Python {:.0f} %  GIL held {:.0f} %  {}{}{}", load,
                    percent(header.python_ticks, header.ticks),
                    percent(header.gil_ticks, header.python_ticks),
                    state.selection.window == Window::kNow
                        ? fmt::format("now ({:.0f} s)", status.window_seconds)
                        : "all",
                    state.is_paused ? "  FROZEN" : "",
                    status.lost == 0 ? "" : fmt::format("  {} samples LOST", status.lost)),
        status.lost == 0 ? Style::kPlain : Style::kWarning);
    if (state.shows_help) {
        for (const std::string_view line : kHelp) add(std::string(line), Style::kPlain);
        return lines;
    }

    const bool drills = !state.drilled.empty();
    std::vector<Row> rows = drills ? table.callers_of(state.drilled.back(), state.selection.window)
                                   : table.rows(state.selection);
    if (state.edits_filter || !state.selection.filter.empty())
        add("filter: " + state.selection.filter + (state.edits_filter ? "_" : ""), Style::kDim);
    const std::string what = drills ? "callers of " + table.name_of(state.drilled.back())
                                    : fmt::format("{} by {}", view_name(state.selection.view),
                                                  sort_name(state.selection.sort));
    add(fmt::format("   self    total  {}", what), Style::kHeader);

    if (!rows.empty()) state.selected = std::min(state.selected, rows.size() - 1);
    const size_t footer = size.height == 0 ? 0 : 1;
    const size_t room =
        size.height == 0 ? rows.size() : size.height - std::min(size.height, lines.size() + footer);
    const size_t first = room == 0 || state.selected < room ? 0 : state.selected - room + 1;
    for (size_t i = first; i < rows.size() && i < first + room; ++i) {
        const bool is_selected = size.height != 0 && i == state.selected;
        lines.push_back({shortened(row_text(rows[i], header.ticks, width), width),
                         is_selected ? Style::kSelected : style_of(rows[i].kind)});
    }
    if (rows.empty()) add("  (nothing yet)", Style::kDim);
    if (footer != 0) {
        while (lines.size() + footer < size.height) lines.push_back({});
        add("q quit  h help  tab view  1-4 order  / filter  p freeze  enter callers", Style::kDim);
    }
    return lines;
}

}  // namespace pyebpf::tui
