// SPDX-License-Identifier: Apache-2.0
#include "symbolize/debug_file.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "elf_image.h"

namespace pyebpf::symbolize {
namespace {

using test::Image;
using test::make_elf;

// A root folder in memory that remembers what was asked for.
class FakeRoot {
  public:
    void add(const std::string& path, std::vector<uint8_t> bytes) {
        files_[path] = std::move(bytes);
    }

    Opener opener() {
        return [this](const std::string& path) -> Result<UniqueFd> {
            asked_.push_back(path);
            const auto found = files_.find(path);
            if (found == files_.end()) return fail_errno("open " + path, ENOENT);
            UniqueFd fd(::memfd_create("file", MFD_CLOEXEC));
            const auto& bytes = found->second;
            if (::write(fd.get(), bytes.data(), bytes.size()) !=
                static_cast<ssize_t>(bytes.size())) {
                return fail_errno("write " + path, errno);
            }
            return fd;
        };
    }
    [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }

  private:
    std::map<std::string, std::vector<uint8_t>> files_;
    std::vector<std::string> asked_;
};

std::vector<uint8_t> debug_link(const std::string& name, uint32_t crc) {
    std::vector<uint8_t> bytes(name.begin(), name.end());
    bytes.resize((name.size() + 4) & ~size_t{3});
    const auto* raw = reinterpret_cast<const uint8_t*>(&crc);
    bytes.insert(bytes.end(), raw, raw + 4);
    return bytes;
}

const std::vector<uint8_t> kId = {0xab, 0xcd, 0xef, 0x01};
const Image kDebug = {.symtab = {{"f", 0x1100, 8}}};

TEST(DebugLinkCrc, KnownValues) {
    EXPECT_EQ(debug_link_crc({}), 0u);
    EXPECT_EQ(debug_link_crc(test::to_bytes("123456789")),
              0xcbf43926u);  // the usual check value of CRC-32
    EXPECT_EQ(debug_link_crc(test::to_bytes("The quick brown fox jumps over the lazy dog")),
              0x414fa339u);
}

TEST(FindDebugFile, ByBuildId) {
    FakeRoot root;
    root.add("/usr/lib/debug/.build-id/ab/cdef01.debug",
             make_elf({.build_id = kId, .symtab = kDebug.symtab}));
    const auto file = test::open_elf({.build_id = kId});
    const auto found = find_debug_file(*file, "/usr/lib/libx.so", root.opener());
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name(), "/usr/lib/debug/.build-id/ab/cdef01.debug");
}

TEST(FindDebugFile, OtherBuildIdIsRefused) {
    FakeRoot root;
    root.add("/usr/lib/debug/.build-id/ab/cdef01.debug", make_elf({.build_id = {1, 2, 3, 4}}));
    EXPECT_EQ(
        find_debug_file(*test::open_elf({.build_id = kId}), "/usr/lib/libx.so", root.opener()),
        nullptr);
}

TEST(FindDebugFile, ByLinkInTheThreePlaces) {
    const std::vector<uint8_t> debug = make_elf(kDebug);
    const auto file = test::open_elf(
        {.extra = {{".gnu_debuglink", debug_link("x.debug", debug_link_crc(debug))}}});
    for (const char* place :
         {"/opt/app/x.debug", "/opt/app/.debug/x.debug", "/usr/lib/debug/opt/app/x.debug"}) {
        FakeRoot root;
        root.add(place, debug);
        const auto found = find_debug_file(*file, "/opt/app/libx.so", root.opener());
        ASSERT_NE(found, nullptr) << place;
        EXPECT_EQ(found->name(), place);
    }
}

TEST(FindDebugFile, LinkWithWrongCrcIsRefusedAndTheSearchGoesOn) {
    const std::vector<uint8_t> debug = make_elf(kDebug);
    const std::vector<uint8_t> stale = make_elf({.symtab = {{"old", 0x1100, 8}}});
    const auto file = test::open_elf(
        {.extra = {{".gnu_debuglink", debug_link("x.debug", debug_link_crc(debug))}}});
    FakeRoot root;
    root.add("/opt/app/x.debug", stale);
    EXPECT_EQ(find_debug_file(*file, "/opt/app/libx.so", root.opener()), nullptr);
    root.add("/opt/app/.debug/x.debug", debug);
    EXPECT_NE(find_debug_file(*file, "/opt/app/libx.so", root.opener()), nullptr);
}

TEST(FindDebugFile, BuildIdsDecideBeforeTheCrc) {
    const auto file =
        test::open_elf({.build_id = kId, .extra = {{".gnu_debuglink", debug_link("x.debug", 1)}}});
    FakeRoot root;
    root.add("/opt/app/x.debug", make_elf({.build_id = kId}));
    EXPECT_NE(find_debug_file(*file, "/opt/app/libx.so", root.opener()), nullptr);
    FakeRoot other;
    other.add("/opt/app/x.debug", make_elf({.build_id = {9, 9, 9, 9}}));
    EXPECT_EQ(find_debug_file(*file, "/opt/app/libx.so", other.opener()), nullptr);
}

TEST(FindDebugFile, LinkOutOfTheFolderIsNotFollowed) {
    const auto file =
        test::open_elf({.extra = {{".gnu_debuglink", debug_link("../../etc/shadow", 1)}}});
    FakeRoot root;
    EXPECT_EQ(find_debug_file(*file, "/opt/app/libx.so", root.opener()), nullptr);
    EXPECT_TRUE(root.asked().empty());
}

TEST(FindDebugFile, FileIsNotItsOwnDebugFile) {
    const auto file = test::open_elf({.extra = {{".gnu_debuglink", debug_link("libx.so", 1)}}});
    FakeRoot root;
    EXPECT_EQ(find_debug_file(*file, "/opt/app/libx.so", root.opener()), nullptr);
    EXPECT_EQ(root.asked(), (std::vector<std::string>{"/opt/app/.debug/libx.so",
                                                      "/usr/lib/debug/opt/app/libx.so"}));
}

TEST(FindDebugFile, CandidateThatIsNoElfIsSkipped) {
    FakeRoot root;
    root.add("/usr/lib/debug/.build-id/ab/cdef01.debug", test::to_bytes("not an ELF file"));
    EXPECT_EQ(
        find_debug_file(*test::open_elf({.build_id = kId}), "/usr/lib/libx.so", root.opener()),
        nullptr);
}

TEST(FindSharedDebugFile, BesideOrByBuildId) {
    std::vector<uint8_t> link = test::to_bytes("../.dwz/shared.debug");
    link.push_back(0);
    link.insert(link.end(), kId.begin(), kId.end());
    const auto debug = test::open_elf({.extra = {{".gnu_debugaltlink", link}}});
    const std::string path = "/usr/lib/debug/a/x.debug";

    FakeRoot root;
    EXPECT_EQ(find_shared_debug_file(*debug, path, root.opener()), nullptr);
    root.add("/usr/lib/debug/a/../.dwz/shared.debug", make_elf({.build_id = kId}));
    EXPECT_NE(find_shared_debug_file(*debug, path, root.opener()), nullptr);

    FakeRoot by_id;
    by_id.add("/usr/lib/debug/.build-id/ab/cdef01.debug", make_elf({.build_id = kId}));
    EXPECT_NE(find_shared_debug_file(*debug, path, by_id.opener()), nullptr);

    FakeRoot wrong;
    wrong.add("/usr/lib/debug/a/../.dwz/shared.debug", make_elf({.build_id = {4, 3, 2, 1}}));
    EXPECT_EQ(find_shared_debug_file(*debug, path, wrong.opener()), nullptr);
}

TEST(FindSharedDebugFile, MalformedLinksAreIgnored) {
    FakeRoot root;
    for (const std::string& link : {std::string(), std::string("no end"), std::string("name\0", 5),
                                    std::string("\0abcd", 5)}) {
        const auto debug = test::open_elf({.extra = {{".gnu_debugaltlink", test::to_bytes(link)}}});
        EXPECT_EQ(find_shared_debug_file(*debug, "/x", root.opener()), nullptr);
    }
    EXPECT_TRUE(root.asked().empty());
}

}  // namespace
}  // namespace pyebpf::symbolize
