// SPDX-License-Identifier: Apache-2.0
#include "process/binary_cache.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "base/log.h"

namespace pyebpf::process {

namespace {

constexpr size_t kMaxVdsoBytes = 64 << 10;

Result<std::shared_ptr<const elf::ElfFile>> open_elf(uint32_t pid, const Mapping& mapping) {
    const FileKey& key = *mapping.file;
    if (key.path == "[vdso]") {
        std::vector<uint8_t> image(std::min<size_t>(mapping.end - mapping.start, kMaxVdsoBytes));
        if (!sys::read_memory(pid, mapping.start, image.data(), image.size())) {
            return fail(fmt::format("read the vDSO of pid {}", pid));
        }
        return elf::ElfFile::from_bytes(std::move(image), "[vdso]");
    }
    sys::ProcMapping where;
    where.start = mapping.start;
    where.end = mapping.end;
    where.inode = key.inode;
    where.path = key.path;
    constexpr std::string_view kDeleted = " (deleted)";
    if (where.path.ends_with(kDeleted)) where.path.resize(where.path.size() - kDeleted.size());
    auto fd = sys::open_mapped_file(pid, where);
    if (!fd) return tl::unexpected(fd.error());
    return elf::ElfFile::from_fd(fd->release(), key.path);
}

}  // namespace

std::shared_ptr<const Binary> BinaryCache::peek(const FileKey& file) const {
    const std::scoped_lock lock(mutex_);
    const auto found = binaries_.find(file);
    return found == binaries_.end() ? nullptr : found->second;
}

std::shared_ptr<const Binary> BinaryCache::get(uint32_t pid, const Mapping& mapping) {
    const FileKey& key = *mapping.file;
    if (auto known = peek(key)) return known;

    auto binary = std::make_shared<Binary>();
    binary->path = key.path;
    binary->is_file = key.inode != 0;
    if (binary->is_file || key.path == "[vdso]") {
        auto elf = open_elf(pid, mapping);
        if (!elf) {
            // Not remembered: the next process that maps the file may still live when it is opened.
            binary->problem = elf.error().message;
            log::verbose(binary->problem);
            return binary;
        }
        binary->elf = std::move(*elf);
        const std::string build_id = elf::to_hex(binary->elf->build_id());
        {
            const std::scoped_lock lock(mutex_);
            const auto same = by_build_id_.find(build_id);
            if (!build_id.empty() && same != by_build_id_.end()) {
                binaries_.emplace(key, same->second);
                return same->second;
            }
        }
        if (binary->is_file) binary->python = python::inspect(*binary->elf, key.path);
        const std::scoped_lock lock(mutex_);
        if (!build_id.empty()) by_build_id_.emplace(build_id, binary);
        return binaries_.emplace(key, std::move(binary)).first->second;
    }
    const std::scoped_lock lock(mutex_);
    return binaries_.emplace(key, std::move(binary)).first->second;
}

}  // namespace pyebpf::process
