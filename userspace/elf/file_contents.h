// SPDX-License-Identifier: Apache-2.0
// FileContents: the bytes of a file as a private copy that is filled on demand.
//
//   file      |....................................|  pread, once per chunk, when somebody asks for
//   a range our copy  |    ####        ##        ######    |  anonymous memory; only what was asked
//   for is resident
//
// A mapping of the file itself would be shorter, but the file belongs to somebody else: truncating
// it would kill us with SIGBUS, and rewriting it would change bytes between the check and the use.
// A copy does neither, and of a library of hundreds of MiB only headers, symbols and .eh_frame are
// read. The price is one open file descriptor per file.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace pyebpf::elf {

class FileContents {
  public:
    // Refuses what is not a regular file, and files of more than 16 GiB.
    static Result<std::unique_ptr<FileContents>> of_file(UniqueFd fd, const std::string& name);
    static std::unique_ptr<FileContents> of_bytes(std::vector<uint8_t> bytes);

    ~FileContents();
    FileContents(const FileContents&) = delete;
    FileContents& operator=(const FileContents&) = delete;

    [[nodiscard]] uint64_t size() const { return size_; }

    // The range, valid as long as this object lives. Empty if any of it is outside the file, cannot
    // be read (the file has shrunk) or would make more than 1 GiB resident. Threads may call this
    // at the same time.
    [[nodiscard]] std::span<const uint8_t> range(uint64_t offset, uint64_t size) const;
    // The bytes from offset on, without making them resident: for much that is read once. False if
    // any are outside the file or cannot be read.
    [[nodiscard]] bool copy(uint64_t offset, std::span<uint8_t> to) const;

  private:
    FileContents() = default;
    [[nodiscard]] bool is_present(uint64_t chunk) const;
    [[nodiscard]] bool load(uint64_t first_chunk, uint64_t end_chunk) const;
    [[nodiscard]] bool read_chunks(uint64_t first_chunk, uint64_t end_chunk) const;
    [[nodiscard]] bool read(uint64_t offset, std::span<uint8_t> to) const;

    uint64_t size_ = 0;
    std::vector<uint8_t> owned_;  // of_bytes only
    UniqueFd fd_;                 // of_file only, like everything below
    uint8_t* memory_ = nullptr;
    std::unique_ptr<std::atomic<uint64_t>[]> present_;  // one bit per chunk
    mutable std::mutex loading_;
    mutable uint64_t resident_bytes_ = 0;  // under loading_
};

}  // namespace pyebpf::elf
