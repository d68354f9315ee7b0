// SPDX-License-Identifier: Apache-2.0
#include "pipeline/tracker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <string>

#include "sys/helper_thread.h"

namespace pyebpf::pipeline {

namespace {

constexpr size_t kRingPages = 128;  // 512 KiB a CPU: some 4,000 mappings
constexpr auto kSwarm = std::chrono::microseconds(500);
constexpr int kUrgent = -20;  // nice value: a new process should not have to wait for the busy ones

}  // namespace

Result<std::unique_ptr<Tracker>> Tracker::open(process::ProcessTable& table) {
    std::unique_ptr<Tracker> tracker(new Tracker(table));
    auto cpus = sys::online_cpus();
    if (!cpus) return tl::unexpected(cpus.error());
    for (const int cpu : *cpus) {
        auto ring = sys::ProcessEventRing::open(cpu, kRingPages);
        if (!ring) return tl::unexpected(ring.error());
        tracker->rings_.push_back(std::move(*ring));
    }
    tracker->wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
    if (!tracker->wake_) return fail_errno("create an eventfd", errno);
    return tracker;
}

Tracker::~Tracker() {
    if (!thread_.joinable()) return;
    const uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof(one));
    thread_.join();
}

void Tracker::start() {
    table_.scan();
    thread_ = std::thread([this] { run(); });
}

void Tracker::run() {
    sys::block_signals_in_this_thread();
    setpriority(PRIO_PROCESS, 0, kUrgent);  // of this thread only; best effort
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    for (const sys::ProcessEventRing& ring : rings_) fds.push_back({ring.fd(), POLLIN, 0});
    while (true) {
        if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
        if ((fds[0].revents & POLLIN) != 0) return;
        catch_up();
        // Events come in swarms (an exec maps a dozen files): one wake-up for each swarm, not for
        // each event.
        std::this_thread::sleep_for(kSwarm);
    }
}

void Tracker::catch_up() {
    const std::scoped_lock lock(drain_mutex_);
    // Events of one process may come from several CPUs: apply them in the order of time.
    struct Event {
        sys::ProcessEvent event;
        std::string text;
    };
    std::deque<Event> events;
    for (sys::ProcessEventRing& ring : rings_) {
        ring.drain([&](const sys::ProcessEvent& event) {
            events.push_back({event, std::string(event.text)});
        });
    }
    std::ranges::stable_sort(events, {}, [](const Event& entry) { return entry.event.time_ns; });
    for (Event& entry : events) {
        entry.event.text = entry.text;
        table_.apply(entry.event);
    }
}

}  // namespace pyebpf::pipeline
