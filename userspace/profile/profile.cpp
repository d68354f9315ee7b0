// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <algorithm>

#include "base/result.h"

namespace pyebpf::profile {

namespace {

// splitmix64's finalizer: spreads neighbouring ids over the table.
size_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

}  // namespace

StringId StringTable::intern(std::string_view text) {
    if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
    const StringId id{static_cast<uint32_t>(texts_.size())};
    texts_.emplace_back(text);
    ids_.emplace(texts_.back(), id);
    return id;
}

size_t FrameTable::Hash::operator()(const Frame& frame) const noexcept {
    const uint64_t names = uint64_t{frame.function.value} << 32 | frame.file.value;
    const uint64_t lines = uint64_t{frame.line} << 32 | frame.first_line;
    const uint64_t rest = uint64_t{frame.module.value} << 32 |
                          static_cast<uint64_t>(frame.kind) << 1 |
                          static_cast<uint64_t>(frame.inlined);
    return mix(names ^ mix(lines ^ mix(rest)));
}

FrameId FrameTable::intern(const Frame& frame) {
    const FrameId next{static_cast<uint32_t>(frames_.size())};
    const auto [entry, is_new] = ids_.emplace(frame, next);
    if (is_new) frames_.push_back(frame);
    return entry->second;
}

size_t StackTable::slot_of(const Node& node) const {
    const size_t mask = slots_.size() - 1;
    size_t slot = mix(uint64_t{node.parent.value} << 32 | node.frame.value) & mask;
    while (slots_[slot].valid() && nodes_[slots_[slot].value] != node) slot = (slot + 1) & mask;
    return slot;
}

// At most half of the slots are taken, so that runs of them stay short.
void StackTable::grow() {
    constexpr size_t kFirstSlots = 64;
    slots_.assign(std::max(kFirstSlots, 2 * slots_.size()), StackId{});
    for (uint32_t i = 0; i < nodes_.size(); ++i) slots_[slot_of(nodes_[i])] = StackId{i};
}

StackId StackTable::push(StackId parent, FrameId frame) {
    if (2 * (nodes_.size() + 1) > slots_.size()) grow();
    const Node node{parent, frame};
    StackId& id = slots_[slot_of(node)];
    if (!id.valid()) {
        id = StackId{static_cast<uint32_t>(nodes_.size())};
        nodes_.push_back(node);
    }
    return id;
}

std::vector<FrameId> StackTable::frames(StackId id) const {
    std::vector<FrameId> result;
    for (; id.valid(); id = nodes_[id.value].parent) result.push_back(nodes_[id.value].frame);
    std::ranges::reverse(result);
    return result;
}

void sort_by_time(std::vector<Sample>& samples) {
    // Mostly they are sorted, and to sort takes a second copy of them.
    if (!std::ranges::is_sorted(samples, {}, &Sample::time_ns))
        std::ranges::stable_sort(samples, {}, &Sample::time_ns);
}

void Profile::forget_stacks() {
    PYEBPF_CHECK(samples.empty());
    StringTable kept;
    const auto keep = [&](StringId& id) { id = kept.intern(strings[id]); };
    for (Container& row : containers) {
        for (StringId* id : {&row.id, &row.name, &row.runtime, &row.image, &row.pod,
                             &row.pod_namespace, &row.unit, &row.cgroup})
            keep(*id);
    }
    for (Process& row : processes) {
        for (StringId* id : {&row.name, &row.command, &row.executable, &row.python}) keep(*id);
    }
    for (Thread& row : threads) {
        for (StringId* id : {&row.name, &row.python_name}) keep(*id);
    }
    for (Module& row : modules) {
        for (StringId* id : {&row.name, &row.path, &row.build_id}) keep(*id);
    }
    std::map<StringId, std::string> texts;
    for (auto& [file, text] : source_texts) {
        StringId id = file;
        keep(id);
        texts.emplace(id, std::move(text));
    }
    source_texts = std::move(texts);
    strings = std::move(kept);
    frames = {};
    stacks = {};
    ++epoch;
}

std::string_view Profile::container_text(const Process& process) const {
    if (!process.container.valid()) return {};
    const Container& container = containers[process.container.value];
    constexpr size_t kShortId = 12;  // as docker and podman print them
    if (const std::string_view name = strings[container.name]; !name.empty()) return name;
    if (const std::string_view id = strings[container.id]; !id.empty())
        return id.substr(0, kShortId);
    if (const std::string_view unit = strings[container.unit]; !unit.empty()) return unit;
    return strings[container.cgroup];
}

}  // namespace pyebpf::profile
