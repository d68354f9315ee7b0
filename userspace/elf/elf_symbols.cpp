// SPDX-License-Identifier: Apache-2.0
// Symbols of an ElfFile. Hash tables: System V ABI, chapter 5, "Hash Table"; the GNU one is defined
// by binutils and glibc (elf/dl-lookup.c): header {buckets, first symbol, bloom words, bloom
// shift}, bloom filter, buckets, chain of hashes whose lowest bit marks the end.
#include <elf.h>

#include <algorithm>

#include "elf/bytes.h"
#include "elf/elf_file.h"
#include "elf/file_contents.h"

namespace pyebpf::elf {

namespace {

// The size of a hash table is not stored where there are no sections; a million symbols take 8 MB.
constexpr uint64_t kMaxHashTableBytes = uint64_t{16} << 20;

// Per table. The largest programs, with all their debug symbols, have some two million.
constexpr uint64_t kMaxSymbols = uint64_t{4} << 20;

struct GnuHashHeader {
    uint32_t buckets;
    uint32_t first_symbol;
    uint32_t bloom_words;
    uint32_t bloom_shift;
};

struct SysvHashHeader {
    uint32_t buckets;
    uint32_t chains;
};

// Where the arrays behind the header are, in bytes from the table's start.
uint64_t gnu_buckets_offset(const GnuHashHeader& header) {
    return sizeof(GnuHashHeader) + uint64_t{header.bloom_words} * sizeof(uint64_t);
}
uint64_t gnu_chains_offset(const GnuHashHeader& header) {
    return gnu_buckets_offset(header) + uint64_t{header.buckets} * sizeof(uint32_t);
}

uint32_t gnu_hash(std::string_view name) {
    uint32_t hash = 5381;
    for (const char letter : name) hash = hash * 33 + static_cast<unsigned char>(letter);
    return hash;
}

uint32_t sysv_hash(std::string_view name) {
    uint32_t hash = 0;
    for (const char letter : name) {
        hash = (hash << 4) + static_cast<unsigned char>(letter);
        hash ^= (hash >> 24) & 0xf0;
        hash &= 0x0fffffff;
    }
    return hash;
}

bool has_address(const Elf64_Sym& symbol) {
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    return symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS &&
           symbol.st_shndx != SHN_COMMON && type != STT_SECTION && type != STT_FILE;
}

SymbolKind kind_of(const Elf64_Sym& symbol) {
    switch (ELF64_ST_TYPE(symbol.st_info)) {
        case STT_FUNC:
        case STT_GNU_IFUNC:
            return SymbolKind::kFunction;
        case STT_OBJECT:
            return SymbolKind::kObject;
        case STT_TLS:
            return SymbolKind::kThreadLocal;
        default:
            return SymbolKind::kOther;
    }
}

Symbol make_symbol(const Elf64_Sym& symbol, std::string_view name) {
    return {.name = name,
            .address = {symbol.st_value},
            .size = symbol.st_size,
            .kind = kind_of(symbol),
            .is_global = ELF64_ST_BIND(symbol.st_info) != STB_LOCAL};
}

// Compares without looking for the end of the table's text first.
bool is_named(std::span<const uint8_t> strings, uint64_t offset, std::string_view name) {
    if (offset >= strings.size() || strings.size() - offset <= name.size()) return false;
    const uint8_t* text = strings.data() + offset;
    return text[name.size()] == 0 && std::memcmp(text, name.data(), name.size()) == 0;
}

// Entry `index` if it has an address and the name.
std::optional<Symbol> match(std::span<const uint8_t> entries, std::span<const uint8_t> strings,
                            uint64_t index, std::string_view name) {
    const auto symbol = load<Elf64_Sym>(entries, index * sizeof(Elf64_Sym));
    if (!symbol || !has_address(*symbol) || !is_named(strings, symbol->st_name, name)) {
        return std::nullopt;
    }
    const char* text = reinterpret_cast<const char*>(strings.data() + symbol->st_name);
    return make_symbol(*symbol, {text, name.size()});
}

enum class HashAnswer { kFound, kAbsent, kInsane };

// match(index) is asked for each candidate until it returns true.
template <class Match>
HashAnswer search_gnu_hash(std::span<const uint8_t> table, std::string_view name, Match match) {
    const auto header = load<GnuHashHeader>(table, 0);
    if (!header || header->buckets == 0 || header->bloom_words == 0) return HashAnswer::kInsane;
    const uint32_t hash = gnu_hash(name);
    const auto bloom = load<uint64_t>(
        table, sizeof(GnuHashHeader) + hash / 64 % header->bloom_words * sizeof(uint64_t));
    const uint64_t bucket_offset =
        gnu_buckets_offset(*header) + hash % header->buckets * uint64_t{4};
    const auto bucket = load<uint32_t>(table, bucket_offset);
    if (!bloom || !bucket) return HashAnswer::kInsane;
    const uint64_t first_bit = *bloom >> (hash % 64);
    const uint64_t second_bit = *bloom >> ((hash >> (header->bloom_shift & 31)) % 64);
    if ((first_bit & second_bit & 1) == 0 || *bucket == 0) return HashAnswer::kAbsent;
    if (*bucket < header->first_symbol) return HashAnswer::kInsane;
    for (uint64_t index = *bucket;; ++index) {  // ends at the latest with the table
        const uint64_t link = gnu_chains_offset(*header) + (index - header->first_symbol) * 4;
        const auto entry = load<uint32_t>(table, link);
        if (!entry) return HashAnswer::kInsane;
        if ((*entry | 1) == (hash | 1) && match(index)) return HashAnswer::kFound;
        if ((*entry & 1) != 0) return HashAnswer::kAbsent;
    }
}

template <class Match>
HashAnswer search_sysv_hash(std::span<const uint8_t> table, std::string_view name, Match match) {
    const auto header = load<SysvHashHeader>(table, 0);
    if (!header || header->buckets == 0) return HashAnswer::kInsane;
    const uint64_t buckets = sizeof(SysvHashHeader);
    const uint64_t chains = buckets + uint64_t{header->buckets} * 4;
    auto index = load<uint32_t>(table, buckets + sysv_hash(name) % header->buckets * uint64_t{4});
    for (uint32_t steps = 0; index && steps <= header->chains; ++steps) {  // chains may be circular
        if (*index == 0) return HashAnswer::kAbsent;
        if (match(*index)) return HashAnswer::kFound;
        index = load<uint32_t>(table, chains + uint64_t{*index} * 4);
    }
    return HashAnswer::kInsane;
}

}  // namespace

ElfFile::SymbolTable ElfFile::symbol_table(const Section* table) const {
    if (table == nullptr || table->link >= sections_.size()) return {};
    if (table->entry_size != sizeof(Elf64_Sym)) return {};
    return {.entries = section_bytes(*table), .strings = section_bytes(sections_[table->link])};
}

ElfFile::SymbolTable ElfFile::dynamic_symbols() const {
    if (const Section* table = section_of_type(SHT_DYNSYM)) return symbol_table(table);
    if (dynamic_.symbols == 0) return {};
    const uint64_t count = count_dynamic_symbols();
    return {.entries = at({dynamic_.symbols}, count * sizeof(Elf64_Sym)),
            .strings = dynamic_strings()};
}

// PT_DYNAMIC does not say how many symbols there are; the hash tables do.
uint64_t ElfFile::count_dynamic_symbols() const {
    if (const auto header = load<SysvHashHeader>(hash_table(SHT_HASH, dynamic_.hash), 0)) {
        return header->chains;
    }
    const auto table = hash_table(SHT_GNU_HASH, dynamic_.gnu_hash);
    const auto header = load<GnuHashHeader>(table, 0);
    if (!header) return 0;
    uint32_t last = 0;
    for (uint64_t i = 0; i < header->buckets; ++i) {
        const auto bucket = load<uint32_t>(table, gnu_buckets_offset(*header) + i * 4);
        if (!bucket) return 0;
        last = std::max(last, *bucket);
    }
    if (last < header->first_symbol) return header->first_symbol;
    for (uint64_t index = last;; ++index) {
        const uint64_t link = gnu_chains_offset(*header) + (index - header->first_symbol) * 4;
        const auto entry = load<uint32_t>(table, link);
        if (!entry) return 0;
        if ((*entry & 1) != 0) return index + 1;
    }
}

std::span<const uint8_t> ElfFile::hash_table(uint32_t section_type, uint64_t address) const {
    if (const Section* table = section_of_type(section_type)) return section_bytes(*table);
    if (address == 0) return {};
    return bytes_from({address}, kMaxHashTableBytes);
}

std::optional<Symbol> ElfFile::find_symbol(std::string_view name) const {
    if (name.empty()) return std::nullopt;
    const auto search_all = [&](const SymbolTable& table) -> std::optional<Symbol> {
        const uint64_t count = table.entries.size() / sizeof(Elf64_Sym);
        for (uint64_t index = 0; index < count; ++index) {
            if (auto found = match(table.entries, table.strings, index, name)) return found;
        }
        return std::nullopt;
    };

    const SymbolTable dynamic = dynamic_symbols();
    std::optional<Symbol> found;
    const auto try_index = [&](uint64_t index) {
        found = match(dynamic.entries, dynamic.strings, index, name);
        return found.has_value();
    };
    HashAnswer answer =
        search_gnu_hash(hash_table(SHT_GNU_HASH, dynamic_.gnu_hash), name, try_index);
    if (answer == HashAnswer::kInsane) {
        answer = search_sysv_hash(hash_table(SHT_HASH, dynamic_.hash), name, try_index);
    }
    if (answer == HashAnswer::kInsane) found = search_all(dynamic);
    if (found) return found;
    return search_all(symbol_table(section_of_type(SHT_SYMTAB)));
}

std::vector<Symbol> ElfFile::symbols() const {
    std::vector<Symbol> symbols;
    for (const SymbolTable& table :
         {symbol_table(section_of_type(SHT_SYMTAB)), dynamic_symbols()}) {
        const uint64_t count = std::min(table.entries.size() / sizeof(Elf64_Sym), kMaxSymbols);
        for (uint64_t index = 0; index < count; ++index) {
            const auto symbol = load<Elf64_Sym>(table.entries, index * sizeof(Elf64_Sym));
            if (!has_address(*symbol)) continue;
            const std::string_view name = text_at(table.strings, symbol->st_name);
            // "$x" and "$d" mark code and data on aarch64 (AAELF64, "Mapping symbols").
            if (name.empty() || (machine_ == EM_AARCH64 && name[0] == '$')) continue;
            symbols.push_back(make_symbol(*symbol, name));
        }
    }
    return symbols;
}

}  // namespace pyebpf::elf
