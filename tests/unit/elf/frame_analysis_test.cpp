// SPDX-License-Identifier: Apache-2.0
// Compares what the instructions of functions tell with what their call frame information says, in
// real files; rules of code that has none are in unwind_rule_test.cpp.
#include "elf/frame_analysis.h"

#include <glob.h>
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <optional>

#include "elf/unwind_table.h"
#include "elf_test_files.h"

namespace pyebpf::elf {
namespace {

constexpr int32_t kUnknown = FrameState::kUnknown;

struct Agreement {
    uint64_t instructions = 0;
    uint64_t known = 0;  // the CFA
    uint64_t wrong = 0;
};

// Whether the state contradicts the rule. What is not known contradicts nothing.
bool contradicts(const FrameState& state, const unwind_rule& rule) {
    int32_t distance = kUnknown;
    if (rule.cfa_kind == CFA_RSP) distance = state.registers[7];
    if (rule.cfa_kind == CFA_RBP) distance = state.registers[6];
    if (rule.cfa_kind >= CFA_REGISTER) distance = state.registers[rule.cfa_kind & 15];
    if (distance != kUnknown && distance != -rule.cfa_offset) return true;
    return rule.rbp_kind == RBP_AT_CFA && !state.has_callers_frame_pointer &&
           state.saved_frame_pointer != kUnknown && state.saved_frame_pointer != rule.rbp_offset;
}

Agreement compare(const ElfFile& file) {
    Agreement result;
    const auto tables = compile_unwind_tables(file);
    if (!tables) throw std::runtime_error(tables.error().message);
    const auto rule_at = [&](StatedAddress pc) -> unwind_rule {
        for (const UnwindTable& table : *tables)
            if (const auto rule = table.lookup(pc)) return *rule;
        return {};
    };
    FrameAnalyzer analyzer(SIZE_MAX);
    for (const FrameDescription& description : frame_descriptions(file)) {
        const unwind_rule entry = rule_at(description.begin);
        // The cold part of another function begins within its frame.
        if (entry.cfa_kind != CFA_RSP || entry.cfa_offset != 8 || description.signal_frame)
            continue;
        const auto code = file.bytes_from(description.begin, description.end - description.begin);
        for (const AnalyzedInstruction& one : analyzer.analyze(code)) {
            const bool is_wrong = contradicts(one.state, rule_at(description.begin + one.offset));
            ++result.instructions;
            result.known += unwind_rule_of(one.state).cfa_kind != CFA_NONE;
            result.wrong += is_wrong;
        }
    }
    return result;
}

// The contradictions left are descriptions that do not tell all their function pushes (glibc's
// multiplication of long numbers, some of OpenSSL), and landing pads behind calls that do not
// return, where no instruction leads.
TEST(FrameAnalysis, AgreesWithTheCallFrameInformationOfRealFiles) {
    size_t files = 0;
    for (const char* pattern :
         {"/usr/lib/*/libc.so.6", "/usr/lib/*/libstdc++.so.6", "/usr/lib/*/libcrypto.so.3",
          "/usr/bin/python3.11", "/usr/lib/*/openblas-pthread/libopenblas.so.0"}) {
        glob_t paths{};
        if (glob(pattern, 0, nullptr, &paths) == 0) {
            ++files;
            const char* path = paths.gl_pathv[0];
            const Agreement found = compare(*open_elf(path));
            std::printf(
                "%s: %" PRIu64 " instructions, CFA known of %.2f %%, %" PRIu64
                " contradict their description\n",
                path, found.instructions,
                100.0 * static_cast<double>(found.known) / static_cast<double>(found.instructions),
                found.wrong);
            EXPECT_GT(found.instructions, 100'000U) << path;
            EXPECT_GE(found.known * 100, found.instructions * 94) << path;
            EXPECT_LE(found.wrong * 1000, found.instructions) << path;
        }
        globfree(&paths);
    }
    EXPECT_GT(files, 0U);
}

TEST(FrameAnalysis, IsBounded) {
    const std::vector<uint8_t> idle(100, 0x90);  // nop
    EXPECT_EQ(FrameAnalyzer(100).analyze(idle).size(), 100U);
    EXPECT_TRUE(FrameAnalyzer(99).analyze(idle).empty());
    EXPECT_TRUE(FrameAnalyzer(SIZE_MAX).analyze({}).empty());
    EXPECT_TRUE(FrameAnalyzer(SIZE_MAX).analyze(std::vector<uint8_t>(1 << 20, 0x90)).empty());
    // Each round of the loop pushes: what is known of the stack is nothing, at last.
    const std::vector<uint8_t> loop{0x50, 0xeb, 0xfd};  // 1: push %rax; jmp 1b
    const auto found = FrameAnalyzer(SIZE_MAX).analyze(loop);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(unwind_rule_of(found[0].state).cfa_kind, CFA_NONE);
}

TEST(FrameAnalysis, AnAddressThatIsOnlyPoppedIsNoCall) {
    // call 1f; 1: pop %rax; ret
    const auto found =
        FrameAnalyzer(SIZE_MAX).analyze(std::vector<uint8_t>{0xe8, 0, 0, 0, 0, 0x58, 0xc3});
    EXPECT_EQ(found.size(), 1U);
}

}  // namespace
}  // namespace pyebpf::elf
