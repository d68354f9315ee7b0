// SPDX-License-Identifier: Apache-2.0
// pyebpf check: the CI job. Runs two commands in turn, or takes recordings, and decides whether the
// head got slower.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/command.h"
#include "app/comparison_options.h"
#include "app/run_series.h"
#include "base/escape.h"
#include "base/log.h"
#include "compare/exit_codes.h"

namespace pyebpf::app {

namespace {

// The recordings of a folder, in order of their names; other paths as they are.
Result<std::vector<std::string>> expand(const std::vector<std::string>& paths) {
    std::vector<std::string> result;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!std::filesystem::is_directory(path, error)) {
            result.push_back(path);
            continue;
        }
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(path, error))
            if (entry.path().extension() == ".pyebpf") found.push_back(entry.path());
        if (error || found.empty()) {
            return fail(fmt::format("{}: no recordings (*.pyebpf) in this folder", printable(path)),
                        "", compare::kExitCannotMeasure);
        }
        std::ranges::sort(found);
        result.insert(result.end(), found.begin(), found.end());
    }
    return result;
}

class CheckCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    [[nodiscard]] Result<void> validate() const;
    [[nodiscard]] Result<ComparisonOptions::Input> measure() const;
    [[nodiscard]] Result<ComparisonOptions::Input> read() const;
    [[nodiscard]] int exit_code(compare::Verdict verdict) const;

    std::string base_command_;
    std::string head_command_;
    std::vector<std::string> baseline_;
    std::vector<std::string> head_recordings_;
    std::string inconclusive_;
    std::string title_ = "pyebpf check";
    SeriesOptions series_;
    bool quiet_ = false;
    ComparisonOptions options_;
};

CLI::App* CheckCommand::add_to(CLI::App& app) {
    CLI::App* check =
        app.add_subcommand("check", "Decide whether a program got slower: the CI job");
    check->footer(
        "Exit status: 0 pass, 1 regression, 2 usage, 3 cannot measure, 4 inconclusive.\n"
        "Examples:\n"
        "  pyebpf check --base 'python3 base/bench.py' --head 'python3 head/bench.py'\n"
        "  pyebpf check --baseline baseline/ --head-files run-*.pyebpf");
    check->add_option("--base", base_command_, "Command of the base, for the shell")
        ->type_name("COMMAND");
    check->add_option("--head", head_command_, "Command of the head, for the shell")
        ->type_name("COMMAND");
    check->add_option("--baseline", baseline_, "Instead: recordings of the base, or their folder")
        ->type_name("PATH…")
        ->expected(1, -1);
    check->add_option("--head-files", head_recordings_, "Recordings of the head, or their folder")
        ->type_name("PATH…")
        ->expected(1, -1);
    check->add_option("--runs", series_.runs, "Runs of each command, in turn")
        ->type_name("N")
        ->capture_default_str();
    check->add_option("--warm-up", series_.warm_up, "Runs of each before them, not counted")
        ->type_name("N")
        ->capture_default_str();
    check->add_option("-F,--frequency", series_.frequency_hz, "Samples per second and CPU")
        ->type_name("HZ")
        ->capture_default_str();
    check->add_option("--cpu", series_.cpu, "Run the commands on this CPU only")->type_name("CPU");
    series_.hash_seed = "0";
    check
        ->add_option("--hash-seed", series_.hash_seed,
                     "PYTHONHASHSEED of the commands; '' leaves it")
        ->type_name("SEED")
        ->capture_default_str();
    check
        ->add_option("--work-from", series_.work_pattern,
                     "Take the units of work of a run from its output: an expression with a group")
        ->type_name("REGEX");
    check->add_option("--keep", series_.keep_directory, "Keep the recordings in this folder")
        ->type_name("DIR");
    check
        ->add_option("--inconclusive", inconclusive_,
                     "What an inconclusive comparison exits with: pass (0) or fail (1)")
        ->type_name("WHAT")
        ->default_str("4");
    check->add_option("--title", title_, "Of the reports")
        ->type_name("TEXT")
        ->capture_default_str();
    check->add_flag("-q,--quiet", quiet_, "Errors and reports only");
    options_.add_to(*check);
    return check;
}

Result<void> CheckCommand::validate() const {
    const bool has_commands = !base_command_.empty() && !head_command_.empty();
    const bool has_files = !baseline_.empty() && !head_recordings_.empty();
    if (has_commands == has_files ||
        (has_commands && !(baseline_.empty() && head_recordings_.empty())) ||
        (has_files && !(base_command_.empty() && head_command_.empty()))) {
        return fail("check needs two sides",
                    "give --base and --head commands, or --baseline and --head-files recordings",
                    kExitUsage);
    }
    constexpr uint32_t kMostRuns = 1000;
    if (has_commands && (series_.runs < 2 || series_.runs > kMostRuns))
        return fail(fmt::format("--runs {}: between 2 and {} runs can be compared", series_.runs,
                                kMostRuns),
                    "seven are a good start", kExitUsage);
    if (series_.warm_up > kMostRuns) return fail("--warm-up: too many", "", kExitUsage);
    if (!inconclusive_.empty() && inconclusive_ != "pass" && inconclusive_ != "fail")
        return fail("--inconclusive is pass or fail, not '" + printable(inconclusive_) + "'", "",
                    kExitUsage);
    return options_.validate();
}

Result<ComparisonOptions::Input> CheckCommand::measure() const {
    SeriesOptions series = series_;
    if (options_.work() > 0) series.work = options_.work();
    auto runs = run_series({{"base", base_command_}, {"head", head_command_}}, series);
    if (!runs) return tl::unexpected(runs.error());
    return ComparisonOptions::Input{.base = std::move((*runs)[0]),
                                    .head = std::move((*runs)[1]),
                                    .title = title_,
                                    .base_name = base_command_,
                                    .head_name = head_command_};
}

Result<ComparisonOptions::Input> CheckCommand::read() const {
    ComparisonOptions::Input input{
        .title = title_, .base_name = baseline_.front(), .head_name = head_recordings_.front()};
    for (const auto& [paths, side] :
         {std::pair(&baseline_, &input.base), std::pair(&head_recordings_, &input.head)}) {
        auto files = expand(*paths);
        if (!files) return tl::unexpected(files.error());
        if (files->size() < 2) {
            return fail(fmt::format("{}: one run cannot tell noise from difference",
                                    printable(files->front())),
                        "record at least five runs a side, or describe two with `pyebpf diff`",
                        compare::kExitCannotMeasure);
        }
        auto profiles = read_recordings(*files, options_.work());
        if (!profiles) return tl::unexpected(profiles.error());
        *side = std::move(*profiles);
    }
    return input;
}

int CheckCommand::exit_code(compare::Verdict verdict) const {
    switch (verdict) {
        case compare::Verdict::kPass:
            return kExitOk;
        case compare::Verdict::kRegression:
            return compare::kExitRegression;
        case compare::Verdict::kInconclusive:
            return inconclusive_ == "pass"   ? kExitOk
                   : inconclusive_ == "fail" ? compare::kExitRegression
                                             : compare::kExitInconclusive;
    }
    return kExitOk;
}

Result<int> CheckCommand::run() {
    log::set_level(quiet_ ? log::Level::kQuiet : log::Level::kNormal);
    if (auto valid = validate(); !valid) return tl::unexpected(valid.error());
    auto input = base_command_.empty() ? read() : measure();
    auto verdict = input ? options_.conclude(*input, {})
                         : Result<compare::Verdict>(tl::unexpected(input.error()));
    if (!verdict) {
        // 1 would say that something got slower.
        Error error = verdict.error();
        if (error.exit_code != kExitUsage) error.exit_code = compare::kExitCannotMeasure;
        return tl::unexpected(error);
    }
    return exit_code(*verdict);
}

}  // namespace

std::unique_ptr<Command> make_check_command() {
    return std::make_unique<CheckCommand>();
}

}  // namespace pyebpf::app
