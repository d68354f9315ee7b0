// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel_hazard.h"

#include <gtest/gtest.h>

namespace pyebpf::sys {
namespace {

TEST(KernelHazard, AffectedVersionsAreNamed) {
    for (const char* version : {"5.19.0", "6.0.12", "6.1.35", "6.2.16", "6.3.9"}) {
        const auto hazard = user_copy_hazard(version, "CONFIG_HARDENED_USERCOPY=y\n");
        ASSERT_TRUE(hazard) << version;
        EXPECT_NE(hazard->find(version), std::string::npos);
    }
}

TEST(KernelHazard, FixedAndOlderVersionsAreFine) {
    for (const char* version :
         {"5.10.223", "5.18.19", "6.1.36", "6.1.170", "6.3.10", "6.4.0", "6.18.44", "7.2.13"}) {
        EXPECT_FALSE(user_copy_hazard(version, "CONFIG_HARDENED_USERCOPY=y\n")) << version;
    }
}

TEST(KernelHazard, DistributionsTellTheUpstreamVersionElsewhere) {
    EXPECT_EQ(upstream_version("6.1.0-50-cloud-amd64",
                               "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 (2026-10-01)", ""),
              "6.1.170");
    EXPECT_EQ(upstream_version("6.2.0-39-generic", "#40~22.04.1-Ubuntu SMP",
                               "Ubuntu 6.2.0-39.40~22.04.1-generic 6.2.16\n"),
              "6.2.16");
    EXPECT_EQ(upstream_version("6.3.9-arch1-1", "#1 SMP PREEMPT_DYNAMIC", ""), "6.3.9");
    EXPECT_EQ(upstream_version("", "", ""), "");
}

TEST(KernelHazard, AKernelWithoutHardenedUserCopyIsFine) {
    EXPECT_FALSE(
        user_copy_hazard("6.0.0", "CONFIG_BPF=y\n# CONFIG_HARDENED_USERCOPY is not set\n"));
    EXPECT_TRUE(user_copy_hazard("6.0.0", ""));
}

}  // namespace
}  // namespace pyebpf::sys
