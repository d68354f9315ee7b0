// SPDX-License-Identifier: Apache-2.0
// Entries laid out byte by byte: what no assembler at hand writes, and what is damaged.
#include "elf/frame_entries.h"

#include <gtest/gtest.h>

#include "elf/unwind_table.h"
#include "elf_builder.h"
#include "elf_test_files.h"

namespace pyebpf::elf {
namespace {

constexpr uint64_t kCode = 0x1000;
constexpr uint64_t kFrames = 0x4000;
constexpr uint64_t kDebugFrames = 0x6000;
constexpr uint64_t kText = 0x800;  // what textrel counts from; not where the functions are
constexpr uint64_t kGot = 0x5000;  // datarel
constexpr uint64_t kImageBytes = 0x8000;

// def_cfa rsp+8; rip at cfa-8
const std::vector<uint8_t> kUsualCommon = {0x0c, 7, 8, 0x90, 1};

// Writes entries of one section at an address.
class FrameWriter {
  public:
    explicit FrameWriter(bool is_debug_frame = false) : is_debug_frame_(is_debug_frame) {}

    struct Common {
        uint8_t version = 1;
        std::string augmentation = "zR";
        std::vector<uint8_t> augmentation_data = {0x1b};  // pcrel sdata4
        std::vector<uint8_t> instructions = kUsualCommon;
    };
    // Returns the entry's offset, to be given to description().
    uint64_t common(const Common& common) {
        ByteWriter body;
        body.put<uint32_t>(is_debug_frame_ ? UINT32_MAX : 0).put<uint8_t>(common.version);
        body.text(common.augmentation);
        if (common.version == 4) body.put<uint8_t>(8).put<uint8_t>(0);
        body.put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16);  // factors 1 and -8, register rip
        if (!common.augmentation.empty() && common.augmentation[0] == 'z') {
            body.put(static_cast<uint8_t>(common.augmentation_data.size()));
        }
        body.put_all(common.augmentation_data).put_all(common.instructions);
        return add(body.bytes());
    }

    // range: the encoded begin and size. The place of begin is begin_address().
    void description(uint64_t common, const std::vector<uint8_t>& range, bool has_augmentation_data,
                     const std::vector<uint8_t>& instructions = {}) {
        ByteWriter body;
        const uint64_t pointer = is_debug_frame_ ? common : writer_.size() + 4 - common;
        body.put(static_cast<uint32_t>(pointer)).put_all(range);
        if (has_augmentation_data) body.put<uint8_t>(0);
        body.put_all(instructions);
        add(body.bytes());
    }
    // Where the next description's encoded begin will be.
    [[nodiscard]] uint64_t begin_address() const { return kFrames + writer_.size() + 8; }

    // A pcrel sdata4 description for a common() with the default augmentation.
    void usual(uint64_t common, uint64_t begin, uint32_t size,
               const std::vector<uint8_t>& instructions = {}) {
        ByteWriter range;
        range.put(static_cast<int32_t>(begin - begin_address())).put(size);
        description(common, range.bytes(), true, instructions);
    }
    void terminator() { writer_.put<uint32_t>(0); }
    [[nodiscard]] const std::vector<uint8_t>& bytes() const { return writer_.bytes(); }
    ByteWriter& raw() { return writer_; }

  private:
    uint64_t add(const std::vector<uint8_t>& body) {
        const uint64_t offset = writer_.size();
        writer_.put(static_cast<uint32_t>(body.size())).put_all(body);
        return offset;
    }

    bool is_debug_frame_;
    ByteWriter writer_;
};

ElfBuilder builder() {
    ElfBuilder builder(kImageBytes);
    builder.section(".text", kText, {0x90}).section(".got", kGot, {0});
    return builder;
}

std::shared_ptr<const ElfFile> with_eh_frame(const FrameWriter& frames) {
    return elf_of(builder().section(".eh_frame", kFrames, frames.bytes()).build());
}

unwind_rule rule_at(const ElfFile& file, uint64_t pc) {
    const auto tables = compile_unwind_tables(file);
    if (!tables || tables->empty()) return {};
    return tables->front().lookup({pc}).value_or(unwind_rule{});
}

UnwindTableStatistics statistics_of(const ElfFile& file) {
    const auto tables = compile_unwind_tables(file);
    if (!tables || tables->empty()) return {};
    return tables->front().statistics;
}

TEST(FrameEntries, EveryPointerEncodingLeadsToTheSameFunction) {
    FrameWriter frames;
    struct Case {
        uint8_t encoding;
        uint64_t base;
    };
    const auto base_of = [](uint8_t relation, uint64_t here) -> uint64_t {
        switch (relation) {
            case 0x10:
                return here;
            case 0x20:
                return kText;
            case 0x30:
                return kGot;
            default:
                return 0;
        }
    };
    uint64_t begin = kCode;
    std::vector<uint64_t> expected;
    for (const uint8_t relation : {0x00, 0x10, 0x20, 0x30}) {
        for (const uint8_t format : {0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0a, 0x0b, 0x0c}) {
            const uint8_t encoding = relation | format;
            const uint64_t common = frames.common({.augmentation_data = {encoding}});
            const uint64_t value = begin - base_of(relation, frames.begin_address());
            // Unsigned short forms cannot go back; the linker would not choose them.
            const bool is_negative = static_cast<int64_t>(value) < 0;
            if (is_negative && (format == 0x01 || format == 0x02 || format == 0x03)) continue;
            constexpr uint8_t kSize = 0x20;
            ByteWriter range;
            switch (format) {
                case 0x01:
                    range.put<uint8_t>(0x80 | (value & 0x7f))
                        .put<uint8_t>(0x80 | (value >> 7 & 0x7f));
                    range.put<uint8_t>(value >> 14 & 0x7f).put(kSize);
                    break;
                case 0x09:
                    range.put<uint8_t>(0x80 | (value & 0x7f))
                        .put<uint8_t>(0x80 | (value >> 7 & 0x7f));
                    range.put<uint8_t>(value >> 14 & 0x7f).put(kSize);
                    break;
                case 0x02:
                case 0x0a:
                    range.put(static_cast<uint16_t>(value)).put<uint16_t>(kSize);
                    break;
                case 0x03:
                case 0x0b:
                    range.put(static_cast<uint32_t>(value)).put<uint32_t>(kSize);
                    break;
                default:
                    range.put(value).put<uint64_t>(kSize);
            }
            frames.description(common, range.bytes(), true);
            expected.push_back(begin);
            begin += 0x20;
        }
    }
    const auto file = with_eh_frame(frames);
    const auto found = frame_descriptions(*file);
    ASSERT_EQ(found.size(), expected.size());
    EXPECT_GT(found.size(), 30U);
    for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(found[i].begin.value, expected[i]);
        EXPECT_EQ(found[i].end.value, expected[i] + 0x20);
    }
    EXPECT_EQ(statistics_of(*file).bad_descriptions, 0U);
}

TEST(FrameEntries, IndirectAndAlignedPointersAreFollowed) {
    FrameWriter frames;
    const uint64_t indirect = frames.common({.augmentation_data = {0x9b}});
    ByteWriter range;
    range.put(static_cast<int32_t>(0x3000 - frames.begin_address())).put<uint32_t>(0x20);
    frames.description(indirect, range.bytes(), true);
    const uint64_t aligned = frames.common({.augmentation_data = {0x50}});
    ByteWriter aligned_range;
    while ((frames.begin_address() + aligned_range.size()) % 8 != 0)
        aligned_range.put<uint8_t>(0xaa);
    aligned_range.put<uint64_t>(kCode + 0x40).put<uint64_t>(0x20);
    frames.description(aligned, aligned_range.bytes(), true);
    const auto file = elf_of(builder()
                                 .section(".eh_frame", kFrames, frames.bytes())
                                 .bytes_at(0x3000, ByteWriter().put<uint64_t>(kCode).bytes())
                                 .build());
    const auto found = frame_descriptions(*file);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].begin.value, kCode);
    EXPECT_EQ(found[1].begin.value, kCode + 0x40);
}

TEST(FrameEntries, AllVersionsOfDebugFrameAreRead) {
    FrameWriter frames(true);
    uint64_t begin = kCode;
    for (const uint8_t version : {1, 3, 4}) {
        const uint64_t common =
            frames.common({.version = version, .augmentation = "", .augmentation_data = {}});
        frames.description(common, ByteWriter().put(begin).put<uint64_t>(0x40).bytes(), false);
        begin += 0x40;
    }
    const auto file =
        elf_of(builder().section(".debug_frame", kDebugFrames, frames.bytes()).build());
    EXPECT_EQ(frame_descriptions(*file).size(), 3U);
    for (uint64_t pc = kCode; pc < begin; ++pc) {
        EXPECT_EQ(rule_at(*file, pc).cfa_kind, CFA_RSP) << pc;
    }
}

TEST(FrameEntries, DebugFrameOnlyFillsGaps) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode, 0x40);
    frames.usual(common, kCode + 0x80, 0x40);
    FrameWriter debug_frames(true);
    const uint64_t other = debug_frames.common({.version = 3,
                                                .augmentation = "",
                                                .augmentation_data = {},
                                                .instructions = {0x0c, 7, 64, 0x90, 1}});
    for (const uint64_t begin : {kCode + 0x40, kCode + 0x60, kCode}) {
        debug_frames.description(other, ByteWriter().put(begin).put<uint64_t>(0x40).bytes(), false);
    }
    const auto file = elf_of(builder()
                                 .section(".eh_frame", kFrames, frames.bytes())
                                 .section(".debug_frame", kDebugFrames, debug_frames.bytes())
                                 .build());
    EXPECT_EQ(rule_at(*file, kCode + 1).cfa_offset, 8);
    EXPECT_EQ(rule_at(*file, kCode + 0x41).cfa_offset, 64);
    EXPECT_EQ(rule_at(*file, kCode + 0x81).cfa_offset, 8);
    EXPECT_EQ(frame_descriptions(*file).size(), 3U);
}

TEST(FrameEntries, TerminatorsBetweenInputFilesAreSkipped) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode, 0x40);
    frames.terminator();
    frames.usual(common, kCode + 0x40, 0x40);
    frames.terminator();
    const auto file = with_eh_frame(frames);
    EXPECT_EQ(frame_descriptions(*file).size(), 2U);
    EXPECT_EQ(statistics_of(*file).bad_descriptions, 0U);
}

TEST(FrameEntries, TheProgramHeaderLeadsToFramesWithoutSections) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode, 0x40);
    frames.terminator();
    frames.usual(common, kCode + 0x40, 0x40);  // beyond the end of the section
    constexpr uint64_t kHeader = 0x3000;
    ByteWriter header;
    header.put<uint8_t>(1).put<uint8_t>(0x1b).put<uint8_t>(0x03).put<uint8_t>(0x3b);
    header.put(static_cast<int32_t>(kFrames - (kHeader + 4)));
    const auto file = elf_of(ElfBuilder(kImageBytes)
                                 .bytes_at(kFrames, frames.bytes())
                                 .bytes_at(kHeader, header.bytes())
                                 .segment(PT_GNU_EH_FRAME, kHeader, header.size())
                                 .build());
    ASSERT_EQ(frame_descriptions(*file).size(), 1U);
    EXPECT_EQ(frame_descriptions(*file)[0].begin.value, kCode);
}

TEST(FrameEntries, DescriptionsAreSortedAndOverlapsDropped) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode + 0x80, 0x40);
    frames.usual(common, kCode, 0x40);
    frames.usual(common, kCode + 0x20, 0x80);
    frames.usual(common, kCode + 0x200, 0);
    frames.usual(common, kImageBytes + 0x1000, 0x40);  // not in code
    const auto found = frame_descriptions(*with_eh_frame(frames));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].begin.value, kCode);
    EXPECT_EQ(found[1].begin.value, kCode + 0x80);
}

TEST(FrameEntries, SmallHolesKeepTheRuleLargeOnesHaveNone) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode, 0x11);
    frames.usual(common, kCode + 0x20, 0x10);
    frames.usual(common, kCode + 0x40, 0x10);
    const auto file = with_eh_frame(frames);
    EXPECT_EQ(rule_at(*file, kCode + 0x1f).cfa_kind, CFA_RSP) << "15 bytes of padding";
    EXPECT_EQ(rule_at(*file, kCode + 0x30).cfa_kind, CFA_NONE) << "16 bytes are a hole";
    EXPECT_EQ(rule_at(*file, kCode + 0x3f).cfa_kind, CFA_NONE);
    EXPECT_EQ(rule_at(*file, kCode + 0x40).cfa_kind, CFA_RSP);
    EXPECT_EQ(rule_at(*file, kCode + 0x50).cfa_kind, CFA_NONE) << "behind the last one";
    EXPECT_EQ(rule_at(*file, kCode - 1).cfa_kind, CFA_NONE);
}

TEST(FrameEntries, AProcessBeginsInTheHoleWhereItsEntryIs) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode, 0x10);
    frames.usual(common, kCode + 0x400, 0x10);
    const std::vector<uint8_t> loader = {0x48, 0x89, 0xe7, 0xe8};  // mov %rsp,%rdi; call
    const std::vector<uint8_t> other = {0x55, 0x48, 0x89, 0xe5};   // push %rbp: of no process
    const auto with_code = [&](const std::vector<uint8_t>& code) {
        return elf_of(builder()
                          .section(".eh_frame", kFrames, frames.bytes())
                          .bytes_at(kCode + 0x80, code)
                          .entry(kCode + 0x80)
                          .build());
    };
    const auto file = with_code(loader);
    EXPECT_EQ(rule_at(*file, kCode + 0x7f).cfa_kind, CFA_NONE);
    EXPECT_EQ(rule_at(*file, kCode + 0x80).cfa_kind, CFA_END);
    EXPECT_EQ(rule_at(*file, kCode + 0x17f).cfa_kind, CFA_END);
    EXPECT_EQ(rule_at(*file, kCode + 0x180).cfa_kind, CFA_NONE) << "no start is so long";
    EXPECT_EQ(rule_at(*file, kCode + 0x400).cfa_kind, CFA_RSP);
    EXPECT_EQ(rule_at(*with_code(other), kCode + 0x80).cfa_kind, CFA_NONE);
}

TEST(FrameEntries, SetLocAdvancesToAnAddress) {
    FrameWriter frames;
    const uint64_t common = frames.common({.augmentation_data = {0x04}});  // udata8
    ByteWriter instructions;
    instructions.put<uint8_t>(0x01).put<uint64_t>(kCode + 0x10).put<uint8_t>(0x0e).put<uint8_t>(32);
    frames.description(common, ByteWriter().put<uint64_t>(kCode).put<uint64_t>(0x40).bytes(), true,
                       instructions.bytes());
    const auto file = with_eh_frame(frames);
    EXPECT_EQ(rule_at(*file, kCode + 0x0f).cfa_offset, 8);
    EXPECT_EQ(rule_at(*file, kCode + 0x10).cfa_offset, 32);
}

TEST(FrameEntries, BadInstructionsLeaveTheFunctionWithoutRules) {
    const std::vector<std::vector<uint8_t>> bad_instructions = {
        {0x41, 0x3f},              // not an instruction
        {0x41, 0x0b},              // restore_state without remember_state
        {0x41, 0x0e},              // operand missing
        {0x0f, 0x40, 0x77},        // block longer than the entry
        {0x0f, 1, 0x77, 0x0e, 8},  // def_cfa_offset of an expression
        std::vector<uint8_t>(5000, 0x0a),
    };
    for (const auto& instructions : bad_instructions) {
        FrameWriter frames;
        const uint64_t common = frames.common({});
        frames.usual(common, kCode, 0x40, instructions);
        frames.usual(common, kCode + 0x40, 0x40);
        const auto file = with_eh_frame(frames);
        EXPECT_EQ(rule_at(*file, kCode).cfa_kind, CFA_NONE) << int{instructions[0]};
        EXPECT_EQ(rule_at(*file, kCode + 0x20).cfa_kind, CFA_NONE);
        EXPECT_EQ(rule_at(*file, kCode + 0x40).cfa_kind, CFA_RSP);
        EXPECT_EQ(statistics_of(*file).bad_descriptions, 1U);
        EXPECT_EQ(statistics_of(*file).descriptions, 1U);
    }
}

TEST(FrameEntries, AFunctionWithAMillionRowsIsRefused) {
    // One instruction of one byte per row: otherwise a file could take many times its size in
    // memory.
    ByteWriter instructions;
    constexpr uint32_t kRows = (1U << 20) + 10;
    for (uint32_t i = 0; i < kRows; ++i) instructions.put<uint8_t>(0x41);
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kCode, 0x40);
    frames.usual(common, kCode + 0x40, 0x10000000, instructions.bytes());
    const auto file = elf_of(
        ElfBuilder(kImageBytes + kRows).section(".eh_frame", kFrames, frames.bytes()).build());
    EXPECT_EQ(statistics_of(*file).bad_descriptions, 1U);
    EXPECT_EQ(rule_at(*file, kCode).cfa_kind, CFA_RSP);
    EXPECT_EQ(rule_at(*file, kCode + 0x40).cfa_kind, CFA_NONE);
}

TEST(FrameEntries, LongEntriesHaveAWidePointerInDebugFrameOnly) {
    for (const bool is_debug_frame : {false, true}) {
        ByteWriter writer;
        const auto begin_entry = [&](size_t size) {
            writer.put<uint32_t>(UINT32_MAX).put<uint64_t>(size);
            return writer.size();
        };
        const auto put_pointer = [&](uint64_t pointer) {
            if (is_debug_frame) {
                writer.put(pointer);
            } else {
                writer.put(static_cast<uint32_t>(pointer));
            }
        };
        const size_t pointer_bytes = is_debug_frame ? 8 : 4;
        begin_entry(pointer_bytes + 5 + kUsualCommon.size());
        put_pointer(is_debug_frame ? UINT64_MAX : 0);
        writer.put<uint8_t>(1).text("").put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16);
        writer.put_all(kUsualCommon);
        const size_t place = begin_entry(pointer_bytes + 16);
        put_pointer(is_debug_frame ? 0 : place);
        writer.put<uint64_t>(kCode).put<uint64_t>(0x40);
        const auto file = elf_of(
            builder()
                .section(is_debug_frame ? ".debug_frame" : ".eh_frame", kFrames, writer.bytes())
                .build());
        EXPECT_EQ(statistics_of(*file).bad_descriptions, 0U);
        EXPECT_EQ(rule_at(*file, kCode).cfa_kind, CFA_RSP) << is_debug_frame;
    }
}

TEST(FrameEntries, BadInitialInstructionsSpoilAllThatUseThem) {
    FrameWriter frames;
    const uint64_t bad = frames.common({.instructions = {0x0c, 7, 8, 0x90, 1, 0x3f}});
    frames.usual(bad, kCode, 0x40);
    frames.usual(bad, kCode + 0x40, 0x40);
    const uint64_t good = frames.common({});
    frames.usual(good, kCode + 0x80, 0x40);
    const auto file = with_eh_frame(frames);
    EXPECT_EQ(statistics_of(*file).bad_descriptions, 2U);
    EXPECT_EQ(rule_at(*file, kCode).cfa_kind, CFA_NONE);
    EXPECT_EQ(rule_at(*file, kCode + 0x80).cfa_kind, CFA_RSP);
}

TEST(FrameEntries, UnknownAugmentationsAreCountedAsBad) {
    for (const char* augmentation : {"eh", "zX", "R", "zRX"}) {
        FrameWriter frames;
        const uint64_t unknown = frames.common({.augmentation = augmentation});
        frames.usual(unknown, kCode, 0x40);
        const uint64_t known = frames.common({});
        frames.usual(known, kCode + 0x40, 0x40);
        const auto file = with_eh_frame(frames);
        EXPECT_EQ(frame_descriptions(*file).size(), 1U) << augmentation;
        EXPECT_EQ(statistics_of(*file).bad_descriptions, 1U) << augmentation;
    }
}

TEST(FrameEntries, ADescriptionBeyondTheSegmentIsClipped) {
    FrameWriter frames;
    const uint64_t common = frames.common({});
    frames.usual(common, kImageBytes - 0x10, 0x7fffffff,
                 {0x44, 0x0e, 16, 0x04, 0, 0, 1, 0, 0x0e, 24});
    const auto file = with_eh_frame(frames);
    EXPECT_EQ(rule_at(*file, kImageBytes - 0x10).cfa_offset, 8);
    EXPECT_EQ(rule_at(*file, kImageBytes - 1).cfa_offset, 16);
    EXPECT_EQ(rule_at(*file, kImageBytes).cfa_kind, CFA_NONE);
}

TEST(FrameEntries, RangesAreReadForOtherMachinesButRulesAreNot) {
    FrameWriter frames;
    frames.usual(frames.common({}), kCode, 0x40);
    const auto file =
        elf_of(builder().machine(EM_AARCH64).section(".eh_frame", kFrames, frames.bytes()).build());
    EXPECT_EQ(frame_descriptions(*file).size(), 1U);
    EXPECT_FALSE(compile_unwind_tables(*file));
}

TEST(FrameEntries, AFileWithoutFramesHasNoTable) {
    const auto tables = compile_unwind_tables(*elf_of(builder().build()));
    ASSERT_TRUE(tables);
    EXPECT_TRUE(tables->empty());
}

}  // namespace
}  // namespace pyebpf::elf
