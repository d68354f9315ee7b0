// SPDX-License-Identifier: Apache-2.0
// pyebpf baseline: keeps recordings of commits, for `pyebpf check --baseline`.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "app/command.h"
#include "app/comparison_options.h"
#include "app/run_series.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/temporary_folder.h"
#include "compare/baseline.h"
#include "compare/calibration.h"
#include "output/output_file.h"

namespace pyebpf::app {

namespace {

constexpr int64_t kSecondsOfDay = 24 * 60 * 60;

std::string date_text(int64_t unix_s) {
    const time_t seconds = unix_s;
    tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return "unknown";
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min);
}

class BaselineCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    [[nodiscard]] Result<void> validate() const;
    [[nodiscard]] Result<int> save();
    [[nodiscard]] Result<int> list() const;
    [[nodiscard]] Result<int> prune() const;
    // Records, or takes the files that are given; fills the entry's runs.
    [[nodiscard]] Result<std::vector<compare::NamedProfile>> recordings(
        const std::string& workspace, compare::BaselineEntry& entry) const;

    std::string action_;
    std::string folder_;
    std::vector<std::string> files_;
    std::string command_;
    compare::BaselineKey key_;
    double work_ = 0;
    SeriesOptions series_;
    size_t keep_ = 10;
    int64_t most_days_ = 0;
    bool dry_run_ = false;
    bool quiet_ = false;
};

CLI::App* BaselineCommand::add_to(CLI::App& app) {
    CLI::App* baseline =
        app.add_subcommand("baseline", "Keep recordings of commits, for check --baseline");
    baseline->footer(
        "Actions:\n"
        "  save   record a command, or take recordings, and keep them under branch and commit\n"
        "  list   what there is, the newest first\n"
        "  prune  remove all but the newest of each branch, suite and machine\n"
        "Examples:\n"
        "  pyebpf baseline save perf/ --branch main --commit 1a2b3c4 --command 'python3 bench.py'\n"
        "  pyebpf baseline save perf/ run-*.pyebpf --branch main --commit 1a2b3c4\n"
        "  pyebpf baseline list perf/\n"
        "  pyebpf baseline prune perf/ --keep 5");
    baseline->add_option("action", action_, "save, list or prune")->type_name("ACTION")->required();
    baseline->add_option("folder", folder_, "The baseline; made by the first save")
        ->type_name("DIR")
        ->required();
    baseline->add_option("files", files_, "save: recordings (*.pyebpf)")->type_name("FILE…");
    baseline->add_option("--branch", key_.branch, "save: required; others: only this one")
        ->type_name("NAME");
    baseline->add_option("--commit", key_.commit, "save: required; others: only this one")
        ->type_name("COMMIT");
    baseline->add_option("--suite", key_.suite, "What was run (default of save: default)")
        ->type_name("NAME");
    baseline
        ->add_option("--machine", key_.machine,
                     "Where it was run (default of save: architecture and CPUs)")
        ->type_name("NAME");
    baseline->add_option("--command", command_, "save: what to record, for the shell")
        ->type_name("COMMAND");
    add_series_options(*baseline, series_);
    baseline->add_option("--work", work_, "save: units of work that each run does")->type_name("N");
    baseline->add_option("--keep", keep_, "prune: how many of each")
        ->type_name("N")
        ->capture_default_str();
    baseline->add_option("--max-age", most_days_, "prune: also what is older")->type_name("DAYS");
    baseline->add_flag("-n,--dry-run", dry_run_, "prune: say what would be removed");
    baseline->add_flag("-q,--quiet", quiet_, "Errors only");
    return baseline;
}

Result<void> BaselineCommand::validate() const {
    if (action_ != "save" && action_ != "list" && action_ != "prune")
        return fail("baseline knows save, list and prune, not '" + printable(action_) + "'", "",
                    kExitUsage);
    if (!(work_ >= 0 && work_ < 1e18)) return fail("--work must not be negative", "", kExitUsage);
    if (most_days_ < 0) return fail("--max-age must not be negative", "", kExitUsage);
    if (action_ != "save") {
        if (files_.empty() && command_.empty()) return {};
        return fail("recordings and --command are for `baseline save`", "", kExitUsage);
    }
    if (key_.branch.empty() || key_.commit.empty())
        return fail("baseline save needs --branch and --commit",
                    "--commit \"$(git rev-parse HEAD)\"", kExitUsage);
    if (files_.empty() == command_.empty())
        return fail("baseline save needs recordings, or a --command to record", "", kExitUsage);
    for (const std::string* name : {&key_.branch, &key_.commit, &key_.suite, &key_.machine}) {
        if (name->empty()) continue;
        if (auto part = compare::path_part(*name); !part) return tl::unexpected(part.error());
    }
    return app::validate(series_);
}

Result<std::vector<compare::NamedProfile>> BaselineCommand::recordings(
    const std::string& workspace, compare::BaselineEntry& entry) const {
    if (!files_.empty()) {
        for (const std::string& file : files_) entry.runs.push_back({file, work_});
        return read_recordings(files_, work_);
    }
    SeriesOptions series = series_;
    if (work_ > 0) series.work = work_;
    series.keep_directory = workspace;
    auto runs = run_series({{"run", command_}}, series);
    if (!runs) return tl::unexpected(runs.error());
    for (const compare::NamedProfile& run : runs->front())
        entry.runs.push_back({fmt::format("{}/{}.pyebpf", workspace, run.name), run.work});
    return std::move(runs->front());
}

Result<int> BaselineCommand::save() {
    const auto workspace = TemporaryFolder::make();
    if (!workspace) return tl::unexpected(workspace.error());
    compare::BaselineEntry entry{.key = key_, .saved_unix_s = ::time(nullptr)};
    const auto runs = recordings(workspace->path(), entry);
    if (!runs) return tl::unexpected(runs.error());
    std::vector<compare::NamedEnvironment> environments;
    for (const compare::NamedProfile& run : *runs)
        environments.push_back({run.name, compare::environment_of(run.profile)});
    const auto warnings = compare::check_environments(environments);
    if (!warnings) return tl::unexpected(warnings.error());
    for (const std::string& warning : *warnings) log::warning(warning);
    const compare::Environment& environment = environments.front().environment;
    if (entry.key.suite.empty()) entry.key.suite = "default";
    if (entry.key.machine.empty()) entry.key.machine = compare::machine_text(environment);
    entry.facts = environment.facts;
    auto folder = compare::BaselineFolder::open_or_create(folder_);
    if (!folder) return tl::unexpected(folder.error());
    if (auto saved = folder->save(entry); !saved) return tl::unexpected(saved.error());
    log::info(fmt::format("saved {} run{} of {} on {}", entry.runs.size(),
                          entry.runs.size() == 1 ? "" : "s", compare::key_text(entry.key),
                          entry.key.machine));
    return kExitOk;
}

Result<int> BaselineCommand::list() const {
    const auto folder = compare::BaselineFolder::open(folder_);
    if (!folder) return tl::unexpected(folder.error());
    const compare::BaselineListing found = folder->list({key_});
    for (const std::string& warning : found.warnings) log::warning(warning);
    auto out = output::OutputFile::open("-");
    if (!out) return tl::unexpected(out.error());
    for (const compare::BaselineEntry& entry : found.entries) {
        out->sink().write(fmt::format("{}  {:3} runs  {}  {}  {}  {}\n",
                                      date_text(entry.saved_unix_s), entry.runs.size(),
                                      printable(entry.key.branch), printable(entry.key.commit),
                                      printable(entry.key.suite), printable(entry.key.machine)));
    }
    if (auto written = out->commit(); !written) return tl::unexpected(written.error());
    return kExitOk;
}

Result<int> BaselineCommand::prune() const {
    auto folder = compare::BaselineFolder::open(folder_);
    if (!folder) return tl::unexpected(folder.error());
    const compare::BaselineListing found = folder->list({key_});
    const int64_t oldest = most_days_ > 0 ? ::time(nullptr) - most_days_ * kSecondsOfDay : 0;
    const auto keys = compare::superfluous(found.entries, keep_, oldest);
    for (const compare::BaselineKey& key : keys)
        log::info(fmt::format("{} {} on {}", dry_run_ ? "would remove" : "removing",
                              compare::key_text(key), printable(key.machine)));
    if (dry_run_ || keys.empty()) return kExitOk;
    if (auto removed = folder->remove(keys); !removed) return tl::unexpected(removed.error());
    return kExitOk;
}

Result<int> BaselineCommand::run() {
    log::set_level(quiet_ ? log::Level::kQuiet : log::Level::kNormal);
    if (auto valid = validate(); !valid) return tl::unexpected(valid.error());
    if (action_ == "save") return save();
    return action_ == "list" ? list() : prune();
}

}  // namespace

std::unique_ptr<Command> make_baseline_command() {
    return std::make_unique<BaselineCommand>();
}

}  // namespace pyebpf::app
