// SPDX-License-Identifier: Apache-2.0
// Every process of the machine, and what it has mapped, over time.
//
// A pid is not an identity: it is reused, and an exec puts another program under it. An Instance is
// one program in one address space, from its fork or exec to its exec or exit. Samples are matched
// to instances by pid and time. Instances are never forgotten during a recording: samples that are
// still in the ring may need them.
//
// Thread-safe: the thread that follows process events writes, the thread that resolves stacks
// reads.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "sys/perf_event.h"
#include "sys/proc.h"

namespace pyebpf::process {

using InstanceId = Id<struct InstanceTag>;

// The kernel's identity of a mapped file. Equal keys with different paths may be different files
// (overlay file systems).
struct FileKey {
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;
    std::string path;
    bool operator==(const FileKey&) const = default;
};

struct FileKeyHash {
    size_t operator()(const FileKey& key) const noexcept {
        return std::hash<std::string>{}(key.path) ^ (key.inode * 0x9e3779b97f4a7c15ull);
    }
};

// An executable mapping.
struct Mapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t file_offset = 0;
    std::shared_ptr<const FileKey> file;  // path "" or "//anon": no file; "[vdso]"
};

struct Instance {
    InstanceId id;
    uint32_t pid = 0;
    uint32_t parent_pid = 0;
    uint64_t start_ns = 0;  // 0: ran before the recording
    uint64_t end_ns = UINT64_MAX;
    std::string name;     // comm
    std::string command;  // command line; empty if the process was gone before it could be read
    std::string executable;
    std::vector<Mapping> mappings;  // executable ones, sorted by start, not overlapping
};

// Told of changes, on the thread that calls scan() or apply(), without the table's lock held.
class ProcessObserver {
  public:
    virtual ~ProcessObserver() = default;
    // By scan, fork or exec.
    virtual void started(InstanceId id) = 0;
    // Also once for each mapping that a scan finds.
    virtual void mapped(InstanceId id, const Mapping& mapping) = 0;
    // By exit or exec.
    virtual void ended(InstanceId id) = 0;
    // After started(child). The child has the parent's mappings, of which mapped() does not tell.
    virtual void forked(InstanceId parent, InstanceId child) = 0;
};

class ProcessTable {
  public:
    explicit ProcessTable(ProcessObserver& observer) : observer_(observer) {}

    // Takes in the processes that run now. Call after the event rings are open, so that nothing
    // falls between.
    void scan();
    void apply(const sys::ProcessEvent& event);

    // The instance of a pid at a time; the nearest one if none covers it (events of different CPUs
    // may cross by microseconds).
    [[nodiscard]] InstanceId find(uint32_t pid, uint64_t time_ns) const;
    [[nodiscard]] Instance instance(InstanceId id) const;  // a copy
    [[nodiscard]] std::optional<Mapping> mapping_at(InstanceId id, uint64_t address) const;
    [[nodiscard]] std::vector<Mapping> mappings(InstanceId id) const;
    [[nodiscard]] uint32_t pid(InstanceId id) const;
    [[nodiscard]] bool alive(InstanceId id) const;
    [[nodiscard]] std::vector<InstanceId> live_instances() const;
    [[nodiscard]] size_t size() const;
    [[nodiscard]] uint64_t lost_events() const;

  private:
    InstanceId start(uint32_t pid, uint32_t parent_pid, uint64_t time_ns, std::string name);
    void end(uint32_t pid, uint64_t time_ns);
    void map(InstanceId id, Mapping mapping);
    void take_in(uint32_t pid);
    [[nodiscard]] InstanceId current(uint32_t pid) const;
    std::shared_ptr<const FileKey> intern(FileKey key);

    ProcessObserver& observer_;
    mutable std::mutex mutex_;  // guards what follows
    std::deque<Instance> instances_;
    std::unordered_map<uint32_t, std::vector<InstanceId>> by_pid_;  // oldest first
    std::unordered_map<FileKey, std::shared_ptr<const FileKey>, FileKeyHash> files_;
    uint64_t lost_events_ = 0;
};

}  // namespace pyebpf::process
