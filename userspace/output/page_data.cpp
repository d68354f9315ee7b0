// SPDX-License-Identifier: Apache-2.0
#include "output/page_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "output/names.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::Profile;
using profile::StackId;

constexpr int kVersion = 1;  // html/data.ts refuses any other

// A JSON string that cannot end the <script> element around it or open a comment in it: no '<', '>'
// or '&' (HTML standard, "Restrictions for contents of script elements"). The text is printable()
// already.
std::string json_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        switch (c) {
            case '"':
                result += "\\\"";
                break;
            case '\\':
                result += "\\\\";
                break;
            case '<':
                result += "\\u003c";
                break;
            case '>':
                result += "\\u003e";
                break;
            case '&':
                result += "\\u0026";
                break;
            default:
                result += c;
        }
    }
    return result + "\"";
}

// Numbers the used members of a table 0, 1, 2 … in the order of their old ids.
class Renumbering {
  public:
    static constexpr int64_t kNone = -1;

    explicit Renumbering(size_t size) : used_(size) {}
    // True if it was not marked before.
    bool mark(uint32_t id) {
        const bool is_new = !used_[id];
        used_[id] = true;
        return is_new;
    }
    void number() {
        new_ids_.assign(used_.size(), kNone);
        for (uint32_t id = 0; id < used_.size(); id++) {
            if (!used_[id]) continue;
            new_ids_[id] = static_cast<int64_t>(old_ids_.size());
            old_ids_.push_back(id);
        }
    }
    [[nodiscard]] int64_t operator[](uint32_t id) const {
        return id < new_ids_.size() ? new_ids_[id] : kNone;
    }
    [[nodiscard]] const std::vector<uint32_t>& old_ids() const { return old_ids_; }

  private:
    std::vector<bool> used_;
    std::vector<int64_t> new_ids_;
    std::vector<uint32_t> old_ids_;
};

// Writes {"name": [..], ...}: one table as columns.
class Table {
  public:
    Table(Sink& sink, std::string_view name) : sink_(sink) {
        sink_.write(fmt::format(",\n\"{}\":{{", name));
    }
    ~Table() { sink_.write("}"); }
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    template <class Rows, class Value>
    void column(std::string_view name, const Rows& rows, Value value) {
        sink_.write(fmt::format("{}\n\"{}\":[", is_first_ ? "" : ",", name));
        is_first_ = false;
        std::string text;
        bool is_first_row = true;
        for (const auto& row : rows) {
            text.clear();
            if (!is_first_row) text += ',';
            is_first_row = false;
            fmt::format_to(std::back_inserter(text), "{}", value(row));
            sink_.write(text);
        }
        sink_.write("]");
    }

  private:
    Sink& sink_;
    bool is_first_ = true;
};

struct Group {
    uint64_t count = 0;
    uint64_t weight = 0;
};
struct GroupKey {
    uint32_t thread;
    uint8_t source;
    uint32_t stack;
    auto operator<=>(const GroupKey&) const = default;
};

class PageData {
  public:
    PageData(const Profile& profile, Sink& sink)
        : profile_(profile),
          sink_(sink),
          stacks_(profile.stacks.size()),
          frames_(profile.frames.size()),
          threads_(profile.threads.size()),
          processes_(profile.processes.size()) {
        strings_.intern("");
    }

    void write(const FormatOptions& options) {
        sum_samples();
        mark_used();
        number_functions();
        write_header(options);
        write_processes();
        write_code();
        write_samples();
        write_strings();  // last: the others fill the table
        sink_.write("\n}\n");
    }

  private:
    void sum_samples() {
        for (const auto& sample : profile_.samples) {
            Group& group = groups_[{sample.thread.value, sample.source, sample.stack.value}];
            group.count++;
            group.weight += sample.weight;
        }
    }

    void mark_used() {
        for (const auto& [key, group] : groups_) {
            for (StackId id{key.stack}; id.valid() && stacks_.mark(id.value);
                 id = profile_.stacks[id].parent) {
                frames_.mark(profile_.stacks[id].frame.value);
            }
            if (key.thread >= profile_.threads.size()) continue;
            threads_.mark(key.thread);
            const uint32_t process = profile_.threads[key.thread].process.value;
            if (process < profile_.processes.size()) processes_.mark(process);
        }
        for (Renumbering* table : {&stacks_, &frames_, &threads_, &processes_}) table->number();
    }

    void number_functions() {
        for (const uint32_t id : frames_.old_ids()) {
            Frame function = profile_.frame(FrameId{id});
            function.line = 0;
            function.inlined = false;
            const FrameId number = functions_.intern(function);
            if (number.value == function_list_.size()) function_list_.push_back(function);
            function_of_frame_.push_back(number.value);
        }
    }

    void write_header(const FormatOptions& options) {
        sink_.write(
            fmt::format("{{\n\"version\":{},\n\"start_unix_ms\":{},\n\"duration_seconds\":{:.6f}",
                        kVersion, profile_.start_unix_ns / 1'000'000, profile_.duration_seconds()));
        sink_.write(fmt::format(
            ",\n\"options\":{{\"per_process\":{},\"per_thread\":{},\"current_lines\":{}}}",
            options.per_process, options.per_thread, options.current_lines));
        sink_.write(",\n\"settings\":{");
        std::string_view comma;
        for (const auto& [key, value] : profile_.settings) {
            sink_.write(fmt::format("{}\n{}:{}", std::exchange(comma, ","),
                                    json_text(printable(key)), json_text(printable(value))));
        }
        sink_.write("}");
        write_sources();
        write_statistics_table();
    }

    void write_sources() {
        Table sources(sink_, "sources");
        sources.column("name", profile_.sources,
                       [](const auto& s) { return json_text(printable(s.name)); });
        sources.column("unit", profile_.sources,
                       [](const auto& s) { return json_text(printable(s.unit)); });
        sources.column("period", profile_.sources, [](const auto& s) { return s.period; });
        sources.column("frequency_hz", profile_.sources,
                       [](const auto& s) { return s.frequency_hz; });
    }

    void write_statistics_table() {
        Table table(sink_, "statistics");
        table.column("name", profile_.statistics,
                     [](const auto& s) { return json_text(printable(s.name)); });
        table.column("text", profile_.statistics,
                     [](const auto& s) { return json_text(printable(s.text)); });
        table.column("value", profile_.statistics, [](const auto& s) { return s.value; });
        table.column("loss", profile_.statistics, [](const auto& s) { return s.loss; });
    }

    void write_processes() {
        const auto column = [&](Table& table, std::string_view name, auto member) {
            table.column(name, processes_.old_ids(),
                         [&](uint32_t id) { return member(profile_.processes[id]); });
        };
        {
            Table table(sink_, "processes");
            column(table, "pid", [](const auto& p) { return p.pid; });
            column(table, "name", [&](const auto& p) { return name(p.name); });
            column(table, "command", [&](const auto& p) { return text(p.command); });
            column(table, "python", [&](const auto& p) { return text(p.python); });
            column(table, "container", [&](const auto& p) { return name(p.container); });
        }
        Table table(sink_, "threads");
        const auto& rows = threads_.old_ids();
        table.column("process", rows,
                     [&](uint32_t id) { return processes_[profile_.threads[id].process.value]; });
        table.column("tid", rows, [&](uint32_t id) { return profile_.threads[id].tid; });
        table.column("name", rows, [&](uint32_t id) { return name(profile_.threads[id].name); });
    }

    void write_code() {
        {
            Table table(sink_, "functions");
            table.column("kind", function_list_,
                         [](const Frame& f) { return static_cast<int>(f.kind); });
            table.column("name", function_list_, [&](const Frame& f) { return name(f.function); });
            table.column("file", function_list_, [&](const Frame& f) { return name(f.file); });
            table.column("line", function_list_, [](const Frame& f) { return f.first_line; });
            table.column("module", function_list_, [&](const Frame& f) { return name(f.module); });
        }
        {
            Table table(sink_, "frames");
            table.column("function", function_of_frame_, [](uint32_t id) { return id; });
            table.column("line", frames_.old_ids(),
                         [&](uint32_t id) { return profile_.frame(FrameId{id}).line; });
            table.column("inlined", frames_.old_ids(), [&](uint32_t id) {
                return static_cast<int>(profile_.frame(FrameId{id}).inlined);
            });
        }
        // Ascending ids keep parents before their children; the page relies on it.
        Table table(sink_, "stacks");
        const auto& rows = stacks_.old_ids();
        table.column("parent", rows, [&](uint32_t id) {
            return stacks_[profile_.stacks[StackId{id}].parent.value];
        });
        table.column("frame", rows, [&](uint32_t id) {
            return frames_[profile_.stacks[StackId{id}].frame.value];
        });
    }

    void write_samples() {
        Table table(sink_, "samples");
        table.column("stack", groups_,
                     [&](const auto& group) { return stacks_[group.first.stack]; });
        table.column("thread", groups_,
                     [&](const auto& group) { return threads_[group.first.thread]; });
        table.column("source", groups_,
                     [](const auto& group) { return static_cast<int>(group.first.source); });
        table.column("count", groups_, [](const auto& group) { return group.second.count; });
        table.column("weight", groups_, [](const auto& group) { return group.second.weight; });
    }

    void write_strings() {
        sink_.write(",\n\"strings\":[");
        for (uint32_t id = 0; id < strings_.size(); id++) {
            sink_.write(fmt::format("{}{}", id == 0 ? "" : ",\n",
                                    json_text(strings_[profile::StringId{id}])));
        }
        sink_.write("]");
    }

    uint32_t name(profile::StringId id) {
        return strings_.intern(name_text(profile_.text(id))).value;
    }
    uint32_t text(profile::StringId id) {
        return strings_.intern(printable(profile_.text(id))).value;
    }

    const Profile& profile_;
    Sink& sink_;
    std::map<GroupKey, Group> groups_;
    Renumbering stacks_;
    Renumbering frames_;
    Renumbering threads_;
    Renumbering processes_;
    profile::FrameTable functions_;
    std::vector<Frame> function_list_;
    std::vector<uint32_t> function_of_frame_;  // by new frame id
    profile::StringTable strings_;             // of the page, safe to show
};

}  // namespace

void write_page_data(const Profile& profile, const FormatOptions& options, Sink& sink) {
    PageData(profile, sink).write(options);
}

}  // namespace pyebpf::output
