// SPDX-License-Identifier: Apache-2.0
// Reads thread-local variables of this process as the decoded accessors say, for libraries built
// with each way of access (tls_fixture.cpp), and for this executable.
#include <gtest/gtest.h>
#include <link.h>

#include <string>
#include <thread>

#include "elf/elf_file.h"
#include "python/accessor_decode.h"

#define FIXTURE(name)   \
    void* name##_get(); \
    void name##_set(void* value);
extern "C" {
TLS_FIXTURES
__attribute__((noinline, used, no_sanitize("address", "undefined"))) void* executable_get();
void executable_set(void* value);
}
#undef FIXTURE

namespace {
thread_local long executable_other = 5;
thread_local void* executable_current = nullptr;
}  // namespace

void* executable_get() {
    return executable_current;
}

void executable_set(void* value) {
    executable_current = value;
    ++executable_other;
}

namespace pyebpf::python {
namespace {

struct LiveFixture {
    std::string name;
    void* (*get)();
    void (*set)(void*);
};

const LiveFixture kFixtures[] = {
#define FIXTURE(name) {#name, name##_get, name##_set},
    TLS_FIXTURES
#undef FIXTURE
#if defined(__x86_64__)
    {"executable", executable_get, executable_set},
#endif
};

struct Loaded {
    std::string path;
    uint64_t bias = 0;
};

Loaded find_loaded(const LiveFixture& fixture) {
    if (fixture.name == "executable") {
        Loaded loaded{.path = "/proc/self/exe"};
        // The first object is the executable.
        ::dl_iterate_phdr(
            [](dl_phdr_info* info, size_t, void* out) {
                static_cast<Loaded*>(out)->bias = info->dlpi_addr;
                return 1;
            },
            &loaded);
        return loaded;
    }
    Loaded loaded{.path = "libtls_fixture_" + fixture.name + ".so"};
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
            auto* wanted = static_cast<Loaded*>(out);
            const std::string path = info->dlpi_name;
            if (!path.ends_with("/" + wanted->path)) return 0;
            *wanted = {path, info->dlpi_addr};
            return 1;
        },
        &loaded);
    return loaded;
}

uint64_t word_at(uint64_t address) {
    return *reinterpret_cast<const uint64_t*>(address);
}

// As docs/cpython.md says that the walker does it; glibc.
uint64_t read_variable(const TlsVariable& variable, uint64_t bias) {
    const auto thread_pointer = reinterpret_cast<uint64_t>(__builtin_thread_pointer());
    const auto offset = static_cast<uint64_t>(variable.offset);
    switch (variable.model) {
        case TlsModel::kThreadPointer:
            return word_at(thread_pointer + offset);
        case TlsModel::kOffsetSlot:
            return word_at(thread_pointer + word_at(variable.slot.value + bias) + offset);
        case TlsModel::kModule:
            break;
    }
    const uint64_t module = word_at(variable.slot.value + bias);
    return word_at(word_at(word_at(thread_pointer + 8) + 16 * module) + offset);
}

TEST(AccessorLive, EveryWayOfAccessLeadsToTheVariable) {
    for (const LiveFixture& fixture : kFixtures) {
        const Loaded loaded = find_loaded(fixture);
        const auto file = elf::ElfFile::open(loaded.path);
        ASSERT_TRUE(file) << loaded.path;
        const auto function = (*file)->find_symbol(fixture.name + "_get");
        ASSERT_TRUE(function) << fixture.name;
        const auto variable = returned_tls_variable(**file, *function);
        ASSERT_TRUE(variable) << fixture.name;
        const auto expect_here = [&](uintptr_t value) {
            fixture.set(reinterpret_cast<void*>(value));
            ASSERT_EQ(fixture.get(), reinterpret_cast<void*>(value));
            EXPECT_EQ(read_variable(*variable, loaded.bias), value) << fixture.name;
        };
        expect_here(0x1234);
        std::thread([&] { expect_here(0x5678); }).join();
        EXPECT_EQ(read_variable(*variable, loaded.bias), 0x1234U) << fixture.name;
    }
}

}  // namespace
}  // namespace pyebpf::python
