// SPDX-License-Identifier: Apache-2.0
#include "app/run_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/escape.h"
#include "base/log.h"
#include "base/temporary_folder.h"
#include "compare/exit_codes.h"
#include "record/reader.h"
#include "sys/child_process.h"
#include "sys/proc.h"

namespace pyebpf::app {

namespace {

using compare::kExitCannotMeasure;
using compare::NamedProfile;

constexpr size_t kMostOutputBytes = 16 << 20;

// Where the recordings are until they are read; goes with everything in it, unless it is the
// user's.
class Workspace {
  public:
    static Result<Workspace> make(const std::string& keep_directory) {
        Workspace workspace;
        if (!keep_directory.empty()) {
            std::error_code error;
            std::filesystem::create_directories(keep_directory, error);
            if (error)
                return fail(
                    fmt::format("create {}: {}", printable(keep_directory), error.message()));
            workspace.path_ = keep_directory;
            return workspace;
        }
        auto folder = TemporaryFolder::make();
        if (!folder) return tl::unexpected(folder.error());
        workspace.path_ = folder->path();
        workspace.temporary_.emplace(std::move(*folder));
        return workspace;
    }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] bool is_temporary() const { return temporary_.has_value(); }

  private:
    Workspace() = default;
    std::string path_;
    std::optional<TemporaryFolder> temporary_;
};

// The last lines of what a command wrote.
std::string tail_of(const std::string& path) {
    constexpr size_t kTailBytes = 2000;
    const std::string text = sys::read_file(path, kMostOutputBytes).value_or("");
    const size_t from = text.size() > kTailBytes ? text.find('\n', text.size() - kTailBytes) : 0;
    std::string result;
    size_t begin = from == std::string::npos ? 0 : from;
    while (begin < text.size()) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        if (end > begin) result += "\n    " + printable(text.substr(begin, end - begin), 300);
        begin = end + 1;
    }
    return result;
}

Result<double> work_done(const SeriesOptions& options, const std::regex& pattern,
                         const std::string& output_path, const std::string& name) {
    if (options.work_pattern.empty()) return options.work;
    const std::string output = sys::read_file(output_path, kMostOutputBytes).value_or("");
    std::smatch found;
    if (std::regex_search(output, found, pattern) && found.size() > 1) {
        char* end = nullptr;
        const std::string number = found[1].str();
        const double work = std::strtod(number.c_str(), &end);
        if (end != number.c_str() && work > 0) return work;
    }
    return fail(fmt::format("{}: its output has no positive number for --work-from", name),
                "the expression needs one group, as in 'requests: ([0-9]+)'", kExitCannotMeasure);
}

std::vector<std::string> record_command(const SeriesCommand& command, const SeriesOptions& options,
                                        const std::string& recording, const std::string& output) {
    std::vector<std::string> arguments{
        "/proc/self/exe", "record", "-q", "-F", std::to_string(options.frequency_hz), "-o",
        recording,        "--"};
    if (options.cpu >= 0)
        arguments.insert(arguments.end(), {"taskset", "-c", std::to_string(options.cpu)});
    // Its output must not mix with our reports.
    arguments.insert(arguments.end(), {"sh", "-c", R"(exec >"$0" 2>&1 </dev/null; exec sh -c "$1")",
                                       output, command.shell});
    return arguments;
}

class Series {
  public:
    Series(const std::vector<SeriesCommand>& commands, const SeriesOptions& options,
           const Workspace& workspace, std::regex pattern)
        : commands_(commands),
          options_(options),
          workspace_(workspace),
          pattern_(std::move(pattern)),
          runs_(commands.size()) {}

    Result<std::vector<std::vector<NamedProfile>>> run() {
        for (uint32_t round = 0; round < options_.warm_up + options_.runs; round++) {
            for (size_t i = 0; i < commands_.size(); i++) {
                const size_t which = round % 2 == 0 ? i : commands_.size() - 1 - i;
                auto run = run_once(which, round);
                if (!run) return tl::unexpected(run.error());
                if (round >= options_.warm_up) runs_[which].push_back(std::move(*run));
            }
        }
        return std::move(runs_);
    }

  private:
    Result<NamedProfile> run_once(size_t which, uint32_t round) {
        const SeriesCommand& command = commands_[which];
        const bool is_warm_up = round < options_.warm_up;
        const std::string stem =
            is_warm_up ? fmt::format("{}-warm-up-{}", command.name, round + 1)
                       : fmt::format("{}-{}", command.name, round + 1 - options_.warm_up);
        const std::string recording = workspace_.file(stem + ".pyebpf");
        const std::string output = workspace_.file(stem + ".out");
        log::info(fmt::format("{} of {}: {}", stem, options_.runs, printable(command.shell, 100)));
        std::filesystem::remove(recording);
        auto child =
            sys::ChildProcess::create(record_command(command, options_, recording, output));
        if (!child) return tl::unexpected(child.error());
        if (auto released = child->release(); !released) return tl::unexpected(released.error());
        const int status = child->wait();
        if (!std::filesystem::exists(recording)) {
            return fail(fmt::format("{} could not be recorded (exit code {})", stem, status),
                        "`pyebpf doctor` tells what this machine lacks", kExitCannotMeasure);
        }
        if (status != 0) {
            return fail(fmt::format("{}: the command ended with exit code {}: {}{}", stem, status,
                                    printable(command.shell, 200), tail_of(output)),
                        "every run has to succeed; nothing was compared", kExitCannotMeasure);
        }
        auto work = work_done(options_, pattern_, output, stem);
        if (!work) return tl::unexpected(work.error());
        auto profile = record::read(recording);
        if (!profile) return tl::unexpected(profile.error());
        if (workspace_.is_temporary() || is_warm_up) {
            std::filesystem::remove(recording);
            std::filesystem::remove(output);
        }
        return NamedProfile{stem, std::move(*profile), *work};
    }

    const std::vector<SeriesCommand>& commands_;
    const SeriesOptions& options_;
    const Workspace& workspace_;
    std::regex pattern_;
    std::vector<std::vector<NamedProfile>> runs_;
};

}  // namespace

void add_series_options(CLI::App& command, SeriesOptions& options) {
    command.add_option("--runs", options.runs, "Runs of each command, in turn")
        ->type_name("N")
        ->capture_default_str();
    command.add_option("--warm-up", options.warm_up, "Runs of each before them, not counted")
        ->type_name("N")
        ->capture_default_str();
    command.add_option("-F,--frequency", options.frequency_hz, "Samples per second and CPU")
        ->type_name("HZ")
        ->capture_default_str();
    command.add_option("--cpu", options.cpu, "Run the commands on this CPU only")->type_name("CPU");
    command
        .add_option("--hash-seed", options.hash_seed,
                    "PYTHONHASHSEED of the commands; '' leaves it")
        ->type_name("SEED")
        ->capture_default_str();
    command
        .add_option("--work-from", options.work_pattern,
                    "Take the units of work of a run from its output: an expression with a group")
        ->type_name("REGEX");
}

Result<void> validate(const SeriesOptions& options) {
    constexpr uint32_t kMostRuns = 1000;
    if (options.runs < 2 || options.runs > kMostRuns)
        return fail(fmt::format("--runs {}: between 2 and {} runs can be compared", options.runs,
                                kMostRuns),
                    "seven are a good start", kExitUsage);
    if (options.warm_up > kMostRuns) return fail("--warm-up: too many", "", kExitUsage);
    try {
        const std::regex pattern(options.work_pattern);
    } catch (const std::regex_error& error) {
        return fail("--work-from is no regular expression: " + std::string(error.what()), "",
                    kExitUsage);
    }
    return {};
}

Result<std::vector<std::vector<NamedProfile>>> run_series(
    const std::vector<SeriesCommand>& commands, const SeriesOptions& options) {
    if (auto valid = validate(options); !valid) return tl::unexpected(valid.error());
    auto workspace = Workspace::make(options.keep_directory);
    if (!workspace) return tl::unexpected(workspace.error());
    // Strings hash differently in every process otherwise, and dictionaries with them.
    if (!options.hash_seed.empty()) setenv("PYTHONHASHSEED", options.hash_seed.c_str(), 1);
    return Series(commands, options, *workspace, std::regex(options.work_pattern)).run();
}

}  // namespace pyebpf::app
