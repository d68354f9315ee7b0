// SPDX-License-Identifier: Apache-2.0
// Takes the source files of sampled Python functions into the profile (--embed-source), while the
// processes live: through the root of the process that ran them, so that a container's file is its
// own.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "profile/profile.h"

namespace pyebpf::pipeline {

class SourceEmbedder {
  public:
    explicit SourceEmbedder(profile::Profile& profile) : profile_(profile) {}

    // `path` as the code object has it: a relative one is taken from where the process is now.
    // Files of the same path count as one; a file that is not there, not regular or too large is
    // left out.
    void want(const std::string& path, uint32_t pid);

  private:
    profile::Profile& profile_;
    std::unordered_map<std::string, uint32_t> attempts_;  // by path
    size_t embedded_bytes_ = 0;
};

}  // namespace pyebpf::pipeline
