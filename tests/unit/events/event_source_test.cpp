// SPDX-License-Identifier: Apache-2.0
#include "events/event_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "events/mode.h"

namespace pyebpf::events {
namespace {

using ::testing::HasSubstr;

Error error_of(std::string_view name) {
    auto found = find_source(name, {});
    if (!found) return found.error();
    ADD_FAILURE() << name << " was found";
    return {};
}

TEST(EventSource, CpuClockIsAPeriodAndTheOthersAreAFrequency) {
    const auto clock = find_source("cpu-clock", {});
    ASSERT_TRUE(clock);
    EXPECT_EQ(clock->period(1000), 1'000'000u);
    EXPECT_EQ(clock->at_frequency(1000).frequency_hz, 0u);
    const auto faults = find_source("page-faults", {});
    ASSERT_TRUE(faults);
    EXPECT_EQ(faults->period(1000), 0u);
    EXPECT_EQ(faults->at_frequency(1000).frequency_hz, 1000u);
}

TEST(EventSource, AnUnknownEventNamesTheClosest) {
    const Error error = error_of("page-fault");
    EXPECT_EQ(error.exit_code, kExitUsage);
    EXPECT_THAT(error.hint, HasSubstr("did you mean page-faults?"));
    EXPECT_THAT(error_of("zebra:crossing").hint, HasSubstr("uretprobe"));
}

TEST(EventSource, IncompleteNamesSayWhatIsExpected) {
    for (const char* name : {"tracepoint:sched", "tracepoint::x", "uprobe:libc", "usdt:python"}) {
        const Error error = error_of(name);
        EXPECT_EQ(error.exit_code, kExitUsage) << name;
        EXPECT_THAT(error.hint, HasSubstr("such as")) << name;
    }
}

// This test program is a file with symbols.
TEST(UserProbe, ASymbolOfAFileByItsPath) {
    const auto found = find_source("uprobe:/proc/self/exe:main", {});
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->sites.size(), 1u);
    EXPECT_GT(found->sites[0].offset, 0u);
    EXPECT_EQ(found->kind, EventSource::Kind::kProbe);
    EXPECT_FALSE(found->at_return);
    EXPECT_TRUE(find_source("uretprobe:/proc/self/exe:main", {})->at_return);
}

TEST(UserProbe, AMissingSymbolNamesTheClosest) {
    const Error error = error_of("uprobe:/proc/self/exe:mian");
    EXPECT_THAT(error.message, HasSubstr("no symbol 'mian'"));
    EXPECT_EQ(error.exit_code, kExitUsage);
    EXPECT_THAT(error_of("uprobe:/proc/self/exe:main+99999999").message, HasSubstr("bytes"));
    EXPECT_THAT(error_of("uprobe:/proc/self/exe:main+x").message, HasSubstr("offset"));
}

TEST(Usdt, AFileWithoutProbesSaysSo) {
    EXPECT_THAT(error_of("usdt:/proc/self/exe:gc__start").message,
                HasSubstr("without USDT probes"));
}

TEST(Mode, NamesAreUniqueAndUnknownOnesAreListed) {
    for (const ModeInfo& mode : modes()) EXPECT_EQ(*find_mode(mode.name), &mode);
    const auto unknown = find_mode("sideways");
    ASSERT_FALSE(unknown);
    EXPECT_THAT(unknown.error().hint, HasSubstr("off-cpu"));
}

}  // namespace
}  // namespace pyebpf::events
