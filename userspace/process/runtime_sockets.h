// SPDX-License-Identifier: Apache-2.0
// Asks a container runtime of this host for a container, through its socket: only if the user
// allows it, with one request that reads, and a short timeout. The answers are foreign bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyebpf::process {

// What docker or podman answers to GET /containers/ID/json (JSON); nullopt if it does not know the
// container, or does not answer. id: 64 hexadecimal digits.
[[nodiscard]] std::optional<std::string> ask_engine(const std::string& socket_path,
                                                    std::string_view id);

// What containerd or CRI-O answers to ListContainers (process/cri.h); nullopt without an answer.
[[nodiscard]] std::optional<std::string> ask_cri(const std::string& socket_path,
                                                 std::string_view id);

}  // namespace pyebpf::process
