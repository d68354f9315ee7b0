// SPDX-License-Identifier: Apache-2.0
#include "output/page_data.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using nlohmann::json;

json page_data(const profile::Profile& profile, const FormatOptions& options = {}) {
    StringSink sink;
    write_page_data(profile, options, sink);
    return json::parse(sink.text());
}

std::string stack_text(const json& data, int64_t stack) {
    if (stack < 0) return "";
    const json& functions = data["functions"];
    const uint32_t function =
        data["frames"]["function"][data["stacks"]["frame"][stack].get<size_t>()];
    const std::string name = data["strings"][functions["name"][function].get<size_t>()];
    return stack_text(data, data["stacks"]["parent"][stack]) + ";" + name;
}

// Every sample of the profile is found again in the tables, under its thread.
TEST(PageData, SaysWhatTheProfileSays) {
    const auto profile = test::small_profile();
    const json data = page_data(profile);
    std::map<std::pair<uint32_t, std::string>, uint64_t> expected;
    for (const auto& sample : profile.samples) {
        std::string text;
        for (const auto frame : profile.stacks.frames(sample.stack)) {
            text += ";" + std::string(profile.text(profile.frame(frame).function));
        }
        expected[{profile.threads[sample.thread.value].tid, text}] += sample.weight;
    }
    std::map<std::pair<uint32_t, std::string>, uint64_t> found;
    const json& samples = data["samples"];
    for (size_t i = 0; i < samples["stack"].size(); i++) {
        const uint32_t tid = data["threads"]["tid"][samples["thread"][i].get<size_t>()];
        found[{tid, stack_text(data, samples["stack"][i])}] += samples["weight"][i].get<uint64_t>();
    }
    EXPECT_EQ(found, expected);
}

TEST(PageData, ParentsComeBeforeTheirChildren) {
    const json data = page_data(test::large_profile(5000));
    const json& parents = data["stacks"]["parent"];
    for (size_t i = 0; i < parents.size(); i++)
        EXPECT_LT(parents[i].get<int64_t>(), static_cast<int64_t>(i));
}

TEST(PageData, HoldsOnlyWhatSamplesReferTo) {
    test::ProfileBuilder b;
    const auto quiet = b.thread(5, "quiet", 5, "quiet");
    const auto busy = b.thread(6, "busy", 6, "busy");
    b.add(quiet, {b.python("unused", "unused.py", 1)});
    b.profile().samples.clear();
    b.add(busy, {b.python("used", "used.py", 1)});
    const json data = page_data(b.take());
    EXPECT_EQ(data["processes"]["pid"], json::array({6}));
    EXPECT_EQ(data["threads"]["process"], json::array({0}));
    EXPECT_EQ(data["stacks"]["parent"], json::array({-1}));
    EXPECT_EQ(data["functions"]["line"], json::array({1}));
    EXPECT_EQ(data.dump().find("unused"), std::string::npos);
}

TEST(PageData, TablesAreAtTheTop) {
    const json data = page_data(test::small_profile());
    EXPECT_EQ(data["sources"]["name"], json::array({"cpu-clock"}));
    EXPECT_EQ(data["statistics"]["value"][1], 12);
    EXPECT_EQ(data["settings"]["kernel"], "6.12.48");
    for (const auto& [name, table] : data.items()) {
        if (!table.is_object() || name == "settings" || name == "options") continue;
        for (const auto& [column, rows] : table.items()) {
            EXPECT_EQ(rows.size(), table.front().size()) << name << "." << column;
        }
    }
}

TEST(PageData, OptionsAreHandedOn) {
    EXPECT_EQ(page_data(test::ProfileBuilder().take(), {.per_thread = true})["options"],
              json({{"per_process", false}, {"per_thread", true}, {"current_lines", false}}));
}

}  // namespace
}  // namespace pyebpf::output
