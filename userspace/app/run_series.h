// SPDX-License-Identifier: Apache-2.0
// Runs commands many times, each under a `pyebpf record` of its own, so that what varies on the
// machine over time meets all of them alike: A B B A A B …
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/result.h"
#include "compare/recordings.h"

namespace pyebpf::app {

struct SeriesOptions {
    uint32_t runs = 7;     // of each command
    uint32_t warm_up = 1;  // before them; not counted
    uint32_t frequency_hz = 2999;
    int cpu = -1;                 // the commands run on this CPU only; -1: on all
    std::string hash_seed = "0";  // PYTHONHASHSEED of the commands; empty: not set
    double work = 1;              // units of work of a run
    std::string work_pattern;     // else the number that this expression finds in a run's output
    std::string keep_directory;   // recordings stay there; empty: they do not
};

void add_series_options(CLI::App& command, SeriesOptions& options);
[[nodiscard]] Result<void> validate(const SeriesOptions& options);

struct SeriesCommand {
    std::string name;   // "base"
    std::string shell;  // for `sh -c`
};

// The recordings of each command. Every run has to succeed; exit code kExitCannotMeasure if one
// does not.
[[nodiscard]] Result<std::vector<std::vector<compare::NamedProfile>>> run_series(
    const std::vector<SeriesCommand>& commands, const SeriesOptions& options);

}  // namespace pyebpf::app
