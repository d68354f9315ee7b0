// SPDX-License-Identifier: Apache-2.0
#include "symbolize/demangle.h"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/ascii.h"
#include "symbolize/cpp_name_size.h"
#include "symbolize/rust_demangle.h"

namespace pyebpf::symbolize {
namespace {

// A text of this size tells nobody more than the mangled name.
constexpr uint64_t kMaxCppTextBytes = 256 * 1024;

// Of GCC and LLVM. All but the first two are followed by a number.
constexpr std::array<std::string_view, 7> kCloneMarks = {
    "cold", "localalias", "part", "constprop", "isra", "lto_priv", "llvm",
};

bool is_clone_mark(std::string_view word, bool has_number) {
    const auto* mark = std::find(kCloneMarks.begin(), kCloneMarks.end(), word);
    return mark != kCloneMarks.end() && (has_number || mark < kCloneMarks.begin() + 2);
}

// Where the clone suffix (".part.0.cold": marks and numbers, a mark first) of a name that is not
// mangled begins; names with other dots in them (Go) stay whole.
size_t find_clone_suffix(std::string_view name) {
    size_t suffix = name.size();
    size_t end = name.size();
    bool has_number = false;
    while (end > 0) {
        const size_t dot = name.rfind('.', end - 1);
        if (dot == std::string_view::npos || dot == 0) break;
        const std::string_view word = name.substr(dot + 1, end - dot - 1);
        const bool is_number = !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
        if (!is_number && !is_clone_mark(word, has_number)) break;
        if (!is_number) suffix = dot;
        has_number = is_number;
        end = dot;
    }
    return suffix;
}

std::string with_suffix(std::string text, std::string_view suffix) {
    // ThinLTO's number makes a local symbol unique and means nothing to people.
    if (const size_t llvm = suffix.find(".llvm."); llvm != std::string_view::npos) {
        suffix = suffix.substr(0, llvm);
    }
    if (suffix.empty()) return text;
    return std::move(text) + " [" + std::string(suffix) + "]";
}

std::optional<std::string> demangle_cpp(std::string_view name) {
    // The library's decoder expands back references without a limit: a hostile name of 400 bytes
    // fills the memory.
    const auto size = cpp_name_size(name);
    if (!size || *size > kMaxCppTextBytes) return std::nullopt;
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), &std::free);
    if (status != 0 || !text) return std::nullopt;
    return std::string(text.get());
}

}  // namespace

std::string demangle(std::string_view name) {
    if (name.starts_with("_R")) {
        if (auto rust = demangle_rust_v0(name))
            return with_suffix(std::move(rust->text), rust->suffix);
    }
    if (name.starts_with("_Z")) {
        if (auto rust = demangle_rust_legacy(name)) {
            return with_suffix(std::move(rust->text), rust->suffix);
        }
        const size_t dot =
            std::min(name.find('.'), name.size());  // no dot is in a mangled C++ name
        if (auto text = demangle_cpp(name.substr(0, dot))) {
            return with_suffix(std::move(*text), name.substr(dot));
        }
    }
    const size_t suffix = find_clone_suffix(name);
    return with_suffix(std::string(name.substr(0, suffix)), name.substr(suffix));
}

}  // namespace pyebpf::symbolize
