// SPDX-License-Identifier: Apache-2.0
#include "compare/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "base/result.h"

namespace pyebpf::compare {

namespace {

struct Pooled {
    double part = 0;
    double rest = 0;
    [[nodiscard]] double all() const { return part + rest; }
    [[nodiscard]] double share() const { return all() > 0 ? part / all() : 0; }
    // Half a tick for each cell (Haldane, Anscombe): the logarithm of the odds exists and is nearly
    // free of bias.
    [[nodiscard]] double log_odds() const { return std::log((part + 0.5) / (rest + 0.5)); }
    [[nodiscard]] double variance() const { return 1 / (part + 0.5) + 1 / (rest + 0.5); }
};

Pooled pool(const Counts& counts) {
    return {sum(counts.part), sum(counts.rest)};
}

// Pearson's statistic of the runs of one side about their common share.
double pearson(const Counts& counts) {
    const double share = pool(counts).share();
    if (share <= 0 || share >= 1) return 0;
    double statistic = 0;
    for (size_t i = 0; i < counts.part.size(); i++) {
        const double ticks = counts.part[i] + counts.rest[i];
        if (ticks <= 0) continue;
        const double difference = counts.part[i] - ticks * share;
        statistic += difference * difference / (ticks * share * (1 - share));
    }
    return statistic;
}

// The larger of what the runs show and what the machine has shown before. Where the calibration is
// the larger, its degrees hold: what is rejected then would be rejected by the calibration alone.
Dispersion dispersion_of(const Counts& base, const Counts& head, const Dispersion& calibrated) {
    const Dispersion own = own_dispersion(base, head);
    if (calibrated.value < own.value) return {std::max(1.0, own.value), own.degrees};
    return {std::max(1.0, calibrated.value), std::max(own.degrees, calibrated.degrees)};
}

void add_interval(Estimate& estimate, double log_change, double degrees, double confidence) {
    const double error = estimate.standard_error;
    const double t = error > 0 ? log_change / error : 0;
    const double reach = error * t_quantile((1 + confidence) / 2, degrees);
    estimate.change = std::expm1(log_change);
    estimate.low = std::expm1(log_change - reach);
    estimate.high = std::expm1(log_change + reach);
    estimate.p_increase = t_upper_tail(t, degrees);
    estimate.p_decrease = t_upper_tail(-t, degrees);
}

}  // namespace

double sum(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

double t_upper_tail(double t, double degrees) {
    const boost::math::students_t distribution(degrees);
    return boost::math::cdf(boost::math::complement(distribution, t));
}

double t_quantile(double probability, double degrees) {
    return boost::math::quantile(boost::math::students_t(degrees), probability);
}

Dispersion own_dispersion(const Counts& base, const Counts& head) {
    const auto degrees = static_cast<double>(base.part.size() + head.part.size()) - 2;
    PYEBPF_CHECK(degrees > 0);
    return {(pearson(base) + pearson(head)) / degrees, degrees};
}

Estimate compare_odds(const Counts& base, const Counts& head, const EstimateOptions& options) {
    const Pooled before = pool(base);
    const Pooled after = pool(head);
    Estimate estimate{.base_share = before.share(), .head_share = after.share()};
    estimate.dispersion = dispersion_of(base, head, options.calibrated);
    estimate.standard_error =
        std::sqrt(estimate.dispersion.value * (before.variance() + after.variance()));
    add_interval(estimate, after.log_odds() - before.log_odds(), estimate.dispersion.degrees,
                 options.confidence);
    // With next to nothing on a side the logarithm is anything, and its error with it (Hauck and
    // Donner, 1977): a new function would never be significant. The difference of the shares is
    // well behaved there.
    constexpr double kFewTicks = 10;
    if (std::min(before.part, after.part) < kFewTicks * estimate.dispersion.value) {
        const double share = (before.part + after.part) / (before.all() + after.all());
        const double variance =
            estimate.dispersion.value * share * (1 - share) * (1 / before.all() + 1 / after.all());
        const double t = variance > 0 ? (after.share() - before.share()) / std::sqrt(variance) : 0;
        estimate.p_increase = t_upper_tail(t, estimate.dispersion.degrees);
        estimate.p_decrease = t_upper_tail(-t, estimate.dispersion.degrees);
    }
    return estimate;
}

namespace {

struct Moments {
    double mean = 0;
    double variance_of_mean = 0;
    double degrees = 0;
};

Moments log_moments(std::span<const double> values, const Dispersion& calibrated) {
    const auto count = static_cast<double>(values.size());
    Moments result{.degrees = count - 1};
    for (const double value : values) result.mean += std::log(value) / count;
    for (const double value : values) {
        const double difference = std::log(value) - result.mean;
        result.variance_of_mean += difference * difference / (count - 1) / count;
    }
    // As in dispersion_of().
    if (calibrated.degrees > 0 && calibrated.value / count > result.variance_of_mean) {
        result.variance_of_mean = calibrated.value / count;
        result.degrees = std::max(result.degrees, calibrated.degrees);
    }
    return result;
}

}  // namespace

Estimate compare_values(std::span<const double> base, std::span<const double> head,
                        const EstimateOptions& options) {
    PYEBPF_CHECK(base.size() >= 2 && head.size() >= 2);
    const Moments before = log_moments(base, options.calibrated);
    const Moments after = log_moments(head, options.calibrated);
    const double variance = before.variance_of_mean + after.variance_of_mean;
    Estimate estimate{.base_share = 1, .head_share = 1};
    // Two values that are equal to the last digit leave nothing to estimate an error from; a tick
    // is the smallest there can be.
    constexpr double kLeastError = 1e-6;
    estimate.standard_error = std::max(std::sqrt(variance), kLeastError);
    // Welch and Satterthwaite.
    const double degrees =
        variance > 0 ? variance * variance /
                           (before.variance_of_mean * before.variance_of_mean / before.degrees +
                            after.variance_of_mean * after.variance_of_mean / after.degrees)
                     : before.degrees + after.degrees;
    estimate.dispersion = {1, degrees};
    add_interval(estimate, after.mean - before.mean, degrees, options.confidence);
    return estimate;
}

Estimate bootstrap_odds(const Counts& base, const Counts& head, double confidence, uint32_t rounds,
                        uint64_t seed) {
    const Pooled before = pool(base);
    const Pooled after = pool(head);
    Estimate estimate{.base_share = before.share(), .head_share = after.share()};
    estimate.change = std::expm1(after.log_odds() - before.log_odds());
    std::mt19937_64 random(seed);
    const auto resample = [&](const Counts& counts) {
        std::uniform_int_distribution<size_t> pick(0, counts.part.size() - 1);
        Pooled result;
        for (size_t i = 0; i < counts.part.size(); i++) {
            const size_t block = pick(random);
            result.part += counts.part[block];
            result.rest += counts.rest[block];
        }
        return result;
    };
    std::vector<double> changes(rounds);
    for (double& change : changes) {
        const double log_base = resample(base).log_odds();
        change = resample(head).log_odds() - log_base;
    }
    std::ranges::sort(changes);
    const auto at = [&](double probability) {
        const double index = probability * static_cast<double>(rounds - 1);
        return std::expm1(changes[static_cast<size_t>(std::lround(index))]);
    };
    estimate.low = at((1 - confidence) / 2);
    estimate.high = at((1 + confidence) / 2);
    return estimate;
}

std::vector<double> holm(std::span<const double> p, std::span<const double> weights) {
    PYEBPF_CHECK(p.size() == weights.size());
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(
        order, [&](size_t a, size_t b) { return p[a] / weights[a] < p[b] / weights[b]; });
    double remaining = sum(weights);
    double largest = 0;
    std::vector<double> adjusted(p.size());
    for (const size_t i : order) {
        largest = std::max(largest, std::min(1.0, p[i] / weights[i] * remaining));
        adjusted[i] = largest;
        remaining -= weights[i];
    }
    return adjusted;
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return p[a] > p[b]; });
    const auto count = static_cast<double>(p.size());
    double smallest = 1;
    std::vector<double> adjusted(p.size());
    for (size_t i = 0; i < order.size(); i++) {
        const double rank = count - static_cast<double>(i);
        smallest = std::min(smallest, p[order[i]] * count / rank);
        adjusted[order[i]] = smallest;
    }
    return adjusted;
}

double detectable_increase(const PowerInput& input) {
    const double spread = input.share * (1 - input.share);
    if (input.base_ticks <= 0 || input.head_ticks <= 0 || spread <= 0 ||
        input.dispersion.degrees <= 0)
        return INFINITY;
    const double error =
        std::sqrt(input.dispersion.value / spread * (1 / input.base_ticks + 1 / input.head_ticks));
    return std::expm1(error * (t_quantile(1 - input.alpha, input.dispersion.degrees) +
                               t_quantile(input.power, input.dispersion.degrees)));
}

}  // namespace pyebpf::compare
