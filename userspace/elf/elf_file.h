// SPDX-License-Identifier: Apache-2.0
// ElfFile: a 64-bit little-endian ELF file, mapped read-only, every access checked against its size.
//
// Files are foreign: any header may lie. Opening validates the headers that everything else leans on; a section or segment
// that points outside the file is dropped, not trusted. Objects are immutable after open and may be shared by threads.
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
    static Result<std::shared_ptr<const ElfFile>> from_bytes(std::vector<uint8_t> bytes, std::string name);

    ~ElfFile();
    ElfFile(const ElfFile&) = delete;
    ElfFile& operator=(const ElfFile&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] uint16_t machine() const { return machine_; }  // EM_X86_64 …
    [[nodiscard]] uint16_t type() const { return type_; }        // ET_EXEC, ET_DYN …
    [[nodiscard]] const BuildId& build_id() const { return build_id_; }
    [[nodiscard]] std::span<const Segment> segments() const { return segments_; }
    [[nodiscard]] std::span<const Section> sections() const { return sections_; }
    [[nodiscard]] const Section* section(std::string_view name) const;
    [[nodiscard]] std::span<const uint8_t> bytes() const { return bytes_; }

    // Contents; empty if out of bounds or SHT_NOBITS. Decompresses nothing.
    [[nodiscard]] std::span<const uint8_t> section_bytes(const Section& section) const;
    // File contents at a stated address, at most size bytes, empty if no PT_LOAD with file contents covers all of them.
    [[nodiscard]] std::span<const uint8_t> at(StatedAddress address, uint64_t size) const;
    [[nodiscard]] std::optional<uint64_t> read_u64(StatedAddress address) const;

    // Bias of a process that maps file offset `offset` at `mapped` (one executable mapping is enough).
    [[nodiscard]] std::optional<LoadBias> load_bias(MappedAddress mapped, FileOffset offset) const;
    [[nodiscard]] std::optional<StatedAddress> to_stated(FileOffset offset) const;

    // First definition of a name in .dynsym, then .symtab. Hash tables of .dynsym are used where they are sane.
    [[nodiscard]] std::optional<Symbol> find_symbol(std::string_view name) const;
    // Every defined symbol of .symtab and .dynsym (unsorted, duplicates possible), with a name.
    [[nodiscard]] std::vector<Symbol> symbols() const;

    [[nodiscard]] std::vector<std::string_view> needed_libraries() const;  // DT_NEEDED
    [[nodiscard]] std::string_view soname() const;

    struct DebugLink {
        std::string_view file;
        uint32_t crc = 0;
    };
    [[nodiscard]] std::optional<DebugLink> debug_link() const;
    // The ELF in .gnu_debugdata (xz-compressed, Fedora's mini debug info), at most 64 MiB unpacked; null if there is none.
    [[nodiscard]] std::shared_ptr<const ElfFile> mini_debug_info() const;

    // Dynamic relocation that fills a GOT slot: addend of R_X86_64_DTPMOD64 / DTPOFF64 / TPOFF64 …
    struct Relocation {
        uint32_t type = 0;
        uint32_t symbol = 0;
        int64_t addend = 0;
    };
    [[nodiscard]] std::optional<Relocation> relocation_at(StatedAddress slot) const;

  private:
    ElfFile() = default;
    Result<void> parse();

    std::string name_;
    std::span<const uint8_t> bytes_;
    void* mapping_ = nullptr;
    size_t mapping_size_ = 0;
    std::vector<uint8_t> owned_;
    uint16_t machine_ = 0;
    uint16_t type_ = 0;
    BuildId build_id_;
    std::vector<Segment> segments_;
    std::vector<Section> sections_;
};

}  // namespace pyebpf::elf
