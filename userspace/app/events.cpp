// SPDX-License-Identifier: Apache-2.0
// pyebpf events: what this machine can sample.
#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "app/command.h"
#include "base/closest.h"
#include "base/escape.h"
#include "events/event_source.h"
#include "events/mode.h"

namespace pyebpf::app {

namespace {

constexpr std::string_view kTracepoint = "tracepoint";

class EventsCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    std::string filter_;
};

CLI::App* EventsCommand::add_to(CLI::App& app) {
    CLI::App* events =
        app.add_subcommand("events", "List what this machine can sample, for record --event");
    events->footer(
        "Without FILTER tracepoints are only counted.\n"
        "Examples:\n"
        "  pyebpf events\n"
        "  pyebpf events tracepoint:sched");
    events
        ->add_option("FILTER", filter_,
                     "Only events whose name contains this, tracepoints included")
        ->type_name("TEXT");
    return events;
}

Result<int> EventsCommand::run() {
    size_t shown = 0;
    const auto show = [&](const std::string& name, const std::string& text) {
        if (name.find(filter_) == std::string::npos) return;
        fmt::print("{:<24} {}\n", printable(name), printable(text));
        ++shown;
    };
    for (const events::EventSource& source : events::sources()) {
        const std::string missing = events::why_missing(source);
        show(source.name, missing.empty() ? source.description : "not here: " + missing);
    }
    for (const std::string& probe : events::python_probes())
        show("usdt:" + probe, "probe of a Python that runs now");
    const auto tracepoints = events::tracepoints();
    if (!tracepoints) {
        show(std::string(kTracepoint), "not here: " + tracepoints.error().message);
    } else if (filter_.empty()) {
        show("tracepoint:CATEGORY:NAME",
             fmt::format("{} tracepoints of the kernel; pyebpf events tracepoint lists them",
                         tracepoints->size()));
    } else {
        for (const std::string& name : *tracepoints)
            show(fmt::format("{}:{}", kTracepoint, name), "");
    }
    if (filter_.empty()) {
        show("uprobe:FILE:SYMBOL", "calls of a function, such as uprobe:libc:malloc");
        show("uretprobe:FILE:SYMBOL", "its returns");
        show("usdt:FILE:PROBE", "a probe that a program was built with");
    }
    if (shown != 0) return kExitOk;
    return fail(fmt::format("no event contains '{}'", filter_),
                "pyebpf events without a filter lists the kinds", kExitUsage);
}

}  // namespace

std::unique_ptr<Command> make_events_command() {
    return std::make_unique<EventsCommand>();
}

}  // namespace pyebpf::app
