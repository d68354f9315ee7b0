// SPDX-License-Identifier: Apache-2.0
#include "compare/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "output/output_file.h"

namespace pyebpf::compare {

namespace {

using nlohmann::ordered_json;

constexpr int kCalibrationsVersion = 1;
constexpr uintmax_t kMostFileBytes = 64 << 20;
constexpr double kTypicalQuantile = 0.75;

// Ticks of a run times share × (1 − share): what turns a variance of log odds into a dispersion.
double information(const Counts& base, const Counts& head) {
    const double part = sum(base.part) + sum(head.part);
    const double all = part + sum(base.rest) + sum(head.rest);
    const auto runs = static_cast<double>(base.part.size() + head.part.size());
    if (all <= 0 || runs <= 0) return 0;
    const double share = part / all;
    return all / runs * share * (1 - share);
}

double log_variance(const std::vector<RunTally>& runs, double& degrees) {
    std::vector<double> logs;
    for (const RunTally& run : runs) {
        if (run.work <= 0 || run.tick_seconds <= 0 || run.ticks <= 0) {
            degrees = 0;
            return 0;
        }
        logs.push_back(std::log(run.ticks * run.tick_seconds / run.work));
    }
    degrees = static_cast<double>(logs.size()) - 1;
    if (degrees <= 0) return 0;
    const double mean = sum(logs) / static_cast<double>(logs.size());
    double squares = 0;
    for (const double value : logs) squares += (value - mean) * (value - mean);
    return squares / degrees;
}

ordered_json to_json(const Calibration& calibration) {
    ordered_json facts = ordered_json::object();
    for (const auto& [name, text] : calibration.environment.facts)
        facts[printable(name)] = printable(text);
    ordered_json functions = ordered_json::object();
    for (const auto& [name, variance] : calibration.functions) functions[name] = variance;
    return {{"suite", calibration.suite},
            {"environment", facts},
            {"saved_unix_s", calibration.saved_unix_s},
            {"runs", calibration.runs},
            {"degrees_of_freedom", calibration.degrees},
            {"log_odds_variance", functions},
            {"typical_log_odds_variance", calibration.typical},
            {"whole_log_variance", calibration.whole.value},
            {"whole_degrees_of_freedom", calibration.whole.degrees}};
}

// What a file may say: finite and not negative.
double number_of(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number()) return 0;
    const double value = *found;
    return std::isfinite(value) && value >= 0 ? value : 0;
}

Calibration from_json(const nlohmann::json& object) {
    Calibration calibration;
    if (const auto suite = object.find("suite"); suite != object.end() && suite->is_string())
        calibration.suite = *suite;
    if (const auto facts = object.find("environment");
        facts != object.end() && facts->is_object()) {
        for (const auto& [name, text] : facts->items())
            if (text.is_string()) calibration.environment.facts[name] = text.get<std::string>();
    }
    if (const auto functions = object.find("log_odds_variance");
        functions != object.end() && functions->is_object()) {
        for (const auto& [name, _] : functions->items())
            calibration.functions[name] = number_of(*functions, name.c_str());
    }
    constexpr double kMost = 1e9;
    calibration.saved_unix_s =
        static_cast<int64_t>(std::min(number_of(object, "saved_unix_s"), 1e15));
    calibration.runs = static_cast<uint32_t>(std::min(number_of(object, "runs"), kMost));
    calibration.degrees = std::min(number_of(object, "degrees_of_freedom"), kMost);
    calibration.typical = number_of(object, "typical_log_odds_variance");
    calibration.whole = {number_of(object, "whole_log_variance"),
                         std::min(number_of(object, "whole_degrees_of_freedom"), kMost)};
    return calibration;
}

}  // namespace

Dispersion Calibration::floor(const std::string& function, const Counts& base,
                              const Counts& head) const {
    const auto known = functions.find(function);
    if (known == functions.end()) return typical_floor(base, head);
    return {1 + known->second * information(base, head), is_floor_only ? 0 : degrees};
}

Dispersion Calibration::typical_floor(const Counts& base, const Counts& head) const {
    return {1 + typical * information(base, head), 0};
}

Calibration calibrate(const Sides& sides, double min_share) {
    Calibration result;
    const Series all = all_ticks(sides);
    result.runs = static_cast<uint32_t>(sides.base.size() + sides.head.size());
    result.degrees = static_cast<double>(result.runs) - 2;
    std::vector<double> variances;
    for (const auto& [function, ticks] : self_ticks(sides)) {
        if (mean_share(ticks, all) < min_share) continue;
        const auto [base, head] = against_rest(ticks, all);
        const double scale = information(base, head);
        if (scale <= 0) continue;
        const double variance = std::max(0.0, own_dispersion(base, head).value - 1) / scale;
        // Two functions of one text are taken as one; the noisier of them counts.
        double& entry = result.functions[printable(sides.functions[function].text())];
        entry = std::max(entry, variance);
        variances.push_back(variance);
    }
    if (!variances.empty()) {
        std::ranges::sort(variances);
        const double last = static_cast<double>(variances.size() - 1);
        result.typical = variances[static_cast<size_t>(std::lround(last * kTypicalQuantile))];
    }
    double base_degrees = 0;
    double head_degrees = 0;
    const double base = log_variance(sides.base, base_degrees);
    const double head = log_variance(sides.head, head_degrees);
    if (base_degrees > 0 && head_degrees > 0) {
        result.whole = {(base * base_degrees + head * head_degrees) / (base_degrees + head_degrees),
                        base_degrees + head_degrees};
    }
    return result;
}

std::string machine_text(const Environment& environment) {
    const auto known = [&](const char* name) { return fact(environment, name, "unknown"); };
    return fmt::format("{} {} CPUs {}", known("machine"), known("cpus"), known("cpu_model"));
}

Result<std::vector<Calibration>> read_calibrations(const std::string& path) {
    const auto refuse = [&](std::string_view why) {
        return fail(fmt::format("{} {}", printable(path), why), "`pyebpf calibrate` makes one",
                    kExitCannotMeasure);
    };
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(path, error);
    if (error) return refuse("cannot be read: " + error.message());
    if (size > kMostFileBytes) return refuse("is too large for a file of calibrations");
    std::ifstream stream(path);
    const auto document = nlohmann::json::parse(stream, nullptr, false);
    if (!document.is_object() ||
        document.value("version", nlohmann::json()) != kCalibrationsVersion ||
        !document.contains("calibrations") || !document["calibrations"].is_array())
        return refuse("is no file of calibrations");
    std::vector<Calibration> result;
    for (const auto& object : document["calibrations"])
        if (object.is_object()) result.push_back(from_json(object));
    return result;
}

Result<void> save_calibration(const std::string& path, const Calibration& added) {
    std::vector<Calibration> all;
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
        auto known = read_calibrations(path);
        if (!known) return tl::unexpected(known.error());
        all = std::move(*known);
    }
    std::erase_if(all, [&](const Calibration& one) {
        return one.suite == added.suite &&
               machine_text(one.environment) == machine_text(added.environment);
    });
    all.push_back(added);
    auto calibrations = ordered_json::array();
    for (const Calibration& calibration : all) calibrations.push_back(to_json(calibration));
    const ordered_json document{{"version", kCalibrationsVersion}, {"calibrations", calibrations}};
    auto file = output::OutputFile::open(path);
    if (!file) return tl::unexpected(file.error());
    file->sink().write(document.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    file->sink().write("\n");
    return file->commit();
}

ChosenCalibration choose_calibration(const std::vector<Calibration>& known,
                                     const std::string& suite, const Environment& environment) {
    ChosenCalibration result;
    const std::string here = machine_text(environment);
    std::string elsewhere;
    for (const Calibration& one : known) {
        if (one.suite != suite) continue;
        const std::string there = machine_text(one.environment);
        if (there == here) {
            result.calibration = one;
        } else {
            elsewhere += (elsewhere.empty() ? "" : "; ") + there;
        }
    }
    if (!result.calibration) {
        result.warnings.push_back(fmt::format(
            "the calibration was not used: there is none of suite {} on {}{}",
            printable(suite, 100), here,
            elsewhere.empty() ? "" : fmt::format(", only on {}", printable(elsewhere, 500))));
        return result;
    }
    for (const std::string& difference :
         differing_facts(result.calibration->environment, environment)) {
        result.calibration->is_floor_only = true;
        result.warnings.push_back("the calibration was made in another environment: " + difference);
    }
    return result;
}

}  // namespace pyebpf::compare
