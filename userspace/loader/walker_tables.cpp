// SPDX-License-Identifier: Apache-2.0
#include "loader/walker_tables.h"

#include <algorithm>

namespace pyebpf::loader {

python_layout with_thread_state_bytes(python_layout layout) {
    uint32_t last = layout.thread_state.thread_id;
    for (const uint16_t offset :
         {layout.thread_state.interp, layout.thread_state.frame, layout.thread_state.cframe,
          layout.thread_state.base_frame, layout.thread_state.holds_gil}) {
        if (offset != LAYOUT_ABSENT) last = std::max<uint32_t>(last, offset);
    }
    layout.thread_state_bytes = static_cast<uint16_t>(last + sizeof(uint64_t));
    return layout;
}

}  // namespace pyebpf::loader
