// SPDX-License-Identifier: Apache-2.0
// Profiles with known contents, for the tests of the outputs.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::output::test {

inline constexpr uint64_t kPeriodNs = 10'101'010;  // 99 Hz

// Spells frames, stacks and samples in few words.
class ProfileBuilder {
  public:
    ProfileBuilder();

    profile::FrameId python(std::string_view function, std::string_view file, uint32_t first_line,
                            uint32_t line = 0);
    profile::FrameId native(std::string_view function, std::string_view module,
                            bool inlined = false);
    profile::FrameId interpreter(std::string_view function);
    profile::FrameId kernel(std::string_view function, std::string_view module = "");
    profile::FrameId marker(std::string_view text);

    profile::ThreadId thread(uint32_t pid, std::string_view process, uint32_t tid,
                             std::string_view name, std::string_view python = "");
    // Root first. `samples` times one tick.
    void add(profile::ThreadId thread, const std::vector<profile::FrameId>& stack,
             uint64_t samples = 1);
    void add_statistic(std::string_view name, std::string_view text, uint64_t value, bool loss);

    profile::Profile& profile() { return profile_; }
    // Sets the time of the recording.
    profile::Profile take();

  private:
    profile::Profile profile_;
    uint64_t now_ns_ = 1'000'000'000;
};

// A web service, a numerical job and a shell; every kind of frame, recursion, inlining, a truncated
// stack, losses.
[[nodiscard]] profile::Profile small_profile();

// What small_profile() lacks: several event sources, waiting threads, containers, build ids, a pid
// that ran two programs, a thread that is not known, direct and indirect recursion, functions of
// one name, nested inlining.
[[nodiscard]] profile::Profile mixed_profile();

// At least `nodes` distinct stacks; the same for the same number.
[[nodiscard]] profile::Profile large_profile(uint32_t nodes);

// Names that try to break out of a format: separators, quotes, markup, terminal controls, bad
// UTF-8, a megabyte.
[[nodiscard]] const std::vector<std::string>& hostile_names();

// One sample per hostile name, the name as function, file, thread and process at once.
[[nodiscard]] profile::Profile hostile_profile();

}  // namespace pyebpf::output::test
