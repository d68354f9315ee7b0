// SPDX-License-Identifier: Apache-2.0
#include "process/containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "process/runtime_names.h"
#include "sys/cgroups.h"
#include "sys/proc.h"

namespace pyebpf::process {

namespace {

constexpr size_t kMaxCgroupFileBytes = 256 << 10;  // v1: a line a hierarchy, paths up to 4 KiB

std::string key_of(const std::string& path, uint64_t id) {
    return fmt::format("{}#{}", path, id);
}

}  // namespace

Containers::Containers(bool ask_sockets) : ask_sockets_(ask_sockets), root_(sys::cgroup2_root()) {}

uint64_t Containers::cgroup_id(const std::string& path) const {
    return root_ ? sys::cgroup_folder_id(*root_ + path) : 0;
}

std::shared_ptr<const Membership> Containers::of_process(uint32_t pid) {
    const auto text = sys::read_file(fmt::format("/proc/{}/cgroup", pid), kMaxCgroupFileBytes);
    if (!text) return nullptr;
    CgroupOfProcess cgroup = cgroup_of_process(*text);
    const uint64_t id =
        cgroup.v2_path.empty() || cgroup.is_relative ? 0 : cgroup_id(cgroup.v2_path);
    const std::string key = key_of(cgroup.path, id);
    {
        const std::scoped_lock lock(mutex_);
        if (const auto found = by_path_.find(key); found != by_path_.end()) return found->second;
    }
    auto membership = std::make_shared<Membership>();
    const CgroupPath parsed = parse_cgroup_path(cgroup.path);
    for (const CgroupContainer& container : parsed.containers)
        membership->containers.push_back(facts_of(container, pid));
    if (membership->containers.empty()) {
        if (cgroup.path != "/") membership->facts.cgroup = cgroup.path;
    } else {
        membership->facts = membership->containers.back();
    }
    membership->facts.unit = parsed.unit;
    membership->cgroup = std::move(cgroup);
    membership->cgroup_id = id;
    const std::scoped_lock lock(mutex_);
    forget_unused();
    if (id != 0 && membership->cgroup.is_v2) by_id_[id] = membership;
    return by_path_.emplace(key, std::move(membership)).first->second;
}

std::shared_ptr<const Membership> Containers::of_cgroup(uint64_t cgroup_id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = by_id_.find(cgroup_id);
    return found == by_id_.end() ? nullptr : found->second.lock();
}

ContainerFacts Containers::facts_of(const CgroupContainer& container, uint32_t pid) {
    const std::string key = key_of(container.cgroup, cgroup_id(container.cgroup));
    {
        const std::scoped_lock lock(mutex_);
        if (const auto found = containers_.find(key); found != containers_.end())
            return found->second;
    }
    ContainerNames names = find_container_names(container, pid, ask_sockets_);
    ContainerFacts facts;
    facts.id = container.id;
    facts.name = container.name.empty() ? std::move(names.name) : container.name;
    if (facts.id.empty()) facts.id = facts.name;
    facts.runtime = names.runtime.empty() ? container.runtime : std::move(names.runtime);
    facts.image = std::move(names.image);
    facts.pod = names.pod.empty() ? container.pod_uid : std::move(names.pod);
    facts.pod_namespace = std::move(names.pod_namespace);
    facts.cgroup = container.cgroup;
    const std::scoped_lock lock(mutex_);
    return containers_.emplace(key, std::move(facts)).first->second;
}

// Thousands of containers may come and go while we look: those that no process refers to any more
// are looked up again if they are met again.
void Containers::forget_unused() {
    if (by_path_.size() < limit_) return;
    std::erase_if(by_path_, [](const auto& entry) { return entry.second.use_count() == 1; });
    std::erase_if(by_id_, [](const auto& entry) { return entry.second.expired(); });
    containers_.clear();
    limit_ = std::max<size_t>(1024, by_path_.size() * 2);
}

}  // namespace pyebpf::process
