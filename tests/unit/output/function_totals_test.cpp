// SPDX-License-Identifier: Apache-2.0
#include "output/function_totals.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using profile::FrameId;
using test::ProfileBuilder;

std::map<std::string, std::pair<double, double>> by_name(const profile::Profile& profile) {
    std::map<std::string, std::pair<double, double>> result;
    for (const auto& row : function_totals(profile).functions) {
        result[std::string(profile.text(row.function.function))] = {row.self, row.total};
    }
    return result;
}

TEST(FunctionTotals, RecursionCountsOncePerSample) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    const auto main = b.python("main", "a.py", 1);
    const auto fib = b.python("fib", "a.py", 5, 6);
    const auto other_line = b.python("fib", "a.py", 5, 7);
    b.add(thread, {main, fib, other_line, fib}, 3);
    b.add(thread, {main, fib}, 2);
    b.add(thread, {main}, 1);
    const auto totals = by_name(b.take());
    EXPECT_EQ(totals.at("main"), std::pair(1.0, 6.0));
    EXPECT_EQ(totals.at("fib"), std::pair(5.0, 5.0));
}

TEST(FunctionTotals, MarkersAreNotFunctions) {
    ProfileBuilder b;
    b.add(b.thread(1, "python", 1, "python"),
          {b.marker("[truncated: 1 frames]"), b.python("f", "a.py", 1)});
    const auto totals = by_name(b.take());
    EXPECT_EQ(totals.size(), 1u);
    EXPECT_TRUE(totals.contains("f"));
}

// The definition, taken literally: walk every sample's stack.
TEST(FunctionTotals, AgreeWithCountingEverySample) {
    const auto profile = test::large_profile(3000);
    using Key = std::tuple<uint32_t, uint32_t, uint32_t>;
    const auto key = [](const profile::Frame& f) {
        return Key{f.function.value, f.file.value, f.first_line};
    };
    std::map<Key, std::pair<double, double>> expected;
    for (const auto& sample : profile.samples) {
        const std::vector<FrameId> stack = profile.stacks.frames(sample.stack);
        std::set<Key> seen;
        for (const FrameId id : stack) seen.insert(key(profile.frame(id)));
        for (const Key& k : seen) expected[k].second += 1;
        expected[key(profile.frame(stack.back()))].first += 1;
    }
    const FunctionTotals totals = function_totals(profile);
    EXPECT_EQ(totals.ticks, static_cast<double>(profile.samples.size()));
    for (const auto& row : totals.functions) {
        EXPECT_EQ(std::pair(row.self, row.total), expected[key(row.function)]);
    }
}

TEST(FunctionTotals, TopIsSortedAndLeavesOutZeros) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    const auto main = b.python("main", "a.py", 1);
    for (const char* name : {"c", "a", "b"}) b.add(thread, {main, b.python(name, "a.py", 9)});
    const auto profile = b.take();
    const auto totals = function_totals(profile);
    const auto names = [&](const std::vector<FunctionTotal>& rows) {
        std::string text;
        for (const auto& row : rows) text += std::string(profile.text(row.function.function)) + " ";
        return text;
    };
    EXPECT_EQ(names(totals.top_by_self(profile, 10)), "a b c ");
    EXPECT_EQ(names(totals.top_by_total(profile, 2)), "main a ");
}

}  // namespace
}  // namespace pyebpf::output
