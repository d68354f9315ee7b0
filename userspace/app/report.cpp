// SPDX-License-Identifier: Apache-2.0
// pyebpf report: a recording as text for the terminal, or as JSON.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>

#include "app/command.h"
#include "app/profile_input.h"
#include "app/terminal.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/sink.h"
#include "base/unique_fd.h"
#include "report/call_tree.h"
#include "report/flat.h"
#include "report/source_lines.h"

namespace pyebpf::app {

namespace {

constexpr size_t kWidthWithoutTerminal = 100;
constexpr size_t kLargestSourceBytes = 16 << 20;

// Regular files only: a path in a recording must not make us wait for a pipe.
std::optional<std::string> read_source(std::string_view path) {
    if (!path.starts_with('/')) return std::nullopt;
    const UniqueFd fd(
        ::open(std::string(path).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    if (status.st_size > static_cast<off_t>(kLargestSourceBytes)) return std::nullopt;
    std::string text(static_cast<size_t>(status.st_size), '\0');
    const ssize_t read = ::pread(fd.get(), text.data(), text.size(), 0);
    if (read < 0) return std::nullopt;
    text.resize(static_cast<size_t>(read));
    return text;
}

// $PAGER, as git and man do it; less keeps colors only with -R.
Result<void> show_in_pager(const std::string& text) {
    const char* wanted = std::getenv("PAGER");
    const std::string pager = wanted == nullptr || wanted[0] == '\0' ? "less -R" : wanted;
    FILE* pipe = popen(pager.c_str(), "we");
    if (pipe == nullptr) return fail_errno("start the pager '" + pager + "'", errno);
    // Whoever leaves the pager early has seen enough.
    std::fwrite(text.data(), 1, text.size(), pipe);
    constexpr int kNotFound = 127;
    const int status = pclose(pipe);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNotFound)
        return fail("the pager '" + pager + "' could not be started", "set PAGER to another one");
    return {};
}

class ReportCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    Result<void> check() const;
    Result<std::string> view(const report::StackAmounts& amounts) const;
    [[nodiscard]] report::ViewOptions view_options() const;

    ProfileInput input_;
    std::string by_;
    std::string callers_;
    std::string callees_;
    std::string lines_;
    bool all_frames_ = false;
    output::FormatOptions roots_;
    double min_share_ = 1;
    uint32_t depth_ = 0;
    std::string sort_ = "self";
    size_t top_ = 30;
    size_t width_ = 0;
    bool json_ = false;
    bool pager_ = false;
};

CLI::App* ReportCommand::add_to(CLI::App& app) {
    CLI::App* report = app.add_subcommand(
        "report", "Show recordings in the terminal: call tree, tables, source lines");
    report->footer(
        "Without a view it shows the call tree. Where several branches leave a line, they are "
        "drawn; a\n"
        "line without a branch is called by the one above it.\n"
        "Examples:\n"
        "  pyebpf report run.pyebpf\n"
        "  pyebpf report run.pyebpf --by function --sort total\n"
        "  pyebpf report run.pyebpf --lines views.py --time 10,20\n"
        "  pyebpf report run.pyebpf --callers memcpy --only native");
    input_.add_to(*report);
    constexpr const char* kViews = "Views (default: the call tree)";
    report->add_option("--by", by_, "Flat table with a row for each of these")
        ->type_name("function|line|file|module|process|thread|container")
        ->group(kViews);
    report->add_option("--callers", callers_, "Who called a function, and how much of it each took")
        ->type_name("FUNCTION")
        ->group(kViews);
    report->add_option("--callees", callees_, "What a function called")
        ->type_name("FUNCTION")
        ->group(kViews);
    report->add_option("--lines", lines_, "Source code with what each line took")
        ->type_name("SOURCE|FUNCTION")
        ->group(kViews);
    report->add_flag("--all-frames", all_frames_,
                     "Call tree: also the frames inside libraries, and each level of recursion");
    report->add_flag("--per-container", roots_.per_container, "Trees: containers as roots");
    report->add_flag("--per-process", roots_.per_process,
                     "Trees: processes as roots (the call tree has them if there are several)");
    report->add_flag("--per-thread", roots_.per_thread, "Trees: threads as roots");
    report->add_flag("--per-state", roots_.per_state,
                     "Trees: what threads did or waited for as roots");
    report->add_option("--min-share", min_share_, "Trees: sum up branches of less than this share")
        ->type_name("PERCENT")
        ->capture_default_str();
    report->add_option("--depth", depth_, "Trees: at most so many levels; 0: all")
        ->type_name("N")
        ->capture_default_str();
    report->add_option("--sort", sort_, "Flat table: by self or by total")
        ->type_name("self|total")
        ->capture_default_str();
    report->add_option("--top", top_, "Flat table: rows; 0: all")
        ->type_name("N")
        ->capture_default_str();
    report->add_option("--width", width_, "Columns")->type_name("N")->default_str("the terminal's");
    report->add_flag("--json", json_, "JSON instead of text");
    report->add_flag("--pager", pager_, "Show the text in $PAGER, or less");
    return report;
}

Result<void> ReportCommand::check() const {
    const int views = (by_.empty() ? 0 : 1) + (callers_.empty() ? 0 : 1) +
                      (callees_.empty() ? 0 : 1) + (lines_.empty() ? 0 : 1);
    if (views > 1)
        return fail("more than one view", "give one of --by, --callers, --callees, --lines",
                    kExitUsage);
    if (!std::isfinite(min_share_) || min_share_ < 0 || min_share_ > 100)
        return fail(fmt::format("--min-share {} is not possible", min_share_),
                    "give a percentage from 0 to 100", kExitUsage);
    if (sort_ != "self" && sort_ != "total")
        return fail(fmt::format("--sort {} is not known", sort_), "give self or total", kExitUsage);
    if (!by_.empty()) {
        if (const auto key = report::flat_key(by_); !key) return tl::unexpected<Error>(key.error());
    }
    return {};
}

report::ViewOptions ReportCommand::view_options() const {
    return {.width = width_ != 0 ? width_ : terminal_columns().value_or(kWidthWithoutTerminal),
            .color = wants_color(STDOUT_FILENO)};
}

Result<std::string> ReportCommand::view(const report::StackAmounts& amounts) const {
    const report::ViewOptions options = view_options();
    const auto shown = [&](const auto& view) { return json_ ? view.json() : view.text(options); };
    if (!by_.empty()) {
        return shown(report::FlatTable(
            amounts,
            {.key = *report::flat_key(by_), .sort_by_total = sort_ == "total", .top = top_}));
    }
    if (!lines_.empty()) {
        const auto lines = report::SourceLines::make(amounts, lines_, read_source);
        if (!lines) return tl::unexpected<Error>(lines.error());
        return shown(*lines);
    }
    using Direction = report::TreeOptions::Direction;
    const auto tree =
        report::CallTree::make(amounts, {.direction = !callers_.empty()   ? Direction::kCallers
                                                      : !callees_.empty() ? Direction::kCallees
                                                                          : Direction::kCalls,
                                         .function = callers_.empty() ? callees_ : callers_,
                                         .all_frames = all_frames_,
                                         .min_share_percent = min_share_,
                                         .max_depth = depth_});
    if (!tree) return tl::unexpected<Error>(tree.error());
    return shown(*tree);
}

// Whether samples come from more than one process.
bool has_several_processes(const profile::Profile& profile) {
    std::set<uint32_t> processes;
    for (const profile::Sample& sample : profile.samples) {
        if (sample.thread.value < profile.threads.size())
            processes.insert(profile.threads[sample.thread.value].process.value);
        if (processes.size() > 1) return true;
    }
    return false;
}

Result<int> ReportCommand::run() {
    if (auto checked = check(); !checked) return tl::unexpected(checked.error());
    const auto profile = input_.read();
    if (!profile) return tl::unexpected(profile.error());
    output::FormatOptions roots = roots_;
    const bool is_call_tree = by_.empty() && callers_.empty() && callees_.empty() && lines_.empty();
    if (is_call_tree && has_several_processes(*profile)) roots.per_process = true;
    const report::StackAmounts amounts(*profile, roots);
    for (const output::Unit& unit : amounts.left_out()) {
        log::warning(fmt::format(
            "samples of {} are left out, as they do not count {}: see them with --event",
            unit.sources, amounts.unit().name));
    }
    const auto text = view(amounts);
    if (!text) return tl::unexpected(text.error());
    if (pager_) {
        if (auto paged = show_in_pager(*text); !paged) return tl::unexpected(paged.error());
        return kExitOk;
    }
    FdSink sink(STDOUT_FILENO, "stdout");
    sink.write(*text);
    if (auto finished = sink.finish(); !finished) return tl::unexpected(finished.error());
    return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_report_command() {
    return std::make_unique<ReportCommand>();
}

}  // namespace pyebpf::app
