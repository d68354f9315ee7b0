// SPDX-License-Identifier: Apache-2.0
#include "pipeline/local_tables.h"

namespace pyebpf::pipeline {

LocalTables::LocalTables()
    : ranges_(static_cast<code_range*>(std::calloc(kRanges, sizeof(code_range)))) {
    PYEBPF_CHECK(ranges_ != nullptr);
}

Result<uint32_t> LocalTables::add_layout(python_layout layout) {
    const std::scoped_lock lock(mutex_);
    if (layouts_.size() == MAX_PYTHON_LAYOUTS) return fail("too many different Python runtimes");
    layouts_.push_back(loader::with_thread_state_bytes(layout));
    return static_cast<uint32_t>(layouts_.size() - 1);
}

Result<void> LocalTables::put_process(uint32_t tgid, const process_entry& entry) {
    const std::scoped_lock lock(mutex_);
    processes_[tgid] = entry;
    return {};
}

void LocalTables::put_thread_state(uint32_t tgid, uint64_t thread_pointer, uint64_t address) {
    const std::scoped_lock lock(mutex_);
    thread_states_[tgid][thread_pointer] = address;
}

Result<LocalTables::Slab> LocalTables::add_slab() {
    const std::scoped_lock lock(mutex_);
    if (slabs_.size() == MAX_UNWIND_SLABS) return fail("unwind tables fill all slabs");
    auto* words = static_cast<uint32_t*>(std::calloc(UNWIND_SLAB_WORDS, sizeof(uint32_t)));
    if (words == nullptr) return fail("no memory for unwind tables");
    slabs_.emplace_back(words);
    return Slab{static_cast<uint32_t>(slabs_.size() - 1), {words, UNWIND_SLAB_WORDS}};
}

std::optional<process_entry> LocalTables::process(uint32_t tgid) const {
    const std::scoped_lock lock(mutex_);
    const auto found = processes_.find(tgid);
    if (found == processes_.end()) return std::nullopt;
    return found->second;
}

std::optional<python_layout> LocalTables::layout(uint32_t index) const {
    const std::scoped_lock lock(mutex_);
    if (index >= layouts_.size()) return std::nullopt;
    return layouts_[index];
}

uint64_t LocalTables::thread_state(uint32_t tgid, uint64_t thread_pointer) const {
    const std::scoped_lock lock(mutex_);
    const auto process = thread_states_.find(tgid);
    if (process == thread_states_.end()) return 0;
    const auto thread = process->second.find(thread_pointer);
    return thread == process->second.end() ? 0 : thread->second;
}

const uint32_t* LocalTables::slab(uint32_t index) const {
    const std::scoped_lock lock(mutex_);
    return index < slabs_.size() ? slabs_[index].get() : nullptr;
}

}  // namespace pyebpf::pipeline
