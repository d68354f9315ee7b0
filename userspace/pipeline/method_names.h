// SPDX-License-Identifier: Apache-2.0
// The names of methods of CPython before 3.11, whose code objects do not tell the class. It is
// found in the live process (python/defining_class.h). The same function of a process that has
// ended, or of one in which it cannot be found, has the name that was proven elsewhere: it has the
// same file, lines, name and flags. Where two classes were proven for such a function, it has
// neither.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>

#include "pipeline/process_publisher.h"
#include "pipeline/stack_store.h"
#include "process/process_table.h"

namespace pyebpf::pipeline {

class MethodNames {
  public:
    MethodNames(const process::ProcessTable& table, const ProcessPublisher& publisher)
        : table_(table), publisher_(publisher) {}

    // Looks for the class of a code object that the kernel side has just defined: who names it
    // comes later, when the process may have ended. Any thread may.
    void look(std::span<const uint8_t> definition_record);
    // Gives a code object its name for good: the first call does, others do nothing.
    void name(CodeObject& code, const Identity& identity, uint64_t address,
              process::InstanceId instance);

  private:
    using Definition = std::tuple<uint32_t, uint64_t, uint64_t, uint64_t>;
    [[nodiscard]] static Definition definition_of(const CodeObject& code, const Identity& identity,
                                                  uint64_t address) {
        return {identity.tgid, identity.generation, address, code.time_ns};
    }
    [[nodiscard]] std::string find(const CodeObject& code, uint32_t pid, uint64_t address,
                                   process::InstanceId instance) const;

    const process::ProcessTable& table_;
    const ProcessPublisher& publisher_;
    std::unordered_map<std::string, std::string> proven_;  // by what tells functions apart
    std::mutex mutex_;                                     // guards what follows
    std::map<Definition, std::string> found_;              // not named yet
};

}  // namespace pyebpf::pipeline
