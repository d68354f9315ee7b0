// SPDX-License-Identifier: Apache-2.0
#include "profile/filter.h"

#include <algorithm>
#include <cmath>

#include "profile/name_pattern.h"

namespace pyebpf::profile {

namespace {

using Patterns = std::vector<std::string>;

// No pattern at all matches everything.
template <class Matches>
bool any_of(const Patterns& patterns, Matches matches) {
    return patterns.empty() || std::ranges::any_of(patterns, matches);
}

bool is_container(const Profile& profile, const Process& process, const std::string& pattern) {
    if (!process.container.valid()) return false;
    const Container& container = profile.containers[process.container.value];
    const std::string_view id = profile.text(container.id);
    constexpr size_t kShortestId = 4;
    if (pattern.size() >= kShortestId && id.starts_with(pattern)) return true;
    return std::ranges::any_of(std::initializer_list{container.id, container.name, container.pod,
                                                     container.unit, container.cgroup},
                               [&](StringId text) {
                                   return text.value != 0 &&
                                          matches_text(pattern, profile.text(text));
                               });
}

std::vector<bool> wanted_threads(const Profile& profile, const Filter& filter) {
    std::vector<bool> wanted_processes;
    for (const Process& process : profile.processes) {
        const auto is_named = [&](const std::string& pattern) {
            return matches_text(pattern, profile.text(process.name));
        };
        const auto is_in = [&](const std::string& pattern) {
            return is_container(profile, process, pattern);
        };
        wanted_processes.push_back(
            (filter.pids.empty() || std::ranges::count(filter.pids, process.pid) > 0) &&
            any_of(filter.processes, is_named) && any_of(filter.containers, is_in));
    }
    std::vector<bool> wanted;
    for (const Thread& thread : profile.threads) {
        const auto is_it = [&](const std::string& pattern) {
            return matches_text(pattern, profile.text(thread.name)) ||
                   (thread.python_name.value != 0 &&
                    matches_text(pattern, profile.text(thread.python_name))) ||
                   pattern == std::to_string(thread.tid);
        };
        const uint32_t process = thread.process.value;
        wanted.push_back(process < wanted_processes.size() && wanted_processes[process] &&
                         any_of(filter.threads, is_it));
    }
    return wanted;
}

// By stack: whether one of its frames is. Parents come before their children.
template <class IsWanted>
std::vector<bool> stacks_with(const Profile& profile, IsWanted is_wanted) {
    std::vector<bool> frames;
    for (uint32_t i = 0; i < profile.frames.size(); ++i)
        frames.push_back(is_wanted(profile.frame(FrameId{i})));
    std::vector<bool> stacks;
    for (uint32_t i = 0; i < profile.stacks.size(); ++i) {
        const StackTable::Node& node = profile.stacks[StackId{i}];
        stacks.push_back(frames[node.frame.value] ||
                         (node.parent.valid() && stacks[node.parent.value]));
    }
    return stacks;
}

std::vector<bool> wanted_stacks(const Profile& profile, const Filter& filter) {
    std::vector<bool> wanted = stacks_with(profile, [&](const Frame& frame) {
        return any_of(filter.functions, [&](const std::string& pattern) {
            return matches_function(pattern, profile.text(frame.function));
        });
    });
    if (filter.modules.empty()) return wanted;
    const std::vector<bool> in_module = stacks_with(profile, [&](const Frame& frame) {
        return any_of(filter.modules, [&](const std::string& pattern) {
            const auto is_at = [&](StringId place) {
                return place.value != 0 && matches_path(pattern, profile.text(place));
            };
            return is_at(frame.module) || is_at(frame.file);
        });
    });
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = wanted[i] && in_module[i];
    return wanted;
}

bool is_kept(FrameKind kind, Filter::Only only) {
    switch (only) {
        case Filter::Only::kEverything:
            return true;
        case Filter::Only::kPython:
            return kind == FrameKind::kPython;
        case Filter::Only::kNative:
            return kind == FrameKind::kNative || kind == FrameKind::kInterpreter;
        case Filter::Only::kKernel:
            return kind == FrameKind::kKernel;
    }
    return true;
}

// Rebuilds the stacks that samples use, with the frames that `only` keeps.
void rebuild_stacks(Profile& profile, Filter::Only only) {
    const auto size = static_cast<uint32_t>(profile.stacks.size());
    std::vector<bool> is_used(size);
    for (const Sample& sample : profile.samples)
        if (sample.stack.valid()) is_used[sample.stack.value] = true;
    for (uint32_t i = size; i-- > 0;) {
        const StackId parent = profile.stacks[StackId{i}].parent;
        if (is_used[i] && parent.valid()) is_used[parent.value] = true;
    }
    StackTable kept;
    std::vector<StackId> kept_as(size);
    for (uint32_t i = 0; i < size; ++i) {
        if (!is_used[i]) continue;
        const StackTable::Node& node = profile.stacks[StackId{i}];
        const StackId parent = node.parent.valid() ? kept_as[node.parent.value] : StackId{};
        kept_as[i] =
            is_kept(profile.frame(node.frame).kind, only) ? kept.push(parent, node.frame) : parent;
    }
    for (Sample& sample : profile.samples)
        if (sample.stack.valid()) sample.stack = kept_as[sample.stack.value];
    profile.stacks = std::move(kept);
    if (only != Filter::Only::kEverything)
        std::erase_if(profile.samples, [](const Sample& sample) { return !sample.stack.valid(); });
}

// A time of the profile, `seconds` after its start, within it.
uint64_t time_at(const Profile& profile, double seconds) {
    const double duration = static_cast<double>(profile.end_ns - profile.start_ns);
    return profile.start_ns + static_cast<uint64_t>(std::clamp(seconds * 1e9, 0.0, duration));
}

}  // namespace

Profile filtered(Profile profile, const Filter& filter) {
    if (filter == Filter{}) return profile;
    const std::vector<bool> threads = wanted_threads(profile, filter);
    const bool picks_stacks = !filter.functions.empty() || !filter.modules.empty();
    const std::vector<bool> stacks =
        picks_stacks ? wanted_stacks(profile, filter) : std::vector<bool>{};
    std::vector<bool> sources;
    for (const Source& source : profile.sources) {
        sources.push_back(any_of(filter.events, [&](const std::string& pattern) {
            return matches_text(pattern, source.name);
        }));
    }
    const bool has_begin = filter.from_seconds > 0;
    const bool has_end = std::isfinite(filter.to_seconds);
    const uint64_t begin_ns = time_at(profile, filter.from_seconds);
    const uint64_t end_ns = has_end ? time_at(profile, filter.to_seconds) : profile.end_ns;

    std::erase_if(profile.samples, [&](const Sample& sample) {
        if (has_begin && sample.time_ns < begin_ns) return true;
        if (has_end && sample.time_ns >= end_ns) return true;
        if (sample.thread.value >= threads.size() || !threads[sample.thread.value]) return true;
        if (sample.source < sources.size() && !sources[sample.source]) return true;
        return picks_stacks && !(sample.stack.valid() && stacks[sample.stack.value]);
    });
    rebuild_stacks(profile, filter.only);
    if (profile.start_unix_ns != 0)
        profile.start_unix_ns += static_cast<int64_t>(begin_ns - profile.start_ns);
    profile.start_ns = begin_ns;
    profile.end_ns = end_ns;
    return profile;
}

}  // namespace pyebpf::profile
