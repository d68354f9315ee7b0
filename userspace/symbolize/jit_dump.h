// SPDX-License-Identifier: Apache-2.0
// JitDump: the functions that a JIT compiler reported in a binary file, jit-PID.dump (Linux,
// tools/perf/Documentation/jitdump-specification.txt, version 1). Java agents, V8, .NET, LLVM and
// CPython's -X perf_jit write it.
//
// Code that was loaded and code that was moved are read; the code itself, line and unwind records
// are skipped. The file belongs to the target: every size in it is checked. Immutable after
// loading.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "symbolize/code_ranges.h"
#include "symbolize/no_name.h"

namespace pyebpf::symbolize {

class JitDump {
  public:
    // Reads a regular file from its beginning; the caller keeps the descriptor and opened it inside
    // the target's root.
    static Result<JitDump> load(int fd);
    // Fails if the header is not one of a jitdump in this machine's byte order. A record that is
    // cut off ends the reading: the writer may be in the middle of it.
    static Result<JitDump> parse(std::span<const uint8_t> bytes);

    [[nodiscard]] Named<JitSymbol> lookup(MappedAddress address) const;

    [[nodiscard]] size_t size() const { return ranges_.size(); }
    [[nodiscard]] uint64_t malformed_records() const { return malformed_records_; }
    [[nodiscard]] uint64_t skipped_bytes() const { return skipped_bytes_; }

  private:
    CodeRanges ranges_;
    uint64_t malformed_records_ = 0;
    uint64_t skipped_bytes_ = 0;
};

}  // namespace pyebpf::symbolize
