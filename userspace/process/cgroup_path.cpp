// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_path.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace pyebpf::process {

namespace {

constexpr size_t kMaxComponents = 64;

enum class IdForm {
    kHex64,      // 64 hexadecimal digits: docker, containerd, CRI-O, podman
    kMachine,    // the name of a machine, escaped as systemd does; also its id
    kName,       // a name as it is; also the id
    kNameless,   // a container, but the path has no id
    kIsNoOther,  // no container: a monitor beside one. Ends the search in the table
};

// A component of a path that is a container: PREFIX ID SUFFIX, below a component PARENT if that is
// given ("*" at its end: whatever follows). The first shape that fits counts.
struct Shape {
    std::string_view parent;
    std::string_view prefix;
    std::string_view suffix;
    IdForm form;
    std::string_view runtime;
};

constexpr std::array kShapes{
    // Monitors, which have the id of what they watch in their name.
    Shape{"", "libpod-conmon-", "", IdForm::kIsNoOther, ""},
    Shape{"", "crio-conmon-", "", IdForm::kIsNoOther, ""},
    Shape{"", "lxc.monitor.", "", IdForm::kIsNoOther, ""},
    Shape{"lxc.monitor", "", "", IdForm::kIsNoOther, ""},
    // systemd driver: scopes. moby daemon/daemon_unix.go, containers/common pkg/cgroups,
    // containerd internal/cri (cri-containerd), cri-o internal/config/cgmgr, nerdctl.
    Shape{"", "docker-", ".scope", IdForm::kHex64, "docker"},
    Shape{"", "cri-containerd-", ".scope", IdForm::kHex64, "containerd"},
    Shape{"", "crio-", ".scope", IdForm::kHex64, "cri-o"},
    Shape{"", "libpod-", ".scope", IdForm::kHex64, "podman"},
    Shape{"", "nerdctl-", ".scope", IdForm::kHex64, "nerdctl"},
    // A systemd path given to the cgroupfs driver: "kubepods-pod….slice:cri-containerd:ID".
    Shape{"", "*:cri-containerd:", "", IdForm::kHex64, "containerd"},
    Shape{"", "*:crio:", "", IdForm::kHex64, "cri-o"},
    Shape{"", "*:docker:", "", IdForm::kHex64, "docker"},
    Shape{"", "*:nerdctl:", "", IdForm::kHex64, "nerdctl"},
    // cgroupfs driver.
    Shape{"", "libpod-payload-", "", IdForm::kHex64, "podman"},
    Shape{"", "libpod-", "", IdForm::kHex64, "podman"},
    Shape{"", "crio-", "", IdForm::kHex64, "cri-o"},
    Shape{"docker", "", "", IdForm::kHex64, "docker"},
    Shape{"k8s.io", "", "", IdForm::kHex64, "containerd"},
    Shape{"default", "", "", IdForm::kHex64, "nerdctl"},  // containerd's default namespace
    Shape{"pod*", "", "", IdForm::kHex64, "containerd"},  // kubepods/burstable/podUID/ID
    Shape{"", "", "", IdForm::kHex64, ""},                // ecs/TASK/ID, other parents
    // Machines. lxc src/lxc/cgroups/cgfsng.c; systemd src/shared/machine-*.
    Shape{"", "lxc.payload.", "", IdForm::kName, "lxc"},
    Shape{"lxc.payload", "", "", IdForm::kName, "lxc"}, Shape{"lxc", "", "", IdForm::kName, "lxc"},
    Shape{"", "machine-qemu\\x2d", ".scope", IdForm::kMachine, "libvirt-qemu"},
    Shape{"", "machine-lxc\\x2d", ".scope", IdForm::kMachine, "libvirt-lxc"},
    Shape{"", "machine-", ".scope", IdForm::kMachine, "nspawn"},
    Shape{"", "systemd-nspawn@", ".service", IdForm::kMachine, "nspawn"},
    Shape{"", "payload", "", IdForm::kNameless, "nspawn"},  // nspawn --keep-unit
};

bool is_hex64(std::string_view text) {
    return text.size() == 64 && std::ranges::all_of(text, [](unsigned char c) {
               return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
           });
}

bool parent_fits(std::string_view wanted, std::string_view parent) {
    if (wanted.ends_with('*')) return parent.starts_with(wanted.substr(0, wanted.size() - 1));
    return wanted.empty() || wanted == parent;
}

// What is between prefix and suffix; a prefix "*TEXT" may begin anywhere.
std::optional<std::string_view> between(std::string_view text, std::string_view prefix,
                                        std::string_view suffix) {
    if (prefix.starts_with('*')) {
        const size_t at = text.find(prefix.substr(1));
        if (at == std::string_view::npos) return std::nullopt;
        text.remove_prefix(at + prefix.size() - 1);
    } else {
        if (!text.starts_with(prefix)) return std::nullopt;
        text.remove_prefix(prefix.size());
    }
    if (!text.ends_with(suffix)) return std::nullopt;
    text.remove_suffix(suffix.size());
    return text;
}

bool id_fits(IdForm form, std::string_view id) {
    switch (form) {
        case IdForm::kHex64:
            return is_hex64(id);
        case IdForm::kMachine:
        case IdForm::kName:
            return !id.empty();
        case IdForm::kNameless:
            return id.empty();
        case IdForm::kIsNoOther:
            return true;
    }
    return false;
}

const Shape* find_shape(std::string_view parent, std::string_view component, std::string_view& id) {
    for (const Shape& shape : kShapes) {
        if (!parent_fits(shape.parent, parent)) continue;
        const auto found = between(component, shape.prefix, shape.suffix);
        if (!found || !id_fits(shape.form, *found)) continue;
        id = *found;
        return &shape;
    }
    return nullptr;
}

// "pod9a2f-…", "kubepods-burstable-pod9a2f_….slice": kubernetes pkg/kubelet/cm.
std::string pod_uid_of(std::string_view component) {
    constexpr size_t kUidBytes = 36;        // of a UUID
    constexpr size_t kStaticUidBytes = 32;  // of a static pod: a hash
    if (component.ends_with(".slice")) component.remove_suffix(std::string_view(".slice").size());
    // "SLICE:cri-containerd:ID": the slice is the pod's.
    component = component.substr(0, component.find(".slice:"));
    const size_t at = component.rfind("pod");
    if (at == std::string_view::npos || (at != 0 && component[at - 1] != '-')) return {};
    std::string uid(component.substr(at + std::string_view("pod").size()));
    if (uid.size() != kUidBytes && uid.size() != kStaticUidBytes) return {};
    std::ranges::replace(uid, '_', '-');
    const bool is_uid =
        std::ranges::all_of(uid, [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; });
    return is_uid ? uid : std::string();
}

bool is_unit(std::string_view component) {
    return component.ends_with(".service") || component.ends_with(".scope");
}

// Calls visit(component, end of it in the path).
template <class Visit>
void for_components(std::string_view path, Visit visit) {
    size_t at = 0;
    for (size_t count = 0; at < path.size() && count < kMaxComponents; ++count) {
        const size_t start = at + (path[at] == '/' ? 1 : 0);
        const size_t end = std::min(path.find('/', start), path.size());
        if (end > start) visit(path.substr(start, end - start), end);
        at = std::max(end, at + 1);
    }
}

}  // namespace

std::string unescape_unit(std::string_view text) {
    const auto digit = [](unsigned char c) {
        return std::isdigit(c) != 0 ? c - '0' : std::tolower(c) - 'a' + 10;
    };
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with("\\x") && i + 3 < text.size() &&
            std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0 &&
            std::isxdigit(static_cast<unsigned char>(text[i + 3])) != 0) {
            result += static_cast<char>(digit(static_cast<unsigned char>(text[i + 2])) << 4 |
                                        digit(static_cast<unsigned char>(text[i + 3])));
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

CgroupPath parse_cgroup_path(std::string_view path) {
    CgroupPath result;
    std::string_view parent;
    std::string pod_uid;
    for_components(path, [&](std::string_view component, size_t end) {
        if (std::string uid = pod_uid_of(component); !uid.empty()) pod_uid = std::move(uid);
        std::string_view id;
        const Shape* shape = find_shape(parent, component, id);
        parent = component;
        const bool is_nameless = shape != nullptr && shape->form == IdForm::kNameless;
        const size_t parent_end = end - component.size() - 1;
        if (is_nameless && !result.containers.empty() &&
            result.containers.back().cgroup.size() == parent_end)
            return;  // "machine-NAME.scope/payload" is one container
        if (shape != nullptr && shape->form != IdForm::kIsNoOther) {
            CgroupContainer& container = result.containers.emplace_back();
            container.cgroup = path.substr(0, end);
            container.id = shape->form == IdForm::kMachine ? unescape_unit(id) : std::string(id);
            container.runtime = shape->runtime;
            if (shape->form != IdForm::kHex64) container.name = container.id;
            container.pod_uid = std::exchange(pod_uid, {});
            // Of the host's it would be the scope of the container.
            if (!is_nameless) result.unit.clear();
        } else if (is_unit(component)) {
            result.unit = component;
        }
    });
    return result;
}

CgroupOfProcess cgroup_of_process(std::string_view text) {
    CgroupOfProcess best{.path = "/"};
    int best_rank = -1;
    std::string v2_path;
    bool is_relative = false;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        // "4:memory:/path", "1:name=systemd:/path", "0::/path"
        const size_t first = line.find(':');
        const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        std::string_view path = line.substr(second + 1);
        if (!path.starts_with('/')) continue;
        CgroupOfProcess candidate;
        candidate.is_v2 = line.starts_with("0::");
        while (path == "/.." || path.starts_with("/../")) {
            path.remove_prefix(3);
            if (candidate.is_v2) is_relative = true;
        }
        candidate.path = path.empty() ? "/" : path;
        constexpr std::string_view kDeleted = " (deleted)";  // the cgroup was removed meanwhile
        if (candidate.path.ends_with(kDeleted))
            candidate.path.resize(candidate.path.size() - kDeleted.size());
        if (candidate.is_v2) v2_path = candidate.path;
        const bool names_container = !parse_cgroup_path(candidate.path).containers.empty();
        const int rank =
            (names_container ? 4 : 0) + (candidate.path != "/" ? 2 : 0) + (candidate.is_v2 ? 1 : 0);
        if (rank <= best_rank) continue;
        best_rank = rank;
        best = std::move(candidate);
    }
    best.v2_path = std::move(v2_path);
    best.is_relative = is_relative;
    return best;
}

std::string cgroup_of_unit(std::string_view path, std::string_view unit) {
    const CgroupPath parsed = parse_cgroup_path(path);
    const size_t host_part =
        parsed.containers.empty() ? path.size() : parsed.containers.front().cgroup.size();
    std::string result;
    for_components(path, [&](std::string_view component, size_t end) {
        if (result.empty() && end <= host_part && component == unit) result = path.substr(0, end);
    });
    return result;
}

}  // namespace pyebpf::process
