// SPDX-License-Identifier: Apache-2.0
#include "sys/perf_event.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>

namespace pyebpf::sys {

namespace {

constexpr size_t kPageBytes = 4096;

Result<UniqueFd> perf_event_open(perf_event_attr& attributes, int cpu, std::string_view what) {
    attributes.size = sizeof(attributes);
    UniqueFd fd(static_cast<int>(
        syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (fd) return fd;
    const int error = errno;
    const std::string doing = fmt::format("open {} on cpu {}", what, cpu);
    if (error == EACCES || error == EPERM) {
        return fail(doing + ": not permitted",
                    "run as root, or grant CAP_PERFMON (before Linux 5.8: CAP_SYS_ADMIN); "
                    "see also kernel.perf_event_paranoid");
    }
    if (error == ENOENT || error == EOPNOTSUPP) {
        return fail(doing + ": this machine has no such event", "pyebpf doctor lists what it has");
    }
    return fail_errno(doing, error);
}

// A cursor over one record; reading past its end yields zeros, so that a short record cannot do
// harm.
class RecordReader {
  public:
    explicit RecordReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    template <class T>
    T take() {
        T value{};
        if (bytes_.size() >= sizeof(T)) {
            std::memcpy(&value, bytes_.data(), sizeof(T));
            bytes_ = bytes_.subspan(sizeof(T));
        } else {
            bytes_ = {};
        }
        return value;
    }
    std::string_view take_text(size_t trailing_bytes) {
        const size_t limit = bytes_.size() > trailing_bytes ? bytes_.size() - trailing_bytes : 0;
        const auto* text = reinterpret_cast<const char*>(bytes_.data());
        return {text, strnlen(text, limit)};
    }

  private:
    std::span<const uint8_t> bytes_;
};

}  // namespace

Result<std::vector<int>> online_cpus() {
    std::ifstream file("/sys/devices/system/cpu/online");
    std::string list;
    if (!std::getline(file, list))
        return fail("read /sys/devices/system/cpu/online: not readable", "is /sys mounted?");
    std::vector<int> cpus;
    size_t at = 0;
    while (at < list.size()) {
        size_t end = list.find(',', at);
        if (end == std::string::npos) end = list.size();
        const std::string part = list.substr(at, end - at);
        const size_t dash = part.find('-');
        const int first = std::stoi(part);
        const int last = dash == std::string::npos ? first : std::stoi(part.substr(dash + 1));
        for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
        at = end + 1;
    }
    return cpus;
}

Result<UniqueFd> open_sampling_event(const SamplingEvent& event, int cpu) {
    perf_event_attr attributes{};
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.disabled = 1;
    if (event.period != 0) {
        attributes.sample_period = event.period;
    } else {
        attributes.freq = 1;
        attributes.sample_freq = event.frequency_hz;
    }
    return perf_event_open(attributes, cpu, "sampling event");
}

Result<UniqueFd> open_counter(const CountedEvent& event, int cpu) {
    perf_event_attr attributes{};
    attributes.type = event.type;
    attributes.config = event.config;
    if (!event.path.empty()) {
        attributes.uprobe_path = reinterpret_cast<uint64_t>(event.path.c_str());
        attributes.probe_offset = event.offset;
    }
    return perf_event_open(attributes, cpu, "counter");
}

uint64_t read_counter(const UniqueFd& counter) {
    uint64_t value = 0;
    return ::read(counter.get(), &value, sizeof(value)) == sizeof(value) ? value : 0;
}

Result<ProcessEventRing> ProcessEventRing::open(int cpu, size_t pages) {
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_DUMMY;
    attributes.sample_period = 1;
    attributes.mmap = 1;   // executable mappings
    attributes.mmap2 = 1;  // with device and inode
    attributes.comm = 1;
    attributes.comm_exec = 1;
    attributes.task = 1;  // fork and exit
    attributes.sample_id_all = 1;
    attributes.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
    attributes.use_clockid = 1;
    attributes.clockid = CLOCK_MONOTONIC;
    attributes.watermark = 1;  // wakeup_events would count samples, of which there are none
    attributes.wakeup_watermark = 1;
    auto event = perf_event_open(attributes, cpu, "process events");
    if (!event) return tl::unexpected(event.error());

    ProcessEventRing ring;
    ring.event_ = std::move(*event);
    ring.data_bytes_ = pages * kPageBytes;
    void* mapping = mmap(nullptr, ring.data_bytes_ + kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                         ring.event_.get(), 0);
    if (mapping == MAP_FAILED) {
        return fail_errno(fmt::format("map {} pages for process events", pages), errno);
    }
    ring.ring_ = mapping;
    return ring;
}

ProcessEventRing::ProcessEventRing(ProcessEventRing&& other) noexcept
    : event_(std::move(other.event_)),
      ring_(std::exchange(other.ring_, nullptr)),
      data_bytes_(other.data_bytes_),
      unwrapped_(std::move(other.unwrapped_)) {}

ProcessEventRing::~ProcessEventRing() {
    if (ring_ != nullptr) munmap(ring_, data_bytes_ + kPageBytes);
}

void ProcessEventRing::drain(const std::function<void(const ProcessEvent&)>& callback) {
    auto* control = static_cast<perf_event_mmap_page*>(ring_);
    const auto* data = static_cast<const uint8_t*>(ring_) + kPageBytes;
    const uint64_t head = std::atomic_ref(control->data_head).load(std::memory_order_acquire);
    uint64_t tail = control->data_tail;
    while (tail < head) {
        perf_event_header header;
        const size_t at = tail & (data_bytes_ - 1);
        std::memcpy(&header, data + at,
                    sizeof(header));  // headers are 8-byte aligned and do not wrap
        if (header.size < sizeof(header) || header.size > head - tail) break;
        if (at + header.size <= data_bytes_) {
            deliver({data + at, header.size}, callback);
        } else {
            unwrapped_.assign(data + at, data + data_bytes_);
            unwrapped_.insert(unwrapped_.end(), data, data + header.size - (data_bytes_ - at));
            deliver(unwrapped_, callback);
        }
        tail += header.size;
    }
    std::atomic_ref(control->data_tail).store(tail, std::memory_order_release);
}

// Record layouts: perf_event_open(2) and include/uapi/linux/perf_event.h, enum perf_event_type.
void ProcessEventRing::deliver(std::span<const uint8_t> record,
                               const std::function<void(const ProcessEvent&)>& callback) const {
    constexpr size_t kSampleIdBytes = 16;  // pid, tid, time
    RecordReader reader(record);
    const auto header = reader.take<perf_event_header>();
    ProcessEvent event;
    if (record.size() >= sizeof(header) + kSampleIdBytes) {
        std::memcpy(&event.time_ns, record.data() + record.size() - 8, 8);
    }
    switch (header.type) {
        case PERF_RECORD_MMAP2:
            event.kind = ProcessEvent::Kind::kMapping;
            event.pid = reader.take<uint32_t>();
            event.tid = reader.take<uint32_t>();
            event.address = reader.take<uint64_t>();
            event.length = reader.take<uint64_t>();
            event.file_offset = reader.take<uint64_t>();
            event.device_major = reader.take<uint32_t>();
            event.device_minor = reader.take<uint32_t>();
            event.inode = reader.take<uint64_t>();
            reader.take<uint64_t>();  // inode generation
            reader.take<uint64_t>();  // prot, flags
            event.text = reader.take_text(kSampleIdBytes);
            break;
        case PERF_RECORD_COMM:
            event.kind = (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0
                             ? ProcessEvent::Kind::kExec
                             : ProcessEvent::Kind::kName;
            event.pid = reader.take<uint32_t>();
            event.tid = reader.take<uint32_t>();
            event.text = reader.take_text(kSampleIdBytes);
            break;
        case PERF_RECORD_FORK:
        case PERF_RECORD_EXIT:
            event.kind = header.type == PERF_RECORD_FORK ? ProcessEvent::Kind::kFork
                                                         : ProcessEvent::Kind::kExit;
            event.pid = reader.take<uint32_t>();
            event.parent_pid = reader.take<uint32_t>();
            event.tid = reader.take<uint32_t>();
            break;
        case PERF_RECORD_LOST:
            event.kind = ProcessEvent::Kind::kLost;
            reader.take<uint64_t>();
            event.lost = reader.take<uint64_t>();
            break;
        default:
            return;
    }
    callback(event);
}

uint64_t max_sample_rate_hz() {
    std::ifstream file("/proc/sys/kernel/perf_event_max_sample_rate");
    uint64_t rate = 0;
    return file >> rate ? rate : 100'000;
}

}  // namespace pyebpf::sys
