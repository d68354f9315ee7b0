// SPDX-License-Identifier: Apache-2.0
// The memory of a Python process, as the reader of code objects and threads sees it. First byte:
// which version; the rest is the memory, mapped at a fixed address.
#include <array>
#include <utility>

#include "fuzz.h"
#include "python/defining_class.h"
#include "python/layouts/layout.h"
#include "python/live_reader.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr uint64_t kMemory = 0x10000;
    constexpr std::array<std::pair<int, int>, 6> kVersions{
        {{2, 7}, {3, 6}, {3, 9}, {3, 11}, {3, 13}, {3, 15}}};
    std::span<const uint8_t> memory(data, size);
    const auto choice = fuzz::take<uint8_t>(memory);
    const auto [major, minor] = kVersions[choice % kVersions.size()];
    const python::Layout& layout = python::layouts_of(major, minor).front();
    const python::ReadMemory read = [&](uint64_t address, void* to, size_t bytes) {
        if (address < kMemory || address - kMemory > memory.size() ||
            bytes > memory.size() - (address - kMemory)) {
            return false;
        }
        std::memcpy(to, memory.data() + (address - kMemory), bytes);
        return true;
    };
    fuzz::use(python::read_code(read, layout.walker, kMemory, kMemory + 8));
    fuzz::use(python::read_outermost_frame(read, layout.walker, kMemory).code);
    python::Runtime runtime;
    runtime.layout = layout.walker;
    runtime.interpreters_head = {kMemory};
    runtime.interpreter_next = layout.interpreter_next;
    runtime.interpreter_threads = layout.interpreter_threads;
    runtime.thread_next = layout.thread_next;
    fuzz::use(python::read_threads(read, runtime, {0}));
    runtime.classes = layout.classes;
    runtime.function_type = {kMemory + 16};
    runtime.class_type = {kMemory + 24};
    runtime.instance_type = {kMemory + 32};
    const auto first = python::find_first_argument(read, layout.walker, kMemory, kMemory + 8);
    for (const uint64_t type : {first.type, kMemory + 40, kMemory + 32})
        fuzz::use(python::method_name(read, runtime, {0}, kMemory + 8, {kMemory + 48, type}));
    return 0;
}
