// SPDX-License-Identifier: Apache-2.0
#include "compare/calibration.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "compare/comparison.h"
#include "simulated_runs.h"

namespace pyebpf::compare {
namespace {

using test::Machine;
using test::Path;
using test::simulate;

const std::vector<Path> kProgram{
    {{"m:main", "m:a"}, 0.1}, {{"m:main", "m:b"}, 0.4}, {{"m:main", "m:c"}, 0.5}};

Environment machine(const std::string& kernel = "6.1", const std::string& cpu = "Fast 9000") {
    return {
        .facts = {{"machine", "x86_64"}, {"cpus", "4"}, {"cpu_model", cpu}, {"kernel", kernel}}};
}

std::string temporary_file() {
    std::string path = testing::TempDir() + "pyebpf-calibration-XXXXXX";
    const int fd = ::mkstemp(path.data());
    ::close(fd);
    std::filesystem::remove(path);
    return path;
}

TEST(Calibrate, FindsTheNoiseOfTheRunsWhateverTheirLength) {
    // Noise of the cost alone: its odds against the rest vary by cv × sqrt(1 + the rest's share of
    // that noise); two functions that are the rest have noise of their own.
    for (const double ticks : {5'000.0, 50'000.0}) {
        const Sides sides = simulate({.base = kProgram,
                                      .head = kProgram,
                                      .machine = {.ticks = ticks, .function_noise = 0.1},
                                      .runs = 200},
                                     1);
        const Calibration found = calibrate(sides, 0.005);
        EXPECT_EQ(found.runs, 400);
        EXPECT_EQ(found.degrees, 398);
        ASSERT_TRUE(found.functions.contains("m:a"));
        // The rest: 0.4 and 0.5 of 0.9, each with 10 %: 0.1 × sqrt(0.4² + 0.5²) / 0.9.
        const double expected = 0.01 * (1 + (0.16 + 0.25) / 0.81);
        EXPECT_NEAR(found.functions.at("m:a") / expected, 1, 0.25) << ticks;
    }
}

TEST(Calibrate, EqualRunsHaveNoNoise) {
    const Sides sides = simulate(
        {.base = kProgram, .head = kProgram, .machine = {.ticks = 10'000}, .runs = 100}, 1);
    const Calibration found = calibrate(sides, 0.005);
    EXPECT_LT(std::sqrt(found.functions.at("m:b")), 0.02);
}

TEST(Calibrate, TheFloorMatchesTheDispersionOfSuchRuns) {
    const Machine noisy{.ticks = 20'000, .function_noise = 0.05};
    const Sides sides =
        simulate({.base = kProgram, .head = kProgram, .machine = noisy, .runs = 100}, 3);
    const Calibration found = calibrate(sides, 0.005);
    const Series all = all_ticks(sides);
    for (const auto& [function, ticks] : self_ticks(sides)) {
        const auto [base, head] = against_rest(ticks, all);
        const Dispersion floor = found.floor(sides.functions[function].text(), base, head);
        EXPECT_NEAR(floor.value / own_dispersion(base, head).value, 1, 0.01);
        EXPECT_EQ(floor.degrees, 198);
        EXPECT_EQ(found.floor("m:unknown", base, head).degrees, 0);
    }
}

// Few runs that agree by luck raise fewer alarms with the calibration.
TEST(Calibrate, ComparisonsOfFewRunsKeepTheirLevelAndGainPower) {
    const Machine noisy{.ticks = 20'000, .function_noise = 0.05};
    const Calibration calibration = calibrate(
        simulate({.base = kProgram, .head = kProgram, .machine = noisy, .runs = 30}, 77), 0.005);
    Thresholds with{.max_regression = 0.01, .min_effect = 0.001, .calibration = &calibration};
    Thresholds without{.max_regression = 0.01, .min_effect = 0.001};
    std::vector<Path> slower = kProgram;
    slower[1].cost *= 1.2;
    size_t alarms = 0;
    size_t found_with = 0;
    size_t found_without = 0;
    constexpr size_t kRounds = 200;
    const auto is_found = [](const Sides& sides, const Thresholds& thresholds) {
        return compare(sides, thresholds).verdict == Verdict::kRegression ? 1 : 0;
    };
    for (size_t i = 0; i < kRounds; i++) {
        const Sides same =
            simulate({.base = kProgram, .head = kProgram, .machine = noisy, .runs = 3}, 1000 + i);
        alarms += is_found(same, with);
        const Sides differs =
            simulate({.base = kProgram, .head = slower, .machine = noisy, .runs = 3}, 5000 + i);
        found_with += is_found(differs, with);
        found_without += is_found(differs, without);
    }
    EXPECT_LE(alarms, 20);  // 5 % of 200, and three standard deviations
    EXPECT_GT(found_with, found_without);
}

TEST(CalibrationFile, KeepsOneForEachSuiteAndMachine) {
    const std::string path = temporary_file();
    Calibration one{.suite = "api",
                    .environment = machine(),
                    .saved_unix_s = 5,
                    .runs = 30,
                    .degrees = 28,
                    .functions = {{"m:a", 0.25}},
                    .typical = 0.5,
                    .whole = {0.125, 28}};
    ASSERT_TRUE(save_calibration(path, one).has_value());
    Calibration other = one;
    other.environment = machine("6.1", "Slow 1");
    ASSERT_TRUE(save_calibration(path, other).has_value());
    one.typical = 0.75;
    ASSERT_TRUE(save_calibration(path, one).has_value());

    const auto known = read_calibrations(path);
    ASSERT_TRUE(known.has_value());
    ASSERT_EQ(known->size(), 2);
    const Calibration& got = (*known)[1];
    EXPECT_EQ(got.suite, "api");
    EXPECT_EQ(got.environment.facts, one.environment.facts);
    EXPECT_EQ(got.saved_unix_s, 5);
    EXPECT_EQ(got.runs, 30);
    EXPECT_EQ(got.degrees, 28);
    EXPECT_EQ(got.functions, one.functions);
    EXPECT_EQ(got.typical, 0.75);
    EXPECT_EQ(got.whole.value, 0.125);
    std::filesystem::remove(path);
}

TEST(CalibrationFile, IsNotTrusted) {
    const std::string path = temporary_file();
    for (const char* text : {"", "[]", "{}", R"({"version":2,"calibrations":[]})",
                             R"({"version":1,"calibrations":7})"}) {
        std::ofstream(path) << text;
        EXPECT_EQ(read_calibrations(path).error().exit_code, 3) << text;
        EXPECT_FALSE(save_calibration(path, {}).has_value()) << "would lose what it is";
    }
    std::ofstream(path) << R"({"version":1,"calibrations":[3,{"suite":7,"runs":-1,"environment":[],
        "degrees_of_freedom":1e300,"log_odds_variance":{"a":-5,"b":"x","c":1e999},
        "typical_log_odds_variance":null}]})";
    const auto known = read_calibrations(path);
    if (known) {  // 1e999 may be refused as a whole
        ASSERT_EQ(known->size(), 1);
        for (const auto& [_, variance] : known->front().functions) EXPECT_GE(variance, 0);
        EXPECT_EQ(known->front().runs, 0);
        EXPECT_LE(known->front().degrees, 1e9);
    }
    std::filesystem::remove(path);
    EXPECT_FALSE(read_calibrations(path).has_value());
}

TEST(ChooseCalibration, IsForThisSuiteAndMachine) {
    const std::vector<Calibration> known{
        {.suite = "api", .environment = machine()},
        {.suite = "batch", .environment = machine("6.1", "Slow 1"), .typical = 2}};
    const auto fits = choose_calibration(known, "api", machine());
    ASSERT_TRUE(fits.calibration.has_value());
    EXPECT_TRUE(fits.warnings.empty());
    EXPECT_FALSE(fits.calibration->is_floor_only);

    const auto other_machine = choose_calibration(known, "batch", machine());
    EXPECT_FALSE(other_machine.calibration.has_value());
    ASSERT_EQ(other_machine.warnings.size(), 1);
    EXPECT_NE(other_machine.warnings[0].find("only on x86_64 4 CPUs Slow 1"), std::string::npos);

    const auto other_kernel = choose_calibration(known, "api", machine("6.5"));
    ASSERT_TRUE(other_kernel.calibration.has_value());
    EXPECT_TRUE(other_kernel.calibration->is_floor_only);
    ASSERT_EQ(other_kernel.warnings.size(), 1);
    EXPECT_NE(other_kernel.warnings[0].find("kernel: 6.1, here 6.5"), std::string::npos);
}

}  // namespace
}  // namespace pyebpf::compare
