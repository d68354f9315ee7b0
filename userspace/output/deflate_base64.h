// SPDX-License-Identifier: Apache-2.0
// Bytes as text that fits into a <script> element: deflated (zlib, RFC 1950, which browsers inflate
// with DecompressionStream("deflate")) and written in base64 (RFC 4648), which has none of the
// characters that mean something to HTML.
#pragma once

#include <memory>
#include <string>

#include "base/sink.h"

namespace pyebpf::output {

// Hands the text on to a sink that it does not own. finish() ends the stream, and leaves that sink
// open.
class DeflateBase64Sink final : public Sink {
  public:
    explicit DeflateBase64Sink(Sink& text);
    ~DeflateBase64Sink() override;

    void write(std::string_view bytes) override;
    [[nodiscard]] bool failed() const override { return text_.failed(); }
    [[nodiscard]] Result<void> finish() override;

  private:
    struct Stream;

    void deflate_input(int flush);
    void encode(std::string_view bytes);

    Sink& text_;
    std::unique_ptr<Stream> stream_;
    std::string rest_;  // less than three bytes that are not encoded yet
};

}  // namespace pyebpf::output
