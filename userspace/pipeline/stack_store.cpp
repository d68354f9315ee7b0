// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stack_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pyebpf::pipeline {

namespace {

constexpr std::string_view kCut = "…";

void append_utf8(std::string& text, uint32_t code_point) {
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point < 0xe000)) code_point = 0xfffd;
    if (code_point < 0x80) {
        text += static_cast<char>(code_point);
    } else if (code_point < 0x800) {
        text += static_cast<char>(0xc0 | code_point >> 6);
        text += static_cast<char>(0x80 | (code_point & 63));
    } else if (code_point < 0x10000) {
        text += static_cast<char>(0xe0 | code_point >> 12);
        text += static_cast<char>(0x80 | (code_point >> 6 & 63));
        text += static_cast<char>(0x80 | (code_point & 63));
    } else {
        text += static_cast<char>(0xf0 | code_point >> 18);
        text += static_cast<char>(0x80 | (code_point >> 12 & 63));
        text += static_cast<char>(0x80 | (code_point >> 6 & 63));
        text += static_cast<char>(0x80 | (code_point & 63));
    }
}

template <class Unit>
std::string decode_units(std::span<const uint8_t> bytes) {
    std::string text;
    for (size_t at = 0; at + sizeof(Unit) <= bytes.size(); at += sizeof(Unit)) {
        Unit unit;
        std::memcpy(&unit, bytes.data() + at, sizeof(unit));
        append_utf8(text, unit);
    }
    return text;
}

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
    std::string result = decode_text(bytes, text.encoding);
    if (bytes.size() < text.length * width_of(text.encoding)) result += kCut;
    return result;
}

}  // namespace

std::string decode_text(std::span<const uint8_t> bytes, uint16_t encoding) {
    switch (encoding) {
        case TEXT_LATIN1:
            return decode_units<uint8_t>(bytes);
        case TEXT_UCS2:
            return decode_units<uint16_t>(bytes);
        case TEXT_UCS4:
            return decode_units<uint32_t>(bytes);
        default:
            return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
}

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
    switch (part.part) {
        case STACK_KERNEL:
            return copy_frames(frames, part.frames, MAX_KERNEL_FRAMES, kernel_[part.hash]);
        case STACK_NATIVE:
            return copy_frames(frames, part.frames, MAX_NATIVE_FRAMES, native_[part.hash]);
        case STACK_PYTHON:
            return copy_frames(frames, part.frames, MAX_PYTHON_FRAMES, python_[part.hash]);
        default:
            return false;
    }
}

bool StackStore::add_definition(std::span<const uint8_t> record) {
    code_definition_record definition{};
    if (record.size() < sizeof(definition)) return false;
    std::memcpy(&definition, record.data(), sizeof(definition));
    auto rest = record.subspan(sizeof(definition));
    std::span<const uint8_t> name;
    std::span<const uint8_t> file;
    std::span<const uint8_t> table;
    if (!take_text(rest, definition.name, name) || !take_text(rest, definition.file, file) ||
        !take_text(rest, definition.table, table)) {
        return false;
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
    code_[{definition.space.tgid, definition.space.generation}][definition.code].push_back(
        std::move(code));
    return true;
}

void StackStore::add_code(const Identity& identity, uint64_t address, CodeObject code) {
    auto& definitions = code_[identity][address];
    const auto after =
        std::ranges::upper_bound(definitions, code.time_ns, {}, &CodeObject::time_ns);
    definitions.insert(after, std::move(code));
}

const std::vector<uint64_t>* StackStore::kernel(uint64_t hash) const {
    const auto found = kernel_.find(hash);
    return found == kernel_.end() ? nullptr : &found->second;
}

const std::vector<native_frame>* StackStore::native(uint64_t hash) const {
    const auto found = native_.find(hash);
    return found == native_.end() ? nullptr : &found->second;
}

const std::vector<python_frame>* StackStore::python(uint64_t hash) const {
    const auto found = python_.find(hash);
    return found == python_.end() ? nullptr : &found->second;
}

const CodeObject* StackStore::code(const Identity& identity, uint64_t address,
                                   uint64_t time_ns) const {
    const auto space = code_.find(identity);
    if (space == code_.end()) return nullptr;
    const auto found = space->second.find(address);
    if (found == space->second.end()) return nullptr;
    const CodeObject* best = &found->second.front();
    for (const CodeObject& definition : found->second) {
        if (definition.time_ns > time_ns) break;
        best = &definition;
    }
    return best;
}

}  // namespace pyebpf::pipeline
