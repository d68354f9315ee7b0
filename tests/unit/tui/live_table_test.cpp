// SPDX-License-Identifier: Apache-2.0
#include "tui/live_table.h"

#include <gtest/gtest.h>

#include "synthetic_profile.h"

namespace pyebpf::tui {
namespace {

using output::test::ProfileBuilder;
using profile::Profile;

// main calls work (3 ticks, 1 of them in json's C code) and rest (1 tick).
Profile slice() {
    ProfileBuilder builder;
    const auto thread = builder.thread(10, "app", 11, "worker", "3.13");
    const auto main = builder.python("main", "app.py", 1);
    const auto work = builder.python("work", "app.py", 5, 7);
    const auto rest = builder.python("rest", "app.py", 9);
    const auto native = builder.native("scan_once", "_json.so");
    builder.add(thread, {main, work}, 2);
    builder.add(thread, {main, work, native}, 1);
    builder.add(thread, {main, rest}, 1);
    return builder.take();
}

const Row* find(const std::vector<Row>& rows, std::string_view name) {
    const auto found = std::ranges::find(rows, name, &Row::name);
    return found == rows.end() ? nullptr : &*found;
}

TEST(LiveTable, CountsSelfAndTotalByFunction) {
    LiveTable table;
    table.add(slice());
    const auto rows = table.rows({});
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0].name, "work");  // by self
    EXPECT_DOUBLE_EQ(rows[0].amount.self, 2);
    EXPECT_DOUBLE_EQ(rows[0].amount.total, 3);
    EXPECT_EQ(rows[0].place, "app.py:5");
    EXPECT_DOUBLE_EQ(find(rows, "main")->amount.total, 4);
    EXPECT_DOUBLE_EQ(find(rows, "main")->amount.self, 0);
    EXPECT_EQ(table.rows({.sort = SortBy::kTotal})[0].name, "main");
    EXPECT_EQ(table.rows({.sort = SortBy::kName})[0].name, "main");
    EXPECT_EQ(table.rows({.python_only = true}).size(), 3u);
    EXPECT_EQ(table.rows({.filter = "_JSON"}).size(), 1u);
    EXPECT_EQ(find(table.rows({.view = View::kLines}), "work")->place, "app.py:7");
    EXPECT_DOUBLE_EQ(table.header(Window::kNow).python_ticks, 4);
}

TEST(LiveTable, CountsProcessesThreadsAndContainers) {
    LiveTable table;
    Profile profile = slice();
    table.add(profile);
    EXPECT_EQ(table.rows({.view = View::kProcesses}).at(0).name, "10 app");
    EXPECT_EQ(table.rows({.view = View::kThreads}).at(0).name, "11 worker");
    EXPECT_EQ(table.rows({.view = View::kContainers}).at(0).name, "[host]");
    EXPECT_DOUBLE_EQ(table.rows({.view = View::kContainers}).at(0).amount.self, 4);
}

TEST(LiveTable, TellsCallers) {
    LiveTable table;
    table.add(slice());
    const Row work = *find(table.rows({}), "work");
    const auto callers = table.callers_of(work.key, Window::kNow);
    ASSERT_EQ(callers.size(), 1u);
    EXPECT_EQ(callers[0].name, "main");
    EXPECT_DOUBLE_EQ(callers[0].amount.total, 3);
}

TEST(LiveTable, NowIsTheLastIntervals) {
    LiveTable table;
    table.add(slice());
    for (size_t i = 0; i <= kNowIntervals; ++i) table.end_interval();
    EXPECT_TRUE(table.rows({}).empty());
    EXPECT_DOUBLE_EQ(table.rows({.window = Window::kAll})[0].amount.self, 2);
    EXPECT_DOUBLE_EQ(table.header(Window::kAll).ticks, 4);
    table.reset();
    EXPECT_TRUE(table.rows({.window = Window::kAll}).empty());
}

TEST(LiveTable, OutlivesTheIdsOfItsSlices) {
    LiveTable table;
    Profile profile = slice();
    table.add(profile);
    profile.samples.clear();
    profile.forget_stacks();
    // Other frames get the ids of those that were forgotten.
    profile::Frame frame{.kind = profile::FrameKind::kPython};
    frame.function = profile.strings.intern("other");
    const auto stack = profile.stacks.push({}, profile.frames.intern(frame));
    profile.samples.push_back({.weight = output::test::kPeriodNs, .stack = stack, .thread = {0}});
    table.add(profile);
    EXPECT_DOUBLE_EQ(find(table.rows({}), "other")->amount.self, 1);
    EXPECT_DOUBLE_EQ(find(table.rows({}), "work")->amount.self, 2);
}

}  // namespace
}  // namespace pyebpf::tui
