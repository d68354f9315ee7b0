// SPDX-License-Identifier: Apache-2.0
// PerfMap: the functions that a JIT compiler listed in /tmp/perf-PID.map, one "START SIZE NAME" per
// line in hexadecimal digits (Linux, tools/perf/Documentation/jit-interface.txt). CPython writes
// one with -X perf.
//
// The file belongs to the target: sizes are bounded, and lines that are none are counted. Immutable
// after loading.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "symbolize/code_ranges.h"
#include "symbolize/no_name.h"

namespace pyebpf::symbolize {

class PerfMap {
  public:
    // Reads a regular file from its beginning; the caller keeps the descriptor and opened it inside
    // the target's root.
    static Result<PerfMap> load(int fd);
    static PerfMap parse(std::string_view text);

    [[nodiscard]] Named<JitSymbol> lookup(MappedAddress address) const;

    [[nodiscard]] size_t size() const { return ranges_.size(); }
    // Lines that are not understood, or beyond the bounds.
    [[nodiscard]] uint64_t malformed_lines() const { return malformed_lines_; }
    // The part of the file that was not read because it is too large.
    [[nodiscard]] uint64_t skipped_bytes() const { return skipped_bytes_; }

  private:
    CodeRanges ranges_;
    uint64_t malformed_lines_ = 0;
    uint64_t skipped_bytes_ = 0;
};

}  // namespace pyebpf::symbolize
