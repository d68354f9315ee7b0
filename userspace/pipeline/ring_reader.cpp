// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ring_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "sys/helper_thread.h"

namespace pyebpf::pipeline {

namespace {

constexpr int kDrainMs = 50;
constexpr size_t kMaxWaitingBytes = 256 << 20;
// The ring must be drained also when every CPU is busy; it costs a few percent of one.
constexpr int kReaderNice = -10;

void signal(int event) {
    const uint64_t one = 1;
    (void)!::write(event, &one, sizeof(one));
}

}  // namespace

RingReader::RingReader(loader::Sampler& sampler, std::function<void(Record)> look)
    : sampler_(sampler),
      look_(std::move(look)),
      filled_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

RingReader::~RingReader() {
    stop();
}

void RingReader::stop() {
    if (!thread_.joinable()) return;
    signal(stop_.get());
    thread_.join();
}

void RingReader::run() {
    sys::block_signals_in_this_thread();
    setpriority(PRIO_PROCESS, 0, kReaderNice);  // of this thread; best effort
    std::array<pollfd, 2> fds{{{stop_.get(), POLLIN, 0}, {sampler_.ring_fd(), POLLIN, 0}}};
    for (;;) {
        (void)poll(fds.data(), fds.size(), kDrainMs);
        drain();
        if ((fds[0].revents & POLLIN) != 0) return;
    }
}

void RingReader::drain() {
    {
        const std::lock_guard lock(mutex_);
        if (bytes_.size() > kMaxWaitingBytes) return;
    }
    std::vector<uint8_t> bytes;
    std::vector<uint32_t> sizes;
    sampler_.drain([&](std::span<const uint8_t> record) {
        bytes.insert(bytes.end(), record.begin(), record.end());
        sizes.push_back(static_cast<uint32_t>(record.size()));
    });
    if (sizes.empty()) return;
    Record rest(bytes);
    for (const uint32_t size : sizes) {
        look_(rest.first(size));
        rest = rest.subspan(size);
    }
    {
        const std::lock_guard lock(mutex_);
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        sizes_.insert(sizes_.end(), sizes.begin(), sizes.end());
    }
    signal(filled_.get());
}

void RingReader::take(const std::function<void(Record)>& callback) {
    uint64_t count;
    (void)!::read(filled_.get(), &count, sizeof(count));
    std::vector<uint8_t> bytes;
    std::vector<uint32_t> sizes;
    {
        const std::lock_guard lock(mutex_);
        bytes.swap(bytes_);
        sizes.swap(sizes_);
    }
    Record rest(bytes);
    for (const uint32_t size : sizes) {
        callback(rest.first(size));
        rest = rest.subspan(size);
    }
}

}  // namespace pyebpf::pipeline
