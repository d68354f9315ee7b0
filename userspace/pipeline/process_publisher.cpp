// SPDX-License-Identifier: Apache-2.0
#include "pipeline/process_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/log.h"
#include "pipeline/process_memory.h"
#include "python/live_reader.h"
#include "sys/clock.h"

namespace pyebpf::pipeline {

namespace {

// The kernel may still walk with a list of ranges that was just replaced; a sample takes
// microseconds.
constexpr uint64_t kReuseDelayNs = 1'000'000'000;
constexpr uint64_t kListingPauseNs = 100'000'000;
constexpr size_t kMaxProcessRanges = (size_t{1} << MAX_PROCESS_RANGES_LOG2) - 1;

std::optional<native::TableCache> open_cache() {
    auto cache = native::TableCache::open(native::TableCache::default_directory());
    if (cache) return std::move(*cache);
    log::verbose(cache.error().message);
    return std::nullopt;
}

}  // namespace

// Hands out pieces of the array of code ranges: power-of-two sizes, freed pieces rest for a while
// before they are used again.
class ProcessPublisher::RangeArena {
  public:
    explicit RangeArena(std::span<code_range> ranges) : ranges_(ranges) {}

    [[nodiscard]] std::optional<uint32_t> take(size_t count) {
        const unsigned order = order_of(count);
        auto& resting = resting_[order];
        if (!resting.empty() && sys::monotonic_ns() - resting.front().freed_ns > kReuseDelayNs) {
            const uint32_t first = resting.front().first;
            resting.pop_front();
            return first;
        }
        const size_t size = size_t{1} << order;
        if (ranges_.size() - used_ < size) return std::nullopt;
        used_ += size;
        return static_cast<uint32_t>(used_ - size);
    }
    void give_back(uint32_t first, size_t count) {
        resting_[order_of(count)].push_back({first, sys::monotonic_ns()});
    }
    [[nodiscard]] std::span<code_range> at(uint32_t first, size_t count) {
        return ranges_.subspan(first, count);
    }

  private:
    struct Resting {
        uint32_t first;
        uint64_t freed_ns;
    };
    static unsigned order_of(size_t count) {
        unsigned order = 4;
        while ((size_t{1} << order) < count) ++order;
        return order;
    }
    std::span<code_range> ranges_;
    size_t used_ = 0;
    std::array<std::deque<Resting>, 32> resting_;
};

// The code ranges of one address space; shared by a parent and its forked children until one of
// them maps something.
class ProcessPublisher::RangeSpan {
  public:
    RangeSpan(RangeArena& arena, uint32_t first, size_t count)
        : arena_(arena), first_(first), count_(count) {}
    ~RangeSpan() { arena_.give_back(first_, count_); }
    RangeSpan(const RangeSpan&) = delete;
    RangeSpan& operator=(const RangeSpan&) = delete;
    [[nodiscard]] uint32_t first() const { return first_; }
    [[nodiscard]] uint32_t count() const { return static_cast<uint32_t>(count_); }

  private:
    RangeArena& arena_;
    uint32_t first_;
    size_t count_;
};

class ProcessPublisher::Slabs : public native::SlabMemory {
  public:
    explicit Slabs(loader::WalkerTables& tables) : tables_(tables) {}
    Result<Slab> add_slab() override {
        auto slab = tables_.add_slab();
        if (!slab) return tl::unexpected(slab.error());
        return Slab{slab->index, slab->words};
    }

  private:
    loader::WalkerTables& tables_;
};

struct ProcessPublisher::State {
    process::InstanceId id;
    uint32_t pid = 0;
    process_entry entry{};
    std::shared_ptr<const python::Runtime> runtime;
    std::shared_ptr<RangeSpan> ranges;
    bool wants_ranges = false;
    bool published = false;

    State() { entry.python.layout = NO_PYTHON_LAYOUT; }
};

ProcessPublisher::ProcessPublisher(loader::WalkerTables& tables, process::BinaryCache& binaries)
    : tables_(tables),
      binaries_(binaries),
      arena_(std::make_unique<RangeArena>(tables.code_ranges())),
      slabs_(std::make_unique<Slabs>(tables)),
      unwind_tables_(std::make_unique<native::UnwindTables>(
          *slabs_, open_cache(),
          [this](std::span<const elf::ElfFile* const> files) { tables_ready(files); })) {}

ProcessPublisher::~ProcessPublisher() {
    unwind_tables_->stop();  // its worker calls tables_ready(), which uses all the other members
    states_.clear();         // before the arena that their ranges return to
}

ProcessPublisher::State* ProcessPublisher::find(uint32_t pid) {
    const auto found = states_.find(pid);
    return found == states_.end() ? nullptr : found->second.get();
}

void ProcessPublisher::watch(uint32_t pid, bool follow_children) {
    process::InstanceId id;
    {
        const std::scoped_lock lock(mutex_);
        auto& state = states_[pid];
        if (!state) {
            state = std::make_unique<State>();
            state->pid = pid;
        }
        state->entry.flags |= PROCESS_WATCHED;
        if (follow_children) state->entry.flags |= PROCESS_FOLLOW;
        publish(*state);
        id = state->id;
    }
    if (!id.valid()) return;
    for (const process::Mapping& mapping : table_->mappings(id)) mapped(id, mapping);
}

// Others are never sampled, and their files need not be read. Who is in a cgroup is the kernel's to
// say.
bool ProcessPublisher::may_be_sampled(uint32_t pid) const {
    if (tables_.target() != TARGET_PROCESSES) return true;
    const std::scoped_lock lock(mutex_);
    const auto found = states_.find(pid);
    return found != states_.end() && (found->second->entry.flags & PROCESS_WATCHED) != 0;
}

void ProcessPublisher::started(process::InstanceId id) {
    const uint32_t pid = table_->pid(id);
    if (cgroups_ != nullptr) {
        const auto membership = table_->membership(id);
        if (membership && cgroups_->take_in(*membership)) watch(pid, true);
    }
    const std::scoped_lock lock(mutex_);
    if (attachments_.size() <= id.value) attachments_.resize(id.value + 1);
    auto& state = states_[pid];
    const uint32_t flags = state ? state->entry.flags : 0;  // an exec keeps the target a target
    state = std::make_unique<State>();
    state->id = id;
    state->pid = pid;
    state->entry.flags = flags;
    if (flags != 0) publish(*state);
}

void ProcessPublisher::ended(process::InstanceId id) {
    const uint32_t pid = table_->pid(id);
    const std::scoped_lock lock(mutex_);
    const auto found = states_.find(pid);
    if (found == states_.end() || found->second->id != id) return;
    // An exec ends the instance too, and its flags must outlive it: the kernel side removes the
    // entry at exit, started() replaces ours.
    const uint32_t flags = found->second->entry.flags;
    found->second = std::make_unique<State>();
    found->second->pid = pid;
    found->second->id = id;
    found->second->entry.flags = flags;
}

void ProcessPublisher::mapped(process::InstanceId id, const process::Mapping& mapping) {
    const uint32_t pid = table_->pid(id);
    if (mapping.file->inode == 0 || !may_be_sampled(pid)) return;
    const auto binary = binaries_.get(pid, mapping);  // may read the file: not under the lock
    const std::scoped_lock lock(mutex_);
    State* state = find(pid);
    if (state == nullptr || state->id != id) return;
    if (binary->python.is_python) attach_runtime(*state, mapping, *binary);
    // What was sampled once will be sampled again: the next run of the same program has its tables
    // from its first tick.
    if (binary->elf && sampled_.contains(binary->elf.get())) state->wants_ranges = true;
    if (state->wants_ranges) update_ranges(*state);
    if (state->runtime || state->wants_ranges) publish(*state);
}

void ProcessPublisher::forked(process::InstanceId parent, process::InstanceId child) {
    const uint32_t parent_pid = table_->pid(parent);
    const uint32_t child_pid = table_->pid(child);
    std::unique_lock lock(mutex_);
    const State* from = find(parent_pid);
    State* to = find(child_pid);
    if (to == nullptr || to->id != child) return;
    if (from == nullptr || from->id != parent) {  // it ended before its fork was reported
        lock.unlock();
        for (const process::Mapping& mapping : table_->mappings(child)) mapped(child, mapping);
        return;
    }
    to->runtime = from->runtime;
    to->ranges = from->ranges;
    to->wants_ranges = from->wants_ranges;
    const uint32_t own_flags =
        to->entry.flags;  // of a command that was watched before its fork was reported
    to->entry = from->entry;
    if ((from->entry.flags & PROCESS_FOLLOW) == 0) to->entry.flags = 0;
    to->entry.flags |= own_flags;
    attachments_[child.value] = attachments_[parent.value];
    if (from->published) publish(*to);
}

void ProcessPublisher::publish(State& state) {
    if (auto result = tables_.put_process(state.pid, state.entry); !result) {
        log::verbose(result.error().message);
        return;
    }
    state.published = true;
}

void ProcessPublisher::attach_runtime(State& state, const process::Mapping& mapping,
                                      const process::Binary& binary) {
    if (binary.python.unsupported) {
        ++totals_.unsupported_processes;
        attachments_[state.id.value].is_unsupported = true;
        const std::string& reason = binary.python.unsupported->reason;
        if (warned_.insert(binary.path).second) {
            log::warning(fmt::format("{} (pid {}): {}; its native stacks are recorded", binary.path,
                                     state.pid, reason));
        }
        return;
    }
    if (!binary.python.runtime || state.runtime) return;
    const python::Runtime& runtime = *binary.python.runtime;
    if (refused_.contains(&runtime)) {
        ++totals_.unsupported_processes;
        attachments_[state.id.value].is_unsupported = true;
        return;
    }
    const auto bias = binary.elf->load_bias({mapping.start}, {mapping.file_offset});
    if (!bias) return;

    const auto [layout, is_new] = layouts_.emplace(&runtime, 0);
    if (is_new) {
        auto index = tables_.add_layout(runtime.layout);
        if (!index) {
            log::warning(index.error().message);
            layouts_.erase(layout);
            return;
        }
        layout->second = *index;
    }
    python_process& python = state.entry.python;
    python = {};
    python.layout = layout->second;
    python.sources = runtime.sources;
    if ((runtime.sources & (THREAD_STATE_TLS_MODULE | THREAD_STATE_TLS)) != 0)
        python.sources |= THREAD_STATE_TLS;
    python.tls_offset = runtime.tls_offset;
    python.tls_gilstate_offset = runtime.tls_gilstate_offset;
    if (runtime.tls_module_slot.value != 0) {
        python.tls_module_slot = (runtime.tls_module_slot + *bias).value;
        uint64_t module = 0;
        if (sys::read_memory(state.pid, python.tls_module_slot, &module, sizeof(module)) &&
            module < 65536) {
            python.tls_module =
                static_cast<uint32_t>(module);  // 0 until the dynamic linker has filled it
        }
    }
    // Initial-exec access: the dynamic linker stores the offset from the thread pointer. Not a
    // small negative number: it has not run yet, or the library was loaded late and its block is
    // elsewhere.
    const auto add_linked_offset = [&](StatedAddress slot, int64_t& offset, uint32_t source) {
        if (slot.value == 0) return;
        int64_t linked = 0;
        if (sys::read_memory(state.pid, (slot + *bias).value, &linked, sizeof(linked)) &&
            linked < 0 && linked > -(1 << 20)) {
            offset += linked;
        } else {
            python.sources &= ~source;
        }
    };
    add_linked_offset(runtime.tls_offset_slot, python.tls_offset, THREAD_STATE_TLS);
    add_linked_offset(runtime.tls_gilstate_offset_slot, python.tls_gilstate_offset,
                      THREAD_STATE_TLS_GILSTATE);
    const auto mapped = [&](StatedAddress address) {
        return address.value == 0 ? 0 : (address + *bias).value;
    };
    python.key_address = mapped(runtime.key_address);
    python.current_address = mapped(runtime.current_address);
    python.none = mapped(runtime.none);
    python.gil = mapped(runtime.gil);
    python.collecting = mapped(runtime.collecting);
    python.key_has_flag = runtime.version.major == 3 && runtime.version.minor >= 7;
    python.code_type = (runtime.code_type + *bias).value;
    for (const process::Mapping& other : table_->mappings(state.id)) {
        if (other.file->path.find("/ld-musl-") != std::string::npos) python.libc = LIBC_MUSL;
    }
    state.runtime = binary.python.runtime;
    attachments_[state.id.value] = {.runtime = state.runtime, .bias = *bias};
    state.wants_ranges = true;
    ++totals_.python_processes;
    totals_.python_versions.insert(runtime.version.to_string());
}

void ProcessPublisher::refuse_runtime(process::InstanceId id, std::string_view reason) {
    const auto executable = table_->instance(id).executable;
    const uint32_t pid = table_->pid(id);
    const std::scoped_lock lock(mutex_);
    const auto runtime = attachments_[id.value].runtime;
    if (!runtime || !refused_.insert(runtime.get()).second) return;
    log::warning(fmt::format("{} (pid {}): CPython {}: {}; its native stacks are recorded",
                             executable, pid, runtime->version.to_string(), reason));
    for (Attachment& attached : attachments_) {
        if (attached.runtime == runtime)
            attached = {.runtime = nullptr, .bias = {}, .is_unsupported = true};
    }
    for (auto& [state_pid, state] : states_) {
        if (state->runtime != runtime) continue;
        ++totals_.unsupported_processes;
        state->runtime = nullptr;
        state->entry.python = {};
        state->entry.python.layout = NO_PYTHON_LAYOUT;
        if (state->published) publish(*state);
    }
}

void ProcessPublisher::want_code_ranges(process::InstanceId id) {
    const uint32_t pid = table_->pid(id);
    const std::vector<process::Mapping> mappings = table_->mappings(id);
    const std::string executable_path = table_->instance(id).executable;
    for (const process::Mapping& mapping : mappings) {
        if (mapping.file->inode != 0 || mapping.file->path == "[vdso]")
            (void)binaries_.get(pid, mapping);
    }
    const std::scoped_lock lock(mutex_);
    State* state = find(pid);
    if (state == nullptr || state->id != id || state->wants_ranges) return;
    state->wants_ranges = true;
    const auto executable =
        std::ranges::find(mappings, executable_path,
                          [](const process::Mapping& mapping) { return mapping.file->path; });
    if (executable != mappings.end()) {
        if (const auto binary = binaries_.peek(*executable->file); binary && binary->elf) {
            sampled_.insert(binary->elf.get());
            (void)unwind_tables_->get(binary->elf);  // before the libraries
        }
    }
    update_ranges(*state);
    publish(*state);
}

// Builds the sorted list of the process's code ranges from its mappings and the tables that are
// ready.
void ProcessPublisher::update_ranges(State& state) {
    std::vector<code_range> ranges;
    uint64_t end = 0;
    const auto hole_before = [&](uint64_t start) {
        if (end != 0 && end < start) ranges.push_back({.start = end, .kind = RANGE_HOLE});
    };
    for (const process::Mapping& mapping : table_->mappings(state.id)) {
        if (ranges.size() + 8 > kMaxProcessRanges) break;
        hole_before(mapping.start);
        end = mapping.end;
        const auto binary = binaries_.peek(*mapping.file);
        const auto tables = binary && binary->elf ? unwind_tables_->get(binary->elf) : nullptr;
        const auto bias = binary && binary->elf
                              ? binary->elf->load_bias({mapping.start}, {mapping.file_offset})
                              : std::nullopt;
        if (!tables || tables->empty() || !bias) {
            ranges.push_back({.start = mapping.start, .kind = RANGE_NO_TABLE});
            continue;
        }
        bool covered = false;
        for (const native::PlacedTable& table : *tables) {
            const uint64_t table_start =
                (StatedAddress{uint64_t{table.first_page} << UNWIND_PAGE_SHIFT} + *bias).value;
            const uint64_t table_end = table_start + (uint64_t{table.pages} << UNWIND_PAGE_SHIFT);
            if (table_end <= mapping.start || table_start >= mapping.end) continue;
            if (ranges.size() + 4 > kMaxProcessRanges) break;
            if (!covered && table_start > mapping.start)
                ranges.push_back({.start = mapping.start, .kind = RANGE_NO_TABLE});
            code_range range{};
            range.start = std::max(mapping.start, table_start);
            range.bias = bias->value;
            range.first_page = table.first_page;
            range.pages = table.pages;
            range.index_base = table.index_base;
            range.rows_base = table.rows_base;
            range.rules_base = table.rules_base;
            range.slab = static_cast<uint16_t>(table.slab);
            range.kind = RANGE_TABLE;
            ranges.push_back(range);
            covered = true;
        }
        if (!covered) ranges.push_back({.start = mapping.start, .kind = RANGE_NO_TABLE});
    }
    if (end != 0) ranges.push_back({.start = end, .kind = RANGE_HOLE});

    const auto first = arena_->take(ranges.size());
    if (!first) {
        ++totals_.range_failures;
        return;
    }
    std::ranges::copy(ranges, arena_->at(*first, ranges.size()).begin());
    state.ranges = std::make_shared<RangeSpan>(*arena_, *first, ranges.size());
    state.entry.ranges_first = *first;
    state.entry.ranges_count = static_cast<uint32_t>(ranges.size());
    state.entry.ranges_version = ++ranges_version_;
}

void ProcessPublisher::list_threads(process::InstanceId id) {
    const Attachment attached = attachment(id);
    if (!attached.runtime || (attached.runtime->sources & THREAD_STATE_LISTED) == 0) return;
    const uint32_t pid = table_->pid(id);
    {
        const std::scoped_lock lock(mutex_);
        const uint64_t now = sys::monotonic_ns();
        uint64_t& listed_ns = threads_listed_ns_[id.value];
        if (listed_ns != 0 && now - listed_ns < kListingPauseNs) return;
        listed_ns = now;
    }
    for (const python::LiveThread& thread :
         python::read_threads(memory_of(pid), *attached.runtime, attached.bias)) {
        tables_.put_thread_state(pid, thread.thread_pointer, thread.thread_state);
    }
}

void ProcessPublisher::tables_ready(std::span<const elf::ElfFile* const> files) {
    const std::scoped_lock lock(mutex_);
    for (auto& [pid, state] : states_) {
        if (!state->wants_ranges || !state->id.valid()) continue;
        const auto mappings = table_->mappings(state->id);
        const bool maps_it = std::ranges::any_of(mappings, [&](const process::Mapping& mapping) {
            const auto binary = binaries_.peek(*mapping.file);
            return binary && binary->elf &&
                   std::ranges::find(files, binary->elf.get()) != files.end();
        });
        if (!maps_it) continue;
        update_ranges(*state);
        if (table_->alive(state->id)) publish(*state);
    }
}

PublisherTotals ProcessPublisher::totals() const {
    const std::scoped_lock lock(mutex_);
    return totals_;
}

ProcessPublisher::Attachment ProcessPublisher::attachment(process::InstanceId id) const {
    const std::scoped_lock lock(mutex_);
    return id.value < attachments_.size() ? attachments_[id.value] : Attachment{};
}

bool ProcessPublisher::is_python(process::InstanceId id) const {
    const std::scoped_lock lock(mutex_);
    return id.value < attachments_.size() &&
           (attachments_[id.value].runtime || attachments_[id.value].is_unsupported);
}

std::string ProcessPublisher::python_version(process::InstanceId id) const {
    const auto known = attachment(id).runtime;
    return known ? known->version.to_string() : "";
}

}  // namespace pyebpf::pipeline
