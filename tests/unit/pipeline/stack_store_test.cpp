// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stack_store.h"

#include <gtest/gtest.h>

#include <cstring>

namespace pyebpf::pipeline {
namespace {

using Bytes = std::vector<uint8_t>;

template <class T>
void append(Bytes& bytes, const T& value) {
    const auto* raw = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), raw, raw + sizeof(value));
}

template <class Frame>
Bytes stack_bytes(stack_part part, uint64_t hash, const std::vector<Frame>& frames) {
    stack_part_record record{};
    record.header = {RECORD_STACK,
                     static_cast<uint32_t>(sizeof(record) + frames.size() * sizeof(Frame))};
    record.hash = hash;
    record.part = part;
    record.frames = static_cast<uint32_t>(frames.size());
    Bytes bytes;
    append(bytes, record);
    for (const Frame& frame : frames) append(bytes, frame);
    return bytes;
}

struct Text {
    std::string stored;
    uint16_t encoding = TEXT_BYTES;
    uint32_t length = 0;  // 0: that of stored
};

Bytes definition_bytes(uint64_t code, uint64_t time_ns, const Text& name,
                       const Text& file = {"f.py"}, const Text& table = {"\x01\x02"}) {
    code_definition_record record{};
    record.space = {.generation = 5, .tgid = 7, .reserved = 0};
    record.code = code;
    record.time_ns = time_ns;
    record.first_line = 12;
    record.header.kind = RECORD_CODE_DEFINITION;
    const auto describe = [](const Text& text) {
        return stored_text{
            .length = text.length != 0 ? text.length : static_cast<uint32_t>(text.stored.size()),
            .stored = static_cast<uint16_t>(text.stored.size()),
            .encoding = text.encoding};
    };
    record.name = describe(name);
    record.file = describe(file);
    record.table = describe(table);
    Bytes bytes;
    append(bytes, record);
    for (const Text* text : {&name, &file, &table})
        bytes.insert(bytes.end(), text->stored.begin(), text->stored.end());
    return bytes;
}

constexpr Identity kSpace{.tgid = 7, .generation = 5};

TEST(StackStore, KeepsThePartsByHash) {
    StackStore store;
    EXPECT_TRUE(store.add(stack_bytes<uint64_t>(STACK_KERNEL, 1, {10, 20})));
    EXPECT_TRUE(store.add(stack_bytes<native_frame>(STACK_NATIVE, 2, {{.pc = 3, .cfa = 8}})));
    EXPECT_TRUE(store.add(stack_bytes<python_frame>(
        STACK_PYTHON, 3, {{.word0 = 4, .word1 = 1}, {.word0 = 5, .word1 = 2}})));
    ASSERT_NE(store.kernel(1), nullptr);
    EXPECT_EQ(*store.kernel(1), (std::vector<uint64_t>{10, 20}));
    ASSERT_NE(store.native(2), nullptr);
    EXPECT_EQ(store.native(2)->front().pc, 3u);
    ASSERT_NE(store.python(3), nullptr);
    EXPECT_EQ(store.python(3)->back().word0, 5u);
    EXPECT_EQ(store.kernel(2), nullptr);
    EXPECT_EQ(store.malformed_records(), 0u);
}

TEST(StackStore, KeepsTheFactsOfACodeObject) {
    StackStore store;
    EXPECT_TRUE(store.add(definition_bytes(0x1000, 100, {"Class.method"})));
    const CodeObject* code = store.code(kSpace, 0x1000, 100);
    ASSERT_NE(code, nullptr);
    EXPECT_EQ(code->name, "Class.method");
    EXPECT_EQ(code->file, "f.py");
    EXPECT_EQ(code->line_table, (Bytes{1, 2}));
    EXPECT_EQ(code->first_line, 12);
    EXPECT_TRUE(code->has_name && code->has_file && code->has_line_table);
    EXPECT_EQ(store.code({.tgid = 7, .generation = 6}, 0x1000, 100), nullptr);
    EXPECT_EQ(store.code(kSpace, 0x1008, 100), nullptr);
}

TEST(StackStore, MarksWhatIsCutOrMissing) {
    StackStore store;
    EXPECT_TRUE(store.add(definition_bytes(0x1000, 100, {"abc", TEXT_BYTES, 5},
                                           {"", TEXT_MISSING, 9}, {"\x01", TEXT_BYTES, 2})));
    const CodeObject* code = store.code(kSpace, 0x1000, 100);
    ASSERT_NE(code, nullptr);
    EXPECT_EQ(code->name, "abc…");
    EXPECT_FALSE(code->has_file);
    EXPECT_FALSE(code->has_line_table) << "a part of a table would give wrong lines";
}

TEST(StackStore, FindsTheDefinitionThatWasInForce) {
    StackStore store;
    EXPECT_TRUE(store.add(definition_bytes(0x1000, 100, {"first"})));
    EXPECT_TRUE(store.add(definition_bytes(0x1000, 200, {"second"})));
    EXPECT_EQ(store.code(kSpace, 0x1000, 50)->name, "first");
    EXPECT_EQ(store.code(kSpace, 0x1000, 199)->name, "first");
    EXPECT_EQ(store.code(kSpace, 0x1000, 200)->name, "second");
    CodeObject between;
    between.name = "between";
    between.time_ns = 150;
    store.add_code(kSpace, 0x1000, between);
    EXPECT_EQ(store.code(kSpace, 0x1000, 160)->name, "between");
    EXPECT_EQ(store.code(kSpace, 0x1000, 300)->name, "second");
}

TEST(StackStore, RefusesEveryTruncatedRecord) {
    for (const Bytes& whole : {stack_bytes<uint64_t>(STACK_KERNEL, 1, {10, 20}),
                               stack_bytes<native_frame>(STACK_NATIVE, 2, {{.pc = 3, .cfa = 8}}),
                               definition_bytes(0x1000, 100, {"name"})}) {
        StackStore store;
        for (size_t size = 0; size < whole.size(); ++size) {
            EXPECT_FALSE(store.add(std::span(whole).first(size))) << size;
        }
        EXPECT_EQ(store.malformed_records(), whole.size());
        EXPECT_EQ(store.code(kSpace, 0x1000, 100), nullptr);
    }
}

TEST(StackStore, RefusesCountsThatDoNotFit) {
    StackStore store;
    EXPECT_FALSE(store.add(
        stack_bytes<uint64_t>(STACK_KERNEL, 1, std::vector<uint64_t>(MAX_KERNEL_FRAMES + 1))));
    EXPECT_FALSE(store.add(stack_bytes<native_frame>(
        STACK_NATIVE, 1, std::vector<native_frame>(MAX_NATIVE_FRAMES + 1))));
    EXPECT_FALSE(store.add(stack_bytes<python_frame>(
        STACK_PYTHON, 1, std::vector<python_frame>(MAX_PYTHON_FRAMES + 1))));
    Bytes wrong = stack_bytes<uint64_t>(STACK_KERNEL, 1, {10, 20});
    for (const uint32_t frames : {0u, 1u, 3u, 0x20000002u, ~0u}) {
        std::memcpy(wrong.data() + offsetof(stack_part_record, frames), &frames, sizeof(frames));
        EXPECT_FALSE(store.add(wrong)) << frames;
    }
    EXPECT_TRUE(store.add(stack_bytes<uint64_t>(STACK_KERNEL, 1, {})));
}

// Any byte may be wrong: the record is refused, or taken with bounded contents.
TEST(StackStore, SurvivesEveryChangedByte) {
    for (const Bytes& whole :
         {stack_bytes<uint64_t>(STACK_KERNEL, 1, {10, 20}),
          stack_bytes<python_frame>(STACK_PYTHON, 3, {{.word0 = 4, .word1 = 1}}),
          definition_bytes(0x1000, 100, {"wide", TEXT_UCS2, 2})}) {
        for (size_t at = 0; at < whole.size(); ++at) {
            for (const uint8_t flip : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
                Bytes changed = whole;
                changed[at] ^= flip;
                StackStore store;
                const bool is_taken = store.add(changed);
                EXPECT_EQ(store.malformed_records(), is_taken ? 0u : 1u);
                if (const CodeObject* code = store.code(kSpace, 0x1000, 100)) {
                    EXPECT_LE(code->name.size() + code->file.size(), 3 * whole.size());
                }
            }
        }
    }
}

TEST(DecodeText, TurnsEveryWidthIntoUtf8) {
    const auto decode = [](const Bytes& bytes, text_encoding encoding) {
        return python::decode_text(bytes, encoding);
    };
    EXPECT_EQ(decode({'a', 0xc3, 0xa9}, TEXT_BYTES), "aé");  // as it is
    EXPECT_EQ(decode({'a', 0xe9, 0xff}, TEXT_LATIN1), "aéÿ");
    EXPECT_EQ(decode({0x0d, 0x54, 'b', 0}, TEXT_UCS2), "名b");
    EXPECT_EQ(decode({0x00, 0x04, 0x01, 0x00}, TEXT_UCS4), "𐐀");
    EXPECT_EQ(decode({}, TEXT_UCS4), "");
}

TEST(DecodeText, ReplacesWhatIsNoCharacter) {
    EXPECT_EQ(python::decode_text(Bytes{0x00, 0xd8}, TEXT_UCS2), "\ufffd");  // a lone surrogate
    EXPECT_EQ(python::decode_text(Bytes{0x00, 0x00, 0x11, 0x00}, TEXT_UCS4),
              "\ufffd");  // above U+10FFFF
    EXPECT_EQ(python::decode_text(Bytes{0xff, 0xff, 0xff, 0xff, 'x', 0, 0, 0}, TEXT_UCS4),
              "\ufffdx");
    EXPECT_EQ(python::decode_text(Bytes{'a', 0, 'b'}, TEXT_UCS2), "a");  // half a unit at the end
}

TEST(StackStore, KeepsWhatWasReceivedUntilTheSecondRotation) {
    StackStore store;
    EXPECT_TRUE(store.add(stack_bytes<uint64_t>(STACK_KERNEL, 1, {10})));
    EXPECT_GT(store.bytes(), 0u);
    store.rotate();
    EXPECT_EQ(store.bytes(), 0u);
    EXPECT_TRUE(store.add(stack_bytes<uint64_t>(STACK_KERNEL, 2, {20})));
    ASSERT_NE(store.kernel(1), nullptr);  // a sample on its way may refer to it
    ASSERT_NE(store.kernel(2), nullptr);
    store.rotate();
    EXPECT_EQ(store.kernel(1), nullptr);
    EXPECT_NE(store.kernel(2), nullptr);
}

TEST(StackStore, ForgetsTheCodeOfOneAddressSpace) {
    StackStore store;
    EXPECT_TRUE(store.add(definition_bytes(0x1000, 1, {"f"})));
    const Identity identity{7, 5};
    EXPECT_NE(store.code(identity, 0x1000, 2), nullptr);
    store.forget({7, 6});
    EXPECT_NE(store.code(identity, 0x1000, 2), nullptr);
    store.forget(identity);
    EXPECT_EQ(store.code(identity, 0x1000, 2), nullptr);
}

}  // namespace
}  // namespace pyebpf::pipeline
