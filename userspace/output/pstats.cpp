// SPDX-License-Identifier: Apache-2.0
// What Python's cProfile writes and `pstats` reads: a marshalled dictionary of functions and their
// callers. Described in docs/formats/pstats.md.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <tuple>
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

// Version 2 of marshal, which all Pythons read (CPython 3.13, Python/marshal.c).
class Marshal {
  public:
    explicit Marshal(Sink& sink) : sink_(sink) {}

    void begin_dict() { sink_.write("{"); }
    void end_dict() { sink_.write("0"); }
    void begin_tuple(uint32_t size) {
        sink_.write("(");
        little_endian<4>(size);
    }
    void text(std::string_view text) {
        sink_.write("u");
        little_endian<4>(text.size());
        sink_.write(text);
    }
    void integer(uint64_t value) {
        if (value <= std::numeric_limits<int32_t>::max()) {
            sink_.write("i");
            little_endian<4>(value);
            return;
        }
        constexpr unsigned kDigitBits = 15;  // PyLong_MARSHAL_SHIFT
        const auto digits =
            (static_cast<unsigned>(std::bit_width(value)) + kDigitBits - 1) / kDigitBits;
        sink_.write("l");
        little_endian<4>(digits);
        for (unsigned i = 0; i < digits; i++, value >>= kDigitBits)
            little_endian<2>(value & ((1u << kDigitBits) - 1));
    }
    void real(double value) {
        sink_.write("g");
        little_endian<8>(std::bit_cast<uint64_t>(value));
    }

  private:
    template <int kBytes>
    void little_endian(uint64_t value) {
        std::array<char, kBytes> bytes;
        for (int i = 0; i < kBytes; i++)
            bytes[static_cast<size_t>(i)] = static_cast<char>(value >> (8 * i));
        sink_.write({bytes.data(), bytes.size()});
    }

    Sink& sink_;
};

// The key of pstats: file, line and name. What has the same is one function.
using StatsKey = std::tuple<std::string, uint32_t, std::string>;

StatsKey function_of(const Profile& profile, const RootedStacks& stacks, FrameId id) {
    const Frame frame = stacks.frame(id);
    std::string name = name_text(stacks.name(id));
    switch (frame.kind) {
        case FrameKind::kPython:
            return {name_text(profile.text(frame.file)), frame.first_line, std::move(name)};
        case FrameKind::kNative:
        case FrameKind::kInterpreter:
            return {fmt::format("<{}>", name_text(profile.text(frame.module))), 0, std::move(name)};
        case FrameKind::kKernel:
            return {"<kernel>", 0, std::move(name)};
        case FrameKind::kMarker:
            break;
    }
    return {"~", 0, std::move(name)};  // as cProfile has it for what is in no file
}

class Pstats {
  public:
    Pstats(const Profile& profile, const FormatOptions& options, Sink& sink)
        : sink_(sink), marshal_(sink), units_(profile), stacks_(profile, options, units_) {
        costs_ = cost_of_stacks(profile, units_, stacks_);
        for (uint32_t i = 0; i < stacks_.frame_count(); i++) {
            function_of_frame_.push_back(
                functions_.number(function_of(profile, stacks_, FrameId{i})));
        }
    }

    void write() {
        const uint32_t count = functions_.size();
        const CallGraph graph = make_call_graph(stacks_, costs_[0], function_of_frame_, count);
        std::vector<uint64_t> self(count);
        for (const auto& [place, cost] : graph.self) self[place.first] += cost.weight;
        // By callee, the lines of a caller together.
        std::map<std::pair<uint32_t, uint32_t>, CallGraph::CallCost> callers;
        for (const auto& [call, cost] : graph.calls) {
            if (call.caller == CallGraph::kNobody) continue;
            auto& sum = callers[{call.callee, call.caller}];
            sum.total += cost.total;
            sum.self += cost.self;
        }
        marshal_.begin_dict();
        auto caller = callers.begin();
        for (uint32_t id = 0; id < count && !sink_.failed(); id++) {
            if (graph.total[id].samples == 0) continue;
            write_key(functions_[id]);
            marshal_.begin_tuple(5);
            write_cost(graph.total[id].samples, self[id], graph.total[id].weight);
            marshal_.begin_dict();
            while (caller != callers.end() && caller->first.first < id) ++caller;
            for (; caller != callers.end() && caller->first.first == id; ++caller) {
                const auto& [total, own] = caller->second;
                write_key(functions_[caller->first.second]);
                marshal_.begin_tuple(4);
                write_cost(total.samples, own.weight, total.weight);
            }
            marshal_.end_dict();
        }
        write_left_out();
        marshal_.end_dict();
    }

  private:
    void write_key(const StatsKey& function) {
        const auto& [file, line, name] = function;
        marshal_.begin_tuple(3);
        marshal_.text(file);
        marshal_.integer(line);
        marshal_.text(name);
    }

    // Calls were not counted: their columns have the number of samples.
    void write_cost(uint64_t samples, uint64_t self, uint64_t total) {
        marshal_.integer(samples);
        marshal_.integer(samples);
        marshal_.real(in_unit(self));
        marshal_.real(in_unit(total));
    }

    // The format has room for one unit; a row that costs nothing says how many samples have
    // another.
    void write_left_out() {
        for (size_t unit = 1; unit < units_.list().size(); unit++) {
            uint64_t samples = 0;
            for (const Cost& cost : costs_[unit]) samples += cost.samples;
            write_key({"~", 0,
                       fmt::format("[not shown: {} samples of {}]", samples,
                                   printable(units_.list()[unit].sources))});
            marshal_.begin_tuple(5);
            write_cost(samples, 0, 0);
            marshal_.begin_dict();
            marshal_.end_dict();
        }
    }

    [[nodiscard]] double in_unit(uint64_t weight) const {
        constexpr double kNsPerSecond = 1e9;
        const auto number = static_cast<double>(weight);
        return units_.list()[0].is_time ? number / kNsPerSecond : number;
    }

    Sink& sink_;
    Marshal marshal_;
    const Units units_;
    RootedStacks stacks_;
    std::vector<std::vector<Cost>> costs_;  // by unit and stack
    Numbering<StatsKey> functions_;
    std::vector<uint32_t> function_of_frame_;
};

Result<void> write_pstats(const Profile& profile, const FormatOptions& options, Sink& sink) {
    Pstats(profile, options, sink).write();
    return {};
}

constexpr std::array<std::string_view, 2> kPstatsExtensions{".pstats", ".prof"};

}  // namespace

extern constinit const Format kPstats{
    .name = "pstats",
    .extensions = kPstatsExtensions,
    .description = "what cProfile writes: for Python's pstats, snakeviz, gprof2dot",
    .write = write_pstats,
};

}  // namespace pyebpf::output
