// SPDX-License-Identifier: Apache-2.0
#include "pipeline/task_walker.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "sys/proc.h"
#include "walkers/surroundings.h"
#include "walkers/walkers.h"

namespace pyebpf::pipeline {

namespace {

// The memory of a process, with the tables that were published for it.
class Target final : public walkers::Surroundings {
  public:
    Target(uint32_t pid, const LocalTables& tables) : pid_(pid), tables_(tables) {}

    [[nodiscard]] bool read(uint64_t address, void* to, uint32_t bytes) override {
        return sys::read_memory(pid_, address, to, bytes);
    }
    void count(kernel_counter) override {}  // what became of a walk is in its outcome
    [[nodiscard]] const code_range* range(uint32_t index) const override {
        return tables_.range(index);
    }
    [[nodiscard]] const uint32_t* slab_words(uint32_t slab) const override {
        return tables_.slab(slab);
    }

  private:
    const uint32_t pid_;
    const LocalTables& tables_;
};

// What a wait for one descriptor is: as wait_for_file() in bpf/wait_cause.bpf.h.
uint8_t wait_for_polled_file(const task_record& task) {
    int32_t descriptor = 0;
    if (!sys::read_memory(task.space.tgid, task.argument_1, &descriptor, sizeof(descriptor)))
        return THREAD_POLL;
    struct stat status{};
    if (stat(fmt::format("/proc/{}/fd/{}", task.space.tgid, descriptor).c_str(), &status) != 0)
        return THREAD_POLL;
    if (S_ISSOCK(status.st_mode)) return THREAD_NETWORK;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISDIR(status.st_mode))
        return THREAD_DISK;
    return THREAD_PIPE;
}

}  // namespace

bool awaits_gil(const task_record& task, const gil_place& gil) {
    const bool may_wait = task.activity == THREAD_LOCK || task.activity == THREAD_RUN_QUEUE;
    return may_wait && (task.flags & TASK_IN_FUTEX_WAIT) != 0 && gil.bytes != 0 &&
           task.argument_1 - gil.start < gil.bytes;
}

struct TaskWalker::Stacks {
    native_stack native;
    python_stack python;
};

TaskWalker::TaskWalker(const LocalTables& tables, What what)
    : tables_(tables), what_(what), stacks_(std::make_unique<Stacks>()) {}

TaskWalker::~TaskWalker() = default;

WalkedThread TaskWalker::walk(const task_record& task) {
    WalkedThread walked;
    walked.activity = task.activity;
    if ((task.flags & TASK_IN_SYSCALL) != 0) walked.flags |= SAMPLE_FLAG_IN_SYSCALL;
    if ((task.flags & TASK_COMPAT) != 0) walked.flags |= SAMPLE_FLAG_COMPAT;
    if ((task.flags & TASK_POLLS_ONE) != 0) walked.activity = wait_for_polled_file(task);
    if ((task.flags & (TASK_COMPAT | TASK_NO_MEMORY)) != 0) return walked;

    const auto process = tables_.process(task.space.tgid)
                             .value_or(process_entry{.python = {.layout = NO_PYTHON_LAYOUT}});
    const Target target(task.space.tgid, tables_);
    const bool runs = (task.flags & TASK_ON_CPU) != 0;
    if (what_.native && !runs) {
        native_thread thread{};
        thread.registers = task.registers;
        thread.exact = (task.flags & TASK_IN_SYSCALL) == 0;
        thread.ranges_first = process.ranges_first;
        thread.ranges_count = process.ranges_count;
        thread.ranges_version = process.ranges_version;
        native_stack& stack = stacks_->native;
        walk_native_thread(&thread, &stack);
        walked.native.assign(stack.list, stack.list + stack.frames);
        walked.native_outcome = static_cast<uint8_t>(stack.outcome);
    }
    if (const auto layout = tables_.layout(process.python.layout))
        walk_python(task, process.python, *layout, walked);
    return walked;
}

void TaskWalker::walk_python(const task_record& task, const python_process& process,
                             const python_layout& layout, WalkedThread& walked) {
    python_thread thread{};
    thread.process = process;
    thread.layout = layout;
    thread.thread_pointer = task.thread_pointer;
    thread.stack_pointer = task.registers.sp;
    thread.by_list = tables_.thread_state(task.space.tgid, task.thread_pointer);

    python_facts facts{};
    find_python_facts(&thread, &facts);
    walked.flags |= static_cast<uint16_t>(facts.flags);
    walked.thread_state = facts.thread_state;
    if (awaits_gil(task, facts.gil)) walked.activity = THREAD_GIL;

    python_stack& stack = stacks_->python;
    walk_python_thread(&thread, &stack);
    walked.python.assign(stack.list, stack.list + stack.frames);
    walked.python_outcome = static_cast<uint8_t>(stack.outcome);
    if (stack.outcome == PYTHON_COMPLETE) {
        for (uint32_t i = stack.frames; i-- > 0 && walked.root_frame == 0;) {
            walked.root_code = stack.list[i].word0;
            walked.root_frame = stack.address[i];
        }
    }
    if (!what_.variables) return;
    walked.variables.resize(stack.frames);
    for (uint32_t i = 0; i < stack.frames; ++i) {
        if (stack.address[i] != 0) {
            walked.variables[i] =
                variables_.read(task.space.tgid, layout, stack.list[i].word0, stack.address[i]);
        }
    }
}

}  // namespace pyebpf::pipeline
