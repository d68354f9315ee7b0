// SPDX-License-Identifier: Apache-2.0
#include "output/function_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "output/columns.h"
#include "output/names.h"

namespace pyebpf::output {

using profile::Frame;
using profile::FrameKind;
using profile::Profile;

std::string Style::wrap(std::string_view code, std::string_view text) const {
    return color_ && !text.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", code, text)
                                   : std::string(text);
}

std::string grouped(uint64_t value) {
    std::string digits = std::to_string(value);
    for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return digits;
}

std::string function_text(const Profile& profile, const Frame& function, size_t width,
                          const Style& style) {
    std::string name = name_text(profile.text(function.function));
    if (name.empty()) name = "[unknown]";
    const bool has_file = function.file.value != 0;
    const std::string where = name_text(profile.text(has_file ? function.file : function.module));
    const std::string line =
        has_file && function.first_line != 0 ? fmt::format(":{}", function.first_line) : "";
    std::string place = where.empty() ? "" : fmt::format("({}{})", where, line);
    if (!place.empty() && columns(name) + 1 + columns(place) > width) {
        const size_t slash = where.rfind('/');
        if (slash != std::string::npos)
            place = fmt::format("({}{})", where.substr(slash + 1), line);
    }
    if (!place.empty() && columns(name) + 1 + columns(place) > width) {
        const size_t room = std::max(width / 3, width - std::min(width, columns(name) + 1));
        constexpr size_t kTelling = 8;  // less of a place says nothing
        place = room < kTelling ? "" : shortened(place, room);
    }
    const size_t taken = place.empty() ? 0 : columns(place) + 1;
    name = shortened(name, width - std::min(width, taken));
    const auto color_name = [&]() {
        switch (function.kind) {
            case FrameKind::kPython:
                return style.python(name);
            case FrameKind::kKernel:
                return style.kernel(name);
            case FrameKind::kNative:
                return style.native(name);
            case FrameKind::kInterpreter:
            case FrameKind::kMarker:
                return name;
        }
        return name;
    };
    return place.empty() ? color_name() : color_name() + " " + style.dim(place);
}

}  // namespace pyebpf::output
