// SPDX-License-Identifier: Apache-2.0
// The line view of a report: source code with how much each line took, by itself and with all that
// it called.
//
// The source is that of the recording if it was embedded, else what the reader finds now, which is
// said. Without a source the lines have numbers only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/amounts.h"
#include "report/view.h"

namespace pyebpf::report {

// The text of a source file by its path in the profile; nullopt if there is none.
using ReadSource = std::function<std::optional<std::string>(std::string_view path)>;

class SourceLines {
  public:
    enum class Origin : uint8_t { kRecording, kFile, kNone };

    struct File {
        profile::StringId path;
        Origin origin = Origin::kNone;
        std::vector<std::string> lines;      // harmless, without line ends
        std::map<uint32_t, Amount> amounts;  // by line number
        std::vector<uint32_t> shown;         // line numbers, sorted
        uint64_t total = 0;                  // of all shown
    };

    // pattern: of files, else of functions, whose whole code is shown then. Fails if nothing that
    // has lines matches.
    static Result<SourceLines> make(const StackAmounts& amounts, std::string_view pattern,
                                    const ReadSource& read);

    // The one that took most first.
    [[nodiscard]] const std::vector<File>& files() const { return files_; }
    [[nodiscard]] std::string text(const ViewOptions& view) const;
    [[nodiscard]] std::string json() const;

  private:
    explicit SourceLines(const StackAmounts& amounts) : amounts_(&amounts) {}

    const StackAmounts* amounts_;
    std::vector<File> files_;
};

}  // namespace pyebpf::report
