// SPDX-License-Identifier: Apache-2.0
#include "output/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace pyebpf::output {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Staging = OutputFile::Staging;

class OutputFileTest : public ::testing::TestWithParam<Staging> {
  protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "pyebpf-output-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string path(const std::string& name) const {
        return directory_ + "/" + name;
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
            result.push_back(entry.path().filename());
        }
        return result;
    }
    static std::string content(const std::string& file) {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    static Result<OutputFile> open(const std::string& file) {
        return OutputFile::open(file, GetParam());
    }
    static Result<void> write(const std::string& file, std::string_view text) {
        auto output = open(file);
        if (!output) return tl::unexpected<Error>(output.error());
        output->sink().write(text);
        return output->commit();
    }

    std::string directory_;
};

TEST_P(OutputFileTest, NameAppearsWithTheWholeContent) {
    auto file = open(path("a.txt"));
    ASSERT_TRUE(file) << file.error().message;
    const std::string text(1'000'000, 'x');
    file->sink().write("begin");
    file->sink().write(text);
    EXPECT_THAT(names(), ::testing::Not(::testing::Contains("a.txt")));
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(content(path("a.txt")), "begin" + text);
    EXPECT_THAT(names(), UnorderedElementsAre("a.txt"));
}

TEST_P(OutputFileTest, NothingIsLeftWithoutCommit) {
    {
        auto file = open(path("a.txt"));
        ASSERT_TRUE(file);
        file->sink().write(std::string(1'000'000, 'x'));
    }
    EXPECT_THAT(names(), IsEmpty());
}

TEST_P(OutputFileTest, OldContentStaysUntilCommit) {
    ASSERT_TRUE(write(path("a.txt"), "old"));
    auto file = open(path("a.txt"));
    ASSERT_TRUE(file);
    file->sink().write("new");
    EXPECT_EQ(content(path("a.txt")), "old");
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(content(path("a.txt")), "new");
    EXPECT_THAT(names(), UnorderedElementsAre("a.txt"));
}

TEST_P(OutputFileTest, KilledWriterLeavesNoFileThatLooksWhole) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto file = open(path("a.txt"));
        if (file) file->sink().write(std::string(1'000'000, 'x'));
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(std::filesystem::exists(path("a.txt")));
}

TEST_P(OutputFileTest, MissingDirectoryIsFoundAtOnce) {
    const auto file = open(path("missing/a.txt"));
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message, HasSubstr("missing"));
    EXPECT_THAT(file.error().message, HasSubstr("No such file or directory"));
    EXPECT_FALSE(file.error().hint.empty());
}

TEST_P(OutputFileTest, ReadOnlyDirectoryIsFoundAtOnce) {
    ASSERT_EQ(::chmod(directory_.c_str(), 0555), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        constexpr uid_t kNobody = 65534;
        if (::geteuid() == 0 && ::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(1);
        const auto file = open(path("a.txt"));
        const bool is_refused =
            !file && file.error().message.find("Permission denied") != std::string::npos;
        ::_exit(is_refused ? 17 : 2);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 17);
}

TEST_P(OutputFileTest, DirectoriesAndEmptyNamesAreRefused) {
    for (const std::string& name : {std::string(), directory_, directory_ + "/", path("new/")}) {
        const auto file = open(name);
        ASSERT_FALSE(file) << name;
    }
}

TEST_P(OutputFileTest, LinkIsKeptAndItsTargetReplaced) {
    ASSERT_TRUE(write(path("target.txt"), "old"));
    std::filesystem::create_symlink("target.txt", path("link.txt"));
    ASSERT_TRUE(write(path("link.txt"), "new"));
    EXPECT_TRUE(std::filesystem::is_symlink(path("link.txt")));
    EXPECT_EQ(content(path("target.txt")), "new");
}

TEST_P(OutputFileTest, PipesAreWrittenInPlace) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    const UniqueFd reader(::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK));
    ASSERT_TRUE(write(path("pipe"), "hello"));
    char buffer[16];
    EXPECT_EQ(std::string(buffer, static_cast<size_t>(::read(reader.get(), buffer, sizeof buffer))),
              "hello");
    EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
}

TEST_P(OutputFileTest, FullDiskIsAnError) {
    const auto result = write("/dev/full", "hello");
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("No space left on device"));
}

TEST_P(OutputFileTest, FileOfLimitedSizeIsNotCommitted) {
    // A limit on the size of files stands in for a full disk: the same path through write(2).
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit limit{100'000, 100'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        ::signal(SIGXFSZ, SIG_IGN);
        ::_exit(write(path("a.txt"), std::string(1'000'000, 'x')) ? 0 : 17);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 17);
    EXPECT_THAT(names(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Staging, OutputFileTest,
                         ::testing::Values(Staging::kUnnamedIfPossible, Staging::kTemporaryName),
                         [](const auto& test) {
                             return test.param == Staging::kTemporaryName ? "temporary_name"
                                                                          : "unnamed";
                         });

TEST(Numbered, IsBeforeTheExtension) {
    const auto name = [](const std::string& path) {
        const auto format = choose_format("", path);
        return format ? numbered(path, **format, 12) : format.error().message;
    };
    EXPECT_EQ(name("profile.html"), "profile.12.html");
    EXPECT_EQ(name("/a.b/profile.pb.gz"), "/a.b/profile.12.pb.gz");
    EXPECT_EQ(name("x.pyebpf"), "x.12.pyebpf");
    EXPECT_EQ(numbered("no extension", **choose_format("html", "-"), 1), "no extension.1");
}

TEST(FdSink, FirstErrorIsKept) {
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    FdSink sink(full.get(), "the output");
    EXPECT_FALSE(sink.failed());
    for (int i = 0; i < 100; i++) sink.write(std::string(10'000, 'x'));
    EXPECT_TRUE(sink.failed());
    const auto result = sink.finish();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, "write the output: No space left on device");
}

}  // namespace
}  // namespace pyebpf::output
