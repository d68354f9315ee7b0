// SPDX-License-Identifier: Apache-2.0
#include "symbolize/debuginfod.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/log.h"

namespace pyebpf::symbolize {

namespace {

constexpr const char* kLibrary = "libdebuginfod.so.1";

}  // namespace

// The functions of elfutils' debuginfod.h that are used; stable since elfutils 0.179.
struct Debuginfod::Library {
    void* handle = nullptr;
    void* client = nullptr;
    void* (*begin)() = nullptr;
    int (*find_debuginfo)(void* client, const unsigned char* build_id, int build_id_bytes,
                          char** path) = nullptr;
    void (*end)(void* client) = nullptr;

    ~Library() {
        if (client != nullptr) end(client);
        if (handle != nullptr) dlclose(handle);
    }
    template <class Function>
    bool load(Function& function, const char* name) {
        function = reinterpret_cast<Function>(dlsym(handle, name));
        return function != nullptr;
    }
};

Debuginfod::Debuginfod(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Debuginfod::~Debuginfod() = default;

Result<std::shared_ptr<Debuginfod>> Debuginfod::open() {
    const char* servers = std::getenv("DEBUGINFOD_URLS");
    if (servers == nullptr || *servers == '\0') {
        return fail("--debuginfod: no server is named",
                    "set DEBUGINFOD_URLS; with sudo: sudo --preserve-env=DEBUGINFOD_URLS",
                    kExitUsage);
    }
    auto library = std::make_unique<Library>();
    library->handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == nullptr) {
        return fail(std::string("--debuginfod: ") + dlerror(),
                    "install elfutils' client library (Debian: libdebuginfod1)");
    }
    if (!library->load(library->begin, "debuginfod_begin") ||
        !library->load(library->find_debuginfo, "debuginfod_find_debuginfo") ||
        !library->load(library->end, "debuginfod_end")) {
        return fail(std::string("--debuginfod: ") + kLibrary + " is not elfutils' client library");
    }
    library->client = library->begin();
    if (library->client == nullptr) return fail("--debuginfod: the client does not start");
    return std::shared_ptr<Debuginfod>(new Debuginfod(std::move(library)));
}

std::shared_ptr<const elf::ElfFile> Debuginfod::find(const elf::BuildId& id) {
    if (id.empty()) return nullptr;
    const std::string name = "the debug file of build id " + elf::to_hex(id);
    const int fd =
        library_->find_debuginfo(library_->client, id.data(), static_cast<int>(id.size()), nullptr);
    if (fd < 0) {
        log::verbose(name + ": no server has it");
        return nullptr;
    }
    auto file = elf::ElfFile::from_fd(fd, name);
    // A server is no more to be trusted than any file.
    if (!file || (*file)->build_id() != id) {
        log::verbose(name + ": the server sent another file");
        return nullptr;
    }
    return *file;
}

}  // namespace pyebpf::symbolize
