// SPDX-License-Identifier: Apache-2.0
#include "process/process_facts.h"

#include <algorithm>

namespace pyebpf::process {

namespace {

profile::ContainerId add_container(const ContainerFacts& facts, profile::Profile& profile) {
    if (facts == ContainerFacts{}) return {};
    profile::StringTable& strings = profile.strings;
    const profile::Container container{.id = strings.intern(facts.id),
                                       .name = strings.intern(facts.name),
                                       .runtime = strings.intern(facts.runtime),
                                       .image = strings.intern(facts.image),
                                       .pod = strings.intern(facts.pod),
                                       .pod_namespace = strings.intern(facts.pod_namespace),
                                       .unit = strings.intern(facts.unit),
                                       .cgroup = strings.intern(facts.cgroup)};
    const auto found = std::ranges::find(profile.containers, container);
    const auto index = found - profile.containers.begin();
    if (found == profile.containers.end()) profile.containers.push_back(container);
    return profile::ContainerId{static_cast<uint32_t>(index)};
}

}  // namespace

profile::Process describe(const Instance& instance, profile::Profile& profile) {
    profile::Process process;
    process.pid = instance.pid;
    process.parent_pid = instance.parent_pid;
    process.namespace_pid = instance.namespace_pid;
    process.start_ns = instance.start_ns;
    process.end_ns = instance.end_ns == UINT64_MAX ? 0 : instance.end_ns;
    process.name = profile.strings.intern(instance.name);
    process.command = profile.strings.intern(instance.command);
    process.executable = profile.strings.intern(instance.executable);
    if (instance.membership) process.container = add_container(instance.membership->facts, profile);
    return process;
}

}  // namespace pyebpf::process
