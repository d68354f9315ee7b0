// SPDX-License-Identifier: Apache-2.0
// Walks the stacks of a thread that does not run, from user space: the walkers of the kernel side
// (walkers/walkers.h) over the registers that the task iterator found and the memory of the
// process. Whether the thread has really not run meanwhile is the caller's to find out.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bpf/abi/task.h"
#include "pipeline/local_tables.h"
#include "pipeline/python_variables.h"

struct gil_place;  // walkers/walkers.h

namespace pyebpf::pipeline {

// Whether a thread that is not on a CPU waits for the GIL. Since CPython 3.2 it wakes up every 5 ms
// (sys.getswitchinterval) to ask for it: being runnable for that is no other state.
[[nodiscard]] bool awaits_gil(const task_record& task, const gil_place& gil);

struct WalkedThread {
    std::vector<native_frame> native;  // leaf first, as in a stack record
    std::vector<python_frame> python;
    uint8_t native_outcome = NATIVE_NOT_TAKEN;
    uint8_t python_outcome = PYTHON_NOT_A_PYTHON_PROCESS;
    uint16_t flags = 0;               // enum sample_flag
    uint64_t thread_state = 0;        // address of its PyThreadState; 0: none
    uint8_t activity = THREAD_OTHER;  // enum thread_activity, the GIL told from other locks
    uint64_t root_code = 0;           // of the outermost Python frame; 0: none
    uint64_t root_frame = 0;
    // By link of `python`, if they were asked for; boundaries have none.
    std::vector<std::vector<Variable>> variables;
};

class TaskWalker {
  public:
    struct What {
        bool native = true;
        bool variables = false;
    };
    TaskWalker(const LocalTables& tables, What what);
    ~TaskWalker();

    // Of one that runs: Python frames only, and those may be torn.
    [[nodiscard]] WalkedThread walk(const task_record& task);

  private:
    struct Stacks;
    void walk_python(const task_record& task, const python_process& process,
                     const python_layout& layout, WalkedThread& walked);

    const LocalTables& tables_;
    const What what_;
    std::unique_ptr<Stacks> stacks_;  // large
    VariableReader variables_;
};

}  // namespace pyebpf::pipeline
