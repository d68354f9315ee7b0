// SPDX-License-Identifier: Apache-2.0
#include "compare/run_tally.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "output/ticks.h"

namespace pyebpf::compare {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::Sample;
using profile::StackId;

Category category_of(const Profile& profile, const Sample& sample) {
    if (sample.state == profile::ThreadState::kGil) return Category::kGil;
    if (sample.state != profile::ThreadState::kRunning) return Category::kOffCpu;
    if (!sample.stack.valid()) return Category::kNoStack;
    switch (profile.frame(profile.stacks[sample.stack].frame).kind) {
        case FrameKind::kPython:
            return Category::kPython;
        case FrameKind::kNative:
            return Category::kNative;
        case FrameKind::kInterpreter:
            return Category::kInterpreter;
        case FrameKind::kKernel:
            return Category::kKernel;
        case FrameKind::kMarker:
            return Category::kNoStack;
    }
    return Category::kNoStack;
}

// Turns stacks of one profile into functions, each frame and stack once.
class StackReader {
  public:
    StackReader(const Profile& profile, TallyContext& context)
        : profile_(profile), context_(context), of_frame_(profile.frames.size()) {}

    StackTally read(const Sample& sample) {
        StackTally result;
        for (StackId id = sample.stack; id.valid(); id = profile_.stacks[id].parent) {
            const Frame& frame = profile_.frame(profile_.stacks[id].frame);
            if (frame.kind != FrameKind::kPython && frame.kind != FrameKind::kNative) continue;
            if (result.functions.empty() && frame.kind == FrameKind::kPython)
                result.leaf_line = frame.line;
            result.functions.push_back(function(profile_.stacks[id].frame));
        }
        std::ranges::reverse(result.functions);
        if (result.functions.empty())
            result.functions.push_back(context_.functions.intern(
                {.kind = FrameKind::kMarker,
                 .name = sample.stack.valid() ? "[kernel]" : "[no stack]"}));
        return result;
    }

  private:
    FunctionId function(FrameId frame) {
        FunctionId& id = of_frame_[frame.value];
        if (!id.valid())
            id = context_.functions.intern(
                function_of(profile_, profile_.frame(frame), context_.root));
        return id;
    }

    const Profile& profile_;
    TallyContext& context_;
    std::vector<FunctionId> of_frame_;
};

std::string_view process_name(const Profile& profile, const Sample& sample) {
    if (sample.thread.value >= profile.threads.size()) return {};
    const auto process = profile.threads[sample.thread.value].process;
    return process.value < profile.processes.size()
               ? profile.text(profile.processes[process.value].name)
               : std::string_view{};
}

std::string_view container_name(const Profile& profile, const Sample& sample) {
    if (sample.thread.value >= profile.threads.size()) return {};
    const auto process = profile.threads[sample.thread.value].process;
    return process.value < profile.processes.size()
               ? profile.container_text(profile.processes[process.value])
               : std::string_view{};
}

double seconds_of_tick(const Profile& profile) {
    if (profile.sources.empty() || profile.sources.front().unit != "nanoseconds") return 0;
    return static_cast<double>(profile.sources.front().period) * 1e-9;
}

}  // namespace

std::string_view category_text(Category category) {
    switch (category) {
        case Category::kPython:
            return "Python";
        case Category::kNative:
            return "native code";
        case Category::kInterpreter:
            return "interpreter";
        case Category::kKernel:
            return "kernel";
        case Category::kNoStack:
            return "no stack";
        case Category::kGil:
            return "waiting for the GIL";
        case Category::kOffCpu:
            return "off CPU";
    }
    return "";
}

Function function_of(const Profile& profile, const Frame& frame, const std::string& root) {
    const std::string file(profile.text(frame.file));
    return {.kind = frame.kind,
            .name = std::string(profile.text(frame.function)),
            .module = frame.kind == FrameKind::kPython ? module_of_file(file, root)
                                                       : std::string(profile.text(frame.module)),
            .path = file,
            .first_line = frame.first_line};
}

std::vector<std::string> python_files(const Profile& profile) {
    std::set<std::string> files;
    for (uint32_t i = 0; i < profile.frames.size(); i++) {
        const Frame& frame = profile.frame(FrameId{i});
        if (frame.kind == FrameKind::kPython) files.emplace(profile.text(frame.file));
    }
    return {files.begin(), files.end()};
}

RunTally tally(const Profile& profile, TallyContext& context, uint64_t begin_ns, uint64_t end_ns) {
    RunTally run;
    run.tick_seconds = seconds_of_tick(profile);
    run.seconds = static_cast<double>(std::min(end_ns, profile.end_ns) -
                                      std::max(begin_ns, profile.start_ns)) *
                  1e-9;
    StackReader reader(profile, context);
    std::map<std::tuple<StackId, uint32_t, uint32_t>, size_t> known;
    for (const Sample& sample : profile.samples) {
        if (sample.time_ns < begin_ns || sample.time_ns >= end_ns) continue;
        const double amount = output::ticks(profile, sample);
        const Category category = category_of(profile, sample);
        run.by_category[static_cast<size_t>(category)] += amount;
        // The first source is what the recording was made for; time off the CPU is shown by
        // category and never mixed with time on it.
        if (sample.source != 0 || sample.state != profile::ThreadState::kRunning) continue;
        const uint32_t process = context.labels.intern(process_name(profile, sample)).value;
        const uint32_t container = context.labels.intern(container_name(profile, sample)).value;
        const auto [entry, is_new] =
            known.try_emplace(std::tuple(sample.stack, process, container), run.stacks.size());
        if (is_new) {
            StackTally stack = reader.read(sample);
            stack.category = category;
            stack.process = process;
            stack.container = container;
            run.stacks.push_back(std::move(stack));
        }
        run.stacks[entry->second].ticks += amount;
        run.ticks += amount;
    }
    return run;
}

std::vector<RunTally> tally_blocks(const Profile& profile, TallyContext& context, size_t count) {
    std::vector<RunTally> blocks;
    const uint64_t length = (profile.end_ns - profile.start_ns) / count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t begin = profile.start_ns + i * length;
        const bool is_last = i + 1 == count;
        blocks.push_back(
            tally(profile, context, i == 0 ? 0 : begin, is_last ? UINT64_MAX : begin + length));
    }
    return blocks;
}

}  // namespace pyebpf::compare
