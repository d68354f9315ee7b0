// SPDX-License-Identifier: Apache-2.0
#include "python/x86_decode.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace pyebpf::python {
namespace {

using Bytes = std::vector<uint8_t>;

int length_of(const Bytes& bytes) {
    Bytes padded = bytes;
    padded.resize(32, 0x90);
    const auto instruction = decode_x86(padded);
    return instruction ? instruction->length : -1;
}

TEST(X86Decode, Lengths) {
    EXPECT_EQ(length_of({0x90}), 1);
    EXPECT_EQ(length_of({0x66, 0xb8}), 4);                          // mov imm16,%ax
    EXPECT_EQ(length_of({0x48, 0xb8}), 10);                         // movabs
    EXPECT_EQ(length_of({0xa1}), 9);                                // mov moffs,%eax
    EXPECT_EQ(length_of({0x67, 0xa1}), 6);                          // with 32-bit addresses
    EXPECT_EQ(length_of({0xf7, 0x04, 0x25}), 11);                   // testl imm32,abs32
    EXPECT_EQ(length_of({0xf7, 0x14, 0x25}), 7);                    // notl abs32
    EXPECT_EQ(length_of({0x66, 0xf7, 0xc0}), 5);                    // test imm16,%ax
    EXPECT_EQ(length_of({0xc8}), 4);                                // enter
    EXPECT_EQ(length_of({0x0f, 0x3a, 0x0f, 0xc0}), 5);              // palignr
    EXPECT_EQ(length_of({0xc5, 0xf8, 0x77}), 3);                    // vzeroupper
    EXPECT_EQ(length_of({0xc4, 0xe3, 0x7d, 0x39, 0xc0}), 6);        // vextracti128
    EXPECT_EQ(length_of({0x62, 0xf1, 0x7c, 0x48, 0x10, 0x40}), 7);  // vmovups disp8(%rax),%zmm0
    EXPECT_EQ(length_of({0xf3, 0x0f, 0x1e, 0xfa}), 4);              // endbr64
    EXPECT_EQ(length_of({0x06}), -1);                               // push %es, not in 64-bit mode
}

TEST(X86Decode, NothingIsReadBehindTheEnd) {
    EXPECT_FALSE(decode_x86(Bytes{}));
    EXPECT_FALSE(decode_x86(Bytes{0xe8, 0x00, 0x00, 0x00}));
    EXPECT_FALSE(decode_x86(Bytes(20, 0x66)));  // longer than an instruction may be
}

TEST(X86Decode, Targets) {
    EXPECT_EQ(decode_x86(Bytes{0xeb, 0xfe})->target(0x1000), 0x1000U);
    EXPECT_EQ(decode_x86(Bytes{0x0f, 0x84, 0x10, 0x00, 0x00, 0x00})->target(0x1000), 0x1016U);
    EXPECT_TRUE(decode_x86(Bytes{0x0f, 0x84, 0x10, 0x00, 0x00, 0x00})->is_conditional_jump());
    EXPECT_FALSE(decode_x86(Bytes{0xff, 0xe0})->target(0x1000));  // jmp *%rax
    EXPECT_TRUE(decode_x86(Bytes{0x41, 0xff, 0xd3})->is_indirect_call());
}

TEST(X86Decode, MemoryOperands) {
    const auto sib = decode_x86(Bytes{0x4a, 0x8b, 0x44, 0xa5, 0xf8});  // mov -8(%rbp,%r12,4),%rax
    ASSERT_TRUE(sib && sib->memory);
    EXPECT_EQ(sib->memory->base, kRbp);
    EXPECT_EQ(sib->memory->index, 12);
    EXPECT_EQ(sib->memory->displacement, -8);
    const auto rip = decode_x86(Bytes{0x48, 0x8b, 0x05, 0x10, 0x00, 0x00, 0x00});
    EXPECT_EQ(rip->operand_address(0x2000), 0x2017U);
    const auto high = decode_x86(Bytes{0x41, 0xbf, 0x01, 0x00, 0x00, 0x00});  // mov $1,%r15d
    EXPECT_EQ(high->opcode_register, 15);
}

TEST(X86Decode, ArbitraryBytesAreAccepted) {
    std::mt19937 random(3);
    for (int round = 0; round < 200000; ++round) {
        Bytes bytes(random() % 18);
        for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
        if (const auto instruction = decode_x86(bytes)) {
            ASSERT_GE(instruction->length, 1);
            ASSERT_LE(instruction->length, std::min<size_t>(bytes.size(), 15));
        }
    }
}

}  // namespace
}  // namespace pyebpf::python
