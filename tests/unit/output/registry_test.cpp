// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "output/format.h"
#include "output/page.h"

namespace pyebpf::output {
namespace {

using ::testing::HasSubstr;

TEST(Registry, NamesAndExtensionsAreUniqueAndDescribed) {
    std::set<std::string_view> names;
    std::set<std::string_view> extensions;
    for (const Format* format : formats()) {
        EXPECT_TRUE(names.insert(format->name).second) << format->name;
        EXPECT_FALSE(format->description.empty()) << format->name;
        EXPECT_FALSE(format->extensions.empty()) << format->name;
        for (const std::string_view extension : format->extensions) {
            EXPECT_TRUE(extension.starts_with('.') || extension == "callgrind.out") << extension;
            EXPECT_TRUE(extensions.insert(extension).second) << extension;
        }
    }
    EXPECT_GE(names.size(), 11u);
}

TEST(Registry, ExtensionChoosesTheFormat) {
    for (const char* path : {"a.folded", "dir.html/a.collapsed", "a.txt", "A.TXT"}) {
        const auto format = choose_format("", path);
        ASSERT_TRUE(format) << path << ": " << format.error().message;
        EXPECT_EQ((*format)->name, "collapsed") << path;
    }
}

TEST(Registry, LongestExtensionChooses) {
    for (const auto& [path, name] : {std::pair{"a.json", "json"},
                                     {"a.speedscope.json", "speedscope"},
                                     {"a.trace.json", "chrome-trace"},
                                     {"a.firefox.json.gz", "firefox"},
                                     {"a.pb.gz", "pprof"},
                                     {"callgrind.out", "callgrind"}}) {
        const auto format = choose_format("", path);
        ASSERT_TRUE(format) << path;
        EXPECT_EQ((*format)->name, name) << path;
    }
    EXPECT_FALSE(choose_format("", "a.json.gz"));
}

// docs/formats/README.md has one row a format, and says of it what the registry says.
TEST(Registry, DocumentationListsTheFormats) {
    std::ifstream page(PYEBPF_TEST_DATA "/../../docs/formats/README.md");
    ASSERT_TRUE(page);
    std::vector<std::string> rows;
    for (std::string line; std::getline(page, line);) {
        if (!line.starts_with("| [")) continue;
        const size_t link = line.find("](");  // check-style checks that its page exists
        line.erase(link + 1, line.find(')') - link);
        rows.push_back(line);
    }
    std::vector<std::string> expected;
    for (const Format* format : formats()) {
        std::string extensions;
        for (const std::string_view extension : format->extensions)
            extensions += fmt::format("{}`{}`", extensions.empty() ? "" : ", ", extension);
        expected.push_back(
            fmt::format("| [{}] | {} | {} |", format->name, extensions, format->description));
    }
    EXPECT_THAT(rows, ::testing::ElementsAreArray(expected));
}

TEST(Registry, NameWinsOverExtension) {
    const auto format = choose_format("collapsed", "a.html");
    ASSERT_TRUE(format);
    EXPECT_EQ((*format)->name, "collapsed");
}

TEST(Registry, StdoutIsCollapsedUnlessNamed) {
    const auto format = choose_format("", "-");
    ASSERT_TRUE(format);
    EXPECT_EQ((*format)->name, "collapsed");
}

TEST(Registry, UnknownExtensionListsTheKnownOnes) {
    for (const char* path : {"profile.svgg", "profile", "", "dir.txt/profile"}) {
        const auto format = choose_format("", path);
        ASSERT_FALSE(format) << path;
        EXPECT_EQ(format.error().exit_code, kExitUsage);
        for (const Format* known : formats()) {
            for (const std::string_view extension : known->extensions) {
                EXPECT_THAT(format.error().hint, HasSubstr(std::string(extension)));
            }
        }
    }
}

TEST(Registry, UnknownNameListsTheKnownOnes) {
    const auto format = choose_format("Html", "a.html");
    ASSERT_FALSE(format);
    EXPECT_EQ(format.error().exit_code, kExitUsage);
    EXPECT_THAT(format.error().message, HasSubstr("Html"));
    EXPECT_THAT(format.error().hint, HasSubstr("html, collapsed"));
}

TEST(Registry, FormatThatThisBuildLacksIsRefusedBeforeItIsNeeded) {
    const auto format = choose_format("", "a.html");
    if (kPageBeforeData.empty()) {
        ASSERT_FALSE(format);
        EXPECT_THAT(format.error().hint, HasSubstr("npm"));
    } else {
        ASSERT_TRUE(format);
        EXPECT_EQ((*format)->name, "html");
    }
}

}  // namespace
}  // namespace pyebpf::output
