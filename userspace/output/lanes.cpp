// SPDX-License-Identifier: Apache-2.0
#include "output/lanes.h"

#include <map>
#include <tuple>

namespace pyebpf::output {

std::vector<Lane> make_lanes(const profile::Profile& profile, const Units& units) {
    using profile::ProcessId;
    using profile::ThreadId;
    std::map<std::tuple<ProcessId, ThreadId, uint32_t>, Lane> lanes;
    for (uint32_t i = 0; i < profile.samples.size(); i++) {
        const profile::Sample& sample = profile.samples[i];
        const bool is_known = sample.thread.value < profile.threads.size();
        const ThreadId thread = is_known ? sample.thread : ThreadId{};
        const ProcessId process = is_known ? profile.threads[thread.value].process : ProcessId{};
        Lane& lane = lanes[{process, thread, units.of(sample)}];
        lane.samples.push_back(i);
        lane.weight += sample.weight;
    }
    std::vector<Lane> result;
    for (auto& [key, lane] : lanes) {
        std::tie(std::ignore, lane.thread, lane.unit) = key;
        result.push_back(std::move(lane));
    }
    return result;
}

}  // namespace pyebpf::output
