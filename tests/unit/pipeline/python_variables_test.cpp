// SPDX-License-Identifier: Apache-2.0
#include "pipeline/python_variables.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "python/layouts/layout.h"

namespace pyebpf::pipeline {
namespace {

constexpr uint64_t kObject = 0x10000;

// Objects that were made up: bytes at some addresses.
class Objects {
  public:
    explicit Objects(int major, int minor)
        : layout(python::layouts_of(major, minor).front().walker) {}

    template <class T>
    void put(uint64_t address, T value) {
        const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
        for (size_t i = 0; i < sizeof(T); ++i) bytes_[address + i] = bytes[i];
    }
    void put_text(uint64_t address, std::string_view text) {
        for (size_t i = 0; i < text.size(); ++i)
            bytes_[address + i] = static_cast<uint8_t>(text[i]);
    }
    // The head of an int up to 3.11 or its tag later, and its digits.
    void put_int(uint64_t head, const std::vector<uint32_t>& digits) {
        put(kObject + layout.object.var_size, head);
        for (size_t i = 0; i < digits.size(); ++i)
            put(kObject + layout.object.var_size + 8 + 4 * i, digits[i]);
    }
    [[nodiscard]] std::string describe(std::string_view type) const {
        const auto read = [this](uint64_t address, void* to, size_t bytes) {
            for (size_t i = 0; i < bytes; ++i) {
                const auto found = bytes_.find(address + i);
                if (found == bytes_.end()) return false;
                static_cast<uint8_t*>(to)[i] = found->second;
            }
            return true;
        };
        return describe_value(read, layout, type, kObject);
    }
    const python_layout layout;

  private:
    std::map<uint64_t, uint8_t> bytes_;
};

TEST(PythonVariables, IntsUpTo311HaveASignedNumberOfDigits) {
    Objects objects(3, 11);
    objects.put_int(0, {});
    EXPECT_EQ(objects.describe("int"), "0");
    objects.put_int(1, {42});
    EXPECT_EQ(objects.describe("int"), "42");
    objects.put_int(static_cast<uint64_t>(-2), {1, 1});
    EXPECT_EQ(objects.describe("int"), "-1073741825");
    objects.put_int(4, {0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff});
    EXPECT_EQ(objects.describe("int"), "1329227995784915872903807060280344575");
    objects.put_int(5, {});
    EXPECT_EQ(objects.describe("int"), "<int of 121 bits>");
}

TEST(PythonVariables, IntsFrom312OnHaveATag) {
    Objects objects(3, 12);
    objects.put_int(1, {7});  // zero, whatever the digit is
    EXPECT_EQ(objects.describe("int"), "0");
    objects.put_int(1 << 3, {42});
    EXPECT_EQ(objects.describe("int"), "42");
    objects.put_int(2 << 3 | 2, {1, 1});
    EXPECT_EQ(objects.describe("int"), "-1073741825");
    objects.put_int(1 << 3, {1});
    EXPECT_EQ(objects.describe("bool"), "True");
}

TEST(PythonVariables, ADamagedIntIsBounded) {
    Objects objects(3, 12);
    objects.put_int(UINT64_MAX, {});
    EXPECT_EQ(objects.describe("int").substr(0, 8), "<int of ");
    objects.put_int(2 << 3, {1});  // its second digit is not there
    EXPECT_EQ(objects.describe("int"), "");
    Objects old(3, 11);
    old.put_int(uint64_t{1} << 63, {});
    EXPECT_EQ(old.describe("int").substr(0, 8), "<int of ");
}

TEST(PythonVariables, FloatsReadBackAsTheSame) {
    Objects objects(3, 13);
    for (const auto& [value, text] : std::initializer_list<std::pair<double, const char*>>{
             {0.0, "0.0"}, {0.1, "0.1"}, {-2.0, "-2.0"}, {1e300, "1e+300"}}) {
        objects.put(kObject + objects.layout.object.var_size, value);
        EXPECT_EQ(objects.describe("float"), text);
    }
}

TEST(PythonVariables, TextsAreQuotedAndCut) {
    Objects objects(3, 12);
    const python_layout& layout = objects.layout;
    const std::string text = "it's\\" + std::string(200, 'x');
    objects.put(kObject, std::array<uint64_t, 8>{});
    objects.put(kObject + layout.text.length, uint64_t{text.size()});
    objects.put(
        kObject + layout.text.state,
        uint32_t{1u << layout.text.kind_shift | layout.text.ascii_bit | layout.text.compact_bit});
    objects.put_text(kObject + layout.text.ascii_data, text);
    EXPECT_EQ(objects.describe("str"), "'it\\'s\\\\" + std::string(75, 'x') + "…'");
    objects.put(kObject + layout.text.length, UINT64_MAX);
    EXPECT_EQ(objects.describe("str"), "'it\\'s\\\\" + std::string(75, 'x') + "…'");
}

TEST(PythonVariables, BytesAreEscaped) {
    Objects objects(3, 12);
    objects.put(kObject + objects.layout.object.var_size, uint64_t{5});
    objects.put_text(kObject + objects.layout.text.bytes_data, std::string_view("a\0'\xff\n", 5));
    EXPECT_EQ(objects.describe("bytes"), "b'a\\x00\\'\\xff\\x0a'");
}

TEST(PythonVariables, OtherObjectsAreTypeAndAddress) {
    const Objects objects(3, 12);
    EXPECT_EQ(objects.describe("NoneType"), "None");
    EXPECT_EQ(objects.describe("collections.deque"), "<collections.deque at 0x10000>");
    EXPECT_EQ(objects.describe("int"), "") << "not readable";
    EXPECT_EQ(objects.describe("str"), "");
    EXPECT_EQ(objects.describe("bytes"), "");
    EXPECT_EQ(objects.describe("float"), "");
}

}  // namespace
}  // namespace pyebpf::pipeline
