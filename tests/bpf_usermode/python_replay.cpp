// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf_usermode/python_replay.h"

#include <memory>

#include "pipeline/stack_store.h"
#include "python/line_table.h"

namespace pyebpf::test {

namespace {

uint32_t kind_of(const python_frame& frame) {
    return frame.word1 & PYTHON_FRAME_KIND_MASK;
}

Definition define(const python_thread& thread, uint64_t code) {
    const auto scratch = std::make_unique<definition_scratch>();
    Definition definition{.outcome = define_python_code(&thread, code, 0, scratch.get()),
                          .record = {}};
    if (definition.outcome != CODE_DEFINED) return definition;
    const size_t bytes = scratch->record.header.size;
    PYEBPF_CHECK(bytes >= sizeof(scratch->record) &&
                 bytes <= sizeof(scratch->record) + sizeof(scratch->text));
    definition.record.resize(bytes);
    std::memcpy(definition.record.data(), &scratch->record, sizeof(scratch->record));
    std::memcpy(definition.record.data() + sizeof(scratch->record), scratch->text,
                bytes - sizeof(scratch->record));
    return definition;
}

std::vector<ImageFrame> name_frames(const python_layout& layout, const PythonReplay& replay) {
    pipeline::StackStore store;
    for (const auto& [code, definition] : replay.definitions) {
        if (definition.outcome == CODE_DEFINED) PYEBPF_CHECK(store.add(definition.record));
    }
    std::vector<ImageFrame> named;
    for (size_t i = 0; i < replay.frames.size(); i += 2) {
        const auto offset = static_cast<int32_t>(static_cast<int64_t>(replay.frames[i + 1]) >>
                                                 PYTHON_FRAME_OFFSET_SHIFT);
        const pipeline::CodeObject* code = store.code({}, replay.frames[i], 0);
        if (code == nullptr || !code->has_name) {
            named.push_back({"?", 0});
            continue;
        }
        if (i > 0 && layout.frame_style == FRAME_STYLE_INTERPRETER && code->file == "__init__")
            continue;
        const int32_t line = python::displayed_location(layout.major, layout.minor,
                                                        code->line_table, code->first_line, offset)
                                 .line;
        named.push_back({code->name, code->has_line_table ? line : 0});
    }
    return named;
}

}  // namespace

PythonReplay replay_python(const python_thread& thread, Memory& memory,
                           std::optional<uint64_t> failing_read) {
    Surroundings surroundings(memory);
    if (failing_read) surroundings.fail_reads(*failing_read);
    const auto stack = std::make_unique<python_stack>();
    walk_python_thread(&thread, stack.get());

    PythonReplay replay;
    replay.outcome = stack->outcome;
    replay.hash = stack->hash;
    replay.links.assign(stack->list, stack->list + stack->frames);
    for (const python_frame& link : replay.links) {
        if (kind_of(link) == PYTHON_BOUNDARY) {
            replay.boundaries.push_back(link.word0);
            continue;
        }
        replay.frames.insert(replay.frames.end(), {link.word0, link.word1});
        const auto [definition, is_new] = replay.definitions.emplace(link.word0, Definition{});
        if (is_new) definition->second = define(thread, link.word0);
    }
    replay.reads = surroundings.reads();
    replay.read_faults = surroundings.counter(COUNTER_READ_FAULTS);
    replay.named = name_frames(thread.layout, replay);
    return replay;
}

}  // namespace pyebpf::test
