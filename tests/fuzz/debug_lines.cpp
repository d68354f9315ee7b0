// SPDX-License-Identifier: Apache-2.0
// An ELF file with DWARF: lines and inlined functions at some of its addresses.
#include "symbolize/debug_lines.h"

#include "fuzz.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto file = elf::ElfFile::from_bytes({data, data + size}, "input");
    if (!file) return 0;
    const auto lines =
        symbolize::DebugLines::open({.file = *file, .debug = nullptr, .shared = nullptr});
    if (lines == nullptr) return 0;
    constexpr uint64_t kSteps = 64;
    for (const elf::Segment& segment : (*file)->segments()) {
        for (uint64_t i = 0; i < kSteps; ++i) {
            for (const symbolize::SourceFrame& frame :
                 lines->lookup(segment.address + segment.file_size / kSteps * i)) {
                fuzz::use(frame);
            }
        }
    }
    return 0;
}
