// SPDX-License-Identifier: Apache-2.0
// pyebpf dump: the stacks of all threads of some processes, now.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/command.h"
#include "app/sampling_options.h"
#include "app/targets.h"
#include "base/escape.h"
#include "base/log.h"
#include "output/names.h"
#include "pipeline/dump.h"

namespace pyebpf::app {

namespace {

using output::name_text;
using pipeline::DumpedFrame;
using pipeline::DumpedProcess;
using pipeline::DumpedThread;
using profile::ThreadState;

std::string state_text(ThreadState state) {
    switch (state) {
        case ThreadState::kRunning:
            return "running";
        case ThreadState::kRunQueue:
            return "waits for a CPU";
        case ThreadState::kThrottled:
            return "waits for CPU time of its cgroup";
        case ThreadState::kGil:
            return "waits for the GIL";
        case ThreadState::kDisk:
            return "waits for the disk";
        case ThreadState::kPageFault:
            return "waits for memory";
        default:
            return "idle: " + std::string(output::state_name(state));
    }
}

// "(file:line)", "(module)"
std::string place_text(const DumpedFrame& frame) {
    if (!frame.file.empty()) {
        const std::string file = name_text(frame.file);
        return frame.line == 0 ? fmt::format(" ({})", file)
                               : fmt::format(" ({}:{})", file, frame.line);
    }
    return frame.module.empty() ? "" : fmt::format(" ({})", name_text(frame.module));
}

std::string as_text(const DumpedThread& thread) {
    const std::string& name = thread.python_name.empty() ? thread.name : thread.python_name;
    std::string text = fmt::format("\nThread {} \"{}\" ({}", thread.tid, name_text(name),
                                   state_text(thread.state));
    if ((thread.flags & profile::kHoldsGil) != 0) text += ", holds the GIL";
    if ((thread.flags & profile::kCollectsGarbage) != 0) text += ", collects garbage";
    if ((thread.flags & profile::kHandlesException) != 0) text += ", handles an exception";
    text += ')';
    if (thread.is_sampled) text += " [sampled]";
    if (thread.is_torn) text += " [torn]";
    text += '\n';
    if (thread.frames.empty())
        text += fmt::format("    [no stack: {}]\n",
                            thread.no_frames.empty() ? "nothing is known" : thread.no_frames);
    for (const DumpedFrame& frame : thread.frames) {
        text += fmt::format("    {}{}\n", name_text(frame.function), place_text(frame));
        for (const pipeline::Variable& variable : frame.variables)
            text += fmt::format("        {} = {}\n", name_text(variable.name),
                                printable(variable.value));
    }
    return text;
}

std::string as_text(const DumpedProcess& process) {
    std::string text = fmt::format("Process {}", process.pid);
    if (process.namespace_pid != 0 && process.namespace_pid != process.pid)
        text += fmt::format(" ({} in its container)", process.namespace_pid);
    text += fmt::format(": {}\n", name_text(process.command));
    text += process.python.empty() ? "No Python that is known" : "Python " + process.python;
    if (!process.executable.empty()) text += fmt::format(" ({})", name_text(process.executable));
    const std::string& container =
        process.container.name.empty() ? process.container.id : process.container.name;
    if (!container.empty()) text += ", container " + name_text(container);
    text += '\n';
    for (const DumpedThread& thread : process.threads) text += as_text(thread);
    if (process.threads.empty() && process.threads_not_seen == 0) text += "\nIt has ended.\n";
    if (process.threads_not_seen != 0)
        text += fmt::format("\nThreads that did not run: {}\n", process.threads_not_seen);
    return text;
}

nlohmann::json as_json(const DumpedThread& thread) {
    nlohmann::json frames = nlohmann::json::array();
    for (const DumpedFrame& frame : thread.frames) {
        nlohmann::json json{{"kind", output::kind_name(frame.kind)},
                            {"function", name_text(frame.function)},
                            {"inlined", frame.inlined}};
        if (!frame.file.empty()) json["file"] = name_text(frame.file);
        if (frame.line != 0) json["line"] = frame.line;
        if (!frame.module.empty()) json["module"] = name_text(frame.module);
        if (!frame.variables.empty()) {
            json["locals"] = nlohmann::json::array();
            for (const pipeline::Variable& variable : frame.variables)
                json["locals"].push_back(
                    {{"name", name_text(variable.name)}, {"value", printable(variable.value)}});
        }
        frames.push_back(std::move(json));
    }
    nlohmann::json json{{"tid", thread.tid},
                        {"name", name_text(thread.name)},
                        {"state", output::state_name(thread.state)},
                        {"idle", pipeline::is_idle(thread.state)},
                        {"holds_gil", (thread.flags & profile::kHoldsGil) != 0},
                        {"collects_garbage", (thread.flags & profile::kCollectsGarbage) != 0},
                        {"handles_exception", (thread.flags & profile::kHandlesException) != 0},
                        {"torn", thread.is_torn},
                        {"sampled", thread.is_sampled},
                        {"frames", std::move(frames)}};
    if (!thread.python_name.empty()) json["python_name"] = name_text(thread.python_name);
    if (!thread.no_frames.empty()) json["no_frames"] = thread.no_frames;
    return json;
}

nlohmann::json as_json(const DumpedProcess& process) {
    nlohmann::json threads = nlohmann::json::array();
    for (const DumpedThread& thread : process.threads) threads.push_back(as_json(thread));
    const std::string& container =
        process.container.name.empty() ? process.container.id : process.container.name;
    return {{"pid", process.pid},
            {"namespace_pid", process.namespace_pid},
            {"command", name_text(process.command)},
            {"executable", name_text(process.executable)},
            {"python", process.python},
            {"container", name_text(container)},
            {"threads_not_seen", process.threads_not_seen},
            {"threads", std::move(threads)}};
}

class DumpCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    pipeline::DumpOptions options_;
    std::string native_ = "extensions";
    bool json_ = false;
};

CLI::App* DumpCommand::add_to(CLI::App& app) {
    CLI::App* dump = app.add_subcommand(
        "dump", "Print the stacks of all threads of processes now, without stopping them");
    dump->footer(
        "Examples:\n"
        "  pyebpf dump 1234\n"
        "  pyebpf dump --container web\n"
        "  pyebpf dump 1234 --json | jq '.processes[].threads[] | select(.holds_gil)'");
    dump->add_option("-p,--pid,pid", options_.pids, "Processes")->delimiter(',')->type_name("PID");
    add_cgroup_options(*dump, options_.cgroups);
    dump->add_flag("--runtime-sockets", options_.runtime_sockets,
                   "Ask container runtimes for names that their files do not tell");
    dump->add_option("--native", native_,
                     "Native frames: all, extensions (without the interpreter's own) or none")
        ->type_name("WHICH")
        ->capture_default_str();
    dump->add_flag("-l,--locals", options_.variables,
                   "Also arguments and local variables of Python frames, shortened");
    dump->add_flag("--json", json_, "As JSON");
    dump->add_flag("--no-iterator", options_.without_iterator,
                   "Only sample what runs, as on kernels without task iterators");
    return dump;
}

Result<int> DumpCommand::run() {
    if (options_.pids.empty() && options_.cgroups.empty()) {
        return fail("nothing to dump",
                    "give process ids, or --container NAME (or --pod, --service, --cgroup)",
                    kExitUsage);
    }
    auto native = native_frames(native_);
    if (!native) return tl::unexpected(native.error());
    options_.native_frames = *native;
    auto dump = pipeline::take_dump(options_);
    if (!dump) return tl::unexpected(dump.error());
    if (!dump->no_iterator.empty()) {
        log::warning(
            fmt::format("the kernel cannot list threads ({}): these are samples of those that ran",
                        dump->no_iterator));
    }
    std::string text;
    if (json_) {
        nlohmann::json json{{"look_seconds", dump->look_seconds},
                            {"no_iterator", printable(dump->no_iterator)},
                            {"processes", nlohmann::json::array()}};
        for (const DumpedProcess& process : dump->processes)
            json["processes"].push_back(as_json(process));
        text = json.dump(2) + "\n";
    } else {
        for (const DumpedProcess& process : dump->processes)
            text += (text.empty() ? "" : "\n") + as_text(process);
    }
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) return kExitFailure;
    return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_dump_command() {
    return std::make_unique<DumpCommand>();
}

}  // namespace pyebpf::app
