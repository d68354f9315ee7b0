// SPDX-License-Identifier: Apache-2.0
#include "output/sink.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace pyebpf::output {

FdSink::FdSink(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
    buffer_.reserve(kBufferBytes);
}

void FdSink::write(std::string_view bytes) {
    if (error_) return;
    if (buffer_.size() + bytes.size() > kBufferBytes) flush();
    if (bytes.size() > kBufferBytes) {
        write_through(bytes);
    } else {
        buffer_ += bytes;
    }
}

void FdSink::write_through(std::string_view bytes) {
    while (!bytes.empty() && !error_) {
        const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
        if (written > 0) {
            bytes.remove_prefix(static_cast<size_t>(written));
        } else if (written == 0) {
            error_ = Error{"write " + name_ + ": the device takes no more bytes"};
        } else if (errno != EINTR) {
            error_ = fail_errno("write " + name_, errno).value();
        }
    }
}

void FdSink::flush() {
    write_through(buffer_);
    buffer_.clear();
}

Result<void> FdSink::finish() {
    flush();
    if (error_) return tl::unexpected<Error>(*error_);
    return {};
}

}  // namespace pyebpf::output
