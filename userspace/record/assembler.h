// SPDX-License-Identifier: Apache-2.0
// The contents of a recording's blocks, put together to a profile. What a block says is not
// trusted.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "profile/profile.h"

namespace pyebpf::record {

// The content of a block is not what it should be; `what` completes "damaged: …".
struct Damage {
    std::string what;
};

// Takes blocks in one after the other. Ids in the file are those of the writer's tables since the
// last restart; they are mapped to this profile's.
class Assembler {
  public:
    // The profile must outlive it.
    explicit Assembler(profile::Profile& profile);
    ~Assembler();

    // A block's content, unpacked. following: how many blocks of the same size the file may still
    // have. Throws Damage or protozero::exception.
    void take(std::string_view content, double following);

  private:
    class Tables;
    std::unique_ptr<Tables> tables_;
};

}  // namespace pyebpf::record
