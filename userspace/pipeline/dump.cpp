// SPDX-License-Identifier: Apache-2.0
#include "pipeline/dump.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/unique_fd.h"
#include "loader/task_iterator.h"
#include "pipeline/local_tables.h"
#include "pipeline/preconditions.h"
#include "pipeline/process_publisher.h"
#include "pipeline/python_thread_names.h"
#include "pipeline/recorder.h"
#include "pipeline/stack_store.h"
#include "pipeline/task_walker.h"
#include "process/process_table.h"
#include "sys/clock.h"
#include "sys/proc.h"

namespace pyebpf::pipeline {

namespace {

using profile::ThreadState;

constexpr int kRounds = 12;
// A thread that runs for moments only has had its moment by the next round.
constexpr auto kRoundPause = std::chrono::microseconds(500);
constexpr int kEagerRounds = 2;  // the first ones are without a pause

// With what frequency and for how long threads are sampled that run all the time.
constexpr uint64_t kBurstHz = 997;
constexpr uint64_t kBurstNs = 150'000'000;
constexpr int kBurstPumpMs = 5;

// The processes that are meant, as the host numbers them.
Result<std::vector<uint32_t>> find_pids(const DumpOptions& options,
                                        process::Containers& containers) {
    std::vector<uint32_t> pids = options.pids;
    if (!options.cgroups.empty()) {
        auto targets = CgroupTargets::find(options.cgroups, containers);
        if (!targets) return tl::unexpected(targets.error());
        if (!pids.empty()) return host_pids(*targets, containers, pids);
        for (const uint32_t pid : sys::process_ids()) {
            const auto membership = containers.of_process(pid);
            if (membership && targets->match(*membership)) pids.push_back(pid);
        }
        if (pids.empty()) return fail("no process runs there now");
        return pids;
    }
    std::ranges::sort(pids);
    const auto [first, last] = std::ranges::unique(pids);
    pids.erase(first, last);
    for (const uint32_t pid : pids) {
        const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
        if (!process) {
            const std::string problem = sys::read_stat(pid)
                                            ? fmt::format("{} is a thread, not a process", pid)
                                            : fmt::format("there is no process {}", pid);
            return fail(problem, "pyebpf ps lists the Python processes that run now");
        }
        const auto stat = sys::read_stat(pid);
        if (stat && stat->is_kernel_thread)
            return fail(fmt::format("{} is a thread of the kernel", pid), "", kExitUsage);
    }
    return pids;
}

uint8_t profile_flags(uint16_t flags) {
    return static_cast<uint8_t>(
        ((flags & SAMPLE_FLAG_HOLDS_GIL) != 0 ? profile::kHoldsGil : 0) |
        ((flags & SAMPLE_FLAG_HANDLES_EXCEPTION) != 0 ? profile::kHandlesException : 0) |
        ((flags & SAMPLE_FLAG_COLLECTS_GARBAGE) != 0 ? profile::kCollectsGarbage : 0));
}

std::vector<DumpedFrame> to_frames(const profile::Profile& profile, profile::StackId stack) {
    std::vector<DumpedFrame> frames;
    for (; stack.valid(); stack = profile.stacks[stack].parent) {
        const profile::Frame& frame = profile.frame(profile.stacks[stack].frame);
        frames.push_back({.kind = frame.kind,
                          .inlined = frame.inlined,
                          .function = std::string(profile.text(frame.function)),
                          .file = std::string(profile.text(frame.file)),
                          .module = std::string(profile.text(frame.module)),
                          .line = frame.line});
    }
    return frames;
}

// A recording that nobody keeps.
class NoSink final : public Sink {
  public:
    void write(std::string_view) override {}
    [[nodiscard]] bool failed() const override { return false; }
    [[nodiscard]] Result<void> finish() override { return {}; }
};

// What there is to say of the processes is said once.
class Quiet {
  public:
    Quiet() : before_(log::level()) { log::set_level(log::Level::kQuiet); }
    ~Quiet() { log::set_level(before_); }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    const log::Level before_;
};

// What becomes of a thread from look to look.
struct Thread {
    task_record task{};  // as it was when it was walked; else as it was seen last
    WalkedThread walked;
    bool is_walked = false;   // its stack was read while it did not run
    bool is_certain = false;  // and it did not run until the look after
    ResolvedId stack;         // not valid: there is none
    uint64_t resolved_ns = 0;
    std::string python_name;
};

// A thread that the burst met.
struct SampledThread {
    uint32_t pid = 0;
    std::string python;  // version
    DumpedThread thread;
};
using SampledThreads = std::map<uint32_t, SampledThread>;  // by tid

bool has_not_run(const task_record& before, const task_record& after) {
    return before.start_ns == after.start_ns && before.switches == after.switches &&
           ((before.flags | after.flags) & TASK_ON_CPU) == 0;
}

std::string why_no_frames(const Thread& thread) {
    const WalkedThread& walked = thread.walked;
    if ((thread.task.flags & TASK_NO_MEMORY) != 0) return "the thread is ending";
    if ((thread.task.flags & TASK_COMPAT) != 0) return "32-bit code is not unwound";
    if (walked.python_outcome == PYTHON_FAULT_THREAD_STATE ||
        walked.python_outcome == PYTHON_FAULT_FRAME)
        return "its memory could not be read";
    if ((thread.task.flags & TASK_ON_CPU) != 0) return "it ran, and was not sampled";
    return "it has no Python frames";
}

class Dumper {
  public:
    explicit Dumper(const DumpOptions& options)
        : options_(options),
          containers_(options.runtime_sockets),
          publisher_(tables_, binaries_),
          table_(publisher_, &containers_),
          resolver_(profile_, store_, table_, binaries_, publisher_, options.native_frames,
                    nullptr) {
        publisher_.set_table(table_);
    }

    Result<Dump> run();

  private:
    void take_in_processes();
    // Looks and walks until all threads are certain or the rounds are over.
    Result<void> look(const loader::TaskIterator& iterator);
    void walk(const std::vector<task_record>& tasks, TaskWalker& walker);
    void compare(const std::vector<task_record>& tasks);
    [[nodiscard]] bool all_certain() const;
    // What of a stack only the living process knows: mappings and code objects.
    void resolve(Thread& thread);
    // Samples until the threads with these ids were seen, or for some time. All if there are none.
    [[nodiscard]] Result<SampledThreads> burst(const std::set<uint32_t>& tids) const;
    [[nodiscard]] Result<Dump> sample_only(std::string reason);
    void describe_processes(Dump& dump);
    [[nodiscard]] DumpedThread describe(const Thread& thread);
    [[nodiscard]] std::string python_name(const Thread& thread);
    // Numbers a stack part as the kernel side does, and keeps it for the resolver.
    template <class Frame>
    uint64_t keep(const process_identity& space, stack_part part, const std::vector<Frame>& frames);
    void attach_variables(const Thread& thread, DumpedThread& dumped) const;
    [[nodiscard]] DumpedProcess* find(Dump& dump, uint32_t pid) const;

    const DumpOptions& options_;
    std::vector<uint32_t> pids_;
    LocalTables tables_;
    process::BinaryCache binaries_;
    process::Containers containers_;
    ProcessPublisher publisher_;
    process::ProcessTable table_;
    profile::Profile profile_;
    StackStore store_;
    StackResolver resolver_;
    ThreadNameReader thread_names_;
    std::map<uint32_t, Thread> threads_;  // by tid
    uint64_t parts_ = 0;
};

void Dumper::take_in_processes() {
    table_.scan(pids_);
    for (const uint32_t pid : pids_) {
        publisher_.watch(pid, false);
        const process::InstanceId id = table_.find(pid, 0);
        if (!id.valid()) continue;
        if (options_.native_frames != NativeFrames::kNone || publisher_.is_python(id))
            publisher_.want_code_ranges(id);
    }
    publisher_.wait_for_tables();
}

void Dumper::walk(const std::vector<task_record>& tasks, TaskWalker& walker) {
    for (const task_record& task : tasks) {
        Thread& thread = threads_[task.tid];
        if (thread.is_certain) continue;
        const bool runs = (task.flags & TASK_ON_CPU) != 0;
        if (runs && thread.is_walked) continue;  // better than what could be read now
        thread.task = task;
        thread.walked = walker.walk(task);
        thread.is_walked = !runs;
    }
}

void Dumper::compare(const std::vector<task_record>& tasks) {
    for (auto entry = threads_.begin(); entry != threads_.end();) {
        auto& [tid, thread] = *entry;
        const auto after = std::ranges::lower_bound(tasks, tid, {}, &task_record::tid);
        if (after == tasks.end() || after->tid != tid) {
            // It has ended. If its stack was certain, it was true at a moment that all others
            // share.
            entry = thread.is_certain ? std::next(entry) : threads_.erase(entry);
            continue;
        }
        if (thread.is_walked && has_not_run(thread.task, *after)) thread.is_certain = true;
        ++entry;
    }
}

bool Dumper::all_certain() const {
    return std::ranges::all_of(threads_, [](const auto& entry) { return entry.second.is_certain; });
}

Result<void> Dumper::look(const loader::TaskIterator& iterator) {
    TaskWalker walker(tables_, {.native = options_.native_frames != NativeFrames::kNone,
                                .variables = options_.variables});
    auto tasks = iterator.take();
    if (!tasks) return tl::unexpected(tasks.error());
    for (int round = 0; round < kRounds; ++round) {
        if (round >= kEagerRounds) {
            std::this_thread::sleep_for(kRoundPause);
            tasks = iterator.take();
            if (!tasks) return tl::unexpected(tasks.error());
        }
        walk(*tasks, walker);
        tasks = iterator.take();
        if (!tasks) return tl::unexpected(tasks.error());
        compare(*tasks);
        if (all_certain()) break;
    }
    return {};
}

template <class Frame>
uint64_t Dumper::keep(const process_identity& space, stack_part part,
                      const std::vector<Frame>& frames) {
    if (frames.empty()) return 0;
    stack_part_record record{};
    const size_t bytes = frames.size() * sizeof(Frame);
    record.header = {RECORD_STACK, static_cast<uint32_t>(sizeof(record) + bytes)};
    record.space = space;
    record.hash = ++parts_;
    record.part = part;
    record.frames = static_cast<uint32_t>(frames.size());
    std::vector<uint8_t> text(sizeof(record) + bytes);
    std::memcpy(text.data(), &record, sizeof(record));
    std::memcpy(text.data() + sizeof(record), frames.data(), bytes);
    return store_.add(text) ? record.hash : 0;
}

void Dumper::resolve(Thread& thread) {
    const task_record& task = thread.task;
    thread.python_name = python_name(thread);
    sample_record sample{};
    sample.space = task.space;
    sample.tid = task.tid;
    sample.time_ns = sys::monotonic_ns();
    sample.flags = thread.walked.flags;
    sample.thread_state = thread.walked.thread_state;
    sample.native_outcome = thread.walked.native_outcome;
    sample.python_outcome = thread.walked.python_outcome;
    sample.native_hash = keep(task.space, STACK_NATIVE, thread.walked.native);
    sample.python_hash = keep(task.space, STACK_PYTHON, thread.walked.python);
    if (sample.native_hash == 0 && sample.python_hash == 0) return;
    const process::InstanceId instance = table_.find(task.space.tgid, sample.time_ns);
    if (!instance.valid()) return;
    thread.stack = resolver_.resolve(sample, instance);
    thread.resolved_ns = sample.time_ns;
}

std::string Dumper::python_name(const Thread& thread) {
    const uint32_t pid = thread.task.space.tgid;
    const auto process = tables_.process(pid);
    const auto layout = tables_.layout(process ? process->python.layout : NO_PYTHON_LAYOUT);
    if (!layout) return {};
    return thread_names_.read(pid, *layout, thread.walked.root_code, thread.walked.root_frame);
}

DumpedThread Dumper::describe(const Thread& thread) {
    const task_record& task = thread.task;
    DumpedThread dumped;
    dumped.tid = task.tid;
    dumped.name.assign(task.name, strnlen(task.name, sizeof(task.name)));
    dumped.state =
        static_cast<ThreadState>(std::min<uint8_t>(thread.walked.activity, THREAD_OTHER));
    dumped.flags = profile_flags(thread.walked.flags);
    if (!thread.stack.valid()) {
        dumped.no_frames = why_no_frames(thread);
        return dumped;
    }
    dumped.is_torn = !thread.is_certain;
    dumped.frames = to_frames(profile_, resolver_.stack(thread.stack));
    attach_variables(thread, dumped);
    return dumped;
}

// The Python frames of the named stack are those of the walk, in order; some of the walk are left
// out of it.
void Dumper::attach_variables(const Thread& thread, DumpedThread& dumped) const {
    const Identity identity{thread.task.space.tgid, thread.task.space.generation};
    size_t next = 0;
    for (size_t i = 0; i < thread.walked.variables.size(); ++i) {
        const CodeObject* code =
            store_.code(identity, thread.walked.python[i].word0, thread.resolved_ns);
        if (code == nullptr) continue;
        const auto is_this = [&](const DumpedFrame& frame) {
            return frame.kind == profile::FrameKind::kPython && frame.function == code->name &&
                   frame.file == code->file;
        };
        size_t at = next;
        while (at < dumped.frames.size() && dumped.frames[at].kind != profile::FrameKind::kPython)
            ++at;
        if (at == dumped.frames.size() || !is_this(dumped.frames[at])) continue;
        dumped.frames[at].variables = thread.walked.variables[i];
        next = at + 1;
    }
}

void Dumper::describe_processes(Dump& dump) {
    for (const uint32_t pid : pids_) {
        const process::InstanceId id = table_.find(pid, sys::monotonic_ns());
        if (!id.valid()) continue;
        const process::Instance instance = table_.instance(id);
        DumpedProcess& process = dump.processes.emplace_back();
        process.pid = pid;
        process.namespace_pid = instance.namespace_pid;
        process.command = instance.command.empty() ? instance.name : instance.command;
        process.executable = instance.executable;
        process.python = publisher_.python_version(id);
        if (instance.membership) process.container = instance.membership->facts;
    }
}

DumpedProcess* Dumper::find(Dump& dump, uint32_t pid) const {
    const auto found = std::ranges::find(dump.processes, pid, &DumpedProcess::pid);
    return found == dump.processes.end() ? nullptr : &*found;
}

Result<SampledThreads> Dumper::burst(const std::set<uint32_t>& tids) const {
    std::optional<Quiet> quiet;
    if (!tids.empty()) quiet.emplace();
    RecorderOptions options;
    options.pids = pids_;
    options.follow_children = false;
    options.frequency_hz = std::min(kBurstHz, sys::max_sample_rate_hz());
    options.kernel_frames = false;
    options.native_frames = options_.native_frames;
    NoSink nowhere;
    auto recorder = Recorder::open(options, nowhere);
    if (!recorder) return tl::unexpected(recorder.error());
    if (auto started = (*recorder)->start(); !started) return tl::unexpected(started.error());
    SampledThreads sampled;
    const auto look = [&](const profile::Profile& profile) {
        for (const profile::Sample& sample : profile.samples) {
            const profile::Thread& thread = profile.threads[sample.thread.value];
            if (!tids.empty() && !tids.contains(thread.tid)) continue;
            const profile::Process& process = profile.processes[thread.process.value];
            // The latest sample stays.
            sampled[thread.tid] = {.pid = process.pid,
                                   .python = std::string(profile.text(process.python)),
                                   .thread = {.tid = thread.tid,
                                              .name = std::string(profile.text(thread.name)),
                                              .state = ThreadState::kRunning,
                                              .flags = sample.flags,
                                              .is_sampled = true,
                                              .frames = to_frames(profile, sample.stack)}};
        }
    };
    const uint64_t end_ns = sys::monotonic_ns() + kBurstNs;
    bool is_over = false;
    while (!is_over && sys::monotonic_ns() < end_ns) {
        is_over = !(*recorder)->pump(kBurstPumpMs);
        if (auto flushed = (*recorder)->flush(look); !flushed)
            return tl::unexpected(flushed.error());
        is_over = is_over || (!tids.empty() && sampled.size() == tids.size());
    }
    (*recorder)->stop();
    if (auto flushed = (*recorder)->flush(look); !flushed) return tl::unexpected(flushed.error());
    return sampled;
}

Result<Dump> Dumper::sample_only(std::string reason) {
    Dump dump;
    dump.no_iterator = std::move(reason);
    table_.scan(pids_);
    describe_processes(dump);
    auto sampled = burst({});
    if (!sampled) return tl::unexpected(sampled.error());
    for (auto& [tid, found] : *sampled) {
        DumpedProcess* process = find(dump, found.pid);
        if (process == nullptr) continue;
        process->python = found.python;
        process->threads.push_back(std::move(found.thread));
    }
    for (DumpedProcess& process : dump.processes) {
        const size_t all = sys::thread_ids(process.pid).size();
        process.threads_not_seen =
            static_cast<uint32_t>(all - std::min(all, process.threads.size()));
    }
    return dump;
}

Result<Dump> Dumper::run() {
    auto pids = find_pids(options_, containers_);
    if (!pids) return tl::unexpected(pids.error());
    pids_ = std::move(*pids);
    for (const auto& check : {check_privileges("a dump"), check_kernel("a dump")})
        if (!check) return tl::unexpected(check.error());
    if (options_.without_iterator) return sample_only("not asked to");
    auto iterator = loader::TaskIterator::load(pids_);
    if (!iterator) return sample_only(iterator.error().message);

    Dump dump;
    take_in_processes();
    for (const process::InstanceId id : table_.live_instances()) publisher_.list_threads(id);
    const uint64_t start_ns = sys::monotonic_ns();
    if (auto looked = look(**iterator); !looked) return tl::unexpected(looked.error());
    dump.look_seconds = static_cast<double>(sys::monotonic_ns() - start_ns) * 1e-9;
    if (threads_.empty()) {
        return fail(pids_.size() == 1 ? fmt::format("process {} has ended", pids_.front())
                                      : std::string("the processes have ended"));
    }
    std::set<uint32_t> not_certain;
    for (auto& [tid, thread] : threads_) {
        resolve(thread);
        if (!thread.is_certain && (thread.task.flags & TASK_NO_MEMORY) == 0)
            not_certain.insert(tid);
    }
    SampledThreads sampled;
    if (!not_certain.empty()) {  // before the names: reading debug files may take its time
        auto found = burst(not_certain);
        if (!found)
            log::warning("threads that run could not be sampled: " + found.error().message);
        else
            sampled = std::move(*found);
    }
    describe_processes(dump);
    for (const auto& [tid, thread] : threads_) {
        DumpedProcess* process = find(dump, thread.task.space.tgid);
        if (process == nullptr) continue;
        const auto in_burst = sampled.find(tid);
        process->threads.push_back(in_burst != sampled.end() ? std::move(in_burst->second.thread)
                                                             : describe(thread));
        process->threads.back().python_name = thread.python_name;
    }
    return dump;
}

}  // namespace

bool is_idle(ThreadState state) {
    switch (state) {
        case ThreadState::kRunning:
        case ThreadState::kRunQueue:
        case ThreadState::kThrottled:
        case ThreadState::kGil:
        case ThreadState::kDisk:
        case ThreadState::kPageFault:
            return false;
        case ThreadState::kLock:
        case ThreadState::kSleep:
        case ThreadState::kNetwork:
        case ThreadState::kPipe:
        case ThreadState::kChild:
        case ThreadState::kPoll:
        case ThreadState::kOther:
            return true;
    }
    return true;
}

Result<Dump> take_dump(const DumpOptions& options) {
    return Dumper(options).run();
}

}  // namespace pyebpf::pipeline
