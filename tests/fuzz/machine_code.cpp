// SPDX-License-Identifier: Apache-2.0
// Machine code: every position as an instruction, and as a place after a call; the whole as a
// function without call frame information.
#include <algorithm>
#include <cstdlib>

#include "elf/frame_analysis.h"
#include "fuzz.h"
#include "native/call_site.h"
#include "python/x86_decode.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> code(data, size);
    for (size_t at = 0; at <= size; ++at) {
        if (const auto instruction = python::decode_x86(code.subspan(at))) {
            if (instruction->length == 0 || instruction->length > std::min<size_t>(15, size - at))
                std::abort();
            fuzz::use(instruction->target(at));
            fuzz::use(instruction->operand_address(at));
        }
        const size_t before = std::min(at, native::kMaxCallBytes);
        fuzz::use(native::ends_with_call(code.subspan(at - before, before)));
    }
    size_t next = 0;
    for (const elf::AnalyzedInstruction& one : elf::FrameAnalyzer(1 << 20).analyze(code)) {
        if (one.length == 0 || one.offset < next || one.offset + one.length > size) std::abort();
        next = one.offset + 1;
        const unwind_rule rule = elf::unwind_rule_of(one.state);
        if (rule.rbp_kind == RBP_AT_CFA && rule.rbp_offset > -16) std::abort();
    }
    return 0;
}
