// SPDX-License-Identifier: Apache-2.0
// The parts of a function each have a frame description entry, and jump into each other's middle,
// which no other function does. So: the entries that a direct jump of the function enters past
// their begin, or at their begin by a conditional jump (compilers emit no conditional tail calls),
// belong to it; a plain jump to the begin of an entry may be a tail call.
#include "python/eval_ranges.h"

#include <elf.h>

#include <algorithm>
#include <optional>

#include "elf/unwind_table.h"
#include "python/x86_decode.h"

namespace pyebpf::python {
namespace {

// A bytecode loop is below 200 KiB in every known build; one in a hostile file may claim anything.
constexpr uint64_t kMaxPartBytes = uint64_t{4} << 20;
constexpr size_t kMaxParts = 16;
// Hot to cold and back; a chain of parts further than that has not been seen.
constexpr int kRounds = 2;

bool contains(const CodeRange& range, uint64_t address) {
    return address >= range.begin.value && address < range.end.value;
}

bool is_covered(const std::vector<CodeRange>& ranges, uint64_t address) {
    return std::ranges::any_of(ranges,
                               [&](const CodeRange& range) { return contains(range, address); });
}

const elf::FrameDescription* description_at(const std::vector<elf::FrameDescription>& descriptions,
                                            uint64_t address) {
    const auto after =
        std::ranges::upper_bound(descriptions, address, {},
                                 [](const elf::FrameDescription& one) { return one.begin.value; });
    if (after == descriptions.begin()) return nullptr;
    const elf::FrameDescription& found = *(after - 1);
    return address < found.end.value ? &found : nullptr;
}

// Adds the parts that `range` jumps to.
void follow_jumps(const elf::ElfFile& file, const std::vector<elf::FrameDescription>& descriptions,
                  const CodeRange& range, std::vector<CodeRange>& parts) {
    const auto code = file.at(range.begin, range.end - range.begin);
    size_t position = 0;
    while (position < code.size() && parts.size() < kMaxParts) {
        const auto instruction = decode_x86(code.subspan(position));
        if (!instruction) {
            ++position;  // data between code; the decoder falls into step again
            continue;
        }
        const uint64_t address = range.begin.value + position;
        position += instruction->length;
        if (!instruction->is_jump() && !instruction->is_conditional_jump()) continue;
        const uint64_t target = *instruction->target(address);
        if (is_covered(parts, target)) continue;
        const elf::FrameDescription* entered = description_at(descriptions, target);
        if (entered == nullptr || entered->end - entered->begin > kMaxPartBytes) continue;
        if (target == entered->begin.value && !instruction->is_conditional_jump()) continue;
        parts.push_back({entered->begin, entered->end});
    }
}

void add_named_parts(const elf::ElfFile& file, std::string_view name,
                     std::vector<CodeRange>& parts) {
    if (file.section(".symtab") == nullptr) return;
    for (const elf::Symbol& symbol : file.symbols()) {
        if (parts.size() >= kMaxParts) return;
        if (symbol.name.size() <= name.size() + 1 || !symbol.name.starts_with(name)) continue;
        const char separator = symbol.name[name.size()];
        if (separator != '.' && separator != '/') continue;
        if (symbol.size == 0 || symbol.size > kMaxPartBytes ||
            is_covered(parts, symbol.address.value))
            continue;
        parts.push_back({symbol.address, symbol.address + symbol.size});
    }
}

}  // namespace

std::vector<CodeRange> function_ranges(const elf::ElfFile& file, const elf::Symbol& function,
                                       std::string_view name) {
    const std::vector<elf::FrameDescription> descriptions = elf::frame_descriptions(file);
    uint64_t size = function.size;
    if (const elf::FrameDescription* own = description_at(descriptions, function.address.value)) {
        size = std::max(size, own->end - function.address);
    }
    if (size == 0 || size > kMaxPartBytes || file.at(function.address, size).empty()) return {};

    std::vector<CodeRange> parts{{function.address, function.address + size}};
    if (file.machine() == EM_X86_64) {
        size_t scanned = 0;
        for (int round = 0; round < kRounds; ++round) {
            const size_t known = parts.size();
            for (; scanned < known; ++scanned)
                follow_jumps(file, descriptions, CodeRange{parts[scanned]}, parts);
        }
    }
    add_named_parts(file, name, parts);
    return parts;
}

}  // namespace pyebpf::python
