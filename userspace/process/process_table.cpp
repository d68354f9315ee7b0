// SPDX-License-Identifier: Apache-2.0
#include "process/process_table.h"

#include <algorithm>
#include <utility>

namespace pyebpf::process {

namespace {

Mapping to_mapping(const sys::ProcMapping& from, std::shared_ptr<const FileKey> file) {
    return {from.start, from.end, from.file_offset, std::move(file)};
}

}  // namespace

void ProcessTable::scan() {
    for (const uint32_t pid : sys::process_ids()) take_in(pid);
}

// A process that was there before its events were.
void ProcessTable::take_in(uint32_t pid) {
    const auto stat = sys::read_stat(pid);
    if (!stat) return;
    const InstanceId id = start(pid, stat->parent, 0, stat->name);
    observer_.started(id);
    for (const sys::ProcMapping& mapping : sys::read_maps(pid)) {
        if (!mapping.executable) continue;
        map(id, to_mapping(mapping, intern({mapping.device_major, mapping.device_minor,
                                            mapping.inode, mapping.path})));
    }
}

void ProcessTable::apply(const sys::ProcessEvent& event) {
    using Kind = sys::ProcessEvent::Kind;
    switch (event.kind) {
        case Kind::kFork: {
            if (event.pid == event.parent_pid) return;  // a thread
            const InstanceId parent = current(event.parent_pid);
            Instance from;
            if (parent.valid()) from = instance(parent);
            end(event.pid, event.time_ns);  // its exit was lost
            const InstanceId child = start(event.pid, event.parent_pid, event.time_ns, from.name);
            {
                const std::scoped_lock lock(mutex_);
                instances_[child.value].command = from.command;
                instances_[child.value].executable = from.executable;
                instances_[child.value].mappings = std::move(from.mappings);
            }
            observer_.started(child);
            if (parent.valid()) observer_.forked(parent, child);
            return;
        }
        case Kind::kExec: {
            const InstanceId old = current(event.pid);
            const uint32_t parent_pid = old.valid() ? instance(old).parent_pid : 0;
            end(event.pid, event.time_ns);
            observer_.started(start(event.pid, parent_pid, event.time_ns, std::string(event.text)));
            return;
        }
        case Kind::kName: {
            if (event.pid != event.tid) return;  // the name of a thread travels with its samples
            const InstanceId id = current(event.pid);
            const std::scoped_lock lock(mutex_);
            if (id.valid()) instances_[id.value].name = event.text;
            return;
        }
        case Kind::kExit:
            // The main thread may end long before the others; the group ends with its last thread,
            // for which the kernel has no record of its own. Treat the main thread's as the end: a
            // later instance of the pid starts with a fork.
            if (event.pid == event.tid) end(event.pid, event.time_ns);
            return;
        case Kind::kMapping: {
            const InstanceId id = current(event.pid);
            if (!id.valid()) {
                take_in(event.pid);
                return;
            }
            map(id, {event.address, event.address + event.length, event.file_offset,
                     intern({event.device_major, event.device_minor, event.inode,
                             std::string(event.text)})});
            return;
        }
        case Kind::kLost: {
            const std::scoped_lock lock(mutex_);
            lost_events_ += event.lost;
            return;
        }
    }
}

InstanceId ProcessTable::start(uint32_t pid, uint32_t parent_pid, uint64_t time_ns,
                               std::string name) {
    Instance instance;
    instance.pid = pid;
    instance.parent_pid = parent_pid;
    instance.start_ns = time_ns;
    instance.name = std::move(name);
    instance.command = sys::command_line(pid);
    instance.executable = sys::executable_path(pid);
    const std::scoped_lock lock(mutex_);
    instance.id = InstanceId{static_cast<uint32_t>(instances_.size())};
    by_pid_[pid].push_back(instance.id);
    instances_.push_back(std::move(instance));
    return instances_.back().id;
}

void ProcessTable::end(uint32_t pid, uint64_t time_ns) {
    const InstanceId id = current(pid);
    if (!id.valid()) return;
    {
        const std::scoped_lock lock(mutex_);
        instances_[id.value].end_ns = time_ns;
    }
    observer_.ended(id);
}

// Adds a mapping; what it covers of older ones is gone (munmap is not reported, mapping over it
// is).
void ProcessTable::map(InstanceId id, Mapping mapping) {
    if (mapping.start >= mapping.end) return;
    {
        const std::scoped_lock lock(mutex_);
        auto& mappings = instances_[id.value].mappings;
        std::vector<Mapping> kept;
        kept.reserve(mappings.size() + 2);
        for (Mapping& old : mappings) {
            if (old.end <= mapping.start || old.start >= mapping.end) {
                kept.push_back(std::move(old));
                continue;
            }
            if (old.start < mapping.start)
                kept.push_back({old.start, mapping.start, old.file_offset, old.file});
            if (old.end > mapping.end) {
                kept.push_back(
                    {mapping.end, old.end, old.file_offset + (mapping.end - old.start), old.file});
            }
        }
        const auto at = std::ranges::upper_bound(kept, mapping.start, {}, &Mapping::start);
        kept.insert(at, mapping);
        mappings = std::move(kept);
    }
    observer_.mapped(id, mapping);
}

InstanceId ProcessTable::current(uint32_t pid) const {
    const std::scoped_lock lock(mutex_);
    const auto found = by_pid_.find(pid);
    if (found == by_pid_.end()) return {};
    const InstanceId last = found->second.back();
    return instances_[last.value].end_ns == UINT64_MAX ? last : InstanceId{};
}

InstanceId ProcessTable::find(uint32_t pid, uint64_t time_ns) const {
    const std::scoped_lock lock(mutex_);
    const auto found = by_pid_.find(pid);
    if (found == by_pid_.end()) return {};
    for (const InstanceId id : found->second) {
        if (time_ns < instances_[id.value].end_ns) return id;
    }
    return found->second.back();
}

Instance ProcessTable::instance(InstanceId id) const {
    const std::scoped_lock lock(mutex_);
    return instances_[id.value];
}

std::optional<Mapping> ProcessTable::mapping_at(InstanceId id, uint64_t address) const {
    const std::scoped_lock lock(mutex_);
    const auto& mappings = instances_[id.value].mappings;
    auto after = std::ranges::upper_bound(mappings, address, {}, &Mapping::start);
    if (after == mappings.begin()) return std::nullopt;
    const Mapping& candidate = *std::prev(after);
    if (address >= candidate.end) return std::nullopt;
    return candidate;
}

std::vector<Mapping> ProcessTable::mappings(InstanceId id) const {
    const std::scoped_lock lock(mutex_);
    return instances_[id.value].mappings;
}

uint32_t ProcessTable::pid(InstanceId id) const {
    const std::scoped_lock lock(mutex_);
    return instances_[id.value].pid;
}

bool ProcessTable::alive(InstanceId id) const {
    const std::scoped_lock lock(mutex_);
    return instances_[id.value].end_ns == UINT64_MAX;
}

std::vector<InstanceId> ProcessTable::live_instances() const {
    const std::scoped_lock lock(mutex_);
    std::vector<InstanceId> result;
    for (const Instance& instance : instances_) {
        if (instance.end_ns == UINT64_MAX) result.push_back(instance.id);
    }
    return result;
}

size_t ProcessTable::size() const {
    const std::scoped_lock lock(mutex_);
    return instances_.size();
}

uint64_t ProcessTable::lost_events() const {
    const std::scoped_lock lock(mutex_);
    return lost_events_;
}

std::shared_ptr<const FileKey> ProcessTable::intern(FileKey key) {
    const std::scoped_lock lock(mutex_);
    auto& entry = files_[key];
    if (!entry) entry = std::make_shared<const FileKey>(std::move(key));
    return entry;
}

}  // namespace pyebpf::process
