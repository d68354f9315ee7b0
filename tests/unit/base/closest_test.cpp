// SPDX-License-Identifier: Apache-2.0
#include "base/closest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pyebpf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kNames{"cpu-clock", "cycles", "page-faults", "major-faults"};

TEST(Closest, NearestFirstAndNothingThatIsFar) {
    EXPECT_THAT(closest("cycels", kNames, 3), ElementsAre("cycles"));
    EXPECT_THAT(closest("page-fault", kNames, 1), ElementsAre("page-faults"));
    EXPECT_THAT(closest("zebra", kNames, 3), IsEmpty());
}

TEST(Closest, ANameThatContainsTheTypedOneIsNear) {
    EXPECT_THAT(closest("faults", kNames, 3), ElementsAre("major-faults", "page-faults"));
}

TEST(Closest, NothingTypedIsNearToNothing) {
    EXPECT_THAT(closest("", kNames, 3), IsEmpty());
    EXPECT_THAT(closest(std::string(100000, 'x'), kNames, 3), IsEmpty());
}

}  // namespace
}  // namespace pyebpf
