// SPDX-License-Identifier: Apache-2.0
// Writes a recording while it grows.
//
//   Writer writer(sink);
//   loop: add to the profile's tables and samples; writer.append(profile); profile.samples.clear()
//   writer.finish(profile);
//
// append() writes what was added to the profile's tables since the last call, so that memory does
// not grow with the samples. After Profile::forget_stacks() the tables of the file begin anew too.
// Errors are the sink's.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/sink.h"
#include "profile/profile.h"
#include "record/format.h"

namespace pyebpf::record {

class Writer {
  public:
    // Writes the file header. The sink must outlive the writer.
    explicit Writer(Sink& sink);

    void append(const profile::Profile& profile);
    // Also statistics and settings, and the mark that the recording is whole.
    void finish(const profile::Profile& profile);

  private:
    void add_strings(const profile::Profile& profile);
    void add_frames(const profile::Profile& profile);
    void add_stacks(const profile::Profile& profile);
    void add_processes(const profile::Profile& profile);
    void add_threads(const profile::Profile& profile);
    void add_facts(const profile::Profile& profile);
    void add_samples(const profile::Profile& profile);
    void add_end(const profile::Profile& profile);
    // Writes what was added as a block; a data block only if there is something or it is forced.
    void write_block(BlockKind kind);
    void write_block_if_large();

    Sink& sink_;
    std::string content_;  // of the block that is being made
    std::string frame_;    // compressed
    bool is_first_ = true;
    uint32_t epoch_ = 0;
    // How much of each table is in the file.
    size_t strings_ = 1;
    size_t frames_ = 0;
    size_t stacks_ = 0;
    size_t containers_ = 0;
    size_t modules_ = 0;
    size_t sources_ = 0;
    std::set<profile::StringId> source_texts_;
    std::vector<profile::Process> processes_;
    std::vector<profile::Thread> threads_;
};

}  // namespace pyebpf::record
