// SPDX-License-Identifier: Apache-2.0
// Compares the tables with an independent reader, elfutils' libdw, at every address of the code of
// real files: the libraries loaded here (libc, libstdc++, libdw, …), this program and a Python if
// there is one.
//
// PYEBPF_TEST_ELF_FILES=/path:/path compares further files. Prints the share of the addresses that
// are covered and what the table takes in memory.
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <gtest/gtest.h>
#include <link.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

#include "base/unique_fd.h"
#include "elf/unwind_table.h"
#include "elf_test_files.h"
#include "frame_evaluation.h"

namespace pyebpf::elf {
namespace {

constexpr uint64_t kLargestSmallHole = 15;

// The call frame information of one file as libdw sees it.
class Reference {
  public:
    explicit Reference(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        elf_version(EV_CURRENT);
        elf_ = elf_begin(fd_.get(), ELF_C_READ_MMAP, nullptr);
        if (elf_ != nullptr) cfi_ = dwarf_getcfi_elf(elf_);
    }
    ~Reference() {
        if (cfi_ != nullptr) dwarf_cfi_end(cfi_);
        if (elf_ != nullptr) elf_end(elf_);
    }
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;

    [[nodiscard]] bool is_open() const { return cfi_ != nullptr; }

    struct Row {
        std::unique_ptr<Dwarf_Frame, decltype(&std::free)> frame;
        uint64_t begin;
        uint64_t end;
    };
    // The row in force at an address; no frame where nothing is described.
    [[nodiscard]] Row row_at(uint64_t pc) const {
        Row row{{nullptr, &std::free}, pc, pc};
        Dwarf_Frame* frame = nullptr;
        if (dwarf_cfi_addrframe(cfi_, pc, &frame) != 0) return row;
        row.frame.reset(frame);
        bool is_signal_frame = false;
        dwarf_frame_info(frame, &row.begin, &row.end, &is_signal_frame);
        return row;
    }

  private:
    UniqueFd fd_;
    Elf* elf_ = nullptr;
    Dwarf_CFI* cfi_ = nullptr;
};

struct Comparison {
    uint64_t described = 0;    // addresses that libdw has a row for
    uint64_t covered = 0;      // of these, addresses that have a rule that leads to the caller
    uint64_t unsupported = 0;  // of these, CFA_UNSUPPORTED
    uint64_t lost_rbp = 0;     // covered, but the caller's rbp is somewhere no rule can say
    uint64_t wrong = 0;
    uint64_t undescribed = 0;  // addresses without a row that have a rule
};

const UnwindTable* table_of(const std::vector<UnwindTable>& tables, uint64_t pc) {
    for (const UnwindTable& table : tables) {
        if (table.lookup({pc})) return &table;
    }
    return nullptr;
}

bool is_same(const unwind_rule& a, const unwind_rule& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

Registers made_up_registers(uint64_t pc) {
    Registers registers;
    for (size_t i = 0; i < registers.size(); ++i) registers[i] = memory_at(i * 1001);
    registers[16] = pc;
    return registers;
}

// Walks over [begin, end), where libdw's rows tell where something may change. Evaluates wherever
// either side changes, and at every address of PLT rules, which depend on it.
void compare_range(const Reference& reference, const std::vector<UnwindTable>& tables,
                   uint64_t start, uint64_t begin, uint64_t end, Comparison& result) {
    uint64_t hole_begin = begin;
    for (uint64_t pc = begin; pc < end;) {
        const Reference::Row row = reference.row_at(pc);
        if (row.frame == nullptr) {
            ++pc;
            continue;
        }
        if (pc - hole_begin > kLargestSmallHole) {
            for (uint64_t hole = hole_begin; hole < pc; ++hole) {
                const UnwindTable* table = table_of(tables, hole);
                if (table == nullptr) continue;
                const uint8_t kind = table->lookup({hole})->cfa_kind;
                // What no description says: a process begins at the entry of its loader.
                const bool is_start = kind == CFA_END && hole >= start && hole < start + 256;
                if (kind != CFA_NONE && !is_start) ++result.undescribed;
            }
        }
        const UnwindTable* table = table_of(tables, pc);
        std::optional<unwind_rule> before;
        for (const uint64_t row_end = std::min(row.end, end); pc < row_end; ++pc) {
            ++result.described;
            const unwind_rule rule = table == nullptr ? unwind_rule{} : table->lookup({pc}).value();
            if (rule.cfa_kind == CFA_UNSUPPORTED) {
                ++result.unsupported;
                continue;
            }
            ++result.covered;
            if (before && is_same(*before, rule) && rule.cfa_kind != CFA_PLT) continue;
            before = rule;
            const Registers registers = made_up_registers(pc);
            const Caller expected = step_by_libdw(row.frame.get(), registers);
            Caller found = step_by_rule(rule, registers);
            if (found.outcome == Caller::Outcome::kStep && !found.rbp && expected.rbp) {
                found.rbp = expected.rbp;
                ++result.lost_rbp;
            }
            if (found == expected && expected.outcome != Caller::Outcome::kUnknown) continue;
            if (result.wrong++ < 5) {
                std::printf("  0x%" PRIx64
                            ": cfa kind %d offset %d, rbp kind %d offset %d; "
                            "outcome %d instead of %d\n",
                            pc, rule.cfa_kind, rule.cfa_offset, rule.rbp_kind, rule.rbp_offset,
                            static_cast<int>(found.outcome), static_cast<int>(expected.outcome));
            }
        }
        hole_begin = pc;
    }
}

void compare(const std::string& path) {
    SCOPED_TRACE(path);
    const auto file = open_elf(path);
    const Reference reference(path);
    ASSERT_TRUE(reference.is_open());
    const auto tables = compile_unwind_tables(*file);
    ASSERT_TRUE(tables) << tables.error().message;
    ASSERT_FALSE(tables->empty());

    Comparison result;
    for (const Segment& segment : file->segments()) {
        if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0) continue;
        const uint64_t begin = segment.address.value;
        compare_range(reference, *tables, file->entry().value, begin, begin + segment.file_size,
                      result);
    }
    const UnwindTableStatistics& statistics = tables->front().statistics;
    size_t words = 0;
    for (const UnwindTable& table : *tables) words += table.size_words();
    const double mebibytes = static_cast<double>(statistics.executable_bytes) / (1 << 20);
    std::printf("%s: %.1f KB of table per MiB of code\n", path.c_str(),
                static_cast<double>(words) * sizeof(uint32_t) / 1000 / mebibytes);
    std::printf("%s: %" PRIu64 " rows, %.3f %% of %" PRIu64 " described bytes covered, %" PRIu64
                " unsupported, rbp lost in %" PRIu64 " rows, %" PRIu64 " wrong; %" PRIu64
                " bytes that nothing describes covered\n",
                path.c_str(), statistics.rows,
                100.0 * static_cast<double>(result.covered) / static_cast<double>(result.described),
                result.described, result.unsupported, result.lost_rbp, result.wrong,
                result.undescribed);
    EXPECT_EQ(result.wrong, 0U);
    EXPECT_LE(result.undescribed, statistics.analyzed_bytes);
    EXPECT_EQ(statistics.bad_descriptions, 0U);
    EXPECT_GT(result.described, 0U);
    // Hand-written assembly: glibc and libgcc move the return address (longjmp, vfork).
    EXPECT_LE(result.unsupported * 1000, result.described);
    EXPECT_LE(result.lost_rbp, 16U);
}

std::set<std::string> loaded_files() {
    std::set<std::string> paths = {"/proc/self/exe"};
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
            const std::string path = info->dlpi_name;
            if (!path.empty() && path[0] == '/')
                static_cast<std::set<std::string>*>(out)->insert(path);
            return 0;
        },
        &paths);
    return paths;
}

TEST(UnwindReference, EveryAddressOfTheLoadedLibrariesAgreesWithLibdw) {
    const std::set<std::string> paths = loaded_files();
    EXPECT_GE(paths.size(), 5U);
    for (const std::string& path : paths) compare(path);
}

void compare_each(const std::string& colon_separated_paths) {
    std::istringstream paths(colon_separated_paths);
    for (std::string path; std::getline(paths, path, ':');) compare(path);
}

TEST(UnwindReference, EveryAddressOfPythonAgreesWithLibdw) {
    // Without a Python on the machine the shell stands in: another program built without frame
    // pointers.
    const std::string python = ELF_TEST_PYTHON_FILES;
    compare_each(python.empty() ? "/bin/sh" : python);
}

// What Python programs spend their time in besides the interpreter, where Debian installs it.
TEST(UnwindReference, EveryAddressOfWhatPythonProgramsUseAgreesWithLibdw) {
    size_t found = 0;
    for (const char* pattern :
         {"/usr/lib/*/libc.so.6", "/usr/lib/*/libstdc++.so.6", "/usr/lib/*/libcrypto.so.3",
          "/usr/lib/*/openblas-pthread/libopenblas.so.0", "/usr/bin/python3.11",
          "/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.*.so"}) {
        glob_t paths{};
        if (glob(pattern, 0, nullptr, &paths) == 0) {
            ++found;
            compare(paths.gl_pathv[0]);
        } else {
            std::printf("%s: not installed\n", pattern);
        }
        globfree(&paths);
    }
    EXPECT_GT(found, 0U);
}

TEST(UnwindReference, EveryAddressOfTheFilesNamedInTheEnvironmentAgreesWithLibdw) {
    const char* named = std::getenv("PYEBPF_TEST_ELF_FILES");
    compare_each(named != nullptr ? named : ELF_TEST_DATA "/tiny.so");
}

}  // namespace
}  // namespace pyebpf::elf
