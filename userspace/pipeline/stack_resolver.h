// SPDX-License-Identifier: Apache-2.0
// Turns the raw parts of a sample into one named stack, in two steps:
//
//   resolve()   at once: places Python runs among native frames (profile/merge.h) and takes from
//   the living process what only it knows stack()     later: names native frames
//   (pipeline/native_names.h) and interns the stack
//
// Each distinct stack is resolved once, each distinct frame named once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "bpf/abi/record.h"
#include "pipeline/method_names.h"
#include "pipeline/native_names.h"
#include "pipeline/process_publisher.h"
#include "pipeline/source_embedder.h"
#include "pipeline/stack_store.h"
#include "process/binary_cache.h"
#include "process/process_table.h"
#include "profile/merge.h"
#include "profile/profile.h"
#include "symbolize/kernel_symbols.h"

namespace pyebpf::pipeline {

// Which native frames a stack shows.
enum class NativeFrames {
    kAll,         // every frame, also the evaluators that run Python frames
    kExtensions,  // those of the interpreter itself and of the C library's start-up code are left
                  // out where Python frames stand for them
    kNone,        // Python and kernel frames only
};

struct ResolverTotals {
    uint64_t merges = 0;
    uint64_t merges_verified = 0;  // all boundaries found their native frame, and the reverse
    // Python frames (of distinct stacks) without a name or a file, by cause
    uint64_t unnamed_ended = 0;       // the process ended before its code object was read
    uint64_t unnamed_unreadable = 0;  // memory of the code object is not readable
    uint64_t unnamed_no_code = 0;     // what the frame leads to is no code object
    uint64_t code_read_late = 0;      // code objects that were read from the live process
    uint64_t missing_parts = 0;       // samples whose stack part was lost
    uint64_t guessed_tails =
        0;  // stacks whose root side was left out: a guess led to what is no code
};

[[nodiscard]] inline uint64_t unnamed_frames(const ResolverTotals& totals) {
    return totals.unnamed_ended + totals.unnamed_unreadable + totals.unnamed_no_code;
}

// A stack whose native frames have no names yet.
using ResolvedId = Id<struct ResolvedTag>;

class StackResolver {
  public:
    StackResolver(profile::Profile& profile, StackStore& store, const process::ProcessTable& table,
                  process::BinaryCache& binaries, ProcessPublisher& publisher,
                  NativeFrames native_frames, std::shared_ptr<symbolize::Debuginfod> debuginfod);
    ~StackResolver();

    // The stack of a sample of an instance.
    [[nodiscard]] ResolvedId resolve(const sample_record& sample, process::InstanceId instance);
    // With names. The first call for a file reads its symbols and debug information.
    [[nodiscard]] profile::StackId stack(ResolvedId id);
    [[nodiscard]] const ResolverTotals& totals() const { return totals_; }
    // To be called soon with each record that has a new code object, by any thread.
    void look_at_definition(std::span<const uint8_t> record) { method_names_.look(record); }
    // Forgets all stacks and frames: the profile's tables begin anew (Profile::forget_stacks).
    void forget_stacks();
    // How much would be forgotten.
    [[nodiscard]] size_t remembered() const { return resolved_.size() + native_names_.places(); }
    // From now on the source files of Python frames are taken into the profile.
    void embed_sources() { sources_.emplace(profile_); }

  private:
    struct StackKey {
        uint32_t instance;
        uint64_t kernel, native, python;
        bool operator==(const StackKey&) const = default;
    };
    struct StackKeyHash {
        size_t operator()(const StackKey& key) const noexcept;
    };
    // One level of a stack: a frame, or native code that becomes one or more frames when it is
    // named.
    struct Level {
        profile::FrameId frame;
        PlaceId place;  // if frame is not valid
        // Of an evaluator, the functions that are inlined into it are at the leaf side of the
        // Python frames that it runs, and itself at their root side.
        enum class Part : uint8_t { kWhole, kInlined, kOutermost } part = Part::kWhole;
    };
    struct Resolved {
        std::vector<Level> levels;  // leaf first; empty once it is interned
        profile::StackId stack;
    };
    // Why a frame has no code object, or not all of its names.
    enum class Gap { kNone, kEnded, kUnreadable, kNoCode };
    struct FrameCode {
        CodeObject* object = nullptr;
        Gap gap = Gap::kNone;
    };
    struct PythonStackFacts {
        uint32_t code_objects = 0;
        uint32_t other_objects = 0;  // a frame's code pointer leads to something else
    };
    struct NativeStack {
        std::vector<PlaceId> places;  // leaf first
        std::vector<profile::NativeLink> links;
    };

    [[nodiscard]] NativeStack locate(const std::vector<native_frame>& frames,
                                     process::InstanceId instance);
    // The levels of native and Python frames. False if a code object is not known yet.
    [[nodiscard]] bool append_merged(const sample_record& sample, process::InstanceId instance,
                                     const NativeStack& native,
                                     const std::vector<python_frame>& python,
                                     std::vector<Level>& levels);
    [[nodiscard]] profile::FrameId kernel_frame(uint64_t address);
    // The code object of a frame, with its name.
    [[nodiscard]] FrameCode code_of(const python_frame& frame, const sample_record& sample,
                                    process::InstanceId instance,
                                    const ProcessPublisher::Attachment& python);
    // What the kernel side could not read of it is read from the live process.
    [[nodiscard]] FrameCode find_code(const python_frame& frame, const sample_record& sample,
                                      process::InstanceId instance,
                                      const ProcessPublisher::Attachment& python);
    // The layout proves itself by the first code object that frames of a runtime lead to. If the
    // frames of several stacks led to other objects only, the runtime is refused.
    void test_layout(const PythonStackFacts& facts, process::InstanceId instance,
                     const ProcessPublisher::Attachment& python);
    [[nodiscard]] profile::FrameId python_frame_id(const python_frame& frame, const FrameCode& code,
                                                   const python::Runtime& runtime);
    [[nodiscard]] profile::FrameId intern(profile::FrameKind kind, std::string_view function,
                                          std::string_view module);
    [[nodiscard]] profile::FrameId marker(std::string_view text);

    profile::Profile& profile_;
    StackStore& store_;
    const process::ProcessTable& table_;
    ProcessPublisher& publisher_;
    NativeFrames native_frames_;
    NativeNames native_names_;
    MethodNames method_names_;
    ResolverTotals totals_;
    std::unique_ptr<symbolize::KernelSymbols> kernel_symbols_;
    std::vector<Resolved> resolved_;
    std::unordered_map<StackKey, ResolvedId, StackKeyHash> by_parts_;
    std::unordered_map<uint64_t, profile::FrameId> kernel_frames_;
    std::optional<SourceEmbedder> sources_;
    std::unordered_map<const python::Runtime*, uint32_t>
        layout_failures_;  // kLayoutProven: there is a code object
};

}  // namespace pyebpf::pipeline
