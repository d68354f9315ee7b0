// SPDX-License-Identifier: Apache-2.0
#include "report/library_code.h"

#include <string_view>

#include "base/ascii.h"

namespace pyebpf::report {

namespace {

// "/usr/lib/python3.13/json/decoder.py", "/usr/lib/python312.zip/runpy.py"
bool is_in_python_folder(std::string_view path) {
    constexpr std::string_view kFolder = "lib/python";
    for (size_t at = path.find(kFolder); at != std::string_view::npos;
         at = path.find(kFolder, at + 1)) {
        const size_t next = at + kFolder.size();
        const bool is_version = next < path.size() && is_digit(path[next]);
        const bool is_debian = path.substr(next).starts_with("/dist-packages/");
        if ((at == 0 || path[at - 1] == '/') && (is_version || is_debian)) return true;
    }
    return false;
}

}  // namespace

bool is_library_code(const profile::Profile& profile, const profile::Frame& frame) {
    if (frame.kind == profile::FrameKind::kMarker) return false;
    if (frame.kind != profile::FrameKind::kPython) return true;
    const std::string_view file = profile.text(frame.file);
    return file.starts_with("<frozen ") || file.find("/site-packages/") != std::string_view::npos ||
           file.find("/dist-packages/") != std::string_view::npos || is_in_python_folder(file);
}

}  // namespace pyebpf::report
