// SPDX-License-Identifier: Apache-2.0
#include "output/deflate_base64.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

namespace pyebpf::output {

namespace {

// Of a multiple of three bytes.
std::string base64(std::string_view bytes) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto byte = [&](size_t at) {
        return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at]));
    };
    std::string text;
    text.reserve(bytes.size() / 3 * 4);
    for (size_t at = 0; at < bytes.size(); at += 3) {
        const uint32_t group = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
        for (const int shift : {18, 12, 6, 0}) text += kDigits[group >> shift & 63];
    }
    return text;
}

}  // namespace

struct DeflateBase64Sink::Stream {
    z_stream z{};
};

DeflateBase64Sink::DeflateBase64Sink(Sink& text)
    : text_(text), stream_(std::make_unique<Stream>()) {
    // Fails only for want of memory, as operator new does.
    if (deflateInit(&stream_->z, Z_DEFAULT_COMPRESSION) != Z_OK) std::abort();
}

DeflateBase64Sink::~DeflateBase64Sink() {
    deflateEnd(&stream_->z);
}

void DeflateBase64Sink::write(std::string_view bytes) {
    // zlib never writes to its input; its interface is older than const.
    auto* input = const_cast<char*>(bytes.data());
    size_t left = bytes.size();
    while (left > 0) {
        const auto part =
            static_cast<uInt>(std::min<size_t>(left, std::numeric_limits<uInt>::max()));
        stream_->z.next_in = static_cast<Bytef*>(static_cast<void*>(input));
        stream_->z.avail_in = part;
        deflate_input(Z_NO_FLUSH);
        input += part;
        left -= part;
    }
}

void DeflateBase64Sink::deflate_input(int flush) {
    std::array<char, 32 * 1024> room;
    do {
        stream_->z.next_out = static_cast<Bytef*>(static_cast<void*>(room.data()));
        stream_->z.avail_out = room.size();
        ::deflate(&stream_->z, flush);
        encode({room.data(), room.size() - stream_->z.avail_out});
    } while (stream_->z.avail_out == 0);
}

void DeflateBase64Sink::encode(std::string_view bytes) {
    rest_ += bytes;
    const size_t whole = rest_.size() / 3 * 3;
    text_.write(base64({rest_.data(), whole}));
    rest_.erase(0, whole);
}

Result<void> DeflateBase64Sink::finish() {
    stream_->z.avail_in = 0;
    deflate_input(Z_FINISH);
    if (!rest_.empty()) {
        const size_t missing = 3 - rest_.size();
        std::string last = base64(rest_ + std::string(missing, '\0'));
        text_.write(last.replace(4 - missing, missing, missing, '='));
        rest_.clear();
    }
    return {};
}

}  // namespace pyebpf::output
