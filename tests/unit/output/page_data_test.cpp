// SPDX-License-Identifier: Apache-2.0
#include "output/page_data.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "page_reader.h"
#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using nlohmann::json;

json page_data(const profile::Profile& profile, const FormatOptions& options = {}) {
    StringSink sink;
    write_page_data(profile, options, sink);
    return test::read_page_data(sink.text());
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
    EXPECT_EQ(data["processes"].size(), 1);
    EXPECT_EQ(data["processes"][0]["pid"], 6);
    EXPECT_EQ(data["threads"]["process"], json::array({0}));
    EXPECT_EQ(data["stacks"]["parent"], json::array({-1}));
    EXPECT_EQ(data["functions"]["line"], json::array({1}));
    EXPECT_EQ(data.dump().find("unused"), std::string::npos);
}

TEST(PageData, HoldsTheAccounting) {
    const json data = page_data(test::small_profile());
    EXPECT_EQ(data["sources"][0]["name"], "cpu-clock");
    EXPECT_EQ(data["sides"][0]["statistics"][1]["value"], 12);
    EXPECT_EQ(data["sides"][0]["settings"][2], json::array({"kernel", "6.12.48"}));
}

TEST(PageData, SamplesKeepTimeCpuStateAndFlags) {
    test::ProfileBuilder b;
    const auto thread = b.thread(6, "worker", 6, "worker");
    b.add(thread, {b.python("used", "used.py", 1)}, 2);
    auto& samples = b.profile().samples;
    samples[1].cpu = 300;
    samples[1].state = profile::ThreadState::kGil;
    samples[1].flags = profile::kHandlesException;
    samples[1].weight = 1'000'000'000'000;
    const json data = page_data(b.take());
    EXPECT_EQ(data["time_unit_ns"], 1000);
    EXPECT_EQ(data["samples"]["time"], json::array({10'101, 20'202}));
    EXPECT_EQ(data["samples"]["cpu"], json::array({0, 300}));
    EXPECT_EQ(data["samples"]["state"], json::array({0, 3}));
    EXPECT_EQ(data["samples"]["flags"], json::array({0, 2}));
    EXPECT_EQ(data["samples"]["weight"], json::array({test::kPeriodNs, 1'000'000'000'000}));
}

TEST(PageData, ManySamplesAreOnAGridOfTimes) {
    test::ProfileBuilder b;
    const auto thread = b.thread(6, "worker", 6, "worker");
    b.add(thread, {b.python("used", "used.py", 1)}, kExactSamples + 1);
    const json data = page_data(b.take());
    EXPECT_LE(data["samples"]["time"].size(), kCoarseTimes + 1);
    uint64_t count = 0;
    for (const auto& value : data["samples"]["count"]) count += value.get<uint64_t>();
    EXPECT_EQ(count, kExactSamples + 1);
}

TEST(PageData, SourceTextsOfUsedFilesAreEmbedded) {
    test::ProfileBuilder b;
    b.add(b.thread(6, "worker", 6, "worker"), {b.python("used", "used.py", 1)});
    auto& profile = b.profile();
    profile.source_texts[profile.strings.intern("used.py")] = "def used():\n\tpass # \x1b[31m\xff";
    profile.source_texts[profile.strings.intern("other.py")] = "secret";
    const json data = page_data(b.take());
    ASSERT_EQ(data["source_texts"].size(), 1);
    EXPECT_EQ(data["strings"][data["source_texts"][0]["file"].get<size_t>()], "used.py");
    EXPECT_EQ(data["source_texts"][0]["text"], "def used():\n        pass # \\x1b[31m\\xff\n");
}

TEST(PageData, ContainersAndModulesAreListedOnce) {
    test::ProfileBuilder b;
    for (const uint32_t pid : {6U, 7U})
        b.add(b.thread(pid, "worker", pid, "worker"), {b.native("used", "libx.so")});
    auto& profile = b.profile();
    profile.containers.push_back({.id = profile.strings.intern("0123456789abcdef"),
                                  .name = profile.strings.intern("web"),
                                  .runtime = profile.strings.intern("docker")});
    for (auto& process : profile.processes) process.container = profile::ContainerId{0};
    for (const char* name : {"libx.so", "unused.so"}) {
        profile.modules.push_back({.name = profile.strings.intern(name),
                                   .path = profile.strings.intern("/usr/lib/x.so"),
                                   .build_id = profile.strings.intern("abcd")});
    }
    const json data = page_data(b.take());
    ASSERT_EQ(data["containers"].size(), 1);
    EXPECT_EQ(data["containers"][0]["runtime"], "docker");
    EXPECT_EQ(data["processes"][1]["container"], 0);
    ASSERT_EQ(data["modules"].size(), 1);
    EXPECT_EQ(data["modules"][0]["build_id"], "abcd");
}

TEST(PageData, APairSharesFunctionsWhateverTheirLines) {
    const auto side = [](uint32_t first_line, const char* callee) {
        test::ProfileBuilder b;
        b.add(b.thread(6, "job", 6, "job"),
              {b.python("main", "job.py", first_line), b.python(callee, "job.py", 90)});
        return b.take();
    };
    StringSink sink;
    const Difference difference{
        .verdicts = {{.function = "new", .file = "job.py", .verdict = Verdict::kAppeared},
                     {.function = "gone", .file = "job.py", .verdict = Verdict::kVanished},
                     {.function = "elsewhere", .file = "x.py"}}};
    write_differential_page_data(side(1, "gone"), side(17, "new"), difference, {}, sink);
    const json data = test::read_page_data(sink.text());
    EXPECT_EQ(data["functions"]["kind"].size(), 4);  // main, gone, new, elsewhere
    EXPECT_EQ(data["samples"]["side"], json::array({0, 1}));
    EXPECT_EQ(data["stacks"]["parent"], json::array({-1, 0, 0}));
    EXPECT_EQ(data["verdicts"][0]["function"], 2);
    EXPECT_EQ(data["verdicts"][1]["function"], 1);
    EXPECT_EQ(data["verdicts"][1]["verdict"], 5);
    EXPECT_EQ(data["sides"][1]["name"], "head");
}

TEST(PageData, OptionsAreHandedOn) {
    EXPECT_EQ(page_data(test::ProfileBuilder().take(), {.per_thread = true})["options"],
              json({{"per_process", false}, {"per_thread", true}, {"current_lines", false}}));
}

}  // namespace
}  // namespace pyebpf::output
