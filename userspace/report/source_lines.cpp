// SPDX-License-Identifier: Apache-2.0
#include "report/source_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/escape.h"
#include "output/columns.h"
#include "output/function_text.h"
#include "output/summary.h"
#include "profile/name_pattern.h"
#include "report/json.h"

namespace pyebpf::report {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::StringId;

constexpr uint32_t kContextLines = 2;
constexpr size_t kTabColumns = 4;

// Harmless lines; tabs are spaces, as no terminal knows where a column of ours begins.
std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        std::string spaced;
        for (const char c : line) {
            if (c == '\t') {
                spaced.append(kTabColumns - spaced.size() % kTabColumns, ' ');
            } else {
                spaced += c;
            }
        }
        lines.push_back(printable(spaced));
    }
    return lines;
}

size_t indentation(const std::string& line) {
    return std::min(line.find_first_not_of(' '), line.size());
}

// How many more brackets a line opens than it closes; those in texts and comments count too, which
// does no more harm than to show a line too many.
int open_brackets(std::string_view line) {
    int open = 0;
    for (const char c : line) {
        if (c == '(' || c == '[' || c == '{') ++open;
        if (c == ')' || c == ']' || c == '}') --open;
    }
    return open;
}

// The last line of the Python block that begins at `first` with its decorators or its signature,
// which may have several lines: up to the next line that is indented no deeper.
uint32_t end_of_block(const std::vector<std::string>& lines, uint32_t first) {
    if (first == 0 || first > lines.size()) return first;
    const size_t outer = indentation(lines[first - 1]);
    uint32_t last = first;
    int open = 0;
    bool in_head = true;
    for (uint32_t number = first; number <= lines.size(); ++number) {
        const std::string_view line = lines[number - 1];
        const size_t indent = indentation(lines[number - 1]);
        if (indent == line.size()) continue;  // blank
        if (in_head) {
            const bool is_decorator = open == 0 && line.substr(indent).starts_with('@');
            open += open_brackets(line);
            in_head = open > 0 || is_decorator;
        } else if (indent <= outer) {
            break;
        }
        last = number;
    }
    return last;
}

struct Selection {
    std::vector<uint32_t> group_of_frame;
    std::vector<std::pair<StringId, uint32_t>> lines;  // by group: file and line
    std::map<StringId, std::set<uint32_t>> functions;  // by file: first lines of what was picked
    bool picks_functions = false;
};

template <class IsPicked>
Selection select(const Profile& profile, IsPicked is_picked) {
    Selection selection;
    std::map<std::pair<StringId, uint32_t>, uint32_t> groups;
    selection.group_of_frame.assign(profile.frames.size(), StackAmounts::kNoGroup);
    for (uint32_t i = 0; i < profile.frames.size(); ++i) {
        const Frame& frame = profile.frame(FrameId{i});
        if (frame.kind == FrameKind::kMarker || frame.line == 0 || frame.file.value == 0) continue;
        if (!is_picked(frame)) continue;
        const std::pair line(frame.file, frame.line);
        const auto [entry, is_new] =
            groups.try_emplace(line, static_cast<uint32_t>(selection.lines.size()));
        if (is_new) selection.lines.push_back(line);
        selection.group_of_frame[i] = entry->second;
        if (frame.first_line != 0) selection.functions[frame.file].insert(frame.first_line);
    }
    return selection;
}

// A picked function is shown whole, a picked file around what ran.
std::vector<uint32_t> lines_to_show(const SourceLines::File& file, const Selection& selection) {
    std::set<uint32_t> shown;
    const auto count = static_cast<uint32_t>(file.lines.size());
    const uint32_t context = count == 0 || selection.picks_functions ? 0 : kContextLines;
    for (const auto& [line, amount] : file.amounts) {
        const uint32_t last = count == 0 ? line : std::max(line, std::min(line + context, count));
        for (uint32_t i = line - std::min(line - 1, context); i <= last; ++i) shown.insert(i);
    }
    const auto functions = selection.functions.find(file.path);
    if (functions == selection.functions.end()) return {shown.begin(), shown.end()};
    for (const uint32_t first : functions->second) {
        if (first > count) continue;
        const uint32_t last = selection.picks_functions ? end_of_block(file.lines, first) : first;
        for (uint32_t i = first; i <= last; ++i) shown.insert(i);
    }
    return {shown.begin(), shown.end()};
}

// Code is cut at its end, unlike names.
std::string cut(std::string_view text, size_t width) {
    if (output::columns(text) <= width) return std::string(text);
    size_t end = 0;
    size_t used = 0;
    while (end < text.size()) {
        size_t next = end + 1;
        while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0) == 0x80)
            ++next;
        used += output::columns(text.substr(end, next - end));
        if (used + 1 > width) break;
        end = next;
    }
    return std::string(text.substr(0, end)) + (width > 0 ? "…" : "");
}

std::string_view origin_text(SourceLines::Origin origin) {
    switch (origin) {
        case SourceLines::Origin::kRecording:
            return "source from the recording";
        case SourceLines::Origin::kFile:
            return "source as the file is now";
        case SourceLines::Origin::kNone:
            return "source not found: record with --embed-source, or run where the file is";
    }
    return "";
}

std::string_view origin_name(SourceLines::Origin origin) {
    switch (origin) {
        case SourceLines::Origin::kRecording:
            return "recording";
        case SourceLines::Origin::kFile:
            return "file";
        case SourceLines::Origin::kNone:
            return "none";
    }
    return "";
}

}  // namespace

Result<SourceLines> SourceLines::make(const StackAmounts& amounts, std::string_view pattern,
                                      const ReadSource& read) {
    const Profile& profile = amounts.profile();
    Selection selection = select(profile, [&](const Frame& frame) {
        return profile::matches_path(pattern, profile.text(frame.file));
    });
    if (selection.lines.empty()) {
        selection = select(profile, [&](const Frame& frame) {
            return profile::matches_function(pattern, profile.text(frame.function));
        });
        selection.picks_functions = true;
    }
    SourceLines result(amounts);
    const auto found = amounts.by_group(selection.group_of_frame, selection.lines.size());
    std::map<StringId, File> files;
    for (size_t i = 0; i < found.size(); ++i) {
        if (found[i].total == 0) continue;
        const auto& [path, line] = selection.lines[i];
        File& file = files[path];
        file.path = path;
        file.amounts[line] = found[i];
    }
    if (files.empty()) {
        return fail(fmt::format("no sample has a line of a file or function '{}'",
                                printable(pattern)),
                    "`pyebpf report FILE --by file` lists the files there are; '*' stands for any "
                    "text");
    }
    // All lines of a file as one group: a line that calls another of the same file counts once.
    std::map<StringId, uint32_t> number_of_file;
    for (const auto& entry : files)
        number_of_file.emplace(entry.first, static_cast<uint32_t>(number_of_file.size()));
    for (uint32_t& group : selection.group_of_frame) {
        if (group == StackAmounts::kNoGroup) continue;
        const auto number = number_of_file.find(selection.lines[group].first);
        group = number == number_of_file.end() ? StackAmounts::kNoGroup : number->second;
    }
    const auto totals = amounts.by_group(selection.group_of_frame, number_of_file.size());
    for (auto& [path, file] : files) {
        file.total = totals[number_of_file[path]].total;
        const auto embedded = profile.source_texts.find(path);
        std::optional<std::string> text;
        if (embedded != profile.source_texts.end()) {
            text = embedded->second;
            file.origin = Origin::kRecording;
        } else if ((text = read(profile.text(path)))) {
            file.origin = Origin::kFile;
        }
        if (text) file.lines = split_lines(*text);
        file.shown = lines_to_show(file, selection);
        result.files_.push_back(std::move(file));
    }
    std::ranges::stable_sort(result.files_, std::ranges::greater{}, &File::total);
    return result;
}

std::string SourceLines::text(const ViewOptions& view) const {
    const size_t width = std::max(view.width, output::kSmallestWidth);
    const output::Style style(view.color);
    const AmountText amount_text(amounts_->unit(), amounts_->sum());
    constexpr uint64_t kHotPart = 20;  // of what the file took; lines above one such part are bold
    std::string text;
    for (const File& file : files_) {
        if (!text.empty()) text += "\n";
        const std::string path = output::name_text(amounts_->profile().text(file.path));
        const std::string totals =
            fmt::format(": {} of {}", amount_text(file.total), amount_text(amounts_->sum()));
        const size_t left = width - std::min(width, output::columns(totals));
        text += style.bold(output::shortened(path, left) + totals) + "\n";
        for (const std::string& line : output::wrapped(origin_text(file.origin), width))
            text += style.dim(line) + "\n";
        text += style.bold(fmt::format("{:>{}} {:>{}}   line", "self", AmountText::kColumns,
                                       "total", AmountText::kColumns)) +
                "\n";
        uint32_t before = file.shown.empty() ? 0 : file.shown.front() - 1;
        for (const uint32_t number : file.shown) {
            if (number != before + 1) text += style.dim("⋮") + "\n";
            before = number;
            const auto amount = file.amounts.find(number);
            std::string numbers(2 * AmountText::kColumns + 1, ' ');
            bool is_hot = false;
            if (amount != file.amounts.end()) {
                const uint64_t self = amount->second.self;
                numbers = (self > 0 ? amount_text.aligned(self)
                                    : std::string(AmountText::kColumns, ' ')) +
                          " " + amount_text.aligned(amount->second.total);
                is_hot = amount->second.total > file.total / kHotPart;
            }
            const std::string lead = fmt::format("{} {:>6}  ", numbers, number);
            const std::string code =
                number <= file.lines.size()
                    ? cut(file.lines[number - 1], width - std::min(width, lead.size()))
                    : "";
            const bool has_code = code.find_first_not_of(' ') != std::string::npos;
            text += lead + (is_hot && has_code ? style.bold(code) : code);
            text.erase(text.find_last_not_of(' ') + 1);
            text += "\n";
        }
    }
    return text;
}

std::string SourceLines::json() const {
    auto document = document_json(*amounts_, "lines");
    auto& files = document["files"] = nlohmann::ordered_json::array();
    for (const File& file : files_) {
        auto lines = nlohmann::ordered_json::array();
        for (const auto& [number, amount] : file.amounts) {
            nlohmann::ordered_json line{
                {"line", number}, {"self", amount.self}, {"total", amount.total}};
            if (number >= 1 && number <= file.lines.size()) line["text"] = file.lines[number - 1];
            lines.push_back(std::move(line));
        }
        files.push_back({{"file", output::name_text(amounts_->profile().text(file.path))},
                         {"source", origin_name(file.origin)},
                         {"total", file.total},
                         {"lines", std::move(lines)}});
    }
    return document.dump() + "\n";
}

}  // namespace pyebpf::report
