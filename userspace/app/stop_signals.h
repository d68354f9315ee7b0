// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>
#include <optional>

#include "base/unique_fd.h"

namespace pyebpf::app {

// SIGINT and SIGTERM as readable events while it lives; then they have their default effect again,
// so that a second Ctrl-C aborts. Others if asked for.
class StopSignals {
  public:
    explicit StopSignals(std::initializer_list<int> others = {}) {
        sigemptyset(&set_);
        for (const int signal : others) sigaddset(&set_, signal);
        sigaddset(&set_, SIGINT);
        sigaddset(&set_, SIGTERM);
        sigprocmask(SIG_BLOCK, &set_, nullptr);
        fd_ = UniqueFd(signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~StopSignals() { sigprocmask(SIG_UNBLOCK, &set_, nullptr); }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    // The next signal that came, if one did.
    [[nodiscard]] std::optional<int> take() const {
        signalfd_siginfo info;
        if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
        return static_cast<int>(info.ssi_signo);
    }

  private:
    sigset_t set_{};
    UniqueFd fd_;
};

}  // namespace pyebpf::app
