// SPDX-License-Identifier: Apache-2.0
// Location tables of CPython. First byte: which of the versions; then the first line and an offset.
#include "python/line_table.h"

#include <array>
#include <utility>

#include "fuzz.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr std::array<std::pair<int, int>, 6> kFormats{
        {{2, 7}, {3, 6}, {3, 9}, {3, 10}, {3, 11}, {3, 15}}};
    std::span<const uint8_t> bytes(data, size);
    const auto [major, minor] = kFormats[fuzz::take<uint8_t>(bytes) % kFormats.size()];
    const auto first_line = fuzz::take<int32_t>(bytes);
    const auto offset = fuzz::take<int32_t>(bytes);
    for (const int32_t at : {offset, -1, 0, 2, 100}) {
        fuzz::use(python::locate(major, minor, bytes, first_line, at));
        fuzz::use(python::displayed_location(major, minor, bytes, first_line, at));
    }
    return 0;
}
