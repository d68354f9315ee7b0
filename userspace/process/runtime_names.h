// SPDX-License-Identifier: Apache-2.0
// What container runtimes write down of their containers: names, images, pods. Read from their
// files and, where those are not in the usual places, found through the process that watches the
// container (conmon, containerd-shim, systemd-nspawn). Nothing is asked of a daemon, unless
// sockets are allowed. All of it is foreign text: sizes are bounded, links are not followed out of
// the root, what does not have the expected form is as if it were not there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "process/cgroup_path.h"

namespace pyebpf::process {

// Longer texts are taken for no names.
inline constexpr size_t kMaxNameBytes = 512;

struct ContainerNames {
    std::string name;
    std::string runtime;  // where the files know better than the path
    std::string image;
    std::string pod;
    std::string pod_namespace;
};

// pid: a process in the container, or 0.
[[nodiscard]] ContainerNames find_container_names(const CgroupContainer& container, uint32_t pid,
                                                  bool ask_sockets);

// The readers of single files, for tests.
[[nodiscard]] std::optional<ContainerNames> parse_docker_config(std::string_view json);
[[nodiscard]] std::optional<ContainerNames> parse_oci_annotations(std::string_view json);
// The folder that docker keeps this container's state in, from config.json of its bundle; "" if it
// is none of docker's.
[[nodiscard]] std::string parse_docker_folder(std::string_view json, std::string_view id);
// containers.json of containers/storage (podman, CRI-O).
[[nodiscard]] std::optional<ContainerNames> parse_storage_list(std::string_view json,
                                                               std::string_view id);
// "POD_NAMESPACE_CONTAINER-ID.log": the links that the kubelet makes.
[[nodiscard]] std::optional<ContainerNames> parse_kubelet_link(std::string_view file_name,
                                                               std::string_view id);
// The arguments of a process that watches a container, each ended by NUL.
struct Supervisor {
    std::string id;  // of the container; empty if it does not say
    std::string name;
    std::string bundle;  // folder of config.json
    std::string containerd_namespace;
};
[[nodiscard]] std::optional<Supervisor> parse_supervisor(std::string_view comm,
                                                         std::string_view command_line);

// A runtime whose programs run where this kernel cannot see them: "gVisor", "a virtual machine
// (qemu)"; empty for an ordinary process. By the name of the program that runs in the container's
// cgroup.
[[nodiscard]] std::string_view opaque_runtime(std::string_view executable);

}  // namespace pyebpf::process
