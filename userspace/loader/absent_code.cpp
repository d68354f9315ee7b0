// SPDX-License-Identifier: Apache-2.0
#include "loader/absent_code.h"

#include <bpf/bpf.h>
#include <sys/utsname.h>

#include <cstdint>
#include <cstdio>

#include "absent_code.skel.h"
#include "absent_code_6_18.skel.h"

namespace pyebpf::loader {

namespace {

// Saves the attempt, which reads the kernel's type information.
bool is_worth_trying() {
    utsname system{};
    int major = 0;
    int minor = 0;
    if (uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > 6 || (major == 6 && minor >= 18);
}

// Puts the sampler's maps in the place of those of the same name.
bool share_maps(bpf_object& object, const bpf_object& sampler) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, &object) {
        const bpf_map* shared = bpf_object__find_map_by_name(&sampler, bpf_map__name(map));
        if (shared != nullptr && bpf_map__reuse_fd(map, bpf_map__fd(shared)) != 0) return false;
    }
    return true;
}

// Loaded, with the maps of the sampler if there is one. Null if the kernel refuses it.
template <const void* (*bytes)(size_t*)>
bpf_object* load_variant(const bpf_object* sampler) {
    size_t size = 0;
    const void* const image = bytes(&size);
    bpf_object* object = bpf_object__open_mem(image, size, nullptr);
    if (object == nullptr) return nullptr;
    const bool is_joined = sampler == nullptr || share_maps(*object, *sampler);
    if (is_joined && bpf_object__load(object) == 0) return object;
    bpf_object__close(object);
    return nullptr;
}

bpf_object* load_object(const bpf_object* sampler) {
    if (!is_worth_trying()) return nullptr;
    if (bpf_object* object = load_variant<absent_code_6_18_bpf__elf_bytes>(sampler)) return object;
    return load_variant<absent_code_bpf__elf_bytes>(sampler);
}

}  // namespace

std::unique_ptr<AbsentCode> AbsentCode::load(const bpf_object& sampler, const bpf_map& programs) {
    bpf_object* object = load_object(&sampler);
    if (object == nullptr) return nullptr;
    std::unique_ptr<AbsentCode> loaded(new AbsentCode(object));
    const uint32_t slot = 0;
    const int program = bpf_program__fd(bpf_object__next_program(object, nullptr));
    if (bpf_map_update_elem(bpf_map__fd(&programs), &slot, &program, BPF_ANY) != 0) return nullptr;
    return loaded;
}

bool AbsentCode::is_offered() {
    bpf_object* object = load_object(nullptr);
    bpf_object__close(object);
    return object != nullptr;
}

AbsentCode::~AbsentCode() {
    bpf_object__close(object_);
}

}  // namespace pyebpf::loader
