// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <algorithm>

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

size_t StackTable::Hash::operator()(const Node& node) const noexcept {
    return mix(uint64_t{node.parent.value} << 32 | node.frame.value);
}

StackId StackTable::push(StackId parent, FrameId frame) {
    const Node node{parent, frame};
    const StackId next{static_cast<uint32_t>(nodes_.size())};
    const auto [entry, is_new] = ids_.emplace(node, next);
    if (is_new) nodes_.push_back(node);
    return entry->second;
}

std::vector<FrameId> StackTable::frames(StackId id) const {
    std::vector<FrameId> result;
    for (; id.valid(); id = nodes_[id.value].parent) result.push_back(nodes_[id.value].frame);
    std::ranges::reverse(result);
    return result;
}

}  // namespace pyebpf::profile
