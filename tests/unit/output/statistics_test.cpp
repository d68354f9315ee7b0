// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "output/summary.h"
#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

nlohmann::json statistics_json(const profile::Profile& profile) {
    StringSink sink;
    write_statistics(profile, sink);
    return nlohmann::json::parse(sink.text());
}

TEST(Statistics, CarryEveryNumberOfTheProfile) {
    const auto profile = test::small_profile();
    const auto json = statistics_json(profile);
    EXPECT_EQ(json["version"], 1);
    EXPECT_EQ(json["samples"], profile.samples.size());
    EXPECT_EQ(json["complete"], false);
    EXPECT_EQ(json["settings"]["kernel"], "6.12.48");
    EXPECT_EQ(json["statistics"].size(), profile.statistics.size());
    EXPECT_EQ(json["statistics"]["ring_lost"]["value"], 12);
    EXPECT_EQ(json["statistics"]["ring_lost"]["loss"], true);
    EXPECT_EQ(json["sources"][0]["samples"], profile.samples.size());
    EXPECT_EQ(json["sources"][0]["weight"], profile.samples.size() * test::kPeriodNs);

    uint64_t of_processes = 0;
    for (const auto& process : json["processes"])
        of_processes += process["samples"].get<uint64_t>();
    EXPECT_EQ(of_processes, profile.samples.size());
    EXPECT_EQ(json["processes"].size(), 3u);
    EXPECT_EQ(json["processes"][0]["threads"], 2);
    EXPECT_EQ(json["top_by_self"][0]["function"], "dgemm_kernel_HASWELL");
    EXPECT_EQ(json["top_by_self"][0]["kind"], "native");
}

TEST(Statistics, ProfileWithoutSamplesIsValid) {
    const auto json = statistics_json(test::ProfileBuilder().take());
    EXPECT_EQ(json["samples"], 0);
    EXPECT_EQ(json["complete"], true);
    EXPECT_TRUE(json["top_by_self"].empty());
}

}  // namespace
}  // namespace pyebpf::output
