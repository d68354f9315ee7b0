// SPDX-License-Identifier: Apache-2.0
#include "sys/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "sys/file_limit.h"

namespace pyebpf::sys {

namespace {

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Result<Pipe> make_pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return fail_errno("create a pipe", errno);
    return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

int exit_code(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ChildProcess> ChildProcess::create(const std::vector<std::string>& command) {
    auto start = make_pipe();
    if (!start) return tl::unexpected(start.error());
    auto failed = make_pipe();
    if (!failed) return tl::unexpected(failed.error());
    std::vector<char*> arguments;
    for (const std::string& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);

    ChildProcess child;
    child.name_ = command.front();
    child.pid_ = fork();
    if (child.pid_ < 0) return fail_errno("fork", errno);
    if (child.pid_ == 0) {
        // Only async-signal-safe calls from here on: other threads of ours may hold locks.
        for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        restore_file_limit();
        start->write.reset();
        char byte = 0;
        if (::read(start->read.get(), &byte, 1) != 1) _exit(1);
        execvp(arguments[0], arguments.data());
        const int error = errno;
        (void)!::write(failed->write.get(), &error, sizeof(error));
        _exit(error == ENOENT ? kExitNotFound : kExitNotExecutable);
    }
    child.start_ = std::move(start->write);
    child.failed_ = std::move(failed->read);
    child.pid_fd_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid_, 0)));
    if (!child.pid_fd_) return fail_errno("pidfd_open", errno);
    return child;
}

Result<void> ChildProcess::release() {
    const char byte = 1;
    (void)!::write(start_.get(), &byte, 1);
    start_.reset();
    int error = 0;
    const ssize_t got = ::read(failed_.get(), &error, sizeof(error));
    failed_.reset();
    if (got != sizeof(error)) return {};
    (void)wait();
    if (error == ENOENT) {
        return fail(name_ + ": command not found", "give the path of the program, or check PATH",
                    kExitNotFound);
    }
    return fail("execute " + name_ + ": " + std::strerror(error), "", kExitNotExecutable);
}

std::optional<int> ChildProcess::try_wait() {
    int status = 0;
    if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = exit_code(status);
    return status_;
}

int ChildProcess::wait() {
    int status = 0;
    while (!status_) {
        if (waitpid(pid_, &status, 0) == pid_) {
            status_ = exit_code(status);
        } else if (errno != EINTR) {
            status_ = kExitFailure;
        }
    }
    return *status_;
}

void ChildProcess::send_signal(int signal) const {
    if (!status_) kill(pid_, signal);
}

}  // namespace pyebpf::sys
