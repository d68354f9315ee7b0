// SPDX-License-Identifier: Apache-2.0
#include "symbolize/unit_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pyebpf::symbolize {

UnitIndex::UnitIndex(std::vector<Function> functions, const std::vector<RankedRange>& ranges,
                     std::vector<Line> lines, std::vector<std::string_view> files,
                     std::deque<std::string> names)
    : functions_(std::move(functions)),
      ranges_(ranges),
      lines_(std::move(lines)),
      files_(std::move(files)),
      names_(std::move(names)) {}

const UnitIndex::Line* UnitIndex::line_at(uint64_t address) const {
    const auto after =
        std::upper_bound(lines_.begin(), lines_.end(), address,
                         [](uint64_t value, const Line& line) { return value < line.address; });
    if (after == lines_.begin()) return nullptr;
    const Line& line = *std::prev(after);
    return line.ends_sequence ? nullptr : &line;
}

void UnitIndex::lookup(uint64_t address, std::vector<SourceFrame>& frames) const {
    const Line* line = line_at(address);
    uint32_t index = ranges_.at(address);
    if (index == kNone && line == nullptr) return;

    SourceFrame frame;
    if (line != nullptr) {
        frame.file = file(line->file);
        frame.line = line->line;
    }
    // Callers have smaller indices than what is inlined into them, so this ends.
    while (index != kNone) {
        const Function& function = functions_[index];
        frame.function = function.name;
        frame.first_line = function.first_line;
        frame.inlined = function.caller != kNone;
        frames.push_back(frame);
        frame = {.file = file(function.call_file), .line = function.call_line};
        index = function.caller;
    }
    if (frames.empty()) frames.push_back(frame);
}

}  // namespace pyebpf::symbolize
