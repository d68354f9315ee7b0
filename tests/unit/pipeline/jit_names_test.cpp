// SPDX-License-Identifier: Apache-2.0
#include "pipeline/jit_names.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sys/cgroups.h"

namespace pyebpf::pipeline {
namespace {

class NoObserver : public process::ProcessObserver {
  public:
    void started(process::InstanceId) override {}
    void mapped(process::InstanceId, const process::Mapping&) override {}
    void ended(process::InstanceId) override {}
    void forked(process::InstanceId, process::InstanceId) override {}
};

// This process is the target: its perf map is the one that it writes here.
TEST(JitNames, ReadsThePerfMapOfTheTarget) {
    NoObserver observer;
    process::ProcessTable table(observer);
    table.scan();
    const uint32_t pid = sys::namespace_pid(static_cast<uint32_t>(getpid()));
    ASSERT_NE(pid, 0u);
    const process::InstanceId instance =
        table.find(static_cast<uint32_t>(getpid()), UINT64_MAX - 1);
    ASSERT_TRUE(instance.valid());
    const std::string path = "/tmp/perf-" + std::to_string(pid) + ".map";
    std::filesystem::remove(path);

    JitNames without;
    const auto none = without.lookup(table, instance, {0x7000});
    ASSERT_FALSE(none.has_value());
    EXPECT_EQ(none.error(), symbolize::NoName::kJitWithoutMap);

    std::ofstream(path) << "7000 10 compiled_function\n";
    JitNames names;
    const auto found = names.lookup(table, instance, {0x700f});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(*found, "compiled_function");
    const auto outside = names.lookup(table, instance, {0x7010});
    ASSERT_FALSE(outside.has_value());
    EXPECT_EQ(outside.error(), symbolize::NoName::kOutsideJitMap);

    // Older than the process: of an earlier one with this pid.
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 3650));
    JitNames stale;
    EXPECT_FALSE(stale.lookup(table, instance, {0x7000}).has_value());
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace pyebpf::pipeline
