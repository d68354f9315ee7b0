// SPDX-License-Identifier: Apache-2.0
// The recordings that a command reads, and the filters that all such commands have.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "base/result.h"
#include "profile/filter.h"
#include "profile/profile.h"

namespace pyebpf::app {

class ProfileInput {
  public:
    void add_to(CLI::App& command);
    // All files, combined and filtered. Says what is incomplete about them.
    [[nodiscard]] Result<profile::Profile> read() const;

  private:
    [[nodiscard]] Result<profile::Filter> filter() const;

    std::vector<std::string> files_;
    profile::Filter names_;
    std::string time_;
    std::string only_;
};

}  // namespace pyebpf::app
