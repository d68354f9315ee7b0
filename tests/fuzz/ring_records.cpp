// SPDX-License-Identifier: Apache-2.0
// Records of the ring buffer, one after the other; each has its size in its header.
#include <algorithm>

#include "fuzz.h"
#include "pipeline/stack_store.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    pipeline::StackStore store;
    std::span<const uint8_t> rest(data, size);
    while (!rest.empty()) {
        record_header header{};
        if (rest.size() >= sizeof(header)) std::memcpy(&header, rest.data(), sizeof(header));
        const size_t bytes = std::clamp<size_t>(header.size, 1, rest.size());
        const auto record = rest.first(bytes);
        rest = rest.subspan(bytes);
        if (!store.add(record)) continue;
        if (header.kind == RECORD_STACK) {
            stack_part_record part{};
            std::memcpy(&part, record.data(), sizeof(part));
            fuzz::use(store.kernel(part.hash));
            fuzz::use(store.native(part.hash));
            fuzz::use(store.python(part.hash));
        } else {
            code_definition_record definition{};
            std::memcpy(&definition, record.data(), sizeof(definition));
            const pipeline::Identity space{definition.space.tgid, definition.space.generation};
            fuzz::use(*store.code(space, definition.code, definition.time_ns));
        }
    }
    return 0;
}
