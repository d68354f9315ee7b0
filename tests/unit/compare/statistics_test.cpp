// SPDX-License-Identifier: Apache-2.0
// Expected values were computed independently: the t distribution by Simpson's rule on its density,
// the estimates from their formulas in Python.
#include "compare/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace pyebpf::compare {
namespace {

TEST(StudentT, AgreesWithNumericalIntegration) {
    EXPECT_NEAR(t_upper_tail(2, 10), 0.03669401738537309, 1e-10);
    EXPECT_NEAR(t_upper_tail(-1.3, 4.5), 0.8719019560279868, 1e-9);
    EXPECT_NEAR(t_quantile(0.975, 12), 2.178812829667267, 1e-7);
    EXPECT_NEAR(t_quantile(0.9975, 8), 3.8325186853444135, 1e-7);
}

TEST(CompareOdds, TakesTheDispersionFromTheRuns) {
    const Estimate estimate =
        compare_odds({{100, 120, 90}, {900, 880, 910}}, {{140, 150, 115}, {860, 850, 885}});
    EXPECT_NEAR(estimate.dispersion.value, 2.6507087576080894, 1e-9);
    EXPECT_EQ(estimate.dispersion.degrees, 4);
    EXPECT_NEAR(estimate.change, 0.35375856454144144, 1e-9);
    EXPECT_NEAR(estimate.standard_error, 0.13069152723377353, 1e-9);
    EXPECT_NEAR(estimate.low, -0.058210043360259575, 1e-6);
    EXPECT_NEAR(estimate.high, 0.9459352248861853, 1e-6);
    EXPECT_NEAR(estimate.p_increase, 0.04067730496292166, 1e-8);
    EXPECT_NEAR(estimate.p_increase + estimate.p_decrease, 1, 1e-12);
}

TEST(CompareOdds, NeverBelievesLessNoiseThanCountingHas) {
    const Estimate estimate =
        compare_odds({{100, 100, 100}, {900, 900, 900}}, {{110, 110, 110}, {890, 890, 890}});
    EXPECT_EQ(estimate.dispersion.value, 1);
}

TEST(CompareOdds, BelievesNoLessNoiseThanTheCalibration) {
    const Counts base{{100, 101, 99}, {900, 899, 901}};
    const Counts head{{110, 111, 109}, {890, 889, 891}};
    const Estimate quiet = compare_odds(base, head, {.calibrated = {2.5, 10}});
    EXPECT_EQ(quiet.dispersion.value, 2.5);
    EXPECT_EQ(quiet.dispersion.degrees, 10);
    EXPECT_NEAR(quiet.p_increase, 0.2216493364, 1e-8);
    // Without degrees it is a floor, and no more certain.
    const Estimate floor = compare_odds(base, head, {.calibrated = {2.5, 0}});
    EXPECT_EQ(floor.dispersion.value, 2.5);
    EXPECT_EQ(floor.dispersion.degrees, 4);
    // Runs that differ more speak for themselves.
    const Counts noisy{{100, 140, 60}, {900, 860, 940}};
    const Estimate own = compare_odds(noisy, head, {.calibrated = {2.5, 10}});
    EXPECT_GT(own.dispersion.value, 2.5);
    EXPECT_EQ(own.dispersion.degrees, 4);
}

TEST(CompareOdds, AFunctionThatAppearsHasAFiniteChange) {
    const Estimate estimate =
        compare_odds({{0, 0, 0}, {1000, 1000, 1000}}, {{50, 52, 48}, {950, 948, 952}});
    EXPECT_TRUE(std::isfinite(estimate.change));
    EXPECT_TRUE(std::isfinite(estimate.high));
    EXPECT_GT(estimate.change, 50);
    EXPECT_LT(estimate.p_increase, 0.02);
}

TEST(CompareOdds, AFunctionThatAppearsIsSignificantOnANoisyMachine) {
    // A dispersion of about ten: 200 ± 45 of 1000.
    const Counts base{{0, 0, 0, 0, 0}, {1000, 1000, 1000, 1000, 1000}};
    const Counts head{{200, 245, 155, 240, 160}, {800, 755, 845, 760, 840}};
    const Estimate estimate = compare_odds(base, head);
    EXPECT_GT(estimate.dispersion.value, 5);
    EXPECT_LT(estimate.p_increase, 1e-5);
    EXPECT_NEAR(estimate.p_increase + estimate.p_decrease, 1, 1e-9);
    EXPECT_LT(compare_odds(head, base).p_decrease, 1e-5);
    // Nothing on both sides says nothing.
    EXPECT_NEAR(compare_odds(base, base).p_increase, 0.5, 1e-9);
    // A few ticks are not enough.
    EXPECT_GT(compare_odds(base, {{1, 0, 0, 2, 0}, {999, 1000, 1000, 998, 1000}}).p_increase, 0.01);
}

TEST(CompareValues, IsWelchsTestOnLogarithms) {
    const std::vector<double> base{1.0, 1.1, 0.95, 1.05};
    const std::vector<double> head{1.2, 1.15, 1.3};
    const Estimate estimate = compare_values(base, head);
    EXPECT_NEAR(estimate.dispersion.degrees, 4.491609233074149, 1e-9);
    EXPECT_NEAR(estimate.change, 0.18721966658757314, 1e-9);
    EXPECT_NEAR(estimate.p_increase, 0.009443143499000606, 1e-8);
    EXPECT_NEAR(estimate.high, 0.34830261902203813, 1e-6);
}

TEST(CompareValues, BelievesNoLessNoiseThanTheCalibration) {
    const std::vector<double> base{1.0, 1.001, 0.999};
    const std::vector<double> head{1.05, 1.051, 1.049};
    EXPECT_LT(compare_values(base, head).p_increase, 1e-4);
    const Estimate estimate = compare_values(base, head, {.calibrated = {0.01, 28}});
    EXPECT_NEAR(estimate.standard_error, std::sqrt(2 * 0.01 / 3), 1e-9);
    EXPECT_NEAR(estimate.dispersion.degrees, 56, 1e-9);
    EXPECT_GT(estimate.p_increase, 0.2);
}

TEST(Holm, StopsAtTheFirstThatFails) {
    const std::vector<double> p{0.01, 0.04, 0.03, 0.005};
    const std::vector<double> equal(4, 1.0);
    const std::vector<double> adjusted = holm(p, equal);
    EXPECT_NEAR(adjusted[3], 0.02, 1e-12);
    EXPECT_NEAR(adjusted[0], 0.03, 1e-12);
    EXPECT_NEAR(adjusted[2], 0.06, 1e-12);
    EXPECT_NEAR(adjusted[1], 0.06, 1e-12);
}

TEST(Holm, WeightsDivideTheBudget) {
    // 0.03 has nine tenths of the budget: 0.03 / 0.9. The other then has all that is left: 0.04.
    const std::vector<double> adjusted =
        holm(std::vector<double>{0.03, 0.04}, std::vector<double>{0.9, 0.1});
    EXPECT_NEAR(adjusted[0], 0.03 / 0.9, 1e-12);
    EXPECT_NEAR(adjusted[1], 0.04, 1e-12);
}

TEST(BenjaminiHochberg, StepsUp) {
    const std::vector<double> adjusted =
        benjamini_hochberg(std::vector<double>{0.01, 0.04, 0.03, 0.005});
    EXPECT_NEAR(adjusted[3], 0.02, 1e-12);
    EXPECT_NEAR(adjusted[0], 0.02, 1e-12);
    EXPECT_NEAR(adjusted[2], 0.04, 1e-12);
    EXPECT_NEAR(adjusted[1], 0.04, 1e-12);
}

TEST(DetectableIncrease, FollowsTheFormula) {
    EXPECT_NEAR(detectable_increase({.share = 0.1,
                                     .base_ticks = 70'000,
                                     .head_ticks = 70'000,
                                     .dispersion = {1.2, 12},
                                     .alpha = 0.0035,
                                     .power = 0.9}),
                0.09399752125853314, 1e-6);
}

TEST(DetectableIncrease, IsInfiniteWithoutSamples) {
    EXPECT_TRUE(std::isinf(detectable_increase({.dispersion = {1, 12}})));
}

TEST(BootstrapOdds, CoversTheChangeOfBlocksWithCountingNoise) {
    // 200 experiments; each interval of 95 % covers with about that chance. Ten blocks make a
    // bootstrap interval a little short (near 0.92), so fewer than 165 of 200 has a chance below
    // 1e-4.
    std::mt19937_64 random(5);
    int covered = 0;
    for (int experiment = 0; experiment < 200; experiment++) {
        Counts base;
        Counts head;
        for (int block = 0; block < 10; block++) {
            base.part.push_back(std::poisson_distribution<int>(100)(random));
            base.rest.push_back(std::poisson_distribution<int>(900)(random));
            head.part.push_back(std::poisson_distribution<int>(120)(random));
            head.rest.push_back(std::poisson_distribution<int>(900)(random));
        }
        const Estimate estimate = bootstrap_odds(base, head, 0.95, 400, 7);
        covered += estimate.low <= 0.2 && 0.2 <= estimate.high ? 1 : 0;
    }
    EXPECT_GE(covered, 165);
    EXPECT_LT(covered, 200);
}

}  // namespace
}  // namespace pyebpf::compare
