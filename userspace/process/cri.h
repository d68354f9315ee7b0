// SPDX-License-Identifier: Apache-2.0
// The list of containers in the Container Runtime Interface, by which the kubelet speaks with
// containerd and CRI-O: k8s.io/cri-api, pkg/apis/runtime/v1/api.proto.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "process/runtime_names.h"

namespace pyebpf::process {

inline constexpr std::string_view kCriListContainers = "/runtime.v1.RuntimeService/ListContainers";

// A ListContainersRequest for one container.
[[nodiscard]] std::string cri_list_request(std::string_view id);

// A ListContainersResponse. nullopt: the container is not in it, or it is no such message.
[[nodiscard]] std::optional<ContainerNames> parse_cri_list(std::string_view message,
                                                           std::string_view id);

}  // namespace pyebpf::process
