// SPDX-License-Identifier: Apache-2.0
// The names of native code: which file or JIT map an address of a process belongs to, and what its
// frames are called.
//
//   locate()   while the process lives: the mapping, the file behind it, its debug file; JIT code
//   is named at once frames()   any time later: symbols, source lines and inlined functions from
//   the files, which stay open
//
// Reading the debug information of a large library takes up to seconds. It waits for frames(), so
// that it never keeps the reader from the ring. A place is a code address in a file, shared by all
// processes that run the file; what is known of it is read once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/addresses.h"
#include "base/ids.h"
#include "pipeline/jit_names.h"
#include "process/binary_cache.h"
#include "process/process_table.h"
#include "profile/profile.h"
#include "symbolize/debug_file.h"
#include "symbolize/debug_lines.h"
#include "symbolize/file_symbols.h"

namespace pyebpf::pipeline {

using PlaceId = Id<struct PlaceTag>;

// What the arrangement of a stack needs to know of a code address; no symbols are read for it.
struct PlaceFacts {
    bool is_mapped = false;
    bool is_evaluator = false;    // the function that runs Python code
    bool is_interpreter = false;  // code of the Python runtime
    bool is_start_code = false;   // of the C library, or of a launcher of Python
};

// The symbols and debug information of one file, read when they are first asked for. Bound to one
// thread.
class FileNames {
  public:
    FileNames(std::shared_ptr<const elf::ElfFile> file, std::string module, profile::FrameKind kind)
        : file_(std::move(file)), module_(std::move(module)), kind_(kind) {}

    // path: where the target sees the file.
    void find_debug_files(const std::string& path, const symbolize::Opener& open);
    // Innermost first, at least one.
    [[nodiscard]] std::vector<profile::FrameId> frames(StatedAddress address,
                                                       profile::Profile& profile);
    // Whether the instruction whose last byte is at `address` may be a call; true if that cannot be
    // told.
    [[nodiscard]] bool may_be_call(StatedAddress address) const;

  private:
    void open();

    std::shared_ptr<const elf::ElfFile> file_;
    std::shared_ptr<const elf::ElfFile> debug_;
    std::shared_ptr<const elf::ElfFile> shared_debug_;
    std::string module_;
    profile::FrameKind kind_;
    bool is_open_ = false;
    std::unique_ptr<symbolize::FileSymbols> symbols_;
    std::unique_ptr<symbolize::DebugLines> lines_;
};

class NativeNames {
  public:
    NativeNames(profile::Profile& profile, const process::ProcessTable& table,
                process::BinaryCache& binaries)
        : profile_(profile), table_(table), binaries_(binaries) {}

    // address: of the instruction that is executed, so for a caller its return address - 1.
    [[nodiscard]] PlaceId locate(process::InstanceId instance, uint64_t address);
    [[nodiscard]] const PlaceFacts& facts(PlaceId place) const {
        return places_[place.value].facts;
    }
    // Whether the byte after the place's address can be what a call returns to; true if that cannot
    // be told.
    [[nodiscard]] bool may_be_call(PlaceId place) const;
    // Innermost first. Valid until the next call.
    [[nodiscard]] std::span<const profile::FrameId> frames(PlaceId place);

  private:
    struct Key {
        uint64_t address;
        uint64_t owner;  // InstanceId, or the address of a FileNames
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        size_t operator()(const Key& key) const noexcept;
    };
    struct Place {
        PlaceFacts facts;
        FileNames* file = nullptr;
        StatedAddress address;                 // in the file
        process::InstanceId jit_owner;         // JIT code without a name yet
        std::vector<profile::FrameId> frames;  // empty: not asked for yet
    };

    [[nodiscard]] PlaceId locate_in_file(process::InstanceId instance,
                                         const process::Mapping& mapping,
                                         const std::shared_ptr<const process::Binary>& binary,
                                         uint64_t address);
    [[nodiscard]] PlaceId locate_jit(process::InstanceId instance, const process::Mapping& mapping,
                                     uint64_t address);
    [[nodiscard]] FileNames* names_of(process::InstanceId instance, const process::Mapping& mapping,
                                      const process::Binary& binary);
    [[nodiscard]] PlaceId add(Place place);
    [[nodiscard]] profile::FrameId intern(profile::FrameKind kind, std::string_view function,
                                          std::string_view module);
    [[nodiscard]] profile::FrameId intern_jit(std::string_view name, std::string_view module);

    profile::Profile& profile_;
    const process::ProcessTable& table_;
    process::BinaryCache& binaries_;
    JitNames jit_;
    std::vector<Place> places_;
    std::unordered_map<Key, PlaceId, KeyHash> by_instance_;
    std::unordered_map<Key, PlaceId, KeyHash> by_file_;
    std::unordered_map<const elf::ElfFile*, std::unique_ptr<FileNames>> files_;
    PlaceId not_mapped_;
};

}  // namespace pyebpf::pipeline
