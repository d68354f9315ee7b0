// SPDX-License-Identifier: Apache-2.0
#include "loader/sampler.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <future>

#include "base/log.h"
#include "loader/absent_code.h"
#include "pyebpf.skel.h"
#include "sys/helper_thread.h"

namespace pyebpf::loader {

namespace {

constexpr size_t kKeptLogLines = 12;

// libbpf's messages of this thread since the last clear(), so that a failure can show them.
std::vector<std::string>& libbpf_messages() {
    thread_local std::vector<std::string> messages;
    return messages;
}

int keep_message(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    char text[4096];
    vsnprintf(text, sizeof(text), format, arguments);
    std::string_view rest(text);
    while (!rest.empty()) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        if (end > 0) libbpf_messages().emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return 0;
}

std::string last_messages() {
    const auto& messages = libbpf_messages();
    std::string text;
    const size_t first = messages.size() > kKeptLogLines ? messages.size() - kKeptLogLines : 0;
    for (size_t i = first; i < messages.size(); ++i) text += "\n  " + messages[i];
    return text;
}

// Before 5.11 maps and programs are charged to RLIMIT_MEMLOCK; later kernels ignore it, so failing
// is no error.
void raise_memlock_limit() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

Error load_error(int error_number) {
    Error error;
    error.message =
        fmt::format("load the BPF programs: {}", std::strerror(error_number)) + last_messages();
    if (error_number == EPERM || error_number == EACCES) {
        error.hint =
            "run as root, or grant CAP_BPF and CAP_PERFMON (before Linux 5.8: CAP_SYS_ADMIN)";
    } else if (error_number == ESRCH || error_number == ENOENT) {
        error.hint = "the kernel must have BTF (CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux)";
    } else {
        error.hint = "pyebpf needs Linux 5.10 or later; pyebpf doctor tells what this kernel lacks";
    }
    return error;
}

}  // namespace

struct Sampler::Kernel {
    pyebpf_bpf* skeleton = nullptr;
    // Loaded beside, since nothing waits for it.
    std::future<std::unique_ptr<AbsentCode>> absent_code;
    ring_buffer* ring = nullptr;
    std::vector<bpf_link*> sampling_links;
    std::vector<bpf_link*> process_links;
    const std::function<void(std::span<const uint8_t>)>* callback = nullptr;
    code_range* ranges = nullptr;

    ~Kernel() {
        if (absent_code.valid()) absent_code.get();
        for (bpf_link* link : sampling_links) bpf_link__destroy(link);
        for (bpf_link* link : process_links) bpf_link__destroy(link);
        if (ranges != nullptr) munmap(ranges, sizeof(code_range) * MAX_CODE_RANGES);
        ring_buffer__free(ring);
        pyebpf_bpf__destroy(skeleton);
    }

    static int on_record(void* context, void* data, size_t size) {
        auto* kernel = static_cast<Kernel*>(context);
        (*kernel->callback)({static_cast<const uint8_t*>(data), size});
        return 0;
    }
};

Sampler::Sampler() : kernel_(std::make_unique<Kernel>()) {}
Sampler::~Sampler() = default;

Result<std::unique_ptr<Sampler>> Sampler::load(const SamplerOptions& options) {
    libbpf_messages().clear();
    libbpf_set_print(keep_message);
    raise_memlock_limit();

    std::unique_ptr<Sampler> sampler(new Sampler());
    sampler->settings_ = options.settings;
    Kernel& kernel = *sampler->kernel_;
    kernel.skeleton = pyebpf_bpf__open();
    if (kernel.skeleton == nullptr) return tl::unexpected(load_error(errno));
    sampler_config settings = options.settings;
    settings.has_ancestor_helper =
        settings.target == TARGET_CGROUPS &&
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_get_current_ancestor_cgroup_id,
                                nullptr) == 1;
    std::memcpy(const_cast<sampler_config*>(
                    reinterpret_cast<volatile sampler_config*>(&kernel.skeleton->rodata->settings)),
                &settings, sizeof(settings));
    bpf_map__set_max_entries(kernel.skeleton->maps.ring, static_cast<uint32_t>(options.ring_bytes));
    bpf_program__set_autoload(kernel.skeleton->progs.on_tick, options.programs.ticks);
    bpf_program__set_autoload(kernel.skeleton->progs.on_switch, options.programs.switches);
    bpf_program__set_autoload(kernel.skeleton->progs.on_tracepoint, options.programs.tracepoints);
    bpf_program__set_autoload(kernel.skeleton->progs.on_user_probe, options.programs.probes);
    if (!options.programs.switches) bpf_map__set_max_entries(kernel.skeleton->maps.threads, 1);
    if (const int error = pyebpf_bpf__load(kernel.skeleton); error != 0)
        return tl::unexpected(load_error(-error));

    kernel.ring = ring_buffer__new(bpf_map__fd(kernel.skeleton->maps.ring), Kernel::on_record,
                                   &kernel, nullptr);
    if (kernel.ring == nullptr) return fail_errno("map the ring buffer", errno);
    void* ranges = mmap(nullptr, sizeof(code_range) * MAX_CODE_RANGES, PROT_READ | PROT_WRITE,
                        MAP_SHARED, bpf_map__fd(kernel.skeleton->maps.code_ranges), 0);
    if (ranges == MAP_FAILED) return fail_errno("map the code ranges", errno);
    kernel.ranges = static_cast<code_range*>(ranges);
    return sampler;
}

Result<void> Sampler::attach_process_events() {
    for (bpf_program* program : {kernel_->skeleton->progs.on_fork, kernel_->skeleton->progs.on_exec,
                                 kernel_->skeleton->progs.on_exit}) {
        bpf_link* link = bpf_program__attach(program);
        if (link == nullptr)
            return fail_errno(fmt::format("attach {}", bpf_program__name(program)), errno);
        kernel_->process_links.push_back(link);
    }
    return {};
}

Result<void> Sampler::attach_switches(uint64_t start_ns) {
    kernel_->skeleton->bss->recording_start_ns = start_ns;
    bpf_link* link = bpf_program__attach(kernel_->skeleton->progs.on_switch);
    if (link == nullptr) return fail_errno("attach to the scheduler's switches", errno);
    kernel_->sampling_links.push_back(link);
    return {};
}

Result<void> Sampler::attach_source(const events::EventSource& source) {
    using Kind = events::EventSource::Kind;
    if (source.kind == Kind::kTracepoint) {
        bpf_link* link =
            bpf_program__attach_tracepoint(kernel_->skeleton->progs.on_tracepoint,
                                           source.category.c_str(), source.tracepoint.c_str());
        if (link == nullptr) return fail_errno("attach to " + source.name, errno);
        kernel_->sampling_links.push_back(link);
    }
    if (source.kind != Kind::kProbe) return {};
    for (const events::ProbeSite& site : source.sites) {
        LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = site.semaphore,
                    .retprobe = source.at_return);
        bpf_link* link = bpf_program__attach_uprobe_opts(kernel_->skeleton->progs.on_user_probe, -1,
                                                         site.path.c_str(), site.offset, &options);
        if (link == nullptr) {
            return fail_errno(
                fmt::format("attach {} to {} at {:#x}", source.name, site.path, site.offset),
                errno);
        }
        kernel_->sampling_links.push_back(link);
    }
    return {};
}

std::vector<watched_thread> Sampler::waiting_threads() const {
    std::vector<watched_thread> waiting;
    const int map = bpf_map__fd(kernel_->skeleton->maps.threads);
    uint32_t tid = 0;
    for (void* previous = nullptr; bpf_map_get_next_key(map, previous, &tid) == 0;
         previous = &tid) {
        watched_thread thread{};
        if (bpf_map_lookup_elem(map, &tid, &thread) == 0 && thread.waits != 0)
            waiting.push_back(thread);
    }
    return waiting;
}

Result<void> Sampler::attach_sampling_event(UniqueFd event) {
    bpf_link* link = bpf_program__attach_perf_event(kernel_->skeleton->progs.on_tick, event.get());
    if (link == nullptr) return fail_errno("attach to a perf event", errno);
    kernel_->sampling_links.push_back(link);
    (void)event.release();  // the link closes it
    return {};
}

void Sampler::load_absent_code() {
    if (!bpf_program__autoload(kernel_->skeleton->progs.on_tick)) return;
    kernel_->absent_code = std::async(std::launch::async, [skeleton = kernel_->skeleton] {
        sys::block_signals_in_this_thread();
        return AbsentCode::load(*skeleton->obj, *skeleton->maps.after_tick);
    });
}

void Sampler::finish_loading() const {
    if (kernel_->absent_code.valid()) kernel_->absent_code.wait();
}

void Sampler::detach_sampling_events() {
    for (bpf_link* link : kernel_->sampling_links) bpf_link__destroy(link);
    kernel_->sampling_links.clear();
}

Result<uint32_t> Sampler::add_layout(python_layout layout) {
    if (layouts_ == MAX_PYTHON_LAYOUTS) {
        return fail(fmt::format("more than {} different Python runtimes on one machine",
                                MAX_PYTHON_LAYOUTS));
    }
    layout = with_thread_state_bytes(layout);
    const uint32_t index = layouts_;
    if (bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.python_layouts), &index, &layout,
                            BPF_ANY) != 0) {
        return fail_errno("publish a Python layout", errno);
    }
    return layouts_++;
}

Result<void> Sampler::put_process(uint32_t tgid, const process_entry& entry) {
    if (bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.processes), &tgid, &entry,
                            BPF_ANY) != 0) {
        return fail_errno(fmt::format("publish pid {}", tgid), errno);
    }
    return {};
}

Result<void> Sampler::watch_cgroup(uint64_t id, uint32_t level) {
    if (level >= MAX_CGROUP_LEVELS) {
        return fail(fmt::format("a cgroup {} levels deep cannot be watched; the limit is {}", level,
                                MAX_CGROUP_LEVELS - 1));
    }
    const uint8_t one = 1;
    if (bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.watched_cgroups), &id, &one,
                            BPF_ANY) != 0) {
        return fail_errno("watch a cgroup", errno);
    }
    std::atomic_ref(kernel_->skeleton->data_watched_cgroup_levels->watched_cgroup_levels)
        .fetch_or(1u << level);
    return {};
}

void Sampler::unwatch_cgroup(uint64_t id) {
    bpf_map_delete_elem(bpf_map__fd(kernel_->skeleton->maps.watched_cgroups), &id);
}

void Sampler::put_thread_state(uint32_t tgid, uint64_t thread_pointer, uint64_t address) {
    const listed_thread key{tgid, 0, thread_pointer};
    bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.thread_states), &key, &address,
                        BPF_ANY);
}

std::span<code_range> Sampler::code_ranges() {
    return {kernel_->ranges, MAX_CODE_RANGES};
}

Result<Sampler::Slab> Sampler::add_slab() {
    if (slabs_ == MAX_UNWIND_SLABS) {
        return fail(fmt::format("unwind tables fill all {} slabs of {} MiB", MAX_UNWIND_SLABS,
                                UNWIND_SLAB_WORDS * 4 >> 20));
    }
    constexpr size_t kBytes = UNWIND_SLAB_WORDS * sizeof(uint32_t);
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    const UniqueFd map(
        bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_slab", sizeof(uint32_t), kBytes, 1, &options));
    if (!map) return fail_errno("create a slab for unwind tables", errno);
    void* mapping = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
    if (mapping == MAP_FAILED) return fail_errno("map a slab for unwind tables", errno);
    slab_mappings_.emplace_back(mapping, [](void* address) { munmap(address, kBytes); });
    const uint32_t index = slabs_;
    const int fd = map.get();
    if (bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.unwind_slabs), &index, &fd,
                            BPF_ANY) != 0) {
        return fail_errno("publish a slab for unwind tables", errno);
    }
    ++slabs_;
    return Slab{index, {static_cast<uint32_t*>(mapping), UNWIND_SLAB_WORDS}};
}

size_t Sampler::drain(const std::function<void(std::span<const uint8_t>)>& callback) {
    kernel_->callback = &callback;
    const int records = ring_buffer__consume(kernel_->ring);
    kernel_->callback = nullptr;
    return records > 0 ? static_cast<size_t>(records) : 0;
}

int Sampler::ring_fd() const {
    return bpf_map__fd(kernel_->skeleton->maps.ring);
}

void Sampler::forget_sent_stacks() {
    auto& sent = kernel_->skeleton->data_sent_stacks->sent_stacks;
    std::memset(sent, 0, sizeof(sent));
}

KernelCounters Sampler::counters() const {
    KernelCounters sums{};
    std::vector<KernelCounters> values(
        static_cast<size_t>(std::max(libbpf_num_possible_cpus(), 1)));
    const uint32_t zero = 0;
    if (bpf_map_lookup_elem(bpf_map__fd(kernel_->skeleton->maps.counters), &zero, values.data()) !=
        0)
        return sums;
    for (const KernelCounters& of_cpu : values) {
        for (size_t i = 0; i < sums.size(); ++i) sums[i] += of_cpu[i];
    }
    return sums;
}

ProgramCost Sampler::cost() const {
    ProgramCost cost;
    for (const bpf_program* program :
         {kernel_->skeleton->progs.on_tick, kernel_->skeleton->progs.on_switch,
          kernel_->skeleton->progs.on_tracepoint, kernel_->skeleton->progs.on_user_probe}) {
        bpf_prog_info info{};
        uint32_t size = sizeof(info);
        if (!bpf_program__autoload(program) ||
            bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0)
            continue;
        cost.runs += info.run_cnt;
        cost.nanoseconds += info.run_time_ns;
        cost.verified_instructions += info.verified_insns;
    }
    return cost;
}

}  // namespace pyebpf::loader
