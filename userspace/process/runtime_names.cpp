// SPDX-License-Identifier: Apache-2.0
#include "process/runtime_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "process/cri.h"
#include "process/runtime_sockets.h"
#include "sys/proc.h"

namespace pyebpf::process {

namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileBytes = 16 << 20;  // a list of thousands of containers
constexpr int kMaxAncestors = 32;
constexpr uint32_t kInit = 1;

// The text at a path of keys; "" if it is not there, no text, or too long to be a name.
std::string text_at(const Json& json, std::initializer_list<std::string_view> keys) {
    const Json* at = &json;
    for (const std::string_view key : keys) {
        if (!at->is_object()) return {};
        const auto found = at->find(key);
        if (found == at->end()) return {};
        at = &*found;
    }
    const std::string* text = at->get_ptr<const std::string*>();
    return text != nullptr && text->size() <= kMaxNameBytes ? *text : std::string();
}

Json parse_json(std::string_view text) {
    return Json::parse(text, nullptr, false);
}

std::string first_of(std::initializer_list<std::string> candidates) {
    for (const std::string& candidate : candidates)
        if (!candidate.empty()) return candidate;
    return {};
}

std::optional<std::string> read_in_root(uint32_t pid, const std::string& path) {
    const auto file = sys::open_in_root(pid, path);
    if (!file) return std::nullopt;
    return sys::read_file(fmt::format("/proc/self/fd/{}", file->get()), kMaxFileBytes);
}

// A file of the system: of the root that the first process has, which is the host's even if this
// program runs in a container with the host's pids; where that is hidden, of our own.
std::optional<std::string> read_host_file(const std::string& path) {
    if (auto text = read_in_root(kInit, path)) return text;
    return read_in_root(static_cast<uint32_t>(getpid()), path);
}

std::vector<std::string> list_host_folder(const std::string& path) {
    std::vector<std::string> names;
    for (const std::string_view root : {"/proc/1/root", ""}) {
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(
            opendir((std::string(root) + path).c_str()), closedir);
        if (!stream) continue;
        while (const dirent* entry = readdir(stream.get())) names.emplace_back(entry->d_name);
        break;
    }
    return names;
}

// The folder docker keeps its state in: "data-root" of its configuration.
std::string docker_root() {
    const auto text = read_host_file("/etc/docker/daemon.json");
    const std::string configured = text ? text_at(parse_json(*text), {"data-root"}) : "";
    return configured.empty() ? "/var/lib/docker" : configured;
}

void merge(ContainerNames& into, const std::optional<ContainerNames>& from) {
    if (!from) return;
    const auto take = [](std::string& to, const std::string& value) {
        if (to.empty()) to = value;
    };
    take(into.name, from->name);
    take(into.runtime, from->runtime);
    take(into.image, from->image);
    take(into.pod, from->pod);
    take(into.pod_namespace, from->pod_namespace);
}

bool is_below(std::string_view path, std::string_view cgroup) {
    return path == cgroup || (path.starts_with(cgroup) && path[cgroup.size()] == '/');
}

struct FoundSupervisor {
    Supervisor supervisor;
    uint32_t pid = 0;
};

// The nearest ancestor that watches the container. One inside of the container is an impostor: it
// may say what it likes.
std::optional<FoundSupervisor> find_supervisor(const CgroupContainer& container, uint32_t pid) {
    for (int i = 0; i < kMaxAncestors && pid > kInit; ++i) {
        const auto stat = sys::read_stat(pid);
        if (!stat) return std::nullopt;
        constexpr size_t kMaxArguments = 16384;
        const std::string arguments =
            sys::read_file(fmt::format("/proc/{}/cmdline", pid), kMaxArguments).value_or("");
        auto supervisor = parse_supervisor(stat->name, arguments);
        if (supervisor && (supervisor->id.empty() || supervisor->id == container.id)) {
            const auto text = sys::read_file(fmt::format("/proc/{}/cgroup", pid), 65536);
            if (text && !is_below(cgroup_of_process(*text).path, container.cgroup))
                return FoundSupervisor{std::move(*supervisor), pid};
        }
        pid = stat->parent;
    }
    return std::nullopt;
}

ContainerNames names_of_supervised(const CgroupContainer& container, const FoundSupervisor& found) {
    ContainerNames names;
    names.name = found.supervisor.name;
    std::string bundle = found.supervisor.bundle;
    // containerd-shim works in the bundle of the first container of its pod; the others, by their
    // ids, are beside it (containerd runtime/v2/bundle.go).
    if (bundle.empty() && !found.supervisor.containerd_namespace.empty()) {
        const std::string first = sys::link_target(fmt::format("/proc/{}/cwd", found.pid));
        bundle = first.substr(0, first.rfind('/') + 1) + container.id;
    }
    if (bundle.empty()) return names;
    if (const auto text = read_in_root(found.pid, bundle + "/config.json")) {
        merge(names, parse_oci_annotations(*text));
        const std::string folder =
            names.name.empty() ? parse_docker_folder(*text, container.id) : std::string();
        if (!folder.empty()) {
            if (const auto config = read_in_root(found.pid, folder + "/config.v2.json"))
                merge(names, parse_docker_config(*config));
        }
    }
    // STORAGE/overlay-containers/ID/userdata
    const size_t at = bundle.rfind("/" + container.id + "/");
    if (at != std::string::npos) {
        if (const auto text = read_in_root(found.pid, bundle.substr(0, at) + "/containers.json"))
            merge(names, parse_storage_list(*text, container.id));
    }
    return names;
}

ContainerNames names_from_usual_places(const CgroupContainer& container) {
    ContainerNames names;
    const std::string& id = container.id;
    const bool is_any = container.runtime.empty() || !container.pod_uid.empty();
    if (is_any || container.runtime == "docker") {
        const std::string path = docker_root() + "/containers/" + id + "/config.v2.json";
        if (const auto text = read_host_file(path)) {
            merge(names, parse_docker_config(*text));
            names.runtime = "docker";
        }
    }
    if (names.name.empty() &&
        (is_any || container.runtime == "containerd" || container.runtime == "nerdctl")) {
        for (const std::string_view space : {"k8s.io", "default", "moby"}) {
            const auto text = read_host_file(fmt::format(
                "/run/containerd/io.containerd.runtime.v2.task/{}/{}/config.json", space, id));
            if (!text) continue;
            merge(names, parse_oci_annotations(*text));
            break;
        }
    }
    if (names.name.empty() &&
        (is_any || container.runtime == "cri-o" || container.runtime == "podman")) {
        for (const std::string_view storage :
             {"/var/lib/containers/storage", "/run/containers/storage"}) {
            const std::string folder = std::string(storage) + "/overlay-containers/";
            if (const auto text = read_host_file(folder + id + "/userdata/config.json"))
                merge(names, parse_oci_annotations(*text));
            if (const auto text = read_host_file(folder + "containers.json"))
                merge(names, parse_storage_list(*text, id));
        }
    }
    if (!container.pod_uid.empty() && (names.pod.empty() || names.name.empty())) {
        for (const std::string& link : list_host_folder("/var/log/containers")) {
            const auto found = parse_kubelet_link(link, id);
            if (!found) continue;
            merge(names, found);
            break;
        }
    }
    return names;
}

std::optional<ContainerNames> names_from_sockets(std::string_view id) {
    for (const char* path : {"/run/docker.sock", "/run/podman/podman.sock"})
        if (const auto text = ask_engine(path, id)) return parse_docker_config(*text);
    for (const char* path : {"/run/containerd/containerd.sock", "/run/crio/crio.sock",
                             "/run/k3s/containerd/containerd.sock", "/run/cri-dockerd.sock"}) {
        const auto message = ask_cri(path, id);
        if (!message) continue;
        if (auto names = parse_cri_list(*message, id)) return names;
    }
    return std::nullopt;
}

}  // namespace

ContainerNames find_container_names(const CgroupContainer& container, uint32_t pid,
                                    bool ask_sockets) {
    ContainerNames names;
    if (container.id.size() == 64) names = names_from_usual_places(container);
    if (names.name.empty() && container.name.empty()) {
        if (const auto found = find_supervisor(container, pid))
            merge(names, names_of_supervised(container, *found));
    }
    if (ask_sockets && names.name.empty() && container.id.size() == 64)
        merge(names, names_from_sockets(container.id));
    return names;
}

// moby container/container.go, and the answer of GET /containers/ID/json.
std::optional<ContainerNames> parse_docker_config(std::string_view json_text) {
    const Json json = parse_json(json_text);
    if (!json.is_object()) return std::nullopt;
    ContainerNames names;
    names.name = text_at(json, {"Name"});
    if (names.name.starts_with('/')) names.name.erase(0, 1);
    names.image = text_at(json, {"Config", "Image"});
    names.pod = text_at(json, {"Config", "Labels", "io.kubernetes.pod.name"});
    names.pod_namespace = text_at(json, {"Config", "Labels", "io.kubernetes.pod.namespace"});
    if (const std::string name =
            text_at(json, {"Config", "Labels", "io.kubernetes.container.name"});
        !name.empty())
        names.name = name;
    return names;
}

// containerd internal/cri/annotations, cri-o pkg/annotations, nerdctl pkg/labels.
std::optional<ContainerNames> parse_oci_annotations(std::string_view json_text) {
    const Json json = parse_json(json_text);
    if (!json.is_object()) return std::nullopt;
    const auto annotation = [&](std::string_view key) {
        return text_at(json, {"annotations", key});
    };
    ContainerNames names;
    names.name = first_of({annotation("io.kubernetes.cri.container-name"),
                           annotation("io.kubernetes.container.name"), annotation("nerdctl/name")});
    names.image = first_of(
        {annotation("io.kubernetes.cri.image-name"), annotation("io.kubernetes.cri-o.ImageName")});
    names.pod = first_of(
        {annotation("io.kubernetes.cri.sandbox-name"), annotation("io.kubernetes.pod.name")});
    names.pod_namespace = first_of({annotation("io.kubernetes.cri.sandbox-namespace"),
                                    annotation("io.kubernetes.pod.namespace")});
    const std::string kind = first_of({annotation("io.kubernetes.cri.container-type"),
                                       annotation("io.kubernetes.cri-o.ContainerType")});
    if (names.name.empty() && kind == "sandbox") names.name = "pause";
    return names;
}

// moby container/container_unix.go: files such as etc/hosts are mounted from the folder of the
// container.
std::string parse_docker_folder(std::string_view json_text, std::string_view id) {
    const Json json = parse_json(json_text);
    if (!json.is_object()) return {};
    const auto mounts = json.find("mounts");
    if (mounts == json.end() || !mounts->is_array()) return {};
    const std::string ending = fmt::format("/containers/{}", id);
    for (const Json& mount : *mounts) {
        const std::string source = text_at(mount, {"source"});
        const std::string folder = source.substr(0, source.rfind('/'));
        if (folder.ends_with(ending)) return folder;
    }
    return {};
}

// containers/storage containers.go; the metadata are podman's or CRI-O's.
std::optional<ContainerNames> parse_storage_list(std::string_view json_text, std::string_view id) {
    const Json json = parse_json(json_text);
    if (!json.is_array()) return std::nullopt;
    for (const Json& entry : json) {
        if (text_at(entry, {"id"}) != id) continue;
        ContainerNames names;
        const Json* list = nullptr;
        if (const auto found = entry.find("names"); found != entry.end()) list = &*found;
        if (list != nullptr && list->is_array() && !list->empty()) {
            const std::string* name = list->front().get_ptr<const std::string*>();
            if (name != nullptr && name->size() <= kMaxNameBytes) names.name = *name;
        }
        const auto found = entry.find("metadata");
        const std::string* metadata_text =
            found == entry.end() ? nullptr : found->get_ptr<const std::string*>();
        if (metadata_text != nullptr) {
            const Json metadata = parse_json(*metadata_text);
            names.image = text_at(metadata, {"image-name"});
            // Of CRI-O the names are "k8s_CONTAINER_POD_NAMESPACE_UID_0".
            names.name = first_of(
                {text_at(metadata, {"metadata-name"}), text_at(metadata, {"name"}), names.name});
        }
        return names;
    }
    return std::nullopt;
}

// kubernetes pkg/kubelet/kuberuntime/legacy.go
std::optional<ContainerNames> parse_kubelet_link(std::string_view file_name, std::string_view id) {
    const std::string ending = fmt::format("-{}.log", id);
    if (!file_name.ends_with(ending)) return std::nullopt;
    file_name.remove_suffix(ending.size());
    const size_t first = file_name.find('_');
    const size_t second = first == std::string_view::npos ? first : file_name.find('_', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    ContainerNames names;
    names.pod = file_name.substr(0, first);
    names.pod_namespace = file_name.substr(first + 1, second - first - 1);
    names.name = file_name.substr(second + 1);
    return names;
}

std::optional<Supervisor> parse_supervisor(std::string_view comm, std::string_view command_line) {
    // The kernel cuts names at 15 characters (TASK_COMM_LEN).
    const bool is_conmon = comm == "conmon";
    const bool is_shim = comm == "containerd-shim";
    const bool is_nspawn = comm == "systemd-nspawn";
    if (!is_conmon && !is_shim && !is_nspawn) return std::nullopt;
    std::vector<std::string> arguments;
    while (!command_line.empty()) {
        const size_t end = std::min(command_line.find('\0'), command_line.size());
        arguments.emplace_back(command_line.substr(0, end));
        command_line.remove_prefix(std::min(end + 1, command_line.size()));
    }
    // The value of the first of these options: "--machine=web", "--machine web", "-M web".
    const auto option = [&](std::initializer_list<std::string_view> names) -> std::string {
        for (size_t i = 1; i < arguments.size(); ++i) {
            for (const std::string_view name : names) {
                if (arguments[i] == name && i + 1 < arguments.size())
                    return arguments[i + 1].substr(0, kMaxNameBytes);
                if (name.starts_with("--") && arguments[i].starts_with(std::string(name) + "="))
                    return arguments[i].substr(name.size() + 1, kMaxNameBytes);
            }
        }
        return {};
    };
    Supervisor result;
    if (is_conmon) {
        result.id = option({"-c", "--cid"});
        result.name = option({"-n", "--name"});
        result.bundle = option({"-b", "--bundle"});
    } else if (is_shim) {
        // containerd runtime/v2/shim: one shim may serve all containers of a pod.
        result.containerd_namespace = option({"-namespace"});
    } else {
        const std::string place = option({"-D", "--directory", "-i", "--image"});
        result.name = first_of({option({"-M", "--machine"}), place.substr(place.rfind('/') + 1)});
    }
    return result;
}

std::string_view opaque_runtime(std::string_view executable) {
    struct Entry {
        std::string_view program;
        std::string_view what;
    };
    constexpr std::array kPrograms{
        Entry{"runsc", "gVisor"},
        Entry{"runsc-sandbox", "gVisor"},
        Entry{"firecracker", "a virtual machine (Firecracker)"},
        Entry{"cloud-hypervisor", "a virtual machine (Cloud Hypervisor)"},
        Entry{"crosvm", "a virtual machine (crosvm)"},
        Entry{"stratovirt", "a virtual machine (StratoVirt)"},
    };
    const std::string_view program = executable.substr(executable.rfind('/') + 1);
    for (const Entry& entry : kPrograms)
        if (program == entry.program) return entry.what;
    return program.starts_with("qemu-system-") ? "a virtual machine (QEMU)" : std::string_view();
}

}  // namespace pyebpf::process
