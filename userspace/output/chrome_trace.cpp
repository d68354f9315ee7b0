// SPDX-License-Identifier: Apache-2.0
// Chrome's trace event format: samples as slices of time on a track for each thread. Described in
// docs/formats/chrome-trace.md.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "output/json_stream.h"
#include "output/lanes.h"
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

constexpr int kMicroDigits = 3;  // nanoseconds as microseconds

class ChromeTrace {
  public:
    ChromeTrace(const Profile& profile, const FormatOptions& options, Sink& sink)
        : profile_(profile),
          options_(options),
          sink_(sink),
          json_(sink),
          units_(profile),
          stacks_(profile, {}, units_) {
        for (const auto& thread : profile.threads) next_tid_ = std::max(next_tid_, thread.tid + 1);
    }

    void write() {
        json_.begin_object();
        json_.member("displayTimeUnit", "ms");
        json_.key("traceEvents");
        json_.begin_array();
        for (const Lane& lane : make_lanes(profile_, units_)) {
            if (sink_.failed()) return;
            write_lane(lane);
        }
        json_.end_array();
        json_.end_object();
        json_.line_end();
    }

  private:
    void write_lane(const Lane& lane) {
        const ThreadFacts facts = thread_facts(profile_, lane.thread);
        const Unit& unit = units_.list()[lane.unit];
        std::string thread = name_text(facts.thread.empty() ? "[unknown thread]" : facts.thread);
        std::string process = name_text(facts.process);
        if (!facts.container.empty()) process += fmt::format(" [{}]", name_text(facts.container));
        pid_ = facts.pid;
        tid_ = facts.tid;
        if (lane.unit != 0) {  // a track of its own
            thread += fmt::format(" (tid {}) [{}]", facts.tid, printable(unit.sources));
            tid_ = next_tid_++;
        }
        write_name("process_name", process);
        write_name("thread_name", thread);

        open_.clear();
        end_ns_ = 0;
        for (const uint32_t i : lane.samples) {
            const Sample& sample = profile_.samples[i];
            add(sample, duration_ns(sample, unit));
        }
        close_to(0);
    }

    // A sample stands for the time before it that its weight tells; where weights are no time, for
    // an instant that can be seen.
    static uint64_t duration_ns(const Sample& sample, const Unit& unit) {
        constexpr uint64_t kVisibleNs = 1000;
        return unit.is_time ? sample.weight : kVisibleNs;
    }

    // Slices never overlap and are never cut, so that their sum stays that of the weights: one that
    // begins before the end of the last, or just after it, is moved there.
    void add(const Sample& sample, uint64_t duration) {
        const uint64_t time_ns = sample.time_ns - std::min(sample.time_ns, profile_.start_ns);
        const uint64_t natural_ns = time_ns - std::min(time_ns, duration);
        const bool continues = !open_.empty() && natural_ns < end_ns_ + duration / 2;
        if (!continues) close_to(0);
        const uint64_t begin_ns = continues ? end_ns_ : natural_ns;
        path_.clear();
        for (StackId id = stacks_.of(sample); id.valid(); id = stacks_[id].parent)
            path_.push_back(stacks_[id].frame);
        std::ranges::reverse(path_);
        const auto same = std::ranges::mismatch(open_, path_).in1 - open_.begin();
        close_to(static_cast<size_t>(same));
        for (auto i = static_cast<size_t>(same); i < path_.size(); i++) {
            write_slice("B", path_[i], begin_ns);
            open_.push_back(path_[i]);
        }
        end_ns_ = begin_ns + duration;
    }

    // Innermost first, as the format wants it.
    void close_to(size_t depth) {
        for (; open_.size() > depth; open_.pop_back()) {
            write_slice("E", open_.back(), end_ns_);
        }
    }

    // Its end has the name too: Firefox Profiler refuses events without one.
    void write_slice(std::string_view phase, FrameId id, uint64_t time_ns) {
        begin_event(phase);
        json_.key("ts");
        json_.raw(decimal(time_ns, kMicroDigits));
        json_.member("cat", kind_name(stacks_.frame(id).kind));
        if (id.value >= names_.size()) names_.resize(stacks_.frame_count());
        std::string& name = names_[id.value];
        if (name.empty()) name = slice_name(id);
        json_.member("name", name);
        end_event();
    }

    // The place is part of the name: readers that show arguments make them part of the function.
    [[nodiscard]] std::string slice_name(FrameId id) const {
        const Frame frame = stacks_.frame(id);
        std::string name = name_text(stacks_.name(id));
        if (frame.kind == FrameKind::kMarker) return name;
        const bool has_file = frame.file.value != 0;
        const std::string place = name_text(profile_.text(has_file ? frame.file : frame.module));
        const uint32_t line = options_.current_lines ? frame.line : frame.first_line;
        if (place.empty()) return name;
        if (has_file && line != 0) return fmt::format("{} ({}:{})", name, place, line);
        return fmt::format("{} ({})", name, place);
    }

    void write_name(std::string_view what, std::string_view name) {
        begin_event("M");
        json_.member("name", what);
        json_.key("args");
        json_.begin_object();
        json_.member("name", name);
        json_.end_object();
        end_event();
    }

    void begin_event(std::string_view phase) {
        json_.begin_object();
        json_.member("ph", phase);
        json_.member("pid", pid_);
        json_.member("tid", tid_);
    }
    void end_event() {
        json_.end_object();
        json_.line_end();
    }

    const Profile& profile_;
    const FormatOptions& options_;
    Sink& sink_;
    JsonStream json_;
    const Units units_;
    RootedStacks stacks_;
    std::vector<std::string> names_;  // of slices, by frame
    uint32_t next_tid_ = 1;
    uint32_t pid_ = 0;
    uint32_t tid_ = 0;
    std::vector<FrameId> open_;  // slices that have begun, outermost first
    uint64_t end_ns_ = 0;        // of the last sample
    std::vector<FrameId> path_;
};

Result<void> write_chrome_trace(const Profile& profile, const FormatOptions& options, Sink& sink) {
    ChromeTrace(profile, options, sink).write();
    return {};
}

constexpr std::array<std::string_view, 1> kChromeTraceExtensions{".trace.json"};

}  // namespace

extern constinit const Format kChromeTrace{
    .name = "chrome-trace",
    .extensions = kChromeTraceExtensions,
    .description = "Chrome's trace events: tracks of threads in chrome://tracing and Perfetto",
    .write = write_chrome_trace,
};

}  // namespace pyebpf::output
