// SPDX-License-Identifier: Apache-2.0
#include "elf/file_contents.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace pyebpf::elf {

namespace {

constexpr uint64_t kChunkBytes =
    16384;  // small against a symbol table, large against a system call
constexpr uint64_t kMaxFileBytes = uint64_t{16} << 30;
constexpr uint64_t kMaxResidentBytes =
    uint64_t{1} << 30;  // sparse files cost nothing on disk, their copies would

}  // namespace

Result<std::unique_ptr<FileContents>> FileContents::of_file(UniqueFd fd, const std::string& name) {
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) return fail_errno("stat " + name, errno);
    if (!S_ISREG(status.st_mode)) return fail(name + ": not a regular file");
    const uint64_t size = static_cast<uint64_t>(status.st_size);
    if (size == 0) return fail(name + ": the file is empty");
    if (size > kMaxFileBytes) {
        return fail(fmt::format("{}: {} bytes are more than the {} that are supported", name, size,
                                kMaxFileBytes));
    }
    std::unique_ptr<FileContents> contents(new FileContents());
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return fail_errno("reserve memory for " + name, errno);
    contents->memory_ = static_cast<uint8_t*>(memory);
    contents->size_ = size;
    contents->fd_ = std::move(fd);
    const uint64_t chunks = (size + kChunkBytes - 1) / kChunkBytes;
    contents->present_ = std::make_unique<std::atomic<uint64_t>[]>((chunks + 63) / 64);
    return contents;
}

std::unique_ptr<FileContents> FileContents::of_bytes(std::vector<uint8_t> bytes) {
    std::unique_ptr<FileContents> contents(new FileContents());
    contents->owned_ = std::move(bytes);
    contents->size_ = contents->owned_.size();
    return contents;
}

FileContents::~FileContents() {
    if (memory_ != nullptr) ::munmap(memory_, size_);
}

std::span<const uint8_t> FileContents::range(uint64_t offset, uint64_t size) const {
    if (size == 0 || offset > size_ || size > size_ - offset) return {};
    if (memory_ == nullptr) return {owned_.data() + offset, size};
    const uint64_t first = offset / kChunkBytes;
    const uint64_t last = (offset + size - 1) / kChunkBytes;
    for (uint64_t chunk = first; chunk <= last; ++chunk) {
        if (is_present(chunk)) continue;
        if (!load(chunk, last + 1)) return {};
        break;
    }
    return {memory_ + offset, size};
}

bool FileContents::is_present(uint64_t chunk) const {
    return (present_[chunk / 64].load(std::memory_order_acquire) >> (chunk % 64) & 1) != 0;
}

bool FileContents::load(uint64_t first_chunk, uint64_t end_chunk) const {
    const std::lock_guard lock(loading_);
    uint64_t chunk = first_chunk;
    while (chunk < end_chunk) {
        if (is_present(chunk)) {
            ++chunk;
            continue;
        }
        uint64_t run_end = chunk + 1;
        while (run_end < end_chunk && !is_present(run_end)) ++run_end;
        if (!read_chunks(chunk, run_end)) return false;
        chunk = run_end;
    }
    return true;
}

bool FileContents::copy(uint64_t offset, std::span<uint8_t> to) const {
    if (offset > size_ || to.size() > size_ - offset) return false;
    if (memory_ != nullptr) return read(offset, to);
    std::ranges::copy(std::span(owned_).subspan(offset, to.size()), to.begin());
    return true;
}

bool FileContents::read(uint64_t offset, std::span<uint8_t> to) const {
    while (!to.empty()) {
        const ssize_t got = ::pread(fd_.get(), to.data(), to.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        offset += static_cast<uint64_t>(got);
        to = to.subspan(static_cast<size_t>(got));
    }
    return true;
}

bool FileContents::read_chunks(uint64_t first_chunk, uint64_t end_chunk) const {
    const uint64_t offset = first_chunk * kChunkBytes;
    const uint64_t run_bytes = std::min(end_chunk * kChunkBytes, size_) - offset;
    if (run_bytes > kMaxResidentBytes - resident_bytes_) return false;
    if (!read(offset, {memory_ + offset, run_bytes})) return false;
    resident_bytes_ += run_bytes;
    for (uint64_t chunk = first_chunk; chunk < end_chunk; ++chunk) {
        present_[chunk / 64].fetch_or(uint64_t{1} << (chunk % 64), std::memory_order_release);
    }
    return true;
}

}  // namespace pyebpf::elf
