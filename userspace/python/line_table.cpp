// SPDX-License-Identifier: Apache-2.0
// The four table formats. Each decoder walks the table once, forward, until it reaches the
// instruction; arithmetic on foreign numbers is done in unsigned 32 bits, so that it wraps instead
// of being undefined.
#include "python/line_table.h"

namespace pyebpf::python {
namespace {

using Bytes = std::span<const uint8_t>;

// What a table says about one instruction: its own location, and the last line that an instruction
// at or before it has.
struct Found {
    std::optional<Location> here;
    std::optional<int32_t> line_before;
};

int32_t wrapping_add(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

Location whole_line(int32_t line) {
    return {.line = line, .end_line = line, .column = -1, .end_column = -1};
}

// co_lnotab: pairs (bytes of code u8, lines) since the last pair. Lines are unsigned in 2.7 and
// signed from 3.6 on (Objects/lnotab_notes.txt in 2.7.18 and 3.9.18).
Found locate_in_lnotab(Bytes table, bool lines_are_signed, int32_t first_line, int32_t offset) {
    int64_t address = 0;
    int32_t line = first_line;
    for (size_t i = 0; i + 1 < table.size(); i += 2) {
        address += table[i];
        if (address > offset) break;
        const uint8_t delta = table[i + 1];
        line = wrapping_add(line, lines_are_signed ? static_cast<int8_t>(delta) : delta);
    }
    return {whole_line(line), line};
}

// co_linetable of 3.10: pairs (bytes of code u8, lines i8); -128: this range has no line, and the
// running line stays (Objects/lnotab_notes.txt in 3.10.13, PEP 626).
Found locate_in_pairs(Bytes table, int32_t first_line, int32_t offset) {
    constexpr int8_t kNoLine = -128;
    Found found;
    int64_t start = 0;
    int32_t line = first_line;
    for (size_t i = 0; i + 1 < table.size(); i += 2) {
        const int64_t end = start + table[i];
        const auto delta = static_cast<int8_t>(table[i + 1]);
        if (delta != kNoLine) line = wrapping_add(line, delta);
        if (end > start) {
            if (delta != kNoLine) found.line_before = line;
            if (offset < end) {
                if (delta != kNoLine) found.here = whole_line(line);
                return found;
            }
        }
        start = end;
    }
    return found;
}

// Reads the bytes of a location table; past its end everything is 0.
class Reader {
  public:
    explicit Reader(Bytes table) : table_(table) {}

    [[nodiscard]] bool at_end() const { return position_ >= table_.size(); }
    uint8_t byte() { return at_end() ? 0 : table_[position_++]; }

    // Six bits per byte, least significant first, 0x40: more follow.
    uint32_t varint() {
        uint32_t value = 0;
        for (unsigned shift = 0;; shift += 6) {
            const uint8_t next = byte();
            if (shift < 32) value |= static_cast<uint32_t>(next & 0x3f) << shift;
            if ((next & 0x40) == 0) return value;
        }
    }

    int32_t signed_varint() {
        const uint32_t value = varint();
        const uint32_t magnitude = value >> 1;
        return static_cast<int32_t>((value & 1) != 0 ? 0U - magnitude : magnitude);
    }

  private:
    Bytes table_;
    size_t position_ = 0;
};

// co_linetable of 3.11+ (Objects/locations.md in 3.11, InternalDocs/code_objects.md in 3.14; PEP
// 657). An entry's head byte is 1 kind:4 (code units - 1):3; its kind says what follows.
enum EntryKind : uint8_t {
    kShortLast = 9,      // 0 - 9: columns below 80 in one byte, same line
    kOneLineFirst = 10,  // 10 - 12: line + 0 - 2, two column bytes
    kOneLineLast = 12,
    kNoColumns = 13,  // line delta
    kLong = 14,       // line delta, end line delta, columns + 1
    kNoLocation = 15,
};

// The entry's location; nullopt for kNoLocation. Moves the running line.
std::optional<Location> read_entry(Reader& reader, unsigned kind, int32_t& line) {
    if (kind <= kShortLast) {
        const uint8_t columns = reader.byte();
        const int32_t column = static_cast<int32_t>(kind) * 8 + (columns >> 4);
        return Location{line, line, column, column + (columns & 15)};
    }
    if (kind <= kOneLineLast) {
        line = wrapping_add(line, static_cast<int32_t>(kind) - kOneLineFirst);
        const int32_t column = reader.byte();
        const int32_t end_column = reader.byte();
        return Location{line, line, column, end_column};
    }
    if (kind == kNoColumns) {
        line = wrapping_add(line, reader.signed_varint());
        return whole_line(line);
    }
    if (kind == kLong) {
        line = wrapping_add(line, reader.signed_varint());
        const int32_t end_line = wrapping_add(line, static_cast<int32_t>(reader.varint()));
        const int32_t column = wrapping_add(static_cast<int32_t>(reader.varint()), -1);
        const int32_t end_column = wrapping_add(static_cast<int32_t>(reader.varint()), -1);
        return Location{line, end_line, column, end_column};
    }
    return std::nullopt;
}

Found locate_in_locations(Bytes table, int32_t first_line, int32_t offset) {
    Found found;
    Reader reader(table);
    int64_t end = 0;
    int32_t line = first_line;
    while (!reader.at_end()) {
        const uint8_t head = reader.byte();
        if ((head & 0x80) == 0) return found;  // not an entry's head: the table is damaged
        end += ((head & 7) + 1) * 2;
        const std::optional<Location> location = read_entry(reader, (head >> 3) & 15, line);
        if (location) found.line_before = location->line;
        if (offset < end) {
            found.here = location;
            return found;
        }
    }
    return found;
}

Found find(int major, int minor, Bytes table, int32_t first_line, int32_t offset) {
    if (offset < 0) return {};
    if (major < 3) return locate_in_lnotab(table, false, first_line, offset);
    if (minor < 10) return locate_in_lnotab(table, true, first_line, offset);
    if (minor == 10) return locate_in_pairs(table, first_line, offset);
    return locate_in_locations(table, first_line, offset);
}

}  // namespace

std::optional<Location> locate(int major, int minor, Bytes table, int32_t first_line,
                               int32_t offset) {
    return find(major, minor, table, first_line, offset).here;
}

Location displayed_location(int major, int minor, Bytes table, int32_t first_line, int32_t offset) {
    const Found found = find(major, minor, table, first_line, offset);
    if (found.here) return *found.here;
    return whole_line(found.line_before.value_or(first_line));
}

}  // namespace pyebpf::python
