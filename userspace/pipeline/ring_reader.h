// SPDX-License-Identifier: Apache-2.0
// Drains the ring on a thread of its own, so that it does not fill while the owner of the profile
// reads symbols. What was drained waits in memory, bounded: if that is full too, the kernel side
// counts the loss.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "loader/sampler.h"

namespace pyebpf::pipeline {

class RingReader {
  public:
    using Record = std::span<const uint8_t>;
    // The sampler must outlive the reader. Starts reading. `look` sees each record first, on the
    // thread of the reader, within some 50 ms after it was sent; meanwhile the ring fills.
    RingReader(loader::Sampler& sampler, std::function<void(Record)> look);
    ~RingReader();

    // Readable when there is something to take.
    [[nodiscard]] int fd() const { return filled_.get(); }
    // Hands over the records that were drained since the last call, in the order of the ring.
    void take(const std::function<void(Record)>& callback);
    // Drains what is in the ring now, and ends the thread. take() then gives the rest.
    void stop();

  private:
    void run();
    void drain();

    loader::Sampler& sampler_;
    std::function<void(Record)> look_;
    UniqueFd filled_;
    UniqueFd stop_;
    std::mutex mutex_;             // guards what follows
    std::vector<uint8_t> bytes_;   // records, one behind the other
    std::vector<uint32_t> sizes_;  // of the records
    std::thread thread_;
};

}  // namespace pyebpf::pipeline
