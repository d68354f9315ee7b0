// SPDX-License-Identifier: Apache-2.0
#include "pipeline/method_names.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "pipeline/process_memory.h"
#include "python/defining_class.h"
#include "python/live_reader.h"

namespace pyebpf::pipeline {

namespace {

constexpr size_t kMaxRememberedMethods = 1 << 16;  // names
constexpr uint32_t kOptimized = 1;                 // CO_OPTIMIZED: a function (Include/code.h)

// Code whose file is no path was made by exec() or eval() mostly, and another may be at its address
// by now that differs in nothing but its class.
bool is_of_file(std::string_view file) {
    return !file.starts_with('<') || file.starts_with("<frozen ");
}

std::string key_of(const CodeObject& code, const python::Version& version) {
    const std::string_view table(reinterpret_cast<const char*>(code.line_table.data()),
                                 code.line_table.size());
    return fmt::format("{}\n{}\n{}\n{}.{}\n{:x}\n{:x}", code.file, code.name, code.first_line,
                       version.major, version.minor, code.flags,
                       std::hash<std::string_view>{}(table));
}

// Whether the object at the address is still the one that was defined.
bool is_same(const CodeObject& code, const python::ReadMemory& read, const python_layout& layout,
             uint64_t code_type, uint64_t address) {
    const auto live = python::read_code(read, layout, code_type, address);
    return live && live->first_line == code.first_line && live->flags == code.flags &&
           python::decode_text(live->name.bytes, live->name.encoding) == code.name &&
           python::decode_text(live->file.bytes, live->file.encoding) == code.file &&
           (!code.has_line_table || live->line_table == code.line_table);
}

// Whether its class is to be looked for.
bool may_be_method(const CodeObject& code, const python_layout& layout) {
    return layout.code.qualified_name == LAYOUT_ABSENT && code.has_name && code.has_file &&
           is_of_file(code.file) && (code.flags & kOptimized) != 0;
}

}  // namespace

std::string MethodNames::find(const CodeObject& code, uint32_t pid, uint64_t address,
                              process::InstanceId instance) const {
    const ProcessPublisher::Attachment attached = publisher_.attachment(instance);
    if (!attached.runtime || !may_be_method(code, attached.runtime->layout)) return {};
    const python::Runtime& runtime = *attached.runtime;
    const python::ReadMemory read = memory_of(pid);
    std::string name =
        python::method_name(read, runtime, attached.bias, address, code.first_argument);
    const uint64_t code_type = (runtime.code_type + attached.bias).value;
    if (name.empty() || !is_same(code, read, runtime.layout, code_type, address)) return {};
    return name;
}

void MethodNames::look(std::span<const uint8_t> definition_record) {
    code_definition_record head{};
    if (definition_record.size() < sizeof(head)) return;
    std::memcpy(&head, definition_record.data(), sizeof(head));
    if (head.header.kind != RECORD_CODE_DEFINITION || head.first_argument_type == 0) return;
    const process::InstanceId instance = table_.find(head.space.tgid, head.time_ns);
    const auto definition = parse_definition(definition_record);
    if (!instance.valid() || !definition) return;
    std::string name = find(definition->code, head.space.tgid, definition->address, instance);
    if (name.empty()) return;
    const std::lock_guard lock(mutex_);
    if (found_.size() >= kMaxRememberedMethods) found_.clear();
    found_[definition_of(definition->code, definition->identity, definition->address)] =
        std::move(name);
}

void MethodNames::name(CodeObject& code, const Identity& identity, uint64_t address,
                       process::InstanceId instance) {
    if (std::exchange(code.is_named, true)) return;
    const ProcessPublisher::Attachment attached = publisher_.attachment(instance);
    if (!attached.runtime || !may_be_method(code, attached.runtime->layout)) return;
    std::string found;
    {
        const std::lock_guard lock(mutex_);
        if (auto node = found_.extract(definition_of(code, identity, address)))
            found = std::move(node.mapped());
    }
    if (found.empty() && table_.alive(instance))
        found = find(code, identity.tgid, address, instance);
    const std::string key = key_of(code, attached.runtime->version);
    if (!found.empty()) {
        if (proven_.size() >= kMaxRememberedMethods) proven_.clear();
        const auto [known, is_new] = proven_.try_emplace(key, found);
        if (!is_new && known->second != found) known->second.clear();
        code.name = std::move(found);
        return;
    }
    const auto known = proven_.find(key);
    if (known != proven_.end() && !known->second.empty()) code.name = known->second;
}

}  // namespace pyebpf::pipeline
