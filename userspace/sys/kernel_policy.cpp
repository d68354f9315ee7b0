// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel_policy.h"

#include <unistd.h>

#include "sys/proc.h"

namespace pyebpf::sys {

bool has_btf() {
    return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

std::string lockdown_mode() {
    const std::string text = read_file("/sys/kernel/security/lockdown", 4096).value_or("");
    const size_t open = text.find('[');
    const size_t close = text.find(']', open);
    if (open == std::string::npos || close == std::string::npos) return "none";
    return text.substr(open + 1, close - open - 1);
}

}  // namespace pyebpf::sys
