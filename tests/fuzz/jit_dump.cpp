// SPDX-License-Identifier: Apache-2.0
// A jitdump. First 8 bytes: an address to look up.
#include "symbolize/jit_dump.h"

#include "fuzz.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> bytes(data, size);
    const MappedAddress address{fuzz::take<uint64_t>(bytes)};
    const auto dump = symbolize::JitDump::parse(bytes);
    if (!dump) return 0;
    if (const auto found = dump->lookup(address)) fuzz::use(std::string(found->name));
    return 0;
}
