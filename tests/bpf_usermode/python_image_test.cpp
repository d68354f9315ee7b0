// SPDX-License-Identifier: Apache-2.0
// The Python walker over recorded memory of real interpreters: what it finds is what the
// interpreter itself reported, and whichever read fails, it finds less but nothing wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/bpf_usermode/image_files.h"
#include "tests/bpf_usermode/python_replay.h"

namespace pyebpf::test {

void PrintTo(const ImageFrame& frame, std::ostream* stream) {
    *stream << frame.name << ":" << frame.line;
}

namespace {

using ::testing::AnyOf;
using ::testing::Eq;

class PythonImage : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Recorded, PythonImage, ::testing::ValuesIn(image_files()), test_name);

template <class T>
bool is_prefix(const std::vector<T>& part, const std::vector<T>& whole) {
    return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

struct Parts {
    code_definition_record record{};
    std::vector<std::vector<uint8_t>> texts;
    std::vector<stored_text> descriptions;
};

Parts parts_of(const Definition& definition) {
    Parts parts;
    std::memcpy(&parts.record, definition.record.data(), sizeof(parts.record));
    parts.descriptions = {parts.record.name, parts.record.file, parts.record.table};
    const uint8_t* at = definition.record.data() + sizeof(parts.record);
    for (const stored_text& text : parts.descriptions) {
        parts.texts.emplace_back(at, at + text.stored);
        at += text.stored;
    }
    return parts;
}

// Every text is there and right, or marked as missing; the facts of the object itself are right.
void expect_lacks_at_most(const Definition& found, const Definition& right) {
    if (found.outcome == CODE_UNREADABLE) return;
    ASSERT_EQ(found.outcome, CODE_DEFINED);
    const Parts parts = parts_of(found);
    const Parts right_parts = parts_of(right);
    for (size_t i = 0; i < parts.texts.size(); ++i) {
        if (parts.descriptions[i].encoding == TEXT_MISSING) {
            EXPECT_TRUE(parts.texts[i].empty());
            continue;
        }
        EXPECT_EQ(parts.descriptions[i].encoding, right_parts.descriptions[i].encoding);
        EXPECT_EQ(parts.texts[i], right_parts.texts[i]);
    }
    EXPECT_EQ(parts.record.first_line, right_parts.record.first_line);
    EXPECT_EQ(parts.record.code, right_parts.record.code);
}

TEST(PythonImages, CoverEveryMinorVersion) {
    std::set<std::string> minors;
    for (const std::string& file : image_files()) {
        const std::string python = load_image(file).python;
        minors.insert(python.substr(0, python.find('.', 2)));
    }
    EXPECT_EQ(minors, (std::set<std::string>{"2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11",
                                             "3.12", "3.13", "3.14", "3.15"}));
}

TEST_P(PythonImage, NamesAndLinesAreTheInterpretersOwn) {
    ProcessImage image = load_image(GetParam());
    const PythonReplay replay = replay_python(image.thread, image.memory);
    EXPECT_EQ(replay.outcome, PYTHON_COMPLETE);
    EXPECT_GT(replay.named.size(), 60u);
    EXPECT_EQ(replay.named, image.frames);
    EXPECT_EQ(replay.read_faults, 0u);
}

TEST_P(PythonImage, BoundariesAscendOnTheStack) {
    ProcessImage image = load_image(GetParam());
    const PythonReplay replay = replay_python(image.thread, image.memory);
    if (image.thread.layout.boundary_style == BOUNDARY_EVERY_FRAME) {
        EXPECT_TRUE(replay.boundaries.empty());
        return;
    }
    // map, sorted, a generator, a property, a class: each is an evaluator of its own, below that of
    // the module.
    EXPECT_GE(replay.boundaries.size(), 4u);
    EXPECT_GT(replay.boundaries.front(), image.thread.stack_pointer);
    EXPECT_LT(replay.boundaries.back(), image.thread.stack_pointer + (8 << 20));
    EXPECT_TRUE(std::ranges::is_sorted(replay.boundaries));
    EXPECT_EQ(replay.links.back().word1, uint64_t{PYTHON_BOUNDARY});
}

TEST_P(PythonImage, AnyFailingReadLeavesNothingWrong) {
    ProcessImage image = load_image(GetParam());
    const PythonReplay whole = replay_python(image.thread, image.memory);
    std::set<uint32_t> outcomes;
    for (uint64_t number = 0; number < whole.reads; ++number) {
        SCOPED_TRACE("failing read " + std::to_string(number));
        const PythonReplay replay = replay_python(image.thread, image.memory, number);
        outcomes.insert(replay.outcome);
        EXPECT_EQ(replay.read_faults, 1u);
        EXPECT_TRUE(is_prefix(replay.frames, whole.frames));
        EXPECT_TRUE(is_prefix(replay.boundaries, whole.boundaries));
        if (replay.outcome == PYTHON_COMPLETE) {
            EXPECT_EQ(replay.frames, whole.frames);
        } else {
            EXPECT_THAT(replay.outcome,
                        AnyOf(Eq(PYTHON_FAULT_THREAD_STATE), Eq(PYTHON_FAULT_FRAME)));
            EXPECT_LT(replay.links.size(), whole.links.size());
        }
        for (const auto& [code, definition] : replay.definitions) {
            expect_lacks_at_most(definition, whole.definitions.at(code));
        }
        if (::testing::Test::HasFailure()) break;
    }
    EXPECT_TRUE(outcomes.contains(PYTHON_COMPLETE));  // where a definition's read fails
    EXPECT_TRUE(outcomes.contains(PYTHON_FAULT_FRAME));
    // The holder of the GIL is found in two ways (2.7: one), a waiting thread in one.
    const bool has_one_way =
        image.thread.layout.major == 2 || GetParam().find("waiting") != std::string::npos;
    EXPECT_EQ(outcomes.contains(PYTHON_FAULT_THREAD_STATE), has_one_way);
}

TEST_P(PythonImage, AnotherThreadHasNoThreadState) {
    ProcessImage image = load_image(GetParam());
    // The registers of a thread that has no state of its own, in a process whose tables lead to
    // one.
    image.memory.add(image.thread.thread_pointer + 0x100000, std::vector<uint8_t>(0x1000));
    image.thread.thread_pointer += 0x100800;
    const PythonReplay replay = replay_python(image.thread, image.memory);
    EXPECT_NE(replay.outcome, PYTHON_COMPLETE);
    EXPECT_TRUE(replay.frames.empty());
}

TEST_P(PythonImage, SurvivesAnyChangedWord) {
    ProcessImage image = load_image(GetParam());
    const PythonReplay whole = replay_python(image.thread, image.memory);
    uint64_t random = 88172645463325252ull;
    const auto next = [&random] {
        random ^= random << 13;
        random ^= random >> 7;
        return random ^= random << 17;
    };
    std::vector<std::span<uint8_t>> words;
    for (auto& [address, bytes] : image.memory.regions()) {
        for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
            const std::span<uint8_t> word(bytes.data() + at, 8);
            if (std::ranges::any_of(word, [](uint8_t byte) { return byte != 0; }))
                words.push_back(word);
        }
    }
    const uint64_t values[] = {0,
                               1,
                               ~0ull,
                               1ull << 47,
                               1ull << 63,
                               image.thread.stack_pointer,
                               image.thread.thread_pointer};
    for (int round = 0; round < 300; ++round) {
        const std::span<uint8_t> word = words[next() % words.size()];
        uint64_t before = 0;
        std::memcpy(&before, word.data(), sizeof(before));
        const uint64_t choice = next() % 16;
        const uint64_t value =
            choice < std::size(values) ? values[choice] : before ^ (1ull << next() % 64);
        std::memcpy(word.data(), &value, sizeof(value));
        const PythonReplay replay = replay_python(image.thread, image.memory);
        EXPECT_LE(replay.links.size(), size_t{MAX_PYTHON_FRAMES});
        EXPECT_NE(replay.outcome, PYTHON_NOT_A_PYTHON_PROCESS);
        std::memcpy(word.data(), &before, sizeof(before));
    }
    EXPECT_EQ(replay_python(image.thread, image.memory).named, whole.named);
}

TEST(ProcessImage, TextKeepsEveryField) {
    ProcessImage image;
    image.python = "3.12.1";
    image.frames = {{"a b", 3}, {"é", 0}};
    auto* bytes = reinterpret_cast<uint8_t*>(&image.thread);
    for (size_t i = 0; i < sizeof(image.thread); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 1);
    image.thread.process.reserved = 0;
    image.thread.layout.interpreter.reserved = 0;
    image.thread.layout.object.reserved = 0;
    std::ranges::fill(image.thread.layout.reserved, uint16_t{0});
    image.memory.put<uint32_t>(0x1004, 5);  // half a word
    image.memory.put<uint64_t>(0x2000, ~0ull);

    const auto parsed = parse_process_image(to_text(image));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->python, image.python);
    EXPECT_EQ(parsed->frames, image.frames);
    EXPECT_EQ(std::memcmp(&parsed->thread, &image.thread, sizeof(image.thread)), 0);
    EXPECT_EQ(parsed->memory.regions(), image.memory.regions());
}

TEST(ProcessImage, RefusesWhatItDoesNotKnow) {
    for (const std::string text :
         {"pyebpf process image 2\n", "pyebpf process image 1\nlayout.nothing 1\n",
          "pyebpf process image 1\nword 1000 1\n",
          "pyebpf process image 1\nregion 1000 99999999999\n",
          "pyebpf process image 1\nframe x y\n"}) {
        EXPECT_FALSE(parse_process_image(text).has_value()) << text;
    }
}

TEST(ImageMemory, MergesWhatTouchesAndReadsWithinOneRegion) {
    ImageMemory memory;
    memory.put<uint64_t>(0x1000, 1);
    memory.put<uint64_t>(0x1010, 3);
    std::array<uint8_t, 24> bytes{};
    EXPECT_FALSE(memory.read(0x1000, bytes));
    memory.put<uint64_t>(0x1008, 2);
    EXPECT_EQ(memory.regions().size(), 1u);
    EXPECT_TRUE(memory.read(0x1000, bytes));
    EXPECT_EQ(bytes[8], 2);
    EXPECT_FALSE(memory.read(0x1001, bytes));
    EXPECT_FALSE(memory.read(0xfff, bytes));
    EXPECT_TRUE(memory.read(0x1018, std::span<uint8_t>{}));
}

}  // namespace
}  // namespace pyebpf::test
