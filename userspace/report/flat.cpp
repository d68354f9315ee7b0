// SPDX-License-Identifier: Apache-2.0
#include "report/flat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/escape.h"
#include "output/columns.h"
#include "output/function_text.h"
#include "output/names.h"
#include "output/summary.h"
#include "report/json.h"

namespace pyebpf::report {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::StringId;
using Key = FlatOptions::Key;

constexpr std::array<std::string_view, 7> kKeyNames{"function", "line",   "file",     "module",
                                                    "process",  "thread", "container"};
static_assert(kKeyNames.size() == static_cast<size_t>(Key::kContainer) + 1);

// What frames of one row have in common.
Frame row_of(const Frame& frame, Key key) {
    Frame row;
    switch (key) {
        case Key::kFunction:
            row = frame;
            row.line = 0;
            row.inlined = false;
            break;
        case Key::kLine:
            row = frame;
            if (row.line == 0) row.line = row.first_line;
            row.first_line = 0;
            row.inlined = false;
            break;
        case Key::kFile:
            row.kind = FrameKind::kMarker;
            row.file = frame.file;
            break;
        case Key::kModule:
            row.kind = frame.kind == FrameKind::kPython ? FrameKind::kPython : FrameKind::kMarker;
            row.module = frame.module;
            break;
        case Key::kProcess:
        case Key::kThread:
        case Key::kContainer:
            break;
    }
    return row;
}

std::string place_text(std::string_view place, std::string_view none) {
    return place.empty() ? std::string(none) : output::name_text(place);
}

std::string thread_group_name(const output::ThreadFacts& facts, Key key) {
    const auto process = [&] {
        return facts.pid == 0 ? std::string("[unknown process]")
                              : fmt::format("{} (pid {})", output::name_text(facts.process),
                                            facts.pid);
    };
    if (key == Key::kContainer) return place_text(facts.container, "[no container]");
    if (key == Key::kProcess) return process();
    if (facts.tid == 0) return "[unknown thread]";
    return fmt::format("{} (tid {}) of {}", output::name_text(facts.thread), facts.tid, process());
}

}  // namespace

std::span<const std::string_view> flat_key_names() {
    return kKeyNames;
}

Result<FlatOptions::Key> flat_key(std::string_view name) {
    const auto found = std::ranges::find(kKeyNames, name);
    if (found == kKeyNames.end()) {
        return fail(fmt::format("--by {} is not known", printable(name)),
                    fmt::format("give one of: {}", fmt::join(kKeyNames, ", ")), kExitUsage);
    }
    return static_cast<Key>(found - kKeyNames.begin());
}

FlatTable::FlatTable(const StackAmounts& amounts, const FlatOptions& options)
    : amounts_(amounts), options_(options) {
    if (has_self()) {
        add_frame_groups();
    } else {
        add_thread_groups();
    }
    sort();
}

void FlatTable::add_frame_groups() {
    const Profile& profile = amounts_.profile();
    profile::FrameTable groups;
    std::vector<uint32_t> group_of_frame;
    group_of_frame.reserve(profile.frames.size());
    for (uint32_t i = 0; i < profile.frames.size(); ++i) {
        const Frame& frame = profile.frame(FrameId{i});
        group_of_frame.push_back(frame.kind == FrameKind::kMarker
                                     ? StackAmounts::kNoGroup
                                     : groups.intern(row_of(frame, options_.key)).value);
    }
    const std::vector<Amount> found = amounts_.by_group(group_of_frame, groups.size());
    for (uint32_t i = 0; i < groups.size(); ++i) {
        if (found[i].total == 0) continue;
        const Frame& group = groups[FrameId{i}];
        Row row{.frame = group, .name = {}, .amount = found[i]};
        if (options_.key == Key::kFile)
            row.name = place_text(profile.text(group.file), "[no source file]");
        if (options_.key == Key::kModule) {
            row.name = group.kind == FrameKind::kPython
                           ? "[Python]"
                           : place_text(profile.text(group.module), "[no module]");
        }
        rows_.push_back(std::move(row));
    }
}

void FlatTable::add_thread_groups() {
    const Profile& profile = amounts_.profile();
    std::vector<uint64_t> amounts(profile.threads.size() + 1);  // the last: no known thread
    for (const profile::Sample& sample : profile.samples) {
        if (!amounts_.counts(sample)) continue;
        amounts[std::min<size_t>(sample.thread.value, profile.threads.size())] += sample.weight;
    }
    std::unordered_map<std::string, size_t> row_of_name;
    for (uint32_t i = 0; i < amounts.size(); ++i) {
        if (amounts[i] == 0) continue;
        const auto facts = output::thread_facts(profile, profile::ThreadId{i});
        std::string name = thread_group_name(facts, options_.key);
        const auto [entry, is_new] = row_of_name.try_emplace(name, rows_.size());
        if (is_new) rows_.push_back({.frame = {}, .name = std::move(name), .amount = {}});
        rows_[entry->second].amount.total += amounts[i];
    }
}

void FlatTable::sort() {
    const Profile& profile = amounts_.profile();
    const bool by_total = options_.sort_by_total || !has_self();
    std::ranges::sort(rows_, [&](const Row& a, const Row& b) {
        const uint64_t first = by_total ? a.amount.total : a.amount.self;
        const uint64_t second = by_total ? b.amount.total : b.amount.self;
        if (first != second) return first > second;
        const auto key = [&](const Row& row) {
            return std::tuple(std::string_view(row.name), profile.text(row.frame.function),
                              profile.text(row.frame.file), profile.text(row.frame.module),
                              row.frame.first_line, row.frame.line);
        };
        return key(a) < key(b);
    });
    if (options_.top != 0 && rows_.size() > options_.top) {
        left_out_ = rows_.size() - options_.top;
        rows_.resize(options_.top);
    }
}

std::string FlatTable::text(const ViewOptions& view) const {
    const size_t width = std::max(view.width, output::kSmallestWidth);
    const output::Style style(view.color);
    const AmountText amount_text(amounts_.unit(), amounts_.sum());
    const auto numbers = [&](uint64_t amount) {
        return amount_text.aligned(amount) + " " + share_text(amount, amounts_.sum());
    };
    const auto heading = [&](std::string_view name) {
        return fmt::format("{:>{}}   share", name, AmountText::kColumns);
    };
    const std::string_view key = kKeyNames[static_cast<size_t>(options_.key)];
    std::string text = has_self() ? heading("self") + "  " + heading("total") : heading("total");
    text = style.bold(output::shortened(fmt::format("{}  {}", text, key), width)) + "\n";
    for (const Row& row : rows_) {
        std::string line = has_self() ? numbers(row.amount.self) + "  " : "";
        line += numbers(row.amount.total) + "  ";
        const size_t left = width - std::min(width, output::columns(line));
        Frame shown = row.frame;
        if (options_.key == Key::kLine) shown.first_line = shown.line;
        line += has_frames() ? output::function_text(amounts_.profile(), shown, left, style)
                             : output::shortened(row.name, left);
        text += line + "\n";
    }
    if (left_out_ > 0)
        text += style.dim(fmt::format("{} more; --top 0 shows all", output::grouped(left_out_))) +
                "\n";
    return text;
}

std::string FlatTable::json() const {
    auto document = document_json(amounts_, kKeyNames[static_cast<size_t>(options_.key)]);
    auto& rows = document["rows"] = nlohmann::ordered_json::array();
    for (const Row& row : rows_) {
        auto object = has_frames() ? frame_json(amounts_.profile(), row.frame)
                                   : nlohmann::ordered_json{{"name", row.name}};
        if (has_self()) object["self"] = row.amount.self;
        object["total"] = row.amount.total;
        rows.push_back(std::move(object));
    }
    return document.dump() + "\n";
}

}  // namespace pyebpf::report
