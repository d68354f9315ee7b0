// SPDX-License-Identifier: Apache-2.0
// A Sink that compresses what it gets (gzip, RFC 1952) and hands it on. The same bytes give the
// same bytes: no time and no name in the header.
#pragma once

#include <zlib.h>

#include <array>

#include "output/format.h"

namespace pyebpf::output {

class GzipSink final : public Sink {
  public:
    explicit GzipSink(Sink& target);
    ~GzipSink() override;

    void write(std::string_view bytes) override { deflate(bytes, Z_NO_FLUSH); }
    [[nodiscard]] bool failed() const override { return target_.failed(); }
    // Ends the compressed stream; the target is not finished.
    [[nodiscard]] Result<void> finish() override;

  private:
    void deflate(std::string_view bytes, int flush);

    Sink& target_;
    z_stream stream_{};
    std::array<unsigned char, 64 * 1024> buffer_;
};

}  // namespace pyebpf::output
