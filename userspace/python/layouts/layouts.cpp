// SPDX-License-Identifier: Apache-2.0
// The registry of known CPython minors. A new one is a generated header and one line in kMinors, in
// order.
#include <algorithm>
#include <utility>

#include "python/layouts/cpython_2_7.h"
#include "python/layouts/cpython_3_10.h"
#include "python/layouts/cpython_3_11.h"
#include "python/layouts/cpython_3_12.h"
#include "python/layouts/cpython_3_13.h"
#include "python/layouts/cpython_3_14.h"
#include "python/layouts/cpython_3_15.h"
#include "python/layouts/cpython_3_6.h"
#include "python/layouts/cpython_3_7.h"
#include "python/layouts/cpython_3_8.h"
#include "python/layouts/cpython_3_9.h"
#include "python/layouts/layout.h"

namespace pyebpf::python {
namespace {

constexpr std::span<const Layout> kMinors[] = {
    kCpython27,  kCpython36,  kCpython37,  kCpython38,  kCpython39,  kCpython310,
    kCpython311, kCpython312, kCpython313, kCpython314, kCpython315,
};

constexpr std::pair<int, int> version_of(std::span<const Layout> builds) {
    return {builds[0].walker.major, builds[0].walker.minor};
}

// The walker masks offsets within a frame and reads bounded spans (bpf/python.bpf.h): a layout
// beyond that must not compile.
constexpr bool fits_the_walker(const python_layout& layout) {
    return layout.frame.read_bytes > 0 && layout.frame.read_bytes < 128 &&
           layout.frame.read_bytes % 8 == 0 && layout.frame.first_read % 8 == 0 &&
           layout.code.read_bytes <= 256;
}
static_assert(std::ranges::all_of(kMinors, [](std::span<const Layout> builds) {
    return std::ranges::all_of(builds,
                               [](const Layout& layout) { return fits_the_walker(layout.walker); });
}));
static_assert(std::ranges::is_sorted(kMinors, {}, version_of));

std::string to_text(std::pair<int, int> version) {
    return std::to_string(version.first) + "." + std::to_string(version.second);
}

}  // namespace

std::span<const Layout> layouts_of(int major, int minor) {
    const auto* found = std::ranges::find(kMinors, std::pair{major, minor}, version_of);
    return found == std::end(kMinors) ? std::span<const Layout>{} : *found;
}

std::string known_versions() {
    // 2.7 stands alone; the 3.x are without a gap.
    return to_text(version_of(kMinors[0])) + ", " + to_text(version_of(kMinors[1])) + " to " +
           to_text(version_of(kMinors[std::size(kMinors) - 1]));
}

bool is_newer_than_known(int major, int minor) {
    return std::pair{major, minor} > version_of(kMinors[std::size(kMinors) - 1]);
}

}  // namespace pyebpf::python
