// SPDX-License-Identifier: Apache-2.0
#include "pipeline/cgroup_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/escape.h"
#include "base/log.h"
#include "process/runtime_names.h"
#include "sys/cgroups.h"
#include "sys/proc.h"

namespace pyebpf::pipeline {

namespace {

using process::ContainerFacts;
using process::Membership;

constexpr size_t kMaxListed = 8;
constexpr size_t kShortId = 12;

// What runs now: each container and unit once, by its cgroup.
struct Running {
    std::vector<std::shared_ptr<const Membership>> memberships;
    std::map<std::string, ContainerFacts> containers;  // by cgroup
};

Running survey(process::Containers& containers) {
    Running running;
    std::set<const Membership*> seen;
    for (const uint32_t pid : sys::process_ids()) {
        auto membership = containers.of_process(pid);
        if (!membership || !seen.insert(membership.get()).second) continue;
        for (const ContainerFacts& facts : membership->containers)
            running.containers.emplace(facts.cgroup, facts);
        running.memberships.push_back(std::move(membership));
    }
    return running;
}

std::string shown(const ContainerFacts& facts) {
    const std::string id = facts.id.substr(0, facts.id.size() == 64 ? kShortId : facts.id.size());
    return printable(
        facts.name.empty() || facts.name == id ? id : fmt::format("{} ({})", facts.name, id), 120);
}

size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<size_t> row(to.size() + 1);
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= from.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i);
        for (size_t j = 1; j < row.size(); ++j) {
            const size_t changed = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
        }
    }
    return row.back();
}

// A few names like the wanted one, else a few of all.
std::string suggestion(std::string_view wanted, const std::set<std::string>& known,
                       std::string_view what) {
    constexpr size_t kMaxCompared = 64;
    std::vector<std::string> close;
    for (const std::string& name : known) {
        if (name.empty()) continue;
        if (name.find(wanted) != std::string::npos || wanted.find(name) != std::string_view::npos ||
            (name.size() < kMaxCompared && wanted.size() < kMaxCompared &&
             edit_distance(wanted, name) <= 2))
            close.push_back(printable(name, 120));
    }
    if (!close.empty()) {
        close.resize(std::min(close.size(), kMaxListed));
        return fmt::format("close: {}; pyebpf ps shows all with Python processes",
                           fmt::join(close, ", "));
    }
    if (known.empty())
        return fmt::format("no {} runs on this machine; pyebpf ps shows the Python processes",
                           what);
    std::vector<std::string> some;
    for (const std::string& name : known) {
        if (some.size() == kMaxListed) {
            some.emplace_back("…");
            break;
        }
        some.push_back(printable(name, 120));
    }
    return fmt::format("there are: {}", fmt::join(some, ", "));
}

Result<void> add_container(const std::string& wanted, const Running& running,
                           std::set<std::string>& names, std::set<std::string>& ids) {
    std::map<std::string, const ContainerFacts*> by_id;
    std::set<std::string> known;
    for (const auto& [cgroup, facts] : running.containers) {
        if (facts.name == wanted && !wanted.empty()) {
            names.insert(wanted);
            return {};
        }
        if (!wanted.empty() && facts.id.starts_with(wanted)) by_id.emplace(facts.id, &facts);
        known.insert(facts.name.empty() ? facts.id.substr(0, kShortId) : facts.name);
    }
    if (by_id.size() == 1) {
        ids.insert(by_id.begin()->first);
        return {};
    }
    if (by_id.empty()) {
        return fail(fmt::format("there is no container '{}'", printable(wanted)),
                    suggestion(wanted, known, "container"));
    }
    std::vector<std::string> candidates;
    for (const auto& [id, facts] : by_id) {
        candidates.push_back(shown(*facts));
        if (candidates.size() == kMaxListed) break;
    }
    return fail(
        fmt::format("'{}' is the beginning of {} container ids", printable(wanted), by_id.size()),
        fmt::format("give more of it: {}", fmt::join(candidates, ", ")), kExitUsage);
}

bool is_pod(const ContainerFacts& facts, const std::string& wanted) {
    return !facts.pod.empty() &&
           (facts.pod == wanted || facts.pod_namespace + "/" + facts.pod == wanted);
}

Result<void> check_pod(const std::string& wanted, const Running& running) {
    std::set<std::string> known;
    for (const auto& [cgroup, facts] : running.containers) {
        if (is_pod(facts, wanted)) return {};
        if (!facts.pod.empty()) known.insert(facts.pod);
    }
    return fail(fmt::format("there is no pod '{}'", printable(wanted)),
                suggestion(wanted, known, "pod"));
}

std::string unit_name(const std::string& text) {
    for (const std::string_view suffix : {".service", ".scope", ".slice"})
        if (text.ends_with(suffix)) return text;
    return text + ".service";
}

Result<void> check_unit(const std::string& unit, const Running& running) {
    std::set<std::string> known;
    for (const auto& membership : running.memberships) {
        if (!process::cgroup_of_unit(membership->cgroup.path, unit).empty()) return {};
        if (membership->containers.empty() && !membership->facts.unit.empty())
            known.insert(membership->facts.unit);
    }
    return fail(fmt::format("the unit '{}' has no processes", printable(unit)),
                suggestion(unit, known, "systemd unit"));
}

bool is_at_or_below(std::string_view path, std::string_view cgroup) {
    if (cgroup == "/") return true;
    return path == cgroup || (path.starts_with(cgroup) && path[cgroup.size()] == '/');
}

// "/sys/fs/cgroup/a", "/a", "a/" all mean "/a".
Result<std::string> cgroup_path(const std::string& text, const Running& running,
                                const process::Containers& containers) {
    std::string path = text;
    if (containers.root() && is_at_or_below(path, *containers.root()))
        path.erase(0, containers.root()->size());
    while (path.ends_with('/')) path.pop_back();
    if (!path.starts_with('/')) path.insert(0, 1, '/');
    const bool has_dots = (path + "/").find("/../") != std::string::npos ||
                          (path + "/").find("/./") != std::string::npos;
    if (!has_dots && containers.cgroup_id(path) != 0) return path;
    // In a v1 hierarchy, or of a namespace that is not ours: known by its processes.
    const bool has_processes = std::ranges::any_of(running.memberships, [&](const auto& one) {
        return path != "/" && is_at_or_below(one->cgroup.path, path);
    });
    if (!has_dots && has_processes) return path;
    return fail(fmt::format("'{}' is not a cgroup", printable(text)),
                fmt::format("give a folder below {}, or its path from there on, such as "
                            "system.slice/cron.service",
                            containers.root().value_or("/sys/fs/cgroup")),
                kExitUsage);
}

// Programs in a sandbox or a virtual machine have a kernel of their own: what this one sees is the
// machine around them.
void warn_of_opaque(const CgroupTargets& targets, process::Containers& containers) {
    std::set<std::string> warned;
    for (const uint32_t pid : sys::process_ids()) {
        const std::string_view what = process::opaque_runtime(sys::executable_path(pid));
        if (what.empty()) continue;
        const auto membership = containers.of_process(pid);
        const auto cgroup = membership ? targets.match(*membership) : std::nullopt;
        if (!cgroup || !warned.insert(*cgroup).second) continue;
        log::warning(fmt::format(
            "{} runs in {}: its programs have a kernel of their own, which this one cannot look "
            "into. Run pyebpf inside; here only the machine around them is recorded",
            printable(*cgroup, 200), what));
    }
}

}  // namespace

uint32_t cgroup_level(std::string_view path) {
    return path == "/" ? 0 : static_cast<uint32_t>(std::ranges::count(path, '/'));
}

Result<CgroupTargets> CgroupTargets::find(const CgroupTargetOptions& options,
                                          process::Containers& containers) {
    const Running running = survey(containers);
    CgroupTargets targets;
    for (const std::string& wanted : options.containers) {
        if (auto added = add_container(wanted, running, targets.names_, targets.ids_); !added)
            return tl::unexpected(added.error());
    }
    for (const std::string& wanted : options.pods) {
        if (auto checked = check_pod(wanted, running); !checked)
            return tl::unexpected(checked.error());
        targets.pods_.insert(wanted);
    }
    for (const std::string& wanted : options.units) {
        const std::string unit = unit_name(wanted);
        if (auto checked = check_unit(unit, running); !checked)
            return tl::unexpected(checked.error());
        targets.units_.insert(unit);
    }
    for (const std::string& wanted : options.cgroups) {
        auto path = cgroup_path(wanted, running, containers);
        if (!path) return tl::unexpected(path.error());
        targets.cgroups_.insert(*path);
    }
    warn_of_opaque(targets, containers);
    return targets;
}

std::optional<std::string> CgroupTargets::match(const Membership& membership) const {
    for (const ContainerFacts& facts : membership.containers) {
        const bool is_named = !facts.name.empty() && names_.contains(facts.name);
        const bool in_pod =
            std::ranges::any_of(pods_, [&](const auto& pod) { return is_pod(facts, pod); });
        if (is_named || ids_.contains(facts.id) || in_pod) return facts.cgroup;
    }
    const std::string& path = membership.cgroup.path;
    for (const std::string& unit : units_) {
        if (std::string cgroup = process::cgroup_of_unit(path, unit); !cgroup.empty())
            return cgroup;
    }
    for (const std::string& cgroup : cgroups_) {
        // The v2 path may be another one than that which tells most.
        if (is_at_or_below(path, cgroup) || is_at_or_below(membership.cgroup.v2_path, cgroup))
            return cgroup;
    }
    return std::nullopt;
}

Result<std::vector<uint32_t>> host_pids(const CgroupTargets& targets,
                                        process::Containers& containers,
                                        const std::vector<uint32_t>& pids) {
    std::map<uint32_t, std::vector<uint32_t>> by_own_pid;
    for (const uint32_t pid : sys::process_ids()) {
        const auto membership = containers.of_process(pid);
        if (!membership || !targets.match(*membership)) continue;
        by_own_pid[sys::namespace_pid(pid)].push_back(pid);
    }
    std::vector<uint32_t> result;
    for (const uint32_t pid : pids) {
        const auto found = by_own_pid.find(pid);
        if (found == by_own_pid.end()) {
            std::vector<uint32_t> some;
            for (const auto& [own_pid, host] : by_own_pid)
                if (some.size() < kMaxListed) some.push_back(own_pid);
            return fail(fmt::format("the container has no process {}", pid),
                        fmt::format("with --container, -p takes the container's own ids: {}",
                                    fmt::join(some, ", ")));
        }
        result.insert(result.end(), found->second.begin(), found->second.end());
    }
    return result;
}

}  // namespace pyebpf::pipeline
