// SPDX-License-Identifier: Apache-2.0
// The class of a method in made-up memory of every version that needs it: found where the proof is
// there, and nowhere else, whatever the memory says.
#include "python/defining_class.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "python/layouts/layout.h"

namespace pyebpf::python {

namespace {

constexpr uint64_t kFunctionType = 0x10000;
constexpr uint64_t kClassType = 0x10200;     // of old-style classes
constexpr uint64_t kInstanceType = 0x10400;  // of their instances
constexpr uint64_t kOtherType = 0x10600;
constexpr uint64_t kFirst = 0x100000;
constexpr uint64_t kRoom = 0x800;  // of every object
constexpr uint64_t kHeapType = 1 << 9;
constexpr uint64_t kTypeSubclass = uint64_t{1} << 31;
constexpr uint32_t kNested = 0x10;

// The objects of a process, each with zeros where nothing was written.
class Objects {
  public:
    explicit Objects(const Layout& layout) : layout_(layout) {
        runtime_.layout = layout.walker;
        runtime_.classes = layout.classes;
        runtime_.function_type = {kFunctionType};
        if (is_python_2()) {
            runtime_.class_type = {kClassType};
            runtime_.instance_type = {kInstanceType};
        }
    }
    [[nodiscard]] bool is_python_2() const { return layout_.walker.major == 2; }
    [[nodiscard]] const Layout& layout() const { return layout_; }

    uint64_t add(uint64_t type, size_t bytes = kRoom) {
        const uint64_t address = next_;
        next_ += (bytes + 0xfff) & ~uint64_t{0xfff};
        objects_[address].resize(bytes);
        put(address + layout_.walker.object.type, type);
        return address;
    }
    template <class T = uint64_t>
    void put(uint64_t address, T value) {
        const auto object = std::prev(objects_.upper_bound(address));
        ASSERT_LE(address - object->first + sizeof(value), object->second.size());
        std::memcpy(object->second.data() + (address - object->first), &value, sizeof(value));
    }
    void put_bytes(uint64_t address, std::string_view bytes) {
        for (const char byte : bytes) put(address++, byte);
    }

    uint64_t text(std::string_view characters) {
        const auto& at = layout_.walker.text;
        const uint64_t object = add(kOtherType);
        if (is_python_2()) {
            put(object + layout_.walker.object.var_size, characters.size());
            put_bytes(object + at.bytes_data, characters);
            return object;
        }
        put(object + at.length, characters.size());
        put<uint32_t>(object + at.state, 1u << at.kind_shift | at.compact_bit | at.ascii_bit);
        put_bytes(object + at.ascii_data, characters);
        return object;
    }
    uint64_t tuple(const std::vector<uint64_t>& items) {
        const uint64_t object = add(kOtherType, kRoom + 8 * items.size());
        put(object + layout_.walker.object.var_size, items.size());
        for (size_t i = 0; i < items.size(); ++i)
            put(object + layout_.walker.tuple_items + 8 * i, items[i]);
        return object;
    }
    // Before the entries, one that was deleted.
    uint64_t dict(const std::vector<std::pair<uint64_t, uint64_t>>& entries) {
        const auto& at = layout_.classes;
        const uint64_t size = entries.size() < 7 ? 8 : 1024;
        const uint64_t object = add(kOtherType);
        const uint64_t table = add(0, kRoom + 26 * size);
        uint64_t entry = table;
        if (is_python_2()) {
            put(object + at.dict_mask, size - 1);
            put(object + at.dict_table, table);
        } else {
            put(object + at.dict_keys, table);
            put(table + 8, size);                 // dk_size
            put(table + 32, 1 + entries.size());  // dk_nentries
            entry = table + 40 + size * (size <= 0xff ? 1 : 2);
        }
        for (const auto& [key, value] : entries) {
            entry += 24;
            put(entry + 8, key);
            put(entry + 16, value);
        }
        return object;
    }
    uint64_t code(uint64_t name, uint32_t flags = 3) {
        const uint64_t object = add(kOtherType);
        put(object + layout_.walker.code.name, name);
        put(object + layout_.walker.code.flags, flags);
        return object;
    }
    uint64_t function(uint64_t code, std::string_view qualified_name) {
        const uint64_t object = add(kFunctionType);
        put(object + layout_.classes.function_code, code);
        if (!is_python_2())
            put(object + layout_.classes.function_qualified_name, text(qualified_name));
        return object;
    }
    // A descriptor, with this at its place number `place`.
    uint64_t around(uint64_t function, uint64_t place = 0) {
        const uint64_t object = add(kOtherType);
        put(object + layout_.walker.object.var_size + 8 * place, function);
        return object;
    }
    uint64_t type(std::string_view name, uint64_t dict, const std::vector<uint64_t>& bases = {},
                  uint64_t flags = kHeapType) {
        const uint64_t object = add(kOtherType);
        put(object + layout_.classes.type_flags, flags);
        put(object + layout_.classes.type_dict, dict);
        put(object + layout_.classes.heap_type_name, text(name));
        std::vector<uint64_t> mro{object};
        mro.insert(mro.end(), bases.begin(), bases.end());
        put(object + layout_.classes.type_mro, tuple(mro));
        return object;
    }
    uint64_t old_class(std::string_view name, uint64_t dict,
                       const std::vector<uint64_t>& bases = {}) {
        const uint64_t object = add(kClassType);
        put(object + layout_.classes.class_name, text(name));
        put(object + layout_.classes.class_dict, dict);
        put(object + layout_.classes.class_bases, tuple(bases));
        return object;
    }

    [[nodiscard]] ReadMemory reader() const {
        return [this](uint64_t address, void* to, size_t bytes) {
            ++reads_;
            bytes_ += bytes;
            auto object = objects_.upper_bound(address);
            if (object == objects_.begin() || reads_ == failing_) return false;
            --object;
            if (address - object->first > object->second.size() ||
                bytes > object->second.size() - (address - object->first))
                return false;
            std::memcpy(to, object->second.data() + (address - object->first), bytes);
            return true;
        };
    }
    // Of a call with an instance of this type.
    [[nodiscard]] std::string name(uint64_t code, uint64_t type) { return name(code, {1, type}); }
    [[nodiscard]] std::string name(uint64_t code, const FirstArgument& first,
                                   size_t failing_read = 0) {
        reads_ = bytes_ = 0;
        failing_ = failing_read;
        return method_name(reader(), runtime_, {0}, code, first);
    }
    [[nodiscard]] size_t reads() const { return reads_; }
    [[nodiscard]] size_t bytes() const { return bytes_; }

  private:
    Layout layout_;
    Runtime runtime_;
    uint64_t next_ = kFirst;
    std::map<uint64_t, std::vector<uint8_t>> objects_;
    mutable size_t reads_ = 0;
    mutable size_t bytes_ = 0;
    size_t failing_ = 0;
};

// class Worker: def work(self)
struct Worker {
    explicit Worker(const Layout& layout, uint32_t flags = 3) : objects(layout) {
        key = objects.text("work");
        code = objects.code(key, flags);
        function = objects.function(code, "Worker.work");
        dict = objects.dict({{objects.text("other"), function}, {key, function}});
        type = objects.type("Worker", dict);
    }
    Objects objects;
    uint64_t key, code, function, dict, type;
};

class DefiningClass : public ::testing::TestWithParam<Layout> {};
std::vector<Layout> layouts() {
    std::vector<Layout> all;
    for (const auto& [major, minor] : {std::pair{2, 7}, {3, 6}, {3, 7}, {3, 8}, {3, 9}, {3, 10}}) {
        const auto builds = layouts_of(major, minor);
        all.insert(all.end(), builds.begin(), builds.end());
    }
    return all;
}
INSTANTIATE_TEST_SUITE_P(Layouts, DefiningClass, ::testing::ValuesIn(layouts()),
                         [](const auto& layout) {
                             const python_layout& l = layout.param.walker;
                             return std::to_string(l.major) + "_" + std::to_string(l.minor) +
                                    (l.debug_build != 0 ? "_debug" : "");
                         });

TEST_P(DefiningClass, IsTheOneWithTheFunction) {
    Worker worker(GetParam());
    EXPECT_EQ(worker.objects.name(worker.code, worker.type), "Worker.work");
    EXPECT_LE(worker.objects.reads(), 25u);
}

TEST_P(DefiningClass, IsTheBaseClassOfTheInstances) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    const uint64_t other = objects.function(objects.code(worker.key), "Derived.work");
    const uint64_t overridden =
        objects.type("Derived", objects.dict({{worker.key, other}}), {worker.type});
    EXPECT_EQ(objects.name(worker.code, overridden), "Worker.work");
    const uint64_t empty = objects.type("Derived", objects.dict({}), {worker.type});
    EXPECT_EQ(objects.name(worker.code, empty), "Worker.work");
}

TEST_P(DefiningClass, IsFoundThroughDescriptors) {
    for (const uint64_t place : {0, 1, 2}) {
        Worker worker(GetParam());
        Objects& objects = worker.objects;
        const uint64_t descriptor = objects.around(worker.function, place);
        const uint64_t type = objects.type("Worker", objects.dict({{worker.key, descriptor}}));
        EXPECT_EQ(objects.name(worker.code, type), "Worker.work") << place;
    }
}

TEST_P(DefiningClass, IsThatOfAClassmethodsArgument) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    const uint64_t meta = objects.type("type", objects.dict({}), {}, kTypeSubclass);
    EXPECT_EQ(objects.name(worker.code, {worker.type, meta}), "Worker.work");
    // An object that is no class is not taken for one.
    const uint64_t other = objects.type("other", objects.dict({}), {}, 0);
    EXPECT_EQ(objects.name(worker.code, {worker.type, other}), "");
}

TEST_P(DefiningClass, IsFoundAmongManyEntries) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    std::vector<std::pair<uint64_t, uint64_t>> entries(600, {objects.text("x"), worker.function});
    entries.emplace_back(worker.key, worker.function);
    EXPECT_EQ(objects.name(worker.code, objects.type("Worker", objects.dict(entries))),
              "Worker.work");
}

TEST_P(DefiningClass, OfAPrivateNameIsFoundByTheMangledOne) {
    Objects objects(GetParam());
    const uint64_t code = objects.code(objects.text("__work"));
    const uint64_t function = objects.function(code, "_Worker.__work");
    const uint64_t dict = objects.dict({{objects.text("_Worker__work"), function}});
    EXPECT_EQ(objects.name(code, objects.type("_Worker", dict)), "_Worker.__work");
    EXPECT_EQ(objects.name(code, objects.type("Other", dict)), "");
}

TEST_P(DefiningClass, IsUnknownOfAFunctionThatIsNotInTheClass) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    EXPECT_EQ(objects.name(objects.code(worker.key), worker.type), "");
    // By another name only: what a decorator has put there.
    const uint64_t dict = objects.dict({{objects.text("work"), worker.function}});
    EXPECT_EQ(objects.name(worker.code, objects.type("Worker", dict)), "");
    // Not of a type that no class statement has made.
    EXPECT_EQ(objects.name(worker.code, objects.type("Worker", worker.dict, {}, 0)), "");
}

TEST_P(DefiningClass, IsUnknownIfTheFunctionIsCalledOtherwise) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    if (objects.is_python_2()) return;  // its functions have no qualified name
    EXPECT_EQ(objects.name(worker.code, objects.type("Other", worker.dict)), "");
    // Borrowed by another class: the one that defines it comes later.
    const uint64_t borrower = objects.type("Borrower", worker.dict, {worker.type});
    EXPECT_EQ(objects.name(worker.code, borrower), "Worker.work");
}

TEST_P(DefiningClass, OfCodeWithinAFunctionIsTheFunctionsOwn) {
    Worker nested(GetParam(), 3 | kNested);
    EXPECT_EQ(nested.objects.name(nested.code, nested.type), "");
    Objects& objects = nested.objects;
    const uint64_t function = objects.function(nested.code, "f.<locals>.Worker.work");
    const uint64_t type = objects.type("f.<locals>.Worker", objects.dict({{nested.key, function}}));
    EXPECT_EQ(objects.name(nested.code, type),
              objects.is_python_2() ? "" : "f.<locals>.Worker.work");
}

TEST_P(DefiningClass, OfOldStyleIsFoundInItsBases) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    if (!objects.is_python_2()) return;
    const uint64_t base = objects.old_class("Old", worker.dict);
    const uint64_t other = objects.old_class("Other", objects.dict({}));
    const uint64_t derived = objects.old_class("Derived", objects.dict({}), {other, base});
    const uint64_t instance = objects.add(kInstanceType);
    objects.put(instance + objects.layout().classes.instance_class, derived);
    EXPECT_EQ(objects.name(worker.code, {instance, kInstanceType}), "Old.work");
    EXPECT_EQ(objects.name(worker.code, {derived, kClassType}), "Old.work");
    const uint64_t mixed = objects.type("Mixed", objects.dict({}), {base});
    EXPECT_EQ(objects.name(worker.code, mixed), "Old.work");
}

TEST_P(DefiningClass, OfClassesThatAreTheirOwnBasesIsUnknown) {
    Worker worker(GetParam());
    Objects& objects = worker.objects;
    if (!objects.is_python_2()) return;
    const uint64_t one = objects.old_class("One", objects.dict({}));
    const uint64_t two = objects.old_class("Two", objects.dict({}), {one, one});
    objects.put(one + objects.layout().classes.class_bases, objects.tuple({two, two, one}));
    EXPECT_EQ(objects.name(worker.code, {one, kClassType}), "");
    EXPECT_LE(objects.reads(), 4096u);
}

TEST_P(DefiningClass, OfAbsurdCountsIsUnknown) {
    for (const uint64_t count : {uint64_t{0}, uint64_t{129}, uint64_t{1} << 40, UINT64_MAX}) {
        Worker worker(GetParam());
        Objects& objects = worker.objects;
        const uint64_t mro = objects.tuple({worker.type});
        objects.put(mro + objects.layout().walker.object.var_size, count);
        objects.put(worker.type + objects.layout().classes.type_mro, mro);
        EXPECT_EQ(objects.name(worker.code, worker.type), "") << count;
    }
    for (const uint64_t count : {uint64_t{8192}, uint64_t{1} << 40, UINT64_MAX - 1}) {
        Worker worker(GetParam());
        Objects& objects = worker.objects;
        const auto& at = objects.layout().classes;
        const uint64_t keys = objects.add(0, 64);
        objects.put(keys + 8, count);
        objects.put(keys + 32, count);
        objects.put(worker.dict + (objects.is_python_2() ? at.dict_mask : at.dict_keys),
                    objects.is_python_2() ? count : keys);
        EXPECT_EQ(objects.name(worker.code, worker.type), "") << count;
        EXPECT_LE(objects.bytes(), 2u << 20);
    }
}

TEST_P(DefiningClass, OfALongChainOfLargeClassesIsGivenUp) {
    Objects objects(GetParam());
    const uint64_t code = objects.code(objects.text("__private"));
    const uint64_t other = objects.function(objects.code(objects.text("f")), "f");
    const std::vector<std::pair<uint64_t, uint64_t>> entries(600, {objects.text("f"), other});
    const uint64_t dict = objects.dict(entries);
    std::vector<uint64_t> bases;
    for (int i = 0; i < 100; ++i) bases.push_back(objects.type("Base", dict));
    EXPECT_EQ(objects.name(code, objects.type("Derived", dict, bases)), "");
    EXPECT_LE(objects.reads(), 4096u);
    EXPECT_LE(objects.bytes(), 1u << 20);
}

TEST_P(DefiningClass, IsUnknownIfAnyReadFails) {
    Worker worker(GetParam());
    ASSERT_EQ(worker.objects.name(worker.code, worker.type), "Worker.work");
    const size_t reads = worker.objects.reads();
    for (size_t failing = 1; failing <= reads; ++failing) {
        // A word that cannot be read is 0, which some of them may be.
        const std::string name = worker.objects.name(worker.code, {1, worker.type}, failing);
        EXPECT_TRUE(name.empty() || name == "Worker.work") << failing << ": " << name;
    }
}

TEST_P(DefiningClass, OfAnyChangedMemoryIsTheSameOrUnknown) {
    uint64_t random = 88172645463325252ull;
    const auto next = [&random] {
        random ^= random << 13;
        random ^= random >> 7;
        return random ^= random << 17;
    };
    for (int round = 0; round < 300; ++round) {
        Worker worker(GetParam());
        Objects& objects = worker.objects;
        const uint64_t values[] = {0,           1,           next(),          worker.type,
                                   worker.dict, worker.code, worker.function, UINT64_MAX};
        const uint64_t targets[] = {worker.type, worker.dict, worker.code, worker.function};
        for (int i = 0; i < 20; ++i)
            objects.put(targets[next() % 4] + next() % 110 * 8, values[next() % 8]);
        const std::string name = objects.name(worker.code, worker.type);
        EXPECT_TRUE(name.empty() || name.ends_with(".work")) << name;
        EXPECT_LE(objects.reads(), 4096u);
    }
}

TEST(DefiningClassOfNewerVersions, IsNotSearched) {
    Objects objects(layouts_of(3, 11).front());
    EXPECT_EQ(objects.name(0x1000, 0x2000), "");
    EXPECT_EQ(objects.reads(), 0u);
}

}  // namespace

}  // namespace pyebpf::python
