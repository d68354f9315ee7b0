// SPDX-License-Identifier: Apache-2.0
// What the kernel side sent once and samples refer to: stack parts by hash, code objects by
// address. Checks every record: the ring is ours, but the texts and addresses in it come from the
// sampled processes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "bpf/abi/record.h"
#include "python/live_reader.h"

namespace pyebpf::pipeline {

// A code object's facts. Texts are UTF-8 (Python 2: the bytes as they are), "…" at the end if they
// were cut.
struct CodeObject {
    uint64_t time_ns = 0;  // when it was defined
    std::string name;      // qualified name where the version has it
    std::string file;
    std::vector<uint8_t> line_table;
    bool has_name = false;
    bool has_file = false;
    bool has_line_table = false;  // all of it
    int32_t first_line = 0;
    uint32_t flags = 0;
    uint32_t first_traceable = 0;
    python::FirstArgument first_argument;  // up to 3.10
    bool is_named = false;                 // its class was looked for (pipeline/method_names.h)
};

struct Identity {
    uint32_t tgid = 0;
    uint64_t generation = 0;
    bool operator==(const Identity&) const = default;
};

struct IdentityHash {
    size_t operator()(const Identity& identity) const noexcept {
        return (identity.generation ^ identity.tgid) * 0x9e3779b97f4a7c15ull;
    }
};

// What a RECORD_CODE_DEFINITION says; nullopt if it is malformed.
struct CodeDefinition {
    Identity identity;
    uint64_t address = 0;
    CodeObject code;
};
[[nodiscard]] std::optional<CodeDefinition> parse_definition(std::span<const uint8_t> record);

class StackStore {
  public:
    // A RECORD_STACK or RECORD_CODE_DEFINITION. False if it is malformed.
    bool add(std::span<const uint8_t> record);

    // A code object that was read from the live process instead, at time_ns.
    void add_code(const Identity& identity, uint64_t address, CodeObject code);

    // The parts of a stack; null if the part was never received.
    [[nodiscard]] const std::vector<uint64_t>* kernel(uint64_t hash) const;
    [[nodiscard]] const std::vector<native_frame>* native(uint64_t hash) const;
    [[nodiscard]] const std::vector<python_frame>* python(uint64_t hash) const;

    // The code object at an address, as it was at a time: the last definition that is not newer,
    // else the first one after. Null if there is none.
    [[nodiscard]] const CodeObject* code(const Identity& identity, uint64_t address,
                                         uint64_t time_ns) const;
    [[nodiscard]] CodeObject* code(const Identity& identity, uint64_t address, uint64_t time_ns);

    // Bytes of the stack parts received since the last rotate().
    [[nodiscard]] size_t bytes() const { return parts_.bytes; }
    // Forgets the parts that were received before the last rotate(). To be called when the kernel
    // side has forgotten what it sent: samples that are still on their way find their parts.
    void rotate();
    // The address space has ended and its samples are resolved.
    void forget(const Identity& identity) { code_.erase(identity); }

    [[nodiscard]] uint64_t malformed_records() const { return malformed_; }

  private:
    bool add_stack(std::span<const uint8_t> record);
    bool add_definition(std::span<const uint8_t> record);

    using Definitions =
        std::unordered_map<uint64_t, std::vector<CodeObject>>;  // by address, oldest first
    struct Parts {
        std::unordered_map<uint64_t, std::vector<uint64_t>> kernel;
        std::unordered_map<uint64_t, std::vector<native_frame>> native;
        std::unordered_map<uint64_t, std::vector<python_frame>> python;
        size_t bytes = 0;
    };
    Parts parts_;
    Parts older_parts_;
    std::unordered_map<Identity, Definitions, IdentityHash> code_;
    uint64_t malformed_ = 0;
};

}  // namespace pyebpf::pipeline
