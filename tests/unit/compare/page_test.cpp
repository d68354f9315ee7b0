// SPDX-License-Identifier: Apache-2.0
#include "compare/page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "synthetic_profile.h"

namespace pyebpf::compare {
namespace {

struct Program {
    std::string folder;
    std::string worker = "work";
    uint64_t work = 400;
    uint32_t first_line = 10;
};

profile::Profile run_of(const Program& program) {
    output::test::ProfileBuilder b;
    const auto thread = b.thread(6, "python3", 6, "python3");
    const std::string file = program.folder + "/app.py";
    const auto main = b.python("main", file, 1);
    b.add(thread,
          {main, b.python(program.worker, file, program.first_line), b.native("memcpy", "libc.so")},
          program.work / 2);
    b.add(thread, {main, b.python(program.worker, file, program.first_line)}, program.work / 2);
    b.add(thread, {main, b.python("other", file, 40)}, 600);
    b.add(thread, {main, b.python("another", file, 60)}, 900);
    b.profile().sources = {{"cpu-clock", "nanoseconds", 1'000'000, 1000}};
    return b.take();
}

class Page : public testing::Test {
  protected:
    void compare(const Program& base, const Program& head) {
        for (uint64_t i = 0; i < 5; i++) {
            Program program = base;
            program.work += 4 * i;
            base_.push_back({"base", run_of(program), 1});
            program = head;
            program.work += 4 * i;
            head_.push_back({"head", run_of(program), 1});
        }
        auto loaded = load_sides(base_, head_);
        ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
        loaded_ = std::move(*loaded);
        comparison_ = compare::compare(loaded_.sides, thresholds_);
    }
    Report report() {
        return {.loaded = loaded_,
                .comparison = comparison_,
                .thresholds = thresholds_,
                .base_name = "main",
                .head_name = "topic",
                .base_runs = base_,
                .head_runs = head_};
    }
    static std::set<std::string> functions(const profile::Profile& profile) {
        std::set<std::string> result;
        for (const profile::Sample& sample : profile.samples)
            for (const auto frame : profile.stacks.frames(sample.stack))
                result.insert(std::string(profile.text(profile.frame(frame).function)) + " " +
                              std::string(profile.text(profile.frame(frame).file)));
        return result;
    }

    std::vector<NamedProfile> base_;
    std::vector<NamedProfile> head_;
    Loaded loaded_;
    Thresholds thresholds_;
    Comparison comparison_;
};

TEST_F(Page, TwoCheckoutsHaveTheSameFunctions) {
    compare({.folder = "/tmp/base"}, {.folder = "/src/head"});
    const auto sides = page_sides(report());
    ASSERT_TRUE(sides.has_value());
    EXPECT_EQ(functions(sides->base), functions(sides->head));
    EXPECT_TRUE(functions(sides->head).contains("work /src/head/app.py"));
    EXPECT_EQ(sides->base.samples.size(), 5 * run_of({.folder = "/x"}).samples.size() + 40);
}

TEST_F(Page, ARenamedFunctionHasItsNewName) {
    compare({.folder = "/src", .worker = "work"}, {.folder = "/src", .worker = "labour"});
    const auto sides = page_sides(report());
    ASSERT_TRUE(sides.has_value());
    EXPECT_TRUE(functions(sides->base).contains("labour /src/app.py"));
    EXPECT_FALSE(functions(sides->base).contains("work /src/app.py"));
}

TEST(LoadSides, RefusesAnotherProgram) {
    output::test::ProfileBuilder b;
    const auto thread = b.thread(6, "sh", 6, "sh");
    b.add(thread, {b.native("memcpy", "libc.so")}, 900);
    b.profile().sources = {{"cpu-clock", "nanoseconds", 1'000'000, 1000}};
    const profile::Profile other = b.take();
    const profile::Profile run = run_of({.folder = "/src"});
    const auto loaded =
        load_sides({{"a", run, 1}, {"b", run, 1}}, {{"c", other, 1}, {"d", other, 1}});
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().exit_code, kExitCannotMeasure);
    EXPECT_TRUE(
        load_sides({{"a", run, 1}, {"b", run, 1}}, {{"c", run, 1}, {"d", run, 1}}).has_value());
}

TEST_F(Page, RunsFollowEachOther) {
    compare({.folder = "/src"}, {.folder = "/src"});
    const auto sides = page_sides(report());
    ASSERT_TRUE(sides.has_value());
    double seconds = 0;
    for (const NamedProfile& run : head_) seconds += run.profile.duration_seconds();
    EXPECT_NEAR(sides->head.duration_seconds(), seconds, 1e-6);
}

TEST_F(Page, FindingsNameTheirFunction) {
    compare({.folder = "/tmp/base"}, {.folder = "/src/head", .work = 800, .first_line = 12});
    const output::Difference difference = page_difference(report());
    EXPECT_EQ(difference.base_name, "main");
    EXPECT_NE(difference.conclusion.find("regression"), std::string::npos);
    const auto work =
        std::ranges::find(difference.verdicts, "work", &output::FunctionVerdict::function);
    ASSERT_NE(work, difference.verdicts.end());
    EXPECT_EQ(work->verdict, output::Verdict::kSlower);
    EXPECT_EQ(work->file, "/src/head/app.py");
    EXPECT_NEAR(work->head / work->base, 2, 0.05);
    EXPECT_LE(work->low, work->head - work->base);
    EXPECT_GE(work->high, work->head - work->base);
    EXPECT_NE(work->note.find("slower"), std::string::npos);
    const auto other =
        std::ranges::find(difference.verdicts, "other", &output::FunctionVerdict::function);
    ASSERT_NE(other, difference.verdicts.end());
    EXPECT_NE(other->verdict, output::Verdict::kSlower);
}

}  // namespace
}  // namespace pyebpf::compare
