// SPDX-License-Identifier: Apache-2.0
// What `pyebpf check` would have said: takes a recording of many processes of
// tests/programs/regression_workload.py, each of them a run, and compares runs of it many times.
//
//   regression_pool RECORDING… [--runs N] [--rounds N] [--merge N] [--permille N] [--calibrate N]
//
// --merge N takes N processes together as one run, which gives longer runs. --permille N sets both
// gates of size to so much (of the function; a tenth of it of the program), default: those of
// `check`. --calibrate N first measures the noise by N equal runs, which take no part in the
// comparisons then. Prints Markdown tables:
// alarms between equal programs (as they ran, and in random splits), detection of each seeded
// variant, refactoring and renaming. Exit status 1: a bound of docs/statistics.md does not hold.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "compare/calibration.h"
#include "compare/comparison.h"
#include "compare/recordings.h"
#include "record/reader.h"

namespace {

using namespace pyebpf;
using compare::Comparison;
using compare::NamedProfile;
using compare::RunTally;
using compare::Sides;

struct Options {
    std::vector<std::string> recordings;
    size_t runs = 7;
    size_t rounds = 200;
    size_t merge = 1;
    size_t permille = 0;
    size_t calibrate = 0;

    [[nodiscard]] compare::Thresholds thresholds() const {
        compare::Thresholds result;
        if (permille > 0) {
            result.max_regression = static_cast<double>(permille) / 1000;
            result.min_effect = result.max_regression / 10;
        }
        return result;
    }
};

// The argument after the program's name: "python:10:1.1"; empty if it is another process.
std::string variant_of(std::string_view command) {
    constexpr std::string_view kProgram = "regression_workload.py ";
    const size_t at = command.find(kProgram);
    if (at == std::string_view::npos || command.starts_with("pyebpf")) return {};
    std::string_view rest = command.substr(at + kProgram.size());
    return std::string(rest.substr(0, rest.find(' ')));
}

struct Pool {
    Sides names;  // functions and labels of all runs; its sides are empty
    std::map<std::string, std::vector<RunTally>> runs;  // by variant, in order of time
    compare::Thresholds thresholds;
    std::map<std::string, compare::Calibration> calibrations;  // by kind
};

void add_run(RunTally& to, const RunTally& run) {
    to.stacks.insert(to.stacks.end(), run.stacks.begin(), run.stacks.end());
    for (size_t i = 0; i < compare::kCategories; i++) to.by_category[i] += run.by_category[i];
    to.ticks += run.ticks;
    to.seconds += run.seconds;
    to.work += run.work;
}

void add_recording(const profile::Profile& profile, Pool& pool, size_t merge) {
    compare::TallyContext context{pool.names.functions, pool.names.labels,
                                  compare::project_root(compare::python_files(profile))};
    // One profile a process; tables are shared by copying them once.
    profile::Profile one = profile;
    std::map<uint32_t, std::vector<profile::Sample>> of_process;
    for (const profile::Sample& sample : profile.samples)
        of_process[profile.threads[sample.thread.value].process.value].push_back(sample);
    std::map<std::string, std::pair<RunTally, size_t>> open;
    for (auto& [process, samples] : of_process) {
        const std::string variant = variant_of(profile.text(profile.processes[process].command));
        if (variant.empty()) continue;
        one.samples = std::move(samples);
        RunTally run = compare::tally(one, context);
        run.work = 1;
        auto& [merged, count] = open[variant];
        merged.tick_seconds = run.tick_seconds;
        add_run(merged, run);
        if (++count < merge) continue;
        pool.runs[variant].push_back(std::move(merged));
        open.erase(variant);
    }
}

Comparison compare_runs(const Pool& pool, const std::string& kind, std::vector<RunTally> base,
                        std::vector<RunTally> head, Sides& sides) {
    sides = pool.names;
    sides.base = std::move(base);
    sides.head = std::move(head);
    compare::unify_names(sides);
    compare::Thresholds thresholds = pool.thresholds;
    const auto calibration = pool.calibrations.find(kind);
    if (calibration != pool.calibrations.end()) thresholds.calibration = &calibration->second;
    return compare::compare(sides, thresholds);
}

std::string kind_of(const std::string& variant) {
    const std::string kind = variant.substr(0, variant.find(':'));
    return kind == "refactored" || kind == "renamed" ? "python" : kind;
}

// Takes the first runs of each equal program out of the pool.
void calibrate(Pool& pool, size_t count) {
    for (auto& [variant, runs] : pool.runs) {
        if (!variant.ends_with(":1") || count < 4 || runs.size() <= count) continue;
        Sides sides = pool.names;
        const auto end = runs.begin() + static_cast<ptrdiff_t>(count);
        const auto middle = runs.begin() + static_cast<ptrdiff_t>(count / 2);
        sides.base.assign(runs.begin(), middle);
        sides.head.assign(middle, end);
        runs.erase(runs.begin(), end);
        pool.calibrations[kind_of(variant)] = compare::calibrate(sides, pool.thresholds.min_share);
    }
}

bool is_alarm(const Comparison& comparison) {
    return comparison.verdict == compare::Verdict::kRegression;
}

// What a test would say that takes samples as independent: two proportions, normal distribution.
struct Naive {
    bool each = false;      // any function at the level of 5 %
    bool together = false;  // any function at 5 % by the number of functions (Bonferroni)
};
Naive naive_alarm(const Sides& sides, const compare::Thresholds& thresholds) {
    const auto sum = [](const std::vector<double>& values) {
        return std::accumulate(values.begin(), values.end(), 0.0);
    };
    const compare::Series all = compare::all_ticks(sides);
    const double base = sum(all.base);
    const double head = sum(all.head);
    double smallest = 1;
    double tests = 0;
    for (const auto& [function, ticks] : compare::self_ticks(sides)) {
        if (compare::mean_share(ticks, all) < thresholds.min_share) continue;
        const double share = (sum(ticks.base) + sum(ticks.head)) / (base + head);
        const double error = std::sqrt(share * (1 - share) * (1 / base + 1 / head));
        const double z = (sum(ticks.head) / head - sum(ticks.base) / base) / error;
        smallest = std::min(smallest, std::erfc(z / std::sqrt(2)) / 2);
        tests++;
    }
    return {smallest < thresholds.alpha, smallest * tests < thresholds.alpha};
}

// A B B A …: the runs of one comparison as `check` orders them.
std::pair<std::vector<RunTally>, std::vector<RunTally>> in_turn(std::span<const RunTally> runs) {
    std::pair<std::vector<RunTally>, std::vector<RunTally>> sides;
    for (size_t i = 0; i < runs.size(); i++) {
        const bool is_head = (i % 4 == 1) || (i % 4 == 2);
        (is_head ? sides.second : sides.first).push_back(runs[i]);
    }
    return sides;
}

std::vector<RunTally> pick(const std::vector<RunTally>& from, size_t count,
                           std::mt19937_64& random) {
    std::vector<RunTally> picked;
    std::ranges::sample(from, std::back_inserter(picked), static_cast<ptrdiff_t>(count), random);
    return picked;
}

struct Rate {
    size_t alarms = 0;
    size_t inconclusive = 0;
    size_t naive_each = 0;
    size_t naive_together = 0;
    size_t all = 0;
    void add(const Comparison& comparison, const Naive& naive = {}) {
        all++;
        naive_each += naive.each ? 1 : 0;
        naive_together += naive.together ? 1 : 0;
        alarms += is_alarm(comparison) ? 1 : 0;
        inconclusive += comparison.verdict == compare::Verdict::kInconclusive ? 1 : 0;
    }
    // The largest number of alarms that 5 % would exceed with a chance below 1e-3.
    [[nodiscard]] bool is_within_level() const {
        const auto n = static_cast<double>(all);
        return static_cast<double>(alarms) <= 0.05 * n + 3.3 * std::sqrt(0.0475 * n) + 1;
    }
};

std::string cells(const Rate& rate) {
    return fmt::format("{} of {} | {}", rate.alarms, rate.all, rate.inconclusive);
}

bool equal_programs(const Pool& pool, const Options& options) {
    bool good = true;
    fmt::print(
        "\n| equal programs | alarms | inconclusive | two proportions, each at 5 % | … by the "
        "number of "
        "functions |\n|---|---|---|---|---|\n");
    for (const auto& [variant, runs] : pool.runs) {
        if (!variant.ends_with(":1") || runs.size() < 2 * options.runs) continue;
        Rate real;
        Rate split;
        Sides sides;
        const size_t block = 2 * options.runs;
        for (size_t begin = 0; begin + block <= runs.size(); begin += block) {
            auto [base, head] = in_turn(std::span(runs).subspan(begin, block));
            const Comparison comparison =
                compare_runs(pool, kind_of(variant), std::move(base), std::move(head), sides);
            real.add(comparison, naive_alarm(sides, pool.thresholds));
        }
        std::mt19937_64 random(1);
        for (size_t i = 0; i < options.rounds; i++) {
            std::vector<RunTally> drawn = pick(runs, block, random);
            std::ranges::shuffle(drawn, random);
            const auto half = drawn.begin() + static_cast<ptrdiff_t>(options.runs);
            const Comparison comparison = compare_runs(
                pool, kind_of(variant), {drawn.begin(), half}, {half, drawn.end()}, sides);
            split.add(comparison, naive_alarm(sides, pool.thresholds));
        }
        for (const auto& [name, rate] : {std::pair("as they ran", real), {"random splits", split}})
            fmt::print("| {}, {} | {} | {} | {} |\n", variant, name, cells(rate), rate.naive_each,
                       rate.naive_together);
        good = good && real.is_within_level() && split.is_within_level();
    }
    return good;
}

// Whether the alarm names the function that was made dearer, or what it calls.
bool names_target(const Sides& sides, const Comparison& comparison, std::string_view variant) {
    const size_t colon = variant.find(':');
    const std::string share(variant.substr(colon + 1, variant.rfind(':') - colon - 1));
    return std::ranges::any_of(comparison.differences, [&](const compare::Difference& difference) {
        if (difference.outcome != compare::Outcome::kRegressed || !difference.function.valid())
            return false;
        const compare::Function& function = sides.functions[difference.function];
        return function.name.starts_with("target_" + share) ||
               function.kind == profile::FrameKind::kNative;
    });
}

bool seeded(const Pool& pool, const Options& options) {
    bool good = true;
    fmt::print(
        "\n| seeded: kind, share, factor | measured share | ticks a run | measured factor | "
        "regression found | the right function | inconclusive |\n|---|---|---|---|---|---|---|\n");
    for (const auto& [variant, runs] : pool.runs) {
        if (variant.ends_with(":1")) continue;
        const std::string kind = variant.substr(0, variant.find(':'));
        const bool is_harmless = kind == "refactored" || kind == "renamed";
        const auto base = pool.runs.find(is_harmless ? "python:10:1" : kind + ":10:1");
        if (base == pool.runs.end() || base->second.size() < options.runs ||
            runs.size() < options.runs)
            continue;
        Rate rate;
        size_t right = 0;
        double share = 0;
        double factor = 0;
        double ticks = 0;
        std::mt19937_64 random(2);
        for (size_t i = 0; i < options.rounds; i++) {
            Sides sides;
            const Comparison comparison =
                compare_runs(pool, kind_of(variant), pick(base->second, options.runs, random),
                             pick(runs, options.runs, random), sides);
            rate.add(comparison);
            right += names_target(sides, comparison, variant) ? 1 : 0;
            for (const RunTally& run : sides.head)
                ticks += run.ticks / static_cast<double>(options.runs * options.rounds);
            const std::string target =
                "target_" + variant.substr(kind.size() + 1, variant.rfind(':') - kind.size() - 1);
            const compare::Difference* best = nullptr;
            for (const compare::Difference& difference : comparison.differences) {
                if (difference.function.valid() &&
                    sides.functions[difference.function].name.starts_with(target) &&
                    (best == nullptr || difference.base_cost > best->base_cost))
                    best = &difference;
            }
            if (best == nullptr) continue;
            share += best->base_cost / static_cast<double>(options.rounds);
            factor += best->estimate.change / static_cast<double>(options.rounds);
        }
        fmt::print("| {} | {:.1f} % | {:.0f} | {:+.1f} % | {} of {} | {} | {} |\n", variant,
                   share * 100, ticks, factor * 100, rate.alarms, rate.all, right,
                   rate.inconclusive);
        if (is_harmless) good = good && rate.is_within_level();
    }
    return good;
}

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; i++) {
        const std::string_view argument = argv[i];
        size_t* number = argument == "--runs"        ? &options.runs
                         : argument == "--rounds"    ? &options.rounds
                         : argument == "--merge"     ? &options.merge
                         : argument == "--permille"  ? &options.permille
                         : argument == "--calibrate" ? &options.calibrate
                                                     : nullptr;
        if (number == nullptr) {
            if (argument.starts_with("--")) return std::nullopt;
            options.recordings.emplace_back(argument);
            continue;
        }
        if (++i == argc) return std::nullopt;
        const std::string_view text = argv[i];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
        if (error != std::errc{} || *number == 0) return std::nullopt;
    }
    if (options.recordings.empty() || options.runs < 2) return std::nullopt;
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (!options) {
        fmt::print(stderr,
                   "usage: regression_pool RECORDING… [--runs N] [--rounds N] [--merge N] "
                   "[--permille N] [--calibrate N]\n");
        return 2;
    }
    Pool pool;
    for (const std::string& path : options->recordings) {
        const auto profile = record::read(path);
        if (!profile) {
            fmt::print(stderr, "regression_pool: {}\n", profile.error().message);
            return 2;
        }
        add_recording(*profile, pool, options->merge);
        fmt::print("{}: loss {:.3f} %\n", path, compare::loss_percent(profile->statistics));
    }
    if (pool.runs.empty()) {
        fmt::print(stderr, "regression_pool: no process of regression_workload.py was recorded\n");
        return 2;
    }
    pool.thresholds = options->thresholds();
    calibrate(pool, options->calibrate);
    const bool equal_good = equal_programs(pool, *options);
    return seeded(pool, *options) && equal_good ? 0 : 1;
}
