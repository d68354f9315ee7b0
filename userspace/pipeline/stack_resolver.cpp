// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stack_resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "profile/merge.h"
#include "python/line_table.h"
#include "python/live_reader.h"
#include "symbolize/demangle.h"

namespace pyebpf::pipeline {

namespace {

using profile::FrameId;
using profile::FrameKind;
using profile::StackId;

size_t mix(uint64_t a, uint64_t b) { return (a * 0x9e3779b97f4a7c15ull) ^ (b + (a >> 29)); }

std::string_view base_name(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_c_library(std::string_view module) {
    return module.starts_with("libc.so") || module.starts_with("libc-2") || module.starts_with("libpthread") ||
           module.starts_with("ld-musl");
}

// The links of a chain in the merge's terms; frames[i] tells which raw link stands behind link i.
struct PythonChain {
    std::vector<profile::PythonLink> links;
    std::vector<const python_frame*> frames;
};

uint32_t kind_of(const python_frame& frame) { return frame.word1 & PYTHON_FRAME_KIND_MASK; }

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
                link.kind = runtime.layout.boundary_style == BOUNDARY_EVERY_FRAME ? Kind::kLast : Kind::kFrame;
                break;
            default:
                link.kind = Kind::kFrame;
        }
        chain.links.push_back(link);
        chain.frames.push_back(&frame);
    }
    return chain;
}

}  // namespace

size_t StackResolver::StackKeyHash::operator()(const StackKey& key) const noexcept {
    return mix(mix(key.kernel, key.native), mix(key.python, key.instance));
}

size_t StackResolver::PlaceKeyHash::operator()(const PlaceKey& key) const noexcept { return mix(key.address, key.instance); }

StackResolver::StackResolver(profile::Profile& profile, StackStore& store, const process::ProcessTable& table,
                             process::BinaryCache& binaries, const ProcessPublisher& publisher, NativeFrames native_frames)
    : profile_(profile), store_(store), table_(table), binaries_(binaries), publisher_(publisher), native_frames_(native_frames) {}

StackResolver::~StackResolver() = default;

StackId StackResolver::resolve(const sample_record& sample, process::InstanceId instance) {
    const StackKey key{instance.value, sample.kernel_hash, sample.native_hash, sample.python_hash};
    if (const auto known = stacks_.find(key); known != stacks_.end()) return known->second;

    const auto* kernel = store_.kernel(sample.kernel_hash);
    const auto* native = store_.native(sample.native_hash);
    const auto* python = store_.python(sample.python_hash);
    bool complete = true;
    if ((sample.kernel_hash != 0 && kernel == nullptr) || (sample.native_hash != 0 && native == nullptr) ||
        (sample.python_hash != 0 && python == nullptr)) {
        ++totals_.missing_parts;
        complete = false;
    }

    std::vector<profile::NativeLink> native_links;
    std::vector<NativeName> native_names;
    if (native != nullptr) {
        for (const native_frame& frame : *native) {
            const uint64_t address = (frame.cfa & NATIVE_PC_EXACT) != 0 ? frame.pc : frame.pc - 1;
            native_names.push_back(native_name(instance, address));
            const bool is_guess = (frame.cfa & NATIVE_FROM_GUESS) != 0;
            native_links.push_back({is_guess ? 0 : frame.cfa & ~NATIVE_CFA_FLAGS, native_names.back().is_evaluator});
        }
    }
    const ProcessPublisher::Attachment attached = publisher_.attachment(instance);
    PythonChain chain;
    if (python != nullptr && attached.runtime) chain = to_chain(*python, *attached.runtime);
    const profile::MergeResult merged = profile::merge(native_links, chain.links);
    if (!chain.links.empty() && native != nullptr) {
        ++totals_.merges;
        if (merged.verified()) ++totals_.merges_verified;
    }

    const bool has_python = std::ranges::any_of(merged.links, &profile::MergedLink::is_python);
    std::vector<FrameId> frames;  // leaf first
    if (kernel != nullptr) {
        for (const uint64_t address : *kernel) frames.push_back(kernel_frame(address));
    }
    for (size_t i = 0; i < merged.links.size(); ++i) {
        const profile::MergedLink& link = merged.links[i];
        if (link.is_python) {
            const python_frame& frame = *chain.frames[link.index];
            // A frame in the middle that has not reached its first traceable instruction is the trampoline of a specialized class call
            // (3.13+, code object "__init__" of file "__init__"); CPython's own readers skip it. At the top it is a function just entered.
            const CodeObject* code = code_of(frame, sample, instance, attached);
            const int64_t offset = static_cast<int64_t>(frame.word1) >> PYTHON_FRAME_OFFSET_SHIFT;
            if (link.index > 0 && code != nullptr && kind_of(frame) != PYTHON_FRAME_GENERATOR &&
                attached.runtime->layout.frame_style == FRAME_STYLE_INTERPRETER && offset < 2 * int64_t{code->first_traceable} && offset >= 0 &&
                code->file == "__init__") {
                continue;
            }
            frames.push_back(python_frame_id(frame, code, *attached.runtime));
            complete = complete && code != nullptr;
            continue;
        }
        const NativeName& name = native_names[link.index];
        if (native_frames_ == NativeFrames::kNone) continue;
        if (native_frames_ == NativeFrames::kExtensions && has_python && name.is_interpreter) continue;
        frames.push_back(name.frame);
    }
    if (native_frames_ == NativeFrames::kExtensions && has_python && native != nullptr) {
        // What starts a thread (_start, clone3, the C library's code between them and main) says nothing about a Python program.
        const bool reached_start = sample.native_outcome == NATIVE_COMPLETE;
        for (size_t i = merged.links.size(); i > 0 && !merged.links[i - 1].is_python; --i) {
            const uint32_t index = merged.links[i - 1].index;
            const NativeName& name = native_names[index];
            if (name.is_interpreter) continue;
            const bool is_start = reached_start && index + 1 == native_names.size();
            if (!(name.is_start_code || is_start) || frames.empty() || frames.back() != name.frame) break;
            frames.pop_back();
        }
    }
    if (sample.python_outcome == PYTHON_TRUNCATED) frames.push_back(marker("[truncated: deeper Python frames]"));
    if (sample.native_outcome == NATIVE_TRUNCATED) frames.push_back(marker("[truncated: deeper native frames]"));
    if (frames.empty()) frames.push_back(marker("[no stack]"));

    StackId stack;
    for (size_t i = frames.size(); i-- > 0;) stack = profile_.stacks.push(stack, frames[i]);
    if (complete) stacks_.emplace(key, stack);
    return stack;
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
    entry->second = symbol ? intern(FrameKind::kKernel, symbol->name, symbol->module)
                           : intern(FrameKind::kKernel, symbolize::unknown_name(symbol.error()), "");
    return entry->second;
}

StackResolver::NativeName StackResolver::native_name(process::InstanceId instance, uint64_t address) {
    const PlaceKey key{instance.value, address};
    if (const auto known = native_names_.find(key); known != native_names_.end()) return known->second;

    NativeName name;
    const auto mapping = table_.mapping_at(instance, address);
    if (!mapping) {
        name.frame = intern(FrameKind::kNative, symbolize::unknown_name(symbolize::NoName::kNotMapped), "");
        return name;  // not remembered: the mapping may be reported later
    }
    const auto binary = binaries_.get(table_.pid(instance), *mapping);
    const std::string module(base_name(mapping->file->path));
    if (!binary->elf) {
        const auto reason = binary->is_file ? symbolize::NoName::kFileUnreadable : symbolize::NoName::kJitWithoutMap;
        name.frame = intern(FrameKind::kNative, symbolize::unknown_name(reason, module), binary->is_file ? module : "");
    } else {
        const auto bias = binary->elf->load_bias({mapping->start}, {mapping->file_offset});
        const StatedAddress stated = MappedAddress{address} - bias.value_or(LoadBias{});
        const auto symbol = symbols_of(binary->elf)->lookup(stated);
        const auto& runtime = binary->python.runtime;
        name.is_interpreter = binary->python.is_python;
        name.is_start_code = is_c_library(module);
        name.is_evaluator = runtime && std::ranges::any_of(runtime->eval_ranges, [&](const python::CodeRange& range) {
            return range.begin <= stated && stated < range.end;
        });
        const FrameKind kind = name.is_interpreter ? FrameKind::kInterpreter : FrameKind::kNative;
        name.frame = intern(kind, symbol ? symbolize::demangle(symbol->name) : symbolize::unknown_name(symbol.error(), module), module);
    }
    native_names_.emplace(key, name);
    return name;
}

const symbolize::FileSymbols* StackResolver::symbols_of(const std::shared_ptr<const elf::ElfFile>& file) {
    auto& symbols = file_symbols_[file.get()];
    if (!symbols) symbols = std::make_unique<symbolize::FileSymbols>(file);
    return symbols.get();
}

const CodeObject* StackResolver::code_of(const python_frame& frame, const sample_record& sample, process::InstanceId instance,
                                         const ProcessPublisher::Attachment& python) {
    const Identity identity{sample.space.tgid, sample.space.generation};
    const CodeObject* known = store_.code(identity, frame.word0, sample.time_ns);
    if (known != nullptr && known->has_name && known->has_file && known->has_line_table) return known;
    if (!table_.alive(instance)) return known;
    const uint32_t pid = sample.space.tgid;
    const auto read = [pid](uint64_t address, void* to, size_t bytes) { return sys::read_memory(pid, address, to, bytes); };
    const uint64_t code_type = (python.runtime->code_type + python.bias).value;
    const auto live = python::read_code(read, python.runtime->layout, code_type, frame.word0);
    if (!live) return known;
    CodeObject code;
    code.time_ns = sample.time_ns;
    code.has_name = live->name.encoding != TEXT_MISSING;
    code.has_file = live->file.encoding != TEXT_MISSING;
    code.has_line_table = !live->line_table.empty();
    code.name = decode_text(live->name.bytes, live->name.encoding) + (live->name.is_cut ? "…" : "");
    code.file = decode_text(live->file.bytes, live->file.encoding) + (live->file.is_cut ? "…" : "");
    code.line_table = live->line_table;
    code.first_line = live->first_line;
    code.flags = live->flags;
    code.first_traceable = live->first_traceable;
    ++totals_.code_read_late;
    store_.add_code(identity, frame.word0, std::move(code));
    return store_.code(identity, frame.word0, sample.time_ns);
}

FrameId StackResolver::python_frame_id(const python_frame& frame, const CodeObject* code, const python::Runtime& runtime) {
    if (code == nullptr) {
        ++totals_.undefined_frames;
        return intern(FrameKind::kPython, "[unknown: code object not captured]", "");
    }
    profile::Frame named;
    named.kind = FrameKind::kPython;
    named.function = profile_.strings.intern(code->has_name ? code->name : "[unknown: name not readable]");
    named.file = profile_.strings.intern(code->has_file ? code->file : "");
    named.first_line = static_cast<uint32_t>(std::max(code->first_line, 0));
    named.line = named.first_line;
    if (code->has_line_table) {
        const auto offset = static_cast<int32_t>(static_cast<int64_t>(frame.word1) >> PYTHON_FRAME_OFFSET_SHIFT);
        const python::Location location = python::displayed_location(runtime.version.major, runtime.version.minor, code->line_table,
                                                                     code->first_line, offset);
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

FrameId StackResolver::marker(std::string_view text) { return intern(FrameKind::kMarker, text, ""); }

}  // namespace pyebpf::pipeline
