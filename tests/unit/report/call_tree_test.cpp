// SPDX-License-Identifier: Apache-2.0
#include "report/call_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "output/columns.h"
#include "synthetic_profile.h"

namespace pyebpf::report {
namespace {

using output::test::ProfileBuilder;
using ::testing::HasSubstr;
using ::testing::Not;
using Direction = TreeOptions::Direction;

std::string tree_text(const profile::Profile& profile, const TreeOptions& options,
                      const ViewOptions& view = {}) {
    const StackAmounts amounts(profile, {});
    const auto tree = CallTree::make(amounts, options);
    EXPECT_TRUE(tree) << tree.error().message;
    return tree ? tree->text(view) : "";
}

// The names below each other, "  " a level deeper where it branches; from the first name on.
std::string names_of(const std::string& text) {
    std::istringstream lines(text);
    std::string result;
    bool is_heading = true;
    for (std::string line; std::getline(lines, line); is_heading = false)
        if (!is_heading) result += line.substr(31) + "\n";
    return result;
}

TEST(CallTree, LibraryFramesFoldIntoTheOneThatWasCalled) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3", "3.13.5");
    const auto app = b.python("main", "/srv/app.py", 1);
    const auto key = b.python("key", "/srv/app.py", 9);
    const auto loads = b.python("loads", "/usr/lib/python3.13/json/__init__.py", 299);
    const auto decode = b.python("JSONDecoder.decode", "/usr/lib/python3.13/json/decoder.py", 333);
    const auto runpy = b.python("_run_code", "<frozen runpy>", 65);
    b.add(thread, {runpy, app, loads, decode, b.native("scan_once", "_json.so")}, 60);
    b.add(thread, {runpy, app, loads, decode, key}, 30);
    b.add(thread, {runpy, app}, 10);
    EXPECT_EQ(names_of(tree_text(b.take(), {})),
              "main (/srv/app.py:1)\n"
              "loads (/usr/lib/python3.13/json/__init__.py:299)\n"
              "key (/srv/app.py:9)\n");
}

TEST(CallTree, AllFramesFoldsNothing) {
    ProfileBuilder b;
    b.add(b.thread(1, "python3", 1, "python3"),
          {b.python("_run_code", "<frozen runpy>", 65), b.python("main", "/srv/app.py", 1),
           b.native("scan_once", "_json.so"), b.native("scan_once", "_json.so")});
    EXPECT_EQ(names_of(tree_text(b.take(), {.all_frames = true})),
              "_run_code (<frozen runpy>:65)\n"
              "main (/srv/app.py:1)\n"
              "scan_once (_json.so)\n"
              "scan_once (_json.so)\n");
}

TEST(CallTree, StacksWithoutApplicationStayAsTheyAre) {
    ProfileBuilder b;
    b.add(b.thread(1, "bash", 1, "bash"),
          {b.native("main", "bash"), b.native("waitpid", "libc.so.6"), b.kernel("do_wait")});
    EXPECT_EQ(names_of(tree_text(b.take(), {})),
              "main (bash)\n"
              "waitpid (libc.so.6)\n"
              "do_wait\n");
}

TEST(CallTree, DirectRecursionIsOneLevel) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3");
    const auto walk = b.python("walk", "/srv/tree.py", 3);
    b.add(thread, {walk, walk, walk});
    b.add(thread, {walk});
    EXPECT_EQ(names_of(tree_text(b.take(), {})), "walk (/srv/tree.py:3)\n");
}

TEST(CallTree, BranchesAreSortedAndSmallOnesSummedUp) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3");
    const auto main = b.python("main", "/srv/app.py", 1);
    b.add(thread, {main, b.python("small", "/srv/app.py", 2)}, 20);
    b.add(thread, {main, b.python("large", "/srv/app.py", 3)}, 68);
    for (int i = 0; i < 4; ++i)
        b.add(thread, {main, b.python("tiny" + std::to_string(i), "/srv/app.py", 4)}, 3);
    EXPECT_EQ(names_of(tree_text(b.take(), {.min_share_percent = 5})),
              "main (/srv/app.py:1)\n"
              "├ large (/srv/app.py:3)\n"
              "├ small (/srv/app.py:2)\n"
              "└ [4 smaller]\n");
}

TEST(CallTree, CallersShareWhatTheFunctionTook) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3");
    const auto main = b.python("main", "/srv/app.py", 1);
    const auto copy = b.native("memcpy", "libc.so.6");
    b.add(thread, {main, b.python("read", "/srv/app.py", 10), copy}, 30);
    b.add(thread, {main, b.python("write", "/srv/app.py", 20), copy}, 10);
    b.add(thread, {main}, 60);
    const auto profile = b.take();
    EXPECT_EQ(tree_text(profile, {.direction = Direction::kCallers, .function = "memcpy"}),
              "     total   share  function\n"
              "  404.0 ms 100.0 %  memcpy (libc.so.6)\n"
              "  303.0 ms  75.0 %  ├ read (/srv/app.py:10)\n"
              "  303.0 ms  75.0 %  │ main (/srv/app.py:1)\n"
              "  101.0 ms  25.0 %  └ write (/srv/app.py:20)\n"
              "  101.0 ms  25.0 %    main (/srv/app.py:1)\n");
}

TEST(CallTree, CalleesBeginAtTheOutermostActivation) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3");
    const auto main = b.python("main", "/srv/app.py", 1);
    const auto walk = b.python("Tree.walk", "/srv/tree.py", 3);
    const auto visit = b.python("visit", "/srv/tree.py", 30);
    b.add(thread, {main, walk, visit, walk}, 1);
    b.add(thread, {main, walk}, 3);
    EXPECT_EQ(tree_text(b.take(), {.direction = Direction::kCallees, .function = "walk"}),
              "     total   share       self  function\n"
              "   40.4 ms 100.0 %    30.3 ms  Tree.walk (/srv/tree.py:3)\n"
              "   10.1 ms  25.0 %             visit (/srv/tree.py:30)\n"
              "   10.1 ms  25.0 %    10.1 ms  Tree.walk (/srv/tree.py:3)\n");
}

TEST(CallTree, UnknownFunctionIsNamed) {
    const auto profile = output::test::small_profile();
    const StackAmounts amounts(profile, {});
    const auto tree =
        CallTree::make(amounts, {.direction = Direction::kCallers, .function = "nobody\n"});
    ASSERT_FALSE(tree);
    EXPECT_THAT(tree.error().message, HasSubstr("nobody\\x0a"));
}

TEST(CallTree, ProcessesAreRoots) {
    const auto profile = output::test::small_profile();
    const StackAmounts amounts(profile, {.per_process = true});
    const auto tree = CallTree::make(amounts, {});
    ASSERT_TRUE(tree);
    EXPECT_THAT(names_of(tree->text({})), HasSubstr(" train.py (pid 4410)\n"));
}

TEST(CallTree, BranchesEndAtSmallNodes) {
    ProfileBuilder b;
    const auto main = b.python("main", "/srv/app.py", 1);
    const auto work = b.python("work", "/srv/app.py", 9);
    const auto rest = b.python("rest", "/srv/app.py", 20);
    const auto busy = b.thread(1, "web", 1, "web");
    b.add(busy, {main, work}, 80);
    b.add(busy, {main, rest, work}, 12);
    b.add(b.thread(2, "job", 2, "job"), {main, work}, 8);
    const auto profile = b.take();
    const StackAmounts amounts(profile, {.per_process = true});
    const auto tree = CallTree::make(amounts, {});
    ASSERT_TRUE(tree);
    const auto all = tree->branches(0);
    EXPECT_EQ(all.nodes.size(), 1u + 5u + 3u);
    const auto large = tree->branches(20 * output::test::kPeriodNs);
    ASSERT_EQ(large.nodes.size(), 1u + 4u + 1u);
    EXPECT_EQ(large.nodes[0].total, all.nodes[0].total);
    EXPECT_EQ(large.nodes.back().total, 8 * output::test::kPeriodNs);
    EXPECT_TRUE(large.children.back().empty());
}

TEST(CallTree, CallersEndWithTheRoots) {
    ProfileBuilder b;
    const auto main = b.python("main", "/srv/app.py", 1);
    const auto work = b.python("work", "/srv/app.py", 9);
    b.add(b.thread(1, "web", 1, "web"), {main, work, work}, 3);
    b.add(b.thread(2, "job", 2, "job"), {main, work}, 1);
    const auto profile = b.take();
    const StackAmounts amounts(profile, {.per_process = true});
    const auto tree =
        CallTree::make(amounts, {.direction = Direction::kCallers, .function = "work"});
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->text({}),
              "     total   share  function\n"
              "   40.4 ms 100.0 %  work (/srv/app.py:9)\n"
              "   40.4 ms 100.0 %  main (/srv/app.py:1)\n"
              "   30.3 ms  75.0 %  ├ web (pid 1)\n"
              "   10.1 ms  25.0 %  └ job (pid 2)\n");
}

TEST(CallTree, NoLineExceedsTheWidth) {
    for (const auto& profile : {output::test::small_profile(), output::test::hostile_profile(),
                                output::test::large_profile(3000)}) {
        for (const size_t width : {size_t{40}, size_t{60}, size_t{120}}) {
            std::istringstream text(
                tree_text(profile, {.all_frames = true, .min_share_percent = 0}, {.width = width}));
            for (std::string line; std::getline(text, line);)
                ASSERT_LE(output::columns(line), width) << line;
        }
    }
}

TEST(CallTree, ColorsOnlyIfTold) {
    EXPECT_THAT(tree_text(output::test::hostile_profile(), {}), Not(HasSubstr("\x1b")));
    EXPECT_THAT(tree_text(output::test::small_profile(), {}, {.color = true}),
                HasSubstr("\x1b[33m"));
}

TEST(CallTree, JsonHasEveryNodeAndAddsUp) {
    const auto profile = output::test::small_profile();
    const StackAmounts amounts(profile, {});
    const auto tree = CallTree::make(amounts, {.all_frames = true});
    ASSERT_TRUE(tree);
    const auto document = nlohmann::json::parse(tree->json());
    EXPECT_EQ(document["view"], "calls");
    EXPECT_EQ(document["unit"], "nanoseconds");
    EXPECT_EQ(document["total"], document["tree"]["total"]);
    size_t nodes = 0;
    const std::function<void(const nlohmann::json&)> visit = [&](const nlohmann::json& node) {
        ++nodes;
        uint64_t sum = node["self"];
        for (const auto& child : node["children"]) {
            sum += child["total"].get<uint64_t>();
            visit(child);
        }
        EXPECT_EQ(sum, node["total"]);
    };
    visit(document["tree"]);
    EXPECT_EQ(nodes, tree->branches(0).nodes.size());
}

}  // namespace
}  // namespace pyebpf::report
