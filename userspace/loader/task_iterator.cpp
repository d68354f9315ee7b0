// SPDX-License-Identifier: Apache-2.0
#include "loader/task_iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "tasks.skel.h"

namespace pyebpf::loader {

namespace {

constexpr size_t kMaxThreads = 1 << 20;  // more are not believed

// Since Linux 6.1 the kernel itself goes through the threads of one process only; before, the
// program picks them out of all.
bpf_link* attach(const bpf_program* program, std::span<const uint32_t> pids) {
    if (pids.size() == 1) {
        bpf_iter_link_info info{};
        info.task.pid = pids.front();
        LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
                    .link_info_len = sizeof(info));
        if (bpf_link* link = bpf_program__attach_iter(program, &options)) return link;
    }
    return bpf_program__attach_iter(program, nullptr);
}

}  // namespace

struct TaskIterator::Kernel {
    tasks_bpf* skeleton = nullptr;
    bpf_link* link = nullptr;

    ~Kernel() {
        bpf_link__destroy(link);
        tasks_bpf__destroy(skeleton);
    }
};

TaskIterator::TaskIterator() : kernel_(std::make_unique<Kernel>()) {}
TaskIterator::~TaskIterator() = default;

Result<std::unique_ptr<TaskIterator>> TaskIterator::load(std::span<const uint32_t> pids) {
    if (pids.size() > MAX_WANTED_PROCESSES)
        return fail(fmt::format("more than {} processes", MAX_WANTED_PROCESSES));
    libbpf_set_print(nullptr);
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &unlimited);  // before 5.11; see loader/sampler.cpp

    std::unique_ptr<TaskIterator> iterator(new TaskIterator());
    Kernel& kernel = *iterator->kernel_;
    kernel.skeleton = tasks_bpf__open();
    if (kernel.skeleton == nullptr) return fail_errno("open the task iterator", errno);
    if (const int error = tasks_bpf__load(kernel.skeleton); error != 0)
        return fail_errno("load the task iterator", -error);
    const int wanted = bpf_map__fd(kernel.skeleton->maps.wanted_processes);
    for (const uint32_t pid : pids) {
        const uint8_t one = 1;
        if (bpf_map_update_elem(wanted, &pid, &one, BPF_ANY) != 0)
            return fail_errno("tell the task iterator its processes", errno);
    }
    kernel.link = attach(kernel.skeleton->progs.list_tasks, pids);
    if (kernel.link == nullptr) return fail_errno("attach the task iterator", errno);
    return iterator;
}

Result<std::vector<task_record>> TaskIterator::take() const {
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(kernel_->link)));
    if (!iterator) return fail_errno("start the task iterator", errno);
    std::vector<task_record> tasks;
    std::vector<uint8_t> bytes(sizeof(task_record) * 256);
    size_t filled = 0;  // a read may end within a record
    while (tasks.size() < kMaxThreads) {
        const ssize_t count = ::read(iterator.get(), bytes.data() + filled, bytes.size() - filled);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) return fail_errno("read the task iterator", errno);
        if (count == 0) break;
        filled += static_cast<size_t>(count);
        const size_t whole = filled / sizeof(task_record);
        const size_t first = tasks.size();
        tasks.resize(first + whole);
        std::memcpy(tasks.data() + first, bytes.data(), whole * sizeof(task_record));
        filled -= whole * sizeof(task_record);
        std::memmove(bytes.data(), bytes.data() + whole * sizeof(task_record), filled);
    }
    std::ranges::sort(tasks, {}, &task_record::tid);
    return tasks;
}

}  // namespace pyebpf::loader
