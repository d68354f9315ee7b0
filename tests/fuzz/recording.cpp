// SPDX-License-Identifier: Apache-2.0
// A recording, and what `report` does with it. First byte: whether the rest is the file itself, or
// contents of blocks, each behind its size in 2 bytes: headers and checksums are made right then,
// so that what they protect is reached.
#define XXH_INLINE_ALL
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <cstdlib>
#include <string>

#include "base/unique_fd.h"
#include "fuzz.h"
#include "profile/combine.h"
#include "profile/filter.h"
#include "record/format.h"
#include "record/reader.h"
#include "report/call_tree.h"

using namespace pyebpf;

namespace {

std::string file_of(std::span<const uint8_t> contents) {
    record::FileHeader header{};
    std::memcpy(header.magic, record::kMagic.data(), sizeof(header.magic));
    header.version = record::kVersion;
    std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
    do {
        const size_t size = std::min<size_t>(fuzz::take<uint16_t>(contents), contents.size());
        const auto content = contents.first(size);
        contents = contents.subspan(size);
        std::string frame(ZSTD_compressBound(size), '\0');
        frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), size, 1));
        const auto kind = contents.empty() ? record::BlockKind::kEnd : record::BlockKind::kData;
        const auto number = static_cast<uint32_t>(kind);
        const record::BlockHeader block{
            .magic = record::kBlockMagic,
            .kind = number,
            .stored_bytes = static_cast<uint32_t>(frame.size()),
            .content_bytes = static_cast<uint32_t>(size),
            .checksum =
                XXH3_64bits_withSeed(frame.data(), frame.size(), uint64_t{number} << 32 | size)};
        file.append(reinterpret_cast<const char*>(&block), sizeof(block));
        file += frame;
    } while (!contents.empty());
    return file;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const UniqueFd fd(memfd_create("recording", MFD_CLOEXEC));
    std::span<const uint8_t> input(data, size);
    const bool is_file = (fuzz::take<uint8_t>(input) & 1) != 0;
    const std::string file = is_file ? std::string(fuzz::text_of(input)) : file_of(input);
    if (ftruncate(fd.get(), 0) != 0 || lseek(fd.get(), 0, SEEK_SET) != 0 ||
        pwrite(fd.get(), file.data(), file.size(), 0) != static_cast<ssize_t>(file.size())) {
        std::abort();
    }
    auto profile = record::read(fd.get(), "input");
    if (!profile) return 0;
    std::vector<profile::Profile> both;
    both.push_back(std::move(*profile));
    both.push_back(profile::Profile{});
    auto together = profile::combined(std::move(both));
    if (!together) return 0;
    const auto part = profile::filtered(
        std::move(*together), {.from_seconds = 1e-9, .processes = {"*"}, .modules = {"*"}});
    const report::StackAmounts amounts(part, {.per_container = true, .per_thread = true});
    fuzz::use(report::CallTree::make(amounts, {})->text({}));
    return 0;
}
