// SPDX-License-Identifier: Apache-2.0
// What processes belong to: containers, or systemd units, or plain cgroups. From /proc/PID/cgroup
// and what the runtimes have written down; what was learned of a cgroup serves all its processes,
// also those that ended too soon to be asked. Thread-safe.
//
// A process without a container has its unit and cgroup as facts; so has one in a container of an
// unknown runtime.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "process/cgroup_path.h"

namespace pyebpf::process {

struct ContainerFacts {
    std::string id;
    std::string name;
    std::string runtime;
    std::string image;
    std::string pod;  // its uid where the name is not known
    std::string pod_namespace;
    std::string unit;
    std::string cgroup;  // of the container; without one that of the process

    bool operator==(const ContainerFacts&) const = default;
};

struct Membership {
    CgroupOfProcess cgroup;
    uint64_t cgroup_id = 0;                  // of cgroup.v2_path; 0: not known
    std::vector<ContainerFacts> containers;  // outermost first
    ContainerFacts facts;                    // of the innermost container, or else of the unit
};

class Containers {
  public:
    // ask_sockets: where the files do not tell a name, ask the engines.
    explicit Containers(bool ask_sockets = false);

    // Null if the process has ended.
    [[nodiscard]] std::shared_ptr<const Membership> of_process(uint32_t pid);
    // The cgroup with this id, if one of its processes was met before.
    [[nodiscard]] std::shared_ptr<const Membership> of_cgroup(uint64_t cgroup_id) const;

    // Inode of the folder of a path in the v2 hierarchy, which is its id for the kernel; 0 if it is
    // not there.
    [[nodiscard]] uint64_t cgroup_id(const std::string& path) const;
    // Where the v2 hierarchy is mounted; nullopt: nowhere.
    [[nodiscard]] const std::optional<std::string>& root() const { return root_; }

  private:
    [[nodiscard]] ContainerFacts facts_of(const CgroupContainer& container, uint32_t pid);
    void forget_unused();

    const bool ask_sockets_;
    const std::optional<std::string> root_;
    mutable std::mutex mutex_;  // guards what follows
    // By path and id: a path may be used again by another container.
    std::unordered_map<std::string, std::shared_ptr<const Membership>> by_path_;
    std::unordered_map<uint64_t, std::weak_ptr<const Membership>> by_id_;
    std::unordered_map<std::string, ContainerFacts> containers_;
    size_t limit_ = 1024;  // of by_path_, before unused ones are forgotten
};

}  // namespace pyebpf::process
