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
#include "compare/baseline.h"
#include "compare/calibration.h"
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
    struct Side {
        std::string name;
        std::vector<compare::NamedProfile> runs;
    };
    [[nodiscard]] Result<Side> read(const std::vector<std::string>& paths) const;
    [[nodiscard]] Result<compare::BaselineEntry> find_baseline(const std::string& machine) const;
    [[nodiscard]] Result<Side> read_baseline(const compare::Environment& head) const;
    [[nodiscard]] Result<ComparisonOptions::Input> collect() const;
    [[nodiscard]] int exit_code(compare::Verdict verdict) const;

    std::string base_command_;
    std::string head_command_;
    std::vector<std::string> baseline_;
    std::vector<std::string> head_recordings_;
    std::string inconclusive_;
    std::string title_ = "pyebpf check";
    compare::BaselineQuery query_;
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
        "  pyebpf check --baseline baseline/ --branch main --head 'python3 bench.py'\n"
        "  pyebpf check --baseline base/ --head-files run-*.pyebpf -o comment.md");
    check->add_option("--base", base_command_, "Command of the base, for the shell")
        ->type_name("COMMAND");
    check->add_option("--head", head_command_, "Command of the head, for the shell")
        ->type_name("COMMAND");
    check
        ->add_option("--baseline", baseline_,
                     "Instead: recordings of the base, their folder, or one of `pyebpf baseline`")
        ->type_name("PATH…")
        ->expected(1, -1);
    check->add_option("--head-files", head_recordings_, "Recordings of the head, or their folder")
        ->type_name("PATH…")
        ->expected(1, -1);
    check
        ->add_option("--branch", query_.key.branch,
                     "Of a folder of `pyebpf baseline`: the newest of this branch")
        ->type_name("NAME");
    check->add_option("--commit", query_.key.commit, "… or of this commit")->type_name("COMMIT");
    check
        ->add_option("--machine", query_.key.machine,
                     "… that was saved under this name, not under this machine's own")
        ->type_name("NAME");
    add_series_options(*check, series_);
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
    if (base_command_.empty() == baseline_.empty() ||
        head_command_.empty() == head_recordings_.empty()) {
        return fail("check needs two sides",
                    "give --base COMMAND or --baseline PATH, and --head COMMAND or --head-files "
                    "PATH",
                    kExitUsage);
    }
    if (auto valid = app::validate(series_); !valid) return valid;
    if (!inconclusive_.empty() && inconclusive_ != "pass" && inconclusive_ != "fail")
        return fail("--inconclusive is pass or fail, not '" + printable(inconclusive_) + "'", "",
                    kExitUsage);
    return options_.validate();
}

Result<CheckCommand::Side> CheckCommand::read(const std::vector<std::string>& paths) const {
    auto files = expand(paths);
    if (!files) return tl::unexpected(files.error());
    if (files->size() < 2) {
        return fail(
            fmt::format("{}: one run cannot tell noise from difference", printable(files->front())),
            "record at least five runs a side, or describe two with `pyebpf diff`",
            compare::kExitCannotMeasure);
    }
    auto runs = read_recordings(*files, options_.work());
    if (!runs) return tl::unexpected(runs.error());
    return Side{paths.front(), std::move(*runs)};
}

// The newest that fits; on any machine if that is empty.
Result<compare::BaselineEntry> CheckCommand::find_baseline(const std::string& machine) const {
    auto folder = compare::BaselineFolder::open(baseline_.front());
    if (!folder) return tl::unexpected(folder.error());
    compare::BaselineQuery query = query_;
    query.key.suite = options_.suite();
    query.key.machine = machine;
    compare::BaselineListing found = folder->list(query);
    for (const std::string& warning : found.warnings) log::warning(warning);
    if (!found.entries.empty()) return std::move(found.entries.front());
    std::string what = "nothing of suite " + printable(query.key.suite);
    if (!query.key.branch.empty()) what += " of branch " + printable(query.key.branch);
    if (!query.key.commit.empty()) what += " of commit " + printable(query.key.commit);
    if (!machine.empty()) what += " on " + printable(machine);
    return fail(fmt::format("{}: {}", printable(baseline_.front()), what),
                "`pyebpf baseline list` tells what there is", compare::kExitCannotMeasure);
}

Result<CheckCommand::Side> CheckCommand::read_baseline(const compare::Environment& head) const {
    const std::string& machine = query_.key.machine;
    auto entry = find_baseline(machine.empty() ? compare::machine_text(head) : machine);
    if (!entry) return tl::unexpected(entry.error());
    Side side{compare::key_text(entry->key), {}};
    for (const compare::BaselineRun& run : entry->runs) {
        auto runs = read_recordings({run.path}, run.work);
        if (!runs) return tl::unexpected(runs.error());
        side.runs.push_back(std::move(runs->front()));
    }
    return side;
}

Result<ComparisonOptions::Input> CheckCommand::collect() const {
    SeriesOptions series = series_;
    if (options_.work() > 0) series.work = options_.work();
    std::vector<SeriesCommand> commands;
    if (!base_command_.empty()) commands.push_back({"base", base_command_});
    if (!head_command_.empty()) commands.push_back({"head", head_command_});
    const bool is_folder =
        baseline_.size() == 1 && compare::BaselineFolder::is_one(baseline_.front());
    // What can be refused is refused before minutes of running.
    if (is_folder) {
        if (auto found = find_baseline(query_.key.machine); !found)
            return tl::unexpected(found.error());
    }
    Side base{base_command_, {}};
    Side head{head_command_, {}};
    if (!head_recordings_.empty()) {
        auto read_side = read(head_recordings_);
        if (!read_side) return tl::unexpected(read_side.error());
        head = std::move(*read_side);
    }
    if (!baseline_.empty() && !is_folder) {
        auto read_side = read(baseline_);
        if (!read_side) return tl::unexpected(read_side.error());
        base = std::move(*read_side);
    }
    if (!commands.empty()) {
        auto runs = run_series(commands, series);
        if (!runs) return tl::unexpected(runs.error());
        if (!head_command_.empty()) {
            head.runs = std::move(runs->back());
            runs->pop_back();
        }
        if (!base_command_.empty()) base.runs = std::move(runs->front());
    }
    if (is_folder) {
        auto read_side = read_baseline(compare::environment_of(head.runs.front().profile));
        if (!read_side) return tl::unexpected(read_side.error());
        base = std::move(*read_side);
    }
    return ComparisonOptions::Input{.base = std::move(base.runs),
                                    .head = std::move(head.runs),
                                    .title = title_,
                                    .base_name = base.name,
                                    .head_name = head.name};
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
    auto input = collect();
    auto verdict =
        input ? options_.conclude(*input) : Result<compare::Verdict>(tl::unexpected(input.error()));
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
