// SPDX-License-Identifier: Apache-2.0
#include "process/runtime_names.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "base/unique_fd.h"
#include "process/runtime_sockets.h"

namespace pyebpf::process {
namespace {

using namespace std::string_literals;

const std::string kContainerId(64, 'a');

TEST(DockerConfig, HasNameAndImage) {
    const auto names = parse_docker_config(R"({"Name":"/web","Config":{"Image":"nginx:1.27"}})");
    ASSERT_TRUE(names);
    EXPECT_EQ(names->name, "web");
    EXPECT_EQ(names->image, "nginx:1.27");
}

TEST(DockerConfig, LabelsOfKubernetesSayMore) {
    const auto names = parse_docker_config(
        R"({"Name":"/k8s_app_pod_ns_uid_0","Config":{"Image":"x","Labels":{
            "io.kubernetes.pod.name":"shop-1","io.kubernetes.pod.namespace":"prod",
            "io.kubernetes.container.name":"app"}}})");
    ASSERT_TRUE(names);
    EXPECT_EQ(names->name, "app");
    EXPECT_EQ(names->pod, "shop-1");
    EXPECT_EQ(names->pod_namespace, "prod");
}

TEST(DockerConfig, WrongTypesAndBrokenTextAreNoNames) {
    EXPECT_FALSE(parse_docker_config("{"));
    EXPECT_FALSE(parse_docker_config("[]"));
    EXPECT_FALSE(parse_docker_config(""));
    const auto names = parse_docker_config(R"({"Name":5,"Config":[1],"x":{"y":null}})");
    ASSERT_TRUE(names);
    EXPECT_EQ(names->name, "");
    const auto long_name = parse_docker_config("{\"Name\":\"/" + std::string(5000, 'x') + "\"}");
    ASSERT_TRUE(long_name);
    EXPECT_EQ(long_name->name, "");
}

TEST(OciAnnotations, OfContainerd) {
    const auto names = parse_oci_annotations(R"({"annotations":{
        "io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"shop-1",
        "io.kubernetes.cri.sandbox-namespace":"prod","io.kubernetes.cri.image-name":"shop:7"}})");
    ASSERT_TRUE(names);
    EXPECT_EQ(names->name, "app");
    EXPECT_EQ(names->pod, "shop-1");
    EXPECT_EQ(names->pod_namespace, "prod");
    EXPECT_EQ(names->image, "shop:7");
}

TEST(OciAnnotations, OfCrioNerdctlAndASandbox) {
    const auto crio = parse_oci_annotations(R"({"annotations":{
        "io.kubernetes.container.name":"app","io.kubernetes.pod.name":"shop-1",
        "io.kubernetes.pod.namespace":"prod","io.kubernetes.cri-o.ImageName":"shop:7"}})");
    EXPECT_EQ(crio->name, "app");
    EXPECT_EQ(crio->image, "shop:7");
    EXPECT_EQ(parse_oci_annotations(R"({"annotations":{"nerdctl/name":"web"}})")->name, "web");
    EXPECT_EQ(
        parse_oci_annotations(R"({"annotations":{"io.kubernetes.cri.container-type":"sandbox"}})")
            ->name,
        "pause");
}

TEST(DockerFolder, IsWhereItsMountsComeFrom) {
    const std::string folder = "/var/snap/docker/data/containers/" + kContainerId;
    const std::string json =
        R"({"mounts":[{"source":"proc"},5,{"source":"/srv/containers/x"},{"source":")" + folder +
        R"(/resolv.conf"}]})";
    EXPECT_EQ(parse_docker_folder(json, kContainerId), folder);
    EXPECT_EQ(parse_docker_folder(json, "other"), "");
    EXPECT_EQ(parse_docker_folder(R"({"mounts":{}})", kContainerId), "");
    EXPECT_EQ(parse_docker_folder("[", kContainerId), "");
}

TEST(StorageList, HasTheNamesOfPodmanAndCrio) {
    const std::string list =
        R"([{"id":"other"},{"id":")" + kContainerId +
        R"(","names":["web"],"metadata":"{\"image-name\":\"localhost/x:1\"}"}])";
    const auto names = parse_storage_list(list, kContainerId);
    ASSERT_TRUE(names);
    EXPECT_EQ(names->name, "web");
    EXPECT_EQ(names->image, "localhost/x:1");
    const std::string of_crio =
        R"([{"id":")" + kContainerId +
        R"(","names":["k8s_app_pod_ns_uid_0"],"metadata":"{\"metadata-name\":\"app\"}"}])";
    EXPECT_EQ(parse_storage_list(of_crio, kContainerId)->name, "app");
    EXPECT_FALSE(parse_storage_list(list, "unknown"));
    EXPECT_FALSE(parse_storage_list("{}", kContainerId));
    EXPECT_TRUE(parse_storage_list("[1,null,{\"id\":\"" + kContainerId + "\",\"metadata\":\"{\"}]",
                                   kContainerId));
}

TEST(KubeletLink, IsPodNamespaceContainer) {
    const auto names = parse_kubelet_link("shop-1_prod_app-" + kContainerId + ".log", kContainerId);
    ASSERT_TRUE(names);
    EXPECT_EQ(names->pod, "shop-1");
    EXPECT_EQ(names->pod_namespace, "prod");
    EXPECT_EQ(names->name, "app");
    EXPECT_FALSE(parse_kubelet_link("shop-1_prod_app-other.log", kContainerId));
    EXPECT_FALSE(parse_kubelet_link("no-" + kContainerId + ".log", kContainerId));
}

TEST(Supervisors, SayWhatTheyWatch) {
    const auto conmon = parse_supervisor("conmon", "/usr/bin/conmon\0-c\0"s + kContainerId +
                                                       "\0-u\0x\0-b\0/store/userdata\0-n\0web\0"s);
    ASSERT_TRUE(conmon);
    EXPECT_EQ(conmon->id, kContainerId);
    EXPECT_EQ(conmon->name, "web");
    EXPECT_EQ(conmon->bundle, "/store/userdata");
    EXPECT_EQ(parse_supervisor("containerd-shim",
                               "/usr/bin/containerd-shim-runc-v2\0-namespace\0moby\0-id\0x\0"s)
                  ->containerd_namespace,
              "moby");
    EXPECT_EQ(parse_supervisor("systemd-nspawn", "systemd-nspawn\0-D\0/var/lib/web\0sh\0"s)->name,
              "web");
    EXPECT_EQ(parse_supervisor("systemd-nspawn", "systemd-nspawn\0--machine=x\0-D\0/y\0"s)->name,
              "x");
    EXPECT_FALSE(parse_supervisor("sh", "conmon\0-n\0web\0"s));
    EXPECT_EQ(parse_supervisor("conmon", "conmon\0-n"s)->name, "");
}

TEST(OpaqueRuntimes, AreKnownByTheirPrograms) {
    EXPECT_EQ(opaque_runtime("/usr/bin/runsc"), "gVisor");
    EXPECT_EQ(opaque_runtime("/usr/bin/qemu-system-x86_64"), "a virtual machine (QEMU)");
    EXPECT_EQ(opaque_runtime("/usr/bin/python3"), "");
    EXPECT_EQ(opaque_runtime(""), "");
}

// A server that accepts once and answers, or does not.
class Engine {
  public:
    explicit Engine(std::string answer) : answer_(std::move(answer)) {
        path_ = testing::TempDir() + "engine-" + std::to_string(getpid()) + ".sock";
        unlink(path_.c_str());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.c_str(), path_.size());
        socket_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        EXPECT_EQ(listen(socket_.get(), 1), 0);
        if (answer_.empty()) return;
        thread_ = std::thread([this] {
            const UniqueFd peer(accept(socket_.get(), nullptr, nullptr));
            char request[512];
            const ssize_t got = read(peer.get(), request, sizeof(request));
            request_.assign(request, got > 0 ? static_cast<size_t>(got) : 0);
            EXPECT_EQ(write(peer.get(), answer_.data(), answer_.size()),
                      static_cast<ssize_t>(answer_.size()));
        });
    }
    ~Engine() {
        if (thread_.joinable()) thread_.join();
        unlink(path_.c_str());
    }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string request() {
        thread_.join();
        return request_;
    }

  private:
    std::string answer_, path_, request_;
    UniqueFd socket_;
    std::thread thread_;
};

TEST(Sockets, AnEngineIsAskedOnceAndOnlyRead) {
    Engine engine("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"Name\":\"/web\"}");
    const auto answer = ask_engine(engine.path(), kContainerId);
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, "{\"Name\":\"/web\"}");
    EXPECT_TRUE(
        engine.request().starts_with("GET /containers/" + kContainerId + "/json HTTP/1.0\r\n"));
}

TEST(Sockets, AnErrorIsNoAnswer) {
    Engine engine("HTTP/1.0 404 Not Found\r\n\r\n{}");
    EXPECT_FALSE(ask_engine(engine.path(), kContainerId));
}

TEST(Sockets, SilenceIsWaitedOutAndNotForever) {
    const Engine engine("");
    EXPECT_FALSE(ask_engine(engine.path(), kContainerId));
    EXPECT_FALSE(ask_cri(engine.path(), kContainerId));
    EXPECT_FALSE(ask_engine("/nonexistent", kContainerId));
    EXPECT_FALSE(ask_cri("/nonexistent", kContainerId));
}

}  // namespace
}  // namespace pyebpf::process
