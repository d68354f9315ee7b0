// SPDX-License-Identifier: Apache-2.0
// The options of all commands that write an output format.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "output/format.h"

namespace pyebpf::app {

void add_format_options(CLI::App& command, std::string& format, output::FormatOptions& options);

}  // namespace pyebpf::app
