// SPDX-License-Identifier: Apache-2.0
// An entry of the cache of unwind tables. The magic, version, size and checksum are made right, so
// that what they protect is reached: a table that is taken must be sound for every lookup.
#include "native/table_cache.h"

#include <cstdlib>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fuzz.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // magic 8, version 4, build id bytes 4, tables 4, reserved 4, bytes 8, checksum 8,
    // checksum of code 8
    constexpr size_t kTables = 16;
    constexpr size_t kBytes = 24;
    constexpr size_t kChecksum = 32;
    constexpr size_t kChecksumFrom = 40;
    std::span<const uint8_t> input(data, size);
    const uint32_t tables = fuzz::take<uint8_t>(input);
    std::vector<uint8_t> entry = native::write_entry({}, {}, 0);
    entry.insert(entry.end(), input.begin(), input.end());
    const uint64_t bytes = entry.size();
    const uint64_t checksum =
        XXH3_64bits(entry.data() + kChecksumFrom, entry.size() - kChecksumFrom);
    std::memcpy(entry.data() + kTables, &tables, sizeof(tables));
    std::memcpy(entry.data() + kBytes, &bytes, sizeof(bytes));
    std::memcpy(entry.data() + kChecksum, &checksum, sizeof(checksum));
    const auto read = native::read_entry({}, entry);
    if (!read) return 0;
    for (const elf::UnwindTable& table : read->tables) {
        const uint64_t first = uint64_t{table.first_page} << UNWIND_PAGE_SHIFT;
        const uint64_t pages = table.index.size();
        for (uint64_t pc = 0; pc < pages << UNWIND_PAGE_SHIFT; pc += 7)
            fuzz::use(table.lookup({first + pc}));
    }
    if (native::write_entry({}, read->tables, read->code_checksum) != entry) std::abort();
    return 0;
}
