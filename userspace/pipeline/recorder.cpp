// SPDX-License-Identifier: Apache-2.0
#include "pipeline/recorder.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/log.h"
#include "pipeline/preconditions.h"
#include "pipeline/process_publisher.h"
#include "pipeline/ring_reader.h"
#include "pipeline/stack_store.h"
#include "pipeline/statistics.h"
#include "pipeline/thread_namer.h"
#include "pipeline/tracker.h"
#include "process/process_facts.h"
#include "record/writer.h"
#include "sys/child_process.h"
#include "sys/clock.h"
#include "sys/cpu.h"

namespace pyebpf::pipeline {

namespace {

// Beyond these, what was written is forgotten. Some hundred bytes each.
constexpr size_t kMaxStacks = 1 << 20;
constexpr size_t kMaxRememberedFrames = 1 << 20;
constexpr size_t kMaxStoredStackBytes = 128 << 20;
constexpr uint64_t kLateSampleNs = 5'000'000'000;

// Room for two seconds of samples of 1 KiB: as long as the reader may wait for a CPU. A power of
// two.
size_t ring_bytes(uint64_t frequency_hz, size_t cpus) {
    constexpr size_t kSmallest = 8 << 20;
    constexpr size_t kLargest = 128 << 20;
    return std::clamp(std::bit_ceil(frequency_hz * cpus * 2048), kSmallest, kLargest);
}

// The process ids and those of their descendants, from /proc.
std::set<uint32_t> with_descendants(const std::vector<uint32_t>& pids, bool follow_children) {
    std::set<uint32_t> result(pids.begin(), pids.end());
    if (!follow_children) return result;
    std::unordered_map<uint32_t, std::vector<uint32_t>> children;
    for (const uint32_t pid : sys::process_ids()) {
        if (const auto stat = sys::read_stat(pid)) children[stat->parent].push_back(pid);
    }
    std::deque<uint32_t> queue(pids.begin(), pids.end());
    while (!queue.empty()) {
        for (const uint32_t child : children[queue.front()]) {
            if (result.insert(child).second) queue.push_back(child);
        }
        queue.pop_front();
    }
    return result;
}

// The targets by name, if there are some. With process ids, which are then the containers' own,
// they become the host's ids.
Result<std::optional<CgroupTargets>> resolve_targets(RecorderOptions& options,
                                                     process::Containers& containers) {
    if (options.cgroups.empty()) return std::nullopt;
    auto targets = CgroupTargets::find(options.cgroups, containers);
    if (!targets) return tl::unexpected(targets.error());
    if (options.pids.empty()) return std::move(*targets);
    auto pids = host_pids(*targets, containers, options.pids);
    if (!pids) return tl::unexpected(pids.error());
    options.pids = std::move(*pids);
    return std::nullopt;
}

// Waits and hits are sampled up to a rate: so many times that of ticks, as each stands for less.
constexpr uint64_t kEventsPerTick = 10;

void set_mode(const RecorderOptions& options, loader::SamplerOptions& sampler) {
    using events::Mode;
    sampler_config& settings = sampler.settings;
    using Kind = events::EventSource::Kind;
    sampler.programs = {.ticks = options.mode->ticks && options.source.kind == Kind::kPerf,
                        .switches = options.mode->waits,
                        .tracepoints = options.source.kind == Kind::kTracepoint,
                        .probes = options.source.kind == Kind::kProbe};
    settings.classify_waits = options.mode->waits;
    settings.exact_cpu_time = options.mode->ticks && options.mode->waits;
    settings.min_wait_ns = options.min_wait_ns;
    const uint64_t windows_per_second = 1'000'000'000 >> BUDGET_WINDOW_SHIFT;
    settings.events_per_window = static_cast<uint32_t>(
        std::max<uint64_t>(1, options.frequency_hz * kEventsPerTick / windows_per_second));
    if (options.mode->mode == Mode::kGil) settings.filter = KEEP_GIL;
    if (options.mode->mode == Mode::kException) settings.filter = KEEP_EXCEPTIONS;
    if (options.mode->waits || !options.source.counts_time) sampler.ring_bytes *= 4;
}

static_assert(static_cast<int>(profile::ThreadState::kOther) == THREAD_OTHER &&
              THREAD_ACTIVITIES == THREAD_OTHER + 1);
profile::ThreadState state_of(uint8_t activity) {
    return static_cast<profile::ThreadState>(std::min<uint8_t>(activity, THREAD_OTHER));
}

uint8_t flags_of(uint16_t flags) {
    return static_cast<uint8_t>(
        ((flags & SAMPLE_FLAG_HOLDS_GIL) != 0 ? profile::kHoldsGil : 0) |
        ((flags & SAMPLE_FLAG_HANDLES_EXCEPTION) != 0 ? profile::kHandlesException : 0) |
        ((flags & SAMPLE_FLAG_COLLECTS_GARBAGE) != 0 ? profile::kCollectsGarbage : 0));
}

}  // namespace

struct Recorder::Parts {
    RecorderOptions options;
    std::unique_ptr<loader::Sampler> sampler;
    process::BinaryCache binaries;
    std::unique_ptr<ProcessPublisher> publisher;
    std::unique_ptr<process::Containers> containers;
    std::unique_ptr<CgroupWatch> cgroup_watch;
    std::unique_ptr<process::ProcessTable> table;
    std::unique_ptr<Tracker> tracker;
    std::vector<UniqueFd> events;  // until they are attached
    std::optional<sys::ChildProcess> child;
    std::vector<UniqueFd>
        targets;  // of the pids: readable when the process has ended, even if nobody reaps it
    std::vector<int> event_fds;
    size_t cpus = 0;

    std::unique_ptr<RingReader> reader;

    Sink* sink = nullptr;
    std::unique_ptr<record::Writer> writer;
    StackStore store;
    profile::Profile profile;  // its samples: those that are not written yet
    uint64_t samples = 0;      // all of the recording
    std::unique_ptr<StackResolver> resolver;
    std::vector<ResolvedId> resolved;  // by sample; they get their stacks when they are written
    std::vector<sample_record> batch;
    std::unordered_map<uint32_t, profile::ProcessId> processes;  // by InstanceId
    // A sample in the middle of an exec has the new address space, and the instance before it by
    // its time: an address space is that of its last sample.
    struct Space {
        process::InstanceId instance;
        uint64_t last_taken_ns = 0;  // the taken_ns of its last sample
    };
    std::unordered_map<Identity, Space, IdentityHash> spaces;  // until they are forgotten
    uint64_t taken_ns = 0;                                     // when the queue was emptied last
    std::set<uint32_t> sampled;  // InstanceIds with samples that are not written yet
    std::unordered_map<uint64_t, profile::ThreadId> threads;  // by ProcessId << 32 | tid
    ThreadNamer thread_namer;
    std::array<uint64_t, PYTHON_OUTCOMES> python_outcomes{};
    std::array<uint64_t, NATIVE_OUTCOMES> native_outcomes{};
    Buckets buckets{};
    std::unordered_map<uint64_t, uint64_t> python_stack_ns;  // by hash: when it was first sampled
    std::set<uint32_t> python_started;    // InstanceIds with a complete Python stack
    uint64_t busy_start_ns = 0;           // CPU time of all CPUs when sampling began
    std::optional<uint64_t> busy_end_ns;  // … and when it ended
    uint64_t undefined_samples = 0;
    uint64_t malformed_samples = 0;

    ~Parts() {
        reader.reset();     // its thread uses the sampler
        tracker.reset();    // its thread uses the table
        publisher.reset();  // its worker uses the table and the sampler
    }

    void take_records();
    void take_unfinished_waits();
    void take_sample(const sample_record& sample);
    profile::ProcessId process_of(process::InstanceId id);
    profile::ThreadId thread_of(profile::ProcessId process, const sample_record& sample);
    void describe_process(process::InstanceId id);
    void name_samples();
    void end_recording();
    void forget_what_is_written();
    void add_machine_facts();
    std::vector<profile::Statistic> make_statistics() const;
};

Recorder::Recorder() : parts_(std::make_unique<Parts>()) {}
Recorder::~Recorder() = default;

Result<std::unique_ptr<Recorder>> Recorder::open(const RecorderOptions& requested, Sink& sink) {
    std::unique_ptr<Recorder> recorder(new Recorder());
    Parts& parts = *recorder->parts_;
    parts.options = requested;
    parts.sink = &sink;
    parts.containers = std::make_unique<process::Containers>(requested.runtime_sockets);
    auto targets = resolve_targets(parts.options, *parts.containers);
    if (!targets) return tl::unexpected(targets.error());
    const RecorderOptions& options = parts.options;
    if (auto met =
            check_preconditions({options.frequency_hz, options.pids, options.accept_kernel_hazard});
        !met)
        return tl::unexpected(met.error());
    const bool whole_machine = options.pids.empty() && options.command.empty();

    auto cpus = sys::online_cpus();
    if (!cpus) return tl::unexpected(cpus.error());
    parts.cpus = cpus->size();

    loader::SamplerOptions sampler_options;
    sampler_options.ring_bytes = ring_bytes(options.frequency_hz, parts.cpus);
    sampler_options.settings.target = *targets        ? TARGET_CGROUPS
                                      : whole_machine ? TARGET_ALL
                                                      : TARGET_PROCESSES;
    sampler_options.settings.take_kernel = options.kernel_frames;
    sampler_options.settings.take_native = options.native_frames != NativeFrames::kNone;
    sampler_options.settings.take_python = 1;
    sampler_options.settings.wakeup_bytes = static_cast<uint32_t>(sampler_options.ring_bytes / 4);
    set_mode(options, sampler_options);
    auto sampler = loader::Sampler::load(sampler_options);
    if (!sampler) return tl::unexpected(sampler.error());
    parts.sampler = std::move(*sampler);
    if (auto attached = parts.sampler->attach_process_events(); !attached)
        return tl::unexpected(attached.error());

    parts.publisher = std::make_unique<ProcessPublisher>(*parts.sampler, parts.binaries);
    if (*targets) {
        parts.cgroup_watch =
            std::make_unique<CgroupWatch>(std::move(**targets), *parts.containers, *parts.sampler);
        parts.publisher->set_cgroup_watch(*parts.cgroup_watch);
    }
    parts.table = std::make_unique<process::ProcessTable>(*parts.publisher, parts.containers.get());
    parts.publisher->set_table(*parts.table);
    parts.resolver = std::make_unique<StackResolver>(parts.profile, parts.store, *parts.table,
                                                     parts.binaries, *parts.publisher,
                                                     options.native_frames, options.debuginfod);
    if (options.embed_source) parts.resolver->embed_sources();
    auto tracker = Tracker::open(*parts.table);
    if (!tracker) return tl::unexpected(tracker.error());
    parts.tracker = std::move(*tracker);

    const bool has_perf_events =
        options.mode->ticks && options.source.kind == events::EventSource::Kind::kPerf;
    for (const int cpu : has_perf_events ? *cpus : std::vector<int>{}) {
        auto event =
            sys::open_sampling_event(options.source.at_frequency(options.frequency_hz), cpu);
        if (!event) return tl::unexpected(event.error());
        parts.events.push_back(std::move(*event));
    }
    for (const uint32_t pid : options.pids) {
        UniqueFd target(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
        if (!target)
            return fail(fmt::format("there is no process {}", pid),
                        "it has just ended, or it is a thread of another process");
        parts.targets.push_back(std::move(target));
    }
    if (!options.command.empty()) {
        auto child = sys::ChildProcess::create(options.command);
        if (!child) return tl::unexpected(child.error());
        parts.child.emplace(std::move(*child));
    }
    return recorder;
}

Result<void> Recorder::start() {
    Parts& parts = *parts_;
    parts.tracker->start();
    if (parts.child) {
        parts.sampler->load_absent_code();  // the program waits for it
        parts.publisher->watch(static_cast<uint32_t>(parts.child->pid()),
                               parts.options.follow_children);
    }
    for (const uint32_t pid : with_descendants(parts.options.pids, parts.options.follow_children)) {
        parts.publisher->watch(pid, parts.options.follow_children);
    }
    for (UniqueFd& event : parts.events) {
        const int fd = event.get();
        if (auto attached = parts.sampler->attach_sampling_event(std::move(event)); !attached)
            return attached;
        parts.event_fds.push_back(fd);
    }
    parts.events.clear();
    if (!parts.child) parts.sampler->load_absent_code();  // now that nothing waits
    parts.reader = std::make_unique<RingReader>(
        *parts.sampler,
        [&parts](RingReader::Record record) { parts.resolver->look_at_definition(record); });
    parts.busy_start_ns = sys::busy_ns().value_or(0);
    parts.profile.start_ns = sys::monotonic_ns();
    if (auto attached = parts.sampler->attach_source(parts.options.source); !attached)
        return attached;
    if (parts.options.mode->waits) {
        if (auto attached = parts.sampler->attach_switches(parts.profile.start_ns); !attached)
            return attached;
    }
    parts.profile.start_unix_ns = static_cast<int64_t>(sys::unix_ns());
    parts.add_machine_facts();
    parts.writer = std::make_unique<record::Writer>(*parts.sink);
    if (!parts.child) return {};
    parts.sampler->finish_loading();
    return parts.child->release();
}

bool Recorder::pump(int timeout_ms) {
    Parts& parts = *parts_;
    std::vector<pollfd> fds{{parts.reader->fd(), POLLIN, 0}};
    if (parts.child) fds.push_back({parts.child->fd(), POLLIN, 0});
    for (const UniqueFd& target : parts.targets) fds.push_back({target.get(), POLLIN, 0});
    (void)poll(fds.data(), fds.size(), timeout_ms);
    const auto ended = [&](size_t i) { return (fds[i].revents & POLLIN) != 0; };
    // A target that has ended would make every poll return at once.
    for (size_t i = parts.targets.size(); i-- > 0;) {
        if (ended(1 + (parts.child ? 1 : 0) + i))
            parts.targets.erase(parts.targets.begin() + static_cast<ptrdiff_t>(i));
    }
    parts.take_records();
    if (parts.child) return !parts.child->try_wait();
    return parts.options.pids.empty() || !parts.targets.empty();
}

void Recorder::stop() {
    Parts& parts = *parts_;
    parts.sampler->detach_sampling_events();
    parts.profile.end_ns = sys::monotonic_ns();
    parts.busy_end_ns = sys::busy_ns();
    parts.reader->stop();
    parts.take_records();
    parts.take_unfinished_waits();
}

// Of waits that go on when the recording ends.
void Recorder::Parts::take_unfinished_waits() {
    if (!options.mode->waits) return;
    tracker->catch_up();
    for (watched_thread& thread : sampler->waiting_threads()) {
        const uint64_t waited_ns = profile.end_ns - std::min(thread.since_ns, profile.end_ns);
        if (thread.wait.header.kind != RECORD_SAMPLE || waited_ns < options.min_wait_ns) continue;
        const uint64_t sampling_ns = std::min(thread.sampling_ns, waited_ns);
        thread.wait.weight = (waited_ns - sampling_ns) * thread.every + sampling_ns;
        take_sample(thread.wait);
    }
}

void Recorder::Parts::take_records() {
    // First everything that was sampled, then the process events, which are then newer; then names,
    // while the processes live.
    taken_ns = sys::monotonic_ns();
    reader->take([this](std::span<const uint8_t> record) {
        record_header header{};
        if (record.size() < sizeof(header)) return;
        std::memcpy(&header, record.data(), sizeof(header));
        if (header.kind != RECORD_SAMPLE) {
            (void)store.add(record);
        } else if (record.size() == sizeof(sample_record)) {
            std::memcpy(&batch.emplace_back(), record.data(), sizeof(sample_record));
        } else {
            ++malformed_samples;
        }
    });
    if (batch.empty()) return;
    tracker->catch_up();
    for (const sample_record& sample : batch) take_sample(sample);
    batch.clear();
    thread_namer.name(*table, *publisher, profile);
}

void Recorder::Parts::take_sample(const sample_record& sample) {
    const process::InstanceId instance = table->find(sample.space.tgid, sample.time_ns);
    if (!instance.valid()) {
        ++malformed_samples;
        return;
    }
    table->sampled(instance, sample.cgroup_id);
    uint8_t python_outcome = sample.python_outcome;
    if (python_outcome == PYTHON_COMPLETE) python_started.insert(instance.value);
    if (python_outcome == PYTHON_NO_THREAD_STATE || python_outcome == PYTHON_FAULT_THREAD_STATE) {
        if (!python_started.contains(instance.value)) {
            python_outcome =
                PYTHON_NO_THREAD_STATE;  // start-up: the interpreter's variables have no pages yet
        } else {
            publisher->list_threads(instance);
        }
    }
    if (python_outcome < PYTHON_OUTCOMES) ++python_outcomes[python_outcome];
    if (sample.native_outcome < NATIVE_OUTCOMES) ++native_outcomes[sample.native_outcome];
    if (sample.python_hash != 0 && sample.python_code_defined == 0) ++undefined_samples;
    if (sample.native_outcome == NATIVE_NO_MAPPING || sample.native_outcome == NATIVE_NO_TABLE)
        publisher->want_code_ranges(instance);

    profile::Sample& taken = profile.samples.emplace_back();
    taken.time_ns = sample.time_ns;
    taken.weight = sample.weight;
    taken.cpu = static_cast<uint16_t>(sample.cpu);
    taken.state = state_of(sample.activity);
    taken.flags = flags_of(sample.flags);
    taken.thread = thread_of(process_of(instance), sample);
    if (sample.thread_state != 0) thread_namer.sampled(taken.thread, instance, sample.thread_state);
    ++samples;
    sampled.insert(instance.value);
    spaces[{sample.space.tgid, sample.space.generation}] = {instance, taken_ns};
    // A stack means the code objects that were there when it was sent, before its first sample.
    // Others may be at these addresses by now.
    sample_record as_sent = sample;
    if (sample.python_hash != 0)
        as_sent.time_ns =
            python_stack_ns.try_emplace(sample.python_hash, sample.time_ns).first->second;
    // Imperfect stacks are resolved anew for each sample, so that these numbers move with each of
    // them.
    const ResolverTotals before = resolver->totals();
    resolved.push_back(resolver->resolve(as_sent, instance));
    const ResolverTotals& after = resolver->totals();
    const Bucket bucket =
        bucket_of({.python_outcome = python_outcome,
                   .native_outcome = sample.native_outcome,
                   .is_python_process = publisher->is_python(instance),
                   .part_missing = after.missing_parts != before.missing_parts,
                   .frame_unnamed = unnamed_frames(after) != unnamed_frames(before)});
    ++buckets[static_cast<size_t>(bucket)];
}

profile::ProcessId Recorder::Parts::process_of(process::InstanceId id) {
    const auto [entry, is_new] = processes.emplace(
        id.value, profile::ProcessId{static_cast<uint32_t>(profile.processes.size())});
    if (is_new) profile.processes.emplace_back();  // described when it is written
    return entry->second;
}

profile::ThreadId Recorder::Parts::thread_of(profile::ProcessId process,
                                             const sample_record& sample) {
    const uint64_t key = uint64_t{process.value} << 32 | sample.tid;
    const auto [entry, is_new] =
        threads.emplace(key, profile::ThreadId{static_cast<uint32_t>(profile.threads.size())});
    if (is_new) profile.threads.push_back({process, sample.tid, {}});
    const std::string_view name(sample.thread_name,
                                strnlen(sample.thread_name, sizeof(sample.thread_name)));
    profile.threads[entry->second.value].name = profile.strings.intern(name);
    return entry->second;
}

RecorderStatus Recorder::status() const {
    const Parts& parts = *parts_;
    RecorderStatus status;
    status.elapsed_seconds =
        static_cast<double>(sys::monotonic_ns() - parts.profile.start_ns) * 1e-9;
    status.samples = parts.samples;
    status.lost = parts.sampler->counters()[COUNTER_TICKS_LOST];
    status.processes = parts.profile.processes.size();
    status.python_processes = parts.publisher->totals().python_processes;
    return status;
}

int Recorder::wait_for_command() {
    return parts_->child ? parts_->child->wait() : 0;
}

void Recorder::signal_command(int signal) {
    if (parts_->child) parts_->child->send_signal(signal);
}

// What is known of the process now.
void Recorder::Parts::describe_process(process::InstanceId id) {
    table->read_missing_command(id);
    const process::Instance instance = table->instance(id);
    profile::Process& process = profile.processes[processes.at(id.value).value];
    process = process::describe(instance, profile);
    process.python = profile.strings.intern(publisher->python_version(id));
}

void Recorder::Parts::name_samples() {
    for (const uint32_t id : sampled) describe_process({id});
    sampled.clear();
    for (size_t i = 0; i < profile.samples.size(); ++i)
        profile.samples[i].stack = resolver->stack(resolved[i]);
    resolved.clear();
    profile::sort_by_time(profile.samples);
}

void Recorder::Parts::forget_what_is_written() {
    profile.samples.clear();
    // Code and mappings of processes that have ended, once no sample can be on its way any more: by
    // what was taken from the queue. Reading symbols takes seconds on a busy machine, and the rest
    // of a process's samples wait there meanwhile.
    std::erase_if(spaces, [&](const auto& entry) {
        const process::InstanceId id = entry.second.instance;
        if (table->alive(id) || taken_ns - entry.second.last_taken_ns < kLateSampleNs) return false;
        describe_process(id);  // with its end
        store.forget(entry.first);
        table->forget_mappings(id);
        return true;
    });
    if (store.bytes() > kMaxStoredStackBytes) {
        sampler->forget_sent_stacks();
        store.rotate();
        python_stack_ns.clear();
    }
    if (profile.stacks.size() > kMaxStacks || resolver->remembered() > kMaxRememberedFrames) {
        resolver->forget_stacks();
        profile.forget_stacks();
    }
}

Result<void> Recorder::flush(const Look& look) {
    Parts& parts = *parts_;
    parts.name_samples();
    if (look) look(parts.profile);
    parts.writer->append(parts.profile);
    parts.forget_what_is_written();
    return parts.sink->finish();
}

void Recorder::Parts::end_recording() {
    name_samples();
    for (const auto& [instance, process] : processes) describe_process({instance});
    profile.statistics = make_statistics();
    writer->finish(profile);
}

Result<void> Recorder::continue_in(Sink& sink) {
    Parts& parts = *parts_;
    parts.profile.end_ns = sys::monotonic_ns();
    parts.end_recording();
    parts.forget_what_is_written();
    if (auto finished = parts.sink->finish(); !finished) return finished;
    parts.sink = &sink;
    parts.writer = std::make_unique<record::Writer>(sink);
    return {};
}

Result<void> Recorder::finish() {
    parts_->end_recording();
    return parts_->sink->finish();
}

std::vector<profile::Statistic> Recorder::statistics() const {
    return parts_->make_statistics();
}

void Recorder::Parts::add_machine_facts() {
    const events::EventSource& source = options.source;
    const bool is_cpu_time = options.mode->mode == events::Mode::kCpu;
    profile.sources.push_back({is_cpu_time ? source.name : std::string(options.mode->name),
                               source.unit, source.period(options.frequency_hz),
                               static_cast<uint32_t>(options.frequency_hz)});
    utsname system{};
    uname(&system);
    profile.settings["host"] = system.nodename;
    profile.settings["kernel"] = system.release;
    profile.settings["machine"] = system.machine;
    profile.settings["cpus"] = std::to_string(cpus);
    profile.settings["cpu_model"] = sys::cpu_model();
    profile.settings["cpu_governor"] = sys::cpu_governor();
    profile.settings["mode"] = options.mode->name;
    profile.settings["frequency_hz"] = std::to_string(options.frequency_hz);
    profile.settings["pyebpf_version"] = PYEBPF_VERSION;
}

std::vector<profile::Statistic> Recorder::Parts::make_statistics() const {
    const uint64_t period = profile.sources.front().period;
    StatisticsInput input;
    input.kernel = sampler->counters();
    input.cost = sampler->cost();
    input.python_outcomes = python_outcomes;
    input.native_outcomes = native_outcomes;
    input.resolver = resolver->totals();
    input.publisher = publisher->totals();
    input.unwind = publisher->unwind_totals();
    input.sample_buckets = buckets;
    input.undefined_samples = undefined_samples;
    input.malformed_records = store.malformed_records() + malformed_samples;
    input.lost_process_events = table->lost_events();
    input.processes_seen = table->size();
    const uint64_t busy_now_ns =
        busy_end_ns ? *busy_end_ns : sys::busy_ns().value_or(busy_start_ns);
    const bool has_ticks = options.mode->ticks && options.source.counts_time;
    input.expected_ticks = has_ticks ? (busy_now_ns - busy_start_ns) / period : 0;
    input.cpus = cpus;
    return pipeline::make_statistics(input);
}

}  // namespace pyebpf::pipeline
