// SPDX-License-Identifier: Apache-2.0
#include "report/flat.h"

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
using ::testing::HasSubstr;
using Key = FlatOptions::Key;

profile::Profile two_lines() {
    ProfileBuilder b;
    const auto thread = b.thread(1, "python3", 1, "python3");
    const auto main = b.python("main", "/srv/app.py", 1, 4);
    b.add(thread, {main, b.python("work", "/srv/app.py", 10, 11)}, 6);
    b.add(thread, {main, b.python("work", "/srv/app.py", 10, 12),
                   b.native("memcpy", "libc.so.6")},
          3);
    b.add(b.thread(2, "bash", 2, "bash"), {b.native("main", "bash")}, 1);
    return b.take();
}

std::string flat_text(const FlatOptions& options) {
    const auto profile = two_lines();
    const StackAmounts amounts(profile, {});
    return FlatTable(amounts, options).text({});
}

TEST(Flat, FunctionsBySelf) {
    EXPECT_EQ(flat_text({}),
              "      self   share       total   share  function\n"
              "   60.6 ms  60.0 %     90.9 ms  90.0 %  work (/srv/app.py:10)\n"
              "   30.3 ms  30.0 %     30.3 ms  30.0 %  memcpy (libc.so.6)\n"
              "   10.1 ms  10.0 %     10.1 ms  10.0 %  main (bash)\n"
              "    0.0 ms   0.0 %     90.9 ms  90.0 %  main (/srv/app.py:1)\n");
}

TEST(Flat, LinesOfOneFunctionAreApart) {
    const std::string text = flat_text({.key = Key::kLine, .top = 1});
    EXPECT_THAT(text, HasSubstr("   60.6 ms  60.0 %  work (/srv/app.py:11)\n"));
    EXPECT_THAT(text, HasSubstr("4 more; --top 0 shows all\n"));
}

TEST(Flat, FilesAndModules) {
    EXPECT_THAT(flat_text({.key = Key::kFile, .sort_by_total = true}),
                HasSubstr("   60.6 ms  60.0 %     90.9 ms  90.0 %  /srv/app.py\n"));
    EXPECT_THAT(flat_text({.key = Key::kModule}),
                HasSubstr("   30.3 ms  30.0 %     30.3 ms  30.0 %  libc.so.6\n"));
    EXPECT_THAT(flat_text({.key = Key::kModule}), HasSubstr("90.0 %  [Python]\n"));
}

TEST(Flat, ProcessesHaveNoSelf) {
    EXPECT_EQ(flat_text({.key = Key::kProcess}),
              "     total   share  process\n"
              "   90.9 ms  90.0 %  python3 (pid 1)\n"
              "   10.1 ms  10.0 %  bash (pid 2)\n");
    EXPECT_THAT(flat_text({.key = Key::kThread}),
                HasSubstr("python3 (tid 1) of python3 (pid 1)\n"));
    EXPECT_THAT(flat_text({.key = Key::kContainer}), HasSubstr("100.0 %  [no container]\n"));
}

TEST(Flat, UnknownKeyListsTheKnownOnes) {
    const auto key = flat_key("color");
    ASSERT_FALSE(key);
    EXPECT_THAT(key.error().hint, HasSubstr("function, line, file"));
    EXPECT_EQ(key.error().exit_code, kExitUsage);
}

TEST(Flat, UnitsAreNotMixed) {
    profile::Profile profile = two_lines();
    profile.sources.push_back({"page-faults", "faults", 1, 0});
    profile.samples.back().source = 1;
    const StackAmounts amounts(profile, {});
    EXPECT_EQ(amounts.sum(), 9 * kPeriodNs);
    ASSERT_EQ(amounts.left_out().size(), 1u);
    EXPECT_EQ(amounts.left_out().front().name, "faults");
}

TEST(Flat, JsonRowsAreTheTextsRows) {
    const auto profile = output::test::small_profile();
    const StackAmounts amounts(profile, {});
    for (size_t key = 0; key < flat_key_names().size(); ++key) {
        const FlatTable table(amounts, {.key = static_cast<Key>(key), .top = 5});
        const auto document = nlohmann::json::parse(table.json());
        EXPECT_EQ(document["view"], flat_key_names()[key]);
        ASSERT_EQ(document["rows"].size(), table.rows().size());
        for (size_t i = 0; i < table.rows().size(); ++i)
            EXPECT_EQ(document["rows"][i]["total"], table.rows()[i].amount.total);
    }
}

TEST(Flat, NoLineExceedsTheWidth) {
    const auto profile = output::test::hostile_profile();
    const StackAmounts amounts(profile, {});
    for (size_t key = 0; key < flat_key_names().size(); ++key) {
        std::istringstream text(
            FlatTable(amounts, {.key = static_cast<Key>(key), .top = 0}).text({.width = 60}));
        for (std::string line; std::getline(text, line);)
            ASSERT_LE(output::columns(line), 60u) << line;
    }
}

}  // namespace
}  // namespace pyebpf::report
