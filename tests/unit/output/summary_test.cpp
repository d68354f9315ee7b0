// SPDX-License-Identifier: Apache-2.0
#include "output/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "output/columns.h"
#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using test::ProfileBuilder;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Summary, NoLineExceedsTheWidth) {
    for (const auto& profile : {test::small_profile(), test::hostile_profile()}) {
        for (const size_t width : {size_t{40}, size_t{60}, size_t{80}, size_t{200}}) {
            std::istringstream text(summary(profile, {.width = width, .top_functions = 100}));
            for (std::string line; std::getline(text, line);) {
                EXPECT_LE(columns(line), width) << line;
            }
        }
    }
}

TEST(Summary, EveryLossThatIsNotZeroIsTold) {
    const std::string text = summary(test::small_profile(), {});
    EXPECT_THAT(text, HasSubstr("not complete:"));
    EXPECT_THAT(text, HasSubstr("  12  samples lost because the ring buffer was full\n"));
    EXPECT_THAT(text, HasSubstr("   3  stacks cut at the depth limit"));
    EXPECT_THAT(text, Not(HasSubstr("not in memory")));
    EXPECT_THAT(text, Not(HasSubstr("samples that reached the profiler")));
}

TEST(Summary, CompleteProfileSaysSo) {
    ProfileBuilder b;
    b.add(b.thread(1, "python", 1, "python", "3.13.5"), {b.python("f", "/dir/a.py", 7)});
    b.add_statistic("ring_lost", "samples lost", 0, true);
    EXPECT_EQ(summary(b.take(), {}),
              "1 sample in 0.0 s: 1 process (1 Python), 1 thread\n"
              "\n"
              "   self    total  function, by self\n"
              "100.0 % 100.0 %  f (/dir/a.py:7)\n"
              "\n"
              "   self    total  Python function, by total\n"
              "100.0 % 100.0 %  f (/dir/a.py:7)\n"
              "\n"
              "complete: nothing was lost\n");
}

TEST(Summary, ProfileWithoutSamples) {
    EXPECT_EQ(
        summary(ProfileBuilder().take(), {}),
        "0 samples in 0.0 s: 0 processes (0 Python), 0 threads\n\ncomplete: nothing was lost\n");
}

TEST(Summary, ColorsOnlyIfTold) {
    EXPECT_THAT(summary(test::hostile_profile(), {}), Not(HasSubstr("\x1b")));
    EXPECT_THAT(summary(test::small_profile(), {.color = true}), HasSubstr("\x1b[33m"));
}

TEST(Summary, DirectoryGivesWayBeforeTheName) {
    ProfileBuilder b;
    b.add(b.thread(1, "python", 1, "python"),
          {b.python("Handler.handle_request",
                    "/a/very/long/directory/name/that/does/not/fit/in/the/line/views.py", 7)});
    EXPECT_THAT(summary(b.take(), {.width = 60}),
                HasSubstr("%  Handler.handle_request (views.py:7)\n"));
}

}  // namespace
}  // namespace pyebpf::output
