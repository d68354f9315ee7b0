// SPDX-License-Identifier: Apache-2.0
// pyebpf doctor: what this machine lets pyebpf do, and which Pythons run on it.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/command.h"
#include "base/escape.h"
#include "loader/probe.h"
#include "pipeline/python_survey.h"
#include "sys/capabilities.h"
#include "sys/kernel_hazard.h"
#include "sys/kernel_policy.h"
#include "sys/perf_event.h"
#include "sys/proc.h"

namespace pyebpf::app {

namespace {

struct Finding {
    std::string name;
    bool good = false;
    bool needed = false;  // recording is impossible without it
    std::string detail;
};

std::string first_line(const std::string& path) {
    std::string text = sys::read_file(path, 4096).value_or("");
    return text.substr(0, text.find('\n'));
}

Finding capabilities() {
    const auto missing = sys::missing_to_record();
    return {"capabilities", missing.empty(), true,
            missing.empty() ? "all that recording needs"
                            : fmt::format("missing: {}", fmt::join(missing, ", "))};
}

Finding cgroup_layout() {
    const bool v2 = sys::read_file("/sys/fs/cgroup/cgroup.controllers", 64).has_value();
    const bool hybrid = sys::read_file("/sys/fs/cgroup/unified/cgroup.controllers", 64).has_value();
    return {"cgroups", v2 || hybrid, false,
            v2       ? "v2"
            : hybrid ? "hybrid (v1 with v2 at unified)"
                     : "v1 only or not mounted"};
}

Finding lockdown() {
    const std::string mode = sys::lockdown_mode();
    const bool forbidden = sys::forbids_kernel_reads(mode);
    return {"lockdown", !forbidden, true,
            forbidden ? mode + ": BPF may not read kernel memory" : mode};
}

std::vector<Finding> examine_kernel() {
    std::vector<Finding> findings;
    utsname system{};
    uname(&system);
    findings.push_back(
        {"kernel", true, false, fmt::format("{} {}", system.release, system.machine)});
    findings.push_back(capabilities());
    for (const loader::Probe& probe : loader::probe_kernel())
        findings.push_back({probe.name, probe.works, probe.needed, probe.detail});
    findings.push_back(lockdown());
    const auto hazard = sys::user_copy_hazard();
    findings.push_back({"safe user copies", !hazard, true, hazard.value_or("works")});
    findings.push_back(
        {"perf_event_paranoid", true, false, first_line("/proc/sys/kernel/perf_event_paranoid")});
    findings.push_back(
        {"max sample rate", true, false, fmt::format("{} Hz", sys::max_sample_rate_hz())});
    findings.push_back({"kernel symbols", first_line("/proc/sys/kernel/kptr_restrict") != "2",
                        false, "kptr_restrict " + first_line("/proc/sys/kernel/kptr_restrict")});
    findings.push_back(cgroup_layout());
    return findings;
}

class DoctorCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override {
        CLI::App* doctor = app.add_subcommand(
            "doctor", "Tell what this machine can do, and which Pythons run on it");
        doctor->add_flag("--json", json_, "As JSON");
        return doctor;
    }

    Result<int> run() override {
        const std::vector<Finding> findings = examine_kernel();
        const std::vector<pipeline::PythonProcess> pythons = pipeline::PythonSurvey().take();
        const bool ready = std::ranges::all_of(
            findings, [](const Finding& finding) { return finding.good || !finding.needed; });
        std::fputs(
            (json_ ? as_json(findings, pythons, ready) : as_text(findings, pythons, ready)).c_str(),
            stdout);
        return ready ? kExitOk : kExitFailure;
    }

  private:
    static std::string as_text(const std::vector<Finding>& findings,
                               const std::vector<pipeline::PythonProcess>& pythons, bool ready) {
        std::string text;
        for (const Finding& finding : findings) {
            text += fmt::format("{:4} {:28} {}\n",
                                finding.good     ? "ok"
                                : finding.needed ? "FAIL"
                                                 : "no",
                                finding.name, finding.detail);
        }
        text += fmt::format("\nPython processes: {}\n", pythons.size());
        for (const pipeline::PythonProcess& process : pythons) {
            text += fmt::format("{:4} {:>8} {:10} {}{}\n", process.problem.empty() ? "ok" : "no",
                                process.pid, process.version, printable(process.path, 120),
                                process.problem.empty() ? "" : ": " + process.problem);
        }
        text += ready ? "\nready to record\n" : "\nrecording is not possible here\n";
        return text;
    }

    static std::string as_json(const std::vector<Finding>& findings,
                               const std::vector<pipeline::PythonProcess>& pythons, bool ready) {
        nlohmann::json json{{"ready", ready},
                            {"findings", nlohmann::json::array()},
                            {"python_processes", nlohmann::json::array()}};
        for (const Finding& finding : findings) {
            json["findings"].push_back({{"name", finding.name},
                                        {"ok", finding.good},
                                        {"needed", finding.needed},
                                        {"detail", printable(finding.detail)}});
        }
        for (const pipeline::PythonProcess& process : pythons) {
            json["python_processes"].push_back({{"pid", process.pid},
                                                {"version", process.version},
                                                {"path", printable(process.path)},
                                                {"supported", process.problem.empty()},
                                                {"problem", printable(process.problem)}});
        }
        return json.dump(2) + "\n";
    }

    bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_doctor_command() {
    return std::make_unique<DoctorCommand>();
}

}  // namespace pyebpf::app
