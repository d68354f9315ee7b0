// SPDX-License-Identifier: Apache-2.0
// Firefox Profiler's processed profile, version 60, as gzip. Described in docs/formats/firefox.md.
// Newer versions of the viewer upgrade it when they load it (firefox-devtools/profiler,
// docs-developer/CHANGELOG-formats.md).
#include <fmt/format.h>

#include <array>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "output/function_index.h"
#include "output/gzip_sink.h"
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
using profile::Process;
using profile::Profile;
using profile::Sample;
using profile::StackId;
using profile::StringId;
using profile::ThreadState;

constexpr int kPreprocessedVersion = 60;
constexpr int kGeckoVersion = 31;  // of the part of the format that Firefox itself writes
constexpr int kTimeDigits = 6;     // nanoseconds as milliseconds

struct Category {
    std::string_view name;
    std::string_view color;
};
// The viewer wants one grey category.
constexpr std::array<Category, 6> kCategories{{{"Other", "grey"},
                                               {"Python", "yellow"},
                                               {"Native", "blue"},
                                               {"Interpreter", "lightblue"},
                                               {"Kernel", "orange"},
                                               {"Waiting", "transparent"}}};
constexpr int kOther = 0;
constexpr int kWaiting = 5;

int category_of(FrameKind kind) {
    switch (kind) {
        case FrameKind::kPython:
            return 1;
        case FrameKind::kNative:
            return 2;
        case FrameKind::kInterpreter:
            return 3;
        case FrameKind::kKernel:
            return 4;
        case FrameKind::kMarker:
            return kOther;
    }
    return kOther;
}

class Firefox {
  public:
    Firefox(const Profile& profile, Sink& sink)
        : profile_(profile),
          sink_(sink),
          json_(sink),
          units_(profile),
          stacks_(profile, {}, units_),
          functions_(index_functions(profile)) {
        string("");
    }

    void write() {
        json_.begin_object();
        write_meta();
        write_libraries();
        json_.key("threads");
        json_.begin_array();
        for (const Lane& lane : make_lanes(profile_, units_)) {
            if (sink_.failed()) return;
            write_lane(lane);
        }
        json_.end_array();
        json_.line_end();
        write_shared();  // last: the threads fill its tables
        json_.end_object();
        json_.line_end();
    }

  private:
    void write_meta() {
        json_.key("meta");
        json_.begin_object();
        json_.member("version", kGeckoVersion);
        json_.member("preprocessedProfileVersion", kPreprocessedVersion);
        json_.key("startTime");
        json_.raw(decimal(static_cast<uint64_t>(profile_.start_unix_ns), kTimeDigits));
        const bool has_period = !profile_.sources.empty() && units_.list()[0].is_time;
        const uint64_t period_ns = has_period ? profile_.sources[0].period : 0;
        json_.key("interval");
        json_.raw(period_ns == 0 ? "1" : decimal(period_ns, kTimeDigits));
        json_.member("processType", 0);
        json_.member("stackwalk", 1);
        json_.member("debug", false);
        json_.member("symbolicated", true);
        json_.member("usesOnlyOneStackType", true);
        json_.member("sourceCodeIsNotOnSearchfox", true);
        json_.member("product", "pyebpf");
        json_.member("importedFrom", "pyebpf");
        json_.member("oscpu", setting("machine"));
        json_.member("platform", setting("kernel"));
        json_.member("arguments", setting("command"));
        json_.line_end();
        write_categories();
        write_marker_schema();
        json_.key("extensions");
        json_.raw(R"({"length":0,"baseURL":[],"id":[],"name":[]})");
        json_.key("sampleUnits");
        json_.raw(R"({"time":"ms","eventDelay":"ms","threadCPUDelta":"µs"})");
        json_.end_object();
        json_.line_end();
    }

    void write_categories() {
        json_.column("categories", kCategories, [&](const Category& category) {
            json_.begin_object();
            json_.member("name", category.name);
            json_.member("color", category.color);
            json_.key("subcategories");
            json_.raw(R"(["Other"])");
            json_.end_object();
        });
    }

    void write_marker_schema() {
        json_.key("markerSchema");
        json_.raw(
            R"([{"name":"Wait","display":["marker-chart","marker-table","timeline-overview"],)"
            R"("tooltipLabel":"Waits: {marker.data.state}","tableLabel":"{marker.data.state}",)"
            R"("chartLabel":"{marker.data.state}",)"
            R"("fields":[{"key":"state","label":"Waits for","format":"string"}]}])");
        json_.line_end();
    }

    void write_libraries() {
        json_.column("libs", profile_.modules, [&](const profile::Module& module) {
            const std::string name = text(module.name);
            const std::string path = text(module.path);
            const std::string build_id = text(module.build_id);
            json_.begin_object();
            json_.member("arch", "");
            json_.member("name", name);
            json_.member("path", path);
            json_.member("debugName", name);
            json_.member("debugPath", path);
            json_.member("breakpadId", build_id);
            json_.member("codeId", build_id);
            json_.end_object();
        });
        json_.key("pages");
        json_.raw("[]");
        json_.key("counters");
        json_.raw("[]");
        json_.line_end();
    }

    void write_lane(const Lane& lane) {
        const ThreadFacts facts = thread_facts(profile_, lane.thread);
        const Unit& unit = units_.list()[lane.unit];
        std::string name = name_text(facts.thread.empty() ? "[unknown thread]" : facts.thread);
        if (lane.unit != 0) name += fmt::format(" [{}]", printable(unit.sources));
        std::string process = name_text(facts.process);
        if (!facts.container.empty()) process += fmt::format(" [{}]", name_text(facts.container));
        json_.begin_object();
        json_.member("processType", "default");
        json_.member("processName", process);
        json_.member("name", name);
        json_.member("isMainThread", facts.tid == facts.pid);
        json_.member("pid", process_key(lane, facts));
        json_.member("tid", facts.tid);
        json_.member("processStartupTime", 0);
        json_.key("processShutdownTime");
        json_.null();
        json_.member("registerTime", 0);
        json_.key("unregisterTime");
        json_.null();
        json_.key("pausedRanges");
        json_.raw("[]");
        json_.line_end();
        write_samples(lane, unit);
        write_waits(lane, unit);
        json_.end_object();
        json_.line_end();
    }

    // The viewer joins threads by this text: a program that was replaced (exec), or a pid that was
    // given again, is another process.
    std::string process_key(const Lane& lane, const ThreadFacts& facts) {
        if (facts.pid == 0) return "0";
        const auto process = profile_.threads[lane.thread.value].process;
        auto& same_pid = processes_of_pid_[facts.pid];
        const auto [entry, is_new] = same_pid.try_emplace(process, same_pid.size());
        return entry->second == 0 ? fmt::format("{}", facts.pid)
                                  : fmt::format("{}.{}", facts.pid, entry->second);
    }

    void write_samples(const Lane& lane, const Unit& unit) {
        const auto column = [&](std::string_view name, auto write) {
            json_.column(name, lane.samples, [&](uint32_t i) { write(profile_.samples[i]); });
        };
        json_.key("samples");
        json_.begin_object();
        // Milliseconds where the weight is time, else the number of events.
        json_.member("weightType", unit.is_time ? "tracing-ms" : "samples");
        json_.member("length", lane.samples.size());
        column("stack", [&](const Sample& s) { json_.number(stacks_.of(s).value); });
        column("time", [&](const Sample& s) { json_.raw(time_ms(s.time_ns)); });
        column("weight", [&](const Sample& s) {
            json_.raw(unit.is_time ? decimal(s.weight, kTimeDigits) : std::to_string(s.weight));
        });
        if (unit.is_time) {
            constexpr int kMicroDigits = 3;
            column("threadCPUDelta", [&](const Sample& s) {
                json_.raw(decimal(s.state == ThreadState::kRunning ? s.weight : 0, kMicroDigits));
            });
        }
        json_.end_object();
        json_.line_end();
    }

    void write_waits(const Lane& lane, const Unit& unit) {
        std::vector<uint32_t> waits;
        for (const uint32_t i : lane.samples) {
            if (unit.is_time && profile_.samples[i].state != ThreadState::kRunning)
                waits.push_back(i);
        }
        const auto column = [&](std::string_view name, auto write) {
            json_.column(name, waits, [&](uint32_t i) { write(profile_.samples[i]); });
        };
        json_.key("markers");
        json_.begin_object();
        json_.member("length", waits.size());
        column("name", [&](const Sample&) { json_.number(string("Waits")); });
        column("startTime", [&](const Sample& s) {
            json_.raw(time_ms(s.time_ns - std::min(s.time_ns, s.weight)));
        });
        column("endTime", [&](const Sample& s) { json_.raw(time_ms(s.time_ns)); });
        column("phase", [&](const Sample&) { json_.number(1); });  // an interval
        column("category", [&](const Sample&) { json_.number(kWaiting); });
        column("data", [&](const Sample& s) {
            json_.begin_object();
            json_.member("type", "Wait");
            json_.member("state", state_name(s.state));
            json_.key("cause");
            json_.begin_object();
            json_.key("time");
            json_.raw(time_ms(s.time_ns));
            json_.member("stack", stacks_.of(s).value);
            json_.end_object();
            json_.end_object();
        });
        json_.end_object();
        json_.line_end();
    }

    void write_shared() {
        json_.key("shared");
        json_.begin_object();
        write_stacks();
        write_frames();
        write_functions();
        write_resources();
        json_.key("nativeSymbols");
        json_.raw(R"({"length":0,"address":[],"functionSize":[],"libIndex":[],"name":[]})");
        json_.line_end();
        json_.column("stringArray", strings_in_order_,
                     [&](const std::string* entry) { json_.text(*entry); });
        json_.end_object();
    }

    void write_stacks() {
        std::vector<uint32_t> rows(stacks_.size());
        std::iota(rows.begin(), rows.end(), 0);
        json_.key("stackTable");
        json_.begin_object();
        json_.member("length", rows.size());
        json_.column("frame", rows,
                     [&](uint32_t id) { json_.number(stacks_[StackId{id}].frame.value); });
        json_.column("prefix", rows, [&](uint32_t id) {
            const StackId parent = stacks_[StackId{id}].parent;
            if (parent.valid()) {
                json_.number(parent.value);
            } else {
                json_.null();
            }
        });
        json_.end_object();
    }

    // Labels, at the end of the frames, are functions at the end of the functions.
    [[nodiscard]] uint32_t function_of(FrameId id) const {
        const auto labels_begin = static_cast<uint32_t>(profile_.frames.size());
        return stacks_.is_label(id)
                   ? static_cast<uint32_t>(functions_.functions.size()) + id.value - labels_begin
                   : functions_.of_frame[id.value];
    }

    void write_frames() {
        std::vector<FrameId> rows(stacks_.frame_count());
        for (uint32_t i = 0; i < rows.size(); i++) rows[i] = FrameId{i};
        const auto constant = [&](std::string_view name, std::string_view value) {
            json_.column(name, rows, [&](FrameId) { json_.raw(value); });
        };
        json_.key("frameTable");
        json_.begin_object();
        json_.member("length", rows.size());
        json_.column("func", rows, [&](FrameId id) { json_.number(function_of(id)); });
        json_.column("category", rows, [&](FrameId id) {
            const bool waits = stacks_.is_label(id) && stacks_.name(id).starts_with("[waits");
            json_.number(waits ? kWaiting : category_of(stacks_.frame(id).kind));
        });
        json_.column("line", rows, [&](FrameId id) { line(stacks_.frame(id).line); });
        constant("address", "-1");
        constant("inlineDepth", "0");  // counts within an address, which is not kept
        constant("subcategory", "0");
        constant("nativeSymbol", "null");
        constant("innerWindowID", "0");
        constant("column", "null");
        json_.end_object();
    }

    void write_functions() {
        std::vector<Frame> rows = functions_.functions;
        std::vector<std::string> names;
        for (const Frame& function : rows) names.push_back(text(function.function, "[unknown]"));
        for (size_t id = profile_.frames.size(); id < stacks_.frame_count(); id++) {
            const FrameId label{static_cast<uint32_t>(id)};
            names.push_back(name_text(stacks_.name(label)));
            rows.push_back({.kind = FrameKind::kMarker});
        }
        const auto constant = [&](std::string_view name, std::string_view value) {
            json_.column(name, rows, [&](const Frame&) { json_.raw(value); });
        };
        json_.key("funcTable");
        json_.begin_object();
        json_.member("length", rows.size());
        json_.column("name", names, [&](const std::string& name) { json_.number(string(name)); });
        json_.column("resource", rows, [&](const Frame& f) { json_.number(resource(f)); });
        json_.column("source", rows, [&](const Frame& f) { source(f); });
        json_.column("lineNumber", rows, [&](const Frame& f) { line(f.first_line); });
        constant("columnNumber", "null");
        // Python is not JavaScript: the viewer's "JavaScript" filter would hide what calls it.
        constant("isJS", "false");
        constant("relevantForJS", "false");
        json_.end_object();
    }

    void write_resources() {
        const std::vector<StringId>& rows = resource_modules_;
        json_.key("resourceTable");
        json_.begin_object();
        json_.member("length", rows.size());
        json_.column("name", rows, [&](StringId id) { json_.number(string(text(id))); });
        json_.column("lib", rows, [&](StringId id) {
            const auto found = std::ranges::find(profile_.modules, id, &profile::Module::name);
            if (found == profile_.modules.end()) {
                json_.null();
            } else {
                json_.number(found - profile_.modules.begin());
            }
        });
        json_.column("host", rows, [&](StringId) { json_.null(); });
        constexpr int kLibrary = 1;
        json_.column("type", rows, [&](StringId) { json_.number(kLibrary); });
        json_.end_object();
        json_.key("sources");
        json_.begin_object();
        json_.member("length", source_files_.size());
        json_.column("uuid", source_files_, [&](StringId) { json_.null(); });
        json_.column("filename", source_files_,
                     [&](StringId id) { json_.number(string(text(id))); });
        json_.end_object();
        json_.line_end();
    }

    void line(uint32_t line) {
        if (line == 0) {
            json_.null();
        } else {
            json_.number(line);
        }
    }

    int64_t resource(const Frame& function) {
        if (function.kind == FrameKind::kMarker || function.module.value == 0) return -1;
        return index_in(resource_ids_, resource_modules_, function.module);
    }

    void source(const Frame& function) {
        if (function.kind == FrameKind::kMarker || function.file.value == 0) {
            json_.null();
        } else {
            json_.number(index_in(source_ids_, source_files_, function.file));
        }
    }

    static int64_t index_in(std::map<StringId, int64_t>& ids, std::vector<StringId>& rows,
                            StringId id) {
        const auto [entry, is_new] = ids.try_emplace(id, rows.size());
        if (is_new) rows.push_back(id);
        return entry->second;
    }

    size_t string(const std::string& text) {
        const auto [entry, is_new] = strings_.try_emplace(text, strings_.size());
        if (is_new) strings_in_order_.push_back(&entry->first);
        return entry->second;
    }
    [[nodiscard]] std::string text(StringId id, std::string_view if_empty = "") const {
        const std::string_view text = profile_.text(id);
        return name_text(text.empty() ? if_empty : text);
    }
    [[nodiscard]] std::string setting(const std::string& key) const {
        const auto found = profile_.settings.find(key);
        return found == profile_.settings.end() ? "" : printable(found->second);
    }
    [[nodiscard]] std::string time_ms(uint64_t time_ns) const {
        return decimal(time_ns - std::min(time_ns, profile_.start_ns), kTimeDigits);
    }

    const Profile& profile_;
    Sink& sink_;
    JsonStream json_;
    const Units units_;
    RootedStacks stacks_;
    const FunctionIndex functions_;
    std::map<std::string, size_t> strings_;
    std::vector<const std::string*> strings_in_order_;
    std::map<StringId, int64_t> resource_ids_;
    std::vector<StringId> resource_modules_;
    std::map<StringId, int64_t> source_ids_;
    std::vector<StringId> source_files_;
    std::map<uint32_t, std::map<profile::ProcessId, size_t>> processes_of_pid_;
};

Result<void> write_firefox(const Profile& profile, const FormatOptions&, Sink& sink) {
    GzipSink gzip(sink);
    Firefox(profile, gzip).write();
    return gzip.finish();
}

constexpr std::array<std::string_view, 1> kFirefoxExtensions{".firefox.json.gz"};

}  // namespace

extern constinit const Format kFirefox{
    .name = "firefox",
    .extensions = kFirefoxExtensions,
    .description = "Firefox Profiler: timeline of processes and threads, call tree, flame graph",
    .write = write_firefox,
};

}  // namespace pyebpf::output
