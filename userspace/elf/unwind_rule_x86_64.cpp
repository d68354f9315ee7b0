// SPDX-License-Identifier: Apache-2.0
#include "elf/unwind_rule_x86_64.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "elf/byte_cursor.h"

namespace pyebpf::elf {

namespace {

constexpr uint64_t kRbp = 6;
constexpr uint64_t kRsp = 7;
constexpr uint64_t kR9 = 9;
constexpr uint64_t kReturnAddress = 16;
constexpr uint64_t kLastGeneralRegister = 15;

// What all expressions of compilers and libraries come to, but for a few in hand-written assembly:
// register + before, then perhaps the word at that address + after. OpenSSL's Montgomery
// multiplication adds an index, 8 * r9, to the first sum.
struct AddressForm {
    uint64_t base = 0;
    int64_t before = 0;
    bool is_indexed = false;
    bool is_dereferenced = false;
    int64_t after = 0;

    bool operator==(const AddressForm&) const = default;
};

// Operation codes: DWARF 5 section 7.7.1.
enum Operation : uint8_t {
    kDeref = 0x06,
    kConst1u = 0x08,
    kConst1s = 0x09,
    kConst2u = 0x0a,
    kConst2s = 0x0b,
    kConst4u = 0x0c,
    kConst4s = 0x0d,
    kAnd = 0x1a,
    kMinus = 0x1c,
    kMul = 0x1e,
    kPlus = 0x22,
    kPlusUconst = 0x23,
    kShl = 0x24,
    kGe = 0x2a,
    kLit0 = 0x30,
    kLit31 = 0x4f,
    kBreg0 = 0x70,
    kBreg31 = 0x8f,
};

std::optional<int64_t> constant(ByteCursor& cursor, uint8_t operation) {
    if (operation >= kLit0 && operation <= kLit31) return operation - kLit0;
    switch (operation) {
        case kConst1u:
            return cursor.fixed<uint8_t>();
        case kConst1s:
            return cursor.fixed<int8_t>();
        case kConst2u:
            return cursor.fixed<uint16_t>();
        case kConst2s:
            return cursor.fixed<int16_t>();
        case kConst4u:
            return cursor.fixed<uint32_t>();
        case kConst4s:
            return cursor.fixed<int32_t>();
        default:
            return std::nullopt;
    }
}

int64_t wrapping_add(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

std::optional<AddressForm> parse_address(std::span<const uint8_t> expression) {
    constexpr size_t kMaxBytes = 32;  // rows are many, and each of them may repeat the expression
    if (expression.empty() || expression.size() > kMaxBytes) return std::nullopt;
    ByteCursor cursor(expression);
    const uint8_t first = cursor.fixed<uint8_t>();
    if (first < kBreg0 || first > kBreg31) return std::nullopt;
    AddressForm form{.base = uint64_t{first} - kBreg0, .before = cursor.signed_leb128()};
    while (!cursor.at_end()) {
        const uint8_t operation = cursor.fixed<uint8_t>();
        int64_t& sum = form.is_dereferenced ? form.after : form.before;
        if (operation == kDeref && !form.is_dereferenced) {
            form.is_dereferenced = true;
        } else if (operation == kBreg0 + kR9 && !form.is_dereferenced && !form.is_indexed) {
            constexpr std::array<uint8_t, 4> kTimesEight = {0, kLit0 + 8, kMul, kPlus};
            for (const uint8_t expected : kTimesEight)
                if (cursor.fixed<uint8_t>() != expected) return std::nullopt;
            form.is_indexed = true;
        } else if (operation == kPlusUconst) {
            sum = wrapping_add(sum, static_cast<int64_t>(cursor.unsigned_leb128()));
        } else {
            const auto number = constant(cursor, operation);
            const uint8_t use = cursor.fixed<uint8_t>();
            if (!number || (use != kPlus && use != kMinus)) return std::nullopt;
            sum = wrapping_add(sum, use == kPlus ? *number : -*number);
        }
    }
    if (!cursor.ok()) return std::nullopt;
    return form;
}

template <class T>
bool fits(int64_t value) {
    return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// The word saved where the expression says, as a form.
bool is_saved_at(const RegisterRule& rule, const AddressForm& place) {
    return rule.kind == RegisterRule::Kind::kAtExpression &&
           parse_address(rule.expression) == place;
}

// A signal handler's caller: the kernel has saved the registers in the ucontext of struct
// rt_sigframe, and glibc's
// __restore_rt describes where (sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c).
bool is_signal_return(const FrameRow& row) {
    return row.has_cfa_expression &&
           is_saved_at(row.return_address, {.base = kRsp, .before = 168}) &&
           is_saved_at(row.frame_pointer, {.base = kRsp, .before = 120}) &&
           parse_address(row.cfa_expression) ==
               AddressForm{.base = kRsp, .before = 160, .is_dereferenced = true};
}

// A lazy PLT entry pushes its relocation index between its first instruction and its last, at the
// same place in each 16 bytes, so linkers describe all entries with one expression: rsp + 8 + ((rip
// & 15) >= N ? 8 : 0).
std::optional<int32_t> plt_push_end(std::span<const uint8_t> expression) {
    constexpr size_t kNumberAt = 6;
    constexpr std::array<uint8_t, 11> kShape = {
        kBreg0 + kRsp, 8,    kBreg0 + kReturnAddress, 0, kLit0 + 15, kAnd, 0, kGe, kLit0 + 3,
        kShl,          kPlus};
    if (expression.size() != kShape.size()) return std::nullopt;
    const uint8_t number = expression[kNumberAt];
    std::array<uint8_t, kShape.size()> shape = kShape;
    shape[kNumberAt] = number;
    if (number < kLit0 || number > kLit31) return std::nullopt;
    if (!std::equal(shape.begin(), shape.end(), expression.begin())) return std::nullopt;
    return number - kLit0;
}

// Fills in the CFA; false if there is no kind for it.
bool set_cfa(unwind_rule& rule, const FrameRow& row) {
    AddressForm form{.base = row.cfa_register, .before = row.cfa_offset};
    if (row.has_cfa_expression) {
        if (const auto push_end = plt_push_end(row.cfa_expression)) {
            rule.cfa_kind = CFA_PLT;
            rule.cfa_offset = *push_end;
            return true;
        }
        const auto parsed = parse_address(row.cfa_expression);
        if (!parsed) return false;
        form = *parsed;
    }
    if (form.base > kLastGeneralRegister) return false;
    if (form.is_dereferenced) {
        if (form.base != kRsp && (form.base != kRbp || form.is_indexed)) return false;
        if (!fits<int16_t>(form.before) || !fits<int16_t>(form.after)) return false;
        rule.cfa_kind = form.is_indexed     ? CFA_DEREF_INDEXED
                        : form.base == kRsp ? CFA_DEREF_RSP
                                            : CFA_DEREF_RBP;
        const auto low = static_cast<uint32_t>(form.before) & 0xffffU;
        const auto high = static_cast<uint32_t>(form.after) << 16;
        rule.cfa_offset = static_cast<int32_t>(high | low);
        return true;
    }
    if (form.is_indexed || !fits<int32_t>(form.before)) return false;
    rule.cfa_offset = static_cast<int32_t>(form.before);
    switch (form.base) {
        case kRsp:
            rule.cfa_kind = CFA_RSP;
            break;
        case kRbp:
            rule.cfa_kind = CFA_RBP;
            break;
        default:
            rule.cfa_kind = static_cast<uint8_t>(CFA_REGISTER + form.base);
    }
    return true;
}

// Fills in the frame pointer; false if there is no kind for it.
bool set_rbp(unwind_rule& rule, const RegisterRule& saved) {
    switch (saved.kind) {
        case RegisterRule::Kind::kUnspecified:
        case RegisterRule::Kind::kSame:
            rule.rbp_kind = RBP_SAME;
            return true;
        case RegisterRule::Kind::kUndefined:
            rule.rbp_kind = RBP_UNDEFINED;
            return true;
        case RegisterRule::Kind::kAtCfa:
            if (!fits<int16_t>(saved.offset)) return false;
            rule.rbp_kind = RBP_AT_CFA;
            rule.rbp_offset = static_cast<int16_t>(saved.offset);
            return true;
        case RegisterRule::Kind::kAtExpression: {
            const auto place = parse_address(saved.expression);
            if (!place || place->base != kRbp || place->is_dereferenced || place->is_indexed)
                return false;
            if (!fits<int16_t>(place->before)) return false;
            rule.rbp_kind = RBP_AT_RBP;
            rule.rbp_offset = static_cast<int16_t>(place->before);
            return true;
        }
        case RegisterRule::Kind::kCfaPlus:
        case RegisterRule::Kind::kRegister:
        case RegisterRule::Kind::kExpressionValue:
            return false;
    }
    return false;
}

// The walker takes the CFA for the caller's stack pointer, as DWARF does where nothing else is
// said.
bool is_cfa(const RegisterRule& stack_pointer) {
    return stack_pointer.kind == RegisterRule::Kind::kUnspecified ||
           (stack_pointer.kind == RegisterRule::Kind::kCfaPlus && stack_pointer.offset == 0);
}

}  // namespace

unwind_rule unwind_rule_x86_64(const FrameRow& row, uint64_t return_register) {
    const unwind_rule unsupported{.cfa_kind = CFA_UNSUPPORTED};
    if (return_register != kReturnAddress) return unsupported;
    if (row.return_address.kind == RegisterRule::Kind::kUndefined) return {.cfa_kind = CFA_END};
    if (is_signal_return(row)) return {.cfa_kind = CFA_SIGNAL};
    const bool is_return_address_on_top =
        row.return_address.kind == RegisterRule::Kind::kAtCfa && row.return_address.offset == -8;
    if (!is_return_address_on_top || !is_cfa(row.stack_pointer)) return unsupported;
    unwind_rule rule = {};
    if (!set_cfa(rule, row)) return unsupported;
    // The frame can still be left; only callers that count on rbp cannot.
    if (!set_rbp(rule, row.frame_pointer)) rule.rbp_kind = RBP_UNDEFINED;
    return rule;
}

}  // namespace pyebpf::elf
