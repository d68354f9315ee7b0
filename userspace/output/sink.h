// SPDX-License-Identifier: Apache-2.0
// Where the bytes of an output go.
//
// A Sink never fails in write(): the first error is kept and everything after it is ignored, so
// that a writer is free of error handling and the caller asks once, with finish(). A writer of long
// outputs may look at failed() to stop early.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pyebpf::output {

class Sink {
  public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    virtual void write(std::string_view bytes) = 0;
    [[nodiscard]] virtual bool failed() const = 0;
    // Hands on everything that is buffered; the first error since the beginning.
    [[nodiscard]] virtual Result<void> finish() = 0;
};

// Buffered writes to a file descriptor that it does not own. `name` is for messages.
class FdSink final : public Sink {
  public:
    FdSink(int fd, std::string name);

    void write(std::string_view bytes) override;
    [[nodiscard]] bool failed() const override { return error_.has_value(); }
    [[nodiscard]] Result<void> finish() override;

  private:
    static constexpr size_t kBufferBytes = 64 * 1024;

    void write_through(std::string_view bytes);
    void flush();

    int fd_;
    std::string name_;
    std::string buffer_;
    std::optional<Error> error_;
};

// Collects everything in memory.
class StringSink final : public Sink {
  public:
    void write(std::string_view bytes) override { text_ += bytes; }
    [[nodiscard]] bool failed() const override { return false; }
    [[nodiscard]] Result<void> finish() override { return {}; }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

}  // namespace pyebpf::output
