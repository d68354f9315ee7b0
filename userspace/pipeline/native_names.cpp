// SPDX-License-Identifier: Apache-2.0
#include "pipeline/native_names.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "native/call_site.h"
#include "symbolize/demangle.h"
#include "sys/proc.h"

namespace pyebpf::pipeline {

namespace {

using profile::FrameId;
using profile::FrameKind;

// Without a build id a debug file is recognized by the CRC of all of it, 2 GiB a second.
constexpr off_t kMaxCheckedBytes = 128 << 20;
constexpr std::string_view kDebugRoot = "/usr/lib/debug/";

std::string_view base_name(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_c_library(std::string_view module) {
    return module.starts_with("libc.so") || module.starts_with("libc-2") ||
           module.starts_with("libpthread") || module.starts_with("ld-musl");
}

// Executable memory without a file that could have symbols.
bool may_be_jit(const process::Mapping& mapping) {
    const std::string_view path = mapping.file->path;
    return path.empty() || path == "//anon" || path.starts_with("/memfd:") ||
           path.starts_with("/dev/zero") || path.starts_with("[heap]") || path.starts_with("[anon");
}

// Debug files in the target's root, and in ours: images of containers are stripped, and who
// profiles them has the files at hand. A file that does not belong is refused by the search itself.
symbolize::Opener debug_file_opener(uint32_t pid, bool has_build_id) {
    const auto check = [has_build_id](Result<UniqueFd> file) -> Result<UniqueFd> {
        struct stat status{};
        if (!file || has_build_id) return file;
        if (fstat(file->get(), &status) != 0 || status.st_size > kMaxCheckedBytes)
            return fail("too large to be checked");
        return file;
    };
    return [pid, check](const std::string& path) {
        auto file = check(sys::open_in_root(pid, path));
        if (file || !path.starts_with(kDebugRoot)) return file;
        return check(sys::open_in_root(static_cast<uint32_t>(getpid()), path));
    };
}

}  // namespace

void FileNames::find_debug_files(const std::string& path, const symbolize::Opener& open) {
    std::string debug_path;
    const auto remember = [&](const std::string& candidate) {
        debug_path = candidate;
        return open(candidate);
    };
    debug_ = symbolize::find_debug_file(*file_, path, remember);
    if (debug_) shared_debug_ = symbolize::find_shared_debug_file(*debug_, debug_path, open);
}

void FileNames::open() {
    is_open_ = true;
    symbols_ = std::make_unique<symbolize::FileSymbols>(file_, debug_);
    lines_ = symbolize::DebugLines::open({file_, debug_, shared_debug_});
}

bool FileNames::may_be_call(StatedAddress address) const {
    if (file_->machine() != EM_X86_64) return true;
    for (size_t bytes = native::kMaxCallBytes; bytes >= native::kMinCallBytes; --bytes) {
        const auto code = file_->at(address + 1 - bytes, bytes);
        if (!code.empty()) return native::ends_with_call(code);
    }
    return true;
}

std::vector<FrameId> FileNames::frames(StatedAddress address, profile::Profile& profile) {
    if (!is_open_) open();
    profile::Frame frame;
    frame.kind = kind_;
    frame.module = profile.strings.intern(module_);
    const auto symbol = symbols_->lookup(address);
    const std::string symbol_name =
        symbol ? symbolize::demangle(symbol->name) : symbolize::unknown_name(symbol.error());

    std::vector<FrameId> frames;
    if (lines_) {
        for (const symbolize::SourceFrame& source : lines_->lookup(address)) {
            // A function without a name in the DWARF is code of assembly files; inlined functions
            // always have one.
            frame.function = profile.strings.intern(
                source.function.empty() ? symbol_name : symbolize::demangle(source.function));
            frame.file = profile.strings.intern(source.file);
            frame.line = source.line;
            frame.first_line = source.first_line;
            frame.inlined = source.inlined;
            frames.push_back(profile.frames.intern(frame));
        }
    }
    if (frames.empty()) {
        frame.function = profile.strings.intern(symbol_name);
        frames.push_back(profile.frames.intern(frame));
    }
    return frames;
}

size_t NativeNames::KeyHash::operator()(const Key& key) const noexcept {
    return (key.address * 0x9e3779b97f4a7c15ull) ^ (key.owner + (key.address >> 29));
}

PlaceId NativeNames::add(Place place) {
    places_.push_back(std::move(place));
    return PlaceId{static_cast<uint32_t>(places_.size() - 1)};
}

PlaceId NativeNames::locate(process::InstanceId instance, uint64_t address) {
    const Key key{address, instance.value};
    if (const auto known = by_instance_.find(key); known != by_instance_.end())
        return known->second;

    const auto mapping = table_.mapping_at(instance, address);
    if (!mapping) {  // not remembered: the mapping may be reported later
        if (!not_mapped_.valid()) {
            not_mapped_ = add(
                {.frames = {intern(FrameKind::kNative,
                                   symbolize::unknown_name(symbolize::NoName::kNotMapped), "")}});
        }
        return not_mapped_;
    }
    const auto binary = binaries_.get(table_.pid(instance), *mapping);
    PlaceId place;
    if (binary->elf) {
        place = locate_in_file(instance, *mapping, binary, address);
    } else if (may_be_jit(*mapping)) {
        place = locate_jit(instance, *mapping, address);
    } else {
        const std::string module(base_name(mapping->file->path));
        const auto reason = table_.alive(instance) ? symbolize::NoName::kFileUnreadable
                                                   : symbolize::NoName::kProcessGone;
        place = add({.facts = {.is_mapped = true},
                     .frames = {intern(FrameKind::kNative, symbolize::unknown_name(reason, module),
                                       module)}});
    }
    by_instance_.emplace(key, place);
    return place;
}

PlaceId NativeNames::locate_in_file(process::InstanceId instance, const process::Mapping& mapping,
                                    const std::shared_ptr<const process::Binary>& binary,
                                    uint64_t address) {
    const auto bias = binary->elf->load_bias({mapping.start}, {mapping.file_offset});
    const StatedAddress stated = MappedAddress{address} - bias.value_or(LoadBias{});
    FileNames* const file = names_of(instance, mapping, *binary);
    const auto [entry, is_new] =
        by_file_.emplace(Key{stated.value, reinterpret_cast<uintptr_t>(file)}, PlaceId{});
    if (!is_new) return entry->second;

    Place place;
    place.file = file;
    place.address = stated;
    place.facts.is_mapped = true;
    place.facts.is_interpreter = binary->python.is_python;
    const std::string_view module = base_name(mapping.file->path);
    // An executable python3.X without a runtime in it only calls main() of a shared libpython.
    place.facts.is_start_code =
        is_c_library(module) || (module.starts_with("python") && !place.facts.is_interpreter);
    const auto& runtime = binary->python.runtime;
    place.facts.is_evaluator =
        runtime && std::ranges::any_of(runtime->eval_ranges, [&](const python::CodeRange& range) {
            return range.begin <= stated && stated < range.end;
        });
    entry->second = add(std::move(place));
    return entry->second;
}

FileNames* NativeNames::names_of(process::InstanceId instance, const process::Mapping& mapping,
                                 const process::Binary& binary) {
    auto& names = files_[binary.elf.get()];
    if (!names) {
        const FrameKind kind =
            binary.python.is_python ? FrameKind::kInterpreter : FrameKind::kNative;
        names = std::make_unique<FileNames>(binary.elf, std::string(base_name(mapping.file->path)),
                                            kind);
        names->find_debug_files(
            mapping.file->path,
            debug_file_opener(table_.pid(instance), !binary.elf->build_id().empty()));
    }
    return names.get();
}

PlaceId NativeNames::locate_jit(process::InstanceId instance, const process::Mapping& mapping,
                                uint64_t address) {
    Place place;
    place.facts.is_mapped = true;
    if (const auto name = jit_.lookup(table_, instance, {address})) {
        // Code that CPython writes for -X perf stands for the call of the Python frame that it is
        // named after.
        place.facts.is_interpreter = name->starts_with("py::");
        place.frames = {intern_jit(*name, base_name(mapping.file->path))};
    } else {
        place.jit_owner = instance;
        place.address = {address};
    }
    return add(std::move(place));
}

bool NativeNames::may_be_call(PlaceId id) const {
    const Place& place = places_[id.value];
    return place.file == nullptr || place.file->may_be_call(place.address);
}

std::span<const FrameId> NativeNames::frames(PlaceId id) {
    Place& place = places_[id.value];
    if (!place.frames.empty()) return place.frames;
    if (place.file != nullptr) {
        place.frames = place.file->frames(place.address, profile_);
    } else {
        // The map may have been written since.
        const auto name = jit_.lookup(table_, place.jit_owner, {place.address.value});
        place.frames = {
            name ? intern_jit(*name, "")
                 : intern(FrameKind::kNative, symbolize::unknown_name(name.error()), "")};
    }
    return place.frames;
}

FrameId NativeNames::intern_jit(std::string_view name, std::string_view module) {
    return intern(name.starts_with("py::") ? FrameKind::kInterpreter : FrameKind::kNative,
                  symbolize::demangle(name), module);
}

FrameId NativeNames::intern(FrameKind kind, std::string_view function, std::string_view module) {
    profile::Frame frame;
    frame.kind = kind;
    frame.function = profile_.strings.intern(function);
    frame.module = profile_.strings.intern(module);
    return profile_.frames.intern(frame);
}

}  // namespace pyebpf::pipeline
