// SPDX-License-Identifier: Apache-2.0
// The recording file itself as an output: what `record` streams, `convert` can write too.
#pragma once

#include "output/format.h"

namespace pyebpf::output {

extern const Format kRecording;

}  // namespace pyebpf::output
