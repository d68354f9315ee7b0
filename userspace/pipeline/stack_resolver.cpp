// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stack_resolver.h"

#include <algorithm>
#include <array>

#include "pipeline/process_memory.h"
#include "python/line_table.h"
#include "python/live_reader.h"

namespace pyebpf::pipeline {

namespace {

using profile::FrameId;
using profile::FrameKind;
using profile::StackId;

constexpr uint32_t kLayoutProven = UINT32_MAX;
constexpr uint32_t kMaxLayoutFailures = 10;  // stacks

size_t mix(uint64_t a, uint64_t b) {
    return (a * 0x9e3779b97f4a7c15ull) ^ (b + (a >> 29));
}

// Whether a frame is the trampoline of a specialized class call (3.13+, code object "__init__" of
// file "__init__"), which CPython's own readers skip: in the middle of a stack it has not reached
// its first traceable instruction. At the top that is a function just entered.
bool is_class_call_trampoline(const python_frame& frame, const CodeObject& code,
                              const python::Runtime& runtime) {
    const int64_t offset = static_cast<int64_t>(frame.word1) >> PYTHON_FRAME_OFFSET_SHIFT;
    return (frame.word1 & PYTHON_FRAME_KIND_MASK) != PYTHON_FRAME_GENERATOR &&
           runtime.layout.frame_style == FRAME_STYLE_INTERPRETER && offset >= 0 &&
           offset < 2 * int64_t{code.first_traceable} && code.file == "__init__";
}

// The links of a chain in the merge's terms; frames[i] tells which raw link stands behind link i.
struct PythonChain {
    std::vector<profile::PythonLink> links;
    std::vector<const python_frame*> frames;
};

uint32_t kind_of(const python_frame& frame) {
    return frame.word1 & PYTHON_FRAME_KIND_MASK;
}

PythonChain to_chain(const std::vector<python_frame>& raw, const python::Runtime& runtime) {
    using Kind = profile::PythonLink::Kind;
    PythonChain chain;
    for (const python_frame& frame : raw) {
        profile::PythonLink link;
        switch (kind_of(frame)) {
            case PYTHON_BOUNDARY:
                link = {Kind::kBoundary, frame.word0};
                break;
            case PYTHON_FRAME_ENTRY:
                // With boundaries the entry mark is redundant: the boundary follows.
                link.kind = runtime.layout.boundary_style == BOUNDARY_EVERY_FRAME ? Kind::kLast
                                                                                  : Kind::kFrame;
                break;
            default:
                link.kind = Kind::kFrame;
        }
        chain.links.push_back(link);
        chain.frames.push_back(&frame);
    }
    return chain;
}

// Programs at tracepoints are on the kernel stacks that they take: their own function, and what the
// kernel calls them through (include/trace/bpf_probe.h, include/trace/perf.h).
bool is_of_collector(std::string_view function) {
    return std::ranges::any_of(
        std::array{"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_", "trace_call_bpf",
                   "perf_trace_", "perf_syscall_", "perf_call_bpf_"},
        [&](std::string_view start) { return function.starts_with(start); });
}

}  // namespace

size_t StackResolver::StackKeyHash::operator()(const StackKey& key) const noexcept {
    return mix(mix(key.kernel, key.native), mix(key.python, key.instance));
}

StackResolver::StackResolver(profile::Profile& profile, StackStore& store,
                             const process::ProcessTable& table, process::BinaryCache& binaries,
                             ProcessPublisher& publisher, NativeFrames native_frames,
                             std::shared_ptr<symbolize::Debuginfod> debuginfod)
    : profile_(profile),
      store_(store),
      table_(table),
      publisher_(publisher),
      native_frames_(native_frames),
      native_names_(profile, table, binaries, std::move(debuginfod)),
      method_names_(table, publisher) {}

StackResolver::~StackResolver() = default;

ResolvedId StackResolver::resolve(const sample_record& sample, process::InstanceId instance) {
    const StackKey key{instance.value, sample.kernel_hash, sample.native_hash, sample.python_hash};
    if (const auto known = by_parts_.find(key); known != by_parts_.end()) return known->second;

    const auto* kernel = store_.kernel(sample.kernel_hash);
    const auto* native = store_.native(sample.native_hash);
    const auto* python = store_.python(sample.python_hash);
    bool complete = true;
    if ((sample.kernel_hash != 0 && kernel == nullptr) ||
        (sample.native_hash != 0 && native == nullptr) ||
        (sample.python_hash != 0 && python == nullptr)) {
        ++totals_.missing_parts;
        complete = false;
    }

    std::vector<Level> levels;
    if (kernel != nullptr) {
        for (const uint64_t address : *kernel) {
            const FrameId frame = kernel_frame(address);
            if (!levels.empty() || !is_of_collector(profile_.text(profile_.frame(frame).function)))
                levels.push_back({.frame = frame});
        }
    }
    const NativeStack native_stack = native != nullptr ? locate(*native, instance) : NativeStack{};
    static const std::vector<python_frame> kNoPython;
    if (!append_merged(sample, instance, native_stack, python != nullptr ? *python : kNoPython,
                       levels))
        complete = false;
    if (sample.python_outcome == PYTHON_TRUNCATED)
        levels.push_back({.frame = marker("[truncated: deeper Python frames]")});
    if (sample.native_outcome == NATIVE_TRUNCATED)
        levels.push_back({.frame = marker("[truncated: deeper native frames]")});
    if (levels.empty()) {
        const bool began_earlier = (sample.flags & SAMPLE_FLAG_BEGAN_EARLIER) != 0;
        complete = complete && !began_earlier;
        levels.push_back({.frame = marker(began_earlier ? "[waiting since before the recording]"
                                                        : "[no stack]")});
    }

    const ResolvedId id{static_cast<uint32_t>(resolved_.size())};
    resolved_.push_back({.levels = std::move(levels)});
    if (complete) by_parts_.emplace(key, id);
    return id;
}

// Native frames up to where they stop to be believable: a frame pointer that was only guessed may
// lead to what is no code.
StackResolver::NativeStack StackResolver::locate(const std::vector<native_frame>& frames,
                                                 process::InstanceId instance) {
    NativeStack stack;
    bool after_guess = false;  // a frame nearer to the leaf was left by a guess
    bool by_guess = false;     // this frame was reached by one
    for (const native_frame& frame : frames) {
        const bool is_exact = (frame.cfa & NATIVE_PC_EXACT) != 0;
        const PlaceId place = native_names_.locate(instance, is_exact ? frame.pc : frame.pc - 1);
        const bool is_code = native_names_.facts(place).is_mapped &&
                             (!by_guess || is_exact || native_names_.may_be_call(place));
        if (after_guess && !is_code) {
            ++totals_.guessed_tails;
            break;
        }
        by_guess = (frame.cfa & NATIVE_FROM_GUESS) != 0;
        after_guess = after_guess || by_guess;
        stack.places.push_back(place);
        stack.links.push_back({by_guess ? 0 : frame.cfa & ~NATIVE_CFA_FLAGS,
                               native_names_.facts(place).is_evaluator});
    }
    return stack;
}

bool StackResolver::append_merged(const sample_record& sample, process::InstanceId instance,
                                  const NativeStack& native,
                                  const std::vector<python_frame>& python,
                                  std::vector<Level>& levels) {
    const ProcessPublisher::Attachment attached = publisher_.attachment(instance);
    PythonChain chain;
    if (attached.runtime) chain = to_chain(python, *attached.runtime);
    const profile::MergeResult merged = profile::merge(native.links, chain.links);
    if (!chain.links.empty() && !native.links.empty()) {
        ++totals_.merges;
        if (merged.verified()) ++totals_.merges_verified;
    }

    const bool has_python = std::ranges::any_of(merged.links, &profile::MergedLink::is_python);
    const bool folds_interpreter = native_frames_ == NativeFrames::kExtensions && has_python;
    bool complete = true;
    PythonStackFacts found;
    size_t next_evaluator = 0;
    const auto append_evaluators = [&](size_t position) {
        if (native_frames_ != NativeFrames::kAll) return;
        const auto append = [&](const profile::ReplacedEvaluator& evaluator, Level::Part part) {
            levels.push_back({.place = native.places[evaluator.native], .part = part});
        };
        const auto& evaluators = merged.evaluators;
        for (;
             next_evaluator < evaluators.size() && evaluators[next_evaluator].position == position;
             ++next_evaluator) {
            const bool is_empty = evaluators[next_evaluator].begin == position;
            append(evaluators[next_evaluator],
                   is_empty ? Level::Part::kWhole : Level::Part::kOutermost);
        }
        if (next_evaluator < evaluators.size() && evaluators[next_evaluator].begin == position)
            append(evaluators[next_evaluator], Level::Part::kInlined);
    };
    for (size_t i = 0; i < merged.links.size(); ++i) {
        append_evaluators(i);
        const profile::MergedLink& link = merged.links[i];
        if (link.is_python) {
            const python_frame& frame = *chain.frames[link.index];
            const FrameCode code = code_of(frame, sample, instance, attached);
            if (code.object != nullptr) ++found.code_objects;
            if (code.gap == Gap::kNoCode) ++found.other_objects;
            if (link.index > 0 && code.object != nullptr &&
                is_class_call_trampoline(frame, *code.object, *attached.runtime))
                continue;
            levels.push_back({.frame = python_frame_id(frame, code, *attached.runtime)});
            if (sources_ && code.object != nullptr)
                sources_->want(code.object->file, sample.space.tgid);
            complete = complete && code.gap == Gap::kNone;
        } else if (native_frames_ != NativeFrames::kNone) {
            const PlaceId place = native.places[link.index];
            if (!folds_interpreter || !native_names_.facts(place).is_interpreter)
                levels.push_back({.place = place});
        }
    }
    append_evaluators(merged.links.size());
    test_layout(found, instance, attached);
    if (!folds_interpreter) return complete;

    // What starts a thread (_start, clone3, the C library's code between them and main) says
    // nothing about a Python program.
    const bool reached_start = sample.native_outcome == NATIVE_COMPLETE;
    for (size_t i = merged.links.size(); i > 0 && !merged.links[i - 1].is_python; --i) {
        const uint32_t index = merged.links[i - 1].index;
        const PlaceFacts& facts = native_names_.facts(native.places[index]);
        if (facts.is_interpreter) continue;
        const bool is_start = reached_start && index + 1 == native.places.size();
        if (!facts.is_start_code && !is_start) break;
        levels.pop_back();
    }
    return complete;
}

StackId StackResolver::stack(ResolvedId id) {
    Resolved& resolved = resolved_[id.value];
    if (resolved.levels.empty()) return resolved.stack;
    StackId stack;
    for (size_t i = resolved.levels.size(); i-- > 0;) {  // root first
        const Level& level = resolved.levels[i];
        if (level.frame.valid()) {
            stack = profile_.stacks.push(stack, level.frame);
            continue;
        }
        const std::span<const FrameId> frames =
            native_names_.frames(level.place);  // innermost first
        const size_t begin = level.part == Level::Part::kOutermost ? frames.size() - 1 : 0;
        const size_t end = level.part == Level::Part::kInlined ? frames.size() - 1 : frames.size();
        for (size_t next = end; next-- > begin;) stack = profile_.stacks.push(stack, frames[next]);
    }
    resolved.stack = stack;
    resolved.levels = {};
    return stack;
}

void StackResolver::forget_stacks() {
    resolved_.clear();
    by_parts_.clear();
    kernel_frames_.clear();
    native_names_.forget_places();
}

FrameId StackResolver::kernel_frame(uint64_t address) {
    const auto [entry, is_new] = kernel_frames_.emplace(address, FrameId{});
    if (!is_new) return entry->second;
    if (!kernel_symbols_) {
        auto loaded = symbolize::KernelSymbols::load();
        kernel_symbols_ = std::make_unique<symbolize::KernelSymbols>(
            loaded ? std::move(*loaded) : symbolize::KernelSymbols::parse(""));
    }
    const auto symbol = kernel_symbols_->lookup(address);
    entry->second = symbol
                        ? intern(FrameKind::kKernel, symbol->name, symbol->module)
                        : intern(FrameKind::kKernel, symbolize::unknown_name(symbol.error()), "");
    return entry->second;
}

StackResolver::FrameCode StackResolver::code_of(const python_frame& frame,
                                                const sample_record& sample,
                                                process::InstanceId instance,
                                                const ProcessPublisher::Attachment& python) {
    const FrameCode found = find_code(frame, sample, instance, python);
    if (found.object != nullptr && !found.object->is_named) {
        const Identity identity{sample.space.tgid, sample.space.generation};
        method_names_.name(*found.object, identity, frame.word0, instance);
    }
    return found;
}

StackResolver::FrameCode StackResolver::find_code(const python_frame& frame,
                                                  const sample_record& sample,
                                                  process::InstanceId instance,
                                                  const ProcessPublisher::Attachment& python) {
    const Identity identity{sample.space.tgid, sample.space.generation};
    CodeObject* known = store_.code(identity, frame.word0, sample.time_ns);
    const bool has_names = known != nullptr && known->has_name && known->has_file;
    if (has_names && known->has_line_table) return {known, Gap::kNone};
    if (!table_.alive(instance)) return {known, has_names ? Gap::kNone : Gap::kEnded};
    const python::ReadMemory read = memory_of(sample.space.tgid);
    const uint64_t code_type = (python.runtime->code_type + python.bias).value;
    const auto live = python::read_code(read, python.runtime->layout, code_type, frame.word0);
    if (!live) {
        uint64_t type = 0;
        const bool is_other =
            read(frame.word0 + python.runtime->layout.object.type, &type, sizeof(type)) &&
            type != code_type;
        if (known != nullptr) return {known, has_names ? Gap::kNone : Gap::kUnreadable};
        return {nullptr, is_other ? Gap::kNoCode : Gap::kUnreadable};
    }
    CodeObject code;
    code.time_ns = sample.time_ns;
    code.has_name = live->name.encoding != TEXT_MISSING;
    code.has_file = live->file.encoding != TEXT_MISSING;
    code.has_line_table = !live->line_table.empty();
    code.name =
        python::decode_text(live->name.bytes, live->name.encoding) + (live->name.is_cut ? "…" : "");
    code.file =
        python::decode_text(live->file.bytes, live->file.encoding) + (live->file.is_cut ? "…" : "");
    code.line_table = live->line_table;
    code.first_line = live->first_line;
    code.flags = live->flags;
    code.first_traceable = live->first_traceable;
    code.first_argument =
        python::find_first_argument(read, python.runtime->layout, sample.thread_state, frame.word0);
    const Gap gap = code.has_name && code.has_file ? Gap::kNone : Gap::kUnreadable;
    ++totals_.code_read_late;
    store_.add_code(identity, frame.word0, std::move(code));
    return {store_.code(identity, frame.word0, sample.time_ns), gap};
}

void StackResolver::test_layout(const PythonStackFacts& facts, process::InstanceId instance,
                                const ProcessPublisher::Attachment& python) {
    if (facts.code_objects == 0 && facts.other_objects == 0) return;
    uint32_t& failures = layout_failures_[python.runtime.get()];
    if (failures == kLayoutProven) return;
    if (facts.code_objects > 0) {
        failures = kLayoutProven;
    } else if (++failures == kMaxLayoutFailures) {
        publisher_.refuse_runtime(
            instance, "the live test of its layout failed: frames lead to no code objects");
    }
}

FrameId StackResolver::python_frame_id(const python_frame& frame, const FrameCode& code_and_gap,
                                       const python::Runtime& runtime) {
    const auto& [code, gap] = code_and_gap;
    std::string_view unknown;
    switch (gap) {
        case Gap::kNone:
            break;
        case Gap::kEnded:
            ++totals_.unnamed_ended;
            unknown = "[unknown: the process ended before its code was read]";
            break;
        case Gap::kUnreadable:
            ++totals_.unnamed_unreadable;
            unknown = "[unknown: memory not readable]";
            break;
        case Gap::kNoCode:
            ++totals_.unnamed_no_code;
            unknown = "[unknown: no code object]";
            break;
    }
    if (code == nullptr) return intern(FrameKind::kPython, unknown, "");
    profile::Frame named;
    named.kind = FrameKind::kPython;
    named.function = profile_.strings.intern(code->has_name ? code->name : unknown);
    named.file = profile_.strings.intern(code->has_file ? code->file : unknown);
    named.first_line = static_cast<uint32_t>(std::max(code->first_line, 0));
    named.line = named.first_line;
    if (code->has_line_table) {
        const auto offset =
            static_cast<int32_t>(static_cast<int64_t>(frame.word1) >> PYTHON_FRAME_OFFSET_SHIFT);
        const python::Location location =
            python::displayed_location(runtime.version.major, runtime.version.minor,
                                       code->line_table, code->first_line, offset);
        named.line = static_cast<uint32_t>(std::max(location.line, 0));
    }
    return profile_.frames.intern(named);
}

FrameId StackResolver::intern(FrameKind kind, std::string_view function, std::string_view module) {
    profile::Frame frame;
    frame.kind = kind;
    frame.function = profile_.strings.intern(function);
    frame.module = profile_.strings.intern(module);
    return profile_.frames.intern(frame);
}

FrameId StackResolver::marker(std::string_view text) {
    return intern(FrameKind::kMarker, text, "");
}

}  // namespace pyebpf::pipeline
