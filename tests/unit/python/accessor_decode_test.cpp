// SPDX-License-Identifier: Apache-2.0
// Every way in which compilers and linkers let a function return a thread-local variable on x86-64.
#include "python/accessor_decode.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime_image.h"

namespace pyebpf::python {
namespace {

using Bytes = std::vector<uint8_t>;

// A piece of code in which {"@"} stands for the rip-relative distance to `target`.
class Code {
  public:
    explicit Code(uint64_t address) : address_(address) {}

    Code& bytes(const Bytes& bytes) {
        code_.insert(code_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    // The distance field ends `behind` bytes before the next instruction.
    Code& relative(uint64_t target, uint64_t behind = 0) {
        const auto distance =
            static_cast<uint32_t>(target - (address_ + code_.size() + 4 + behind));
        for (unsigned shift = 0; shift < 32; shift += 8) {
            code_.push_back(static_cast<uint8_t>(distance >> shift));
        }
        return *this;
    }
    [[nodiscard]] const Bytes& get() const { return code_; }

  private:
    uint64_t address_;
    Bytes code_;
};

struct Fixture {
    RuntimeImage image;
    uint64_t slot = 0;
    uint64_t anything = 0;

    Fixture() {
        image.tls(32, 16);
        slot = image.add_zeros(16);
        anything = image.add_zeros(16);
    }
    [[nodiscard]] Code code() const { return Code(image.next()); }
    elf::Symbol function(const Code& code) {
        const uint64_t address = image.add(code.get());
        return {.name = "function", .address = {address}, .size = code.get().size()};
    }
    std::optional<TlsVariable> tls(const Code& code) {
        const elf::Symbol symbol = function(code);
        return returned_tls_variable(*image.build(), symbol);
    }
};

const Bytes kReturn{0xc3};
const Bytes kLoadRax{0x48, 0x8b, 0x00};          // mov (%rax),%rax
const Bytes kLoadFsRax{0x64, 0x48, 0x8b, 0x00};  // mov %fs:(%rax),%rax
const Bytes kThreadPointer{0x64, 0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x00, 0x00};  // mov %fs:0,%rax
const Bytes kLeaRaxMinus24{0x48, 0x8d, 0x80, 0xe8, 0xff, 0xff, 0xff};

TlsVariable thread_pointer(int64_t offset) {
    return {.model = TlsModel::kThreadPointer, .offset = offset};
}

TEST(AccessorTls, LocalExec) {
    Fixture f;
    const Bytes load{0x64, 0x48, 0x8b, 0x04, 0x25, 0xe8, 0xff, 0xff, 0xff};
    EXPECT_EQ(f.tls(f.code().bytes(load).bytes(kReturn)), thread_pointer(-24));
}

TEST(AccessorTls, LocalExecAfterEndbrAndFramePointer) {
    Fixture f;
    const Bytes prologue{0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5};
    const Bytes load{0x64, 0x48, 0x8b, 0x04, 0x25, 0xf0, 0xff, 0xff, 0xff, 0x5d};
    EXPECT_EQ(f.tls(f.code().bytes(prologue).bytes(load).bytes(kReturn)), thread_pointer(-16));
}

TEST(AccessorTls, InitialExecThatTheLinkerRelaxed) {
    Fixture f;
    const Bytes move{0x48, 0xc7, 0xc0, 0xe8, 0xff, 0xff, 0xff};  // mov $-24,%rax
    EXPECT_EQ(f.tls(f.code().bytes(move).bytes(kLoadFsRax).bytes(kReturn)), thread_pointer(-24));
}

TEST(AccessorTls, GeneralDynamicThatTheLinkerRelaxed) {
    Fixture f;
    EXPECT_EQ(
        f.tls(f.code().bytes(kThreadPointer).bytes(kLeaRaxMinus24).bytes(kLoadRax).bytes(kReturn)),
        thread_pointer(-24));
}

TEST(AccessorTls, ThreadPointerInARegister) {
    Fixture f;
    const Bytes load{0x48, 0x8b, 0x40, 0xe8};  // mov -24(%rax),%rax
    EXPECT_EQ(f.tls(f.code().bytes(kThreadPointer).bytes(load).bytes(kReturn)),
              thread_pointer(-24));
}

TEST(AccessorTls, GeneralDynamicWithPrefixes) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_DTPMOD64, 0).set<uint64_t>(f.slot + 8, 8);
    const Code code = f.code()
                          .bytes({0x48, 0x83, 0xec, 0x08, 0x66, 0x48, 0x8d, 0x3d})
                          .relative(f.slot)
                          .bytes({0x66, 0x66, 0x48, 0xe8})
                          .relative(f.anything)
                          .bytes(kLoadRax)
                          .bytes({0x48, 0x83, 0xc4, 0x08})
                          .bytes(kReturn);
    EXPECT_EQ(f.tls(code),
              (TlsVariable{.model = TlsModel::kModule, .slot = {f.slot}, .offset = 8}));
}

TEST(AccessorTls, LocalDynamicWithoutPrefixes) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_DTPMOD64, 0);
    const Code code = f.code()
                          .bytes({0x55, 0x48, 0x8d, 0x3d})
                          .relative(f.slot)
                          .bytes({0xe8})
                          .relative(f.anything)
                          .bytes({0x48, 0x8b, 0x40, 0x10, 0x5d})  // mov 16(%rax),%rax; pop %rbp
                          .bytes(kReturn);
    EXPECT_EQ(f.tls(code),
              (TlsVariable{.model = TlsModel::kModule, .slot = {f.slot}, .offset = 16}));
}

TEST(AccessorTls, GeneralDynamicWithoutPlt) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_DTPMOD64, 0).relocation(f.slot + 8, R_X86_64_DTPOFF64, 24);
    const Code code = f.code()
                          .bytes({0x66, 0x48, 0x8d, 0x3d})
                          .relative(f.slot)
                          .bytes({0x66, 0x48, 0xff, 0x15})
                          .relative(f.anything)
                          .bytes(kLoadRax)
                          .bytes(kReturn);
    EXPECT_EQ(f.tls(code),
              (TlsVariable{.model = TlsModel::kModule, .slot = {f.slot}, .offset = 24}));
}

TEST(AccessorTls, InitialExec) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_TPOFF64, 8);
    const Code code =
        f.code().bytes({0x48, 0x8b, 0x05}).relative(f.slot).bytes(kLoadFsRax).bytes(kReturn);
    EXPECT_EQ(f.tls(code),
              (TlsVariable{.model = TlsModel::kOffsetSlot, .slot = {f.slot}, .offset = 0}));
}

TEST(AccessorTls, InitialExecAddedToTheThreadPointer) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_TPOFF64, 8);
    const TlsVariable expected{.model = TlsModel::kOffsetSlot, .slot = {f.slot}, .offset = 0};
    const Code slot_first = f.code()
                                .bytes({0x48, 0x8b, 0x05})
                                .relative(f.slot)
                                .bytes({0x64, 0x48, 0x03, 0x04, 0x25, 0, 0, 0, 0})
                                .bytes(kLoadRax)
                                .bytes(kReturn);
    EXPECT_EQ(f.tls(slot_first), expected);
    const Code pointer_first = f.code()
                                   .bytes(kThreadPointer)
                                   .bytes({0x48, 0x03, 0x05})
                                   .relative(f.slot)
                                   .bytes(kLoadRax)
                                   .bytes(kReturn);
    EXPECT_EQ(f.tls(pointer_first), expected);
}

TEST(AccessorTls, Descriptor) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_TLSDESC, 8);
    const Code code = f.code()
                          .bytes({0x48, 0x8d, 0x05})
                          .relative(f.slot)
                          .bytes({0xff, 0x10})
                          .bytes(kLoadFsRax)
                          .bytes(kReturn);
    EXPECT_EQ(f.tls(code),
              (TlsVariable{.model = TlsModel::kOffsetSlot, .slot = {f.slot + 8}, .offset = 0}));
}

TEST(AccessorTls, StackGuardIsNotTaken) {
    Fixture f;
    const Bytes guard{0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0x00, 0x00, 0x00};
    EXPECT_FALSE(f.tls(f.code().bytes(guard).bytes(kReturn)));
}

TEST(AccessorTls, OffsetOutsideTheFilesTlsIsRefused) {
    Fixture f;
    f.image.tls(8, 8);
    const Bytes load{0x64, 0x48, 0x8b, 0x04, 0x25, 0xe8, 0xff, 0xff, 0xff};
    EXPECT_FALSE(f.tls(f.code().bytes(load).bytes(kReturn)));
}

TEST(AccessorTls, OtherCallsAreNotTaken) {
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_GLOB_DAT, 0);  // the argument is not a module id
    const Code code = f.code()
                          .bytes({0x48, 0x8d, 0x3d})
                          .relative(f.slot)
                          .bytes({0xe8})
                          .relative(f.anything)
                          .bytes(kLoadRax)
                          .bytes(kReturn);
    EXPECT_FALSE(f.tls(code));
}

TEST(AccessorVariable, LoadedAndReturned) {
    Fixture f;
    const elf::Symbol function =
        f.function(f.code().bytes({0x48, 0x8b, 0x05}).relative(f.slot).bytes(kReturn));
    EXPECT_EQ(returned_variable(*f.image.build(), function), StatedAddress{f.slot});
}

TEST(AccessorVariable, FieldBehindAPointerIsNotAVariable) {
    Fixture f;
    const elf::Symbol function = f.function(
        f.code().bytes({0x48, 0x8b, 0x05}).relative(f.slot).bytes({0x48, 0x8b, 0x40, 0x18, 0xc3}));
    EXPECT_FALSE(returned_variable(*f.image.build(), function));
}

TEST(AccessorArgument, LoadedKey) {  // 3.6, and 3.11 where PyThread_tss_get is inlined
    Fixture f;
    const Code code = f.code()
                          .bytes({0x48, 0x83, 0x3d})
                          .relative(f.anything, 1)
                          .bytes({0x00, 0x74, 0x0e, 0x8b, 0x3d})
                          .relative(f.slot)
                          .bytes({0xe9})
                          .relative(f.anything);
    const elf::Symbol function = f.function(code);
    const auto found = first_call_argument(*f.image.build(), function);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, CallArgument::kLoadedInt);
    EXPECT_EQ(found->address, StatedAddress{f.slot});
}

TEST(AccessorArgument, FieldOfAnExportedStructure) {  // 3.7 - 3.14 in libraries
    Fixture f;
    const Code code = f.code()
                          .bytes({0x48, 0x8b, 0x05})
                          .relative(f.slot)  // its address, from the global offset table
                          .bytes({0x53, 0x48, 0x8d, 0x98, 0x08, 0x06, 0x00, 0x00})
                          .bytes({0x48, 0x89, 0xdf, 0xe8})
                          .relative(f.anything);
    const elf::Symbol function = f.function(code);
    const auto found = first_call_argument(*f.image.build(), function);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, CallArgument::kPointerIntoSymbol);
    EXPECT_EQ(found->offset, 0x608);
}

TEST(AccessorArgument, AbsoluteAddress) {  // executables with fixed addresses
    Fixture f;
    const elf::Symbol function =
        f.function(f.code().bytes({0xbf, 0x34, 0x12, 0x40, 0x00, 0xe9}).relative(f.anything));
    const auto found = first_call_argument(*f.image.build(), function);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, CallArgument::kPointer);
    EXPECT_EQ(found->address, StatedAddress{0x401234});
}

TEST(AccessorHostile, ArbitraryCodeIsAccepted) {
    std::mt19937 random(7);
    Fixture f;
    f.image.relocation(f.slot, R_X86_64_DTPMOD64, INT64_MIN)
        .relocation(f.slot + 8, R_X86_64_DTPOFF64, INT64_MAX);
    const uint64_t address = f.image.add_zeros(256);
    const elf::Symbol function{.name = "function", .address = {address}, .size = 256};
    for (int round = 0; round < 300; ++round) {
        for (uint64_t i = 0; i < 256; ++i) {
            f.image.set<uint8_t>(address + i, static_cast<uint8_t>(random()));
        }
        const auto file = f.image.build();
        const auto found = returned_tls_variable(*file, function);
        if (found && found->model == TlsModel::kThreadPointer) {
            EXPECT_LT(found->offset, 0);
        }
        (void)returned_variable(*file, function);
        (void)first_call_argument(*file, function);
    }
}

}  // namespace
}  // namespace pyebpf::python
