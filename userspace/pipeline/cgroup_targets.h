// SPDX-License-Identifier: Apache-2.0
// Targets that are given by name: containers, pods, systemd units, cgroups. Which cgroups that
// means is decided anew for each process that starts, so that a container which is restarted under
// its name is a target again.
//
//   process starts ──> its membership ──matches──> cgroup of the target ──> watched by the kernel
//                                                   (not in the v2 hierarchy: the process itself
//                                                   is)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "process/containers.h"

namespace pyebpf::pipeline {

struct CgroupTargetOptions {
    std::vector<std::string> containers;  // names, or beginnings of ids
    std::vector<std::string> pods;        // "NAME" or "NAMESPACE/NAME"
    std::vector<std::string> cgroups;     // paths: below the hierarchy, or where it is mounted
    std::vector<std::string> units;       // "nginx", "nginx.service", "user.slice"

    [[nodiscard]] bool empty() const {
        return containers.empty() && pods.empty() && cgroups.empty() && units.empty();
    }
};

class CgroupTargets {
  public:
    // Checks the names against what runs now. An error says which names are close, or which
    // containers an id could mean.
    [[nodiscard]] static Result<CgroupTargets> find(const CgroupTargetOptions& options,
                                                    process::Containers& containers);

    // The path of the target's cgroup that a process is in; nullopt if it is in none.
    [[nodiscard]] std::optional<std::string> match(const process::Membership& membership) const;

    // Paths that are watched whether or not a process is there.
    [[nodiscard]] const std::set<std::string>& cgroups() const { return cgroups_; }

  private:
    std::set<std::string> names_;  // of containers
    std::set<std::string> ids_;
    std::set<std::string> pods_;  // "NAME" or "NAMESPACE/NAME"
    std::set<std::string> cgroups_;
    std::set<std::string> units_;
};

// The host's ids of the processes of the targets that have these ids inside of their containers.
[[nodiscard]] Result<std::vector<uint32_t>> host_pids(const CgroupTargets& targets,
                                                      process::Containers& containers,
                                                      const std::vector<uint32_t>& pids);

// Number of directories between the root and a cgroup: "/a/b" is at level 2.
[[nodiscard]] uint32_t cgroup_level(std::string_view path);

}  // namespace pyebpf::pipeline
