// SPDX-License-Identifier: Apache-2.0
// Names that processes choose must be harmless and distinguishable in every output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "output/format.h"
#include "output/page.h"
#include "output/page_data.h"
#include "output/summary.h"
#include "page_reader.h"
#include "readable.h"
#include "synthetic_profile.h"

namespace pyebpf::output {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Output {
    std::string name;
    std::function<std::string(const profile::Profile&)> write;
};

std::string written_by(const Format& format, const profile::Profile& profile) {
    StringSink sink;
    EXPECT_TRUE(format.write(
        profile, {.per_container = true, .per_process = true, .per_thread = true}, sink));
    return test::readable(format.name, sink.text());
}

std::vector<Output> all_outputs() {
    std::vector<Output> outputs;
    for (const Format* format : formats()) {
        if (format->check != nullptr && !format->check()) continue;
        if (format->name == "pyebpf") continue;  // nobody reads it but us, who escape what we show
        outputs.push_back({std::string(format->name), [format](const profile::Profile& profile) {
                               return written_by(*format, profile);
                           }});
    }
    outputs.push_back({"summary", [](const profile::Profile& profile) {
                           return summary(profile, {.width = 5000, .top_functions = 1000});
                       }});
    outputs.push_back({"statistics", [](const profile::Profile& profile) {
                           StringSink sink;
                           write_statistics(profile, sink);
                           return sink.text();
                       }});
    outputs.push_back({"page_data", [](const profile::Profile& profile) {
                           StringSink sink;
                           write_page_data(profile, {}, sink);
                           return test::read_page_data(sink.text()).dump();
                       }});
    return outputs;
}

class HostileNames : public ::testing::TestWithParam<Output> {};

TEST_P(HostileNames, OutputIsValidUtf8) {
    // nlohmann_json refuses to write what is not UTF-8.
    const nlohmann::json text = GetParam().write(test::hostile_profile());
    EXPECT_NO_THROW(static_cast<void>(text.dump()));
}

TEST_P(HostileNames, NoControlCharacterButNewlineAndTabReachesTheOutput) {
    const std::string text = GetParam().write(test::hostile_profile());
    EXPECT_TRUE(std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
    }));
    for (const char* forbidden :
         {"\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8", "\ttab", "line\nfeed"}) {
        EXPECT_THAT(text.find(forbidden), std::string::npos) << forbidden;
    }
}

TEST_P(HostileNames, LengthIsBounded) {
    EXPECT_LT(GetParam().write(test::hostile_profile()).size(), size_t{1} << 20);
}

// A profile with one name differs from the profile with another in its place.
TEST_P(HostileNames, DifferentNamesStayDifferent) {
    std::set<std::string> texts;
    for (const std::string& name : test::hostile_names()) {
        test::ProfileBuilder b;
        b.add(b.thread(1, "python", 1, "python"), {b.python(name, "a.py", 1)});
        EXPECT_TRUE(texts.insert(GetParam().write(b.take())).second) << name.substr(0, 100);
    }
}

INSTANTIATE_TEST_SUITE_P(AllOutputs, HostileNames, ::testing::ValuesIn(all_outputs()),
                         [](const auto& test) {
                             std::string name = test.param.name;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

// What Python and C++ themselves put between such characters must arrive as it is.
TEST_P(HostileNames, OrdinaryNamesOfPythonSurvive) {
    if (GetParam().name == "html") return;  // compressed; page_data is what is in it
    test::ProfileBuilder b;
    const auto thread = b.thread(1, "python", 1, "python");
    for (const char* name : {"<module>", "<lambda>", "Foo.<locals>.bar", "f.<locals>.<genexpr>"})
        b.add(thread, {b.python(name, "a.py", 1)});
    const std::string text = GetParam().write(b.take());
    for (const char* name : {"<module>", "<lambda>", "Foo.<locals>.bar", "f.<locals>.<genexpr>"})
        EXPECT_THAT(text, HasSubstr(name));
}

TEST(HostileNames, CollapsedKeepsOneLinePerStackAndItsLevels) {
    const auto format = choose_format("collapsed", "-");
    ASSERT_TRUE(format);
    const auto profile = test::hostile_profile();
    std::istringstream text(written_by(**format, profile));
    size_t lines = 0;
    for (std::string line; std::getline(text, line); lines++) {
        // container;process;thread;python;native
        EXPECT_EQ(std::ranges::count(line, ';'), 4) << line.substr(0, 200);
        EXPECT_TRUE(line.ends_with(" 1"))
            << line.substr(line.size() - std::min<size_t>(line.size(), 80));
        EXPECT_FALSE(line.ends_with("_[k] 1") || line.ends_with("_[i] 1")) << line.substr(0, 200);
    }
    EXPECT_EQ(lines, profile.samples.size());
}

TEST(HostileNames, JsonOfEveryFormatIsJson) {
    for (const char* name : {"json", "speedscope", "chrome-trace", "firefox"}) {
        const auto format = choose_format(name, "-");
        ASSERT_TRUE(format);
        EXPECT_TRUE(nlohmann::json::accept(written_by(**format, test::hostile_profile()))) << name;
    }
    const auto lines = choose_format("jsonl", "-");
    ASSERT_TRUE(lines);
    std::istringstream text(written_by(**lines, test::hostile_profile()));
    for (std::string line; std::getline(text, line);)
        EXPECT_TRUE(nlohmann::json::accept(line)) << line.substr(0, 200);
}

TEST(HostileNames, PerfScriptKeepsItsFields) {
    const auto format = choose_format("perf-script", "-");
    ASSERT_TRUE(format);
    const auto profile = test::hostile_profile();
    std::istringstream text(written_by(**format, profile));
    // As stackcollapse-perf.pl and the importers of speedscope and Firefox read them.
    const std::regex head(R"(^(\S.*?)\s+(\d+)/*(\d+)*\s+.*?:\s*(\d+)*\s+(\S+):\s*$)");
    const std::regex frame(R"(^\s*(\w+)\s*(.+) \((\S*)\)$)");
    size_t heads = 0;
    bool is_head = true;
    for (std::string line; std::getline(text, line);) {
        std::smatch match;
        const std::string start = line.substr(0, 200);
        const bool is_long = line.size() > 300;  // too deep for std::regex, which recurses
        if (is_long) line.erase(100, line.size() - 300);
        if (line.empty()) {
            is_head = true;
        } else if (is_head) {
            is_head = false;
            heads++;
            ASSERT_TRUE(std::regex_match(line, match, head)) << start;
            EXPECT_EQ(match[2].str(), std::to_string(heads))
                << start;  // pid, tid: as they were made
            EXPECT_EQ(match[3].str(), std::to_string(heads)) << start;
        } else if (!is_long) {
            EXPECT_TRUE(std::regex_match(line, match, frame)) << start;
            EXPECT_NE(match[3].str().substr(0, 1), "[") << start;
        }
    }
    EXPECT_EQ(heads, profile.samples.size());
}

TEST(HostileNames, PageDataCannotLeaveItsScriptElement) {
    const auto html = choose_format("html", "-");
    if (!html) GTEST_SKIP() << html.error().message;
    std::string text = written_by(**html, test::hostile_profile());
    ASSERT_TRUE(text.starts_with(kPageBeforeData) && text.ends_with(kPageAfterData));
    text = text.substr(kPageBeforeData.size(),
                       text.size() - kPageBeforeData.size() - kPageAfterData.size());
    EXPECT_TRUE(std::ranges::all_of(
        text, [](char c) { return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '='; }));
}

}  // namespace
}  // namespace pyebpf::output
