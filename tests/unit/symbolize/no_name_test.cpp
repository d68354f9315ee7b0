// SPDX-License-Identifier: Apache-2.0
#include "symbolize/no_name.h"

#include <gtest/gtest.h>

#include <set>

namespace pyebpf::symbolize {
namespace {

TEST(NoName, NamesTheFile) {
    EXPECT_EQ(describe(NoName::kNoSymbols, "/usr/lib/libfoo.so"), "no symbols in libfoo.so");
    EXPECT_EQ(describe(NoName::kFileReplaced, "libfoo.so"), "libfoo.so replaced on disk");
    EXPECT_EQ(describe(NoName::kFileReplaced), "file replaced on disk");
    EXPECT_EQ(describe(NoName::kNoSymbols), "no symbols");
    EXPECT_EQ(unknown_name(NoName::kJitWithoutMap), "[unknown: jit code without a perf map]");
}

TEST(NoName, EveryReasonHasItsOwnText) {
    std::set<std::string> texts;
    for (int i = 0; i <= static_cast<int>(NoName::kProcessGone); ++i)
        texts.insert(describe(static_cast<NoName>(i)));
    EXPECT_EQ(texts.size(), static_cast<size_t>(NoName::kProcessGone) + 1);
}

}  // namespace
}  // namespace pyebpf::symbolize
