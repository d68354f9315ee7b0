// SPDX-License-Identifier: Apache-2.0
#include "symbolize/perf_map.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "symbolize/read_file.h"

namespace pyebpf::symbolize {
namespace {

constexpr size_t kMaxMapBytes = size_t{128} << 20;
constexpr size_t kMaxMapNameBytes = 4096;

// Some writers put "0x" before the digits.
bool take_hex(std::string_view& text, uint64_t& value) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    const char* end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, value, 16);
    if (error != std::errc{} || after == end || *after != ' ') return false;
    text.remove_prefix(static_cast<size_t>(after - text.data()) + 1);
    return true;
}

}  // namespace

Result<PerfMap> PerfMap::load(int fd) {
    auto file = read_regular_file(fd, kMaxMapBytes, "perf map");
    if (!file) return tl::unexpected(file.error());
    PerfMap map = parse(file->text);
    map.skipped_bytes_ = file->skipped_bytes;
    return map;
}

PerfMap PerfMap::parse(std::string_view text) {
    PerfMap map;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        // Without its end the last line is still being written.
        if (end == std::string_view::npos) break;
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        uint64_t start = 0;
        uint64_t size = 0;
        const bool is_good = take_hex(line, start) && take_hex(line, size) && !line.empty();
        if (!is_good || !map.ranges_.add({start}, size, line.substr(0, kMaxMapNameBytes))) {
            ++map.malformed_lines_;
        }
    }
    map.ranges_.finish();
    return map;
}

Named<JitSymbol> PerfMap::lookup(MappedAddress address) const {
    if (const auto symbol = ranges_.lookup(address)) return *symbol;
    return no_name(NoName::kOutsideJitMap);
}

}  // namespace pyebpf::symbolize
