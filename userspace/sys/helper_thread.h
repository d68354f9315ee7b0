// SPDX-License-Identifier: Apache-2.0
// What a thread that only helps does first: it takes no signals. A signal to the process goes to
// any thread that does not block it; the main thread blocks those that it reads from a descriptor,
// so that a helper would get them, with their default effect: the end.
#pragma once

#include <csignal>

namespace pyebpf::sys {

inline void block_signals_in_this_thread() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace pyebpf::sys
