// SPDX-License-Identifier: Apache-2.0
#include "sys/capabilities.h"

#include <linux/capability.h>
#include <sys/capability.h>

#include <algorithm>
#include <cctype>
#include <memory>

namespace pyebpf::sys {

std::vector<std::string> missing_capabilities(const std::vector<int>& wanted) {
    std::vector<std::string> missing;
    const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> own(cap_get_proc(),
                                                                            cap_free);
    for (const int capability : wanted) {
        cap_flag_value_t value = CAP_CLEAR;
        if (own) cap_get_flag(own.get(), capability, CAP_EFFECTIVE, &value);
        if (value == CAP_SET) continue;
        const std::unique_ptr<char, int (*)(void*)> name(cap_to_name(capability), cap_free);
        std::string text = name ? name.get() : "capability " + std::to_string(capability);
        std::ranges::transform(text, text.begin(),
                               [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        missing.push_back(text);
    }
    return missing;
}

std::vector<std::string> missing_to_record() {
    std::vector<std::string> missing = missing_capabilities({CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE});
    if (missing_capabilities({CAP_SYS_ADMIN}).empty()) {
        std::erase_if(missing, [](const std::string& name) {
            return name == "CAP_BPF" || name == "CAP_PERFMON";
        });
    }
    return missing;
}

}  // namespace pyebpf::sys
