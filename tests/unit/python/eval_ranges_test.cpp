// SPDX-License-Identifier: Apache-2.0
// Which frame description entries count as parts of a function. Real cold parts are checked by
// runtime_live.cpp.
#include "python/eval_ranges.h"

#include <gtest/gtest.h>

#include "runtime_image.h"

namespace pyebpf::python {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kPartBytes = 64;

void put32(Bytes& bytes, uint64_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<uint8_t>(value >> shift));
    }
}

// Functions of 64 bytes each, of which the first is the one that is asked for.
class CodeImage {
  public:
    explicit CodeImage(size_t functions) {
        for (size_t i = 0; i < functions; ++i) {
            starts_.push_back(image_.add(Bytes(kPartBytes, 0x90), kPartBytes));
            used_.push_back(0);
        }
    }

    CodeImage& jump(size_t from, size_t to, uint64_t offset) {
        return put(from, {0xe9}, to, offset);
    }
    CodeImage& jump_if(size_t from, size_t to, uint64_t offset) {
        return put(from, {0x0f, 0x84}, to, offset);
    }
    CodeImage& named(const std::string& name, size_t index) {
        image_.symbol(name, starts_[index], kPartBytes);
        return *this;
    }

    // Indices of the functions that belong to the first one.
    [[nodiscard]] std::vector<size_t> parts() {
        add_frame_descriptions();
        const elf::Symbol function{.name = "eval", .address = {starts_[0]}, .size = kPartBytes};
        std::vector<size_t> found;
        for (const CodeRange& range : function_ranges(*image_.build(), function, "eval")) {
            EXPECT_EQ(range.end - range.begin, kPartBytes);
            found.push_back((range.begin.value - starts_[0]) / kPartBytes);
        }
        return found;
    }

  private:
    CodeImage& put(size_t from, Bytes code, size_t to, uint64_t offset) {
        const uint64_t next = starts_[from] + used_[from] + code.size() + 4;
        put32(code, starts_[to] + offset - next);
        for (size_t i = 0; i < code.size(); ++i) {
            image_.set<uint8_t>(starts_[from] + used_[from] + i, code[i]);
        }
        used_[from] += code.size();
        return *this;
    }

    void add_frame_descriptions() {
        const uint64_t begin = image_.next();
        // CIE: version 1, "zR", code alignment 1, data alignment -8, return address 16, pc-relative
        // 4-byte pointers, CFA = rsp + 8, return address at CFA - 8.
        Bytes frames;
        put32(frames, 20);
        put32(frames, 0);
        const Bytes cie{1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0};
        frames.insert(frames.end(), cie.begin(), cie.end());
        for (const uint64_t start : starts_) {
            put32(frames, 16);
            put32(frames, frames.size());  // back to the CIE
            put32(frames, start - (begin + frames.size()));
            put32(frames, kPartBytes);
            put32(frames, 0);
        }
        put32(frames, 0);
        image_.section(".eh_frame", image_.add(frames), frames.size());
    }

    RuntimeImage image_;
    std::vector<uint64_t> starts_;
    std::vector<uint64_t> used_;
};

using Parts = std::vector<size_t>;

TEST(EvalRanges, FunctionAlone) {
    EXPECT_EQ(CodeImage(3).parts(), Parts{0});
}

TEST(EvalRanges, EntryThatIsEnteredInItsMiddleIsAPart) {
    EXPECT_EQ(CodeImage(3).jump(0, 2, 10).parts(), (Parts{0, 2}));
    EXPECT_EQ(CodeImage(3).jump_if(0, 2, 10).parts(), (Parts{0, 2}));
}

TEST(EvalRanges, ConditionalJumpToABeginEntersAPart) {
    EXPECT_EQ(CodeImage(3).jump_if(0, 1, 0).parts(), (Parts{0, 1}));
}

TEST(EvalRanges, PlainJumpToABeginIsATailCall) {
    EXPECT_EQ(CodeImage(3).jump(0, 1, 0).parts(), Parts{0});
}

TEST(EvalRanges, PartsOfPartsAreFollowedOnce) {
    CodeImage image(5);
    image.jump(0, 1, 8).jump(1, 2, 8).jump(2, 3, 8);
    EXPECT_EQ(image.parts(), (Parts{0, 1, 2}));
}

TEST(EvalRanges, JumpBackIsNoNewPart) {
    EXPECT_EQ(CodeImage(2).jump(0, 1, 8).jump(1, 0, 8).parts(), (Parts{0, 1}));
}

TEST(EvalRanges, SymbolsNameParts) {
    CodeImage image(5);
    image.named("eval", 0).named("eval.cold", 2).named("eval/1", 3).named("evaluate", 4);
    EXPECT_EQ(image.parts(), (Parts{0, 2, 3}));
}

TEST(EvalRanges, FunctionOutsideTheFileHasNone) {
    const RuntimeImage image;
    const elf::Symbol function{.name = "eval", .address = {0x900000}, .size = 64};
    EXPECT_TRUE(function_ranges(*image.build(), function, "eval").empty());
}

}  // namespace
}  // namespace pyebpf::python
