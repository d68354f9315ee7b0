// SPDX-License-Identifier: Apache-2.0
#include "base/escape.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pyebpf {
namespace {

using namespace std::string_view_literals;

TEST(Printable, OrdinaryTextStays) {
    EXPECT_EQ(printable(""), "");
    EXPECT_EQ(printable("module.<locals>.f(int*)"), "module.<locals>.f(int*)");
    EXPECT_EQ(printable("größe 名前 🐍"), "größe 名前 🐍");
    EXPECT_EQ(printable("C:\\x41"), "C:\\x41");
}

TEST(Printable, C0AndDelBecomeHex) {
    for (int byte = 0; byte < 0x20; ++byte) {
        const std::string text(1, static_cast<char>(byte));
        char expected[8];
        std::snprintf(expected, sizeof expected, "\\x%02x", byte);
        EXPECT_EQ(printable(text), expected);
    }
    EXPECT_EQ(printable("a\x7f"), "a\\x7f");
    EXPECT_EQ(printable("\x1b[2Jgone\n"), "\\x1b[2Jgone\\x0a");
}

TEST(Printable, NulDoesNotEndTheText) {
    EXPECT_EQ(printable("a\0b"sv), "a\\x00b");
}

TEST(Printable, C1IsEscapedInUtf8AndAsRawBytes) {
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "\\u{009b}31m");
    EXPECT_EQ(printable("\xc2\x80\xc2\x9f"), "\\u{0080}\\u{009f}");
    EXPECT_EQ(printable("\x9b"
                        "31m"),
              "\\x9b31m");
    EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(Printable, BidirectionalControlsAndSeparatorsAreEscaped) {
    EXPECT_EQ(printable("evil\u202egnp.exe"), "evil\\u{202e}gnp.exe");
    for (const auto* text : {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202d",
                             "\u2066", "\u2069"}) {
        EXPECT_EQ(printable(text).substr(0, 3), "\\u{") << text;
    }
    EXPECT_EQ(printable("\u2030\u2065"), "\u2030\u2065");
}

TEST(Printable, InvalidUtf8BecomesHexByteByByte) {
    EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
    EXPECT_EQ(printable("\x80"), "\\x80");
    EXPECT_EQ(printable("\xc3"), "\\xc3");           // cut off
    EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");  // cut off
    EXPECT_EQ(printable("\xc3("), "\\xc3(");
}

TEST(Printable, OverlongFormsSurrogatesAndTooLargeValuesAreInvalid) {
    EXPECT_EQ(printable("\xc0\x80"), "\\xc0\\x80");
    EXPECT_EQ(printable("\xc1\xbf"), "\\xc1\\xbf");
    EXPECT_EQ(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");
    EXPECT_EQ(printable("\xf0\x80\x80\xaf"), "\\xf0\\x80\\x80\\xaf");
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // U+D800
    EXPECT_EQ(printable("\xed\xbf\xbf"), "\\xed\\xbf\\xbf");  // U+DFFF
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
    EXPECT_EQ(printable("\xf8\x88\x80\x80\x80"), "\\xf8\\x88\\x80\\x80\\x80");
    EXPECT_EQ(printable("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");  // U+10FFFF is the last
}

TEST(Printable, MegabyteKeepsBothEnds) {
    const std::string text = "begin" + std::string(1 << 20, 'x') + "end";
    const std::string shown = printable(text);
    EXPECT_TRUE(shown.starts_with("beginxxx"));
    EXPECT_TRUE(shown.ends_with("xxxend"));
    EXPECT_NE(shown.find("…[1044488 bytes]…"), std::string::npos) << shown.size();
    EXPECT_LT(shown.size(), 4096u + 40);
}

TEST(Printable, LimitIsExact) {
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("abcdefg", 6), "abc…[1 bytes]…efg");
    EXPECT_EQ(printable("abc", 0), "…[3 bytes]…");
    EXPECT_EQ(printable("abc", 1), "…[2 bytes]…c");
}

TEST(Printable, CutDoesNotSplitACharacter) {
    EXPECT_EQ(printable("ÄÖÜäöü", 6), "Ä…[6 bytes]…öü");
    const std::string continuation(100, '\x80');  // no boundary anywhere: bytes are shown as bytes
    EXPECT_EQ(printable(continuation, 2), "\\x80…[98 bytes]…\\x80");
}

// Whatever goes in, a strict decoder finds valid UTF-8 without controls.
TEST(Printable, RandomBytesAreAlwaysSafe) {
    uint64_t state = 1;
    const auto random = [&] {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return state >> 33;
    };
    for (int round = 0; round < 20000; ++round) {
        std::string text(random() % 24, '\0');
        for (char& byte : text) {
            static constexpr unsigned char kInteresting[] = {0xc2, 0xe2, 0x80, 0xae, 0x9b,
                                                             0xed, 0xa0, 0xf0, 0xf4};
            const uint64_t interesting = kInteresting[random() % sizeof kInteresting];
            byte = static_cast<char>(random() % 2 ? interesting : random() & 0xff);
        }
        const std::string shown = printable(text, 16);
        EXPECT_EQ(printable(shown, 1 << 20), shown);
        for (unsigned char byte : shown) {
            EXPECT_TRUE(byte >= 0x20 && byte != 0x7f);
        }
    }
}

}  // namespace
}  // namespace pyebpf
