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
    const auto document = statistics_json(profile);
    EXPECT_EQ(document["version"], 1);
    EXPECT_EQ(document["samples"], profile.samples.size());
    EXPECT_EQ(document["complete"], false);
    EXPECT_EQ(document["settings"]["kernel"], "6.12.48");
    EXPECT_EQ(document["statistics"].size(), profile.statistics.size());
    EXPECT_EQ(document["statistics"]["ring_lost"]["value"], 12);
    EXPECT_EQ(document["statistics"]["ring_lost"]["loss"], true);
    EXPECT_EQ(document["sources"][0]["samples"], profile.samples.size());
    EXPECT_EQ(document["sources"][0]["weight"], profile.samples.size() * test::kPeriodNs);

    uint64_t of_processes = 0;
    for (const auto& process : document["processes"])
        of_processes += process["samples"].get<uint64_t>();
    EXPECT_EQ(of_processes, profile.samples.size());
    EXPECT_EQ(document["processes"].size(), 3u);
    EXPECT_EQ(document["processes"][0]["threads"], 2);
    EXPECT_EQ(document["top_by_self"][0]["function"], "dgemm_kernel_HASWELL");
    EXPECT_EQ(document["top_by_self"][0]["kind"], "native");
}

TEST(Statistics, ProfileWithoutSamplesIsValid) {
    const auto document = statistics_json(test::ProfileBuilder().take());
    EXPECT_EQ(document["samples"], 0);
    EXPECT_EQ(document["complete"], true);
    EXPECT_TRUE(document["top_by_self"].empty());
}

}  // namespace
}  // namespace pyebpf::output
