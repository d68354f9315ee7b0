// SPDX-License-Identifier: Apache-2.0
// The decision on simulated programs. Statements about rates are bounds that a correct program
// breaks with a chance below 1e-4; seeds are fixed.
#include "compare/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "simulated_runs.h"

namespace pyebpf::compare {
namespace {

using test::Experiment;
using test::Path;
using test::simulate;

// Functions of 40, 10, 2 % and seven of about 7 %, below a main function.
std::vector<Path> program() {
    std::vector<Path> paths{
        {{"main", "big"}, 0.40}, {{"main", "middle"}, 0.10}, {{"main", "handle", "small"}, 0.02}};
    for (int i = 0; i < 7; i++) paths.push_back({{"main", "other" + std::to_string(i)}, 0.48 / 7});
    return paths;
}

std::vector<Path> with_factor(const std::string& function, double factor) {
    std::vector<Path> paths = program();
    for (Path& path : paths)
        if (path.functions.back() == function) path.cost *= factor;
    return paths;
}

int count(const Comparison& comparison, Outcome outcome) {
    return static_cast<int>(
        std::ranges::count(comparison.differences, outcome, &Difference::outcome));
}

const Difference* find(const Sides& sides, const Comparison& comparison, const std::string& name,
                       Measure measure = Measure::kSelf) {
    for (const Difference& difference : comparison.differences) {
        if (difference.function.valid() && difference.measure == measure &&
            sides.functions[difference.function].name == name)
            return &difference;
    }
    return nullptr;
}

TEST(Compare, EqualProgramsOnANoisyMachineRaiseNoAlarm) {
    int alarms = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        const Sides sides = simulate(
            {program(), program(), {.ticks = 10'000, .function_noise = 0.05, .run_noise = 0.1}},
            seed);
        alarms += compare(sides, {}).verdict == Verdict::kRegression ? 1 : 0;
    }
    // At most 5 %: 10 expected, 23 has a chance below 1e-4.
    EXPECT_LE(alarms, 22);
}

TEST(Compare, WithoutTheGatesOfSizeTheLevelStillHolds) {
    int alarms = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        const Sides sides =
            simulate({program(), program(), {.function_noise = 0.05, .run_noise = 0.1}}, seed);
        alarms +=
            compare(sides, {.max_regression = 0, .min_effect = 0}).verdict == Verdict::kRegression
                ? 1
                : 0;
    }
    // 5 % of 400 is 20; 38 has a chance below 1e-4. A level that is never used up would be a
    // mistake as well.
    EXPECT_LE(alarms, 37);
    EXPECT_GE(alarms, 3);
}

TEST(Compare, FindsTenPercentMoreInAFunctionOfATenth) {
    int found = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const Sides sides = simulate({program(),
                                      with_factor("middle", 1.10),
                                      {.ticks = 20'000, .function_noise = 0.01, .run_noise = 0.1}},
                                     seed);
        const Comparison comparison = compare(sides, {});
        const Difference* middle = find(sides, comparison, "middle");
        ASSERT_NE(middle, nullptr);
        found += middle->outcome == Outcome::kRegressed ? 1 : 0;
    }
    // At least 90 %, less three standard deviations of 100 draws.
    EXPECT_GE(found, 81);
}

TEST(Compare, EstimatesTheChangeOfCostAndNotOfTheShare) {
    const Sides sides = simulate({program(), with_factor("big", 1.5), {.ticks = 50'000}, 10}, 1);
    const Comparison comparison = compare(sides, {});
    const Difference* big = find(sides, comparison, "big");
    ASSERT_NE(big, nullptr);
    EXPECT_NEAR(big->estimate.change, 0.5, 0.02);
    EXPECT_NEAR(big->base_cost, 0.4, 0.01);
    EXPECT_NEAR(big->head_cost, 0.6, 0.015);
    EXPECT_EQ(comparison.verdict, Verdict::kRegression);
}

TEST(Compare, AFunctionThatBecomesCheaperAccusesNoOther) {
    int alarms = 0;
    int improved = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const Sides sides = simulate(
            {program(), with_factor("big", 0.5), {.ticks = 20'000, .function_noise = 0.02}}, seed);
        const Comparison comparison = compare(sides, {});
        alarms += comparison.verdict == Verdict::kRegression ? 1 : 0;
        const Difference* big = find(sides, comparison, "big");
        improved += big != nullptr && big->outcome == Outcome::kImproved ? 1 : 0;
    }
    EXPECT_LE(alarms, 14);  // 5 expected at most
    EXPECT_EQ(improved, 100);
}

TEST(Compare, AWrapperAroundWhatWasThereIsNoRegression) {
    std::vector<Path> wrapped = program();
    for (Path& path : wrapped)
        if (path.functions.back() != "other6")
            path.functions.insert(path.functions.begin() + 1, "wrapper");
    int alarms = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const Sides sides =
            simulate({program(), wrapped, {.ticks = 20'000, .function_noise = 0.02}}, seed);
        const Comparison comparison = compare(sides, {});
        alarms += comparison.verdict == Verdict::kRegression ? 1 : 0;
        EXPECT_EQ(find(sides, comparison, "wrapper", Measure::kTotal), nullptr);
    }
    EXPECT_LE(alarms, 14);  // 5 expected at most
}

TEST(Compare, ManySmallFunctionsThatBecomeCheaperAccuseNoLargeOne) {
    std::vector<Path> base{
        {{"m:main", "m:a"}, 0.23}, {{"m:main", "m:b"}, 0.23}, {{"m:main", "m:c"}, 0.24}};
    for (size_t i = 0; i < 100; i++)
        base.push_back({{"m:start", "lib:f" + std::to_string(i)}, 0.003});
    std::vector<Path> head = base;
    for (size_t i = 3; i < head.size(); i++) head[i].cost /= 2;
    size_t alarms = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const Sides sides = simulate(
            {.base = base, .head = head, .machine = {.ticks = 10'000, .run_noise = 0.03}}, seed);
        alarms += compare(sides, {}).verdict == Verdict::kRegression ? 1 : 0;
    }
    EXPECT_LE(alarms, 10);  // 5 % of 100; 11 have a chance below 0.01
}

TEST(Compare, ALargerNumberOfSamplesDoesNotReplaceRuns) {
    // 3 % noise from run to run in every function, two million samples a side: a pooled test of
    // proportions would alarm in most of these.
    int alarms = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const Sides sides =
            simulate({program(), program(), {.ticks = 300'000, .function_noise = 0.03}}, seed);
        alarms +=
            compare(sides, {.max_regression = 0, .min_effect = 0}).verdict == Verdict::kRegression
                ? 1
                : 0;
    }
    EXPECT_LE(alarms, 14);
}

TEST(Compare, ARefactoringThatMovesCostIsNoRegression) {
    std::vector<Path> after{{{"main", "app:big"}, 0.25},
                            {{"main", "app:big", "app:helper"}, 0.15},
                            {{"main", "app:middle"}, 0.60}};
    const Sides sides = simulate({{{{"main", "app:big"}, 0.40}, {{"main", "app:middle"}, 0.60}},
                                  after,
                                  {.ticks = 20'000, .function_noise = 0.02}},
                                 3);
    const Comparison comparison = compare(sides, {});
    EXPECT_NE(comparison.verdict, Verdict::kRegression) << comparison.reason;
    const Difference* helper = find(sides, comparison, "helper");
    ASSERT_NE(helper, nullptr);
    EXPECT_EQ(helper->outcome, Outcome::kMoved);
    EXPECT_EQ(helper->group.size(), 2u);
}

TEST(Compare, ARefactoringThatAlsoGotSlowerIsARegression) {
    std::vector<Path> after{{{"main", "app:big"}, 0.25},
                            {{"main", "app:big", "app:helper"}, 0.30},
                            {{"main", "app:middle"}, 0.60}};
    const Sides sides = simulate({{{{"main", "app:big"}, 0.40}, {{"main", "app:middle"}, 0.60}},
                                  after,
                                  {.ticks = 20'000, .function_noise = 0.02}},
                                 3);
    const Comparison comparison = compare(sides, {});
    EXPECT_EQ(comparison.verdict, Verdict::kRegression);
    EXPECT_EQ(find(sides, comparison, "helper")->outcome, Outcome::kRegressed);
}

TEST(Compare, CostThatMovedBetweenStrangersIsARegression) {
    const Sides sides = simulate({{{{"main", "a:left", "a:f"}, 0.3},
                                   {{"main", "b:right", "b:g"}, 0.3},
                                   {{"main", "c:h"}, 0.4}},
                                  {{{"main", "a:left", "a:f"}, 0.2},
                                   {{"main", "b:right", "b:g"}, 0.4},
                                   {{"main", "c:h"}, 0.4}},
                                  {.ticks = 20'000, .function_noise = 0.02}},
                                 3);
    const Comparison comparison = compare(sides, {});
    EXPECT_EQ(find(sides, comparison, "g")->outcome, Outcome::kRegressed);
    EXPECT_EQ(find(sides, comparison, "f")->outcome, Outcome::kImproved);
}

TEST(Compare, SmallPiecesAreFoundInTheirCaller) {
    // A hundred functions of 0.1 %, each 60 % dearer: none is tested alone, their caller is.
    std::vector<Path> base{{{"main", "work"}, 0.9}};
    std::vector<Path> head = base;
    for (int i = 0; i < 100; i++) {
        const std::string piece = "piece" + std::to_string(i);
        base.push_back({{"main", "outer", "many", piece}, 0.001});
        head.push_back({{"main", "outer", "many", piece}, 0.0016});
    }
    const Sides sides = simulate({base, head, {.ticks = 20'000, .function_noise = 0.02}}, 4);
    const Comparison comparison = compare(sides, {});
    const Difference* many = find(sides, comparison, "many", Measure::kTotal);
    ASSERT_NE(many, nullptr);
    const Difference* outer = find(sides, comparison, "outer", Measure::kTotal);
    ASSERT_NE(outer, nullptr);
    EXPECT_TRUE(many->outcome == Outcome::kRegressed || outer->outcome == Outcome::kRegressed);
    EXPECT_EQ(std::ranges::count_if(comparison.differences,
                                    [](const Difference& difference) {
                                        return difference.measure == Measure::kTotal &&
                                               difference.outcome == Outcome::kRegressed;
                                    }),
              1)
        << "one chain of callers, one regression";
}

TEST(Compare, SeesAProgramThatIsSlowerEverywhere) {
    std::vector<Path> slower = program();
    for (Path& path : slower) path.cost *= 1.3;
    const Sides sides =
        simulate({program(), slower, {.function_noise = 0.01, .run_noise = 0.03}}, 2);
    const Comparison comparison = compare(sides, {});
    EXPECT_EQ(comparison.verdict, Verdict::kRegression);
    ASSERT_FALSE(comparison.differences.empty());
    EXPECT_EQ(comparison.differences.front().measure, Measure::kWhole);
    EXPECT_EQ(count(comparison, Outcome::kRegressed), 1);
}

TEST(Compare, TooFewSamplesAreInconclusiveAndSaySo) {
    const Sides sides = simulate({program(), program(), {.ticks = 200}}, 6);
    const Comparison comparison = compare(sides, {});
    EXPECT_EQ(comparison.verdict, Verdict::kInconclusive);
    EXPECT_NE(comparison.reason.find("would have been seen"), std::string::npos)
        << comparison.reason;
}

TEST(Compare, PowerStatementHolds) {
    // What it says it finds nine times of ten is found at least eight times of ten.
    const test::Machine machine{.ticks = 10'000, .function_noise = 0.02};
    double promised = 0;
    for (uint64_t seed = 0; seed < 20; seed++)
        promised = std::max(
            promised,
            compare(simulate({program(), program(), machine}, seed), {}).power[1].increase);
    ASSERT_LT(promised, 1);
    int found = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const Sides sides =
            simulate({program(), with_factor("middle", 1 + promised), machine}, 1000 + seed);
        const Comparison comparison = compare(sides, {});
        found += find(sides, comparison, "middle")->outcome == Outcome::kRegressed ? 1 : 0;
    }
    EXPECT_GE(found, 80);
}

TEST(Compare, OneRunASideProvesNothing) {
    Sides sides = simulate({program(), with_factor("middle", 2), {.ticks = 1000}, 10}, 1);
    const Comparison comparison = compare(sides, {}, true);
    EXPECT_TRUE(comparison.is_descriptive);
    EXPECT_EQ(comparison.verdict, Verdict::kInconclusive);
    const Difference* middle = find(sides, comparison, "middle");
    ASSERT_NE(middle, nullptr);
    EXPECT_LT(middle->estimate.low, 1);
    EXPECT_GT(middle->estimate.high, 1);
}

}  // namespace
}  // namespace pyebpf::compare
