// SPDX-License-Identifier: Apache-2.0
// Tells the kernel side what the walkers need of each process: where its Python runtime is, and
// which unwind tables its code has.
//
// Python processes get everything as soon as their mappings appear, so that their first tick is
// complete. Others get unwind tables when they were sampled for the first time (want_code_ranges):
// what never runs costs nothing.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "loader/sampler.h"
#include "native/unwind_tables.h"
#include "process/binary_cache.h"
#include "process/process_table.h"

namespace pyebpf::pipeline {

struct PublisherTotals {
    uint64_t python_processes = 0;
    uint64_t unsupported_processes = 0;
    std::set<std::string> python_versions;
    uint64_t range_failures = 0;  // no room in the array of code ranges
};

class ProcessPublisher : public process::ProcessObserver {
  public:
    ProcessPublisher(loader::Sampler& sampler, process::BinaryCache& binaries);
    ~ProcessPublisher() override;

    // The table whose observer this is; set before its scan().
    void set_table(const process::ProcessTable& table) { table_ = &table; }
    // A target: its ticks are sampled, and those of its children if follow_children.
    void watch(uint32_t pid, bool follow_children);

    // The process was sampled without unwind tables.
    void want_code_ranges(process::InstanceId id);

    void started(process::InstanceId id) override;
    void mapped(process::InstanceId id, const process::Mapping& mapping) override;
    void ended(process::InstanceId id) override;
    void forked(process::InstanceId parent, process::InstanceId child) override;

    [[nodiscard]] PublisherTotals totals() const;
    [[nodiscard]] native::UnwindTableTotals unwind_totals() const {
        return unwind_tables_->totals();
    }
    // Looks the threads of a Python process up in its memory, for those whose state the kernel side
    // did not find. At most every 100 ms.
    void list_threads(process::InstanceId id);

    // The layout does not fit this process: from now on it, and all others with the same runtime,
    // have native stacks only.
    void refuse_runtime(process::InstanceId id, std::string_view reason);

    // It maps a Python runtime, of whatever version.
    [[nodiscard]] bool is_python(process::InstanceId id) const;

    // Python version of an instance, "" if it has no known runtime.
    [[nodiscard]] std::string python_version(process::InstanceId id) const;
    // Where the Python runtime of an instance is; runtime is null if it has none that is known.
    struct Attachment {
        std::shared_ptr<const python::Runtime> runtime;
        LoadBias bias;
        bool is_unsupported = false;  // Python, but of a version or build that is not known
    };
    [[nodiscard]] Attachment attachment(process::InstanceId id) const;

  private:
    class RangeSpan;
    class RangeArena;
    struct State;
    class Slabs;

    void publish(State& state);
    void attach_runtime(State& state, const process::Mapping& mapping,
                        const process::Binary& binary);
    void update_ranges(State& state);
    void tables_ready(std::span<const elf::ElfFile* const> files);
    State* find(uint32_t pid);

    loader::Sampler& sampler_;
    process::BinaryCache& binaries_;
    const process::ProcessTable* table_ = nullptr;

    mutable std::mutex mutex_;                                     // guards what follows
    std::unordered_map<uint32_t, std::unique_ptr<State>> states_;  // by pid: the current instance
    std::unordered_map<const python::Runtime*, uint32_t> layouts_;
    std::set<const python::Runtime*> refused_;
    std::vector<Attachment> attachments_;                       // by InstanceId
    std::unordered_map<uint32_t, uint64_t> threads_listed_ns_;  // by InstanceId
    std::set<const elf::ElfFile*>
        sampled_;                   // programs with samples; kept alive by the binary cache
    std::set<std::string> warned_;  // files
    PublisherTotals totals_;
    std::unique_ptr<RangeArena> arena_;
    std::unique_ptr<Slabs> slabs_;
    std::unique_ptr<native::UnwindTables> unwind_tables_;  // last: its worker calls back
};

}  // namespace pyebpf::pipeline
