// SPDX-License-Identifier: Apache-2.0
#include "walkers/surroundings.h"

#include <cerrno>
#include <cstring>

#include "base/result.h"
#include "bpf/platform_host.h"

namespace pyebpf::walkers {

namespace {

thread_local Surroundings* installed = nullptr;

}  // namespace

Surroundings::Surroundings() {
    PYEBPF_CHECK(installed == nullptr);
    installed = this;
}

Surroundings::~Surroundings() {
    installed = nullptr;
}

Surroundings& Surroundings::current() {
    PYEBPF_CHECK(installed != nullptr);
    return *installed;
}

}  // namespace pyebpf::walkers

using pyebpf::walkers::Surroundings;

extern "C" long bpf_probe_read_user(void* to, __u32 bytes, const void* from) {
    if (Surroundings::current().read(reinterpret_cast<uint64_t>(from), to, bytes)) return 0;
    std::memset(to, 0, bytes);
    return -EFAULT;
}
extern "C" void count(enum kernel_counter which) {
    Surroundings::current().count(which);
}
extern "C" const struct code_range* code_range_at(__u32 index) {
    return Surroundings::current().range(index);
}
extern "C" const __u32* unwind_slab_words(__u32 slab) {
    return Surroundings::current().slab_words(slab);
}
