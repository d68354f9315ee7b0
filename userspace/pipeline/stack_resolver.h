// SPDX-License-Identifier: Apache-2.0
// Turns the raw parts of a sample into one named stack: places Python runs among native frames (profile/merge.h), gives every frame
// its name, and interns the result. Each distinct stack is resolved once, each distinct frame named once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bpf/abi/record.h"
#include "pipeline/process_publisher.h"
#include "pipeline/stack_store.h"
#include "process/binary_cache.h"
#include "process/process_table.h"
#include "profile/profile.h"
#include "symbolize/file_symbols.h"
#include "symbolize/kernel_symbols.h"

namespace pyebpf::pipeline {

// Which native frames a stack shows.
enum class NativeFrames {
    kAll,         // every frame
    kExtensions,  // those of the interpreter itself and of the C library's start-up code are left out where Python frames stand for them
    kNone,        // Python and kernel frames only
};

struct ResolverTotals {
    uint64_t merges = 0;
    uint64_t merges_verified = 0;  // all boundaries found their native frame, and the reverse
    uint64_t undefined_frames = 0; // Python frames (of distinct stacks) whose code object was never defined
    uint64_t code_read_late = 0;   // code objects that were read from the live process
    uint64_t missing_parts = 0;    // samples whose stack part was lost
};

class StackResolver {
  public:
    StackResolver(profile::Profile& profile, StackStore& store, const process::ProcessTable& table,
                  process::BinaryCache& binaries, const ProcessPublisher& publisher, NativeFrames native_frames);
    ~StackResolver();

    // The named stack of a sample of an instance.
    [[nodiscard]] profile::StackId resolve(const sample_record& sample, process::InstanceId instance);
    [[nodiscard]] const ResolverTotals& totals() const { return totals_; }

  private:
    struct StackKey {
        uint32_t instance;
        uint64_t kernel, native, python;
        bool operator==(const StackKey&) const = default;
    };
    struct StackKeyHash {
        size_t operator()(const StackKey& key) const noexcept;
    };
    // A native frame, named.
    struct NativeName {
        profile::FrameId frame;
        bool is_evaluator = false;
        bool is_interpreter = false;  // code of the Python runtime
        bool is_start_code = false;   // code of the C library
    };
    struct PlaceKey {
        uint32_t instance;
        uint64_t address;
        bool operator==(const PlaceKey&) const = default;
    };
    struct PlaceKeyHash {
        size_t operator()(const PlaceKey& key) const noexcept;
    };

    [[nodiscard]] profile::FrameId kernel_frame(uint64_t address);
    [[nodiscard]] NativeName native_name(process::InstanceId instance, uint64_t address);
    // The code object of a frame; if the kernel side did not define it, from the live process. Null if that failed too.
    [[nodiscard]] const CodeObject* code_of(const python_frame& frame, const sample_record& sample, process::InstanceId instance,
                                            const ProcessPublisher::Attachment& python);
    [[nodiscard]] profile::FrameId python_frame_id(const python_frame& frame, const CodeObject* code, const python::Runtime& runtime);
    [[nodiscard]] const symbolize::FileSymbols* symbols_of(const std::shared_ptr<const elf::ElfFile>& file);
    [[nodiscard]] profile::FrameId intern(profile::FrameKind kind, std::string_view function, std::string_view module);
    [[nodiscard]] profile::FrameId marker(std::string_view text);

    profile::Profile& profile_;
    StackStore& store_;
    const process::ProcessTable& table_;
    process::BinaryCache& binaries_;
    const ProcessPublisher& publisher_;
    NativeFrames native_frames_;
    ResolverTotals totals_;
    std::unique_ptr<symbolize::KernelSymbols> kernel_symbols_;
    std::unordered_map<StackKey, profile::StackId, StackKeyHash> stacks_;
    std::unordered_map<PlaceKey, NativeName, PlaceKeyHash> native_names_;
    std::unordered_map<uint64_t, profile::FrameId> kernel_frames_;
    std::unordered_map<const elf::ElfFile*, std::unique_ptr<symbolize::FileSymbols>> file_symbols_;
};

}  // namespace pyebpf::pipeline
