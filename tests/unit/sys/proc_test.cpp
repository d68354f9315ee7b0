// SPDX-License-Identifier: Apache-2.0
#include "sys/proc.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace pyebpf::sys {
namespace {

TEST(ParseMaps, TakesEveryField) {
    const auto maps = parse_maps(
        "55a1b2c3d000-55a1b2c5e000 r-xp 00002000 fe:1f 1234567                    "
        "/usr/bin/python3.11\n");
    ASSERT_EQ(maps.size(), 1u);
    EXPECT_EQ(maps[0].start, 0x55a1b2c3d000u);
    EXPECT_EQ(maps[0].end, 0x55a1b2c5e000u);
    EXPECT_EQ(maps[0].file_offset, 0x2000u);
    EXPECT_TRUE(maps[0].readable);
    EXPECT_FALSE(maps[0].writable);
    EXPECT_TRUE(maps[0].executable);
    EXPECT_EQ(maps[0].device_major, 0xfeu);
    EXPECT_EQ(maps[0].device_minor, 0x1fu);
    EXPECT_EQ(maps[0].inode, 1234567u);
    EXPECT_EQ(maps[0].path, "/usr/bin/python3.11");
}

TEST(ParseMaps, KeepsPathsAsTheKernelWritesThem) {
    const auto maps = parse_maps(
        "1000-2000 rw-p 00000000 00:00 0 \n"
        "2000-3000 r-xp 00000000 00:00 0                          [vdso]\n"
        "3000-4000 r-xp 00000000 08:01 7                          /a b/c  d.so (deleted)\n");
    ASSERT_EQ(maps.size(), 3u);
    EXPECT_EQ(maps[0].path, "");
    EXPECT_EQ(maps[1].path, "[vdso]");
    EXPECT_EQ(maps[2].path, "/a b/c  d.so (deleted)");
}

TEST(ParseMaps, SkipsWhatItDoesNotUnderstand) {
    for (const char* line :
         {"", "\n\n", "x", "1000", "1000-", "1000-2000", "1000-2000 r", "1000-2000 r-xp",
          "2000-1000 r-xp 0 0:0 0 /a", "1000-1000 r-xp 0 0:0 0 /a", "-1000-2000 r-xp 0 0:0 0",
          "1000-2000 r-xp 0 0:0 x", "11111111111111111111-2 r-xp 0 0:0 0"}) {
        EXPECT_TRUE(parse_maps(line).empty()) << line;
    }
    EXPECT_EQ(parse_maps("bad\n1000-2000 r-xp 0 0:0 0 /a\nworse").size(), 1u);
    EXPECT_EQ(parse_maps("1000-2000 r-xp 0 0:0 0 /a").front().path, "/a");
}

TEST(ParseStat, TakesTheNumbersAfterTheName) {
    const auto stat = parse_stat(
        "42 (python3) S 7 42 42 34816 42 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 10\n");
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->name, "python3");
    EXPECT_EQ(stat->parent, 7u);
    EXPECT_EQ(stat->start_ticks, 98765u);
    EXPECT_FALSE(stat->is_kernel_thread);
}

TEST(ParseStat, TheNameMayHoldAnything) {
    const auto stat =
        parse_stat("42 (a) b (c) R 9 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 55 0 0");
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->name, "a) b (c");
    EXPECT_EQ(stat->parent, 9u);
    EXPECT_EQ(stat->start_ticks, 55u);
    EXPECT_EQ(parse_stat("1 () S 3")->name, "");
    EXPECT_EQ(parse_stat("1 () S 3")->parent, 3u);
    EXPECT_EQ(parse_stat("1 (a\n) S 2 (b) S 3")->name, "a\n) S 2 (b");
}

TEST(ParseStat, KnowsKernelThreads) {
    const auto stat =
        parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0");
    ASSERT_TRUE(stat);
    EXPECT_TRUE(stat->is_kernel_thread);
}

TEST(ParseStat, RefusesTextWithoutAName) {
    for (const char* text : {"", "42", "42 (", "42 )(", "42 a S 1"})
        EXPECT_FALSE(parse_stat(text)) << text;
    // Cut short: what is there counts.
    const auto cut = parse_stat("42 (a)");
    ASSERT_TRUE(cut);
    EXPECT_EQ(cut->parent, 0u);
}

TEST(ParseBusy, LeavesOutIdleAndStolenTime) {
    const auto busy = parse_busy_ns("cpu  1 2 4 8 16 32 64 128 256 512\ncpu0 9 9\n", 100);
    ASSERT_TRUE(busy);
    EXPECT_EQ(*busy, (1 + 2 + 4 + 32 + 64) * 10'000'000u);
    for (const char* text : {"", "cpu", "cpu0 1 2 3 4 5 6 7", "cpu  1 2 3", "cpu  1 2 x 4 5 6 7"}) {
        EXPECT_FALSE(parse_busy_ns(text, 100)) << text;
    }
    EXPECT_FALSE(parse_busy_ns("cpu  1 2 3 4 5 6 7", 0));
}

TEST(OwnProcess, IsDescribedByProc) {
    const auto pid = static_cast<uint32_t>(getpid());
    const auto stat = read_stat(pid);
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->parent, static_cast<uint32_t>(getppid()));
    EXPECT_GT(stat->start_ticks, 0u);
    EXPECT_NE(command_line(pid).find("sys_test"), std::string::npos);
    EXPECT_TRUE(executable_path(pid).ends_with("sys_test"));
    const auto pids = process_ids();
    EXPECT_TRUE(std::ranges::binary_search(pids, pid));
    EXPECT_EQ(thread_ids(pid), std::vector<uint32_t>{pid});
    const auto address = reinterpret_cast<uint64_t>(&parse_stat);
    const auto maps = read_maps(pid);
    const auto own = std::ranges::find_if(maps, [&](const ProcMapping& mapping) {
        return mapping.start <= address && address < mapping.end;
    });
    ASSERT_NE(own, maps.end());
    EXPECT_TRUE(own->executable);
    EXPECT_TRUE(open_mapped_file(pid, *own).has_value());
}

TEST(OwnProcess, MemoryIsReadWholeOrNotAtAll) {
    const auto pid = static_cast<uint32_t>(getpid());
    const auto page = static_cast<size_t>(getpagesize());
    auto* pages = static_cast<uint8_t*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(pages, MAP_FAILED);
    ASSERT_EQ(munmap(pages + page, page), 0);
    pages[page - 4] = 7;
    std::array<uint8_t, 8> bytes{};
    const auto address = reinterpret_cast<uint64_t>(pages) + page - 4;
    EXPECT_TRUE(read_memory(pid, address, bytes.data(), 4));
    EXPECT_EQ(bytes[0], 7);
    EXPECT_FALSE(read_memory(pid, address, bytes.data(), 8));
    munmap(pages, page);
}

TEST(EndedProcess, GivesNothing) {
    constexpr uint32_t kNoPid = 0x7fffffff;
    EXPECT_FALSE(read_stat(kNoPid));
    EXPECT_TRUE(read_maps(kNoPid).empty());
    EXPECT_TRUE(thread_ids(kNoPid).empty());
    EXPECT_EQ(command_line(kNoPid), "");
    EXPECT_EQ(thread_name(kNoPid, kNoPid), "");
    EXPECT_EQ(executable_path(kNoPid), "");
    EXPECT_FALSE(open_in_root(kNoPid, "/bin/sh").has_value());
    uint8_t byte = 0;
    EXPECT_FALSE(read_memory(kNoPid, 0x1000, &byte, 1));
}

TEST(OpenInRoot, RefusesWhatIsNoRegularFile) {
    const auto pid = static_cast<uint32_t>(getpid());
    EXPECT_TRUE(open_in_root(pid, "/proc/version").has_value());
    EXPECT_FALSE(open_in_root(pid, "/dev/null").has_value());
    EXPECT_FALSE(open_in_root(pid, "/usr").has_value());
    EXPECT_FALSE(open_in_root(pid, "/proc/self/root/bin/sh").has_value()) << "a magic link";
}

TEST(ReadFile, StopsAtItsLimit) {
    EXPECT_EQ(read_file("/proc/self/stat", 5)->size(), 5u);
    EXPECT_FALSE(read_file("/nowhere/at/all"));
}

}  // namespace
}  // namespace pyebpf::sys
