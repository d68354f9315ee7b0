// SPDX-License-Identifier: Apache-2.0
#include "app/targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/escape.h"

namespace pyebpf::app {

void add_cgroup_options(CLI::App& command, pipeline::CgroupTargetOptions& cgroups) {
    command
        .add_option("--container", cgroups.containers,
                    "Containers by name or the beginning of an id; with -p: processes in them, by "
                    "the container's own ids")
        ->type_name("NAME")
        ->allow_extra_args(false);
    command.add_option("--pod", cgroups.pods, "Kubernetes pods")
        ->type_name("[NAMESPACE/]NAME")
        ->allow_extra_args(false);
    command.add_option("--service", cgroups.units, "systemd units and slices")
        ->type_name("UNIT")
        ->allow_extra_args(false);
    command.add_option("--cgroup", cgroups.cgroups, "Cgroups, with all below them")
        ->type_name("PATH")
        ->allow_extra_args(false);
}

void Targets::add_to(CLI::App& command) {
    command.add_flag("-a,--all", all_, "All processes of the machine");
    command.add_option("-p,--pid", pids_, "Processes, with their threads and children")
        ->delimiter(',')
        ->type_name("PID[,PID…]");
    add_cgroup_options(command, cgroups_);
    command.add_flag("--runtime-sockets", runtime_sockets_,
                     "Ask container runtimes for names that their files do not tell");
    command.add_flag("--children,!--no-children", children_,
                     "With -p and a command: also what they start (default: yes)");
    command
        .add_option("command", command_,
                    "After --: a command to start and sample from its first instruction")
        ->type_name("COMMAND ARG…");
}

Result<void> Targets::apply(pipeline::RecorderOptions& options, Default if_none) const {
    const int kinds =
        (all_ ? 1 : 0) + (pids_.empty() && cgroups_.empty() ? 0 : 1) + (command_.empty() ? 0 : 1);
    if (kinds > 1 || (kinds == 0 && if_none == Default::kNone)) {
        return fail(kinds == 0 ? "nothing to record" : "more than one kind of target",
                    "give one of: -a (the whole machine), -p PID, --container NAME (or --pod, "
                    "--service, --cgroup), or -- COMMAND",
                    kExitUsage);
    }
    options.pids = pids_;
    options.cgroups = cgroups_;
    options.runtime_sockets = runtime_sockets_;
    options.command = command_;
    options.follow_children = children_;
    return {};
}

std::string Targets::text() const {
    if (!command_.empty()) return printable(command_.front());
    if (!pids_.empty()) {
        return pids_.size() == 1 ? fmt::format("process {}", pids_.front())
                                 : fmt::format("{} processes", pids_.size());
    }
    if (cgroups_.empty()) return "the whole machine";
    std::vector<std::string> names;
    for (const auto* list :
         {&cgroups_.containers, &cgroups_.pods, &cgroups_.units, &cgroups_.cgroups})
        for (const std::string& name : *list) names.push_back(printable(name));
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace pyebpf::app
