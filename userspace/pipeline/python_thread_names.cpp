// SPDX-License-Identifier: Apache-2.0
#include "pipeline/python_thread_names.h"

#include <array>
#include <optional>

#include "pipeline/process_memory.h"
#include "pipeline/stack_store.h"

namespace pyebpf::pipeline {

namespace {

constexpr size_t kMaxEntries = 256;  // attributes of an object
constexpr size_t kMaxThreadNameBytes = 512;

// Include/object.h: bits of tp_flags.
constexpr uint64_t kInlineValues = 1 << 2;  // 3.13
constexpr uint64_t kManagedDict = 1 << 4;   // 3.11+

// CPython Include/cpython/object.h, PyTypeObject and PyHeapTypeObject: the same in all release
// builds of these versions, but for the last.
constexpr uint64_t kTypeBasicSize = 32;
constexpr uint64_t kTypeFlags = 168;
constexpr uint64_t kTypeDictOffset = 288;
uint64_t type_cached_keys(int minor) {
    return minor == 11 ? 872 : 880;  // 3.12, 3.13
}

// Include/dictobject.h, PyDictObject. 2.7: mask and table.
constexpr uint64_t kDictKeys = 32;
constexpr uint64_t kDictValues = 40;

// Reads attributes of one kind of object in one process.
class Attributes {
  public:
    Attributes(const python::ReadMemory& read, const python_layout& layout)
        : read_(read), layout_(layout) {}

    // The value's address; 0 if there is none.
    [[nodiscard]] uint64_t find(uint64_t object, std::string_view name) const {
        const uint64_t type = u64(object + layout_.object.type);
        if (type == 0) return 0;
        const bool is_managed = layout_.major == 3 && layout_.minor >= 11 &&
                                (u64(type + kTypeFlags) & kManagedDict) != 0;
        if (!is_managed) {
            const uint64_t offset = u64(type + kTypeDictOffset);
            return offset == 0 || offset > 4096 ? 0 : in_dict(u64(object + offset), name);
        }
        // The word before the garbage collector's two: 3.11 has one more, for the values.
        const uint64_t dict = u64(object - 24);
        uint64_t values = 0;
        if (layout_.minor == 11) {
            values = u64(object - 32);
        } else if (layout_.minor == 12) {
            if ((dict & 1) != 0) values = dict + 1;
        } else if ((u64(type + kTypeFlags) & kInlineValues) != 0) {
            const uint64_t head = object + u64(type + kTypeBasicSize);
            if ((u64(head) >> 24 & 0xff) != 0) values = head + sizeof(uint64_t);  // `valid`
        }
        if (values != 0) return in_keys(u64(type + type_cached_keys(layout_.minor)), values, name);
        return in_dict(dict, name);
    }

  private:
    [[nodiscard]] uint64_t u64(uint64_t address) const {
        uint64_t value = 0;
        if (address < 4096 || !read_(address, &value, sizeof(value))) return 0;
        return value;
    }
    [[nodiscard]] bool is_name(uint64_t text, std::string_view name) const {
        if (text == 0) return false;
        const python::RawText found = python::read_text(read_, layout_, text, 64);
        return found.encoding == TEXT_BYTES && !found.is_cut &&
               std::string_view(reinterpret_cast<const char*>(found.bytes.data()),
                                found.bytes.size()) == name;
    }
    [[nodiscard]] uint64_t in_dict(uint64_t dict, std::string_view name) const {
        if (dict == 0) return 0;
        if (layout_.major == 2) {
            const uint64_t mask = u64(dict + 32);
            return mask < kMaxEntries ? in_entries(u64(dict + 40), mask + 1, 0, name) : 0;
        }
        uint64_t values = u64(dict + kDictValues);
        if (values != 0 && layout_.minor >= 13) values += sizeof(uint64_t);
        return in_keys(u64(dict + kDictKeys), values, name);
    }
    // Objects/dict-common.h (up to 3.10), Include/internal/pycore_dict.h: indices, then entries.
    [[nodiscard]] uint64_t in_keys(uint64_t keys, uint64_t values, std::string_view name) const {
        if (keys == 0) return 0;
        if (layout_.minor >= 11) {
            std::array<uint8_t, 16> head{};
            if (!read_(keys, head.data(), head.size()) || head[9] > 16) return 0;
            const bool is_general = head[10] == 0;
            const uint64_t entries = keys + 32 + (uint64_t{1} << head[9]);
            return is_general ? in_entries(entries, u64(keys + 24), values, name)
                              : in_short_entries(entries, u64(keys + 24), values, name);
        }
        const uint64_t size = u64(keys + 8);
        if (size > 1 << 16) return 0;
        const uint64_t index_bytes = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
        return in_entries(keys + 40 + size * index_bytes, u64(keys + 32), values, name);
    }
    // Of hash, key, value; values: where they are instead of in the entries, or 0.
    [[nodiscard]] uint64_t in_entries(uint64_t entries, uint64_t count, uint64_t values,
                                      std::string_view name) const {
        for (uint64_t i = 0; i < count && i < kMaxEntries; ++i) {
            if (is_name(u64(entries + 24 * i + 8), name))
                return u64(values != 0 ? values + 8 * i : entries + 24 * i + 16);
        }
        return 0;
    }
    // Of key and value.
    [[nodiscard]] uint64_t in_short_entries(uint64_t entries, uint64_t count, uint64_t values,
                                            std::string_view name) const {
        for (uint64_t i = 0; i < count && i < kMaxEntries; ++i) {
            if (is_name(u64(entries + 16 * i), name))
                return u64(values != 0 ? values + 8 * i : entries + 16 * i + 8);
        }
        return 0;
    }

    const python::ReadMemory& read_;
    const python_layout& layout_;
};

bool is_known(const python_layout& layout) {
    const bool has_version =
        layout.major == 2 || (layout.major == 3 && layout.minor >= 6 && layout.minor <= 13);
    // Debug builds up to 3.7 and free-threaded ones have other objects.
    return has_version && layout.free_threaded == 0 && layout.object.var_size == 16;
}

bool is_bootstrap(const python::ReadMemory& read, const python_layout& layout, uint64_t code) {
    uint64_t name = 0;
    uint64_t file = 0;
    if (!read(code + layout.code.name, &name, sizeof(name)) ||
        !read(code + layout.code.file_name, &file, sizeof(file)))
        return false;
    const python::RawText raw_name = python::read_text(read, layout, name);
    const python::RawText raw_file = python::read_text(read, layout, file);
    const std::string function = python::decode_text(raw_name.bytes, raw_name.encoding);
    return (function == "_bootstrap" || function == "__bootstrap") &&
           python::decode_text(raw_file.bytes, raw_file.encoding).find("threading.py") !=
               std::string::npos;
}

}  // namespace

std::string ThreadNameReader::read(uint32_t pid, const python_layout& layout, uint64_t code,
                                   uint64_t frame) {
    if (!is_known(layout) || code == 0 || frame == 0) return {};
    const python::ReadMemory read = memory_of(pid);
    const auto [bootstrap, is_new] = processes_[pid].bootstraps.try_emplace(code);
    if (is_new) bootstrap->second = is_bootstrap(read, layout, code);
    if (!bootstrap->second) return {};
    uint64_t self = 0;  // its first variable
    if (!read(frame + layout.frame.localsplus, &self, sizeof(self)) || self == 0) return {};
    const uint64_t name =
        Attributes(read, layout).find(self, layout.major == 2 ? "_Thread__name" : "_name");
    if (name == 0) return {};
    const python::RawText text = python::read_text(read, layout, name, kMaxThreadNameBytes);
    return python::decode_text(text.bytes, text.encoding) + (text.is_cut ? "…" : "");
}

std::string ThreadNameReader::read_of_state(uint32_t pid, const python_layout& layout,
                                            uint64_t thread_state) {
    if (!is_known(layout)) return {};
    const python::LiveFrame outermost =
        python::read_outermost_frame(memory_of(pid), layout, thread_state);
    return read(pid, layout, outermost.code, outermost.frame);
}

}  // namespace pyebpf::pipeline
