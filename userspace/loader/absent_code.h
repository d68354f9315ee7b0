// SPDX-License-Identifier: Apache-2.0
// The part of the sampler that has a sampled thread bring absent code objects into memory
// (bpf/absent_code.bpf.c). Linux 6.18 and later.
#pragma once

#include <bpf/libbpf.h>

#include <memory>

namespace pyebpf::loader {

class AbsentCode {
  public:
    // Loads it beside the sampler, whose maps it shares, and puts it into the sampler's array of
    // programs. Null where the kernel does not offer it: nothing is missing then but what
    // COUNTER_CODE_FETCHED counts.
    [[nodiscard]] static std::unique_ptr<AbsentCode> load(const bpf_object& sampler,
                                                          const bpf_map& programs);
    // Whether this kernel offers it. Loads and unloads it.
    [[nodiscard]] static bool is_offered();
    ~AbsentCode();
    AbsentCode(const AbsentCode&) = delete;
    AbsentCode& operator=(const AbsentCode&) = delete;

  private:
    explicit AbsentCode(bpf_object* object) : object_(object) {}
    bpf_object* object_;
};

}  // namespace pyebpf::loader
