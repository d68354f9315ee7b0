// SPDX-License-Identifier: Apache-2.0
#include "output/recording.h"

#include <array>

#include "record/writer.h"

namespace pyebpf::output {

namespace {

constexpr std::array<std::string_view, 1> kRecordingExtensions{".pyebpf"};

Result<void> write(const profile::Profile& profile, const FormatOptions&, Sink& sink) {
    record::Writer(sink).finish(profile);
    return {};
}

}  // namespace

const Format kRecording{
    .name = "pyebpf",
    .extensions = kRecordingExtensions,
    .description = "recording, from which report and convert make everything else",
    .write = write,
};

}  // namespace pyebpf::output
