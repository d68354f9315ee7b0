// SPDX-License-Identifier: Apache-2.0
#include "output/gzip_sink.h"

#include <algorithm>
#include <limits>

namespace pyebpf::output {

namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib.h, deflateInit2: 16 more for a gzip header
constexpr int kMemoryLevel = 8;       // its default

}  // namespace

GzipSink::GzipSink(Sink& target) : target_(target) {
    const int status = deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow,
                                    kMemoryLevel, Z_DEFAULT_STRATEGY);
    PYEBPF_CHECK(status == Z_OK);
}

GzipSink::~GzipSink() {
    deflateEnd(&stream_);
}

Result<void> GzipSink::finish() {
    deflate({}, Z_FINISH);
    return {};
}

void GzipSink::deflate(std::string_view bytes, int flush) {
    do {
        const size_t part =
            std::min<size_t>(bytes.size(), std::numeric_limits<decltype(stream_.avail_in)>::max());
        stream_.next_in = const_cast<unsigned char*>(  // zlib only reads it
            reinterpret_cast<const unsigned char*>(bytes.data()));
        stream_.avail_in = static_cast<unsigned>(part);
        bytes.remove_prefix(part);
        do {
            stream_.next_out = buffer_.data();
            stream_.avail_out = static_cast<unsigned>(buffer_.size());
            ::deflate(&stream_, flush);
            const size_t made = buffer_.size() - stream_.avail_out;
            target_.write({reinterpret_cast<const char*>(buffer_.data()), made});
        } while (stream_.avail_out == 0);
    } while (!bytes.empty());
}

}  // namespace pyebpf::output
