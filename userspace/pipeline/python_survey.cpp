// SPDX-License-Identifier: Apache-2.0
#include "pipeline/python_survey.h"

#include "process/process_table.h"
#include "sys/proc.h"

namespace pyebpf::pipeline {

namespace {

class NoObserver : public process::ProcessObserver {
  public:
    void started(process::InstanceId) override {}
    void mapped(process::InstanceId, const process::Mapping&) override {}
    void ended(process::InstanceId) override {}
    void forked(process::InstanceId, process::InstanceId) override {}
};

}  // namespace

std::vector<PythonProcess> PythonSurvey::take() {
    NoObserver observer;
    process::ProcessTable table(observer, &containers_);
    table.scan();
    std::vector<PythonProcess> found;
    for (const process::InstanceId id : table.live_instances()) {
        for (const process::Mapping& mapping : table.mappings(id)) {
            if (mapping.file->inode == 0) continue;
            const auto binary = binaries_.get(table.pid(id), mapping);
            if (!binary->python.is_python) continue;
            PythonProcess process;
            const process::Instance instance = table.instance(id);
            const auto stat = sys::read_stat(instance.pid);
            if (!stat) break;  // it has just ended
            process.pid = instance.pid;
            process.namespace_pid = instance.namespace_pid;
            process.command = instance.command.empty() ? instance.name : instance.command;
            if (instance.membership) process.container = instance.membership->facts;
            process.threads = stat->threads;
            process.start_ticks = stat->start_ticks;
            process.cpu_ticks = stat->cpu_ticks;
            process.path = mapping.file->path;
            if (binary->python.runtime)
                process.version = binary->python.runtime->version.to_string();
            if (binary->python.unsupported) {
                process.version = binary->python.unsupported->version.to_string();
                process.problem = binary->python.unsupported->reason;
            }
            found.push_back(std::move(process));
            break;
        }
    }
    return found;
}

}  // namespace pyebpf::pipeline
