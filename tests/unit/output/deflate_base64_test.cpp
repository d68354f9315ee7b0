// SPDX-License-Identifier: Apache-2.0
#include "output/deflate_base64.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>

namespace pyebpf::output {
namespace {

std::string decoded(std::string_view text) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text.substr(0, text.find('='))) {
        bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count);
    }
    return bytes;
}

std::string inflated(const std::string& bytes, size_t size) {
    std::string result(size, '\0');
    uLongf length = size;
    EXPECT_EQ(
        uncompress(static_cast<Bytef*>(static_cast<void*>(result.data())), &length,
                   static_cast<const Bytef*>(static_cast<const void*>(bytes.data())), bytes.size()),
        Z_OK);
    EXPECT_EQ(length, size);
    return result;
}

TEST(DeflateBase64, ComesBackWhateverTheLength) {
    for (const size_t size : {0, 1, 2, 3, 4, 5, 1000, 300'000}) {
        std::string bytes(size, '\0');
        uint32_t state = 1;
        for (char& c : bytes)
            c = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
        StringSink text;
        DeflateBase64Sink sink(text);
        for (size_t at = 0; at < size; at += 7'000)
            sink.write(std::string_view(bytes).substr(at, 7'000));
        ASSERT_TRUE(sink.finish());
        EXPECT_EQ(text.text().size() % 4, 0);
        EXPECT_EQ(inflated(decoded(text.text()), size), bytes);
    }
}

}  // namespace
}  // namespace pyebpf::output
