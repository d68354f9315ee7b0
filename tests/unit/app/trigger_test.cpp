// SPDX-License-Identifier: Apache-2.0
#include "app/trigger.h"

#include <gtest/gtest.h>

namespace pyebpf::app {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

TEST(CpuCondition, IsAShareAndATime) {
    const auto condition = CpuCondition::parse("cpu>80.5%/10s");
    ASSERT_TRUE(condition);
    EXPECT_DOUBLE_EQ(condition->percent, 80.5);
    EXPECT_DOUBLE_EQ(condition->seconds, 10);
}

TEST(CpuCondition, NothingElseIsOne) {
    for (const char* text :
         {"cpu>80%", "cpu>80/10s", "cpu>80%/10", "cpu>80%/10s ", "cpu>-1%/10s", "cpu>0%/10s",
          "cpu>80%/0.5s", "cpu>80%/3601s", "cpu>nan%/10s", "cpu>80%/infs", "cpu>%/s", "cpu>"}) {
        const auto condition = CpuCondition::parse(text);
        ASSERT_FALSE(condition) << text;
        EXPECT_EQ(condition.error().exit_code, kExitUsage);
    }
}

// Reads the level once a second; busy[i]: CPU seconds used in second i.
std::vector<size_t> rises(const CpuCondition& condition, const std::vector<double>& busy,
                          double cpus = 1) {
    CpuLevel level(condition);
    std::vector<size_t> found;
    uint64_t now_ns = 5 * kSecondNs;
    uint64_t cpu_ns = 0;
    (void)level.rose(now_ns, cpu_ns, cpus);
    for (size_t i = 0; i < busy.size(); ++i) {
        now_ns += kSecondNs;
        cpu_ns += static_cast<uint64_t>(busy[i] * 1e9);
        if (level.rose(now_ns, cpu_ns, cpus)) found.push_back(i);
    }
    return found;
}

TEST(CpuLevel, RisesOnceWhenTheTimeIsFull) {
    EXPECT_EQ(rises({80, 3}, {1, 1, 1, 1, 1, 1}), std::vector<size_t>{2});
}

TEST(CpuLevel, APauseBeginsAnew) {
    EXPECT_EQ(rises({80, 2}, {1, 1, 1, 0, 0, 1, 1, 1}), (std::vector<size_t>{1, 6}));
}

TEST(CpuLevel, IsTheMeanOfTheTime) {
    EXPECT_EQ(rises({80, 2}, {0.7, 0.7, 0.9, 0.9}), std::vector<size_t>{3});
    EXPECT_EQ(rises({80, 2}, {0.7, 0.7, 0.8, 0.7}), std::vector<size_t>{});
}

TEST(CpuLevel, IsOfAllCpusThatCount) {
    EXPECT_EQ(rises({80, 1}, {3.2, 3.3, 1}, 4), std::vector<size_t>{1});
}

}  // namespace
}  // namespace pyebpf::app
