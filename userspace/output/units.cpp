// SPDX-License-Identifier: Apache-2.0
#include "output/units.h"

#include <algorithm>
#include <limits>

namespace pyebpf::output {

namespace {

constexpr size_t kPossibleSources = std::numeric_limits<uint8_t>::max() + size_t{1};

}  // namespace

Units::Units(const profile::Profile& profile) : unit_of_source_(kPossibleSources) {
    std::vector<bool> is_used(kPossibleSources);
    for (const profile::Sample& sample : profile.samples) is_used[sample.source] = true;
    if (profile.samples.empty()) is_used[0] = true;
    for (size_t source = 0; source < kPossibleSources; source++) {
        if (!is_used[source]) continue;
        const bool is_known = source < profile.sources.size();
        const std::string name = is_known ? profile.sources[source].unit : "events";
        const std::string source_name = is_known ? profile.sources[source].name : "unknown event";
        const auto found = std::ranges::find(list_, name, &Unit::name);
        unit_of_source_[source] = static_cast<uint32_t>(found - list_.begin());
        if (found == list_.end()) {
            list_.push_back({name, source_name, name == "nanoseconds"});
        } else {
            found->sources += ", " + source_name;
        }
    }
}

}  // namespace pyebpf::output
