// SPDX-License-Identifier: Apache-2.0
#include "output/rooted_stacks.h"

#include <fmt/format.h>

#include "output/names.h"

namespace pyebpf::output {

using profile::FrameId;
using profile::Sample;
using profile::StackId;
using profile::ThreadState;

RootedStacks::RootedStacks(const profile::Profile& profile, const FormatOptions& options,
                           const Units& units, UnitRoots unit_roots)
    : profile_(profile),
      options_(options),
      units_(units),
      has_unit_roots_(unit_roots == UnitRoots::kIfSeveral && units.list().size() > 1) {}

StackId RootedStacks::of(const Sample& sample) {
    const StackId stack = below(root_of(sample), sample.stack);
    if (sample.state == ThreadState::kRunning) return stack;
    return stacks_.push(stack, wait_label(sample.state));
}

std::string_view RootedStacks::name(FrameId id) const {
    if (is_label(id)) return labels_[id.value - profile_.frames.size()];
    const std::string_view function = profile_.text(profile_.frame(id).function);
    return function.empty() ? "[unknown]" : function;
}

FrameId RootedStacks::label(std::string_view text) {
    const FrameId next{static_cast<uint32_t>(frame_count())};
    const auto [entry, is_new] = label_ids_.try_emplace(std::string(text), next);
    if (is_new) labels_.emplace_back(text);
    return entry->second;
}

FrameId RootedStacks::wait_label(ThreadState state) {
    return label(fmt::format("[waits: {}]", state_name(state)));
}

StackId RootedStacks::push_label(StackId parent, std::string_view text) {
    return stacks_.push(parent, label(text));
}

StackId RootedStacks::root_of(const Sample& sample) {
    if (!has_roots()) return {};
    const uint32_t unit = units_.of(sample);
    const uint64_t key = uint64_t{unit} << 40 | uint64_t{static_cast<uint8_t>(sample.state)} << 32 |
                         sample.thread.value;
    const auto [entry, is_new] = known_roots_.try_emplace(key);
    if (!is_new) return entry->second;
    StackId root;
    if (has_unit_roots_) root = push_label(root, fmt::format("[{}]", units_.list()[unit].sources));
    const ThreadFacts facts = thread_facts(profile_, sample.thread);
    if (options_.per_container)
        root = push_label(root, facts.container.empty() ? "[no container]" : facts.container);
    if (options_.per_process) {
        root =
            push_label(root, facts.pid == 0 ? "[unknown process]"
                                            : fmt::format("{} (pid {})", facts.process, facts.pid));
    }
    if (options_.per_thread) {
        root =
            push_label(root, facts.tid == 0 ? "[unknown thread]"
                                            : fmt::format("{} (tid {})", facts.thread, facts.tid));
    }
    if (options_.per_state) root = push_label(root, fmt::format("[{}]", state_name(sample.state)));
    return known_roots_[key] = root;
}

StackId RootedStacks::below(StackId root, StackId stack) {
    if (!stack.valid()) return stacks_.push(root, no_stack_label());
    StackMap& known = below_root_[root];
    pending_.clear();
    StackId found = root;
    for (StackId id = stack; id.valid(); id = profile_.stacks[id].parent) {
        if (const auto entry = known.find(id); entry != known.end()) {
            found = entry->second;
            break;
        }
        pending_.push_back(id);
    }
    for (; !pending_.empty(); pending_.pop_back()) {
        found = stacks_.push(found, profile_.stacks[pending_.back()].frame);
        known.emplace(pending_.back(), found);
    }
    return found;
}

}  // namespace pyebpf::output
