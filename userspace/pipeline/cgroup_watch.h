// SPDX-License-Identifier: Apache-2.0
// Keeps the kernel side's list of watched cgroups true while targets start, end and start again.
// One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "loader/sampler.h"
#include "pipeline/cgroup_targets.h"

namespace pyebpf::pipeline {

class CgroupWatch {
  public:
    CgroupWatch(CgroupTargets targets, const process::Containers& containers,
                loader::Sampler& sampler);

    // A process has started. True if it is a target that the kernel side cannot know by its cgroup
    // (a v1 hierarchy, a foreign cgroup namespace): then it has to be watched itself.
    [[nodiscard]] bool take_in(const process::Membership& membership);

  private:
    [[nodiscard]] bool watch(const std::string& path);

    const CgroupTargets targets_;
    const process::Containers& containers_;
    loader::Sampler& sampler_;
    std::map<uint64_t, std::string> watched_;  // id: path
};

}  // namespace pyebpf::pipeline
