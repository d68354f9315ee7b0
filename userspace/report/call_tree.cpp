// SPDX-License-Identifier: Apache-2.0
#include "report/call_tree.h"

#include <fmt/format.h>
#include <tsl/robin_map.h>

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

// What a label of a stack or a frame is for the folding.
enum class Role : uint8_t { kLabel, kApplication, kLibrary, kInterpreter };

}  // namespace

struct CallTree::Builder {
    explicit Builder(CallTree& result)
        : tree(result), amounts(*result.amounts_), stacks(amounts.stacks()) {
        tree.functions_ = output::index_functions(amounts.profile());
        tree.nodes_.push_back({});
        const Profile& profile = amounts.profile();
        for (const Frame& function : tree.functions_.functions) {
            roles.push_back(function.kind == FrameKind::kMarker        ? Role::kLabel
                            : function.kind == FrameKind::kInterpreter ? Role::kInterpreter
                            : is_library_code(profile, function)       ? Role::kLibrary
                                                                       : Role::kApplication);
        }
    }

    [[nodiscard]] uint32_t label_of(StackId id) const {
        const FrameId frame = stacks[id].frame;
        const auto& functions = tree.functions_;
        if (!stacks.is_label(frame)) return functions.of_frame[frame.value];
        return static_cast<uint32_t>(functions.functions.size() + frame.value -
                                     functions.of_frame.size());
    }
    [[nodiscard]] Role role_of(uint32_t label) const {
        return label < roles.size() ? roles[label] : Role::kLabel;
    }

    uint32_t child(uint32_t parent, uint32_t label) {
        const auto next = static_cast<uint32_t>(tree.nodes_.size());
        const auto [entry, is_new] = known.try_emplace(uint64_t{parent} << 32 | label, next);
        const uint32_t found = entry->second;
        if (is_new) tree.nodes_.push_back({.parent = parent, .label = label});
        return found;
    }
    // Direct recursion stays at its node.
    uint32_t child_or_same(uint32_t parent, uint32_t label) {
        return tree.nodes_[parent].label == label ? parent : child(parent, label);
    }

    void add_calls() {
        std::vector<uint32_t> node_of(stacks.size());
        for (uint32_t i = 0; i < stacks.size(); ++i) {
            const StackId parent = stacks[StackId{i}].parent;
            node_of[i] = child(parent.valid() ? node_of[parent.value] : 0, label_of(StackId{i}));
            tree.nodes_[node_of[i]].self += amounts.self()[i];
        }
    }

    void add_folded_calls() {
        struct State {
            uint32_t node = 0;    // where the stack is shown
            uint32_t labels = 0;  // the node of the labels at its root side
            bool has_application = false;
            bool in_library = false;  // below the first library frame that the application called
        };
        std::vector<State> states(stacks.size());
        for (uint32_t i = 0; i < stacks.size(); ++i) {
            const StackId parent = stacks[StackId{i}].parent;
            State state = parent.valid() ? states[parent.value] : State{};
            const uint32_t label = label_of(StackId{i});
            switch (role_of(label)) {
                case Role::kLabel:
                    state.labels = state.node = child(state.node, label);
                    break;
                case Role::kApplication:
                    state.node = child_or_same(state.has_application ? state.node : state.labels,
                                               label);
                    state.has_application = true;
                    state.in_library = false;
                    break;
                case Role::kInterpreter:
                    if (!state.has_application) state.node = child_or_same(state.node, label);
                    break;
                case Role::kLibrary:
                    if (!state.in_library) state.node = child_or_same(state.node, label);
                    state.in_library = state.has_application;
                    break;
            }
            tree.nodes_[state.node].self += amounts.self()[i];
            states[i] = state;
        }
    }

    // By label: whether it is the function that was asked for.
    [[nodiscard]] std::vector<bool> wanted_functions() const {
        std::vector<bool> wanted;
        for (const Frame& function : tree.functions_.functions) {
            wanted.push_back(function.kind != FrameKind::kMarker &&
                             profile::matches_function(
                                 tree.options_.function,
                                 amounts.profile().text(function.function)));
        }
        return wanted;
    }

    // False if there is no such function in a stack.
    bool add_around_function() {
        const std::vector<bool> wanted = wanted_functions();
        const bool shows_callers = tree.options_.direction == TreeOptions::Direction::kCallers;
        std::vector<uint32_t> node_of(stacks.size());  // 0: not below the function
        bool is_found = false;
        for (uint32_t i = 0; i < stacks.size(); ++i) {
            const StackId parent = stacks[StackId{i}].parent;
            const uint32_t label = label_of(StackId{i});
            const uint32_t above = parent.valid() ? node_of[parent.value] : 0;
            if (above != 0) {
                node_of[i] = shows_callers ? above : child_or_same(above, label);
            } else if (label < wanted.size() && wanted[label]) {
                is_found = true;
                node_of[i] = child(0, label);
                if (shows_callers) add_callers(node_of[i], parent, amounts.total()[i]);
            }
            if (!shows_callers && node_of[i] != 0)
                tree.nodes_[node_of[i]].self += amounts.self()[i];
        }
        return is_found;
    }

    // The root of the stack is where the amount ends up, so that it counts on the whole way.
    void add_callers(uint32_t node, StackId caller, uint64_t amount) {
        for (; caller.valid(); caller = stacks[caller].parent)
            node = child_or_same(node, label_of(caller));
        tree.nodes_[node].self += amount;
    }

    CallTree& tree;
    const StackAmounts& amounts;
    const output::RootedStacks& stacks;
    std::vector<Role> roles;  // by function
    tsl::robin_map<uint64_t, uint32_t> known;
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
    tree.finish();
    return tree;
}

void CallTree::finish() {
    for (Node& node : nodes_) node.total = node.self;
    for (size_t i = nodes_.size(); i-- > 1;) nodes_[nodes_[i].parent].total += nodes_[i].total;
    // Of callers the amount was put at the far end: nobody but the function itself has a self.
    if (options_.direction == TreeOptions::Direction::kCallers)
        for (Node& node : nodes_) node.self = 0;
    children_.resize(nodes_.size());
    for (uint32_t i = 1; i < nodes_.size(); ++i)
        if (nodes_[i].total > 0) children_[nodes_[i].parent].push_back(i);
    for (auto& children : children_) {
        std::ranges::sort(children, [&](uint32_t a, uint32_t b) {
            if (nodes_[a].total != nodes_[b].total) return nodes_[a].total > nodes_[b].total;
            const std::string name_a = name_of(nodes_[a].label);
            const std::string name_b = name_of(nodes_[b].label);
            return name_a != name_b ? name_a < name_b : a < b;
        });
    }
}

std::string CallTree::name_of(uint32_t label) const {
    const auto functions = static_cast<uint32_t>(functions_.functions.size());
    if (label < functions) {
        const std::string_view name =
            amounts_->profile().text(functions_.functions[label].function);
        return name.empty() ? "[unknown]" : output::name_text(name);
    }
    const auto frame = static_cast<uint32_t>(label - functions + functions_.of_frame.size());
    return output::name_text(amounts_->stacks().name(FrameId{frame}));
}

namespace {

// A line that is still to be written: a node, or what was too small to be shown.
struct PendingLine {
    uint32_t node = 0;
    uint32_t depth = 0;
    std::string lead;       // the tree's lines before the name
    std::string lead_below; // the same for what is below the node
    uint32_t smaller = 0;   // not a node but so many of them
    uint64_t amount = 0;    // of those
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
    const AmountText amount_text(amounts_->unit(), nodes_.front().total);
    const uint64_t whole = nodes_.front().total;
    const bool shows_self = options_.direction != TreeOptions::Direction::kCallers;
    const auto smallest =
        static_cast<uint64_t>(static_cast<double>(whole) * options_.min_share_percent / 100);

    std::string text = style.bold(fmt::format("{:>{}}   share{}  function", "total",
                                              AmountText::kColumns,
                                              shows_self ? "       self" : "")) +
                       "\n";
    std::vector<PendingLine> pending;
    const auto add_children = [&](uint32_t node, uint32_t depth, const std::string& lead) {
        std::vector<PendingLine> lines;
        PendingLine rest{.depth = depth};
        const bool is_too_deep = options_.max_depth != 0 && depth >= options_.max_depth;
        for (const uint32_t child : children_[node]) {
            if (!is_too_deep && nodes_[child].total >= smallest) {
                lines.push_back({.node = child, .depth = depth});
            } else {
                ++rest.smaller;
                rest.amount += nodes_[child].total;
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
        const Node& node = nodes_[line.node];
        const uint64_t total = line.smaller > 0 ? line.amount : node.total;
        std::string numbers = amount_text.aligned(total) + " " + share_text(total, whole);
        if (shows_self) {
            const bool has_self = line.smaller == 0 && node.self > 0;
            numbers += has_self ? " " + amount_text.aligned(node.self)
                                : std::string(1 + AmountText::kColumns, ' ');
        }
        numbers += "  ";
        const size_t room = width - std::min(width, output::columns(numbers));
        const std::string lead = fitted(line.lead, room / 2);
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
    std::vector<nlohmann::ordered_json> objects(nodes_.size());
    for (size_t i = nodes_.size(); i-- > 0;) {
        auto& object = objects[i];
        const Node& node = nodes_[i];
        if (i > 0 && node.label < functions_.functions.size()) {
            object = frame_json(amounts_->profile(), functions_.functions[node.label]);
        } else if (i > 0) {
            object["label"] = name_of(node.label);
        }
        object["self"] = node.self;
        object["total"] = node.total;
        auto& children = object["children"] = nlohmann::ordered_json::array();
        for (const uint32_t child : children_[i]) children.push_back(std::move(objects[child]));
    }
    static constexpr const char* kViews[] = {"calls", "callers", "callees"};
    auto document = document_json(*amounts_, kViews[static_cast<size_t>(options_.direction)]);
    document["tree"] = std::move(objects.front());
    return document.dump() + "\n";
}

}  // namespace pyebpf::report
