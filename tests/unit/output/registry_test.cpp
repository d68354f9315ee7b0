// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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
            EXPECT_TRUE(extension.starts_with('.')) << extension;
            EXPECT_TRUE(extensions.insert(extension).second) << extension;
        }
    }
    EXPECT_GE(names.size(), 2u);
}

TEST(Registry, ExtensionChoosesTheFormat) {
    for (const char* path : {"a.folded", "dir.html/a.collapsed", "a.txt", "A.TXT"}) {
        const auto format = choose_format("", path);
        ASSERT_TRUE(format) << path << ": " << format.error().message;
        EXPECT_EQ((*format)->name, "collapsed") << path;
    }
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
