// SPDX-License-Identifier: Apache-2.0
#include "tui/live_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <tuple>

#include "output/names.h"
#include "output/ticks.h"

namespace pyebpf::tui {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::Sample;
using profile::StackId;

// A terminal that shows more distinct rows than this needs a filter first.
constexpr size_t kMaxKeys = 1 << 18;

std::string place_of(const Profile& profile, const Frame& frame, uint32_t line) {
    const bool has_file = frame.file.value != 0;
    std::string place = output::name_text(profile.text(has_file ? frame.file : frame.module));
    if (has_file && line != 0) place += fmt::format(":{}", line);
    return place;
}

bool contains(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    };
    return std::ranges::search(text, part, same).begin() != text.end() || part.empty();
}

template <class Key>
void insert_once(std::vector<Key>& keys, Key key) {
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
}

}  // namespace

std::string_view view_name(View view) {
    switch (view) {
        case View::kFunctions:
            return "functions";
        case View::kLines:
            return "lines";
        case View::kProcesses:
            return "processes";
        case View::kContainers:
            return "containers";
        case View::kThreads:
            return "threads";
    }
    return "";
}

uint32_t LiveTable::intern(View view, std::string name, std::string place, FrameKind kind) {
    if (keys_.size() >= kMaxKeys) {
        name = "[too many to show]";
        place.clear();
    }
    std::string text = fmt::format("{}\x1f{}\x1f{}\x1f{}", static_cast<int>(view),
                                   static_cast<int>(kind), name, place);
    const auto [entry, is_new] = ids_.emplace(std::move(text), static_cast<uint32_t>(keys_.size()));
    if (is_new) keys_.push_back({view, std::move(name), std::move(place), kind});
    return entry->second;
}

const LiveTable::StackKeys& LiveTable::keys_of(const Profile& slice, StackId stack) {
    const auto [entry, is_new] = stacks_.emplace(stack.value, StackKeys{});
    StackKeys& keys = entry->second;
    if (!is_new) return keys;
    const std::vector<FrameId> frames = slice.stacks.frames(stack);
    std::optional<uint32_t> callee;
    for (size_t i = frames.size(); i-- > 0;) {
        const Frame& frame = slice.frame(frames[i]);
        if (frame.kind == FrameKind::kMarker) continue;
        const std::string name = output::name_text(slice.text(frame.function));
        const uint32_t function =
            intern(View::kFunctions, name, place_of(slice, frame, frame.first_line), frame.kind);
        const uint32_t line =
            intern(View::kLines, name, place_of(slice, frame, frame.line), frame.kind);
        if (!callee) {
            keys.leaf_function = function;
            keys.leaf_line = line;
        } else {
            insert_once(keys.calls, uint64_t{function} << 32 | *callee);
        }
        callee = function;
        insert_once(keys.functions, function);
        insert_once(keys.lines, line);
        keys.has_python = keys.has_python || frame.kind == FrameKind::kPython;
    }
    return keys;
}

void LiveTable::add(const Profile& slice) {
    if (epoch_ != slice.epoch) {
        stacks_.clear();
        epoch_ = slice.epoch;
    }
    Interval& now = intervals_.back();
    for (const Sample& sample : slice.samples) {
        const double ticks = output::ticks(slice, sample);
        now.header.ticks += ticks;
        const profile::Thread& thread = slice.threads[sample.thread.value];
        const profile::Process& process = slice.processes[thread.process.value];
        const std::string process_name = output::name_text(slice.text(process.name));
        const auto charge = [&](uint32_t key) {
            Amount& amount = now.amounts[key];
            amount.self += ticks;
            amount.total += ticks;
        };
        charge(intern(View::kProcesses, fmt::format("{} {}", process.pid, process_name),
                      output::name_text(slice.text(process.command)), FrameKind::kMarker));
        const std::string_view container = slice.container_text(process);
        charge(intern(View::kContainers,
                      container.empty() ? "[host]" : output::name_text(container), "",
                      FrameKind::kMarker));
        charge(intern(View::kThreads,
                      fmt::format("{} {}", thread.tid, output::name_text(slice.text(thread.name))),
                      fmt::format("{} {}", process.pid, process_name), FrameKind::kMarker));
        if (!sample.stack.valid()) continue;
        const StackKeys& keys = keys_of(slice, sample.stack);
        if (keys.functions.empty()) continue;
        for (const uint32_t key : keys.functions) now.amounts[key].total += ticks;
        for (const uint32_t key : keys.lines) now.amounts[key].total += ticks;
        now.amounts[keys.leaf_function].self += ticks;
        now.amounts[keys.leaf_line].self += ticks;
        for (const uint64_t call : keys.calls) now.calls[call].total += ticks;
        if (keys.has_python) now.header.python_ticks += ticks;
        if ((sample.flags & profile::kHoldsGil) != 0) now.header.gil_ticks += ticks;
    }
}

void LiveTable::merge(Interval& into, const Interval& from) {
    const auto add = [](Amounts& to, const Amounts& amounts) {
        for (const auto& [key, amount] : amounts) {
            Amount& sum = to[key];
            sum.self += amount.self;
            sum.total += amount.total;
        }
    };
    add(into.amounts, from.amounts);
    add(into.calls, from.calls);
    into.header.ticks += from.header.ticks;
    into.header.python_ticks += from.header.python_ticks;
    into.header.gil_ticks += from.header.gil_ticks;
}

void LiveTable::end_interval() {
    merge(all_, intervals_.back());
    intervals_.emplace_back();
    if (intervals_.size() > kNowIntervals + 1) intervals_.pop_front();
}

void LiveTable::reset() {
    intervals_.assign(1, {});
    all_ = {};
}

LiveTable::Interval LiveTable::interval(Window window) const {
    Interval sum;
    if (window == Window::kAll) {
        merge(sum, all_);
        merge(sum, intervals_.back());
    } else {
        for (const Interval& each : intervals_) merge(sum, each);
    }
    return sum;
}

Header LiveTable::header(Window window) const {
    return interval(window).header;
}

std::vector<Row> LiveTable::rows(const Selection& selection) const {
    const Interval sum = interval(selection.window);
    std::vector<Row> rows;
    for (const auto& [key, amount] : sum.amounts) {
        const Key& text = keys_[key];
        if (text.view != selection.view) continue;
        if (selection.python_only && text.kind != FrameKind::kPython &&
            text.kind != FrameKind::kMarker)
            continue;
        if (!contains(text.name, selection.filter) && !contains(text.place, selection.filter))
            continue;
        rows.push_back({static_cast<uint32_t>(key), text.name, text.place, text.kind, amount});
    }
    std::ranges::sort(rows, [&](const Row& a, const Row& b) {
        const auto rank = [&](const Row& row) {
            switch (selection.sort) {
                case SortBy::kSelf:
                    return std::pair(-row.amount.self, -row.amount.total);
                case SortBy::kTotal:
                    return std::pair(-row.amount.total, -row.amount.self);
                case SortBy::kName:
                    break;
            }
            return std::pair(0.0, 0.0);
        };
        return std::tuple(rank(a), std::string_view(a.name), std::string_view(a.place)) <
               std::tuple(rank(b), std::string_view(b.name), std::string_view(b.place));
    });
    return rows;
}

std::vector<Row> LiveTable::callers_of(uint32_t key, Window window) const {
    const Interval sum = interval(window);
    std::vector<Row> rows;
    for (const auto& [call, amount] : sum.calls) {
        if (static_cast<uint32_t>(call) != key) continue;
        const auto caller = static_cast<uint32_t>(call >> 32);
        rows.push_back({caller,
                        keys_[caller].name,
                        keys_[caller].place,
                        keys_[caller].kind,
                        {0, amount.total}});
    }
    std::ranges::sort(rows, [](const Row& a, const Row& b) {
        return std::tuple(-a.amount.total, std::string_view(a.name)) <
               std::tuple(-b.amount.total, std::string_view(b.name));
    });
    return rows;
}

}  // namespace pyebpf::tui
