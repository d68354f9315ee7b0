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
#include "output/thread_states.h"
#include "output/ticks.h"

namespace pyebpf::output {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Process;
using profile::ProcessId;
using profile::Profile;
using profile::StackId;
using profile::StringId;
using profile::Thread;
using profile::ThreadId;

// A name inside a frame: ';' separates frames.
std::string folded_name(std::string_view name) {
    std::string text;
    for (const char c : name_text(name)) {
        if (c == ';') {
            text += "\\x3b";
        } else {
            text += c;
        }
    }
    return text;
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

std::string frame_text(const Profile& profile, const Frame& frame, const FormatOptions& options) {
    const std::string_view function = profile.text(frame.function);
    std::string text = function.empty() ? "[unknown]" : folded_name(function);
    if (frame.kind == FrameKind::kMarker) return without_kind_suffix(std::move(text));
    const std::string location = location_text(profile, frame, options);
    if (!location.empty()) text += fmt::format(" ({})", location);
    text = without_kind_suffix(std::move(text));
    if (frame.kind == FrameKind::kKernel) return text + "_[k]";
    if (frame.inlined) return text + "_[i]";
    return text;
}

std::string process_text(const Profile& profile, ProcessId id) {
    if (id.value >= profile.processes.size()) return "[unknown process]";
    const Process& process = profile.processes[id.value];
    return fmt::format("{} (pid {})", folded_name(profile.text(process.name)), process.pid);
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

// Maps samples to nodes of a TextTree; remembers what it mapped, as stacks share their root side.
class Folder {
  public:
    Folder(const Profile& profile, const FormatOptions& options)
        : profile_(profile), options_(options), frame_texts_(profile.frames.size()) {}

    void add(const profile::Sample& sample) {
        TextTree::Node root = root_of(sample.thread);
        if (options_.per_state)
            root = tree_.child(root, tree_.intern(fmt::format("[{}]", state_name(sample.state))));
        tree_.add(node_of(root, sample.stack), ticks(profile_, sample));
    }
    void write(Sink& sink) const { tree_.write(sink); }

  private:
    TextTree::Node root_of(ThreadId id) {
        if (!options_.per_process && !options_.per_thread) return TextTree::kRoot;
        const auto [entry, is_new] = root_of_thread_.try_emplace(id, TextTree::kRoot);
        if (!is_new) return entry->second;
        const bool is_known = id.value < profile_.threads.size();
        const Thread thread = is_known ? profile_.threads[id.value] : Thread{};
        TextTree::Node node = TextTree::kRoot;
        if (options_.per_process)
            node = tree_.child(node, tree_.intern(process_text(profile_, thread.process)));
        if (options_.per_thread) {
            const std::string text =
                is_known ? fmt::format("{} (tid {})", folded_name(profile_.text(thread.name)),
                                       thread.tid)
                         : "[unknown thread]";
            node = tree_.child(node, tree_.intern(text));
        }
        return entry->second = node;
    }

    TextTree::Node node_of(TextTree::Node root, StackId stack) {
        if (!stack.valid()) return tree_.child(root, tree_.intern("[no stack]"));
        auto& known = nodes_of_root_[root];
        pending_.clear();
        TextTree::Node node = root;
        for (StackId id = stack; id.valid(); id = profile_.stacks[id].parent) {
            if (const auto found = known.find(id); found != known.end()) {
                node = found->second;
                break;
            }
            pending_.push_back(id);
        }
        for (size_t i = pending_.size(); i-- > 0;) {
            node = tree_.child(node, text_of(profile_.stacks[pending_[i]].frame));
            known.emplace(pending_[i], node);
        }
        return node;
    }

    StringId text_of(FrameId id) {
        StringId& text = frame_texts_[id.value];
        if (!text.valid()) text = tree_.intern(frame_text(profile_, profile_.frame(id), options_));
        return text;
    }

    const Profile& profile_;
    const FormatOptions& options_;
    TextTree tree_;
    std::vector<StringId> frame_texts_;
    std::map<ThreadId, TextTree::Node> root_of_thread_;
    std::map<TextTree::Node, tsl::robin_map<StackId, TextTree::Node, std::hash<StackId>>>
        nodes_of_root_;
    std::vector<StackId> pending_;
};

Result<void> write_collapsed(const Profile& profile, const FormatOptions& options, Sink& sink) {
    Folder folder(profile, options);
    for (const profile::Sample& sample : profile.samples) folder.add(sample);
    folder.write(sink);
    return {};
}

constexpr std::array<std::string_view, 3> kExtensions{".folded", ".collapsed", ".txt"};

}  // namespace

constinit const Format kCollapsed{
    .name = "collapsed",
    .extensions = kExtensions,
    .description =
        "collapsed stacks, one line per stack: for flame graph scripts, speedscope, grep and sort",
    .write = write_collapsed,
};

}  // namespace pyebpf::output
