// SPDX-License-Identifier: Apache-2.0
#include "record/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <protozero/exception.hpp>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "record/assembler.h"
#include "record/format.h"

namespace pyebpf::record {

namespace {

using profile::Profile;

// Reads exactly `bytes`; fewer only at the end of the file. nullopt on an error, in errno.
std::optional<size_t> read_up_to(int fd, char* to, size_t bytes) {
    size_t have = 0;
    while (have < bytes) {
        const ssize_t got = ::read(fd, to + have, bytes - have);
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        have += static_cast<size_t>(got);
    }
    return have;
}

class File {
  public:
    File(int fd, const std::string& name) : fd_(fd), name_(name) {
        struct stat status{};
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
            file_bytes_ = static_cast<uint64_t>(status.st_size);
    }

    Result<Profile> read() {
        if (auto header = read_header(); !header) return tl::unexpected(header.error());
        Profile profile;
        Assembler assembler(profile);
        for (;;) {
            auto kind = read_block(assembler);
            if (!kind) return tl::unexpected(kind.error());
            if (*kind == BlockKind::kEnd) break;
            if (*kind != BlockKind::kData) {
                profile.is_cut = true;
                break;
            }
        }
        profile::sort_by_time(profile.samples);
        if (profile.is_cut && !profile.samples.empty())
            profile.end_ns = std::max(profile.end_ns, profile.samples.back().time_ns);
        profile.end_ns = std::max(profile.end_ns, profile.start_ns);
        return profile;
    }

  private:
    static constexpr BlockKind kNone{0};  // the file ends before a whole block

    Result<void> read_header() {
        FileHeader header{};
        const auto got = read_up_to(fd_, reinterpret_cast<char*>(&header), sizeof(header));
        if (!got) return fail_errno("read " + name_, errno);
        if (*got < sizeof(header) ||
            std::string_view(header.magic, sizeof(header.magic)) != kMagic) {
            return fail(fmt::format("{} is no recording of pyebpf", name_),
                        "recordings are made by: pyebpf record -o FILE.pyebpf");
        }
        if (header.version > kVersion) {
            return fail(fmt::format("{} is a recording of version {}; this program reads up to {}",
                                    name_, header.version, kVersion),
                        "use a newer pyebpf");
        }
        at_ = sizeof(header);
        return {};
    }

    Result<BlockKind> read_block(Assembler& assembler) {
        BlockHeader header{};
        const auto got = read_up_to(fd_, reinterpret_cast<char*>(&header), sizeof(header));
        if (!got) return fail_errno("read " + name_, errno);
        if (*got < sizeof(header)) return kNone;
        const auto kind = static_cast<BlockKind>(header.kind);
        if (header.magic == 0 && header.kind == 0 && rest_is_zero())
            return kNone;  // a file system that lost the data but not the size
        if (header.magic != kBlockMagic || (kind != BlockKind::kData && kind != BlockKind::kEnd))
            return damaged("no block begins there");
        if (header.content_bytes > kMaxContentBytes ||
            header.stored_bytes > ZSTD_compressBound(kMaxContentBytes))
            return damaged("a block of absurd size");

        stored_.resize(header.stored_bytes);
        const auto stored = read_up_to(fd_, stored_.data(), stored_.size());
        if (!stored) return fail_errno("read " + name_, errno);
        if (*stored < stored_.size()) return kNone;
        if (XXH3_64bits_withSeed(stored_.data(), stored_.size(),
                                 uint64_t{header.kind} << 32 | header.content_bytes) !=
            header.checksum)
            return damaged("a checksum is wrong");
        content_.resize(header.content_bytes);
        const size_t bytes =
            ZSTD_decompress(content_.data(), content_.size(), stored_.data(), stored_.size());
        if (ZSTD_isError(bytes) || bytes != content_.size())
            return damaged("a block cannot be unpacked");
        try {
            assembler.take(content_, following(header.stored_bytes));
        } catch (const Damage& damage) {
            return damaged(damage.what);
        } catch (const protozero::exception& error) {
            return damaged(error.what());
        }
        at_ += sizeof(header) + header.stored_bytes;
        return kind;
    }

    // How many blocks of this size the rest of the file may have; 0 if it has no size.
    [[nodiscard]] double following(uint32_t stored_bytes) const {
        const uint64_t end = at_ + sizeof(BlockHeader) + stored_bytes;
        if (file_bytes_ <= end) return 0;
        return static_cast<double>(file_bytes_ - end) / stored_bytes;
    }

    bool rest_is_zero() {
        char bytes[4096];
        for (;;) {
            const auto got = read_up_to(fd_, bytes, sizeof(bytes));
            if (!got || *got == 0) return got.has_value();
            if (std::any_of(bytes, bytes + *got, [](char byte) { return byte != 0; })) return false;
        }
    }

    tl::unexpected<Error> damaged(std::string_view what) const {
        return fail(fmt::format("{} is damaged at byte {}: {}", name_, at_, what),
                    "copy it again from where it was recorded");
    }

    int fd_;
    const std::string& name_;
    uint64_t file_bytes_ = 0;  // 0 if it is no regular file
    uint64_t at_ = 0;
    std::string stored_;
    std::string content_;
};

}  // namespace

Result<Profile> read(const std::string& path) {
    if (path == "-") return read(STDIN_FILENO, "stdin");
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + path, errno);
    return read(fd.get(), path);
}

Result<Profile> read(int fd, const std::string& name) {
    return File(fd, name).read();
}

}  // namespace pyebpf::record
