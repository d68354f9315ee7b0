// SPDX-License-Identifier: Apache-2.0
#include "compare/function_table.h"

#include <algorithm>
#include <cctype>

namespace pyebpf::compare {

namespace {

// The part of a path below the folder that Python imports it from, or "" if it is not an installed
// library.
std::string_view below_library(std::string_view file) {
    for (const std::string_view folder : {"/site-packages/", "/dist-packages/"}) {
        if (const size_t at = file.rfind(folder); at != std::string_view::npos)
            return file.substr(at + folder.size());
    }
    // The standard library: …/lib/python3.13/json/encoder.py
    constexpr std::string_view kPython = "/python";
    for (size_t at = file.find(kPython); at != std::string_view::npos;
         at = file.find(kPython, at + 1)) {
        const std::string_view before = file.substr(0, at);
        if (!before.ends_with("/lib") && !before.ends_with("/lib64")) continue;
        size_t end = at + kPython.size();
        while (end < file.size() && (std::isdigit(static_cast<unsigned char>(file[end])) != 0 ||
                                     file[end] == '.' || file[end] == 't'))
            end++;
        if (end < file.size() && file[end] == '/') return file.substr(end + 1);
    }
    return {};
}

}  // namespace

std::string Function::text() const {
    return module.empty() ? name : module + ":" + name;
}

FunctionId FunctionTable::intern(Function function) {
    const FunctionId next{static_cast<uint32_t>(functions_.size())};
    const auto [entry, is_new] =
        ids_.try_emplace(std::tuple(function.kind, function.name, function.module), next);
    if (is_new) {
        functions_.push_back(std::move(function));
    } else {
        functions_[entry->second.value].path = std::move(function.path);
        functions_[entry->second.value].first_line = function.first_line;
    }
    return entry->second;
}

std::optional<FunctionId> FunctionTable::find(const Function& function) const {
    const auto found = ids_.find(std::tuple(function.kind, function.name, function.module));
    if (found == ids_.end()) return std::nullopt;
    return found->second;
}

std::string project_root(const std::vector<std::string>& files) {
    std::string root;
    bool is_first = true;
    for (const std::string& file : files) {
        if (!file.starts_with('/') || !below_library(file).empty()) continue;
        const std::string folder = file.substr(0, file.rfind('/') + 1);
        if (is_first) {
            root = folder;
            is_first = false;
            continue;
        }
        const auto differ = std::ranges::mismatch(root, folder).in1;
        root.erase(differ, root.end());
        root.erase(root.rfind('/') + 1);
    }
    return root;
}

std::string module_of_file(std::string_view file, std::string_view root) {
    std::string_view rest = below_library(file);
    if (rest.empty()) {
        rest = file;
        if (!root.empty() && file.starts_with(root)) rest.remove_prefix(root.size());
    }
    if (rest.ends_with(".py")) rest.remove_suffix(3);
    if (rest.ends_with("/__init__")) rest.remove_suffix(9);
    std::string module(rest);
    std::ranges::replace(module, '/', '.');
    return module;
}

}  // namespace pyebpf::compare
