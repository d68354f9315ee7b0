// SPDX-License-Identifier: Apache-2.0
// speedscope's own JSON: a "sampled" profile for each thread. Described in
// docs/formats/speedscope.md.
#include <fmt/format.h>

#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "output/json_stream.h"
#include "output/lanes.h"
#include "output/names.h"
#include "output/numbering.h"
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

constexpr std::string_view kSchema = "https://www.speedscope.app/file-format-schema.json";

// Samples one after the other with the same stack.
struct Run {
    StackId stack;
    uint64_t weight = 0;
};

class Speedscope {
  public:
    Speedscope(const Profile& profile, const FormatOptions& options, Sink& sink)
        : profile_(profile),
          options_(options),
          sink_(sink),
          json_(sink),
          units_(profile),
          stacks_(profile, options, units_) {}

    void write() {
        json_.begin_object();
        json_.member("$schema", kSchema);
        json_.member("exporter", "pyebpf");
        const auto command = profile_.settings.find("command");
        json_.member("name",
                     command == profile_.settings.end() ? "pyebpf" : printable(command->second));
        json_.key("profiles");
        json_.begin_array();
        for (const Lane& lane : make_lanes(profile_, units_)) {
            if (sink_.failed()) return;
            write_lane(lane);
        }
        json_.end_array();
        json_.key("shared");
        json_.begin_object();
        json_.column("frames", frames_.values(),
                     [&](const FrameKey* frame) { write_frame(*frame); });
        json_.end_object();
        json_.end_object();
        json_.line_end();
    }

  private:
    // The viewer takes frames with an equal name, file and line for one; so do we.
    using FrameKey = std::tuple<std::string, std::string, uint32_t>;

    void write_lane(const Lane& lane) {
        std::vector<Run> runs;
        for (const uint32_t i : lane.samples) {
            const Sample& sample = profile_.samples[i];
            const StackId stack = stacks_.of(sample);
            if (runs.empty() || runs.back().stack != stack) runs.push_back({stack});
            runs.back().weight += sample.weight;
        }
        const Unit& unit = units_.list()[lane.unit];
        json_.begin_object();
        json_.member("type", "sampled");
        json_.member("name", lane_name(lane, unit));
        json_.member("unit", unit.is_time ? "nanoseconds" : "none");
        json_.member("startValue", 0);
        json_.member("endValue", lane.weight);
        json_.line_end();
        json_.column("samples", runs, [&](const Run& run) { write_stack(run.stack); });
        json_.column("weights", runs, [&](const Run& run) { json_.number(run.weight); });
        json_.end_object();
        json_.line_end();
    }

    [[nodiscard]] std::string lane_name(const Lane& lane, const Unit& unit) const {
        const ThreadFacts facts = thread_facts(profile_, lane.thread);
        std::string name;
        if (!facts.container.empty()) name += fmt::format("[{}] ", name_text(facts.container));
        if (facts.tid == 0) {
            name += "[unknown thread]";
        } else {
            name += fmt::format("{} (pid {}) / {} (tid {})", name_text(facts.process), facts.pid,
                                name_text(facts.thread), facts.tid);
        }
        if (lane.unit != 0) name += fmt::format(" [{}]", printable(unit.sources));
        return name;
    }

    void write_stack(StackId stack) {
        path_.clear();
        for (StackId id = stack; id.valid(); id = stacks_[id].parent)
            path_.push_back(frame_number(stacks_[id].frame));
        json_.begin_array();
        for (size_t i = path_.size(); i-- > 0;) json_.number(path_[i]);
        json_.end_array();
    }

    uint32_t frame_number(FrameId id) {
        if (id.value >= number_of_frame_.size())
            number_of_frame_.resize(stacks_.frame_count(), kNoNumber);
        uint32_t& number = number_of_frame_[id.value];
        if (number != kNoNumber) return number;
        return number = frames_.number(frame_key(id));
    }

    [[nodiscard]] FrameKey frame_key(FrameId id) const {
        const Frame frame = stacks_.frame(id);
        const std::string name = name_text(stacks_.name(id));
        if (frame.kind == FrameKind::kMarker) return {name, "", 0};
        std::string file = name_text(profile_.text(frame.file));
        if (file.empty() || frame.kind == FrameKind::kKernel)
            file = name_text(profile_.text(frame.module));
        if (frame.kind == FrameKind::kKernel) file = file.empty() ? "[kernel]" : "[kernel] " + file;
        return {name, file, options_.current_lines ? frame.line : frame.first_line};
    }

    void write_frame(const FrameKey& frame) {
        const auto& [name, file, line] = frame;
        json_.begin_object();
        json_.member("name", name);
        if (!file.empty()) json_.member("file", file);
        if (line != 0) json_.member("line", line);
        json_.end_object();
    }

    static constexpr uint32_t kNoNumber = UINT32_MAX;

    const Profile& profile_;
    const FormatOptions& options_;
    Sink& sink_;
    JsonStream json_;
    const Units units_;
    RootedStacks stacks_;
    Numbering<FrameKey> frames_;
    std::vector<uint32_t> number_of_frame_;
    std::vector<uint32_t> path_;
};

Result<void> write_speedscope(const Profile& profile, const FormatOptions& options, Sink& sink) {
    Speedscope(profile, options, sink).write();
    return {};
}

constexpr std::array<std::string_view, 1> kSpeedscopeExtensions{".speedscope.json"};

}  // namespace

extern constinit const Format kSpeedscope{
    .name = "speedscope",
    .extensions = kSpeedscopeExtensions,
    .description = "speedscope: threads in the order of time, sandwich view",
    .write = write_speedscope,
};

}  // namespace pyebpf::output
