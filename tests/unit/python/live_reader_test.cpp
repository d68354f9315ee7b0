// SPDX-License-Identifier: Apache-2.0
#include "python/live_reader.h"

#include <gtest/gtest.h>

#include <cstring>
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

const python_layout& layout_of(int minor) {
    return layouts_of(3, minor).front().walker;
}

void add_frame(Words& memory, const python_layout& layout, uint64_t frame, uint64_t previous,
               uint64_t owner) {
    if (layout.shim_owner != 0) memory.write(frame + layout.frame.owner, owner);
    memory.write(frame + layout.frame.previous, previous);
    memory.write(frame + layout.frame.code, kCode + frame);
}

TEST(OutermostFrame, IsTheLastOfTheChain) {
    const python_layout& layout = layout_of(9);
    Words memory;
    memory.write(kThreadState + layout.thread_state.frame, 0x2000);
    add_frame(memory, layout, 0x2000, 0x3000, 0);
    add_frame(memory, layout, 0x3000, 0, 0);
    const LiveFrame found = read_outermost_frame(memory.reader(), layout, kThreadState);
    EXPECT_EQ(found.frame, 0x3000);
    EXPECT_EQ(found.code, kCode + 0x3000);
}

TEST(OutermostFrame, IsNotTheShimBelowIt) {
    const python_layout& layout = layout_of(13);
    Words memory;
    memory.write(kThreadState + layout.thread_state.frame, 0x2000);
    add_frame(memory, layout, 0x2000, 0x3000, 0);
    add_frame(memory, layout, 0x3000, 0, layout.shim_owner);
    EXPECT_EQ(read_outermost_frame(memory.reader(), layout, kThreadState).frame, 0x2000);
}

TEST(OutermostFrame, IsFoundThroughTheCframe) {
    const python_layout& layout = layout_of(11);
    Words memory;
    memory.write(kThreadState + layout.thread_state.frame, 0x9000);
    memory.write(0x9000 + layout.cframe.current_frame, 0x2000);
    add_frame(memory, layout, 0x2000, 0, 0);
    EXPECT_EQ(read_outermost_frame(memory.reader(), layout, kThreadState).frame, 0x2000);
}

TEST(OutermostFrame, OfAChainThatNeverEndsIsNone) {
    const python_layout& layout = layout_of(9);
    Words memory;
    memory.write(kThreadState + layout.thread_state.frame, 0x2000);
    add_frame(memory, layout, 0x2000, 0x2000, 0);
    EXPECT_EQ(read_outermost_frame(memory.reader(), layout, kThreadState).frame, 0);
}

TEST(OutermostFrame, IsNoneIfAFrameCannotBeRead) {
    const python_layout& layout = layout_of(9);
    Words memory;
    memory.write(kThreadState + layout.thread_state.frame, 0x2000);
    add_frame(memory, layout, 0x2000, 0x3000, 0);
    EXPECT_EQ(read_outermost_frame(memory.reader(), layout, kThreadState).frame, 0);
    EXPECT_EQ(read_outermost_frame(Words().reader(), layout, kThreadState).frame, 0);
}

}  // namespace

}  // namespace pyebpf::python
