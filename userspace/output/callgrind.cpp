// SPDX-License-Identifier: Apache-2.0
// The profile format of Valgrind's callgrind: self cost by line, and calls with what they cost.
// Described in docs/formats/callgrind.md.
#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "output/call_graph.h"
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

constexpr std::string_view kNotKnown = "???";  // as callgrind calls it

struct CallgrindFunction {
    std::string object;
    std::string file;
    std::string name;
    auto operator<=>(const CallgrindFunction&) const = default;
};

CallgrindFunction function_at(const Profile& profile, const RootedStacks& stacks, FrameId id) {
    const Frame frame = stacks.frame(id);
    CallgrindFunction function{"", "", name_text(stacks.name(id))};
    if (frame.kind != FrameKind::kMarker) {
        function.file = name_text(profile.text(frame.file));
        function.object = name_text(profile.text(frame.module));
    }
    if (frame.kind == FrameKind::kPython) function.object = "[python]";
    if (frame.kind == FrameKind::kKernel)
        function.object = function.object.empty() ? "[kernel]" : "[kernel] " + function.object;
    if (function.object.empty()) function.object = kNotKnown;
    if (function.file.empty()) function.file = kNotKnown;
    return function;
}

// "nanoseconds" and others as an event's name: one word.
std::string event_name(const Unit& unit) {
    if (unit.is_time) return "ns";
    std::string name;
    for (const char c : unit.name) {
        const bool is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        name += is_plain ? c : '_';
    }
    return name.empty() ? "events" : name;
}

// Names are written once and then as a number, "(1) name" and "(1)": so no name, however odd, can
// be taken for a number.
class Names {
  public:
    std::string numbered(const std::string& name) {
        const uint32_t known = names_.size();
        const uint32_t number = names_.number(name);
        return number < known ? fmt::format("({})", number + 1)
                              : fmt::format("({}) {}", number + 1, name);
    }

  private:
    Numbering<std::string> names_;
};

class Callgrind {
  public:
    Callgrind(const Profile& profile, const FormatOptions& options, Sink& sink)
        : profile_(profile), sink_(sink), units_(profile), stacks_(profile, options, units_) {
        costs_ = cost_of_stacks(profile, units_, stacks_);
        for (uint32_t i = 0; i < stacks_.frame_count(); i++) {
            const uint32_t function = functions_.number(function_at(profile, stacks_, FrameId{i}));
            if (function == first_lines_.size())
                first_lines_.push_back(stacks_.frame(FrameId{i}).first_line);
            function_of_frame_.push_back(function);
        }
    }

    void write() {
        write_header();
        std::vector<uint64_t> sums;
        for (size_t unit = 0; unit < units_.list().size() && !sink_.failed(); unit++) {
            const CallGraph graph =
                make_call_graph(stacks_, costs_[unit], function_of_frame_, functions_.size());
            write_functions(graph, unit);
            sums.push_back(graph.sum.weight);
        }
        sink_.write(fmt::format("totals: {}\n", fmt::join(sums, " ")));
    }

  private:
    void write_header() {
        sink_.write("# callgrind format\nversion: 1\ncreator: pyebpf\n");
        const auto command = profile_.settings.find("command");
        if (command != profile_.settings.end())
            sink_.write(fmt::format("cmd: {}\n", printable(command->second)));
        std::string events;
        for (const Unit& unit : units_.list()) events += " " + event_name(unit);
        sink_.write(fmt::format("positions: line\nevents:{}\n\n", events));
    }

    void write_functions(const CallGraph& graph, size_t unit) {
        auto self = graph.self.begin();
        auto call = graph.calls.begin();
        for (uint32_t id = 0; id < functions_.size(); id++) {
            if (graph.total[id].samples == 0) continue;
            const CallgrindFunction& function = functions_[id];
            sink_.write(fmt::format("ob={}\nfl={}\nfn={}\n", objects_.numbered(function.object),
                                    files_.numbered(function.file), name_of(id)));
            for (; self != graph.self.end() && self->first.first == id; ++self)
                write_cost(self->first.second, self->second.weight, unit);
            for (; call != graph.calls.end() && call->first.caller == id; ++call)
                write_call(*call, unit);
            sink_.write("\n");
        }
        // Readers take what calls into a function cost for its inclusive cost, if there are any: so
        // there is a call into every function, into those at the root too.
        if (call != graph.calls.end())
            sink_.write(fmt::format(
                "ob={0}\nfl={1}\nfn=({2}) [all]\n", objects_.numbered(std::string(kNotKnown)),
                files_.numbered(std::string(kNotKnown)), functions_.size() + 1));
        for (; call != graph.calls.end(); ++call) write_call(*call, unit);
        sink_.write("\n");
    }

    void write_call(const std::pair<const CallGraph::Call, CallGraph::CallCost>& entry,
                    size_t unit) {
        const auto& [call, cost] = entry;
        const CallgrindFunction& callee = functions_[call.callee];
        // How often it was called is not known.
        sink_.write(fmt::format("cob={}\ncfi={}\ncfn={}\ncalls=1 {}\n",
                                objects_.numbered(callee.object), files_.numbered(callee.file),
                                name_of(call.callee), first_lines_[call.callee]));
        write_cost(call.line, cost.total.weight, unit);
    }

    // Functions of one name in different files have different numbers.
    std::string name_of(uint32_t id) {
        if (id >= is_named_.size()) is_named_.resize(functions_.size());
        const bool is_new = !is_named_[id];
        is_named_[id] = true;
        return is_new ? fmt::format("({}) {}", id + 1, functions_[id].name)
                      : fmt::format("({})", id + 1);
    }

    // The cost is in the column of its unit.
    void write_cost(uint32_t line, uint64_t weight, size_t unit) {
        std::string text = std::to_string(line);
        for (size_t column = 0; column < unit; column++) text += " 0";
        sink_.write(fmt::format("{} {}\n", text, weight));
    }

    const Profile& profile_;
    Sink& sink_;
    const Units units_;
    RootedStacks stacks_;
    std::vector<std::vector<Cost>> costs_;  // by unit and stack
    Numbering<CallgrindFunction> functions_;
    std::vector<uint32_t> first_lines_;  // by function
    std::vector<uint32_t> function_of_frame_;
    Names objects_;
    Names files_;
    std::vector<bool> is_named_;  // by function
};

Result<void> write_callgrind(const Profile& profile, const FormatOptions& options, Sink& sink) {
    Callgrind(profile, options, sink).write();
    return {};
}

constexpr std::array<std::string_view, 2> kCallgrindExtensions{".callgrind", "callgrind.out"};

}  // namespace

extern constinit const Format kCallgrind{
    .name = "callgrind",
    .extensions = kCallgrindExtensions,
    .description = "callgrind: for KCachegrind, QCachegrind and callgrind_annotate",
    .write = write_callgrind,
};

}  // namespace pyebpf::output
