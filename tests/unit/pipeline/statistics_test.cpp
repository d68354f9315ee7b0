// SPDX-License-Identifier: Apache-2.0
#include "pipeline/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pyebpf::pipeline {
namespace {

uint64_t value(const std::vector<profile::Statistic>& statistics, std::string_view name) {
    const auto found = std::ranges::find(statistics, name, &profile::Statistic::name);
    EXPECT_NE(found, statistics.end()) << name;
    return found == statistics.end() ? 0 : found->value;
}

uint64_t sum_of_buckets(const std::vector<profile::Statistic>& statistics) {
    uint64_t sum = 0;
    for (const auto& statistic : statistics) {
        if (statistic.name.starts_with("bucket_")) sum += statistic.value;
    }
    return sum;
}

// 1,000 ticks: 400 idle, 100 of others, 480 sampled, 20 for which the ring was full.
StatisticsInput recording() {
    StatisticsInput input;
    input.kernel[COUNTER_TICKS_IDLE] = 400;
    input.kernel[COUNTER_TICKS_FILTERED] = 100;
    input.kernel[COUNTER_TICKS_SAMPLED] = 480;
    input.kernel[COUNTER_TICKS_LOST] = 20;
    input.sample_buckets[static_cast<size_t>(Bucket::kComplete)] = 450;
    input.sample_buckets[static_cast<size_t>(Bucket::kTruncated)] = 20;
    input.cpus = 2;
    return input;
}

TEST(Buckets, AddUpToTheTicksThatCame) {
    const auto statistics = make_statistics(recording());
    EXPECT_EQ(value(statistics, "ticks_received"), 1000u);
    EXPECT_EQ(sum_of_buckets(statistics), 1000u);
    // 10 were sent and not understood.
    EXPECT_EQ(value(statistics, "bucket_lost"), 30u);
}

TEST(Buckets, TicksThatNeverCameAreThrottled) {
    StatisticsInput input = recording();
    input.expected_ticks = 2000;
    const auto statistics = make_statistics(input);
    EXPECT_EQ(value(statistics, "bucket_throttled"), 1400u);
    EXPECT_EQ(sum_of_buckets(statistics),
              value(statistics, "ticks_received") + value(statistics, "ticks_missed"));
}

TEST(Buckets, LossIsOfTheTargetsTicks) {
    // 30 lost and 20 truncated of the 500 that are neither idle nor others'.
    EXPECT_DOUBLE_EQ(loss_percent(make_statistics(recording())), 10.0);
    EXPECT_DOUBLE_EQ(loss_percent(make_statistics(StatisticsInput{})), 0.0);
}

TEST(Buckets, TheWorstImperfectionDecides) {
    SampleFacts sample{.python_outcome = PYTHON_COMPLETE,
                       .native_outcome = NATIVE_COMPLETE,
                       .is_python_process = true};
    EXPECT_EQ(bucket_of(sample), Bucket::kComplete);
    sample.native_outcome = NATIVE_NO_ROW;
    EXPECT_EQ(bucket_of(sample), Bucket::kNativeIncomplete);
    sample.python_outcome = PYTHON_NO_THREAD_STATE;
    EXPECT_EQ(bucket_of(sample), Bucket::kNoThreadState);
    sample.python_outcome = PYTHON_TRUNCATED;
    EXPECT_EQ(bucket_of(sample), Bucket::kTruncated);
    sample.python_outcome = PYTHON_FAULT_FRAME;
    EXPECT_EQ(bucket_of(sample), Bucket::kFaulted);
    sample = {.python_outcome = PYTHON_COMPLETE, .native_outcome = NATIVE_COMPLETE};
    sample.frame_unnamed = true;
    EXPECT_EQ(bucket_of(sample), Bucket::kFaulted);
    sample.part_missing = true;
    EXPECT_EQ(bucket_of(sample), Bucket::kLost);
    EXPECT_EQ(bucket_of({.is_python_process = true}), Bucket::kUnknownLayout);
    EXPECT_EQ(bucket_of({}), Bucket::kComplete);  // a native program, without native frames
}

TEST(Statistics, FramesWithoutANameHaveACause) {
    StatisticsInput input;
    input.resolver.unnamed_ended = 1;
    input.resolver.unnamed_unreadable = 2;
    input.resolver.unnamed_no_code = 4;
    const auto statistics = make_statistics(input);
    EXPECT_EQ(value(statistics, "frames_undefined"), 7u);
    EXPECT_EQ(value(statistics, "frames_undefined_ended"), 1u);
    EXPECT_EQ(value(statistics, "frames_undefined_unreadable"), 2u);
    EXPECT_EQ(value(statistics, "frames_undefined_no_code"), 4u);
}

}  // namespace
}  // namespace pyebpf::pipeline
