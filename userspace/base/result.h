// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or an Error that can be shown to the user as it is.
//
// Policy (docs/architecture.md): a per-sample problem is a counter, an expected absence is
// std::optional or a reason enum, a recoverable failure is a Result, a bug is PYEBPF_CHECK.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace pyebpf {

// Exit codes of the program; see docs/cli/exit-codes.md.
enum ExitCode : int {
    kExitOk = 0,
    kExitFailure = 1,  // the system or the environment refused
    kExitUsage = 2,    // the command line is wrong
    kExitLoss = 5,     // record --max-loss was exceeded
    kExitNotExecutable = 126,
    kExitNotFound = 127,
};

// message: lower case, names the object and what was expected; hint: what to do next, may be empty.
struct Error {
    std::string message;
    std::string hint{};
    int exit_code = kExitFailure;

    // Prefixes the message with what was being done: "read maps of pid 12: permission denied".
    [[nodiscard]] Error within(std::string_view doing) const& {
        return {std::string(doing) + ": " + message, hint, exit_code};
    }
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message, std::string hint = {},
                                  int exit_code = kExitFailure) {
    return tl::unexpected<Error>(Error{std::move(message), std::move(hint), exit_code});
}

// "open /x: Permission denied" from the current errno.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view doing, int error_number);

}  // namespace pyebpf

// A broken invariant of our own: prints where and aborts.
#define PYEBPF_CHECK(condition)                                                                 \
    do {                                                                                        \
        if (!(condition)) [[unlikely]] {                                                        \
            std::fprintf(stderr, "pyebpf: internal error: %s at %s:%d\n", #condition, __FILE__, \
                         __LINE__);                                                             \
            std::abort();                                                                       \
        }                                                                                       \
    } while (false)
