// SPDX-License-Identifier: Apache-2.0
// Values of options that several commands have, checked.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "pipeline/stack_resolver.h"

namespace pyebpf::app {

// -F: a whole number of Hz that the kernel may allow.
[[nodiscard]] Result<uint64_t> whole_frequency(double frequency_hz);

// --native: "all", "extensions" (also empty) or "none".
[[nodiscard]] Result<pipeline::NativeFrames> native_frames(const std::string& which);

}  // namespace pyebpf::app
