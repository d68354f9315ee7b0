// SPDX-License-Identifier: Apache-2.0
// Machine code: every position as an instruction, and as a place after a call.
#include <algorithm>
#include <cstdlib>

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
    return 0;
}
