// SPDX-License-Identifier: Apache-2.0
// What tells of containers: paths of cgroups, files of runtimes, and what comes from their sockets;
// all of them on the same bytes. First byte: where the connection is cut.
#include <cstdlib>
#include <optional>
#include <string>

#include "fuzz.h"
#include "process/cgroup_path.h"
#include "process/cri.h"
#include "process/grpc_call.h"
#include "process/runtime_names.h"

using namespace pyebpf;

namespace {

constexpr std::string_view kId = "abc";

void check(const std::optional<process::ContainerNames>& names) {
    if (!names) return;
    for (const std::string* text :
         {&names->name, &names->runtime, &names->image, &names->pod, &names->pod_namespace})
        if (text->size() > process::kMaxNameBytes) std::abort();
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> input(data, size);
    const size_t cut = fuzz::take<uint8_t>(input);
    const std::string_view text = fuzz::text_of(input);
    check(process::parse_docker_config(text));
    check(process::parse_oci_annotations(text));
    check(process::parse_storage_list(text, kId));
    check(process::parse_cri_list(text, kId));
    fuzz::use(process::parse_docker_folder(text, kId));
    fuzz::use(process::parse_kubelet_link(text, kId));
    for (const std::string_view comm : {"conmon", "containerd-shim", "systemd-nspawn"})
        fuzz::use(process::parse_supervisor(comm, text));
    const std::string path = process::cgroup_of_process(text).path;
    fuzz::use(process::parse_cgroup_path(path));
    fuzz::use(process::parse_cgroup_path(text));
    process::GrpcCall call(process::kCriListContainers, process::cri_list_request(kId));
    if (call.take(text.substr(0, cut)) && cut < text.size()) call.take(text.substr(cut));
    if (const auto answer = call.answer()) check(process::parse_cri_list(*answer, kId));
    return 0;
}
