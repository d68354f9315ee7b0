// SPDX-License-Identifier: Apache-2.0
// The number of files this process may have open.
#pragma once

namespace pyebpf::sys {

// Raises the soft limit to the hard one: every ELF file that is looked at stays open. Remembers the
// old limit.
void raise_file_limit();
// Gives a forked child what it would have had: the usual soft limit of 1,024 protects programs that
// use select(). Async-signal-safe.
void restore_file_limit();

}  // namespace pyebpf::sys
