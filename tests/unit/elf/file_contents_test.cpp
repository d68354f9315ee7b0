// SPDX-License-Identifier: Apache-2.0
#include "elf/file_contents.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <numeric>
#include <thread>

namespace pyebpf::elf {
namespace {

constexpr uint64_t kBytes = 200'000;  // several chunks, the last one not full

uint8_t expected_at(uint64_t offset) {
    return static_cast<uint8_t>(offset * 7 + offset / 251);
}

// An unlinked file with known bytes.
UniqueFd make_file() {
    UniqueFd fd(::open(testing::TempDir().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    std::vector<uint8_t> bytes(kBytes);
    for (uint64_t i = 0; i < kBytes; ++i) bytes[i] = expected_at(i);
    if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(kBytes)) fd.reset();
    return fd;
}

bool holds(std::span<const uint8_t> bytes, uint64_t offset) {
    for (uint64_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] != expected_at(offset + i)) return false;
    }
    return !bytes.empty();
}

TEST(FileContents, GivesTheBytesOfTheFile) {
    const auto contents = FileContents::of_file(make_file(), "x");
    ASSERT_TRUE(contents);
    EXPECT_EQ((*contents)->size(), kBytes);
    for (const auto& [offset, size] : std::vector<std::pair<uint64_t, uint64_t>>{
             {100'000, 10}, {kBytes - 1, 1}, {16'383, 2}, {0, 1}, {50'000, 120'000}, {0, kBytes}}) {
        const auto bytes = (*contents)->range(offset, size);
        EXPECT_EQ(bytes.size(), size);
        EXPECT_TRUE(holds(bytes, offset)) << offset;
    }
}

TEST(FileContents, CopiesWithoutKeeping) {
    std::vector<uint8_t> all(kBytes);
    for (uint64_t i = 0; i < kBytes; ++i) all[i] = expected_at(i);
    const auto of_file = FileContents::of_file(make_file(), "x");
    ASSERT_TRUE(of_file);
    const auto of_bytes = FileContents::of_bytes(all);
    for (const FileContents* contents : {of_file->get(), of_bytes.get()}) {
        std::vector<uint8_t> part(120'000);
        EXPECT_TRUE(contents->copy(50'000, part));
        EXPECT_TRUE(holds(part, 50'000));
        EXPECT_FALSE(contents->copy(kBytes - part.size() + 1, part));
        EXPECT_FALSE(contents->copy(UINT64_MAX, part));
        EXPECT_TRUE(contents->copy(kBytes, {}));
    }
}

TEST(FileContents, RefusesRangesOutsideTheFile) {
    const auto contents = FileContents::of_file(make_file(), "x");
    ASSERT_TRUE(contents);
    EXPECT_TRUE((*contents)->range(0, kBytes + 1).empty());
    EXPECT_TRUE((*contents)->range(kBytes, 1).empty());
    EXPECT_TRUE((*contents)->range(UINT64_MAX, 2).empty());
    EXPECT_TRUE((*contents)->range(10, UINT64_MAX).empty());
}

TEST(FileContents, OutlivesTruncation) {
    UniqueFd file = make_file();
    const int same_file = ::dup(file.get());
    const auto contents = FileContents::of_file(std::move(file), "x");
    ASSERT_TRUE(contents);
    EXPECT_TRUE(holds((*contents)->range(0, 100), 0));
    ASSERT_EQ(::ftruncate(same_file, 50), 0);
    ::close(same_file);
    EXPECT_TRUE(holds((*contents)->range(0, 100), 0)) << "read before, still there";
    EXPECT_TRUE((*contents)->range(100'000, 100).empty()) << "gone, and no SIGBUS";
}

TEST(FileContents, DoesNotSeeLaterChangesOfWhatWasRead) {
    UniqueFd file = make_file();
    const int same_file = ::dup(file.get());
    const auto contents = FileContents::of_file(std::move(file), "x");
    ASSERT_TRUE(contents);
    const auto bytes = (*contents)->range(0, 100);
    const std::vector<uint8_t> zeros(100);
    ASSERT_EQ(::pwrite(same_file, zeros.data(), zeros.size(), 0), 100);
    ::close(same_file);
    EXPECT_TRUE(holds(bytes, 0));
}

TEST(FileContents, ASparseFileDoesNotFillMemory) {
    UniqueFd file = make_file();
    ASSERT_EQ(::ftruncate(file.get(), off_t{8} << 30), 0);
    const auto contents = FileContents::of_file(std::move(file), "x");
    ASSERT_TRUE(contents);
    EXPECT_TRUE((*contents)->range(0, uint64_t{8} << 30).empty());
    EXPECT_TRUE(holds((*contents)->range(0, 100), 0));
    EXPECT_EQ((*contents)->range(uint64_t{7} << 30, 4096).size(), 4096U);
}

TEST(FileContents, RefusesWhatIsNotARegularFileOfReasonableSize) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const UniqueFd writer(pipe_ends[1]);
    EXPECT_FALSE(FileContents::of_file(UniqueFd(pipe_ends[0]), "x"));
    UniqueFd empty = make_file();
    ASSERT_EQ(::ftruncate(empty.get(), 0), 0);
    EXPECT_FALSE(FileContents::of_file(std::move(empty), "x"));
    UniqueFd huge = make_file();
    ASSERT_EQ(::ftruncate(huge.get(), off_t{17} << 30), 0);
    EXPECT_FALSE(FileContents::of_file(std::move(huge), "x"));
}

TEST(FileContents, ServesThreadsAtTheSameTime) {
    const auto contents = FileContents::of_file(make_file(), "x");
    ASSERT_TRUE(contents);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (uint64_t step = 0; step < 50; ++step) {
                const uint64_t offset = (step * 3989 + thread * 17'001) % (kBytes - 1000);
                if (!holds((*contents)->range(offset, 1000), offset)) ++wrong;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pyebpf::elf
