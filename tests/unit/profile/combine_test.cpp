// SPDX-License-Identifier: Apache-2.0
#include "profile/combine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "synthetic_profile.h"

namespace pyebpf::profile {
namespace {

using output::test::ProfileBuilder;

Profile recording(std::string_view function, uint32_t pid) {
    ProfileBuilder b;
    b.add(b.thread(pid, "python3", pid, "python3", "3.13.5"),
          {b.python("main", "/srv/app.py", 1), b.python(function, "/srv/app.py", 7)}, 2);
    b.add_statistic("ring_lost", "samples lost", 3, true);
    b.profile().settings["kernel"] = "6.12.48";
    return b.take();
}

std::string leaf_of(const Profile& profile, const Sample& sample) {
    return std::string(profile.text(profile.frame(profile.stacks[sample.stack].frame).function));
}

TEST(Combine, NothingIsAnEmptyProfile) {
    const auto profile = combined({});
    ASSERT_TRUE(profile);
    EXPECT_TRUE(profile->samples.empty());
}

TEST(Combine, EqualNamesFramesAndStacksBecomeOne) {
    std::vector<Profile> both;
    both.push_back(recording("f", 10));
    both.push_back(recording("f", 20));
    const auto profile = combined(std::move(both));
    ASSERT_TRUE(profile) << profile.error().message;
    EXPECT_EQ(profile->samples.size(), 4u);
    EXPECT_EQ(profile->frames.size(), 2u);
    EXPECT_EQ(profile->stacks.size(), 2u);
    EXPECT_EQ(profile->sources.size(), 1u);
    EXPECT_EQ(profile->processes.size(), 2u);
}

TEST(Combine, SamplesKeepTheirStackAndThread) {
    std::vector<Profile> both;
    both.push_back(recording("f", 10));
    both.push_back(recording("g", 20));
    const auto profile = combined(std::move(both));
    ASSERT_TRUE(profile);
    for (const Sample& sample : profile->samples) {
        const Thread& thread = profile->threads[sample.thread.value];
        const uint32_t pid = profile->processes[thread.process.value].pid;
        EXPECT_EQ(leaf_of(*profile, sample), pid == 10 ? "f" : "g");
        EXPECT_EQ(thread.tid, pid);
    }
}

TEST(Combine, TheWallClockPlacesRecordingsInTime) {
    Profile later = recording("later", 10);
    Profile earlier = recording("earlier", 20);
    earlier.start_unix_ns -= 5'000'000'000;
    std::vector<Profile> both;
    both.push_back(std::move(later));
    both.push_back(std::move(earlier));
    const auto profile = combined(std::move(both));
    ASSERT_TRUE(profile);
    EXPECT_TRUE(std::ranges::is_sorted(profile->samples, {}, &Sample::time_ns));
    EXPECT_EQ(leaf_of(*profile, profile->samples.front()), "earlier");
    EXPECT_EQ(leaf_of(*profile, profile->samples.back()), "later");
    EXPECT_GE(profile->samples.front().time_ns, profile->start_ns);
    EXPECT_LE(profile->samples.back().time_ns, profile->end_ns);
    EXPECT_GT(profile->duration_seconds(), 5);
}

TEST(Combine, LossesAddUpAndDifferentSettingsAreToldOnce) {
    std::vector<Profile> all;
    for (const char* kernel : {"6.1.0", "6.12.48", "6.1.0"}) {
        all.push_back(recording("f", 10));
        all.back().settings["kernel"] = kernel;
    }
    all.back().is_cut = true;
    const auto profile = combined(std::move(all));
    ASSERT_TRUE(profile);
    ASSERT_EQ(profile->statistics.size(), 1u);
    EXPECT_EQ(profile->statistics.front().value, 9u);
    EXPECT_EQ(profile->settings.at("kernel"), "6.1.0 | 6.12.48");
    EXPECT_TRUE(profile->is_cut);
}

TEST(Combine, MoreEventSourcesThanSamplesCanNameAreRefused) {
    std::vector<Profile> all;
    for (int i = 0; i < 257; ++i) {
        all.push_back(recording("f", 10));
        all.back().sources.front().name = std::to_string(i);
    }
    EXPECT_FALSE(combined(std::move(all)));
}

// The first piece has one process, the second one both.
TEST(CombinePieces, TablesAreThoseOfTheLastPieceAndSamplesOfAll) {
    std::vector<Profile> pieces;
    pieces.push_back(recording("early", 10));
    ProfileBuilder b;
    b.thread(10, "python3", 10, "renamed", "3.13.5");
    b.add(b.thread(20, "python3", 20, "python3", "3.13.5"), {b.python("late", "/srv/app.py", 9)});
    b.add_statistic("ring_lost", "samples lost", 4, true);
    pieces.push_back(b.take());
    const auto profile = combined_pieces(std::move(pieces));
    ASSERT_TRUE(profile) << profile.error().message;
    ASSERT_EQ(profile->processes.size(), 2u);
    ASSERT_EQ(profile->threads.size(), 2u);
    EXPECT_EQ(profile->text(profile->threads[0].name), "renamed");
    ASSERT_EQ(profile->samples.size(), 3u);
    for (const Sample& sample : profile->samples) {
        const uint32_t tid = profile->threads[sample.thread.value].tid;
        EXPECT_EQ(leaf_of(*profile, sample), tid == 10 ? "early" : "late");
    }
    ASSERT_EQ(profile->statistics.size(), 1u);
    EXPECT_EQ(profile->statistics[0].value, 4u);
}

}  // namespace
}  // namespace pyebpf::profile
