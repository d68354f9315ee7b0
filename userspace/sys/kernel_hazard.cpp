// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel_hazard.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <charconv>
#include <tuple>

#include "sys/proc.h"

namespace pyebpf::sys {

namespace {

using Version = std::tuple<int, int, int>;

Version parse_release(std::string_view release) {
    std::array<int, 3> numbers{};
    for (int& number : numbers) {
        const auto [end, error] =
            std::from_chars(release.data(), release.data() + release.size(), number);
        if (error != std::errc{}) break;
        release.remove_prefix(static_cast<size_t>(end - release.data()));
        if (!release.starts_with('.')) break;
        release.remove_prefix(1);
    }
    return {numbers[0], numbers[1], numbers[2]};
}

}  // namespace

std::string upstream_version(std::string_view release, std::string_view version,
                             std::string_view signature) {
    while (signature.ends_with('\n')) signature.remove_suffix(1);
    if (const size_t space = signature.rfind(' '); space != std::string_view::npos) {
        return std::string(signature.substr(space + 1));
    }
    constexpr std::string_view kDebian = "Debian ";
    const size_t debian = version.find(kDebian);
    std::string_view found =
        debian == std::string_view::npos ? release : version.substr(debian + kDebian.size());
    return std::string(found.substr(0, found.find_first_not_of("0123456789.")));
}

std::optional<std::string> user_copy_hazard(std::string_view upstream, std::string_view config) {
    const Version version = parse_release(upstream);
    const bool is_affected = (version >= Version{5, 19, 0} && version < Version{6, 1, 36}) ||
                             (version >= Version{6, 2, 0} && version < Version{6, 3, 10});
    if (!is_affected) return std::nullopt;
    const bool is_known_off =
        !config.empty() && config.find("CONFIG_HARDENED_USERCOPY=y") == std::string_view::npos;
    if (is_known_off) return std::nullopt;
    return fmt::format(
        "Linux {} can hang when a profiler reads user memory (CONFIG_HARDENED_USERCOPY; fixed in "
        "6.1.36, 6.3.10 and 6.4)",
        upstream);
}

std::optional<std::string> user_copy_hazard() {
    utsname system{};
    uname(&system);
    const std::string upstream = upstream_version(
        system.release, system.version, read_file("/proc/version_signature", 4096).value_or(""));
    return user_copy_hazard(upstream,
                            read_file(std::string("/boot/config-") + system.release).value_or(""));
}

}  // namespace pyebpf::sys
