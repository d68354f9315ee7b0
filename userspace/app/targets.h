// SPDX-License-Identifier: Apache-2.0
// Whom a command samples: options that all commands which sample have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/recorder.h"

namespace pyebpf::app {

// --container and its kin.
void add_cgroup_options(CLI::App& command, pipeline::CgroupTargetOptions& cgroups);

class Targets {
  public:
    // -a, -p, --container and its kin, and a command after --.
    void add_to(CLI::App& command);

    enum class Default : bool { kNone, kWholeMachine };  // if no target is given
    // Fails if there is none, or more than one kind.
    [[nodiscard]] Result<void> apply(pipeline::RecorderOptions& options, Default if_none) const;

    [[nodiscard]] bool is_whole_machine() const {
        return pids_.empty() && cgroups_.empty() && command_.empty();
    }
    // "the whole machine", "2 processes", "python3"; printable.
    [[nodiscard]] std::string text() const;

  private:
    bool all_ = false;
    std::vector<uint32_t> pids_;
    pipeline::CgroupTargetOptions cgroups_;
    bool runtime_sockets_ = false;
    std::vector<std::string> command_;
    bool children_ = true;
};

}  // namespace pyebpf::app
