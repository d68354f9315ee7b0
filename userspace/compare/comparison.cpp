// SPDX-License-Identifier: Apache-2.0
#include "compare/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/escape.h"
#include "base/result.h"
#include "compare/breakdown.h"
#include "compare/cost_shift.h"

namespace pyebpf::compare {

namespace {

// How the budget of false alarms is divided between the three families of tests. Within a family a
// function's part is in proportion to its mean share of both sides, which says nothing about which
// of them is dearer.
constexpr double kSelfBudget = 0.7;
constexpr double kTotalBudget = 0.2;
constexpr double kWholeBudget = 0.1;
constexpr double kLeastReference = 0.05;  // of the ticks; below there is nothing to measure against
constexpr double kSuspectP = 0.01;
constexpr uint32_t kBootstrapRounds = 1000;
constexpr uint64_t kBootstrapSeed = 1;  // the same recordings give the same report

class Comparer {
  public:
    Comparer(const Sides& sides, const Thresholds& thresholds, bool descriptive)
        : sides_(sides),
          thresholds_(thresholds),
          descriptive_(descriptive),
          all_(all_ticks(sides)),
          self_(self_ticks(sides)),
          reference_(all_) {}

    Comparison run() {
        find_changed();
        std::vector<Difference> tested = self_differences();
        const std::vector<Difference> totals = total_differences();
        tested.insert(tested.end(), totals.begin(), totals.end());
        if (auto whole = whole_difference()) tested.push_back(*whole);
        decide(tested);
        drop_explained_callers(tested);
        group_shifts(tested);
        if (!descriptive_) result_.power = power();
        give_verdict(tested);
        sort(tested);
        result_.differences = std::move(tested);
        result_.is_descriptive = descriptive_;
        result_.changed = changed_;
        result_.reference_share = sum(reference_.base) / sum(all_.base);
        describe(sides_, result_, [this](const Counts& base, const Counts& head) {
            return estimate({}, Measure::kSelf, base, head);
        });
        return std::move(result_);
    }

  private:
    [[nodiscard]] Estimate estimate(FunctionId function, Measure kind, const Counts& base,
                                    const Counts& head) const {
        if (descriptive_)
            return bootstrap_odds(base, head, thresholds_.confidence, kBootstrapRounds,
                                  kBootstrapSeed);
        return compare_odds(base, head,
                            {thresholds_.confidence, calibrated(function, kind, base, head)});
    }

    [[nodiscard]] Dispersion calibrated(FunctionId function, Measure kind, const Counts& base,
                                        const Counts& head) const {
        if (thresholds_.calibration == nullptr) return {};
        if (kind != Measure::kSelf || !function.valid())
            return thresholds_.calibration->typical_floor(base, head);
        return thresholds_.calibration->floor(printable(sides_.functions[function].text()), base,
                                              head);
    }

    // `all` is the part and what it is measured against.
    [[nodiscard]] Difference measure(FunctionId function, Measure kind, const Series& part,
                                     const Series& all) const {
        const auto [base, head] = against_rest(part, all);
        Difference difference{.function = function, .measure = kind};
        difference.estimate = estimate(function, kind, base, head);
        const double base_ticks = sum(all_.base);
        const double head_rest = sum(head.rest);
        difference.base_cost = sum(base.part) / base_ticks;
        difference.head_cost =
            head_rest > 0 ? sum(head.part) / head_rest * sum(base.rest) / base_ticks : 0;
        return difference;
    }

    // The reference, and the function's own time if it is not part of it.
    [[nodiscard]] Series reference_with(FunctionId function) const {
        Series all = reference_;
        if (changed_.contains(function)) all += self_.at(function);
        return all;
    }

    [[nodiscard]] bool has_reference(const Series& part, const Series& all) const {
        const auto enough = [](double rest, double whole) {
            return whole > 0 && rest / whole >= kLeastReference;
        };
        return enough(sum(all.base) - sum(part.base), sum(all_.base)) &&
               enough(sum(all.head) - sum(part.head), sum(all_.head));
    }

    [[nodiscard]] bool is_tested(const Series& part) const {
        return mean_share(part, all_) >= thresholds_.min_share;
    }

    // CPU time per unit of work, a value a run; empty where the work is not known.
    static std::vector<double> costs(const std::vector<double>& ticks,
                                     const std::vector<RunTally>& runs) {
        std::vector<double> result;
        for (size_t i = 0; i < runs.size(); i++) {
            if (runs[i].work <= 0 || runs[i].tick_seconds <= 0) return {};
            result.push_back((ticks[i] + 0.5) * runs[i].tick_seconds / runs[i].work);
        }
        return result;
    }

    [[nodiscard]] std::optional<Estimate> change_per_work(const Series& series) const {
        const std::vector<double> base = costs(series.base, sides_.base);
        const std::vector<double> head = costs(series.head, sides_.head);
        if (base.empty() || head.empty()) return std::nullopt;
        return compare_values(base, head, {.calibrated = {.value = 0}});
    }

    // A part is measured against the rest, and if that changed the part only seems to: start-up
    // that became cheaper in a hundred small functions, and a few large ones that look dearer. The
    // cost per unit of work tells them apart, where it is known. It is noisy, so the rest must have
    // changed clearly and the part not.
    [[nodiscard]] bool is_steady(const Series& part, const Series& all, bool looks_dearer) const {
        const auto [own, others] = changes_per_work(part, all);
        if (!own || !others) return false;
        constexpr double kClearP = 0.01;
        constexpr double kUnclearP = 0.05;
        const double most = std::log1p(thresholds_.max_regression);
        if (looks_dearer)
            return others->p_decrease < kClearP &&
                   (own->p_increase > kUnclearP || std::log1p(own->change) < most);
        return others->p_increase < kClearP &&
               (own->p_decrease > kUnclearP || std::log1p(own->change) > -most);
    }

    // For what is most of the program, the larger change counts: there is little to measure it
    // against.
    [[nodiscard]] bool is_most_and_steady(const Series& part, const Series& all) const {
        if (mean_share(part, all_) <= 0.5) return false;
        const auto [own, others] = changes_per_work(part, all);
        return own && others &&
               std::abs(std::log1p(own->change)) < std::abs(std::log1p(others->change));
    }

    [[nodiscard]] std::pair<std::optional<Estimate>, std::optional<Estimate>> changes_per_work(
        const Series& part, const Series& all) const {
        if (descriptive_) return {};
        Series rest = all;
        rest -= part;
        for (std::vector<double>* side : {&rest.base, &rest.head})
            for (double& ticks : *side) ticks = std::max(0.0, ticks);
        return {change_per_work(part), change_per_work(rest)};
    }

    // Takes the clearest change out of the reference until none is left.
    void find_changed() {
        constexpr size_t kMostChanges = 100;
        while (changed_.size() < kMostChanges) {
            FunctionId clearest;
            double largest = 0;
            for (const auto& [function, ticks] : self_) {
                if (changed_.contains(function) || !is_tested(ticks)) continue;
                const Series all = reference_with(function);
                if (!has_reference(ticks, all) || is_most_and_steady(ticks, all)) continue;
                const Difference difference = measure(function, Measure::kSelf, ticks, all);
                if (!is_clear(difference.estimate, mean_share(ticks, all_)) ||
                    std::abs(difference.effect()) < thresholds_.min_effect / 2 ||
                    is_steady(ticks, all, difference.effect() > 0))
                    continue;
                // Of two functions that mirror each other, the one that got dearer.
                constexpr double kPreferIncrease = 1.001;
                const double clearness = std::abs(std::log1p(difference.estimate.change)) /
                                         std::max(difference.estimate.standard_error, 1e-12) *
                                         (difference.effect() > 0 ? kPreferIncrease : 1);
                if (clearness > largest) {
                    largest = clearness;
                    clearest = function;
                }
            }
            if (!clearest.valid()) return;
            changed_.insert(clearest);
            reference_ -= self_.at(clearest);
        }
    }

    [[nodiscard]] bool is_clear(const Estimate& estimate, double share) const {
        if (descriptive_) return estimate.low > 0 || estimate.high < 0;
        const double level = thresholds_.alpha * kSelfBudget * share;
        return std::min(estimate.p_increase, estimate.p_decrease) < level;
    }

    std::vector<Difference> self_differences() {
        std::vector<Difference> differences;
        for (const auto& [function, ticks] : self_) {
            const Series all = reference_with(function);
            if (!is_tested(ticks) || !has_reference(ticks, all) || is_most_and_steady(ticks, all))
                continue;
            differences.push_back(measure(function, Measure::kSelf, ticks, all));
            if (is_steady(ticks, all, differences.back().effect() > 0))
                steady_.insert({function, Measure::kSelf});
            weights_.push_back(kSelfBudget * mean_share(ticks, all_));
        }
        return differences;
    }

    // What callers gained besides the changed functions: many small pieces.
    std::vector<Difference> total_differences() {
        std::vector<Difference> differences;
        std::vector<double> shares;
        for (const auto& [function, ticks] : total_ticks(sides_, changed_)) {
            // A new function between others brings what was there before: with what it calls it is
            // compared in its caller.
            if (sum(ticks.base) == 0 || sum(ticks.head) == 0) continue;
            Series callees = ticks;
            const auto self = self_.find(function);
            if (self != self_.end() && !changed_.contains(function)) callees -= self->second;
            // Where it runs hardly anything but itself, its own time was tested already.
            if (!is_tested(callees) || !has_reference(ticks, reference_) ||
                is_most_and_steady(ticks, reference_))
                continue;
            differences.push_back(measure(function, Measure::kTotal, ticks, reference_));
            if (is_steady(ticks, reference_, differences.back().effect() > 0))
                steady_.insert({function, Measure::kTotal});
            shares.push_back(mean_share(ticks, all_));
        }
        for (const double share : shares) weights_.push_back(kTotalBudget * share / sum(shares));
        return differences;
    }

    std::optional<Difference> whole_difference() {
        std::vector<double> base;
        std::vector<double> head;
        for (const auto& [runs, costs] :
             {std::pair(&sides_.base, &base), std::pair(&sides_.head, &head)}) {
            for (const RunTally& run : *runs) {
                if (run.work <= 0 || run.tick_seconds <= 0 || run.ticks <= 0) return std::nullopt;
                costs->push_back(run.ticks * run.tick_seconds / run.work);
            }
        }
        if (descriptive_) return std::nullopt;
        Difference difference{.measure = Measure::kWhole};
        difference.estimate =
            compare_values(base, head,
                           {thresholds_.confidence, thresholds_.calibration != nullptr
                                                        ? thresholds_.calibration->whole
                                                        : Dispersion{.value = 0}});
        difference.base_cost = 1;
        difference.head_cost = 1 + difference.estimate.change;
        result_.cost_per_work = difference.estimate;
        weights_.push_back(kWholeBudget);
        return difference;
    }

    [[nodiscard]] bool is_large(const Difference& difference) const {
        return difference.estimate.change >= thresholds_.max_regression &&
               difference.effect() >= thresholds_.min_effect;
    }
    [[nodiscard]] bool is_large_gain(const Difference& difference) const {
        return difference.estimate.change <= -thresholds_.max_regression &&
               -difference.effect() >= thresholds_.min_effect;
    }

    [[nodiscard]] std::vector<double> adjust(const std::vector<double>& p) const {
        return thresholds_.correction == Correction::kHolm ? holm(p, weights_)
                                                           : benjamini_hochberg(p);
    }

    void decide(std::vector<Difference>& tested) {
        std::vector<double> increase;
        std::vector<double> decrease;
        for (const Difference& difference : tested) {
            increase.push_back(difference.estimate.p_increase);
            decrease.push_back(difference.estimate.p_decrease);
        }
        const std::vector<double> dearer = adjust(increase);
        const std::vector<double> cheaper = adjust(decrease);
        for (size_t i = 0; i < tested.size(); i++) {
            Difference& difference = tested[i];
            difference.adjusted_p = std::min(dearer[i], cheaper[i]);
            if (steady_.contains({difference.function, difference.measure})) continue;
            const bool is_clear_increase =
                descriptive_ ? difference.estimate.low > 0 : dearer[i] < thresholds_.alpha;
            const bool is_clear_decrease =
                descriptive_ ? difference.estimate.high < 0 : cheaper[i] < thresholds_.alpha;
            if (is_large(difference)) {
                if (is_clear_increase) {
                    difference.outcome = Outcome::kRegressed;
                } else if (!descriptive_ && difference.estimate.p_increase < kSuspectP) {
                    difference.outcome = Outcome::kSuspect;
                }
            } else if (is_large_gain(difference) && is_clear_decrease) {
                difference.outcome = Outcome::kImproved;
            }
        }
    }

    // A chain of callers shows one change many times: the smallest of the chain stays.
    void drop_explained_callers(std::vector<Difference>& tested) const {
        const auto has_news = [](const Difference& difference) {
            return difference.measure == Measure::kTotal && difference.outcome != Outcome::kSame;
        };
        std::vector<size_t> news;
        FunctionSet interesting;
        for (size_t i = 0; i < tested.size(); i++) {
            if (!has_news(tested[i])) continue;
            news.push_back(i);
            interesting.insert(tested[i].function);
        }
        if (news.size() < 2) return;
        // Ticks of each pair of caller and callee, and of each function.
        std::map<std::pair<FunctionId, FunctionId>, double> together;
        for_each_stack(sides_, [&](const StackTally& stack, bool, size_t) {
            FunctionSet present;
            for (const FunctionId function : stack.functions)
                if (interesting.contains(function)) present.insert(function);
            for (const FunctionId a : present)
                for (const FunctionId b : present) together[{a, b}] += stack.ticks;
        });
        constexpr double kMostOf = 0.8;
        for (const size_t outer : news) {
            Difference& caller = tested[outer];
            for (const size_t inner : news) {
                const Difference& callee = tested[inner];
                const FunctionId a = caller.function;
                const FunctionId b = callee.function;
                const double both = together[{a, b}];
                const bool is_inside = both >= kMostOf * together[{b, b}];
                const bool is_larger =
                    std::pair(together[{a, a}], a) > std::pair(together[{b, b}], b);
                if (inner != outer && is_inside && is_larger && has_news(callee) &&
                    callee.effect() / caller.effect() >= kMostOf) {
                    caller.outcome = Outcome::kSame;
                    break;
                }
            }
        }
    }

    void group_shifts(std::vector<Difference>& tested) const {
        for (const std::vector<size_t>& members : related_shifts(sides_, tested)) {
            Series part(sides_);
            Series all = reference_;
            std::vector<FunctionId> group;
            for (const size_t i : members) {
                const FunctionId function = tested[i].function;
                part += self_.at(function);
                if (changed_.contains(function)) all += self_.at(function);
                group.push_back(function);
            }
            if (!has_reference(part, all)) continue;
            const Difference together = measure({}, Measure::kSelf, part, all);
            const bool grew = together.effect() >= thresholds_.min_effect &&
                              together.estimate.change >= thresholds_.max_regression &&
                              together.estimate.p_increase < thresholds_.alpha;
            for (const size_t i : members) {
                tested[i].group = group;
                if (!grew) tested[i].outcome = Outcome::kMoved;
            }
        }
    }

    // The noise of a typical function.
    [[nodiscard]] Dispersion typical_dispersion() const {
        std::vector<Dispersion> all;
        for (const auto& [function, ticks] : self_) {
            const Series with = reference_with(function);
            if (is_tested(ticks) && has_reference(ticks, with))
                all.push_back(measure(function, Measure::kSelf, ticks, with).estimate.dispersion);
        }
        if (all.empty()) return {};
        const auto middle = all.begin() + static_cast<ptrdiff_t>(all.size() / 2);
        std::ranges::nth_element(all, middle, {}, &Dispersion::value);
        return *middle;
    }

    [[nodiscard]] std::vector<Power> power() const {
        std::vector<Power> result;
        const Dispersion dispersion = typical_dispersion();
        for (const double share : {0.02, 0.1, 0.4}) {
            const double found =
                detectable_increase({.share = share,
                                     .base_ticks = sum(reference_.base),
                                     .head_ticks = sum(reference_.head),
                                     .dispersion = dispersion,
                                     .alpha = thresholds_.alpha * kSelfBudget * share});
            // The gates of size hide what is smaller.
            const double gate =
                std::max(thresholds_.max_regression, thresholds_.min_effect / share);
            result.push_back({share, std::max(found, gate)});
        }
        return result;
    }

    void give_verdict(const std::vector<Difference>& tested) {
        const auto count = [&](Outcome outcome) {
            return std::ranges::count(tested, outcome, &Difference::outcome);
        };
        if (descriptive_) {
            result_.verdict = Verdict::kInconclusive;
            result_.reason = "one run a side describes two runs, and proves nothing about the code";
        } else if (const auto regressed = count(Outcome::kRegressed)) {
            result_.verdict = Verdict::kRegression;
            result_.reason = fmt::format("{} regression{}", regressed, regressed == 1 ? "" : "s");
        } else if (tested.empty()) {
            result_.verdict = Verdict::kInconclusive;
            result_.reason =
                "no function could be tested: one does almost all of the work, and the work done "
                "is not known";
        } else if (const auto suspects = count(Outcome::kSuspect)) {
            result_.verdict = Verdict::kInconclusive;
            result_.reason = fmt::format(
                "{} suspicious difference{} that so few runs cannot decide; more runs would",
                suspects, suspects == 1 ? "" : "s");
        } else if (const double least = result_.power[1].increase;
                   !(least <= thresholds_.must_see)) {
            result_.verdict = Verdict::kInconclusive;
            result_.reason =
                std::isfinite(least)
                    ? fmt::format(
                          "only +{:.0f} % or more would have been seen in a function of "
                          "10 %; longer runs, more runs or a higher frequency would help",
                          least * 100)
                    : "too few samples to see anything";
        } else {
            result_.reason = "no regression";
        }
    }

    static void sort(std::vector<Difference>& tested) {
        const auto rank = [](Outcome outcome) {
            switch (outcome) {
                case Outcome::kRegressed:
                    return 0;
                case Outcome::kSuspect:
                    return 1;
                case Outcome::kMoved:
                    return 2;
                case Outcome::kImproved:
                    return 3;
                case Outcome::kSame:
                    return 4;
            }
            return 5;
        };
        std::ranges::stable_sort(tested, [&](const Difference& a, const Difference& b) {
            return std::pair(rank(a.outcome), -std::abs(a.effect())) <
                   std::pair(rank(b.outcome), -std::abs(b.effect()));
        });
    }

    const Sides& sides_;
    const Thresholds& thresholds_;
    bool descriptive_;
    Series all_;
    FunctionSeries self_;
    FunctionSet changed_;
    std::set<std::pair<FunctionId, Measure>> steady_;  // see is_steady()
    Series reference_;                                 // ticks of the functions that did not change
    std::vector<double> weights_;
    Comparison result_;
};

}  // namespace

Comparison compare(const Sides& sides, const Thresholds& thresholds, bool descriptive) {
    PYEBPF_CHECK(sides.base.size() >= 2 && sides.head.size() >= 2);
    return Comparer(sides, thresholds, descriptive).run();
}

}  // namespace pyebpf::compare
