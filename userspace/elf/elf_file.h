// SPDX-License-Identifier: Apache-2.0
// ElfFile: a 64-bit little-endian ELF file of x86-64 or aarch64, every access checked against its
// size.
//
// Files are foreign: any header may lie. Opening validates the headers that everything else leans
// on; a section or segment that points outside the file is dropped, not trusted. Files without
// section headers are read through their program headers and PT_DYNAMIC. Objects are immutable
// after open and may be shared by threads. Spans and names point into the object. Contents are
// copied on first use (file_contents.h), so only the parts that were asked for cost memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/addresses.h"
#include "base/result.h"

namespace pyebpf::elf {

class FileContents;

// Build id bytes of the GNU note; empty if the file has none.
using BuildId = std::vector<uint8_t>;
[[nodiscard]] std::string to_hex(std::span<const uint8_t> bytes);

struct Segment {
    uint32_t type = 0;   // PT_LOAD, PT_TLS …
    uint32_t flags = 0;  // PF_X …
    FileOffset offset;
    StatedAddress address;
    uint64_t file_size = 0;
    uint64_t memory_size = 0;
    uint64_t alignment = 0;
};

// Sections keep their number in the file (Section::link); a dropped one has type SHT_NULL and no
// size.
struct Section {
    std::string_view name;
    uint32_t type = 0;
    uint64_t flags = 0;
    StatedAddress address;
    FileOffset offset;
    uint64_t size = 0;
    uint32_t link = 0;
    uint64_t entry_size = 0;
};

enum class SymbolKind : uint8_t { kFunction, kObject, kThreadLocal, kOther };

struct Symbol {
    std::string_view name;  // points into the file
    StatedAddress address;  // for thread-local symbols: offset in the TLS image
    uint64_t size = 0;
    SymbolKind kind = SymbolKind::kOther;
    bool is_global = false;  // global or weak binding
};

class ElfFile {
  public:
    // path is opened as given (callers resolve it within the target's root first).
    static Result<std::shared_ptr<const ElfFile>> open(const std::string& path);
    // Takes ownership of fd; name is used in messages only.
    static Result<std::shared_ptr<const ElfFile>> from_fd(int fd, std::string name);
    // An ELF image in memory (vDSO, tests, .gnu_debugdata). The bytes are copied.
    static Result<std::shared_ptr<const ElfFile>> from_bytes(std::vector<uint8_t> bytes,
                                                             std::string name);

    ~ElfFile();
    ElfFile(const ElfFile&) = delete;
    ElfFile& operator=(const ElfFile&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] uint16_t machine() const { return machine_; }  // EM_X86_64 …
    [[nodiscard]] uint16_t type() const { return type_; }        // ET_EXEC, ET_DYN …
    // Where the kernel starts a program or its loader; shared libraries have something there too.
    [[nodiscard]] StatedAddress entry() const { return entry_; }
    [[nodiscard]] const BuildId& build_id() const { return build_id_; }
    [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
    [[nodiscard]] std::span<const Section> sections() const { return sections_; }
    [[nodiscard]] const Section* section(std::string_view name) const;
    // The whole file, empty if it is larger than 1 GiB. Makes all of it resident: for small files
    // and for tests.
    [[nodiscard]] std::span<const uint8_t> bytes() const;

    // Contents; empty if out of bounds or SHT_NOBITS. Decompresses nothing.
    [[nodiscard]] std::span<const uint8_t> section_bytes(const Section& section) const;
    // The size bytes of file contents at a stated address; empty unless one PT_LOAD covers all of
    // them.
    [[nodiscard]] std::span<const uint8_t> at(StatedAddress address, uint64_t size) const;
    // From a stated address to the end of the PT_LOAD segment's file contents, at most max_size
    // bytes.
    [[nodiscard]] std::span<const uint8_t> bytes_from(StatedAddress address,
                                                      uint64_t max_size) const;
    // The same bytes, filled into `to` and not kept, unlike by all of the above: for much that is
    // read once. False unless one PT_LOAD covers all of them.
    [[nodiscard]] bool copy_from(StatedAddress address, std::span<uint8_t> to) const;
    [[nodiscard]] std::optional<uint64_t> read_u64(StatedAddress address) const;

    // Bias of a process that maps file offset `offset` at `mapped`, the start of an executable
    // mapping. (Data mappings work too unless they share a page of the file with code.)
    [[nodiscard]] std::optional<LoadBias> load_bias(MappedAddress mapped, FileOffset offset) const;
    [[nodiscard]] std::optional<StatedAddress> to_stated(FileOffset offset) const;

    // First definition of a name in .dynsym, then .symtab. Hash tables of .dynsym are used where
    // they are sane. Undefined, absolute and common symbols have no address and are not found.
    [[nodiscard]] std::optional<Symbol> find_symbol(std::string_view name) const;
    // Every defined symbol of .symtab and .dynsym that has a name (unsorted, duplicates possible).
    // At most 4 Mi of each table; names are cut at 16 KiB.
    [[nodiscard]] std::vector<Symbol> symbols() const;

    [[nodiscard]] std::vector<std::string_view> needed_libraries() const;  // DT_NEEDED
    [[nodiscard]] std::string_view soname() const;

    struct DebugLink {
        std::string_view file;
        uint32_t crc = 0;
    };
    [[nodiscard]] std::optional<DebugLink> debug_link() const;
    // The ELF in .gnu_debugdata (xz-compressed, Fedora's mini debug info), at most 64 MiB unpacked;
    // null if there is none.
    [[nodiscard]] std::shared_ptr<const ElfFile> mini_debug_info() const;

    // Dynamic relocation that fills a GOT slot: addend of R_X86_64_DTPMOD64 / DTPOFF64 / TPOFF64 …
    struct Relocation {
        uint32_t type = 0;
        uint32_t symbol = 0;
        int64_t addend = 0;
    };
    [[nodiscard]] std::optional<Relocation> relocation_at(StatedAddress slot) const;

  private:
    // What PT_DYNAMIC says: stated addresses and sizes, 0 if absent. Nothing is checked but that
    // the entries exist.
    struct Dynamic {
        uint64_t strings = 0;
        uint64_t strings_size = 0;
        uint64_t symbols = 0;
        uint64_t hash = 0;
        uint64_t gnu_hash = 0;
        uint64_t relocations = 0;
        uint64_t relocations_size = 0;
        uint64_t plt_relocations = 0;
        uint64_t plt_relocations_size = 0;
        uint64_t soname = 0;
        std::vector<uint64_t> needed;
    };
    struct SymbolTable {
        std::span<const uint8_t> entries;  // Elf64_Sym
        std::span<const uint8_t> strings;
    };

    ElfFile() = default;
    static Result<std::shared_ptr<const ElfFile>> from_contents(
        std::unique_ptr<FileContents> contents, std::string name);
    Result<void> parse();
    void parse_segments(uint64_t table_offset, uint64_t count);
    void parse_sections(uint64_t table_offset, uint64_t count, uint64_t names_index);
    void parse_dynamic();
    void parse_build_id();

    // Where size bytes of file contents at a stated address are; nullopt unless one PT_LOAD covers
    // all of them.
    [[nodiscard]] std::optional<uint64_t> offset_of(StatedAddress address, uint64_t size) const;
    [[nodiscard]] const Section* section_of_type(uint32_t type) const;
    [[nodiscard]] std::span<const uint8_t> dynamic_entries() const;
    [[nodiscard]] std::span<const uint8_t> dynamic_strings() const;
    [[nodiscard]] SymbolTable symbol_table(const Section* table) const;
    [[nodiscard]] SymbolTable dynamic_symbols() const;
    [[nodiscard]] uint64_t count_dynamic_symbols() const;
    [[nodiscard]] std::span<const uint8_t> hash_table(uint32_t section_type,
                                                      uint64_t address) const;

    std::string name_;
    std::unique_ptr<FileContents> contents_;
    uint16_t machine_ = 0;
    uint16_t type_ = 0;
    StatedAddress entry_;
    BuildId build_id_;
    Dynamic dynamic_;
    std::vector<Segment> segments_;
    std::vector<Section> sections_;
};

}  // namespace pyebpf::elf
