// SPDX-License-Identifier: Apache-2.0
// Texts of /proc: each reader gets the same bytes.
#include "fuzz.h"
#include "sys/cgroups.h"
#include "sys/kernel_hazard.h"
#include "sys/proc.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text = fuzz::text_of({data, size});
    fuzz::use(sys::parse_maps(text));
    fuzz::use(sys::parse_stat(text));
    fuzz::use(sys::parse_busy_ns(text, 100));
    fuzz::use(sys::parse_namespace_pid(text));
    const std::string upstream = sys::upstream_version(text, text, text);
    fuzz::use(sys::user_copy_hazard(upstream, text));
    return 0;
}
