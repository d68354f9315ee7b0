// SPDX-License-Identifier: Apache-2.0
#include "output/collapsed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "output/names.h"
#include "output/rooted_stacks.h"
#include "output/ticks.h"
#include "output/units.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::StackId;
using profile::StringId;

// A name inside a frame: ';' separates frames.
std::string folded_name(std::string_view name) {
    return name_text(name, ";");
}

// flamegraph.pl takes a trailing "_[k]", "_[i]" or "_[j]" as the kind of the frame: a name may not
// pretend to one.
std::string without_kind_suffix(std::string text) {
    const bool has_suffix = text.size() > 4 && text.ends_with(']') &&
                            std::string_view(text).substr(text.size() - 4, 2) == "_[";
    if (has_suffix) text.replace(text.size() - 1, 1, "\\x5d");
    return text;
}

std::string location_text(const Profile& profile, const Frame& frame,
                          const FormatOptions& options) {
    const std::string file = folded_name(profile.text(frame.file));
    const std::string module = folded_name(profile.text(frame.module));
    const bool shows_file =
        frame.kind == FrameKind::kPython || options.current_lines || module.empty();
    if (!shows_file || file.empty()) return module;
    uint32_t line = options.current_lines ? frame.line : frame.first_line;
    if (line == 0) line = std::max(frame.line, frame.first_line);
    return line == 0 ? file : fmt::format("{}:{}", file, line);
}

std::string frame_text(const Profile& profile, const RootedStacks& stacks, FrameId id,
                       const FormatOptions& options) {
    const Frame frame = stacks.frame(id);
    std::string text = folded_name(stacks.name(id));
    if (frame.kind == FrameKind::kMarker) return without_kind_suffix(std::move(text));
    const std::string location = location_text(profile, frame, options);
    if (!location.empty()) text += fmt::format(" ({})", location);
    text = without_kind_suffix(std::move(text));
    if (frame.kind == FrameKind::kKernel) return text + "_[k]";
    if (frame.inlined) return text + "_[i]";
    return text;
}

// Stacks merged by the text of their frames: what differs only by something that is not shown is
// one line of output.
class TextTree {
  public:
    using Node = uint32_t;
    static constexpr Node kRoot = 0;

    Node child(Node parent, StringId text) {
        const auto next = static_cast<Node>(nodes_.size());
        const auto [entry, is_new] = nodes_[parent].children.try_emplace(texts_[text], next);
        const Node found = entry->second;
        if (is_new) nodes_.emplace_back();
        return found;
    }
    StringId intern(std::string_view text) { return texts_.intern(text); }
    void add(Node node, double amount) { nodes_[node].ticks += amount; }

    // Lines in the byte order of their frames.
    void write(Sink& sink) const {
        struct Level {
            std::map<std::string_view, Node>::const_iterator next;
            std::map<std::string_view, Node>::const_iterator end;
            size_t prefix_bytes;
        };
        std::string line;
        std::vector<Level> path{{nodes_[kRoot].children.begin(), nodes_[kRoot].children.end(), 0}};
        while (!path.empty() && !sink.failed()) {
            Level& level = path.back();
            line.resize(level.prefix_bytes);
            if (level.next == level.end) {
                path.pop_back();
                continue;
            }
            const auto& [text, id] = *level.next++;
            if (!line.empty()) line += ';';
            line += text;
            const NodeData& node = nodes_[id];
            // Less than half a tick is still a sample that was taken.
            if (node.ticks > 0)
                sink.write(fmt::format("{} {}\n", line, std::max(1LL, std::llround(node.ticks))));
            path.push_back({node.children.begin(), node.children.end(), line.size()});
        }
    }

  private:
    struct NodeData {
        std::map<std::string_view, Node> children;  // views into texts_
        double ticks = 0;
    };
    profile::StringTable texts_;
    std::vector<NodeData> nodes_{1};
};

Result<void> write_collapsed(const Profile& profile, const FormatOptions& options, Sink& sink) {
    const Units units(profile);
    RootedStacks stacks(profile, options, units, RootedStacks::UnitRoots::kIfSeveral);
    std::vector<double> ticks_of_stack;
    for (const profile::Sample& sample : profile.samples) {
        const StackId stack = stacks.of(sample);
        if (stack.value >= ticks_of_stack.size()) ticks_of_stack.resize(stacks.size());
        ticks_of_stack[stack.value] += ticks(profile, sample);
    }

    TextTree tree;
    std::vector<StringId> frame_texts(stacks.frame_count());
    std::vector<TextTree::Node> nodes(stacks.size());
    for (uint32_t i = 0; i < nodes.size(); i++) {  // parents first
        const auto& [parent, frame] = stacks[StackId{i}];
        StringId& text = frame_texts[frame.value];
        if (!text.valid()) text = tree.intern(frame_text(profile, stacks, frame, options));
        nodes[i] = tree.child(parent.valid() ? nodes[parent.value] : TextTree::kRoot, text);
        if (i < ticks_of_stack.size()) tree.add(nodes[i], ticks_of_stack[i]);
    }
    tree.write(sink);
    return {};
}

constexpr std::array<std::string_view, 3> kCollapsedExtensions{".folded", ".collapsed", ".txt"};

}  // namespace

constinit const Format kCollapsed{
    .name = "collapsed",
    .extensions = kCollapsedExtensions,
    .description =
        "collapsed stacks, one line per stack: for flame graph scripts, speedscope, grep and sort",
    .write = write_collapsed,
};

}  // namespace pyebpf::output
