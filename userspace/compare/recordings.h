// SPDX-License-Identifier: Apache-2.0
// From recordings to sides that can be compared, or a refusal that says why they cannot.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "compare/environment.h"
#include "compare/series.h"
#include "profile/profile.h"

namespace pyebpf::compare {

struct NamedProfile {
    std::string name;  // of the file or the run, for messages
    profile::Profile profile;
    double work = 0;  // units of work done; 0: not known
};

struct Loaded {
    Sides sides;
    std::vector<std::string> warnings;
    Environment environment;           // of the first head recording
    std::string base_root, head_root;  // of the checkouts, see project_root()
    bool is_descriptive = false;
};

// With one recording on a side, both sides are cut into blocks of time and the comparison is
// descriptive.
[[nodiscard]] Result<Loaded> load_sides(const std::vector<NamedProfile>& base,
                                        const std::vector<NamedProfile>& head);

}  // namespace pyebpf::compare
