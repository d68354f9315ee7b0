// SPDX-License-Identifier: Apache-2.0
#include "python/live_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <map>

#include "python/layouts/layout.h"

namespace pyebpf::python {

namespace {

constexpr uint64_t kThreadState = 0x1000;
constexpr uint64_t kCode = 0xc0de0;

// Memory in which only the words that were written can be read; a byte is the lowest of its word.
class Words {
  public:
    void write(uint64_t address, uint64_t value) { words_[address] = value; }
    [[nodiscard]] ReadMemory reader() const {
        return [this](uint64_t address, void* to, size_t bytes) {
            const auto found = words_.find(address);
            if (found == words_.end() || bytes > sizeof(uint64_t)) return false;
            std::memcpy(to, &found->second, bytes);
            return true;
        };
    }

  private:
    std::map<uint64_t, uint64_t> words_;
};

struct Frame {
    uint64_t address = 0;
    uint64_t previous = 0;
    uint8_t owner = 0;
};

// A thread whose innermost frame is at 0x2000, and these frames.
Words thread_with(const python_layout& layout, std::initializer_list<Frame> frames) {
    constexpr uint64_t kInnermost = 0x2000;
    constexpr uint64_t kCframe = 0x9000;
    Words memory;
    const bool has_cframe = layout.cframe.current_frame != kAbsent;
    memory.write(kThreadState + layout.thread_state.frame, has_cframe ? kCframe : kInnermost);
    if (has_cframe) memory.write(kCframe + layout.cframe.current_frame, kInnermost);
    for (const Frame& frame : frames) {
        if (layout.shim_owner != 0) memory.write(frame.address + layout.frame.owner, frame.owner);
        memory.write(frame.address + layout.frame.previous, frame.previous);
        memory.write(frame.address + layout.frame.code, kCode + frame.address);
    }
    return memory;
}

LiveFrame outermost(int minor, std::initializer_list<Frame> frames) {
    const python_layout& layout = layouts_of(3, minor).front().walker;
    return read_outermost_frame(thread_with(layout, frames).reader(), layout, kThreadState);
}

TEST(OutermostFrame, IsTheLastOfTheChain) {
    const LiveFrame found = outermost(9, {{0x2000, 0x3000}, {0x3000, 0}});
    EXPECT_EQ(found.frame, 0x3000);
    EXPECT_EQ(found.code, kCode + 0x3000);
}

TEST(OutermostFrame, IsNotTheShimBelowIt) {
    const uint8_t shim = layouts_of(3, 13).front().walker.shim_owner;
    EXPECT_EQ(outermost(13, {{0x2000, 0x3000}, {0x3000, 0, shim}}).frame, 0x2000);
}

TEST(OutermostFrame, IsFoundThroughTheCframe) {
    EXPECT_EQ(outermost(11, {{0x2000, 0}}).frame, 0x2000);
}

TEST(OutermostFrame, OfAChainThatNeverEndsIsNone) {
    EXPECT_EQ(outermost(9, {{0x2000, 0x2000}}).frame, 0);
}

TEST(OutermostFrame, IsNoneIfAFrameCannotBeRead) {
    EXPECT_EQ(outermost(9, {{0x2000, 0x3000}}).frame, 0);
    EXPECT_EQ(outermost(9, {}).frame, 0);
    const python_layout& layout = layouts_of(3, 9).front().walker;
    EXPECT_EQ(read_outermost_frame(Words().reader(), layout, kThreadState).frame, 0);
}

}  // namespace

}  // namespace pyebpf::python
