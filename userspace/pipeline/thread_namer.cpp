// SPDX-License-Identifier: Apache-2.0
#include "pipeline/thread_namer.h"

#include <algorithm>

#include "pipeline/python_thread_names.h"

namespace pyebpf::pipeline {

namespace {

// A thread's first samples may be older than its name.
constexpr uint8_t kMaxLooks = 3;

}  // namespace

void ThreadNamer::sampled(profile::ThreadId thread, process::InstanceId instance,
                          uint64_t thread_state) {
    looks_.resize(std::max<size_t>(looks_.size(), thread.value + 1));
    if (looks_[thread.value] < kMaxLooks) sampled_[thread.value] = {instance, thread_state};
}

void ThreadNamer::name(const process::ProcessTable& table, const ProcessPublisher& publisher,
                       profile::Profile& profile) {
    ThreadNameReader names;
    for (const auto& [id, thread] : sampled_) {
        const auto attached = publisher.attachment(thread.instance);
        if (!attached.runtime || !table.alive(thread.instance)) continue;
        ++looks_[id];
        const std::string name =
            names.read_of_state(table.pid(thread.instance), attached.runtime->layout, thread.state);
        if (name.empty()) continue;
        looks_[id] = kMaxLooks;
        profile.threads[id].python_name = profile.strings.intern(name);
    }
    sampled_.clear();
}

}  // namespace pyebpf::pipeline
