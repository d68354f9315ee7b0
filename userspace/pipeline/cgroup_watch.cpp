// SPDX-License-Identifier: Apache-2.0
#include "pipeline/cgroup_watch.h"

#include <utility>

#include "base/log.h"

namespace pyebpf::pipeline {

CgroupWatch::CgroupWatch(CgroupTargets targets, const process::Containers& containers,
                         loader::Sampler& sampler)
    : targets_(std::move(targets)), containers_(containers), sampler_(sampler) {
    for (const std::string& path : targets_.cgroups()) (void)watch(path);
}

bool CgroupWatch::take_in(const process::Membership& membership) {
    const auto path = targets_.match(membership);
    if (!path) return false;
    const bool is_in_v2 =
        !membership.cgroup.is_relative && membership.cgroup.v2_path.starts_with(*path);
    return !(is_in_v2 && watch(*path));
}

bool CgroupWatch::watch(const std::string& path) {
    const uint64_t id = containers_.cgroup_id(path);
    if (id == 0) return false;
    if (const auto known = watched_.find(id); known != watched_.end() && known->second == path)
        return true;
    // Ids of folders that are gone would fill the map, and may come to mean other cgroups.
    std::erase_if(watched_, [&](const auto& entry) {
        const bool is_gone = containers_.cgroup_id(entry.second) != entry.first;
        if (is_gone) sampler_.unwatch_cgroup(entry.first);
        return is_gone;
    });
    if (auto result = sampler_.watch_cgroup(id, cgroup_level(path)); !result) {
        log::warning(result.error().message);
        return false;
    }
    watched_[id] = path;
    return true;
}

}  // namespace pyebpf::pipeline
