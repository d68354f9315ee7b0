// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stack_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pyebpf::pipeline {

namespace {

constexpr std::string_view kCut = "…";

size_t width_of(uint16_t encoding) {
    return encoding == TEXT_UCS2 ? 2 : encoding == TEXT_UCS4 ? 4 : 1;
}

template <class Frame>
bool copy_frames(std::span<const uint8_t> bytes, uint32_t count, size_t limit,
                 std::vector<Frame>& frames) {
    if (count > limit || bytes.size() != count * sizeof(Frame)) return false;
    frames.resize(count);
    if (count > 0) std::memcpy(frames.data(), bytes.data(), bytes.size());
    return true;
}

// Takes the stored bytes of a text from the front of rest.
bool take_text(std::span<const uint8_t>& rest, const stored_text& text,
               std::span<const uint8_t>& bytes) {
    if (text.stored > rest.size()) return false;
    bytes = rest.first(text.stored);
    rest = rest.subspan(text.stored);
    return true;
}

std::string to_string(std::span<const uint8_t> bytes, const stored_text& text) {
    std::string result = python::decode_text(bytes, text.encoding);
    if (bytes.size() < text.length * width_of(text.encoding)) result += kCut;
    return result;
}

template <class Map>
const typename Map::mapped_type* find_part(const Map& parts, const Map& older, uint64_t hash) {
    if (const auto found = parts.find(hash); found != parts.end()) return &found->second;
    const auto found = older.find(hash);
    return found == older.end() ? nullptr : &found->second;
}

// Null or a pointer to what `spaces` has, const if that is.
template <class Spaces>
auto find_code(Spaces& spaces, const Identity& identity, uint64_t address, uint64_t time_ns)
    -> decltype(&spaces.begin()->second.begin()->second.front()) {
    const auto space = spaces.find(identity);
    if (space == spaces.end()) return nullptr;
    const auto found = space->second.find(address);
    if (found == space->second.end()) return nullptr;
    auto* best = &found->second.front();
    for (auto& definition : found->second) {
        if (definition.time_ns > time_ns) break;
        best = &definition;
    }
    return best;
}

}  // namespace

bool StackStore::add(std::span<const uint8_t> record) {
    record_header header{};
    bool good = record.size() >= sizeof(header);
    if (good) {
        std::memcpy(&header, record.data(), sizeof(header));
        if (header.kind == RECORD_STACK) {
            good = add_stack(record);
        } else if (header.kind == RECORD_CODE_DEFINITION) {
            good = add_definition(record);
        } else {
            good = false;
        }
    }
    if (!good) ++malformed_;
    return good;
}

bool StackStore::add_stack(std::span<const uint8_t> record) {
    stack_part_record part{};
    if (record.size() < sizeof(part)) return false;
    std::memcpy(&part, record.data(), sizeof(part));
    const auto frames = record.subspan(sizeof(part));
    parts_.bytes += record.size();
    switch (part.part) {
        case STACK_KERNEL:
            return copy_frames(frames, part.frames, MAX_KERNEL_FRAMES, parts_.kernel[part.hash]);
        case STACK_NATIVE:
            return copy_frames(frames, part.frames, MAX_NATIVE_FRAMES, parts_.native[part.hash]);
        case STACK_PYTHON:
            return copy_frames(frames, part.frames, MAX_PYTHON_FRAMES, parts_.python[part.hash]);
        default:
            return false;
    }
}

std::optional<CodeDefinition> parse_definition(std::span<const uint8_t> record) {
    code_definition_record definition{};
    if (record.size() < sizeof(definition)) return std::nullopt;
    std::memcpy(&definition, record.data(), sizeof(definition));
    auto rest = record.subspan(sizeof(definition));
    std::span<const uint8_t> name;
    std::span<const uint8_t> file;
    std::span<const uint8_t> table;
    if (!take_text(rest, definition.name, name) || !take_text(rest, definition.file, file) ||
        !take_text(rest, definition.table, table)) {
        return std::nullopt;
    }
    CodeObject code;
    code.time_ns = definition.time_ns;
    code.has_name = definition.name.encoding != TEXT_MISSING;
    code.has_file = definition.file.encoding != TEXT_MISSING;
    code.has_line_table = definition.table.encoding != TEXT_MISSING &&
                          definition.table.stored == definition.table.length;
    code.name = to_string(name, definition.name);
    code.file = to_string(file, definition.file);
    code.line_table.assign(table.begin(), table.end());
    code.first_line = definition.first_line;
    code.flags = definition.code_flags;
    code.first_traceable = definition.first_traceable;
    code.first_argument = {definition.first_argument, definition.first_argument_type};
    return CodeDefinition{
        {definition.space.tgid, definition.space.generation}, definition.code, std::move(code)};
}

bool StackStore::add_definition(std::span<const uint8_t> record) {
    auto definition = parse_definition(record);
    if (!definition) return false;
    add_code(definition->identity, definition->address, std::move(definition->code));
    return true;
}

void StackStore::add_code(const Identity& identity, uint64_t address, CodeObject code) {
    auto& definitions = code_[identity][address];
    const auto after =
        std::ranges::upper_bound(definitions, code.time_ns, {}, &CodeObject::time_ns);
    definitions.insert(after, std::move(code));
}

void StackStore::rotate() {
    older_parts_ = std::exchange(parts_, {});
}

const std::vector<uint64_t>* StackStore::kernel(uint64_t hash) const {
    return find_part(parts_.kernel, older_parts_.kernel, hash);
}

const std::vector<native_frame>* StackStore::native(uint64_t hash) const {
    return find_part(parts_.native, older_parts_.native, hash);
}

const std::vector<python_frame>* StackStore::python(uint64_t hash) const {
    return find_part(parts_.python, older_parts_.python, hash);
}

CodeObject* StackStore::code(const Identity& identity, uint64_t address, uint64_t time_ns) {
    return find_code(code_, identity, address, time_ns);
}

const CodeObject* StackStore::code(const Identity& identity, uint64_t address,
                                   uint64_t time_ns) const {
    return find_code(code_, identity, address, time_ns);
}

}  // namespace pyebpf::pipeline
