// SPDX-License-Identifier: Apache-2.0
// Puts together what the other files of this folder find out about one ELF file.
#include "python/runtime.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

#include "python/accessor_decode.h"
#include "python/code_type_check.h"
#include "python/debug_offsets.h"
#include "python/eval_ranges.h"
#include "python/layouts/layout.h"
#include "python/runtime_version.h"

namespace pyebpf::python {
namespace {

constexpr std::string_view kEvalFrameDefault = "_PyEval_EvalFrameDefault";  // 3.6+
constexpr std::string_view kEvalFrameEx = "PyEval_EvalFrameEx";             // 2.7; in 3.x a wrapper
constexpr std::string_view kRuntimeSection = ".PyRuntime";                  // 3.10+

// Symbols of a file, and those of its mini debug info where they may be needed: an interpreter that
// does not export its own.
class Symbols {
  public:
    explicit Symbols(const elf::ElfFile& file) : file_(file) {}

    void add_mini_debug_info() { mini_debug_info_ = file_.mini_debug_info(); }

    [[nodiscard]] std::optional<elf::Symbol> find(std::string_view name) const {
        std::optional<elf::Symbol> found = file_.find_symbol(name);
        if (!found && mini_debug_info_) found = mini_debug_info_->find_symbol(name);
        return found;
    }

    [[nodiscard]] StatedAddress address(std::string_view name) const {
        const auto found = find(name);
        return found ? found->address : StatedAddress{};
    }

  private:
    const elf::ElfFile& file_;
    std::shared_ptr<const elf::ElfFile> mini_debug_info_;
};

Inspection unsupported(const Version& version, std::string reason) {
    return {.is_python = true,
            .unsupported = Unsupported{.version = version, .reason = std::move(reason)}};
}

std::string unknown_version_reason(const Version& version) {
    const char* which = is_newer_than_known(version.major, version.minor)
                            ? "newer than this pyebpf knows"
                            : "not one of those that pyebpf knows";
    return fmt::format("CPython {} is {} ({})", version.to_string(), which, known_versions());
}

bool is_at_least(const Version& version, int minor) {
    return version.major == 3 && version.minor >= minor;
}

bool is_in_writable_memory(const elf::ElfFile& file, StatedAddress address) {
    return std::ranges::any_of(file.segments(), [&](const elf::Segment& segment) {
        return segment.type == PT_LOAD && (segment.flags & PF_W) != 0 &&
               address >= segment.address && address - segment.address < segment.memory_size;
    });
}

// Adds how `variable` is reached; `bit` is the source if it is reached by an offset from the thread
// pointer.
void add_tls(const TlsVariable& variable, Runtime& runtime) {
    runtime.tls_offset = variable.offset;
    switch (variable.model) {
        case TlsModel::kThreadPointer:
            runtime.tls_is_static = true;
            runtime.sources |= THREAD_STATE_TLS;
            return;
        case TlsModel::kModule:
            runtime.tls_module_slot = variable.slot;
            runtime.sources |= THREAD_STATE_TLS_MODULE;
            return;
        case TlsModel::kOffsetSlot:
            runtime.tls_offset_slot = variable.slot;
            runtime.sources |= THREAD_STATE_TLS;
            return;
    }
}

// _Py_tss_tstate (3.12+), which _PyThreadState_GetCurrent returns, and _Py_tss_gilstate (3.15).
void find_tls(const elf::ElfFile& file, const Symbols& symbols, Runtime& runtime) {
    if (!is_at_least(runtime.version, 12)) return;
    std::optional<TlsVariable> current;
    for (const std::string_view name :
         {"_PyThreadState_GetCurrent", "PyThreadState_GetUnchecked"}) {
        const auto function = symbols.find(name);
        if (function && !current) current = returned_tls_variable(file, *function);
    }
    if (current) add_tls(*current, runtime);
    if (!current || !is_at_least(runtime.version, 15)) return;

    const auto function = symbols.find("PyGILState_GetThisThreadState");
    const auto gilstate = function ? returned_tls_variable(file, *function) : std::nullopt;
    // Both are variables of the same module, so that one way of access serves both.
    if (!gilstate || gilstate->model != current->model || gilstate->offset == current->offset)
        return;
    if (gilstate->model == TlsModel::kOffsetSlot) runtime.tls_gilstate_offset_slot = gilstate->slot;
    runtime.tls_gilstate_offset = gilstate->offset;
    runtime.sources |= THREAD_STATE_TLS_GILSTATE;
}

// Where PyGILState_GetThisThreadState finds the pthread key. 2.7's key is not one of pthread.
// runtime.current_address: as the tables say.
std::optional<StatedAddress> decoded_key(const elf::ElfFile& file, const Symbols& symbols,
                                         const Runtime& runtime) {
    const auto function = symbols.find("PyGILState_GetThisThreadState");
    const auto argument = function ? first_call_argument(file, *function) : std::nullopt;
    if (!argument) return std::nullopt;
    // From 3.7 on the argument is a Py_tss_t {int _is_initialized; pthread_key_t _key}.
    constexpr uint64_t kKeyInStructure = 4;
    constexpr int64_t kMaxRuntimeOffset = 8192;
    constexpr uint64_t kCurrentInGilstate = 8;
    StatedAddress key;
    switch (argument->kind) {
        case CallArgument::kLoadedInt:
            key = argument->address;
            break;
        case CallArgument::kPointer:
            key = argument->address + kKeyInStructure;
            break;
        case CallArgument::kPointerIntoSymbol:
            if (argument->offset <= 0 || argument->offset > kMaxRuntimeOffset ||
                runtime.runtime_state.value == 0)
                return std::nullopt;
            key = runtime.runtime_state + static_cast<uint64_t>(argument->offset) + kKeyInStructure;
            break;
    }
    if (!is_in_writable_memory(file, key)) return std::nullopt;
    // What is called need not be the look-up of the key: 3.11 without optimization passes all of
    // _PyRuntime.gilstate on (Python/pystate.c).
    const StatedAddress gilstate = runtime.current_address - kCurrentInGilstate;
    if (runtime.current_address.value != 0 && key == gilstate + kKeyInStructure)
        return std::nullopt;
    return key;
}

// In 3.6 the key and the GIL holder are variables of their own, from 3.7 on fields of _PyRuntime.
void find_key_and_current(const elf::ElfFile& file, const Symbols& symbols,
                          const RuntimeOffsets& offsets, Runtime& runtime) {
    const bool has_runtime_state = runtime.runtime_state.value != 0;
    if (has_runtime_state && offsets.auto_key != kAbsent)
        runtime.key_address = runtime.runtime_state + offsets.auto_key;
    if (has_runtime_state && offsets.current_thread_state != kAbsent) {
        runtime.current_address = runtime.runtime_state + offsets.current_thread_state;
    }
    if (!has_runtime_state) runtime.current_address = symbols.address("_PyThreadState_Current");

    const bool has_key = runtime.version.major == 3 && !is_at_least(runtime.version, 15);
    if (const auto key = has_key ? decoded_key(file, symbols, runtime) : std::nullopt) {
        // Patch releases before the tables' (3.7.0 - 3.7.3) have all of gilstate elsewhere, by one
        // distance.
        if (runtime.key_address.value != 0 && runtime.current_address.value != 0) {
            runtime.current_address = *key - (runtime.key_address - runtime.current_address);
        }
        runtime.key_address = *key;
    }
    if (runtime.key_address.value != 0) runtime.sources |= THREAD_STATE_KEY;
    if (runtime.current_address.value != 0) runtime.sources |= THREAD_STATE_CURRENT;
}

// Up to 3.6 they are variables that only the full symbol table names.
void find_gil_and_collector(const Symbols& symbols, const RuntimeOffsets& offsets,
                            Runtime& runtime) {
    runtime.none = symbols.address("_Py_NoneStruct");
    if (runtime.runtime_state.value == 0) {
        const bool is_python_2 = runtime.version.major == 2;
        runtime.gil = symbols.address(is_python_2 ? "interpreter_lock" : "gil_mutex");
        const StatedAddress other = symbols.address("switch_mutex");  // 3.6 has two of them
        if (other.value != 0) runtime.gil = std::min(runtime.gil, other);
        runtime.collecting = symbols.address("collecting");
        return;
    }
    // Through the pointer to the holder's thread state, which was corrected for patch releases.
    if (offsets.gil != kAbsent && offsets.current_thread_state > offsets.gil)
        runtime.gil = runtime.current_address - (offsets.current_thread_state - offsets.gil);
    if (offsets.collecting != kAbsent)
        runtime.collecting = runtime.runtime_state + offsets.collecting;
}

void find_interpreters(const elf::ElfFile& file, const Symbols& symbols,
                       const RuntimeOffsets& offsets, Runtime& runtime) {
    if (runtime.runtime_state.value != 0) {
        // The debug-offsets table has set it already where there is one.
        if (runtime.interpreters_head.value == 0 && offsets.interpreters_head != kAbsent) {
            runtime.interpreters_head = runtime.runtime_state + offsets.interpreters_head;
        }
    } else if (const auto function = symbols.find("PyInterpreterState_Head")) {
        const auto head = returned_variable(file, *function);
        if (head && is_in_writable_memory(file, *head)) runtime.interpreters_head = *head;
    }
    if (runtime.interpreters_head.value != 0) runtime.sources |= THREAD_STATE_LISTED;
}

}  // namespace

std::string Version::to_string() const {
    return micro < 0 ? fmt::format("{}.{}", major, minor)
                     : fmt::format("{}.{}.{}", major, minor, micro);
}

Inspection inspect(const elf::ElfFile& file, std::string_view path_hint) {
    Symbols symbols(file);
    const elf::Section* runtime_section = file.section(kRuntimeSection);
    if (!symbols.find(kEvalFrameDefault) && !symbols.find(kEvalFrameEx)) {
        if (runtime_section == nullptr) return {};
        symbols.add_mini_debug_info();
    }

    Runtime runtime;
    runtime.runtime_state = symbols.address("_PyRuntime");
    if (runtime.runtime_state.value == 0 && runtime_section != nullptr)
        runtime.runtime_state = runtime_section->address;
    const auto found = find_version(file, runtime.runtime_state, path_hint);
    if (!found) return unsupported({}, "the file does not say which CPython it contains");
    runtime.version = found->version;
    const std::string name = "CPython " + runtime.version.to_string();

    const std::span<const Layout> builds = layouts_of(runtime.version.major, runtime.version.minor);
    if (builds.empty())
        return unsupported(runtime.version, unknown_version_reason(runtime.version));
    if (found->is_prerelease)
        return unsupported(runtime.version, name + " is a pre-release, whose layout is not final");

    runtime.code_type = symbols.address("PyCode_Type");
    if (runtime.code_type.value == 0)
        return unsupported(runtime.version, name + ": it does not export PyCode_Type");
    const auto head = read_debug_offsets_head(file, runtime.runtime_state);
    if (!head && is_at_least(runtime.version, 13)) {
        return unsupported(runtime.version, name + ": it has no debug-offsets table");
    }
    const Layout* layout =
        matching_build(file, runtime.code_type, builds, head && head->free_threaded);
    if (layout == nullptr) {
        return unsupported(runtime.version, name +
                                                ": its code objects have another size than that "
                                                "version's: it is a modified CPython");
    }
    runtime.layout = layout->walker;
    runtime.layout.debug_build |= static_cast<uint8_t>(symbols.find("_Py_RefTotal").has_value());
    runtime.interpreter_next = layout->interpreter_next;
    runtime.interpreter_threads = layout->interpreter_threads;
    runtime.thread_next = layout->thread_next;

    if (head) {
        const auto applied = apply_debug_offsets(file, runtime.runtime_state, *layout, runtime);
        if (!applied) return unsupported(runtime.version, name + ": " + applied.error().message);
    }
    const auto compared = compare_code_members(file, runtime.code_type, *layout, runtime.layout);
    if (!compared) return unsupported(runtime.version, name + ": " + compared.error().message);

    const std::string_view eval_name =
        runtime.version.major == 2 ? kEvalFrameEx : kEvalFrameDefault;
    if (const auto eval = symbols.find(eval_name))
        runtime.eval_ranges = function_ranges(file, *eval, eval_name);
    if (runtime.eval_ranges.empty()) {
        return unsupported(runtime.version,
                           fmt::format("{}: {} is not in its symbols", name, eval_name));
    }

    const RuntimeOffsets& offsets =
        file.machine() == EM_AARCH64 ? layout->runtime_arm64 : layout->runtime_x86_64;
    find_interpreters(file, symbols, offsets, runtime);
    find_tls(file, symbols, runtime);
    find_key_and_current(file, symbols, offsets, runtime);
    find_gil_and_collector(symbols, offsets, runtime);
    runtime.classes = layout->classes;
    runtime.function_type = symbols.address("PyFunction_Type");
    runtime.class_type = symbols.address("PyClass_Type");
    runtime.instance_type = symbols.address("PyInstance_Type");
    if (runtime.sources == 0)
        return unsupported(runtime.version, name + ": nothing in it leads to its thread states");
    return {.is_python = true, .runtime = std::make_shared<const Runtime>(std::move(runtime))};
}

}  // namespace pyebpf::python
