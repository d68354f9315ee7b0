// SPDX-License-Identifier: Apache-2.0
// The whole profile as JSON lines, for scripts. Described in docs/formats/json-lines.md.
#include <array>
#include <string>

#include "output/json_stream.h"
#include "output/names.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::Process;
using profile::Profile;
using profile::Sample;
using profile::StackId;
using profile::StringId;
using profile::Thread;

constexpr int kJsonLinesVersion = 1;  // grows when a key changes its meaning or goes

class JsonLines {
  public:
    JsonLines(const Profile& profile, Sink& sink) : profile_(profile), sink_(sink) {}

    void write() {
        write_head();
        for (uint32_t i = 0; i < profile_.processes.size(); i++) write_process(i);
        for (uint32_t i = 0; i < profile_.threads.size(); i++) write_thread(i);
        for (uint32_t i = 0; i < profile_.frames.size(); i++) write_frame(i);
        for (uint32_t i = 0; i < profile_.stacks.size(); i++) write_stack(i);
        for (const Sample& sample : profile_.samples) {
            if (sink_.failed()) return;
            write_sample(sample);
        }
    }

  private:
    // One object on a line of its own.
    class Line {
      public:
        Line(Sink& sink, std::string_view type) : json_(sink) {
            json_.begin_object();
            json_.member("type", type);
        }
        ~Line() {
            json_.end_object();
            json_.line_end();
        }
        Line(const Line&) = delete;
        Line& operator=(const Line&) = delete;
        JsonStream* operator->() { return &json_; }
        // Members that are empty are left out.
        void text(std::string_view key, const std::string& value) {
            if (!value.empty()) json_.member(key, value);
        }
        void number(std::string_view key, uint64_t value) {
            if (value != 0) json_.member(key, value);
        }
        // A reference to another line; left out if there is none.
        template <class Tag>
        void id(std::string_view key, Id<Tag> id) {
            if (id.valid()) json_.member(key, id.value);
        }

      private:
        JsonStream json_;
    };

    void write_head() {
        {
            Line line(sink_, "profile");
            line->member("version", kJsonLinesVersion);
            line->member("start_ns", profile_.start_ns);
            line->member("end_ns", profile_.end_ns);
            line->member("start_unix_ns", profile_.start_unix_ns);
            line->member("is_cut", profile_.is_cut);
            line->member("samples", profile_.samples.size());
            line->key("settings");
            line->begin_object();
            for (const auto& [key, value] : profile_.settings)
                line->member(printable(key), printable(value));
            line->end_object();
        }
        for (uint32_t i = 0; i < profile_.sources.size(); i++) {
            const auto& source = profile_.sources[i];
            Line line(sink_, "source");
            line->member("id", i);
            line->member("name", printable(source.name));
            line->member("unit", printable(source.unit));
            line.number("period", source.period);
            line.number("frequency_hz", source.frequency_hz);
        }
        for (const auto& statistic : profile_.statistics) {
            Line line(sink_, "statistic");
            line->member("name", printable(statistic.name));
            line->member("value", statistic.value);
            line->member("loss", statistic.loss);
        }
        for (uint32_t i = 0; i < profile_.containers.size(); i++) {
            const auto& container = profile_.containers[i];
            Line line(sink_, "container");
            line->member("id", i);
            line.text("container_id", name(container.id));
            line.text("name", name(container.name));
            line.text("runtime", name(container.runtime));
            line.text("image", name(container.image));
            line.text("pod", name(container.pod));
            line.text("pod_namespace", name(container.pod_namespace));
            line.text("unit", name(container.unit));
            line.text("cgroup", name(container.cgroup));
        }
        for (const auto& module : profile_.modules) {
            Line line(sink_, "module");
            line->member("name", name(module.name));
            line.text("path", name(module.path));
            line.text("build_id", name(module.build_id));
        }
    }

    void write_process(uint32_t i) {
        const Process& process = profile_.processes[i];
        Line line(sink_, "process");
        line->member("id", i);
        line->member("pid", process.pid);
        line.number("parent_pid", process.parent_pid);
        line.number("namespace_pid", process.namespace_pid);
        line.number("start_ns", process.start_ns);
        line.number("end_ns", process.end_ns);
        line.text("name", name(process.name));
        line.text("command", name(process.command));
        line.text("executable", name(process.executable));
        line.text("python", name(process.python));
        line.id("container", process.container);
    }

    void write_thread(uint32_t i) {
        const Thread& thread = profile_.threads[i];
        Line line(sink_, "thread");
        line->member("id", i);
        line.id("process", thread.process);
        line->member("tid", thread.tid);
        line.text("name", name(thread.name));
        line.text("python_name", name(thread.python_name));
    }

    void write_frame(uint32_t i) {
        const Frame& frame = profile_.frame(FrameId{i});
        Line line(sink_, "frame");
        line->member("id", i);
        line->member("kind", kind_name(frame.kind));
        line->member("function", name(frame.function));
        line.text("file", name(frame.file));
        line.number("line", frame.line);
        line.number("first_line", frame.first_line);
        line.text("module", name(frame.module));
        if (frame.inlined) line->member("inlined", true);
    }

    void write_stack(uint32_t i) {
        const auto& node = profile_.stacks[StackId{i}];
        Line line(sink_, "stack");
        line->member("id", i);
        line.id("parent", node.parent);
        line->member("frame", node.frame.value);
    }

    void write_sample(const Sample& sample) {
        Line line(sink_, "sample");
        line->member("time_ns", sample.time_ns);
        line->member("weight", sample.weight);
        line->member("source", unsigned{sample.source});
        line.id("thread", sample.thread);
        line->member("cpu", unsigned{sample.cpu});
        line.id("stack", sample.stack);
        line->member("state", state_name(sample.state));
        if ((sample.flags & profile::kHoldsGil) != 0) line->member("holds_gil", true);
        if ((sample.flags & profile::kHandlesException) != 0)
            line->member("handles_exception", true);
        if ((sample.flags & profile::kCollectsGarbage) != 0) line->member("collects_garbage", true);
    }

    [[nodiscard]] std::string name(StringId id) const { return name_text(profile_.text(id)); }

    const Profile& profile_;
    Sink& sink_;
};

Result<void> write_json_lines(const Profile& profile, const FormatOptions&, Sink& sink) {
    JsonLines(profile, sink).write();
    return {};
}

constexpr std::array<std::string_view, 2> kJsonLinesExtensions{".jsonl", ".ndjson"};

}  // namespace

extern constinit const Format kJsonLines{
    .name = "jsonl",
    .extensions = kJsonLinesExtensions,
    .description = "JSON lines, every sample and definition: for scripts",
    .write = write_json_lines,
};

}  // namespace pyebpf::output
