// SPDX-License-Identifier: Apache-2.0
// unwind_tables [ROUNDS [FILE...]]: what the unwind tables of files take to make and to keep.
//
// Without files: what Python programs spend their time in, as far as Debian has installed it. The
// baseline is one pass of elfutils' libdw over the entries of .eh_frame, in the same round. Prints
// medians. Caches in a temporary folder.
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <glob.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/temporary_folder.h"
#include "base/unique_fd.h"
#include "elf/elf_file.h"
#include "elf/unwind_table.h"
#include "native/table_cache.h"
#include "sys/clock.h"

namespace {

using namespace pyebpf;

double milliseconds(const std::function<void()>& work) {
    const uint64_t start = sys::monotonic_ns();
    work();
    return static_cast<double>(sys::monotonic_ns() - start) * 1e-6;
}

double median(std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
}

// The number of entries, so that nobody optimizes the pass away.
size_t count_entries(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    Elf* elf = elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr);
    if (elf == nullptr) return 0;
    size_t entries = 0, names = 0;
    elf_getshdrstrndx(elf, &names);
    const auto* identity = reinterpret_cast<const unsigned char*>(elf_getident(elf, nullptr));
    for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
         section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == nullptr) continue;
        const char* name = elf_strptr(elf, names, header.sh_name);
        if (name == nullptr || std::string_view(name) != ".eh_frame") continue;
        Elf_Data* data = elf_getdata(section, nullptr);
        Dwarf_CFI_Entry entry;
        for (Dwarf_Off at = 0, next = 0;
             dwarf_next_cfi(identity, data, true, at, &next, &entry) == 0; at = next)
            ++entries;
    }
    elf_end(elf);
    return entries;
}

std::vector<std::string> usual_files() {
    std::vector<std::string> files;
    for (const char* pattern :
         {"/usr/lib/*/libc.so.6", "/usr/lib/*/libstdc++.so.6", "/usr/lib/*/libcrypto.so.3",
          "/usr/bin/python3.11", "/usr/lib/*/openblas-pthread/libopenblas.so.0",
          "/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.*.so"}) {
        glob_t paths{};
        if (glob(pattern, 0, nullptr, &paths) == 0) files.emplace_back(paths.gl_pathv[0]);
        globfree(&paths);
    }
    return files;
}

bool measure(const std::string& path, int rounds, const native::TableCache& cache) {
    std::vector<double> build, load, baseline;
    std::vector<elf::UnwindTable> tables;
    for (int round = 0; round < rounds; ++round) {
        // Opened anew each time: contents are read on first use.
        const auto file = elf::ElfFile::open(path);
        const auto again = elf::ElfFile::open(path);
        if (!file || !again) {
            std::fprintf(stderr, "%s\n", (file ? again : file).error().message.c_str());
            return false;
        }
        baseline.push_back(milliseconds([&] { count_entries(path); }));
        build.push_back(milliseconds([&] {
            if (auto compiled = elf::compile_unwind_tables(**file)) tables = std::move(*compiled);
        }));
        if (tables.empty()) {
            std::fprintf(stderr, "%s: no unwind tables\n", path.c_str());
            return false;
        }
        if (round == 0) cache.store(**file, tables);
        load.push_back(milliseconds([&] { (void)cache.load(**again); }));
    }
    const elf::UnwindTableStatistics& statistics = tables.front().statistics;
    size_t words = 0;
    for (const elf::UnwindTable& table : tables) words += table.size_words();
    const double mebibytes = static_cast<double>(statistics.executable_bytes) / (1 << 20);
    fmt::print("| {} | {:.1f} | {:.1f} % | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n",
               path.substr(path.rfind('/') + 1), mebibytes,
               100.0 * static_cast<double>(statistics.analyzed_bytes) /
                   static_cast<double>(statistics.executable_bytes),
               static_cast<double>(words) * sizeof(uint32_t) / 1000 / mebibytes, median(build),
               median(build) / median(baseline), median(load));
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 7;
    std::vector<std::string> files(argv + std::min(argc, 2), argv + argc);
    if (files.empty()) files = usual_files();
    if (rounds < 1 || files.empty()) {
        std::fprintf(stderr, "usage: unwind_tables [ROUNDS [FILE...]]\n");
        return 2;
    }
    elf_version(EV_CURRENT);
    const auto folder = TemporaryFolder::make();
    const auto cache = folder ? native::TableCache::open(folder->path())
                              : Result<native::TableCache>(tl::unexpected(folder.error()));
    if (!cache) {
        std::fprintf(stderr, "%s\n", cache.error().message.c_str());
        return 1;
    }
    fmt::print("### Unwind tables, medians of {} rounds\n\n", rounds);
    fmt::print(
        "| file | MiB of code | from instructions | KB of table per MiB | build, ms | build / pass "
        "of libdw | from the cache, ms |\n");
    fmt::print("|---|--:|--:|--:|--:|--:|--:|\n");
    bool is_good = true;
    for (const std::string& path : files) is_good &= measure(path, rounds, *cache);
    return is_good ? 0 : 1;
}
