// SPDX-License-Identifier: Apache-2.0
// Source of the encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
// CALL and section 2.1.5.
#include "native/call_site.h"

namespace pyebpf::native {

namespace {

constexpr uint8_t kCallNear = 0xe8;  // CALL rel32
constexpr uint8_t kGroup5 = 0xff;    // CALL r/m64 if the reg field of ModRM is 2
constexpr size_t kCallNearBytes = 5;

// Length of ModRM, SIB and displacement of a memory or register operand.
size_t operand_bytes(std::span<const uint8_t> operand) {
    const unsigned mod = operand[0] >> 6;
    const unsigned rm = operand[0] & 7;
    if (mod == 3) return 1;
    const bool has_sib = rm == 4;
    size_t bytes = has_sib ? 2 : 1;
    if (mod == 1) bytes += 1;
    if (mod == 2) bytes += 4;
    if (mod == 0) {
        const bool is_rip_relative = rm == 5;
        const bool has_no_base = has_sib && operand.size() > 1 && (operand[1] & 7) == 5;
        if (is_rip_relative || has_no_base) bytes += 4;
    }
    return bytes;
}

}  // namespace

bool ends_with_call(std::span<const uint8_t> code) {
    if (code.size() >= kCallNearBytes && code[code.size() - kCallNearBytes] == kCallNear)
        return true;
    for (size_t bytes = kMinCallBytes; bytes <= kMaxCallBytes && bytes <= code.size(); ++bytes) {
        const auto instruction = code.last(bytes);
        if (instruction[0] != kGroup5 || (instruction[1] >> 3 & 7) != 2) continue;
        if (operand_bytes(instruction.subspan(1)) == bytes - 1) return true;
    }
    return false;
}

}  // namespace pyebpf::native
