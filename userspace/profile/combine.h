// SPDX-License-Identifier: Apache-2.0
// combined(): several profiles as one, such as recordings of several machines or hours.
//
// Names, frames, stacks, containers and event sources that are equal become one. Processes stay
// those of their recording, as a pid means another process elsewhere. The wall clock places the
// recordings in time relative to each other; where one of them has none, all begin at once. Losses
// add up.
#pragma once

#include <vector>

#include "base/result.h"
#include "profile/profile.h"

namespace pyebpf::profile {

// Fails if they have more event sources than samples can name.
[[nodiscard]] Result<Profile> combined(std::vector<Profile> profiles);

// The pieces of one recording, in their order (pipeline::Recorder::continue_in). What the last one
// says of processes, threads and losses holds.
[[nodiscard]] Result<Profile> combined_pieces(std::vector<Profile> pieces);

}  // namespace pyebpf::profile
