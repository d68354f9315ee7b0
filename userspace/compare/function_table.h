// SPDX-License-Identifier: Apache-2.0
// What is compared: functions, the same ones in recordings of different runs, checkouts and
// machines. A function is its kind, qualified name and module; lines do not count, they move.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "profile/profile.h"

namespace pyebpf::compare {

using FunctionId = Id<struct FunctionTag>;

struct Function {
    profile::FrameKind kind = profile::FrameKind::kPython;
    std::string name;    // qualified
    std::string module;  // "json.encoder" of Python code, the library or program of native code
    // Where it was last seen, for annotations; not part of its identity.
    std::string path;
    uint32_t first_line = 0;

    // "json.encoder:JSONEncoder.encode"
    [[nodiscard]] std::string text() const;
};

class FunctionTable {
  public:
    FunctionId intern(Function function);
    [[nodiscard]] std::optional<FunctionId> find(const Function& function) const;
    [[nodiscard]] const Function& operator[](FunctionId id) const { return functions_[id.value]; }
    [[nodiscard]] size_t size() const { return functions_.size(); }

  private:
    std::vector<Function> functions_;
    std::map<std::tuple<profile::FrameKind, std::string, std::string>, FunctionId> ids_;
};

// The directory that all Python files outside of installed libraries are in, with a slash at the
// end; "" if there is none. Two checkouts of a project differ in it and in nothing else.
[[nodiscard]] std::string project_root(const std::vector<std::string>& files);

// "json.encoder" of /usr/lib/python3.13/json/encoder.py, "shop.views" of ROOT/shop/views.py.
[[nodiscard]] std::string module_of_file(std::string_view file, std::string_view root);

}  // namespace pyebpf::compare
