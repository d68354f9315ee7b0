// SPDX-License-Identifier: Apache-2.0
// Asks the engines of this host for a container, through their sockets: only if the user allows
// it, with one request that reads, and a short timeout.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pyebpf::process {

// What docker or podman answers to GET /containers/ID/json; nullopt if none knows it. id: 64
// hexadecimal digits.
[[nodiscard]] std::optional<std::string> ask_engines(std::string_view id);

// The same of one socket, for tests.
[[nodiscard]] std::optional<std::string> ask_engine(const std::string& socket_path,
                                                    std::string_view id);

}  // namespace pyebpf::process
