// SPDX-License-Identifier: Apache-2.0
// The unified (v2) cgroup hierarchy as a file system. The id that BPF programs see of a cgroup is
// the inode of its folder there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pyebpf::sys {

// Mount points of cgroup v2 in the text of /proc/PID/mountinfo (proc(5)).
[[nodiscard]] std::vector<std::string> parse_cgroup2_mounts(std::string_view mountinfo);

// Where the whole hierarchy is visible, from its real root on; nullopt if it is not mounted, or
// only what is below a container is.
[[nodiscard]] std::optional<std::string> cgroup2_root();

// 0 if there is no such folder.
[[nodiscard]] uint64_t cgroup_folder_id(const std::string& folder);

// Process id in the process's own pid namespace, from the text of /proc/PID/status (its NSpid); 0
// if it does not say.
[[nodiscard]] uint32_t parse_namespace_pid(std::string_view status);
[[nodiscard]] uint32_t namespace_pid(uint32_t pid);

}  // namespace pyebpf::sys
