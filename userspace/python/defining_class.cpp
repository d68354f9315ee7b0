// SPDX-License-Identifier: Apache-2.0
#include "python/defining_class.h"

#include <array>
#include <optional>
#include <vector>

namespace pyebpf::python {

namespace {

constexpr uint64_t kMaxClasses = 128;         // of an MRO, or old-style classes that are looked at
constexpr uint64_t kMaxDictEntries = 8192;    // of one class, empty ones included
constexpr size_t kMaxBytes = 1 << 20;         // read in one search
constexpr size_t kMaxReads = 4096;            // in one search
constexpr size_t kMaxNameBytes = 1024;        // of a name, as it is in memory
constexpr uint64_t kDescriptorFunctions = 3;  // property: fget, fset, fdel

// Include/object.h, Include/code.h
constexpr uint64_t kHeapType = 1 << 9;
constexpr uint64_t kTypeSubclass = uint64_t{1} << 31;  // its instances are classes
constexpr uint32_t kNested = 0x10;                     // defined within a function

// PyDictKeysObject (Objects/dict-common.h, the same from 3.6 to 3.10): head, indices, entries.
constexpr uint64_t kKeysSize = 8;
constexpr uint64_t kKeysEntries = 32;
constexpr uint64_t kKeysHead = 40;

// PyDictKeyEntry, and PyDictEntry of 2.7
struct DictEntry {
    uint64_t hash;
    uint64_t key;
    uint64_t value;
};

class Search {
  public:
    Search(const ReadMemory& read, const Runtime& runtime, LoadBias bias, uint64_t code)
        : read_memory_(read),
          layout_(runtime.layout),
          at_(runtime.classes),
          function_type_((runtime.function_type + bias).value),
          code_(code) {
        if (is_python_2()) {
            if (runtime.class_type.value != 0) class_type_ = (runtime.class_type + bias).value;
            if (runtime.instance_type.value != 0)
                instance_type_ = (runtime.instance_type + bias).value;
        }
    }

    std::string run(const FirstArgument& first) {
        co_name_ = u64(code_ + layout_.code.name);
        function_name_ = text(co_name_);
        uint32_t flags = 0;
        if (function_name_.empty() || !read(code_ + layout_.code.flags, &flags, sizeof(flags)))
            return {};
        is_nested_ = (flags & kNested) != 0;
        is_private_ = function_name_.starts_with("__") && !function_name_.ends_with("__");
        if (is_python_2()) {
            if (is_nested_) return {};
            if (first.type == instance_type_)
                return in_old_class(u64(first.object + at_.instance_class));
            if (first.type == class_type_) return in_old_class(first.object);
        }
        std::string found = in_type(first.type);
        if (found.empty() && (u64(first.type + at_.type_flags) & kTypeSubclass) != 0)
            found = in_type(first.object);
        return found;
    }

  private:
    struct Found {
        uint64_t function = 0;
        uint64_t key = 0;
    };

    [[nodiscard]] bool is_python_2() const { return layout_.major == 2; }

    bool read(uint64_t address, void* to, size_t bytes) {
        if (address == 0 || reads_ >= kMaxReads || bytes > kMaxBytes - bytes_) return false;
        ++reads_;
        bytes_ += bytes;
        return read_memory_(address, to, bytes);
    }
    uint64_t u64(uint64_t address) {
        uint64_t value = 0;
        return read(address, &value, sizeof(value)) ? value : 0;
    }
    std::vector<uint64_t> tuple(uint64_t address) {
        const uint64_t count = u64(address + layout_.object.var_size);
        std::vector<uint64_t> items(count <= kMaxClasses ? count : 0);
        if (!items.empty() &&
            !read(address + layout_.tuple_items, items.data(), items.size() * sizeof(uint64_t)))
            items.clear();
        return items;
    }
    // Whole, or "".
    std::string text(uint64_t object) {
        const ReadMemory bounded = [this](uint64_t address, void* to, size_t bytes) {
            return read(address, to, bytes);
        };
        const RawText raw = read_text(bounded, layout_, object, kMaxNameBytes);
        if (raw.encoding == TEXT_MISSING || raw.is_cut) return {};
        return decode_text(raw.bytes, raw.encoding);
    }

    std::string in_type(uint64_t type) {
        for (const uint64_t one : tuple(u64(type + at_.type_mro))) {
            if (is_python_2() && u64(one + layout_.object.type) == class_type_) {
                if (std::string found = in_old_class(one); !found.empty()) return found;
                continue;
            }
            if ((u64(one + at_.type_flags) & kHeapType) == 0) continue;
            const auto found = in_dict(u64(one + at_.type_dict));
            if (!found) continue;
            if (std::string name = named(*found, text(u64(one + at_.heap_type_name)));
                !name.empty())
                return name;
        }
        return {};
    }

    // Base classes before those beside them, as 2.7 looks them up.
    std::string in_old_class(uint64_t first) {
        std::vector<uint64_t> open{first};
        for (uint64_t looked = 0; !open.empty() && looked < kMaxClasses; ++looked) {
            const uint64_t one = open.back();
            open.pop_back();
            if (u64(one + layout_.object.type) != class_type_) continue;
            if (const auto found = in_dict(u64(one + at_.class_dict)))
                return named(*found, text(u64(one + at_.class_name)));
            const std::vector<uint64_t> bases = tuple(u64(one + at_.class_bases));
            open.insert(open.end(), bases.rbegin(), bases.rend());
        }
        return {};
    }

    std::vector<DictEntry> entries(uint64_t dict) {
        uint64_t table = 0;
        uint64_t count = 0;
        if (is_python_2()) {
            table = u64(dict + at_.dict_table);
            count = u64(dict + at_.dict_mask) + 1;
        } else {
            const uint64_t keys = u64(dict + at_.dict_keys);
            // Only instances keep their values apart from the keys.
            if (keys == 0 || u64(dict + at_.dict_values) != 0) return {};
            const uint64_t size = u64(keys + kKeysSize);
            if (size > 2 * kMaxDictEntries) return {};
            table = keys + kKeysHead + size * (size <= 0xff ? 1 : 2);
            count = u64(keys + kKeysEntries);
        }
        if (count > kMaxDictEntries) return {};
        std::vector<DictEntry> copy(count);
        if (count == 0 || !read(table, copy.data(), count * sizeof(DictEntry))) return {};
        return copy;
    }

    // The function with the code object. Names are interned: that of the code is the very key,
    // unless it is private (__name), when the key has the class's name before it.
    std::optional<Found> in_dict(uint64_t dict) {
        for (const DictEntry& entry : entries(dict)) {
            if (entry.key == 0 || entry.value == 0 || (entry.key != co_name_ && !is_private_))
                continue;
            if (const uint64_t function = function_in(entry.value); function != 0)
                return Found{function, entry.key};
        }
        return std::nullopt;
    }

    bool is_function(uint64_t object) {
        return u64(object + layout_.object.type) == function_type_ &&
               u64(object + at_.function_code) == code_;
    }
    // The object itself, or what a descriptor keeps behind its head.
    uint64_t function_in(uint64_t object) {
        if (u64(object + layout_.object.type) == function_type_)
            return u64(object + at_.function_code) == code_ ? object : 0;
        std::array<uint64_t, kDescriptorFunctions> inner{};
        if (!read(object + layout_.object.var_size, inner.data(), sizeof(inner))) return 0;
        for (const uint64_t one : inner) {
            if (one != 0 && one % alignof(uint64_t) == 0 && is_function(one)) return one;
        }
        return 0;
    }

    std::string named(const Found& found, const std::string& class_name) {
        if (class_name.empty()) return {};
        std::string name = class_name + "." + function_name_;
        if (!is_python_2()) {
            const bool is_local = class_name.find("<locals>") != std::string::npos;
            const bool is_own = text(u64(found.function + at_.function_qualified_name)) == name;
            return is_own && is_local == is_nested_ ? name : std::string();
        }
        if (found.key == co_name_) return name;
        const size_t begin = class_name.find_first_not_of('_');
        const bool is_mangled = begin != std::string::npos &&
                                text(found.key) == "_" + class_name.substr(begin) + function_name_;
        return is_mangled ? name : std::string();
    }

    const ReadMemory& read_memory_;
    const python_layout& layout_;
    const ClassOffsets& at_;
    uint64_t function_type_;
    uint64_t class_type_ = UINT64_MAX;     // 2.7
    uint64_t instance_type_ = UINT64_MAX;  // 2.7
    uint64_t code_;
    uint64_t co_name_ = 0;
    std::string function_name_;
    bool is_nested_ = false;
    bool is_private_ = false;
    size_t reads_ = 0;
    size_t bytes_ = 0;
};

}  // namespace

std::string method_name(const ReadMemory& read, const Runtime& runtime, LoadBias bias,
                        uint64_t code, const FirstArgument& first) {
    const bool is_known =
        runtime.classes.function_code != LAYOUT_ABSENT && runtime.function_type.value != 0;
    if (!is_known || first.type == 0) return {};
    return Search(read, runtime, bias, code).run(first);
}

}  // namespace pyebpf::python
