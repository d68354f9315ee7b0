// SPDX-License-Identifier: Apache-2.0
// pyebpf completion: what a shell needs to complete our command lines, made from the options
// themselves.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "app/command.h"
#include "events/event_source.h"
#include "output/format.h"

namespace pyebpf::app {

namespace {

using Words = std::vector<std::string>;

struct CompletedOption {
    std::string short_name;  // "p", or empty
    Words long_names;        // "pid"
    std::string help;
    bool takes_value = false;
    bool takes_file = false;
    Words values;  // if they are known
};

struct CompletedCommand {
    std::string name;
    std::string help;
    std::vector<CompletedOption> options;
};

// "python|native|kernel" are values, "SOURCE|FUNCTION" are placeholders.
Words known_values(const CLI::Option& option) {
    Words values;
    if (option.check_lname("format")) {
        for (const output::Format* format : output::formats()) values.emplace_back(format->name);
        return values;
    }
    if (option.check_lname("event")) {
        for (const events::EventSource& source : events::sources())
            values.emplace_back(source.name);
        return values;
    }
    const std::string type = option.get_type_name();
    const bool is_list = type.find('|') != std::string::npos &&
                         std::ranges::none_of(type, [](char c) { return c >= 'A' && c <= 'Z'; });
    for (size_t at = 0; is_list && at <= type.size();) {
        const size_t end = std::min(type.find('|', at), type.size());
        values.push_back(type.substr(at, end - at));
        at = end + 1;
    }
    return values;
}

CompletedCommand completed(const CLI::App& command) {
    CompletedCommand result{command.get_name(), command.get_description(), {}};
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_lnames().empty() && option->get_snames().empty()) continue;
        CompletedOption one;
        if (!option->get_snames().empty()) one.short_name = option->get_snames().front();
        one.long_names = option->get_lnames();
        one.help = option->get_description();
        one.takes_value = option->get_type_size() != 0;
        one.takes_file = option->get_type_name().starts_with("FILE");
        if (one.takes_value) one.values = known_values(*option);
        result.options.push_back(std::move(one));
    }
    return result;
}

// "-p", "--pid"
Words names_of(const CompletedOption& option) {
    Words names;
    if (!option.short_name.empty()) names.push_back("-" + option.short_name);
    for (const std::string& name : option.long_names) names.push_back("--" + name);
    return names;
}

// Within single quotes of all three shells; our own texts have no backslashes.
std::string shell_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'') {
            result += "'\\''";
        } else {
            result += c;
        }
    }
    return result + "'";
}

Words command_names(const std::vector<CompletedCommand>& commands) {
    Words names;
    for (const CompletedCommand& command : commands) names.push_back(command.name);
    return names;
}

std::string bash_script(const std::vector<CompletedCommand>& commands) {
    std::string values;
    std::string options;
    for (const CompletedCommand& command : commands) {
        Words all;
        for (const CompletedOption& option : command.options) {
            const Words names = names_of(option);
            all.insert(all.end(), names.begin(), names.end());
            if (!option.takes_value) continue;
            Words patterns;
            for (const std::string& name : names)
                patterns.push_back(fmt::format("'{} {}'", command.name, name));
            const std::string compgen = option.takes_file ? "-f" : fmt::format("-W '{}'", fmt::join(option.values, " "));
            values += fmt::format("        {}) COMPREPLY=($(compgen {} -- \"$word\")); return ;;\n",
                                  fmt::join(patterns, "|"), compgen);
        }
        options += fmt::format("            {}) options='{}' ;;\n", command.name,
                               fmt::join(all, " "));
    }
    return fmt::format(R"(# bash completion of pyebpf: source <(pyebpf completion bash)
_pyebpf() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} options=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W '{} --help --version' -- "$word"))
        return
    fi
    case "$command $before" in
{}    esac
    if [[ $word == -* ]]; then
        case $command in
{}        esac
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _pyebpf pyebpf
)",
                       fmt::join(command_names(commands), " "), values, options);
}

// Of _arguments: brackets and colons mean something there.
std::string zsh_help(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':') result += '\\';
        result += c;
    }
    return result;
}

std::string zsh_script(const std::vector<CompletedCommand>& commands) {
    std::string described;
    std::string cases;
    for (const CompletedCommand& command : commands) {
        described += "        " + shell_quoted(zsh_help(command.name) + ":" + command.help) + "\n";
        cases += fmt::format("        {}) _arguments", command.name);
        for (const CompletedOption& option : command.options) {
            std::string value;
            if (option.takes_value) {
                value = option.takes_file ? ": :_files"
                                          : fmt::format(": :({})", fmt::join(option.values, " "));
            }
            for (const std::string& name : names_of(option))
                cases += " \\\n            " +
                         shell_quoted(fmt::format("{}[{}]{}", name, zsh_help(option.help), value));
        }
        cases += " \\\n            '*: :_files' ;;\n";
    }
    return fmt::format(R"(#compdef pyebpf
# zsh completion of pyebpf: pyebpf completion zsh > a folder of $fpath, as _pyebpf
_pyebpf() {{
    local -a commands=(
{}    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{}    esac
}}
if [ "$funcstack[1]" = _pyebpf ]; then _pyebpf "$@"; else compdef _pyebpf pyebpf; fi
)",
                       described, cases);
}

std::string fish_script(const std::vector<CompletedCommand>& commands) {
    std::string text = "# fish completion of pyebpf: pyebpf completion fish | source\n";
    const std::string all = fmt::format("{}", fmt::join(command_names(commands), " "));
    for (const CompletedCommand& command : commands) {
        text += fmt::format(
            "complete -c pyebpf -n 'not __fish_seen_subcommand_from {}' -f -a {} -d {}\n", all,
            command.name, shell_quoted(command.help));
        for (const CompletedOption& option : command.options) {
            text += fmt::format("complete -c pyebpf -n '__fish_seen_subcommand_from {}'",
                                command.name);
            if (!option.short_name.empty()) text += " -s " + option.short_name;
            for (const std::string& name : option.long_names) text += " -l " + name;
            if (option.takes_value) text += option.takes_file ? " -r -F" : " -x";
            if (!option.values.empty())
                text += fmt::format(" -a '{}'", fmt::join(option.values, " "));
            text += " -d " + shell_quoted(option.help) + "\n";
        }
    }
    return text;
}

class CompletionCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override {
        program_ = &app;
        CLI::App* completion =
            app.add_subcommand("completion", "Print a script with which a shell completes pyebpf");
        completion->footer(
            "Examples:\n"
            "  source <(pyebpf completion bash)\n"
            "  pyebpf completion fish > ~/.config/fish/completions/pyebpf.fish");
        completion->add_option("shell", shell_, "Which shell")
            ->type_name("bash|zsh|fish")
            ->required();
        return completion;
    }

    Result<int> run() override {
        std::vector<CompletedCommand> commands;
        for (const CLI::App* command : program_->get_subcommands([](auto) { return true; }))
            commands.push_back(completed(*command));
        std::string script;
        if (shell_ == "bash") {
            script = bash_script(commands);
        } else if (shell_ == "zsh") {
            script = zsh_script(commands);
        } else if (shell_ == "fish") {
            script = fish_script(commands);
        } else {
            return fail(fmt::format("there is no completion for '{}'", shell_),
                        "give bash, zsh or fish", kExitUsage);
        }
        std::fputs(script.c_str(), stdout);
        return kExitOk;
    }

  private:
    const CLI::App* program_ = nullptr;
    std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion_command() {
    return std::make_unique<CompletionCommand>();
}

}  // namespace pyebpf::app
