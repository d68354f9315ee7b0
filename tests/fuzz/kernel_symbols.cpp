// SPDX-License-Identifier: Apache-2.0
// The text of /proc/kallsyms. First 8 bytes: an address to look up.
#include "symbolize/kernel_symbols.h"

#include "fuzz.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> bytes(data, size);
    const auto address = fuzz::take<uint64_t>(bytes);
    const auto symbols = symbolize::KernelSymbols::parse(fuzz::text_of(bytes));
    if (const auto found = symbols.lookup(address)) {
        fuzz::use(std::string(found->name));
        fuzz::use(std::string(found->module));
    }
    return 0;
}
