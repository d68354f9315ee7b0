// SPDX-License-Identifier: Apache-2.0
// Where functions and classes of CPython up to 3.10 have what leads from a code object to its class
// (python/defining_class.h); in bytes. Part of Layout.
#pragma once

#include <cstdint>

#include "bpf/abi/python_layout.h"

namespace pyebpf::python {

struct ClassOffsets {
    uint16_t function_code = LAYOUT_ABSENT;
    uint16_t function_qualified_name = LAYOUT_ABSENT;  // 3.x
    uint16_t type_flags = LAYOUT_ABSENT;
    uint16_t type_dict = LAYOUT_ABSENT;
    uint16_t type_mro = LAYOUT_ABSENT;
    uint16_t heap_type_name = LAYOUT_ABSENT;  // 3.x: the qualified one
    uint16_t dict_keys = LAYOUT_ABSENT;       // 3.x
    uint16_t dict_values = LAYOUT_ABSENT;
    uint16_t dict_mask = LAYOUT_ABSENT;  // 2.7
    uint16_t dict_table = LAYOUT_ABSENT;
    uint16_t class_bases = LAYOUT_ABSENT;  // 2.7, of classes that do not come from object
    uint16_t class_dict = LAYOUT_ABSENT;
    uint16_t class_name = LAYOUT_ABSENT;
    uint16_t instance_class = LAYOUT_ABSENT;
};

}  // namespace pyebpf::python
