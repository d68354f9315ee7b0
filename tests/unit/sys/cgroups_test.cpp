// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pyebpf::sys {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Cgroup2Mounts, AreFoundAmongOthers) {
    EXPECT_THAT(
        parse_cgroup2_mounts(
            "25 30 0:23 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
            "26 25 0:24 / /sys/fs/cgroup/unified rw,nosuid shared:2 - cgroup2 cgroup2 rw\n"
            "27 25 0:25 / /sys/fs/cgroup/cpu rw master:3 shared:4 - cgroup cgroup rw,cpu\n"),
        ElementsAre("/sys/fs/cgroup/unified"));
    EXPECT_THAT(parse_cgroup2_mounts("26 25 0:24 / /x rw - cgroup2"), ElementsAre("/x"));
}

TEST(Cgroup2Mounts, BrokenLinesAreNone) {
    EXPECT_THAT(parse_cgroup2_mounts("\n\n - \n26\n26 25 - cgroup2x y\n"), IsEmpty());
}

TEST(NamespacePid, IsTheLastNumber) {
    EXPECT_EQ(parse_namespace_pid("Name:\tx\nNSpid:\t32377\t17\t1\nNSpgid:\t5\n"), 1u);
    EXPECT_EQ(parse_namespace_pid("Name:\tx\nNSpid:\t32377\n"), 32377u);
    EXPECT_EQ(parse_namespace_pid("Name:\tNSpid:\t5\n"), 0u);
    EXPECT_EQ(parse_namespace_pid("Name:\tx\nNSpid:\t\n"), 0u);
    EXPECT_EQ(parse_namespace_pid("Name:\tx\nNSpid:\t12x\n"), 0u);
    EXPECT_EQ(parse_namespace_pid(""), 0u);
}

}  // namespace
}  // namespace pyebpf::sys
