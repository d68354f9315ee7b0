// SPDX-License-Identifier: Apache-2.0
// A command that is started in two steps: it exists, with its pid, before its first instruction
// runs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace pyebpf::sys {

class ChildProcess {
  public:
    // Forks. The child waits for release() and then executes the command with our environment,
    // standard streams and the default signal dispositions. If we die before, it ends.
    [[nodiscard]] static Result<ChildProcess> create(const std::vector<std::string>& command);
    ChildProcess(ChildProcess&&) noexcept = default;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Lets the command start; fails with exit code 127 or 126 (as shells do) if it cannot be found
    // or executed.
    [[nodiscard]] Result<void> release();

    // Readable (poll) when the child has ended.
    [[nodiscard]] int fd() const { return pid_fd_.get(); }
    // The exit code a shell would give (128 + signal if it was killed), once the child has ended.
    [[nodiscard]] std::optional<int> try_wait();
    [[nodiscard]] int wait();
    void send_signal(int signal) const;

  private:
    ChildProcess() = default;
    std::string name_;
    pid_t pid_ = -1;
    UniqueFd pid_fd_;
    UniqueFd start_;   // one byte starts the child
    UniqueFd failed_;  // carries errno of exec; end of file on success
    std::optional<int> status_;
};

}  // namespace pyebpf::sys
