// SPDX-License-Identifier: Apache-2.0
#include "output/collapsed.h"

#include <gtest/gtest.h>

#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using test::ProfileBuilder;

std::string collapsed(const profile::Profile& profile, const FormatOptions& options = {}) {
    StringSink sink;
    EXPECT_TRUE(kCollapsed.write(profile, options, sink));
    return sink.text();
}

TEST(Collapsed, EmptyProfileIsEmpty) {
    EXPECT_EQ(collapsed(ProfileBuilder().take()), "");
}

TEST(Collapsed, KindOfFrameShowsInItsText) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    b.add(thread, {b.marker("[truncated: 9 frames]"), b.python("Foo.<locals>.bar", "a.py", 3, 5),
                   b.interpreter("_PyEval_EvalFrameDefault"), b.native("dgemm", "libblas.so"),
                   b.native("memcpy", "libc.so.6", true), b.kernel("do_syscall_64"),
                   b.kernel("ext4_read", "ext4")});
    EXPECT_EQ(collapsed(b.take()),
              "[truncated: 9 frames];Foo.<locals>.bar (a.py:3);"
              "_PyEval_EvalFrameDefault (libpython3.13.so.1.0);dgemm (libblas.so);"
              "memcpy (libc.so.6)_[i];do_syscall_64_[k];ext4_read (ext4)_[k] 1\n");
}

TEST(Collapsed, LinesOfOneFunctionMergeUnlessCurrentLinesAreAskedFor) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    b.add(thread, {b.python("f", "a.py", 3, 5)}, 2);
    b.add(thread, {b.python("f", "a.py", 3, 6)}, 3);
    const auto profile = b.take();
    EXPECT_EQ(collapsed(profile), "f (a.py:3) 5\n");
    EXPECT_EQ(collapsed(profile, {.current_lines = true}), "f (a.py:5) 2\nf (a.py:6) 3\n");
}

TEST(Collapsed, FunctionWithoutALineShowsItsFile) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    b.add(thread, {b.python("f", "<string>", 0)});
    b.add(thread, {b.python("", "", 0)});
    EXPECT_EQ(collapsed(b.take()), "[unknown] 1\nf (<string>) 1\n");
}

TEST(Collapsed, ProcessesAndThreadsAreRootsOnRequest) {
    ProfileBuilder b;
    const auto first = b.thread(10, "python", 10, "main");
    const auto second = b.thread(10, "python", 11, "pool;1");
    const auto other = b.thread(20, "python", 20, "main");
    for (const auto thread : {first, second, other}) b.add(thread, {b.python("f", "a.py", 1)});
    const auto profile = b.take();
    EXPECT_EQ(collapsed(profile, {.per_process = true}),
              "python (pid 10);f (a.py:1) 2\npython (pid 20);f (a.py:1) 1\n");
    EXPECT_EQ(collapsed(profile, {.per_thread = true}),
              "main (tid 10);f (a.py:1) 1\nmain (tid 20);f (a.py:1) 1\n"
              "pool\\x3b1 (tid 11);f (a.py:1) 1\n");
    EXPECT_EQ(collapsed(profile, {.per_process = true, .per_thread = true}),
              "python (pid 10);main (tid 10);f (a.py:1) 1\n"
              "python (pid 10);pool\\x3b1 (tid 11);f (a.py:1) 1\n"
              "python (pid 20);main (tid 20);f (a.py:1) 1\n");
}

TEST(Collapsed, CountIsWeightInTicksOfItsSource) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    b.add(thread, {b.python("three_missed_ticks", "a.py", 1)});
    b.profile().samples.back().weight = 4 * test::kPeriodNs;
    b.add(thread, {b.python("short", "a.py", 2)});
    b.profile().samples.back().weight = 1;
    b.profile().sources.push_back({"faults", "faults", 0, 0});
    b.add(thread, {b.python("faulting", "a.py", 3)});
    b.profile().samples.back().source = 1;
    b.profile().samples.back().weight = 7;
    EXPECT_EQ(collapsed(b.take()),
              "[cpu-clock];short (a.py:2) 1\n[cpu-clock];three_missed_ticks (a.py:1) 4\n"
              "[faults];faulting (a.py:3) 7\n");
}

TEST(Collapsed, NamesCannotPretendToBeKernelFrames) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    b.add(thread, {b.native("evil_[k]", "")});
    b.add(thread, {b.kernel("evil")});
    EXPECT_EQ(collapsed(b.take()), "evil_[k\\x5d 1\nevil_[k] 1\n");
}

TEST(Collapsed, SampleWithoutAStackIsNotLost) {
    ProfileBuilder b;
    b.add(b.thread(1, "python", 1, "python"), {}, 2);
    b.profile().samples.back().thread = {};
    EXPECT_EQ(collapsed(b.take(), {.per_process = true, .per_thread = true}),
              "[unknown process];[unknown thread];[no stack] 1\n"
              "python (pid 1);python (tid 1);[no stack] 1\n");
}

TEST(Collapsed, CountsOfALargeProfileAddUp) {
    const auto profile = test::large_profile(20'000);
    const std::string text = collapsed(profile, {.per_process = true, .per_thread = true});
    uint64_t sum = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at);
        sum += std::stoull(text.substr(text.rfind(' ', end) + 1));
        at = end + 1;
    }
    EXPECT_EQ(sum, profile.samples.size());
}

}  // namespace
}  // namespace pyebpf::output
