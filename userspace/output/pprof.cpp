// SPDX-License-Identifier: Apache-2.0
// pprof: profile.proto of google/pprof, as gzip. Described in docs/formats/pprof.md. Fields are
// written as they become known, so only tables of ids are kept in memory.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "output/gzip_sink.h"
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
using protozero::pbf_writer;

// Field numbers of profile.proto.
namespace field {
enum Profile : uint32_t {
    kSampleType = 1,
    kSample = 2,
    kMapping = 3,
    kLocation = 4,
    kFunction = 5,
    kString = 6,
    kTimeNanos = 9,
    kDurationNanos = 10,
    kPeriodType = 11,
    kPeriod = 12,
    kComment = 13,
    kDefaultSampleType = 14,
};
enum ValueType : uint32_t { kType = 1, kUnit = 2 };
enum SampleFields : uint32_t { kLocationIds = 1, kValues = 2, kLabel = 3 };
enum Label : uint32_t { kKey = 1, kText = 2 };
enum Mapping : uint32_t {
    kMappingId = 1,
    kMappingFile = 5,
    kBuildId = 6,
    kHasFunctions = 7,
    kHasFilenames = 8,
    kHasLineNumbers = 9,
    kHasInlineFrames = 10,
};
enum Location : uint32_t { kLocationId = 1, kLocationMapping = 2, kLine = 4 };
enum Line : uint32_t { kLineFunction = 1, kLineNumber = 2 };
enum Function : uint32_t { kFunctionId = 1, kName = 2, kFilename = 4, kStartLine = 5 };
}  // namespace field

// "cpu" is what every reader knows; others as they call themselves, in its style: "off_cpu".
std::string type_name(std::string_view source) {
    if (source == "cpu-clock") return "cpu";
    std::string name = printable(source);
    std::ranges::replace(name, '-', '_');
    return name;
}

class Pprof {
  public:
    Pprof(const Profile& profile, const FormatOptions& options, Sink& sink)
        : profile_(profile),
          sink_(sink),
          units_(profile),
          stacks_(profile, options, units_),
          source_count_(profile.sources.size()) {
        string("");  // the format wants it at 0
    }

    void write() {
        write_types();
        write_facts();
        number_main_mapping();
        write_samples();
        flush();
    }

  private:
    // Samples that differ by nothing that the format can tell.
    struct Key {
        StackId stack;
        uint32_t thread;
        ThreadState state;
        auto operator<=>(const Key&) const = default;
    };
    // A stack whose leaf begins a location; frames that were inlined share that of their caller.
    struct Located {
        uint64_t location = 0;
        StackId caller;
    };

    void flush() {
        sink_.write(buffer_);
        buffer_.clear();
    }

    void message(field::Profile number, const std::string& bytes) {
        constexpr size_t kFlushBytes = 64 * 1024;
        pbf_writer(buffer_).add_message(number, bytes);
        if (buffer_.size() > kFlushBytes) flush();
    }

    uint64_t string(const std::string& text) {
        const auto [entry, is_new] = strings_.try_emplace(text, strings_.size());
        if (is_new) pbf_writer(buffer_).add_string(field::kString, text);
        return entry->second;
    }
    int64_t string_number(const std::string& text) { return static_cast<int64_t>(string(text)); }

    std::string value_type(const std::string& type, const std::string& unit) {
        std::string bytes;
        pbf_writer writer(bytes);
        writer.add_int64(field::kType, string_number(type));
        writer.add_int64(field::kUnit, string_number(unit));
        return bytes;
    }

    void write_types() {
        message(field::kSampleType, value_type("samples", "count"));
        for (const auto& source : profile_.sources)
            message(field::kSampleType, value_type(type_name(source.name), printable(source.unit)));
        if (profile_.sources.empty()) return;
        const auto& first = profile_.sources.front();
        message(field::kPeriodType, value_type(type_name(first.name), printable(first.unit)));
        const int64_t type = string_number(type_name(first.name));
        pbf_writer top(buffer_);
        top.add_int64(field::kPeriod, static_cast<int64_t>(first.period));
        top.add_int64(field::kDefaultSampleType, type);
    }

    void write_facts() {
        std::vector<int64_t> comments;
        for (const auto& [key, value] : profile_.settings)
            comments.push_back(string_number(printable(key + ": " + value)));
        for (const auto& statistic : profile_.statistics) {
            if (!statistic.loss || statistic.value == 0) continue;
            comments.push_back(string_number(
                printable(fmt::format("loss: {}: {}", statistic.name, statistic.value))));
        }
        pbf_writer top(buffer_);
        top.add_int64(field::kTimeNanos, profile_.start_unix_ns);
        top.add_int64(field::kDurationNanos,
                      static_cast<int64_t>(profile_.end_ns - profile_.start_ns));
        top.add_packed_int64(field::kComment, comments.begin(), comments.end());
    }

    // The first mapping is what readers call the profile after: the program with the most samples.
    void number_main_mapping() {
        std::vector<uint64_t> samples(profile_.processes.size());
        for (const Sample& sample : profile_.samples) {
            if (sample.thread.value >= profile_.threads.size()) continue;
            const uint32_t process = profile_.threads[sample.thread.value].process.value;
            if (process < samples.size()) samples[process]++;
        }
        if (samples.empty()) return;
        const auto most = std::ranges::max_element(samples) - samples.begin();
        const Process& process = profile_.processes[static_cast<size_t>(most)];
        const std::string_view path = profile_.text(process.executable);
        const std::string_view name = path.substr(path.rfind('/') + 1);
        mapping(name.empty() ? profile_.text(process.name) : name);
    }

    void write_samples() {
        std::map<Key, size_t> groups;
        std::vector<Key> keys;
        std::vector<uint64_t> values;
        const size_t columns = 1 + source_count_;
        for (const Sample& sample : profile_.samples) {
            Sample running = sample;
            running.state = ThreadState::kRunning;  // the state is a label here
            const Key key{stacks_.of(running), sample.thread.value, sample.state};
            const auto [entry, is_new] = groups.try_emplace(key, keys.size());
            if (is_new) {
                keys.push_back(key);
                values.resize(values.size() + columns);
            }
            uint64_t* row = &values[entry->second * columns];
            row[0]++;
            if (sample.source < source_count_) row[1 + sample.source] += sample.weight;
        }
        for (size_t i = 0; i < keys.size() && !sink_.failed(); i++)
            write_sample(keys[i], &values[i * columns], columns);
    }

    void write_sample(const Key& key, const uint64_t* values, size_t count) {
        locations_.clear();
        for (StackId id = key.stack; id.valid();) {
            const Located located = located_at(id);
            locations_.push_back(located.location);
            id = located.caller;
        }
        std::string bytes;
        pbf_writer writer(bytes);
        writer.add_packed_uint64(field::kLocationIds, locations_.begin(), locations_.end());
        writer.add_packed_int64(field::kValues, values, values + count);
        const ThreadFacts facts = thread_facts(profile_, profile::ThreadId{key.thread});
        // Texts, numbers too: several readers drop or misunderstand numeric labels.
        if (facts.pid != 0) label(writer, "pid", std::to_string(facts.pid));
        if (facts.tid != 0) label(writer, "tid", std::to_string(facts.tid));
        label(writer, "comm", name_text(facts.process));
        label(writer, "thread", name_text(facts.thread));
        label(writer, "container", name_text(facts.container));
        label(writer, "python", name_text(facts.python));
        if (key.state != ThreadState::kRunning)
            label(writer, "state", std::string(state_name(key.state)));
        message(field::kSample, bytes);
    }

    void label(pbf_writer& sample, const std::string& key, const std::string& text) {
        if (text.empty()) return;
        std::string bytes;
        pbf_writer writer(bytes);
        writer.add_int64(field::kKey, string_number(key));
        writer.add_int64(field::kText, string_number(text));
        sample.add_message(field::kLabel, bytes);
    }

    Located located_at(StackId id) {
        if (id.value >= located_.size()) located_.resize(stacks_.size());
        if (located_[id.value].location != 0) return located_[id.value];
        std::vector<uint32_t> frames;
        StackId caller = id;
        for (bool is_inlined = true; is_inlined && caller.valid();) {
            const auto& node = stacks_[caller];
            frames.push_back(node.frame.value);
            is_inlined = stacks_.frame(node.frame).inlined;
            caller = node.parent;
        }
        return located_[id.value] = {location(frames), caller};
    }

    uint64_t location(const std::vector<uint32_t>& frames) {
        const auto [entry, is_new] = location_ids_.try_emplace(frames, location_ids_.size() + 1);
        if (!is_new) return entry->second;
        std::string bytes;
        pbf_writer writer(bytes);
        writer.add_uint64(field::kLocationId, entry->second);
        if (const uint64_t id = mapping_of(stacks_.frame(FrameId{frames.back()})); id != 0)
            writer.add_uint64(field::kLocationMapping, id);
        for (const uint32_t frame : frames) {
            std::string line;
            pbf_writer line_writer(line);
            line_writer.add_uint64(field::kLineFunction, function(FrameId{frame}));
            line_writer.add_int64(field::kLineNumber, stacks_.frame(FrameId{frame}).line);
            writer.add_message(field::kLine, line);
        }
        message(field::kLocation, bytes);
        return entry->second;
    }

    // Without system_name: pprof takes one that equals the name for a C++ symbol and makes "" of
    // "<module>" (internal/symbolizer/symbolizer.go, looksLikeDemangledCPlusPlus).
    uint64_t function(FrameId id) {
        const Frame frame = stacks_.frame(id);
        const std::string name = name_text(stacks_.name(id));
        const std::string file =
            name_text(profile_.text(frame.kind == FrameKind::kMarker ? StringId{0} : frame.file));
        const auto key = std::tuple(name, file, frame.first_line, mapping_of(frame));
        const auto [entry, is_new] = function_ids_.try_emplace(key, function_ids_.size() + 1);
        if (!is_new) return entry->second;
        std::string bytes;
        pbf_writer writer(bytes);
        writer.add_uint64(field::kFunctionId, entry->second);
        writer.add_int64(field::kName, string_number(name));
        writer.add_int64(field::kFilename, string_number(file));
        writer.add_int64(field::kStartLine, frame.first_line);
        message(field::kFunction, bytes);
        return entry->second;
    }

    uint64_t mapping_of(const Frame& frame) {
        switch (frame.kind) {
            case FrameKind::kPython:
                return mapping("[python]");
            case FrameKind::kKernel:
                return mapping("[kernel]");
            case FrameKind::kNative:
            case FrameKind::kInterpreter:
                return frame.module.value == 0 ? 0 : mapping(profile_.text(frame.module));
            case FrameKind::kMarker:
                return 0;
        }
        return 0;
    }

    uint64_t mapping(std::string_view module) {
        const std::string name = name_text(module);
        const auto [entry, is_new] = mapping_ids_.try_emplace(name, mapping_ids_.size() + 1);
        if (!is_new) return entry->second;
        const auto found = std::ranges::find_if(profile_.modules, [&](const auto& known) {
            return profile_.text(known.name) == module;
        });
        std::string bytes;
        pbf_writer writer(bytes);
        writer.add_uint64(field::kMappingId, entry->second);
        writer.add_int64(field::kMappingFile, string_number(name));
        if (found != profile_.modules.end()) {
            writer.add_int64(field::kBuildId,
                             string_number(name_text(profile_.text(found->build_id))));
        }
        // All that can be named was named: nobody should look for symbols again.
        for (const auto has : {field::kHasFunctions, field::kHasFilenames, field::kHasLineNumbers,
                               field::kHasInlineFrames}) {
            writer.add_bool(has, true);
        }
        message(field::kMapping, bytes);
        return entry->second;
    }

    const Profile& profile_;
    Sink& sink_;
    const Units units_;
    RootedStacks stacks_;
    const size_t source_count_;
    std::string buffer_;
    // Ids are 1, 2, 3 …: Parca refuses others (parca, pkg/normalizer/validate.go).
    std::map<std::string, uint64_t> strings_;
    std::map<std::string, uint64_t> mapping_ids_;
    std::map<std::tuple<std::string, std::string, uint32_t, uint64_t>, uint64_t> function_ids_;
    std::map<std::vector<uint32_t>, uint64_t> location_ids_;
    std::vector<Located> located_;  // by stack
    std::vector<uint64_t> locations_;
};

Result<void> write_pprof(const Profile& profile, const FormatOptions& options, Sink& sink) {
    GzipSink gzip(sink);
    Pprof(profile, options, gzip).write();
    return gzip.finish();
}

constexpr std::array<std::string_view, 2> kPprofExtensions{".pb.gz", ".pprof"};

}  // namespace

extern constinit const Format kPprof{
    .name = "pprof",
    .extensions = kPprofExtensions,
    .description = "pprof: for `go tool pprof`, Pyroscope, Parca and many other tools",
    .write = write_pprof,
};

}  // namespace pyebpf::output
