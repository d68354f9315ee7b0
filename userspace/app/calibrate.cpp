// SPDX-License-Identifier: Apache-2.0
// pyebpf calibrate: how much equal runs differ on this machine, for `--calibration` of check and
// diff.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "app/command.h"
#include "app/run_series.h"
#include "base/escape.h"
#include "base/log.h"
#include "compare/calibration.h"
#include "compare/comparison.h"

namespace pyebpf::app {

namespace {

class CalibrateCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    std::string command_;
    std::string output_;
    std::string suite_ = "default";
    double work_ = 0;
    SeriesOptions series_{.runs = 15};
    bool quiet_ = false;
};

CLI::App* CalibrateCommand::add_to(CLI::App& app) {
    CLI::App* calibrate =
        app.add_subcommand("calibrate", "Measure how much equal runs differ on this machine");
    calibrate->footer(
        "Runs the command as both sides of a check, and writes how much the runs differ.\n"
        "Examples:\n"
        "  pyebpf calibrate 'python3 bench.py' -o noise.json\n"
        "  pyebpf check --calibration noise.json --base A --head B");
    calibrate->add_option("command", command_, "What to run, for the shell")
        ->type_name("COMMAND")
        ->required();
    calibrate
        ->add_option("-o,--output", output_,
                     "File of calibrations; others than this suite's on this machine stay in it")
        ->type_name("FILE")
        ->required();
    calibrate->add_option("--suite", suite_, "What is run, to find the calibration by")
        ->type_name("NAME")
        ->capture_default_str();
    calibrate->add_option("--work", work_, "Units of work that each run does")->type_name("N");
    calibrate->add_flag("-q,--quiet", quiet_, "Errors only");
    add_series_options(*calibrate, series_);
    return calibrate;
}

std::string summary(const compare::Calibration& calibration) {
    std::vector<std::pair<double, std::string>> noisiest;
    for (const auto& [function, variance] : calibration.functions)
        noisiest.emplace_back(-variance, function);
    std::ranges::sort(noisiest);
    std::string text =
        fmt::format("between {} runs, the cost of a function varies by {:.1f} % beyond counting",
                    calibration.runs, 100 * std::sqrt(calibration.typical));
    constexpr size_t kFew = 3;
    for (size_t i = 0; i < std::min(kFew, noisiest.size()); i++)
        text += fmt::format("\n  {:.1f} %  {}", 100 * std::sqrt(-noisiest[i].first),
                            noisiest[i].second);
    if (calibration.whole.degrees > 0)
        text += fmt::format("\nCPU time per unit of work varies by {:.1f} %",
                            100 * std::sqrt(calibration.whole.value));
    return text;
}

Result<int> CalibrateCommand::run() {
    log::set_level(quiet_ ? log::Level::kQuiet : log::Level::kNormal);
    if (!(work_ >= 0 && work_ < 1e18)) return fail("--work must not be negative", "", kExitUsage);
    if (auto valid = validate(series_); !valid) return tl::unexpected(valid.error());
    SeriesOptions series = series_;
    if (work_ > 0) series.work = work_;
    auto runs = run_series({{"a", command_}, {"b", command_}}, series);
    auto loaded = runs ? compare::load_sides((*runs)[0], (*runs)[1])
                       : Result<compare::Loaded>(tl::unexpected(runs.error()));
    if (!loaded) return tl::unexpected(loaded.error());
    for (const std::string& warning : loaded->warnings) log::warning(warning);
    const compare::Thresholds thresholds;
    compare::Calibration calibration = compare::calibrate(loaded->sides, thresholds.min_share);
    calibration.suite = suite_;
    calibration.environment = loaded->environment;
    calibration.saved_unix_s = ::time(nullptr);
    // Equal programs that seem to differ: the noise is of a kind that the statistics do not cover.
    if (compare::compare(loaded->sides, thresholds).verdict == compare::Verdict::kRegression)
        log::warning(
            "these equal runs would have been called a regression; see docs/statistics.md");
    if (auto saved = compare::save_calibration(output_, calibration); !saved)
        return tl::unexpected(saved.error());
    std::string text = summary(calibration);
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        log::info(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_calibrate_command() {
    return std::make_unique<CalibrateCommand>();
}

}  // namespace pyebpf::app
