// SPDX-License-Identifier: Apache-2.0
#include "sys/cpu.h"

#include <string_view>

#include "sys/proc.h"

namespace pyebpf::sys {

std::string cpu_model() {
    const std::string text = read_file("/proc/cpuinfo").value_or("");
    constexpr std::string_view kKey = "model name";
    const size_t key = text.find(kKey);
    if (key == std::string::npos) return {};
    const size_t begin = text.find_first_not_of("\t :", key + kKey.size());
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find('\n', begin) - begin);
}

std::string cpu_governor() {
    std::string text =
        read_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", 64).value_or("");
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

}  // namespace pyebpf::sys
