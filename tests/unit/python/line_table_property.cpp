// SPDX-License-Identifier: Apache-2.0
// Reads the stream of tests/support/dump_line_tables.py on stdin and compares our decoders with the
// interpreter at every instruction offset of every code object. Prints what was checked; exits with
// 1 on any mismatch or on a broken stream.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "python/line_table.h"

namespace {

using pyebpf::python::displayed_location;
using pyebpf::python::locate;
using pyebpf::python::Location;

constexpr int32_t kNotKnown = std::numeric_limits<int32_t>::min();
constexpr int32_t kMaxBytes = 1 << 28;
constexpr uint64_t kMaxReports = 20;

struct Range {
    int32_t begin, end, line, end_line, column, end_column;
};

struct Totals {
    uint64_t code_objects = 0;
    uint64_t offsets = 0;
    uint64_t without_location = 0;
    uint64_t mismatches = 0;
};

template <class T>
bool read(T* into, size_t count) {
    return std::fread(into, sizeof(T), count, stdin) == count;
}

std::optional<Location> expected_location(const Range& range) {
    if (range.line == kNotKnown) return std::nullopt;
    const auto or_else = [](int32_t number, int32_t otherwise) {
        return number == kNotKnown ? otherwise : number;
    };
    return Location{range.line, or_else(range.end_line, range.line), or_else(range.column, -1),
                    or_else(range.end_column, -1)};
}

class Checker {
  public:
    Checker(int major, int minor) : major_(major), minor_(minor) {}

    // False if the stream is broken.
    bool check_code_object() {
        int32_t head[4];
        if (!read(head, 4)) return false;
        const auto [first_line, table_bytes, code_bytes, ranges] = head;
        if (table_bytes < 0 || table_bytes > kMaxBytes || ranges < 0 || ranges > kMaxBytes)
            return false;
        table_.resize(static_cast<size_t>(table_bytes));
        if (!table_.empty() && !read(table_.data(), table_.size())) return false;
        ++totals_.code_objects;
        int32_t shown_line = first_line;
        int32_t covered = 0;
        for (int32_t i = 0; i < ranges; ++i) {
            Range range{};
            if (!read(&range, 1) || range.begin != covered || range.end <= range.begin)
                return false;
            covered = range.end;
            if (range.line != kNotKnown) shown_line = range.line;
            check_range(range, first_line, shown_line);
        }
        return covered == code_bytes;
    }

    [[nodiscard]] const Totals& totals() const { return totals_; }

  private:
    void check_range(const Range& range, int32_t first_line, int32_t shown_line) {
        const std::optional<Location> expected = expected_location(range);
        const int32_t step = major_ < 3 ? 1 : 2;
        for (int32_t offset = range.begin; offset < range.end; offset += step) {
            ++totals_.offsets;
            if (!expected) ++totals_.without_location;
            const std::optional<Location> found =
                locate(major_, minor_, table_, first_line, offset);
            const Location shown = displayed_location(major_, minor_, table_, first_line, offset);
            if (found == expected && shown.line == shown_line) continue;
            if (++totals_.mismatches > kMaxReports) continue;
            std::printf("mismatch: code object %" PRIu64
                        " offset %d: line %d instead of %d (shown %d instead of %d)\n",
                        totals_.code_objects, offset, found ? found->line : kNotKnown,
                        expected ? expected->line : kNotKnown, shown.line, shown_line);
        }
    }

    int major_;
    int minor_;
    std::vector<uint8_t> table_;
    Totals totals_;
};

}  // namespace

int main() {
    char magic[4];
    int32_t version[2];
    if (!read(magic, 4) || std::memcmp(magic, "PYLT", 4) != 0 || !read(version, 2)) {
        std::fputs("line_table_property: no stream of dump_line_tables.py on stdin\n", stderr);
        return 1;
    }
    Checker checker(version[0], version[1]);
    uint8_t more = 0;
    while (read(&more, 1) && more == 1) {
        if (!checker.check_code_object()) {
            more = 1;
            break;
        }
    }
    int32_t files[2] = {0, 0};
    if (more != 0 || !read(files, 2)) {
        std::fputs("line_table_property: the stream is broken or ends early\n", stderr);
        return 1;
    }
    const Totals& totals = checker.totals();
    std::printf("%d.%d: %d files (%d do not compile), %" PRIu64 " code objects, %" PRIu64
                " offsets (%" PRIu64 " without location), %" PRIu64 " mismatches\n",
                version[0], version[1], files[0], files[1], totals.code_objects, totals.offsets,
                totals.without_location, totals.mismatches);
    return totals.mismatches == 0 && totals.offsets > 0 ? 0 : 1;
}
