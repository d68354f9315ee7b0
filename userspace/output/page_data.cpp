// SPDX-License-Identifier: Apache-2.0
#include "output/page_data.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "output/names.h"
#include "output/page_columns.h"

namespace pyebpf::output {

namespace {

using nlohmann::json;
using profile::Frame;
using profile::FrameId;
using profile::Profile;
using profile::StackId;
using profile::StringId;

constexpr int kPageVersion = 2;  // html/data.ts refuses any other
constexpr uint32_t kNone = UINT32_MAX;

// One row of the table of samples: samples that differ in nothing are one.
struct Row {
    uint64_t time = 0;  // units since the start of its profile
    uint8_t side = 0;   // 0: base, or the only profile; 1: head
    int64_t thread = -1;
    int64_t stack = -1;
    uint8_t source = 0;
    uint16_t cpu = 0;
    uint8_t state = 0;
    uint8_t flags = 0;
    uint64_t count = 1;
    uint64_t weight = 0;

    [[nodiscard]] auto key() const {
        return std::tie(time, side, thread, stack, source, cpu, state, flags);
    }
};

// A source file as the page shows it: valid UTF-8, no control characters, tabs spelled out.
std::string source_text(std::string_view text) {
    constexpr size_t kTab = 8;
    std::string result;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string line;
        for (const char c : text.substr(0, end)) {
            if (c == '\t') {
                line.append(kTab - line.size() % kTab, ' ');
            } else if (c != '\r') {
                line += c;
            }
        }
        result += printable(line) + '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
}

class PageData {
  public:
    explicit PageData(bool is_pair) : is_pair_(is_pair) { strings_.intern(""); }

    void add(const Profile& profile, uint8_t side) {
        // Times need no more than 31 bits.
        const uint64_t duration = profile.end_ns - profile.start_ns;
        uint64_t unit = std::max<uint64_t>(1000, duration >> 31);
        if (profile.samples.size() > kExactSamples) unit = std::max(unit, duration / kCoarseTimes);
        time_unit_ns_ = std::max(time_unit_ns_, unit);

        threads_of_profile_.assign(profile.threads.size(), kNone);
        processes_of_profile_.assign(profile.processes.size(), kNone);
        frames_of_profile_.assign(profile.frames.size(), kNone);
        stacks_of_profile_.assign(profile.stacks.size(), kNone);
        translate_stacks(profile);
        for (const auto& sample : profile.samples) {
            Row row{.side = side,
                    .source = source(profile, sample.source),
                    .cpu = sample.cpu,
                    .state = static_cast<uint8_t>(sample.state),
                    .flags = sample.flags,
                    .weight = sample.weight};
            row.time = sample.time_ns > profile.start_ns ? sample.time_ns - profile.start_ns : 0;
            if (sample.stack.valid()) row.stack = stacks_of_profile_[sample.stack.value];
            if (sample.thread.value < profile.threads.size())
                row.thread = thread(profile, sample.thread.value);
            rows_.push_back(row);
        }
        add_source_texts(profile);
        add_modules(profile);
        sides_.push_back(side_facts(profile));
    }

    void set_difference(const Difference& difference) {
        sides_[0]["name"] = printable(difference.base_name);
        sides_[0]["scale"] = difference.base_scale;
        sides_[1]["name"] = printable(difference.head_name);
        sides_[1]["scale"] = difference.head_scale;
        json& verdicts = directory_["verdicts"] = json::array();
        for (const FunctionVerdict& verdict : difference.verdicts) {
            const FrameId function = functions_.intern({.kind = verdict.kind,
                                                        .function = name(verdict.function),
                                                        .file = name(verdict.file),
                                                        .module = name(verdict.module)});
            if (function.value == function_list_.size())
                function_list_.push_back(functions_[function]);
            verdicts.push_back({{"function", function.value},
                                {"verdict", static_cast<int>(verdict.verdict)},
                                {"base", verdict.base},
                                {"head", verdict.head},
                                {"low", verdict.low},
                                {"high", verdict.high},
                                {"note", printable(verdict.note)}});
        }
        directory_["confidence"] = difference.confidence;
        directory_["conclusion"] = printable(difference.conclusion);
    }

    void write(const FormatOptions& options, Sink& sink) {
        PageColumns columns(sink);
        merge_rows();
        write_samples(columns);
        write_code(columns);
        write_threads(columns);
        directory_["version"] = kPageVersion;
        directory_["time_unit_ns"] = time_unit_ns_;
        directory_["sides"] = sides_;
        directory_["sources"] = sources_;
        directory_["processes"] = processes_;
        directory_["containers"] = containers_;
        directory_["modules"] = modules_;
        directory_["source_texts"] = source_texts_;
        directory_["options"] = {{"per_process", options.per_process},
                                 {"per_thread", options.per_thread},
                                 {"current_lines", options.current_lines}};
        json& strings = directory_["strings"] = json::array();
        for (uint32_t id = 0; id < strings_.size(); id++) strings.push_back(strings_[StringId{id}]);
        columns.end(directory_);
    }

  private:
    // Foreign names, made safe and distinguishable.
    StringId name(std::string_view name) { return strings_.intern(name_text(name)); }
    StringId name(const Profile& profile, StringId id) { return name(profile.text(id)); }

    static json side_facts(const Profile& profile) {
        json settings = json::array();  // pairs: an object of the page cannot have every key
        for (const auto& [key, value] : profile.settings)
            settings.push_back({printable(key), printable(value)});
        json statistics = json::array();
        for (const auto& statistic : profile.statistics) {
            statistics.push_back({{"name", printable(statistic.name)},
                                  {"text", printable(statistic.text)},
                                  {"value", statistic.value},
                                  {"loss", statistic.loss}});
        }
        return {{"name", ""},
                {"scale", 0},
                {"start_unix_ms", profile.start_unix_ns / 1'000'000},
                {"duration_seconds", profile.duration_seconds()},
                {"is_cut", profile.is_cut},
                {"settings", settings},
                {"statistics", statistics}};
    }

    // Sources of two profiles with one name and unit are one.
    uint8_t source(const Profile& profile, uint8_t id) {
        if (id >= profile.sources.size()) return id;
        const auto& wanted = profile.sources[id];
        const std::string name = printable(wanted.name);
        const std::string unit = printable(wanted.unit);
        for (size_t i = 0; i < sources_.size(); i++) {
            if (sources_[i]["name"] == name && sources_[i]["unit"] == unit)
                return static_cast<uint8_t>(i);
        }
        sources_.push_back({{"name", name},
                            {"unit", unit},
                            {"period", wanted.period},
                            {"frequency_hz", wanted.frequency_hz}});
        return static_cast<uint8_t>(sources_.size() - 1);
    }

    void translate_stacks(const Profile& profile) {
        std::vector<bool> used(profile.stacks.size());
        for (const auto& sample : profile.samples) {
            for (StackId id = sample.stack; id.valid() && !used[id.value];
                 id = profile.stacks[id].parent)
                used[id.value] = true;
        }
        // Parents have smaller ids than their children, here and in the page.
        for (uint32_t id = 0; id < used.size(); id++) {
            if (!used[id]) continue;
            const auto& node = profile.stacks[StackId{id}];
            const StackId parent =
                node.parent.valid() ? StackId{stacks_of_profile_[node.parent.value]} : StackId{};
            stacks_of_profile_[id] = stacks_.push(parent, frame(profile, node.frame)).value;
        }
    }

    FrameId frame(const Profile& profile, FrameId id) {
        uint32_t& known = frames_of_profile_[id.value];
        if (known != kNone) return FrameId{known};
        Frame frame = profile.frame(id);
        frame.function = name(profile, frame.function);
        frame.file = name(profile, frame.file);
        frame.module = name(profile, frame.module);
        // An edit above a function changes its lines: two versions of it are compared without.
        if (is_pair_) frame.line = frame.first_line = 0;
        const FrameId result = frames_.intern(frame);
        known = result.value;
        if (known == function_of_frame_.size()) {
            frame.line = 0;
            frame.inlined = false;
            const FrameId function = functions_.intern(frame);
            if (function.value == function_list_.size()) function_list_.push_back(frame);
            function_of_frame_.push_back(function.value);
        }
        return result;
    }

    uint32_t thread(const Profile& profile, uint32_t id) {
        uint32_t& known = threads_of_profile_[id];
        if (known != kNone) return known;
        const auto& thread = profile.threads[id];
        const int64_t process =
            thread.process.value < profile.processes.size()
                ? static_cast<int64_t>(this->process(profile, thread.process.value))
                : -1;
        thread_rows_.push_back({process, thread.tid, name(profile, thread.name).value,
                                name(profile, thread.python_name).value});
        return known = static_cast<uint32_t>(thread_rows_.size() - 1);
    }

    uint32_t process(const Profile& profile, uint32_t id) {
        uint32_t& known = processes_of_profile_[id];
        if (known != kNone) return known;
        const auto& process = profile.processes[id];
        const auto seconds = [&](uint64_t time_ns) {
            return time_ns <= profile.start_ns
                       ? json()
                       : json(static_cast<double>(time_ns - profile.start_ns) * 1e-9);
        };
        processes_.push_back({{"pid", process.pid},
                              {"parent_pid", process.parent_pid},
                              {"name", name(profile, process.name).value},
                              {"command", printable(profile.text(process.command))},
                              {"python", printable(profile.text(process.python))},
                              {"container", container(profile, process)},
                              {"start_seconds", seconds(process.start_ns)},
                              {"end_seconds", seconds(process.end_ns)}});
        return known = static_cast<uint32_t>(processes_.size() - 1);
    }

    int64_t container(const Profile& profile, const profile::Process& process) {
        const std::string_view text = profile.container_text(process);
        if (text.empty()) return -1;
        const auto& container = profile.containers[process.container.value];
        const json entry{{"name", name(text).value},
                         {"id", printable(profile.text(container.id))},
                         {"runtime", printable(profile.text(container.runtime))},
                         {"image", printable(profile.text(container.image))},
                         {"pod", printable(profile.text(container.pod))},
                         {"pod_namespace", printable(profile.text(container.pod_namespace))}};
        const auto known = std::ranges::find(containers_, entry);
        if (known == containers_.end()) {
            containers_.push_back(entry);
            return static_cast<int64_t>(containers_.size() - 1);
        }
        return known - containers_.begin();
    }

    void add_source_texts(const Profile& profile) {
        std::vector<bool> used(profile.strings.size());
        for (uint32_t id = 0; id < frames_of_profile_.size(); id++) {
            if (frames_of_profile_[id] != kNone) used[profile.frame(FrameId{id}).file.value] = true;
        }
        for (const auto& [file, text] : profile.source_texts) {
            if (!used[file.value]) continue;
            source_texts_.push_back(
                {{"file", name(profile, file).value}, {"text", source_text(text)}});
        }
    }

    void add_modules(const Profile& profile) {
        std::vector<bool> used(profile.strings.size());
        for (uint32_t id = 0; id < frames_of_profile_.size(); id++) {
            if (frames_of_profile_[id] != kNone)
                used[profile.frame(FrameId{id}).module.value] = true;
        }
        for (const auto& module : profile.modules) {
            if (module.name.value == 0 || !used[module.name.value]) continue;
            json entry{{"name", name(profile, module.name).value},
                       {"path", printable(profile.text(module.path))},
                       {"build_id", printable(profile.text(module.build_id))}};
            if (std::ranges::find(modules_, entry) == modules_.end())
                modules_.push_back(std::move(entry));
        }
    }

    void merge_rows() {
        for (Row& row : rows_) row.time /= time_unit_ns_;
        std::ranges::sort(rows_, {}, &Row::key);
        size_t kept = 0;
        for (size_t i = 0; i < rows_.size(); i++) {
            if (kept > 0 && rows_[kept - 1].key() == rows_[i].key()) {
                rows_[kept - 1].count += rows_[i].count;
                rows_[kept - 1].weight += rows_[i].weight;
            } else {
                rows_[kept++] = rows_[i];
            }
        }
        rows_.resize(kept);
    }

    template <class Rows, class Value>
    json column(PageColumns& columns, const Rows& rows, Value value,
                ColumnForm form = ColumnForm::kPlain) {
        std::vector<int64_t> values;
        values.reserve(rows.size());
        for (const auto& row : rows)
            values.push_back(static_cast<int64_t>(std::invoke(value, row)));
        return columns.write(values, form);
    }

    void write_samples(PageColumns& columns) {
        json& table = directory_["samples"];
        table["rows"] = rows_.size();
        table["time"] = column(columns, rows_, &Row::time, ColumnForm::kDeltas);
        table["side"] = column(columns, rows_, &Row::side);
        table["thread"] = column(columns, rows_, &Row::thread);
        table["stack"] = column(columns, rows_, &Row::stack);
        table["source"] = column(columns, rows_, &Row::source);
        table["cpu"] = column(columns, rows_, &Row::cpu);
        table["state"] = column(columns, rows_, &Row::state);
        table["flags"] = column(columns, rows_, &Row::flags);
        table["count"] = column(columns, rows_, &Row::count);
        table["weight"] = column(columns, rows_, &Row::weight);
    }

    void write_code(PageColumns& columns) {
        json& functions = directory_["functions"];
        functions["rows"] = function_list_.size();
        functions["kind"] = column(columns, function_list_, &Frame::kind);
        functions["line"] = column(columns, function_list_, &Frame::first_line);
        const auto text = [&](StringId Frame::* member) {
            return column(columns, function_list_,
                          [=](const Frame& frame) { return (frame.*member).value; });
        };
        functions["name"] = text(&Frame::function);
        functions["file"] = text(&Frame::file);
        functions["module"] = text(&Frame::module);

        std::vector<FrameId> frames;
        for (uint32_t id = 0; id < frames_.size(); id++) frames.push_back(FrameId{id});
        json& frame_table = directory_["frames"];
        frame_table["rows"] = frames.size();
        frame_table["function"] =
            column(columns, frames, [&](FrameId id) { return function_of_frame_[id.value]; });
        frame_table["line"] = column(columns, frames, [&](FrameId id) { return frames_[id].line; });
        frame_table["inlined"] =
            column(columns, frames, [&](FrameId id) { return frames_[id].inlined; });

        std::vector<StackId> stacks;
        for (uint32_t id = 0; id < stacks_.size(); id++) stacks.push_back(StackId{id});
        json& stack_table = directory_["stacks"];
        stack_table["rows"] = stacks.size();
        stack_table["parent"] = column(
            columns, stacks,
            [&](StackId id) {
                const StackId parent = stacks_[id].parent;
                return parent.valid() ? static_cast<int64_t>(parent.value) : -1;
            },
            ColumnForm::kDeltas);
        stack_table["frame"] =
            column(columns, stacks, [&](StackId id) { return stacks_[id].frame.value; });
    }

    void write_threads(PageColumns& columns) {
        json& table = directory_["threads"];
        table["rows"] = thread_rows_.size();
        table["process"] = column(columns, thread_rows_, &ThreadRow::process);
        table["tid"] = column(columns, thread_rows_, &ThreadRow::tid);
        table["name"] = column(columns, thread_rows_, &ThreadRow::name);
        table["python_name"] = column(columns, thread_rows_, &ThreadRow::python_name);
    }

    struct ThreadRow {
        int64_t process;  // -1: not known
        uint32_t tid;
        uint32_t name;
        uint32_t python_name;
    };

    bool is_pair_;
    uint64_t time_unit_ns_ = 1;
    json directory_ = json::object();

    // Of the page; strings are safe to show.
    profile::StringTable strings_;
    profile::FrameTable frames_;
    profile::FrameTable functions_;
    profile::StackTable stacks_;
    std::vector<Frame> function_list_;
    std::vector<uint32_t> function_of_frame_;
    std::vector<ThreadRow> thread_rows_;
    std::vector<Row> rows_;
    json sides_ = json::array();
    json sources_ = json::array();
    json processes_ = json::array();
    json containers_ = json::array();
    json modules_ = json::array();
    json source_texts_ = json::array();

    // What the ids of the profile that is being added became.
    std::vector<uint32_t> threads_of_profile_;
    std::vector<uint32_t> processes_of_profile_;
    std::vector<uint32_t> frames_of_profile_;
    std::vector<uint32_t> stacks_of_profile_;
};

}  // namespace

void write_page_data(const Profile& profile, const FormatOptions& options, Sink& sink) {
    PageData data(false);
    data.add(profile, 0);
    data.write(options, sink);
}

void write_differential_page_data(const Profile& base, const Profile& head,
                                  const Difference& difference, const FormatOptions& options,
                                  Sink& sink) {
    PageData data(true);
    data.add(base, 0);
    data.add(head, 1);
    data.set_difference(difference);
    data.write(options, sink);
}

}  // namespace pyebpf::output
