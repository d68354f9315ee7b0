// SPDX-License-Identifier: Apache-2.0
#include "tui/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "output/columns.h"
#include "synthetic_profile.h"

namespace pyebpf::tui {
namespace {

using ::testing::HasSubstr;

std::string text_of(const std::vector<Line>& lines) {
    std::string text;
    for (const Line& line : lines) text += line.text + "\n";
    return text;
}

Status status() {
    return {.target = "the whole machine",
            .elapsed_seconds = 12,
            .window_seconds = 3,
            .tick_seconds = 0.01,
            .processes = 3,
            .python_processes = 2};
}

TEST(Frame, FitsTheTerminal) {
    LiveTable table;
    table.add(output::test::hostile_profile());
    table.add(output::test::small_profile());
    for (const Size size : {Size{80, 24}, Size{40, 10}, Size{200, 60}, Size{80, 1}}) {
        State state;
        const auto lines = draw(table, state, status(), size);
        EXPECT_LE(lines.size(), std::max<size_t>(size.height, 4));
        for (const Line& line : lines) EXPECT_LE(output::columns(line.text), size.width);
    }
}

TEST(Frame, ShowsWhatIsSelected) {
    LiveTable table;
    table.add(output::test::small_profile());
    State state;
    const std::string functions = text_of(draw(table, state, status(), {80, 24}));
    EXPECT_THAT(functions, HasSubstr("functions by self"));
    EXPECT_THAT(functions, HasSubstr("the whole machine  12 s  3 processes (2 Python)"));
    EXPECT_EQ(state.press(kKeyTab), Action::kNone);
    EXPECT_THAT(text_of(draw(table, state, status(), {80, 24})), HasSubstr("lines by self"));
    state.press('t');
    EXPECT_THAT(text_of(draw(table, state, status(), {80, 24})), HasSubstr("threads by self"));
    state.press('h');
    EXPECT_THAT(text_of(draw(table, state, status(), {80, 24})), HasSubstr("this help"));
    EXPECT_EQ(state.press('x'), Action::kNone);  // any key closes it
    EXPECT_FALSE(state.shows_help);
    EXPECT_EQ(state.press('q'), Action::kQuit);
    EXPECT_EQ(state.press('r'), Action::kReset);
}

TEST(Frame, FilterIsEditedInPlace) {
    State state;
    for (const int key : std::vector<int>{'/', 'a', 'q', kKeyBackspace, 'b'})
        EXPECT_EQ(state.press(key), Action::kNone);
    EXPECT_EQ(state.selection.filter, "ab");
    EXPECT_TRUE(state.edits_filter);
    state.press(kKeyEnter);
    EXPECT_FALSE(state.edits_filter);
    state.press('c');
    EXPECT_EQ(state.selection.filter, "");
}

TEST(Frame, LossesAreShown) {
    LiveTable table;
    State state;
    Status lossy = status();
    lossy.lost = 7;
    EXPECT_THAT(text_of(draw(table, state, lossy, {80, 24})), HasSubstr("7 samples LOST"));
}

TEST(Frame, SelectionStaysWithinTheRows) {
    LiveTable table;
    table.add(output::test::small_profile());
    State state;
    for (int i = 0; i < 500; ++i) state.press(kKeyDown);
    const auto lines = draw(table, state, status(), {80, 24});
    EXPECT_LT(state.selected, table.rows(state.selection).size());
    EXPECT_EQ(std::ranges::count(lines, Style::kSelected, &Line::style), 1);
}

}  // namespace
}  // namespace pyebpf::tui
