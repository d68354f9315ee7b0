// SPDX-License-Identifier: Apache-2.0
#include "report/call_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/escape.h"
#include "output/columns.h"
#include "output/function_text.h"
#include "output/names.h"
#include "output/summary.h"
#include "profile/name_pattern.h"
#include "report/json.h"
#include "report/library_code.h"

namespace pyebpf::report {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::StackId;

}  // namespace

struct CallTree::Builder {
    // What a label of a stack or a frame is for the folding.
    enum class Role : uint8_t { kLabel, kApplication, kLibrary, kInterpreter };

    explicit Builder(CallTree& result) : tree(result), amounts(*result.amounts_) {
        tree.functions_ = output::index_functions(amounts.profile());
        const Profile& profile = amounts.profile();
        for (const Frame& function : tree.functions_.functions) {
            roles.push_back(function.kind == FrameKind::kMarker        ? Role::kLabel
                            : function.kind == FrameKind::kInterpreter ? Role::kInterpreter
                            : is_library_code(profile, function)       ? Role::kLibrary
                                                                       : Role::kApplication);
        }
    }

    [[nodiscard]] Role role_of(uint32_t label) const {
        return label < roles.size() ? roles[label] : Role::kLabel;
    }

    StackId child(StackId parent, uint32_t label) {
        return tree.paths_.push(parent, FrameId{label});
    }
    // Direct recursion stays at its path.
    StackId child_or_same(StackId parent, uint32_t label) {
        const bool is_same = parent.valid() && tree.paths_[parent].frame.value == label;
        return is_same ? parent : child(parent, label);
    }

    void add_calls() {
        std::vector<StackId>& path_of = tree.path_of_stack_;
        path_of.resize(amounts.size());
        for (uint32_t i = 0; i < amounts.size(); ++i) {
            const auto& [parent, frame] = amounts[StackId{i}];
            path_of[i] =
                child(parent.valid() ? path_of[parent.value] : StackId{}, tree.label_of(frame));
        }
    }

    void add_folded_calls() {
        struct State {
            StackId path;    // where the stack is shown
            StackId labels;  // the part of it up to the last label
            bool has_application = false;
            bool in_library = false;  // below the first library frame that the application called
        };
        std::vector<State> states(amounts.size());
        for (uint32_t i = 0; i < amounts.size(); ++i) {
            const auto& [parent, frame] = amounts[StackId{i}];
            State state = parent.valid() ? states[parent.value] : State{};
            const uint32_t label = tree.label_of(frame);
            switch (role_of(label)) {
                case Role::kLabel:
                    state.labels = state.path = child(state.path, label);
                    break;
                case Role::kApplication:
                    state.path =
                        child_or_same(state.has_application ? state.path : state.labels, label);
                    state.has_application = true;
                    state.in_library = false;
                    break;
                case Role::kInterpreter:
                    if (!state.has_application) state.path = child_or_same(state.path, label);
                    break;
                case Role::kLibrary:
                    if (!state.in_library) state.path = child_or_same(state.path, label);
                    state.in_library = state.has_application;
                    break;
            }
            states[i] = state;
        }
        for (const State& state : states) tree.path_of_stack_.push_back(state.path);
    }

    // By label: whether it is the function that was asked for.
    [[nodiscard]] std::vector<bool> wanted_functions() const {
        std::vector<bool> wanted;
        for (const Frame& function : tree.functions_.functions) {
            wanted.push_back(function.kind != FrameKind::kMarker &&
                             profile::matches_function(tree.options_.function,
                                                       amounts.profile().text(function.function)));
        }
        return wanted;
    }

    // False if there is no such function in a stack.
    bool add_around_function() {
        const std::vector<bool> wanted = wanted_functions();
        const bool shows_callers = tree.options_.direction == TreeOptions::Direction::kCallers;
        std::vector<StackId>& path_of = tree.path_of_stack_;
        path_of.resize(amounts.size());
        bool is_found = false;
        for (uint32_t i = 0; i < amounts.size(); ++i) {
            if (amounts.total()[i] == 0) continue;
            const auto& [parent, frame] = amounts[StackId{i}];
            const uint32_t label = tree.label_of(frame);
            const StackId above = parent.valid() ? path_of[parent.value] : StackId{};
            if (above.valid()) {
                path_of[i] = shows_callers ? above : child_or_same(above, label);
            } else if (label < wanted.size() && wanted[label]) {
                is_found = true;
                path_of[i] = child({}, label);
                if (shows_callers) path_of[i] = with_callers(path_of[i], parent, amounts);
            }
        }
        return is_found;
    }

    // The path turned around, from a function to the root of its stack: that is where the amount
    // ends up, so that it counts on the whole way.
    template <class Stacks>
    StackId with_callers(StackId path, StackId caller, const Stacks& stacks) {
        for (; caller.valid(); caller = stacks[caller].parent)
            path = child_or_same(path, tree.label_of(stacks[caller].frame));
        return path;
    }

    // Callers end with the roots; callees have none.
    void add_weights() {
        const bool shows_callers = tree.options_.direction == TreeOptions::Direction::kCallers;
        std::vector<uint64_t>& weights = tree.weight_of_path_;
        amounts.each_root([&](StackId root, std::span<const StackAmounts::Weight> stacks) {
            for (const auto& [stack, weight] : stacks) {
                StackId path = tree.path_of_stack_[stack.value];
                if (!path.valid()) continue;
                if (shows_callers) path = with_callers(path, root, amounts.roots());
                if (path.value >= weights.size()) weights.resize(tree.paths_.size());
                weights[path.value] += weight;
                tree.whole_ += weight;
            }
        });
    }

    CallTree& tree;
    const StackAmounts& amounts;
    std::vector<Role> roles;  // by function
};

Result<CallTree> CallTree::make(const StackAmounts& amounts, const TreeOptions& options) {
    CallTree tree(amounts, options);
    Builder builder(tree);
    if (options.direction != TreeOptions::Direction::kCalls) {
        if (!builder.add_around_function()) {
            return fail(fmt::format("no sample has a function '{}' in its stack",
                                    printable(options.function)),
                        "`pyebpf report FILE --by function` lists those there are; '*' stands for "
                        "any text");
        }
    } else if (options.all_frames) {
        builder.add_calls();
    } else {
        builder.add_folded_calls();
    }
    if (options.direction == TreeOptions::Direction::kCalls) {
        tree.whole_ = amounts.sum();
    } else {
        builder.add_weights();
    }
    return tree;
}

// Puts paths below their roots, one root after the other.
class CallTree::Growth {
  public:
    Growth(const CallTree& tree, uint64_t smallest, std::vector<Node>& nodes)
        : tree_(tree),
          smallest_(smallest),
          nodes_(nodes),
          amounts_(tree.paths_.size()),
          node_of_path_(tree.paths_.size()) {}

    void add(StackId path, uint64_t weight) {
        amounts_[path.value].self += weight;
        for (StackId at = path; at.valid(); at = tree_.paths_[at].parent) {
            Amount& amount = amounts_[at.value];
            if (amount.total == 0) reached_.push_back(at);
            amount.total += weight;
        }
    }

    // What was added since the last call becomes nodes, without what is below a smaller one.
    void put_below(uint32_t root) {
        const auto parent_of = [&](StackId path) { return tree_.paths_[path].parent; };
        std::vector<StackId> shown;
        for (const StackId path : reached_) {
            const StackId parent = parent_of(path);
            if (!parent.valid() || amounts_[parent.value].total >= smallest_) shown.push_back(path);
        }
        std::ranges::sort(shown);  // parents before their children
        for (const StackId path : shown) {
            const StackId parent = parent_of(path);
            node_of_path_[path.value] = static_cast<uint32_t>(nodes_.size());
            nodes_.push_back({.parent = parent.valid() ? node_of_path_[parent.value] : root,
                              .label = tree_.paths_[path].frame.value,
                              .self = amounts_[path.value].self,
                              .total = amounts_[path.value].total});
        }
        for (const StackId path : reached_) amounts_[path.value] = {};
        reached_.clear();
    }

  private:
    const CallTree& tree_;
    const uint64_t smallest_;
    std::vector<Node>& nodes_;
    std::vector<Amount> amounts_;         // by path
    std::vector<uint32_t> node_of_path_;  // for those that are shown
    std::vector<StackId> reached_;
};

// Labels have the ids after those of the functions, in the order of their frames.
uint32_t CallTree::label_of(FrameId frame) const {
    if (!amounts_->roots().is_label(frame)) return functions_.of_frame[frame.value];
    return static_cast<uint32_t>(functions_.functions.size() + frame.value -
                                 functions_.of_frame.size());
}

CallTree::Branches CallTree::branches(uint64_t smallest) const {
    Branches result;
    std::vector<Node>& nodes = result.nodes;
    nodes.push_back({.total = whole_});
    Growth growth(*this, smallest, nodes);
    if (options_.direction == TreeOptions::Direction::kCalls) {
        const output::RootedStacks& roots = amounts_->roots();
        std::vector<uint32_t> node_of_root(roots.size());
        amounts_->each_root([&](StackId root, std::span<const StackAmounts::Weight> stacks) {
            uint64_t sum = 0;
            for (const auto& each : stacks) sum += each.weight;
            std::vector<StackId> labels;
            for (StackId at = root; at.valid(); at = roots[at].parent) labels.push_back(at);
            uint32_t node = 0;
            for (; !labels.empty(); labels.pop_back()) {
                uint32_t& known = node_of_root[labels.back().value];
                if (known == 0) {
                    known = static_cast<uint32_t>(nodes.size());
                    nodes.push_back(
                        {.parent = node, .label = label_of(roots[labels.back()].frame)});
                }
                node = known;
                nodes[node].total += sum;
            }
            if (sum < smallest) return;
            for (const auto& [stack, weight] : stacks)
                growth.add(path_of_stack_[stack.value], weight);
            growth.put_below(node);
        });
    } else {
        for (uint32_t i = 0; i < weight_of_path_.size(); ++i)
            if (weight_of_path_[i] > 0) growth.add(StackId{i}, weight_of_path_[i]);
        growth.put_below(0);
    }
    // Of callers the amount was put at the far end: nobody but the function itself has a self.
    if (options_.direction == TreeOptions::Direction::kCallers)
        for (Node& node : nodes) node.self = 0;
    result.children.resize(nodes.size());
    for (uint32_t i = 1; i < nodes.size(); ++i) result.children[nodes[i].parent].push_back(i);
    for (auto& children : result.children) {
        std::ranges::sort(children, [&](uint32_t a, uint32_t b) {
            if (nodes[a].total != nodes[b].total) return nodes[a].total > nodes[b].total;
            const std::string name_a = name_of(nodes[a].label);
            const std::string name_b = name_of(nodes[b].label);
            return name_a != name_b ? name_a < name_b : a < b;
        });
    }
    return result;
}

std::string CallTree::name_of(uint32_t label) const {
    const auto functions = static_cast<uint32_t>(functions_.functions.size());
    if (label < functions) {
        const std::string_view name =
            amounts_->profile().text(functions_.functions[label].function);
        return name.empty() ? "[unknown]" : output::name_text(name);
    }
    const auto frame = static_cast<uint32_t>(label - functions + functions_.of_frame.size());
    return output::name_text(amounts_->roots().name(FrameId{frame}));
}

namespace {

// A line that is still to be written: a node, or what was too small to be shown.
struct PendingLine {
    uint32_t node = 0;
    uint32_t depth = 0;
    std::string lead;        // the tree's lines before the name
    std::string lead_below;  // the same for what is below the node
    uint32_t smaller = 0;    // not a node but so many of them
    uint64_t amount = 0;     // of those
};

// Deep trees lose the far end of their lines, not the names.
std::string fitted(std::string lead, size_t width) {
    const size_t columns = output::columns(lead);
    if (columns <= width) return lead;
    std::string kept = "…";
    const std::string_view text = lead;
    size_t at = 0;
    for (size_t dropped = 0; dropped < columns - width + 1 && at < text.size(); ++dropped) {
        ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    }
    return kept + std::string(text.substr(at));
}

}  // namespace

std::string CallTree::text(const ViewOptions& view) const {
    const size_t width = std::max(view.width, output::kSmallestWidth);
    const output::Style style(view.color);
    const AmountText amount_text(amounts_->unit(), whole_);
    const bool shows_self = options_.direction != TreeOptions::Direction::kCallers;
    const auto smallest =
        static_cast<uint64_t>(static_cast<double>(whole_) * options_.min_share_percent / 100);
    const auto [nodes, children] = branches(smallest);

    std::string text =
        style.bold(fmt::format("{:>{}}   share{}  function", "total", AmountText::kColumns,
                               shows_self ? "       self" : "")) +
        "\n";
    std::vector<PendingLine> pending;
    const auto add_children = [&](uint32_t node, uint32_t depth, const std::string& lead) {
        std::vector<PendingLine> lines;
        PendingLine rest{.depth = depth};
        const bool is_too_deep = options_.max_depth != 0 && depth >= options_.max_depth;
        for (const uint32_t child : children[node]) {
            if (!is_too_deep && nodes[child].total >= smallest) {
                lines.push_back({.node = child, .depth = depth});
            } else {
                ++rest.smaller;
                rest.amount += nodes[child].total;
            }
        }
        if (!is_too_deep && rest.smaller > 0 && rest.amount >= smallest) lines.push_back(rest);
        // A single child continues its parent's line; several branch off.
        for (size_t i = 0; i < lines.size(); ++i) {
            const bool branches = lines.size() > 1;
            const bool is_last = i + 1 == lines.size();
            lines[i].lead = lead + (!branches ? "" : is_last ? "└ " : "├ ");
            lines[i].lead_below = lead + (!branches ? "" : is_last ? "  " : "│ ");
        }
        pending.insert(pending.end(), lines.rbegin(), lines.rend());
    };
    add_children(0, 0, "");
    while (!pending.empty()) {
        const PendingLine line = std::move(pending.back());
        pending.pop_back();
        const Node& node = nodes[line.node];
        const uint64_t total = line.smaller > 0 ? line.amount : node.total;
        std::string numbers = amount_text.aligned(total) + " " + share_text(total, whole_);
        if (shows_self) {
            const bool has_self = line.smaller == 0 && node.self > 0;
            numbers += has_self ? " " + amount_text.aligned(node.self)
                                : std::string(1 + AmountText::kColumns, ' ');
        }
        numbers += "  ";
        const size_t room = width - std::min(width, output::columns(numbers));
        const std::string lead = fitted(line.lead, std::min(width / 3, room / 2));
        const size_t left = room - output::columns(lead);
        text += numbers + style.dim(lead);
        if (line.smaller > 0) {
            text += style.dim(output::shortened(
                fmt::format("[{} smaller]", output::grouped(line.smaller)), left));
        } else if (node.label < functions_.functions.size()) {
            text += output::function_text(amounts_->profile(), functions_.functions[node.label],
                                          left, style);
        } else {
            text += style.bold(output::shortened(name_of(node.label), left));
        }
        text += "\n";
        if (line.smaller == 0) add_children(line.node, line.depth + 1, line.lead_below);
    }
    return text;
}

std::string CallTree::json() const {
    // Children after their parents: from the end, each node is complete before it is given away.
    const auto [nodes, children] = branches(0);
    std::vector<nlohmann::ordered_json> objects(nodes.size());
    for (size_t i = nodes.size(); i-- > 0;) {
        auto& object = objects[i];
        const Node& node = nodes[i];
        if (i > 0 && node.label < functions_.functions.size()) {
            object = frame_json(amounts_->profile(), functions_.functions[node.label]);
        } else if (i > 0) {
            object["label"] = name_of(node.label);
        }
        object["self"] = node.self;
        object["total"] = node.total;
        auto& below = object["children"] = nlohmann::ordered_json::array();
        for (const uint32_t child : children[i]) below.push_back(std::move(objects[child]));
    }
    static constexpr const char* kViews[] = {"calls", "callers", "callees"};
    auto document = document_json(*amounts_, kViews[static_cast<size_t>(options_.direction)]);
    document["tree"] = std::move(objects.front());
    return document.dump() + "\n";
}

}  // namespace pyebpf::report
