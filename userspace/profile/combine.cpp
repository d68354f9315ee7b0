// SPDX-License-Identifier: Apache-2.0
#include "profile/combine.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace pyebpf::profile {

namespace {

constexpr size_t kMaxSources = std::numeric_limits<decltype(Sample::source)>::max() + size_t{1};

// Adds the parts of other profiles to one, translating their ids.
class Combiner {
  public:
    explicit Combiner(Profile first) : into_(std::move(first)) {}

    // shift_ns: from the other's clock to ours.
    Result<void> add(Profile other, uint64_t shift_ns) {
        const std::vector<StringId> strings = translate_strings(other);
        const std::vector<StackId> stacks = translate_stacks(other, strings);
        const auto first_process = static_cast<uint32_t>(into_.processes.size());
        const auto first_thread = static_cast<uint32_t>(into_.threads.size());
        add_processes(other, strings, shift_ns);
        for (Thread thread : other.threads) {
            if (thread.process.valid()) thread.process.value += first_process;
            thread.name = strings[thread.name.value];
            thread.python_name = strings[thread.python_name.value];
            into_.threads.push_back(thread);
        }
        for (const Module& module : other.modules) {
            const Module ours{strings[module.name.value], strings[module.path.value],
                              strings[module.build_id.value]};
            const bool is_known = std::ranges::any_of(into_.modules, [&](const Module& known) {
                return known.name == ours.name && known.path == ours.path &&
                       known.build_id == ours.build_id;
            });
            if (!is_known) into_.modules.push_back(ours);
        }
        std::vector<uint8_t> sources;
        for (const Source& source : other.sources) {
            const auto ours = source_of(source);
            if (!ours) return tl::unexpected<Error>(ours.error());
            sources.push_back(*ours);
        }
        into_.samples.reserve(into_.samples.size() + other.samples.size());
        for (Sample sample : other.samples) {
            sample.time_ns += shift_ns;
            if (sample.stack.valid()) sample.stack = stacks[sample.stack.value];
            if (sample.thread.valid()) sample.thread.value += first_thread;
            if (sample.source < sources.size()) sample.source = sources[sample.source];
            into_.samples.push_back(sample);
        }
        add_statistics(other);
        add_settings(other);
        for (auto& [file, text] : other.source_texts)
            into_.source_texts.try_emplace(strings[file.value], std::move(text));
        into_.end_ns = std::max(into_.end_ns, other.end_ns + shift_ns);
        into_.is_cut = into_.is_cut || other.is_cut;
        return {};
    }

    // The other is a later piece of the same recording: it has our processes and threads with the
    // same ids, and our losses.
    Result<void> add_piece(Profile later) {
        into_.processes.clear();
        into_.threads.clear();
        into_.statistics.clear();
        return add(std::move(later), 0);
    }

    Profile take() {
        sort_by_time(into_.samples);
        return std::move(into_);
    }

  private:
    std::vector<StringId> translate_strings(const Profile& other) {
        std::vector<StringId> ours;
        ours.reserve(other.strings.size());
        for (uint32_t i = 0; i < other.strings.size(); ++i)
            ours.push_back(into_.strings.intern(other.strings[StringId{i}]));
        return ours;
    }

    std::vector<StackId> translate_stacks(const Profile& other,
                                          const std::vector<StringId>& strings) {
        std::vector<FrameId> frames;
        frames.reserve(other.frames.size());
        for (uint32_t i = 0; i < other.frames.size(); ++i) {
            Frame frame = other.frames[FrameId{i}];
            frame.function = strings[frame.function.value];
            frame.file = strings[frame.file.value];
            frame.module = strings[frame.module.value];
            frames.push_back(into_.frames.intern(frame));
        }
        std::vector<StackId> stacks;
        stacks.reserve(other.stacks.size());
        for (uint32_t i = 0; i < other.stacks.size(); ++i) {
            const StackTable::Node& node = other.stacks[StackId{i}];
            const StackId parent = node.parent.valid() ? stacks[node.parent.value] : StackId{};
            stacks.push_back(into_.stacks.push(parent, frames[node.frame.value]));
        }
        return stacks;
    }

    void add_processes(const Profile& other, const std::vector<StringId>& strings,
                       uint64_t shift_ns) {
        std::vector<ContainerId> containers;
        for (Container container : other.containers) {
            for (StringId* text :
                 {&container.id, &container.name, &container.runtime, &container.image,
                  &container.pod, &container.pod_namespace, &container.unit, &container.cgroup}) {
                *text = strings[text->value];
            }
            const auto known = std::ranges::find(into_.containers, container);
            containers.push_back({static_cast<uint32_t>(known - into_.containers.begin())});
            if (known == into_.containers.end()) into_.containers.push_back(container);
        }
        for (Process process : other.processes) {
            for (StringId* text :
                 {&process.name, &process.command, &process.executable, &process.python}) {
                *text = strings[text->value];
            }
            if (process.container.valid()) process.container = containers[process.container.value];
            if (process.start_ns != 0) process.start_ns += shift_ns;
            if (process.end_ns != 0) process.end_ns += shift_ns;
            into_.processes.push_back(process);
        }
    }

    Result<uint8_t> source_of(const Source& source) {
        const auto known = std::ranges::find_if(into_.sources, [&](const Source& ours) {
            return ours.name == source.name && ours.unit == source.unit &&
                   ours.period == source.period && ours.frequency_hz == source.frequency_hz;
        });
        const auto index = static_cast<size_t>(known - into_.sources.begin());
        if (index == kMaxSources)
            return fail("the recordings have more than 256 different event sources together",
                        "combine fewer of them");
        if (known == into_.sources.end()) into_.sources.push_back(source);
        return static_cast<uint8_t>(index);
    }

    void add_statistics(const Profile& other) {
        for (const Statistic& statistic : other.statistics) {
            const auto known =
                std::ranges::find(into_.statistics, statistic.name, &Statistic::name);
            if (known == into_.statistics.end()) {
                into_.statistics.push_back(statistic);
            } else {
                known->value += statistic.value;
            }
        }
    }

    // What differs is told as such.
    void add_settings(const Profile& other) {
        for (const auto& [name, value] : other.settings) {
            const auto [ours, is_new] = into_.settings.try_emplace(name, value);
            constexpr std::string_view kSeparator = " | ";
            const std::string padded = std::string(kSeparator) + ours->second + kSeparator.data();
            if (!is_new &&
                padded.find(kSeparator.data() + value + kSeparator.data()) == std::string::npos) {
                ours->second += kSeparator.data() + value;
            }
        }
    }

    Profile into_;
};

}  // namespace

Result<Profile> combined(std::vector<Profile> profiles) {
    if (profiles.empty()) return Profile{};
    const bool has_clock =
        std::ranges::none_of(profiles, [](const Profile& p) { return p.start_unix_ns == 0; });
    // The earliest is first, so that shifts relative to it do not lead before its start.
    if (has_clock) std::ranges::stable_sort(profiles, {}, &Profile::start_unix_ns);
    const uint64_t start_ns = profiles.front().start_ns;
    const int64_t start_unix_ns = profiles.front().start_unix_ns;
    Combiner combiner(std::move(profiles.front()));
    for (size_t i = 1; i < profiles.size(); ++i) {
        const int64_t later_ns = has_clock ? profiles[i].start_unix_ns - start_unix_ns : 0;
        const uint64_t shift_ns =
            start_ns + static_cast<uint64_t>(later_ns) - profiles[i].start_ns;  // may wrap: added
        if (auto added = combiner.add(std::move(profiles[i]), shift_ns); !added)
            return tl::unexpected<Error>(added.error());
    }
    return combiner.take();
}

Result<Profile> combined_pieces(std::vector<Profile> pieces) {
    if (pieces.empty()) return Profile{};
    Combiner combiner(std::move(pieces.front()));
    for (size_t i = 1; i < pieces.size(); ++i) {
        if (auto added = combiner.add_piece(std::move(pieces[i])); !added)
            return tl::unexpected<Error>(added.error());
    }
    return combiner.take();
}

}  // namespace pyebpf::profile
