// SPDX-License-Identifier: Apache-2.0
#include "sys/file_limit.h"

#include <sys/resource.h>

namespace pyebpf::sys {

namespace {

bool is_raised = false;
rlimit original{};

}  // namespace

void raise_file_limit() {
    if (is_raised || getrlimit(RLIMIT_NOFILE, &original) != 0) return;
    const rlimit raised{original.rlim_max, original.rlim_max};
    is_raised = setrlimit(RLIMIT_NOFILE, &raised) == 0;
}

void restore_file_limit() {
    if (is_raised) setrlimit(RLIMIT_NOFILE, &original);
}

}  // namespace pyebpf::sys
