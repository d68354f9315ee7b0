// SPDX-License-Identifier: Apache-2.0
// A file that appears under its name only when it is complete.
//
//   auto file = OutputFile::open("profile.html");   before sampling: finds a missing or read-only
//   directory now format.write(profile, options, file->sink()); file->commit(); after this the name
//   holds the whole output, the old one until then
//
// The bytes go to a file without a name (O_TMPFILE), so that even SIGKILL leaves nothing behind;
// file systems that cannot do that (NFS, overlays of older kernels) get a hidden temporary name,
// removed by the destructor. "-" is stdout; devices, pipes and everything under /dev are written in
// place. A symbolic link is followed: the file that it points to is replaced.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "output/sink.h"

namespace pyebpf::output {

class OutputFile {
  public:
    // How to keep an unfinished file; tests choose the second way where the first would work.
    enum class Staging { kUnnamedIfPossible, kTemporaryName };

    [[nodiscard]] static Result<OutputFile> open(const std::string& path,
                                                 Staging staging = Staging::kUnnamedIfPossible);

    OutputFile(OutputFile&&) noexcept = default;
    OutputFile& operator=(OutputFile&&) = delete;
    ~OutputFile();

    [[nodiscard]] Sink& sink() { return *sink_; }
    // "stdout" or the path as given.
    [[nodiscard]] const std::string& name() const { return name_; }
    // Flushes and gives the file its name. An error leaves whatever was there before. Call at most
    // once.
    [[nodiscard]] Result<void> commit();

  private:
    enum class Kind { kInPlace, kUnnamed, kTemporaryName };

    OutputFile(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}
    static Result<OutputFile> open_in_place(const std::string& path);
    static Result<OutputFile> open_atomic(const std::string& path, const std::string& real_path,
                                          Staging staging);
    [[nodiscard]] Result<void> give_name();

    Kind kind_;
    std::string name_;
    UniqueFd directory_;          // of the final name; unused in place
    std::string file_name_;       // within directory_
    std::string temporary_name_;  // within directory_; empty if there is none to remove
    UniqueFd fd_;
    std::unique_ptr<FdSink> sink_;
};

}  // namespace pyebpf::output
