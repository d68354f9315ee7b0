// SPDX-License-Identifier: Apache-2.0
// A subcommand: one file with one object of this type, one line in main.cpp.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>

#include "base/result.h"

namespace pyebpf::app {

class Command {
  public:
    virtual ~Command() = default;
    // Adds the subcommand and its options, which are bound to members of this object.
    virtual CLI::App* add_to(CLI::App& app) = 0;
    // After the command line was parsed. The value is the exit code.
    virtual Result<int> run() = 0;
};

std::unique_ptr<Command> make_record_command();
std::unique_ptr<Command> make_report_command();
std::unique_ptr<Command> make_convert_command();
std::unique_ptr<Command> make_view_command();
std::unique_ptr<Command> make_doctor_command();
std::unique_ptr<Command> make_completion_command();

}  // namespace pyebpf::app
