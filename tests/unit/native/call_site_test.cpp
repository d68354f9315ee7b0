// SPDX-License-Identifier: Apache-2.0
#include "native/call_site.h"

#include <gtest/gtest.h>

#include <vector>

namespace pyebpf::native {
namespace {

bool is_call(std::vector<uint8_t> code) {
    return ends_with_call(code);
}

TEST(CallSite, KnowsEveryLengthOfCall) {
    EXPECT_TRUE(is_call({0xe8, 1, 2, 3, 4}));                 // call rel32
    EXPECT_TRUE(is_call({0xff, 0xd0}));                       // call *%rax
    EXPECT_TRUE(is_call({0x41, 0xff, 0xd4}));                 // call *%r12
    EXPECT_TRUE(is_call({0xff, 0x10}));                       // call *(%rax)
    EXPECT_TRUE(is_call({0xff, 0x50, 0x18}));                 // call *0x18(%rax)
    EXPECT_TRUE(is_call({0xff, 0x14, 0xc7}));                 // call *(%rdi,%rax,8)
    EXPECT_TRUE(is_call({0xff, 0x54, 0x24, 0x08}));           // call *0x8(%rsp)
    EXPECT_TRUE(is_call({0xff, 0x15, 1, 2, 3, 4}));           // call *x(%rip)
    EXPECT_TRUE(is_call({0xff, 0x90, 0x40, 1, 0, 0}));        // call *0x140(%rax)
    EXPECT_TRUE(is_call({0xff, 0x94, 0x24, 0x40, 1, 0, 0}));  // call *0x140(%rsp)
    EXPECT_TRUE(is_call({0xff, 0x14, 0x25, 0, 0, 0x40, 0}));  // call *0x400000
    EXPECT_TRUE(is_call({0x90, 0x90, 0xe8, 1, 2, 3, 4}));
}

TEST(CallSite, RefusesWhatIsNoCall) {
    EXPECT_FALSE(is_call({}));
    EXPECT_FALSE(is_call({0xff}));
    EXPECT_FALSE(is_call({0xe9, 1, 2, 3, 4}));     // jmp rel32
    EXPECT_FALSE(is_call({0xff, 0xe0}));           // jmp *%rax: another reg field
    EXPECT_FALSE(is_call({0xff, 0x50}));           // its displacement is missing
    EXPECT_FALSE(is_call({0xff, 0x15, 1, 2, 3}));  // a byte too short
    EXPECT_FALSE(is_call({0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}));
    EXPECT_FALSE(is_call({0xe8, 1, 2, 3, 4, 0x90}));  // a nop in between
}

}  // namespace
}  // namespace pyebpf::native
