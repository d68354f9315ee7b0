// SPDX-License-Identifier: Apache-2.0
// The stacks of a profile as a format shows them: with what the user asked for as root frames
// (containers, processes, threads, states), and with labels for what is no code.
//
//   [cycles]           unit, if samples of several units would be mixed up otherwise
//   web                container                     --per-container
//   gunicorn (pid 12)  process                       --per-process
//   worker (tid 13)    thread                        --per-thread
//   [running]          what the thread was doing         --per-state
//   main … read        the frames of the sample, or [no stack]
//   [waits: disk]      what the thread waited for, if it did not run
//
// Labels have frame ids after those of the profile.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tsl/robin_map.h>

#include "output/format.h"
#include "output/units.h"
#include "profile/profile.h"

namespace pyebpf::output {

class RootedStacks {
  public:
    enum class UnitRoots : bool { kNo, kIfSeveral };

    RootedStacks(const profile::Profile& profile, const FormatOptions& options, const Units& units,
                 UnitRoots unit_roots = UnitRoots::kNo);

    // Always valid.
    [[nodiscard]] profile::StackId of(const profile::Sample& sample);
    // The labels at its root side only; invalid if there are none.
    [[nodiscard]] profile::StackId root_of(const profile::Sample& sample);
    [[nodiscard]] bool has_roots() const {
        return has_unit_roots_ || options_.per_container || options_.per_process ||
               options_.per_thread || options_.per_state;
    }

    // Stacks so far; a parent has a smaller id than its children.
    [[nodiscard]] size_t size() const { return stacks_.size(); }
    [[nodiscard]] const profile::StackTable::Node& operator[](profile::StackId id) const {
        return stacks_[id];
    }
    // Frames of the profile and labels so far.
    [[nodiscard]] size_t frame_count() const { return profile_.frames.size() + labels_.size(); }
    [[nodiscard]] bool is_label(profile::FrameId id) const {
        return id.value >= profile_.frames.size();
    }
    // A label is a marker without names.
    [[nodiscard]] profile::Frame frame(profile::FrameId id) const {
        return is_label(id) ? profile::Frame{.kind = profile::FrameKind::kMarker}
                            : profile_.frame(id);
    }
    // The function, "[unknown]" if it has no name, or the label; not escaped.
    [[nodiscard]] std::string_view name(profile::FrameId id) const;

    // What of() puts below a root: instead of the frames of a sample without, and at the leaf of a
    // thread that did not run.
    [[nodiscard]] profile::FrameId no_stack_label() { return label("[no stack]"); }
    [[nodiscard]] profile::FrameId wait_label(profile::ThreadState state);

  private:
    using StackMap = tsl::robin_map<profile::StackId, profile::StackId>;

    [[nodiscard]] profile::FrameId label(std::string_view text);
    [[nodiscard]] profile::StackId push_label(profile::StackId parent, std::string_view text);
    [[nodiscard]] profile::StackId below(profile::StackId root, profile::StackId stack);

    const profile::Profile& profile_;
    const FormatOptions options_;
    const Units& units_;
    const bool has_unit_roots_;
    profile::StackTable stacks_;
    std::vector<std::string> labels_;
    tsl::robin_map<std::string, profile::FrameId> label_ids_;
    tsl::robin_map<uint64_t, profile::StackId> known_roots_;  // by thread, state and unit
    tsl::robin_map<profile::StackId, StackMap> below_root_;   // stacks of the profile to ours
    std::vector<profile::StackId> pending_;
};

}  // namespace pyebpf::output
