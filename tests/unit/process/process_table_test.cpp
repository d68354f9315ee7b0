// SPDX-License-Identifier: Apache-2.0
#include "process/process_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace pyebpf::process {
namespace {

using ::testing::ElementsAre;
using Kind = sys::ProcessEvent::Kind;

// Above the kernel's highest pid (PID_MAX_LIMIT, 4 Mi): no real process answers.
constexpr uint32_t kParent = 0x7f000001;
constexpr uint32_t kChild = 0x7f000002;

class Notes : public ProcessObserver {
  public:
    void started(InstanceId id) override { note("started", id); }
    void mapped(InstanceId id, const Mapping& mapping) override {
        note("mapped " + mapping.file->path, id);
    }
    void ended(InstanceId id) override { note("ended", id); }
    void forked(InstanceId parent, InstanceId child) override {
        note("forked " + std::to_string(parent.value), child);
    }
    std::vector<std::string> take() { return std::exchange(notes_, {}); }

  private:
    void note(const std::string& what, InstanceId id) {
        notes_.push_back(what + " " + std::to_string(id.value));
    }
    std::vector<std::string> notes_;
};

class Table : public ::testing::Test {
  protected:
    void fork(uint32_t parent, uint32_t child, uint64_t time_ns) {
        table_.apply({.kind = Kind::kFork,
                      .pid = child,
                      .tid = child,
                      .parent_pid = parent,
                      .time_ns = time_ns});
    }
    void exec(uint32_t pid, uint64_t time_ns, std::string_view name = "new") {
        table_.apply(
            {.kind = Kind::kExec, .pid = pid, .tid = pid, .time_ns = time_ns, .text = name});
    }
    void exit(uint32_t pid, uint64_t time_ns, uint32_t tid = 0) {
        table_.apply(
            {.kind = Kind::kExit, .pid = pid, .tid = tid != 0 ? tid : pid, .time_ns = time_ns});
    }
    void map(uint32_t pid, uint64_t start, uint64_t end, std::string_view path,
             uint64_t offset = 0) {
        table_.apply({.kind = Kind::kMapping,
                      .pid = pid,
                      .tid = pid,
                      .address = start,
                      .length = end - start,
                      .file_offset = offset,
                      .inode = 1,
                      .text = path});
    }
    std::vector<std::string> mappings(InstanceId id) const {
        std::vector<std::string> all;
        for (const Mapping& one : table_.mappings(id)) {
            all.push_back(std::to_string(one.start) + "-" + std::to_string(one.end) + "@" +
                          std::to_string(one.file_offset) + one.file->path);
        }
        return all;
    }
    Notes notes_;
    ProcessTable table_{notes_};
};

TEST_F(Table, AForkInheritsMappings) {
    fork(1, kParent, 100);
    map(kParent, 1000, 2000, "/a");
    notes_.take();
    fork(kParent, kChild, 200);
    EXPECT_THAT(notes_.take(), ElementsAre("started 1", "forked 0 1"));
    EXPECT_THAT(mappings({1}), ElementsAre("1000-2000@0/a"));
    map(kParent, 3000, 4000, "/b");
    EXPECT_THAT(mappings({1}), ElementsAre("1000-2000@0/a"));
    EXPECT_EQ(table_.instance({1}).parent_pid, kParent);
}

TEST_F(Table, AThreadIsNoProcess) {
    fork(1, kParent, 100);
    notes_.take();
    table_.apply({.kind = Kind::kFork,
                  .pid = kParent,
                  .tid = kParent + 5,
                  .parent_pid = kParent,
                  .time_ns = 200});
    exit(kParent, 300, kParent + 5);
    EXPECT_TRUE(notes_.take().empty());
    EXPECT_TRUE(table_.alive({0}));
}

TEST_F(Table, AnExecIsAnotherInstanceWithoutMappings) {
    fork(1, kParent, 100);
    map(kParent, 1000, 2000, "/a");
    notes_.take();
    exec(kParent, 200, "python3");
    EXPECT_THAT(notes_.take(), ElementsAre("ended 0", "started 1"));
    EXPECT_TRUE(table_.mappings({1}).empty());
    EXPECT_EQ(table_.instance({1}).name, "python3");
    EXPECT_EQ(table_.instance({1}).parent_pid, 1u);
    EXPECT_FALSE(table_.alive({0}));
    EXPECT_TRUE(table_.alive({1}));
}

TEST_F(Table, FindsTheInstanceOfATime) {
    fork(1, kParent, 100);
    exec(kParent, 200);
    exit(kParent, 300);
    fork(1, kParent, 400);                               // the pid is used again
    EXPECT_EQ(table_.find(kParent, 50), InstanceId{0});  // nearest
    EXPECT_EQ(table_.find(kParent, 150), InstanceId{0});
    EXPECT_EQ(table_.find(kParent, 200), InstanceId{1});
    EXPECT_EQ(table_.find(kParent, 299), InstanceId{1});
    EXPECT_EQ(table_.find(kParent, 400), InstanceId{2});
    EXPECT_EQ(table_.find(kParent, 10'000), InstanceId{2});
    EXPECT_FALSE(table_.find(kChild, 100).valid());
}

TEST_F(Table, AfterTheLastExitTheLastInstanceIsNearest) {
    fork(1, kParent, 100);
    exit(kParent, 300);
    EXPECT_EQ(table_.find(kParent, 300), InstanceId{0});
    EXPECT_TRUE(table_.live_instances().empty());
    EXPECT_EQ(table_.size(), 1u);
}

TEST_F(Table, AForkEndsTheInstanceWhoseExitWasLost) {
    fork(1, kChild, 100);
    fork(1, kChild, 200);
    EXPECT_FALSE(table_.alive({0}));
    EXPECT_EQ(table_.instance({0}).end_ns, 200u);
    EXPECT_THAT(table_.live_instances(), ElementsAre(InstanceId{1}));
}

TEST_F(Table, NamesFollowTheMainThread) {
    fork(1, kParent, 100);
    table_.apply({.kind = Kind::kName, .pid = kParent, .tid = kParent + 1, .text = "worker"});
    EXPECT_EQ(table_.instance({0}).name, "");
    table_.apply({.kind = Kind::kName, .pid = kParent, .tid = kParent, .text = "main"});
    EXPECT_EQ(table_.instance({0}).name, "main");
}

TEST_F(Table, MappingsStayInOrderWhateverTheOrderOfEvents) {
    fork(1, kParent, 100);
    map(kParent, 5000, 6000, "/c");
    map(kParent, 1000, 2000, "/a");
    map(kParent, 3000, 4000, "/b");
    EXPECT_THAT(mappings({0}), ElementsAre("1000-2000@0/a", "3000-4000@0/b", "5000-6000@0/c"));
    EXPECT_EQ(table_.mapping_at({0}, 3999)->file->path, "/b");
    for (const uint64_t address : {0, 999, 2000, 4000, 6000})
        EXPECT_FALSE(table_.mapping_at({0}, address)) << address;
}

TEST_F(Table, AMappingReplacesWhatItCovers) {
    fork(1, kParent, 100);
    map(kParent, 1000, 9000, "/a", 100);
    map(kParent, 3000, 4000, "/b");
    EXPECT_THAT(mappings({0}), ElementsAre("1000-3000@100/a", "3000-4000@0/b", "4000-9000@3100/a"));
    map(kParent, 2000, 5000, "/c");
    EXPECT_THAT(mappings({0}), ElementsAre("1000-2000@100/a", "2000-5000@0/c", "5000-9000@4100/a"));
    map(kParent, 0, 10000, "/d");
    EXPECT_THAT(mappings({0}), ElementsAre("0-10000@0/d"));
}

TEST_F(Table, EmptyAndWrappingMappingsAreIgnored) {
    fork(1, kParent, 100);
    map(kParent, 1000, 1000, "/a");
    map(kParent, ~uint64_t{0} - 10, 100, "/b");
    EXPECT_TRUE(table_.mappings({0}).empty());
}

TEST_F(Table, CountsLostEvents) {
    table_.apply({.kind = Kind::kLost, .lost = 3});
    table_.apply({.kind = Kind::kLost, .lost = 4});
    EXPECT_EQ(table_.lost_events(), 7u);
}

TEST_F(Table, EventsOfUnknownProcessesAreSurvived) {
    exit(kParent, 100);
    table_.apply({.kind = Kind::kName, .pid = kParent, .tid = kParent, .text = "x"});
    map(kParent, 1000, 2000, "/a");  // has ended before /proc could tell of it
    EXPECT_EQ(table_.size(), 0u);
    exec(kParent, 200);
    EXPECT_EQ(table_.size(), 1u);
}

TEST_F(Table, ScanFindsThisProcessAndItsCode) {
    table_.scan();
    const InstanceId own = table_.find(static_cast<uint32_t>(getpid()), 1);
    ASSERT_TRUE(own.valid());
    const Instance instance = table_.instance(own);
    EXPECT_EQ(instance.start_ns, 0u);
    EXPECT_EQ(instance.parent_pid, static_cast<uint32_t>(getppid()));
    const auto mapping = table_.mapping_at(own, reinterpret_cast<uint64_t>(&getpid));
    ASSERT_TRUE(mapping);
    EXPECT_TRUE(std::ranges::is_sorted(instance.mappings, {}, &Mapping::start));
}

}  // namespace
}  // namespace pyebpf::process
