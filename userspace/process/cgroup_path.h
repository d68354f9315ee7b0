// SPDX-License-Identifier: Apache-2.0
// What the path of a cgroup tells: the containers it is in, their ids, runtimes and pods, or the
// systemd unit. Pure functions of text; the table of shapes is in the .cpp.
//
//   /kubepods.slice/kubepods-pod9a2f….slice/cri-containerd-6f0c….scope/init.scope
//                   └── pod             └── container: runtime, id └── below it
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pyebpf::process {

// One container on the way from the root to a cgroup.
struct CgroupContainer {
    std::string cgroup;   // path of the container's own cgroup
    std::string id;       // as its runtime writes it; a machine's name where that is its identity
    std::string name;     // where the path has one (nspawn, LXC)
    std::string runtime;  // "docker" …; empty: some container, its runtime is not known
    std::string pod_uid;  // Kubernetes
};

struct CgroupPath {
    std::vector<CgroupContainer> containers;  // outermost first; nested ones follow
    // The innermost systemd unit of the system that the process belongs to: of the innermost
    // container if that runs systemd, else of the host. Empty in a container without.
    std::string unit;
};

[[nodiscard]] CgroupPath parse_cgroup_path(std::string_view path);

// The cgroup of a process, from the text of /proc/PID/cgroup (cgroups(7)): of the hierarchies the
// one whose path names a container, else the v2 one, else the first that is not the root.
struct CgroupOfProcess {
    std::string path;     // "/" at the root; ".." of a foreign namespace is removed
    bool is_v2 = false;   // the path is that of the unified hierarchy
    std::string v2_path;  // that of the unified hierarchy, empty if there is none
    // The latter had "..": relative to our cgroup namespace, whose place is not known.
    bool is_relative = false;
};
[[nodiscard]] CgroupOfProcess cgroup_of_process(std::string_view text);

// systemd's escaping of unit names: "\x2d" is "-".
[[nodiscard]] std::string unescape_unit(std::string_view text);

// The part of the path up to and including a component with this name, outside of every container;
// empty if there is none.
[[nodiscard]] std::string cgroup_of_unit(std::string_view path, std::string_view unit);

}  // namespace pyebpf::process
