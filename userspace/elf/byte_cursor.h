// SPDX-License-Identifier: Apache-2.0
// ByteCursor reads numbers one after the other from foreign bytes. The first read past the end
// makes it fail for good: that read and all later ones give 0, and ok() says so. Check once after a
// group of reads.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace pyebpf::elf {

class ByteCursor {
  public:
    ByteCursor() = default;
    explicit ByteCursor(std::span<const uint8_t> bytes)
        : position_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool at_end() const { return position_ == end_; }
    [[nodiscard]] size_t left() const { return static_cast<size_t>(end_ - position_); }
    [[nodiscard]] const uint8_t* position() const { return position_; }
    [[nodiscard]] std::span<const uint8_t> rest() const { return {position_, left()}; }

    template <class T>
    T fixed() {
        T value = {};
        if (left() < sizeof(T)) {
            fail();
            return value;
        }
        std::memcpy(&value, position_, sizeof(T));
        position_ += sizeof(T);
        return value;
    }

    // DWARF 5 section 7.6. Bits above the 64th are dropped.
    uint64_t unsigned_leb128() {
        uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const uint8_t byte = fixed<uint8_t>();
            if (!ok_) return 0;
            if (shift < 64) value |= uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80) == 0) return value;
        }
    }

    int64_t signed_leb128() {
        uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const uint8_t byte = fixed<uint8_t>();
            if (!ok_) return 0;
            if (shift < 64) value |= uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80) != 0) continue;
            if (shift + 7 < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << (shift + 7);
            return static_cast<int64_t>(value);
        }
    }

    std::span<const uint8_t> take(uint64_t size) {
        if (left() < size) {
            fail();
            return {};
        }
        const std::span<const uint8_t> taken(position_, size);
        position_ += size;
        return taken;
    }

    std::string_view text() {
        const size_t length = ::strnlen(reinterpret_cast<const char*>(position_), left());
        if (length == left()) {
            fail();
            return {};
        }
        const std::string_view found(reinterpret_cast<const char*>(position_), length);
        position_ += length + 1;
        return found;
    }

    void fail() {
        ok_ = false;
        position_ = end_;
    }

  private:
    const uint8_t* position_ = nullptr;
    const uint8_t* end_ = nullptr;
    bool ok_ = true;
};

}  // namespace pyebpf::elf
