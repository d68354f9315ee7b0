// SPDX-License-Identifier: Apache-2.0
#include "profile/name_pattern.h"

namespace pyebpf::profile {

bool matches_text(std::string_view pattern, std::string_view text) {
    // At a mismatch the last star takes one more byte: linear but for adversarial patterns, which
    // are the user's own.
    size_t at = 0;
    size_t after_star = std::string_view::npos;
    size_t star_ends = 0;
    for (size_t i = 0; i < text.size();) {
        if (at < pattern.size() && pattern[at] == '*') {
            after_star = ++at;
            star_ends = i;
        } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[i])) {
            ++at;
            ++i;
        } else if (after_star != std::string_view::npos) {
            at = after_star;
            i = ++star_ends;
        } else {
            return false;
        }
    }
    return pattern.substr(at).find_first_not_of('*') == std::string_view::npos;
}

bool matches_function(std::string_view pattern, std::string_view function) {
    if (matches_text(pattern, function)) return true;
    const std::string_view name = function.substr(0, function.find('('));
    const size_t separator = name.find_last_of(".:");
    if (separator == std::string_view::npos) return name != function && matches_text(pattern, name);
    return matches_text(pattern, name) || matches_text(pattern, name.substr(separator + 1));
}

bool matches_path(std::string_view pattern, std::string_view path) {
    if (matches_text(pattern, path)) return true;
    while (true) {
        const size_t slash = path.find('/');
        if (matches_text(pattern, path.substr(0, slash))) return true;
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    const size_t dot = path.rfind('.');
    return dot != std::string_view::npos && dot > 0 && matches_text(pattern, path.substr(0, dot));
}

}  // namespace pyebpf::profile
