// SPDX-License-Identifier: Apache-2.0
// A perf map. First 8 bytes: an address to look up.
#include "symbolize/perf_map.h"

#include "fuzz.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> bytes(data, size);
    const MappedAddress address{fuzz::take<uint64_t>(bytes)};
    const auto map = symbolize::PerfMap::parse(fuzz::text_of(bytes));
    if (const auto found = map.lookup(address)) fuzz::use(std::string(found->name));
    return 0;
}
