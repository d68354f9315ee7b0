// SPDX-License-Identifier: Apache-2.0
#include "report/source_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "output/columns.h"
#include "synthetic_profile.h"

namespace pyebpf::report {
namespace {

using output::test::kPeriodNs;
using output::test::ProfileBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kSource =
    "import time\n"                  // 1
    "\n"                             // 2
    "@cached\n"                      // 3
    "def outer(\n"                   // 4
    "    x,\n"                       // 5
    "):\n"                           // 6
    "\tif x:\n"                      // 7
    "\n"                             // 8
    "        return inner(x)\n"      // 9
    "\n"                             // 10
    "def inner(x):\n"                // 11
    "    return [i for i in x]\n";   // 12

profile::Profile profile_of(bool is_embedded) {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3");
    const auto outer = b.python("outer", "/srv/app.py", 3, 9);
    b.add(thread, {outer, b.python("inner", "/srv/app.py", 11, 12)}, 8);
    b.add(thread, {outer, b.python("inner", "/srv/app.py", 11, 12), outer}, 1);
    b.add(thread, {outer}, 1);
    if (is_embedded)
        b.profile().source_texts[b.profile().strings.intern("/srv/app.py")] = kSource;
    return b.take();
}

std::optional<std::string> no_source(std::string_view) {
    return std::nullopt;
}

TEST(SourceLines, AFunctionIsShownWhole) {
    const auto profile = profile_of(true);
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "outer", no_source);
    ASSERT_TRUE(lines) << lines.error().message;
    EXPECT_EQ(lines->text({}),
              "/srv/app.py: 101.0 ms of 101.0 ms\n"
              "source from the recording\n"
              "      self      total   line\n"
              "                           3  @cached\n"
              "                           4  def outer(\n"
              "                           5      x,\n"
              "                           6  ):\n"
              "                           7      if x:\n"
              "                           8\n"
              "   20.2 ms   101.0 ms      9          return inner(x)\n");
}

TEST(SourceLines, AFileIsShownAroundWhatRan) {
    const auto profile = profile_of(true);
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "app.py", no_source);
    ASSERT_TRUE(lines);
    ASSERT_EQ(lines->files().size(), 1u);
    EXPECT_THAT(lines->files().front().shown, ElementsAre(3, 7, 8, 9, 10, 11, 12));
    EXPECT_THAT(lines->text({}), HasSubstr("@cached\n⋮\n"));
    // A line counts once per sample, and the file too.
    EXPECT_EQ(lines->files().front().amounts.at(9).total, 10 * kPeriodNs);
    EXPECT_EQ(lines->files().front().total, 10 * kPeriodNs);
}

TEST(SourceLines, WithoutTheRecordingTheFileIsReadAndThatIsSaid) {
    const auto profile = profile_of(false);
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "inner", [](std::string_view path) {
        EXPECT_EQ(path, "/srv/app.py");
        return std::optional<std::string>(kSource);
    });
    ASSERT_TRUE(lines);
    EXPECT_THAT(lines->text({}), HasSubstr("source as the file is now\n"));
}

TEST(SourceLines, WithoutAnySourceTheNumbersStay) {
    const auto profile = profile_of(false);
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "inner", no_source);
    ASSERT_TRUE(lines);
    EXPECT_THAT(lines->text({}), HasSubstr("source not found"));
    EXPECT_THAT(lines->text({}), HasSubstr("   80.8 ms    90.9 ms     12\n"));
}

TEST(SourceLines, NothingThatMatchesIsAnError) {
    const auto profile = profile_of(true);
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "nobody", no_source);
    ASSERT_FALSE(lines);
    EXPECT_THAT(lines.error().message, HasSubstr("'nobody'"));
}

TEST(SourceLines, HostileSourcesAndNamesAreHarmlessAndFit) {
    auto profile = output::test::hostile_profile();
    for (const std::string& name : output::test::hostile_names()) {
        profile.source_texts[profile.strings.intern(name)] =
            name + "\n\xff\x1b[31m\r\n" + std::string(100'000, 'x');
    }
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "*", no_source);
    ASSERT_TRUE(lines);
    std::istringstream text(lines->text({.width = 70}));
    for (std::string line; std::getline(text, line);) {
        ASSERT_LE(output::columns(line), 70u) << line;
        ASSERT_TRUE(std::ranges::none_of(
            line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
    }
}

TEST(SourceLines, JsonHasTheLinesThatRan) {
    const auto profile = profile_of(true);
    const StackAmounts amounts(profile, {});
    const auto lines = SourceLines::make(amounts, "app", no_source);
    ASSERT_TRUE(lines);
    const auto document = nlohmann::json::parse(lines->json());
    const auto& file = document["files"][0];
    EXPECT_EQ(file["file"], "/srv/app.py");
    EXPECT_EQ(file["source"], "recording");
    ASSERT_EQ(file["lines"].size(), 2u);
    EXPECT_EQ(file["lines"][1]["line"], 12);
    EXPECT_EQ(file["lines"][1]["self"], 8 * kPeriodNs);
    EXPECT_EQ(file["lines"][1]["text"], "    return [i for i in x]");
}

}  // namespace
}  // namespace pyebpf::report
