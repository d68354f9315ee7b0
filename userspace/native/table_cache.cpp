// SPDX-License-Identifier: Apache-2.0
#include "native/table_cache.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pyebpf::native {

namespace {

constexpr char kMagic[8] = {'p', 'y', 'e', 'b', 'p', 'f', 'u', 'w'};
// Count up when the compiler of unwind tables or their encoding changes.
constexpr uint32_t kVersion = 7;
constexpr uint64_t kMaxEntryBytes = 64 << 20;
constexpr size_t kMaxBuildIdBytes = 64;
constexpr uint32_t kMaxTables = 4096;
constexpr size_t kMaxRules = 0x10000;

struct Header {
    char magic[8];
    uint32_t version;
    uint32_t build_id_bytes;
    uint32_t tables;
    uint32_t reserved;  // 0
    uint64_t bytes;     // of the whole entry
    uint64_t checksum;  // XXH3 of all that follows, also of the next field
    uint64_t code_checksum;
};
static_assert(sizeof(Header) == 48);
constexpr size_t kChecksumFrom = offsetof(Header, code_checksum);

struct TableHeader {
    uint32_t first_page;
    uint32_t pages;
    uint32_t row_units;
    uint32_t rules;
    uint64_t analyzed_spans;
    elf::UnwindTableStatistics statistics;
};
static_assert(sizeof(TableHeader) == 24 + sizeof(elf::UnwindTableStatistics));

template <class T>
void append(std::vector<uint8_t>& bytes, const T* from, size_t count) {
    const auto* raw = reinterpret_cast<const uint8_t*>(from);
    bytes.insert(bytes.end(), raw, raw + count * sizeof(T));
}

// Moves count elements from the front of bytes.
template <class T>
bool take(std::span<const uint8_t>& bytes, T* to, size_t count) {
    if (count > bytes.size() / sizeof(T)) return false;
    if (count != 0) std::memcpy(to, bytes.data(), count * sizeof(T));
    bytes = bytes.subspan(count * sizeof(T));
    return true;
}

template <class T>
bool take(std::span<const uint8_t>& bytes, std::vector<T>& to, size_t count) {
    if (count > bytes.size() / sizeof(T)) return false;
    to.resize(count);
    return take(bytes, to.data(), count);
}

// Every row and rule that the index leads to exists.
bool is_sound(const elf::UnwindTable& table) {
    if (table.rules.empty() || table.rules.size() > kMaxRules ||
        table.size_words() > UNWIND_SLAB_WORDS)
        return false;
    for (const uint32_t word : table.index) {
        if ((word & UNWIND_INDEX_SINGLE) != 0) {
            if ((word & 0xffff) >= table.rules.size()) return false;
            continue;
        }
        const bool is_wide = (word & UNWIND_INDEX_WIDE) != 0;
        const size_t first = word & UNWIND_INDEX_ROW_MASK;
        const size_t units =
            size_t{word >> UNWIND_INDEX_COUNT_SHIFT & UNWIND_INDEX_COUNT_MASK} * (is_wide ? 2 : 1);
        if (units == 0 || first > table.rows.size() || units > table.rows.size() - first)
            return false;
        for (size_t unit = first; unit < first + units; unit += is_wide ? 2 : 1) {
            const size_t rule = is_wide ? table.rows[unit + 1] : table.rows[unit] & 0xff;
            if (rule >= table.rules.size()) return false;
        }
    }
    return true;
}

class ContentHash {
  public:
    ContentHash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

    void add(uint64_t number) { XXH3_128bits_update(state_.get(), &number, sizeof(number)); }
    void add(std::span<const uint8_t> bytes) {
        add(uint64_t{bytes.size()});
        XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
    }
    [[nodiscard]] XXH128_hash_t digest() const { return XXH3_128bits_digest(state_.get()); }

  private:
    std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// Names an entry: a hash of what the tables of a file depend on.
std::string key_of(const elf::ElfFile& file) {
    ContentHash hash;
    hash.add(uint64_t{kVersion});
    hash.add(uint64_t{file.machine()});
    hash.add(file.build_id());
    for (const elf::Segment& segment : file.segments()) {
        if (segment.type != PT_LOAD && segment.type != PT_GNU_EH_FRAME) continue;
        for (const uint64_t number : {uint64_t{segment.type}, uint64_t{segment.flags},
                                      segment.address.value, segment.file_size}) {
            hash.add(number);
        }
        if (segment.type == PT_GNU_EH_FRAME) hash.add(file.at(segment.address, segment.file_size));
    }
    for (const char* name : {".eh_frame", ".debug_frame"}) {
        const elf::Section* section = file.section(name);
        if (section == nullptr) continue;
        hash.add(section->address.value);
        hash.add(section->flags);
        hash.add(file.section_bytes(*section));
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash.digest());
    return elf::to_hex({canonical.digest, sizeof(canonical.digest)});
}

// Of the code that was analyzed, and of what tells where its functions begin and end; 0 if there is
// none, nullopt if it cannot be read.
std::optional<uint64_t> checksum_of_code(const elf::ElfFile& file,
                                         std::span<const elf::UnwindTable> tables) {
    ContentHash hash;
    bool has_code = false;
    std::vector<uint8_t> code;
    for (const elf::UnwindTable& table : tables) {
        for (const elf::CodeSpan& span : table.analyzed) {
            has_code = true;
            // An entry may lie.
            if (span.end.value - span.begin.value > kMaxEntryBytes) return std::nullopt;
            code.resize(span.end - span.begin);
            if (!file.copy_from(span.begin, code)) return std::nullopt;
            hash.add(code);
        }
    }
    if (!has_code) return 0;
    for (const char* name : {".dynsym", ".symtab"})
        if (const elf::Section* section = file.section(name))
            hash.add(file.section_bytes(*section));
    return hash.digest().low64;
}

bool is_ours(const struct stat& status) {
    return status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// Without section headers .eh_frame has no known size to hash; such files are rare and compiled
// each time.
bool can_be_cached(const elf::ElfFile& file) {
    return file.build_id().size() <= kMaxBuildIdBytes &&
           (file.section(".eh_frame") != nullptr || file.section(".debug_frame") != nullptr);
}

bool make_directories(const std::string& path) {
    for (size_t at = 1; at != std::string::npos;) {
        at = path.find('/', at);
        const std::string part = path.substr(0, at);
        if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return false;
        if (at != std::string::npos) ++at;
    }
    return true;
}

bool write_all(int fd, std::span<const uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return true;
}

}  // namespace

std::vector<uint8_t> write_entry(const elf::BuildId& build_id,
                                 std::span<const elf::UnwindTable> tables, uint64_t code_checksum) {
    std::vector<uint8_t> bytes(sizeof(Header));
    append(bytes, build_id.data(), build_id.size());
    for (const elf::UnwindTable& table : tables) {
        const TableHeader header{table.first_page,
                                 static_cast<uint32_t>(table.index.size()),
                                 static_cast<uint32_t>(table.rows.size()),
                                 static_cast<uint32_t>(table.rules.size()),
                                 table.analyzed.size(),
                                 table.statistics};
        append(bytes, &header, 1);
        append(bytes, table.index.data(), table.index.size());
        append(bytes, table.rows.data(), table.rows.size());
        append(bytes, table.rules.data(), table.rules.size());
        append(bytes, table.analyzed.data(), table.analyzed.size());
    }
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.build_id_bytes = static_cast<uint32_t>(build_id.size());
    header.tables = static_cast<uint32_t>(tables.size());
    header.bytes = bytes.size();
    header.code_checksum = code_checksum;
    std::memcpy(bytes.data(), &header, sizeof(header));
    header.checksum = XXH3_64bits(bytes.data() + kChecksumFrom, bytes.size() - kChecksumFrom);
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
}

std::optional<CacheEntry> read_entry(const elf::BuildId& build_id, std::span<const uint8_t> bytes) {
    const std::span<const uint8_t> whole = bytes;
    Header header{};
    if (!take(bytes, &header, 1)) return std::nullopt;
    if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.version != kVersion ||
        header.bytes != whole.size())
        return std::nullopt;
    if (header.tables > kMaxTables || header.build_id_bytes != build_id.size()) return std::nullopt;
    const auto checked = whole.subspan(kChecksumFrom);
    if (header.reserved != 0 || XXH3_64bits(checked.data(), checked.size()) != header.checksum)
        return std::nullopt;
    elf::BuildId stored;
    if (!take(bytes, stored, header.build_id_bytes) || stored != build_id) return std::nullopt;
    CacheEntry entry{.tables = {}, .code_checksum = header.code_checksum};
    for (uint32_t i = 0; i < header.tables; ++i) {
        TableHeader sizes{};
        elf::UnwindTable& table = entry.tables.emplace_back();
        if (!take(bytes, &sizes, 1) || !take(bytes, table.index, sizes.pages) ||
            !take(bytes, table.rows, sizes.row_units) || !take(bytes, table.rules, sizes.rules) ||
            !take(bytes, table.analyzed, sizes.analyzed_spans) || !is_sound(table)) {
            return std::nullopt;
        }
        table.first_page = sizes.first_page;
        table.statistics = sizes.statistics;
    }
    if (!bytes.empty()) return std::nullopt;
    return entry;
}

std::string TableCache::default_directory() {
    if (geteuid() == 0) return "/var/cache/pyebpf/unwind";
    const char* cache = std::getenv("XDG_CACHE_HOME");
    if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/pyebpf/unwind";
    const char* home = std::getenv("HOME");
    return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/pyebpf/unwind" : "";
}

Result<TableCache> TableCache::open(const std::string& directory, uint64_t max_bytes) {
    if (!directory.starts_with('/')) return fail("no folder for the cache of unwind tables");
    if (!make_directories(directory)) return fail_errno("create " + directory, errno);
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) return fail_errno("open " + directory, errno);
    if (!is_ours(status))
        return fail(directory + " belongs to another user or is writable by others: not used");
    TableCache cache(std::move(fd));
    cache.limit(max_bytes);
    return cache;
}

std::optional<std::vector<elf::UnwindTable>> TableCache::load(const elf::ElfFile& file) const {
    if (!can_be_cached(file)) return std::nullopt;
    const UniqueFd fd(openat(directory_.get(), key_of(file).c_str(),
                             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || !is_ours(status))
        return std::nullopt;
    if (status.st_size < static_cast<off_t>(sizeof(Header)) ||
        status.st_size > static_cast<off_t>(kMaxEntryBytes))
        return std::nullopt;
    std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
    if (pread(fd.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return std::nullopt;
    auto entry = read_entry(file.build_id(), bytes);
    if (!entry || checksum_of_code(file, entry->tables) != entry->code_checksum)
        return std::nullopt;
    return std::move(entry->tables);
}

void TableCache::store(const elf::ElfFile& file, std::span<const elf::UnwindTable> tables) const {
    if (!can_be_cached(file) || tables.size() > kMaxTables) return;
    const auto code_checksum = checksum_of_code(file, tables);
    if (!code_checksum) return;
    const std::vector<uint8_t> bytes = write_entry(file.build_id(), tables, *code_checksum);
    if (bytes.size() > kMaxEntryBytes) return;
    static std::atomic<uint32_t> count{0};
    const std::string temporary = fmt::format(".new-{}-{}", getpid(), count++);
    const UniqueFd fd(openat(directory_.get(), temporary.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return;
    // Not synced: what a crash of the machine leaves behind fails its checksum.
    const bool is_written =
        write_all(fd.get(), bytes) &&
        renameat(directory_.get(), temporary.c_str(), directory_.get(), key_of(file).c_str()) == 0;
    if (!is_written) unlinkat(directory_.get(), temporary.c_str(), 0);
}

void TableCache::limit(uint64_t max_bytes) const {
    struct Entry {
        std::string name;
        uint64_t bytes;
        time_t used;
    };
    const int copy = openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy), closedir);
    if (!stream) {
        close(copy);
        return;
    }
    std::vector<Entry> entries;
    uint64_t total = 0;
    while (const dirent* found = readdir(stream.get())) {
        struct stat status{};
        if (fstatat(directory_.get(), found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode))
            continue;
        entries.push_back({found->d_name, static_cast<uint64_t>(status.st_size),
                           std::max(status.st_atime, status.st_mtime)});
        total += entries.back().bytes;
    }
    if (total <= max_bytes) return;
    std::ranges::sort(entries, {}, &Entry::used);
    for (const Entry& entry : entries) {
        if (total <= max_bytes / 4 * 3) return;
        if (unlinkat(directory_.get(), entry.name.c_str(), 0) == 0) total -= entry.bytes;
    }
}

}  // namespace pyebpf::native
