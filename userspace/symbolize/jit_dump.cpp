// SPDX-License-Identifier: Apache-2.0
#include "symbolize/jit_dump.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "symbolize/read_file.h"

namespace pyebpf::symbolize {
namespace {

// Half of such a file and more is machine code.
constexpr size_t kMaxDumpBytes = size_t{512} << 20;
constexpr size_t kMaxCodeNameBytes = 4096;

constexpr uint32_t kMagic = 0x4a695444;  // "JiTD"
constexpr uint32_t kVersion = 1;

struct Header {
    uint32_t magic;
    uint32_t version;
    uint32_t total_size;
    uint32_t machine;
    uint32_t padding;
    uint32_t pid;
    uint64_t timestamp;
    uint64_t flags;
};
static_assert(sizeof(Header) == 40);

enum RecordKind : uint32_t { kCodeLoad = 0, kCodeMove = 1 };

struct RecordHeader {
    uint32_t kind;
    uint32_t total_size;  // with this header
    uint64_t timestamp;
};
static_assert(sizeof(RecordHeader) == 16);

// The name, ended by a zero byte, and the code follow.
struct CodeLoad {
    uint32_t pid;
    uint32_t tid;
    uint64_t virtual_address;
    uint64_t code_address;
    uint64_t code_size;
    uint64_t code_index;
};
static_assert(sizeof(CodeLoad) == 40);

struct CodeMove {
    uint32_t pid;
    uint32_t tid;
    uint64_t virtual_address;
    uint64_t old_code_address;
    uint64_t new_code_address;
    uint64_t code_size;
    uint64_t code_index;
};
static_assert(sizeof(CodeMove) == 48);

template <class T>
std::optional<T> take(std::span<const uint8_t>& bytes) {
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes = bytes.subspan(sizeof(T));
    return value;
}

std::optional<std::string_view> take_name(std::span<const uint8_t> bytes) {
    const auto end = std::find(bytes.begin(), bytes.end(), 0);
    if (end == bytes.end() || end == bytes.begin()) return std::nullopt;
    const auto size = static_cast<size_t>(end - bytes.begin());
    return std::string_view(reinterpret_cast<const char*>(bytes.data()),
                            std::min(size, kMaxCodeNameBytes));
}

}  // namespace

Result<JitDump> JitDump::load(int fd) {
    auto file = read_regular_file(fd, kMaxDumpBytes, "jitdump");
    if (!file) return tl::unexpected(file.error());
    auto dump = parse({reinterpret_cast<const uint8_t*>(file->text.data()), file->text.size()});
    if (dump) dump->skipped_bytes_ = file->skipped_bytes;
    return dump;
}

Result<JitDump> JitDump::parse(std::span<const uint8_t> bytes) {
    const std::span<const uint8_t> all = bytes;
    const auto header = take<Header>(bytes);
    if (!header || header->magic != kMagic)
        return fail("not a jitdump: no \"JiTD\" at its beginning");
    if (header->version != kVersion) {
        return fail("jitdump version " + std::to_string(header->version) + " is not known");
    }
    if (header->total_size < sizeof(Header) || header->total_size > all.size()) {
        return fail("jitdump with a header of " + std::to_string(header->total_size) + " bytes");
    }
    bytes = all.subspan(header->total_size);

    JitDump dump;
    std::unordered_map<uint64_t, std::string_view> names;  // by code index, for code that moves
    for (;;) {
        std::span<const uint8_t> rest = bytes;
        const auto record = take<RecordHeader>(rest);
        if (!record || record->total_size > bytes.size()) break;
        if (record->total_size < sizeof(RecordHeader)) {  // the next one cannot be found
            ++dump.malformed_records_;
            break;
        }
        rest = rest.first(record->total_size - sizeof(RecordHeader));
        bytes = bytes.subspan(record->total_size);
        bool is_good = true;
        if (record->kind == kCodeLoad) {
            const auto load = take<CodeLoad>(rest);
            const auto name = load ? take_name(rest) : std::nullopt;
            is_good = name && dump.ranges_.add({load->code_address}, load->code_size, *name);
            if (is_good) names[load->code_index] = *name;
        } else if (record->kind == kCodeMove) {
            const auto move = take<CodeMove>(rest);
            const auto name = move ? names.find(move->code_index) : names.end();
            is_good = name != names.end() &&
                      dump.ranges_.add({move->new_code_address}, move->code_size, name->second);
        }
        if (!is_good) ++dump.malformed_records_;
    }
    dump.ranges_.finish();
    return dump;
}

Named<JitSymbol> JitDump::lookup(MappedAddress address) const {
    if (const auto symbol = ranges_.lookup(address)) return *symbol;
    return no_name(NoName::kOutsideJitMap);
}

}  // namespace pyebpf::symbolize
