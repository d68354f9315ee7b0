// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "app/help_formatter.h"
#include "base/log.h"
#include "sys/file_limit.h"

int main(int argc, char** argv) {
    using namespace pyebpf;
    sys::raise_file_limit();
    // Output to a closed pipe (`pyebpf … -o - | head`) is an error of write(), not the end of the
    // program.
    std::signal(SIGPIPE, SIG_IGN);

    CLI::App cli{
        "pyebpf: a system-wide profiler for Python, with native and kernel frames, by eBPF"};
    cli.set_version_flag("--version", "pyebpf " PYEBPF_VERSION);
    cli.name("pyebpf");
    cli.require_subcommand(1);
    cli.formatter(std::make_shared<app::HelpFormatter>());

    std::vector<std::unique_ptr<app::Command>> commands;
    commands.push_back(app::make_record_command());
    commands.push_back(app::make_report_command());
    commands.push_back(app::make_convert_command());
    commands.push_back(app::make_view_command());
    commands.push_back(app::make_doctor_command());
    commands.push_back(app::make_completion_command());
    std::vector<CLI::App*> subcommands;
    for (const auto& command : commands) subcommands.push_back(command->add_to(cli));

    if (argc == 1) {
        std::fputs(cli.help().c_str(), stderr);
        return kExitUsage;
    }
    const std::string_view first = argv[1];
    const auto is_first = [&](const CLI::App* subcommand) {
        return subcommand->get_name() == first;
    };
    if (!first.starts_with('-') && std::ranges::none_of(subcommands, is_first)) {
        log::error(fmt::format("there is no command '{}'", first));
        std::string known;
        for (const CLI::App* subcommand : subcommands)
            known += (known.empty() ? "" : ", ") + subcommand->get_name();
        log::error("  known commands: " + known);
        return kExitUsage;
    }
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    for (size_t i = 0; i < commands.size(); ++i) {
        if (!subcommands[i]->parsed()) continue;
        auto code = commands[i]->run();
        if (code) return *code;
        log::error(code.error().message);
        if (!code.error().hint.empty()) log::error("  " + code.error().hint);
        return code.error().exit_code;
    }
    return kExitUsage;
}
