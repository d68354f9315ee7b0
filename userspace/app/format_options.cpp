// SPDX-License-Identifier: Apache-2.0
#include "app/format_options.h"

#include <fmt/format.h>

namespace pyebpf::app {

void add_format_options(CLI::App& command, std::string& format, output::FormatOptions& options) {
    std::string names;
    for (const output::Format* known : output::formats())
        names += fmt::format("{}{}", names.empty() ? "" : ", ", known->name);
    command.add_option("--format", format, "Format instead of the extension's: " + names)
        ->type_name("NAME");
    command.add_flag("--per-container", options.per_container, "Containers as root frames");
    command.add_flag("--per-process", options.per_process, "Processes as root frames");
    command.add_flag("--per-thread", options.per_thread, "Threads as root frames");
    command.add_flag("--lines", options.current_lines,
                     "Show the line that ran, not the first line of the function");
}

}  // namespace pyebpf::app
