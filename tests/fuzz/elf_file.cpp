// SPDX-License-Identifier: Apache-2.0
// Everything that is read from an ELF file but its DWARF: headers, symbols, links, unwind tables.
#include "elf/elf_file.h"

#include "elf/unwind_table.h"
#include "fuzz.h"
#include "symbolize/file_symbols.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto file = elf::ElfFile::from_bytes({data, data + size}, "input");
    if (!file) return 0;
    for (const elf::Section& section : (*file)->sections())
        fuzz::use((*file)->section_bytes(section));
    for (const elf::Segment& segment : (*file)->segments()) {
        fuzz::use((*file)->at(segment.address, segment.file_size));
        fuzz::use((*file)->load_bias({0x7f0000000000}, segment.offset));
        fuzz::use((*file)->relocation_at(segment.address + 8));
    }
    fuzz::use((*file)->needed_libraries());
    fuzz::use((*file)->soname());
    fuzz::use((*file)->debug_link());
    for (const char* name : {"tiny_add", "_PyRuntime", ""}) fuzz::use((*file)->find_symbol(name));
    const symbolize::FileSymbols symbols(*file);
    for (const elf::Symbol& symbol : (*file)->symbols()) fuzz::use(symbols.lookup(symbol.address));
    fuzz::use(elf::frame_descriptions(**file));
    if (const auto tables = elf::compile_unwind_tables(**file)) fuzz::use(*tables);
    return 0;
}
