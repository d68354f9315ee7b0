// SPDX-License-Identifier: Apache-2.0
// Names of code that a process made itself (JIT compilers, CPython's -X perf), from the files in
// which it reports them: a perf map /tmp/perf-PID.map or a jitdump jit-PID.dump.
//
// The files belong to the target. They are opened in its root, believed only if its user or root
// owns them and they are not older than the process, and read again when they have grown and an
// address has no name: at most once a second, and not more often than one twentieth of the time
// allows. Bound to one thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/addresses.h"
#include "process/process_table.h"
#include "symbolize/jit_dump.h"
#include "symbolize/no_name.h"
#include "symbolize/perf_map.h"

namespace pyebpf::pipeline {

class JitNames {
  public:
    // Valid until the next call.
    [[nodiscard]] symbolize::Named<std::string_view> lookup(const process::ProcessTable& table,
                                                            process::InstanceId instance,
                                                            MappedAddress address);

  private:
    // What tells whether a file has changed.
    struct Version {
        ino_t inode = 0;
        off_t size = 0;
        timespec changed{};
    };
    struct Maps {
        std::optional<symbolize::PerfMap> perf_map;
        std::optional<symbolize::JitDump> dump;
        Version perf_map_version;
        Version dump_version;
        uint64_t next_read_ns = 0;
    };

    static void read(Maps& maps, const process::ProcessTable& table, process::InstanceId instance);
    static symbolize::Named<std::string_view> find(const Maps& maps, MappedAddress address);

    std::unordered_map<uint32_t, Maps> maps_;  // by InstanceId
};

}  // namespace pyebpf::pipeline
