// SPDX-License-Identifier: Apache-2.0
// pyebpf ps: the Python processes of the machine, with their containers and their use of the CPUs.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/command.h"
#include "app/terminal.h"
#include "output/columns.h"
#include "output/names.h"
#include "pipeline/python_survey.h"
#include "sys/clock.h"

namespace pyebpf::app {

namespace {

using pipeline::PythonProcess;

constexpr size_t kShortId = 12;
constexpr size_t kCommandColumns = 60;
constexpr size_t kLeastCommandColumns = 12;
constexpr size_t kContainerColumns = 32;

// Name, else id, unit or cgroup: as in profiles.
std::string container_text(const process::ContainerFacts& facts) {
    const bool is_long = facts.id.size() == 64;
    for (const std::string& text :
         {facts.name, is_long ? facts.id.substr(0, kShortId) : facts.id, facts.unit, facts.cgroup})
        if (!text.empty()) return text;
    return {};
}

struct Row {
    PythonProcess process;
    double cpu_share = 0;  // of one CPU, since the look before
};

class PsCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override {
        CLI::App* ps = app.add_subcommand(
            "ps", "List the Python processes: container, version, threads, CPU, whether supported");
        ps->footer(
            "CPU is the share of one CPU during the interval.\n"
            "Examples:\n"
            "  pyebpf ps\n"
            "  pyebpf ps --watch\n"
            "  pyebpf ps --json | jq '.processes[] | select(.container.name == \"web\")'");
        ps->add_flag("--json", json_, "As JSON; with --watch one document a line");
        ps->add_flag("-w,--watch", watch_, "Again and again, until Ctrl-C");
        ps->add_option("-i,--interval", interval_s_, "Time over which CPU use is measured")
            ->type_name("SECONDS")
            ->capture_default_str();
        ps->add_flag("--runtime-sockets", runtime_sockets_,
                     "Ask container runtimes for names that their files do not tell");
        return ps;
    }

    Result<int> run() override {
        if (!std::isfinite(interval_s_) || interval_s_ < 0.05 || interval_s_ > 86400) {
            return fail(fmt::format("an interval of {} s is not possible", interval_s_),
                        "give a number of seconds from 0.05 to 86400", kExitUsage);
        }
        pipeline::PythonSurvey survey(runtime_sockets_);
        std::vector<PythonProcess> before = survey.take();
        uint64_t before_ns = sys::monotonic_ns();
        do {
            sleep_interval();
            std::vector<PythonProcess> now = survey.take();
            const uint64_t now_ns = sys::monotonic_ns();
            const std::vector<Row> rows =
                compare(before, now, static_cast<double>(now_ns - before_ns) * 1e-9);
            const bool redraws = watch_ && !json_ && isatty(STDOUT_FILENO) != 0;
            if (redraws) std::fputs("\033[H\033[2J", stdout);
            std::fputs((json_ ? as_json(rows) : as_text(rows)).c_str(), stdout);
            if (std::fflush(stdout) != 0) return kExitFailure;  // nobody reads any more
            before = std::move(now);
            before_ns = now_ns;
        } while (watch_);
        return kExitOk;
    }

  private:
    void sleep_interval() const {
        const auto whole = static_cast<time_t>(interval_s_);
        timespec left{whole, static_cast<long>((interval_s_ - static_cast<double>(whole)) * 1e9)};
        while (nanosleep(&left, &left) != 0) {
        }
    }

    // Most used first.
    static std::vector<Row> compare(const std::vector<PythonProcess>& before,
                                    const std::vector<PythonProcess>& now, double seconds) {
        std::map<std::pair<uint32_t, uint64_t>, uint64_t> used;
        for (const PythonProcess& process : before)
            used[{process.pid, process.start_ticks}] = process.cpu_ticks;
        const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
        std::vector<Row> rows;
        for (const PythonProcess& process : now) {
            // One that has started meanwhile has used nothing before.
            const auto found = used.find({process.pid, process.start_ticks});
            const uint64_t since = found == used.end() ? 0 : found->second;
            const auto ticks = static_cast<double>(process.cpu_ticks - since);
            rows.push_back({process, ticks / ticks_per_second / seconds});
        }
        std::ranges::stable_sort(rows, std::greater{}, &Row::cpu_share);
        return rows;
    }

    // Commands give way where the terminal is too narrow.
    static std::string as_text(const std::vector<Row>& rows) {
        const std::vector<std::string> titles{"PID",     "OWN PID", "CONTAINER", "PYTHON",
                                              "THREADS", "CPU",     "SUPPORTED", "COMMAND"};
        std::vector<std::vector<std::string>> table{titles};
        for (const Row& row : rows) {
            const PythonProcess& process = row.process;
            const bool is_own = process.namespace_pid != 0 && process.namespace_pid != process.pid;
            table.push_back(
                {std::to_string(process.pid), is_own ? std::to_string(process.namespace_pid) : "-",
                 text_or_dash(container_text(process.container), kContainerColumns),
                 text_or_dash(process.version, kContainerColumns), std::to_string(process.threads),
                 fmt::format("{:.0f} %", row.cpu_share * 100),
                 process.problem.empty() ? "yes" : "no: " + output::name_text(process.problem),
                 text_or_dash(process.command, kCommandColumns)});
        }
        std::vector<size_t> widths(titles.size());
        for (const auto& line : table)
            for (size_t i = 0; i < line.size(); ++i)
                widths[i] = std::max(widths[i], output::columns(line[i]));
        if (const auto columns = terminal_columns()) {
            size_t used = 0;
            for (size_t i = 0; i + 1 < widths.size(); ++i) used += widths[i] + 2;
            const size_t left = std::max(kLeastCommandColumns, *columns - std::min(*columns, used));
            for (auto& line : table) line.back() = output::shortened(line.back(), left);
        }
        std::string text;
        for (const auto& line : table) {
            for (size_t i = 0; i < line.size(); ++i) {
                text += line[i];
                if (i + 1 < line.size()) text.append(widths[i] - output::columns(line[i]) + 2, ' ');
            }
            text += '\n';
        }
        return text;
    }

    static std::string text_or_dash(const std::string& text, size_t width) {
        return text.empty() ? "-" : output::shortened(output::name_text(text), width);
    }

    std::string as_json(const std::vector<Row>& rows) const {
        nlohmann::json json{{"interval_seconds", interval_s_},
                            {"processes", nlohmann::json::array()}};
        for (const Row& row : rows) {
            const PythonProcess& process = row.process;
            const process::ContainerFacts& facts = process.container;
            const std::array<std::pair<const char*, const std::string*>, 8> texts{
                {{"id", &facts.id},
                 {"name", &facts.name},
                 {"runtime", &facts.runtime},
                 {"image", &facts.image},
                 {"pod", &facts.pod},
                 {"pod_namespace", &facts.pod_namespace},
                 {"unit", &facts.unit},
                 {"cgroup", &facts.cgroup}}};
            nlohmann::json container = nlohmann::json::object();
            for (const auto& [key, text] : texts)
                if (!text->empty()) container[key] = printable(*text);
            json["processes"].push_back({{"pid", process.pid},
                                         {"namespace_pid", process.namespace_pid},
                                         {"container", container},
                                         {"python", process.version},
                                         {"threads", process.threads},
                                         {"cpu_share", row.cpu_share},
                                         {"supported", process.problem.empty()},
                                         {"problem", printable(process.problem)},
                                         {"runtime_file", printable(process.path)},
                                         {"command", printable(process.command)}});
        }
        return json.dump(watch_ ? -1 : 2) + "\n";
    }

    bool json_ = false;
    bool watch_ = false;
    double interval_s_ = 1;
    bool runtime_sockets_ = false;
};

}  // namespace

std::unique_ptr<Command> make_ps_command() {
    return std::make_unique<PsCommand>();
}

}  // namespace pyebpf::app
