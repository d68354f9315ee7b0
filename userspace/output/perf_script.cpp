// SPDX-License-Identifier: Apache-2.0
// The text of `perf script`: every sample with its time, thread, CPU and stack. Described in
// docs/formats/perf-script.md.
#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "output/names.h"
#include "output/rooted_stacks.h"
#include "output/units.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::Sample;
using profile::StackId;

// Readers find "comm pid/tid" by the first number after a space, in a line that begins with the
// name: no space may be there but between words.
std::string comm_text(std::string_view name) {
    const std::string text = name_text(name.empty() ? "[unknown]" : name);
    std::string result;
    for (size_t i = 0; i < text.size(); i++) {
        const bool before_number =
            i + 1 < text.size() &&
            (text[i + 1] == '-' || (text[i + 1] >= '0' && text[i + 1] <= '9'));
        const bool at_end = i == 0 || i + 1 == text.size() || text[i + 1] == ' ';
        if (text[i] == ' ' && (before_number || at_end)) {
            result += "\\x20";
        } else {
            result += text[i];
        }
    }
    return result;
}

// Where the code is, in brackets at the end of the line. What begins with '[' is the kernel to
// several readers.
std::string place_text(const Profile& profile, const Frame& frame) {
    if (frame.kind == FrameKind::kKernel && frame.module.value == 0) return "[kernel.kallsyms]";
    if (frame.kind == FrameKind::kMarker) return "pyebpf";
    const std::string_view name =
        profile.text(frame.kind == FrameKind::kPython ? frame.file : frame.module);
    std::string text = name_text(name, " ()[]");
    if (frame.kind == FrameKind::kKernel) return fmt::format("[{}]", text);
    return text.empty() ? "unknown" : text;
}

Result<void> write_perf_script(const Profile& profile, const FormatOptions& options, Sink& sink) {
    const Units units(profile);
    RootedStacks stacks(profile, options, units);
    std::vector<std::string> frame_lines;
    std::vector<std::string> comms(profile.threads.size() + 1);
    for (const Sample& sample : profile.samples) {
        if (sink.failed()) break;
        const StackId stack = stacks.of(sample);
        const ThreadFacts facts = thread_facts(profile, sample.thread);
        std::string& comm = comms[std::min<size_t>(sample.thread.value, profile.threads.size())];
        if (comm.empty()) comm = comm_text(facts.thread);
        const bool is_known = sample.source < profile.sources.size();
        const std::string event =
            is_known ? name_text(profile.sources[sample.source].name, " :") : "unknown";
        constexpr uint64_t kNsPerUs = 1000;
        constexpr uint64_t kUsPerSecond = 1'000'000;
        const uint64_t time_us = sample.time_ns / kNsPerUs;
        sink.write(fmt::format("{} {}/{} [{:03}] {}.{:06}: {:>10} {}:\n", comm, facts.pid,
                               facts.tid, sample.cpu, time_us / kUsPerSecond,
                               time_us % kUsPerSecond, sample.weight, event));
        for (StackId id = stack; id.valid(); id = stacks[id].parent) {
            const FrameId frame = stacks[id].frame;
            if (frame.value >= frame_lines.size()) frame_lines.resize(stacks.frame_count());
            std::string& line = frame_lines[frame.value];
            if (line.empty()) {
                // Addresses are not part of a profile.
                line = fmt::format("\t{:16x} {} ({})\n", 0, name_text(stacks.name(frame)),
                                   place_text(profile, stacks.frame(frame)));
            }
            sink.write(line);
        }
        sink.write("\n");
    }
    return {};
}

constexpr std::array<std::string_view, 1> kPerfScriptExtensions{".perf"};

}  // namespace

extern constinit const Format kPerfScript{
    .name = "perf-script",
    .extensions = kPerfScriptExtensions,
    .description =
        "text of `perf script`, every sample: for FlameScope, Perfetto, perf's own scripts",
    .write = write_perf_script,
};

}  // namespace pyebpf::output
