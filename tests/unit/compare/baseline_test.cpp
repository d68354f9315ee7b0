// SPDX-License-Identifier: Apache-2.0
#include "compare/baseline.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "synthetic_profile.h"

namespace pyebpf::compare {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

class Baseline : public testing::Test {
  protected:
    void SetUp() override {
        std::string path = testing::TempDir() + "pyebpf-baseline-XXXXXX";
        ASSERT_NE(::mkdtemp(path.data()), nullptr);
        top_ = path;
        folder_ = top_ / "baseline";
        recording_ = recording("first", "content");
    }
    void TearDown() override { fs::remove_all(top_); }

    std::string recording(const std::string& name, const std::string& content) const {
        const fs::path path = top_ / (name + ".pyebpf");
        std::ofstream(path) << content;
        return path.string();
    }
    BaselineEntry entry(const BaselineKey& key, int64_t saved = 1) const {
        return {.key = key, .saved_unix_s = saved, .runs = {{recording_, 3}}, .facts = {}};
    }
    BaselineFolder make() const {
        auto folder = BaselineFolder::open_or_create(folder_.string());
        EXPECT_TRUE(folder.has_value());
        return *folder;
    }
    // Everything below the baseline but the index.
    std::vector<std::string> files() const {
        std::vector<std::string> result;
        for (const auto& file : fs::recursive_directory_iterator(folder_))
            if (file.path().filename() != "index.json")
                result.push_back(fs::relative(file.path(), folder_).string());
        std::ranges::sort(result);
        return result;
    }

    fs::path top_;
    fs::path folder_;
    std::string recording_;
};

TEST(PathPart, IsReversibleAndHarmless) {
    std::vector<std::string> names{
        "main", "feature/x", "..", ".",         "../../etc/passwd",     "/",
        ".git", "a b",       "%",  "%2F",       std::string("a\0b", 3), "\xff\xfe",
        "grün", "-rf",       "~",  "index.json"};
    for (const std::string& name : output::test::hostile_names())
        if (!name.empty() && name.size() < 80) names.push_back(name);
    for (const std::string& name : names) {
        const auto part = path_part(name);
        ASSERT_TRUE(part.has_value()) << name;
        EXPECT_EQ(part->find_first_of(std::string("/\0", 2)), std::string::npos) << *part;
        EXPECT_FALSE(part->starts_with('.')) << *part;
        EXPECT_EQ(name_of_part(*part), name);
    }
    EXPECT_EQ(path_part("feature/x"), "feature%2Fx");
    EXPECT_EQ(path_part("v1.2"), "v1.2");
}

TEST(PathPart, RefusesWhatCannotBeAName) {
    EXPECT_EQ(path_part("").error().exit_code, kExitUsage);
    EXPECT_EQ(path_part(std::string(256, 'a')).error().exit_code, kExitUsage);
    EXPECT_EQ(path_part(std::string(100, '/')).error().exit_code, kExitUsage);
    // Only what path_part() makes: one name has one folder.
    for (const char* part : {"..", ".hidden", "%2f", "%41", "a%", "a%2", "a/b", "", "a b"})
        EXPECT_FALSE(name_of_part(part).has_value()) << part;
}

TEST_F(Baseline, GivesBackWhatWasSaved) {
    auto folder = make();
    BaselineEntry saved = entry({"feature/x", "1a2b", "api", "x86_64 2 CPUs"}, 42);
    saved.runs.push_back({recording("second", "more"), 0});
    saved.facts = {{"kernel", "6.1"}};
    ASSERT_TRUE(folder.save(saved).has_value());
    EXPECT_TRUE(BaselineFolder::is_one(folder_.string()));

    const BaselineListing found = BaselineFolder::open(folder_.string())->list();
    EXPECT_TRUE(found.warnings.empty());
    ASSERT_EQ(found.entries.size(), 1);
    const BaselineEntry& got = found.entries.front();
    EXPECT_EQ(got.key, saved.key);
    EXPECT_EQ(got.saved_unix_s, 42);
    EXPECT_EQ(got.facts, saved.facts);
    ASSERT_EQ(got.runs.size(), 2);
    EXPECT_EQ(read(got.runs[0].path), "content");
    EXPECT_EQ(read(got.runs[1].path), "more");
    EXPECT_EQ(got.runs[0].work, 3);
    EXPECT_EQ(got.runs[1].work, 0);

    const auto index = nlohmann::json::parse(read(folder_ / "index.json"));
    ASSERT_EQ(index["entries"].size(), 1);
    EXPECT_EQ(index["entries"][0]["branch"], "feature/x");
    EXPECT_EQ(index["entries"][0]["folder"], "feature%2Fx/1a2b/api/x86_64%202%20CPUs");
}

TEST_F(Baseline, HostileNamesStayInTheFolder) {
    auto folder = make();
    for (const char* name : {"..", "../../../escaped", "/escaped", ".", "a\nb"})
        ASSERT_TRUE(folder.save(entry({name, name, name, name})).has_value()) << name;
    // The baseline and the recording, nothing beside them.
    EXPECT_EQ(std::distance(fs::directory_iterator(top_), {}), 2);
    EXPECT_EQ(folder.list().entries.size(), 5);
    EXPECT_EQ(folder.list({{.branch = ".."}}).entries.size(), 1);
    std::vector<BaselineKey> keys;
    for (const BaselineEntry& one : folder.list().entries) keys.push_back(one.key);
    ASSERT_TRUE(folder.remove(keys).has_value());
    EXPECT_TRUE(files().empty());
    EXPECT_TRUE(fs::exists(recording_));
}

TEST_F(Baseline, AnotherOfTheSameNamesTakesItsPlace) {
    auto folder = make();
    BaselineEntry one = entry({"main", "1", "s", "m"}, 1);
    one.runs.push_back({recording("second", "more"), 0});
    ASSERT_TRUE(folder.save(one).has_value());
    ASSERT_TRUE(folder.save(entry({"main", "1", "s", "m"}, 2)).has_value());
    EXPECT_EQ(files(),
              (std::vector<std::string>{"main", "main/1", "main/1/s", "main/1/s/m",
                                        "main/1/s/m/entry.json", "main/1/s/m/run-001.pyebpf"}));
    EXPECT_EQ(folder.list().entries.front().saved_unix_s, 2);
}

TEST_F(Baseline, AFailedSaveLeavesNothing) {
    auto folder = make();
    BaselineEntry bad = entry({"main", "1", "s", "m"});
    bad.runs.push_back({(top_ / "missing.pyebpf").string(), 0});
    EXPECT_FALSE(folder.save(bad).has_value());
    EXPECT_TRUE(files().empty());
    bad.runs = {{top_.string(), 0}};  // a folder
    EXPECT_FALSE(folder.save(bad).has_value());
    bad.runs.clear();
    EXPECT_EQ(folder.save(bad).error().exit_code, kExitUsage);
    EXPECT_TRUE(files().empty());

    // The old one stays.
    ASSERT_TRUE(folder.save(entry({"main", "1", "s", "m"}, 7)).has_value());
    bad.runs = {{recording_, 0}, {"/does/not/exist", 0}};
    EXPECT_FALSE(folder.save(bad).has_value());
    EXPECT_EQ(folder.list().entries.front().saved_unix_s, 7);
}

TEST_F(Baseline, WhatACrashLeftIsNotListedAndGoes) {
    auto folder = make();
    fs::create_directories(folder_ / ".unfinished-abcdef" / "entry");
    std::ofstream(folder_ / ".unfinished-abcdef" / "entry" / "run-001.pyebpf") << "half";
    fs::create_directories(folder_ / "main" / "1" / "s" / "m");  // without an entry
    const BaselineListing found = folder.list();
    EXPECT_TRUE(found.entries.empty());
    EXPECT_EQ(found.warnings.size(), 1);
    ASSERT_TRUE(folder.save(entry({"main", "2", "s", "m"})).has_value());
    EXPECT_FALSE(fs::exists(folder_ / ".unfinished-abcdef"));
    EXPECT_EQ(folder.list().entries.size(), 1);
}

TEST_F(Baseline, LinksAreNotFollowed) {
    auto folder = make();
    ASSERT_TRUE(folder.save(entry({"main", "1", "s", "m"})).has_value());
    // A folder elsewhere that looks like a branch, and an entry that is a link.
    const fs::path other = top_ / "other";
    fs::create_directories(other / "1" / "s" / "m");
    fs::copy_file(folder_ / "main/1/s/m/entry.json", other / "1/s/m/entry.json");
    std::ofstream(other / "1/s/m/run-001.pyebpf") << "precious";
    fs::create_directory_symlink(other, folder_ / "evil");
    EXPECT_EQ(folder.list().entries.size(), 1);
    ASSERT_TRUE(folder.remove({{"evil", "1", "s", "m"}}).has_value());
    EXPECT_EQ(read(other / "1/s/m/run-001.pyebpf"), "precious");
    EXPECT_FALSE(folder.save(entry({"evil", "2", "s", "m"})).has_value());
    EXPECT_FALSE(fs::exists(other / "2"));

    const fs::path run = folder_ / "main/1/s/m/run-001.pyebpf";
    fs::remove(run);
    fs::create_symlink("/etc/passwd", run);
    EXPECT_TRUE(folder.list().entries.empty());
    EXPECT_EQ(folder.list().warnings.size(), 1);
}

TEST_F(Baseline, DamagedEntriesAreNamedAndLeftOut) {
    auto folder = make();
    const fs::path path = folder_ / "main/1/s/m/entry.json";
    for (const char* text : {"", "{", "[]", R"({"version":2,"runs":[{}]})", R"({"version":1})",
                             R"({"version":1,"runs":[]})", R"({"version":1,"runs":"x"})",
                             R"({"version":1,"runs":[{},{}]})", R"({"version":"1","runs":[{}]})"}) {
        ASSERT_TRUE(folder.save(entry({"main", "1", "s", "m"})).has_value());
        std::ofstream(path) << text;
        EXPECT_TRUE(folder.list().entries.empty()) << text;
        EXPECT_EQ(folder.list().warnings.size(), 1) << text;
    }
    std::ofstream(path) << R"({"version":1,"runs":[{"file":"../../../../secret","work":-1}]})";
    ASSERT_EQ(folder.list().entries.size(), 1);
    EXPECT_EQ(folder.list().entries[0].runs[0].path, (folder_ / "main/1/s/m/run-001.pyebpf"));
    EXPECT_EQ(folder.list().entries[0].runs[0].work, 0);
}

TEST_F(Baseline, OtherFilesAreLeftAlone) {
    auto folder = make();
    std::ofstream(folder_ / "README.md") << "ours";
    fs::create_directories(folder_ / ".git");
    ASSERT_TRUE(folder.save(entry({"main", "1", "s", "m"})).has_value());
    ASSERT_TRUE(folder.remove({{"main", "1", "s", "m"}}).has_value());
    EXPECT_EQ(files(), (std::vector<std::string>{".git", "README.md"}));
}

TEST_F(Baseline, AFolderWithoutAnIndexIsNone) {
    fs::create_directories(folder_);
    EXPECT_FALSE(BaselineFolder::is_one(folder_.string()));
    EXPECT_EQ(BaselineFolder::open(folder_.string()).error().exit_code, 3);
}

TEST(Superfluous, KeepsTheNewestOfEachBranchSuiteAndMachine) {
    const auto one = [](const char* branch, const char* commit, int64_t saved) {
        return BaselineEntry{.key = {branch, commit, "s", "m"}, .saved_unix_s = saved};
    };
    const std::vector<BaselineEntry> entries{one("main", "a", 10), one("main", "b", 30),
                                             one("main", "c", 20), one("topic", "d", 5)};
    const auto commits = [&](size_t keep, int64_t oldest) {
        std::string text;
        for (const BaselineKey& key : superfluous(entries, keep, oldest)) text += key.commit;
        std::ranges::sort(text);
        return text;
    };
    EXPECT_EQ(commits(10, 0), "");
    EXPECT_EQ(commits(2, 0), "a");
    EXPECT_EQ(commits(1, 0), "ac");
    EXPECT_EQ(commits(0, 0), "abcd");
    EXPECT_EQ(commits(10, 15), "ad");
}

}  // namespace
}  // namespace pyebpf::compare
