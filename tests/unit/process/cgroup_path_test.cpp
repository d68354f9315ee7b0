// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_path.h"

#include <gtest/gtest.h>

#include <string>

namespace pyebpf::process {
namespace {

const std::string kId(64, 'a');
const std::string kInner = std::string(63, 'b') + "0";
constexpr const char* kUid = "0a1b2c3d-1111-2222-3333-444455556666";
constexpr const char* kUidOfSlice = "0a1b2c3d_1111_2222_3333_444455556666";

// "ID" and "INNER" stand for ids, "UID" and "U_ID" for a pod's uid.
std::string fill_in(std::string text) {
    const auto replace = [&](const std::string& from, const std::string& to) {
        for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
            text.replace(at, from.size(), to);
    };
    replace("U_ID", "<1>");
    replace("UID", "<2>");
    replace("INNER", kInner);
    replace("ID", kId);
    replace("<1>", kUidOfSlice);
    replace("<2>", kUid);
    return text;
}

// The containers as "runtime id name pod_uid cgroup", innermost last, and the unit.
struct Vector {
    const char* path;
    std::vector<std::string> containers;
    const char* unit = "";
};

class Shapes : public ::testing::TestWithParam<Vector> {};

TEST_P(Shapes, AreRecognized) {
    const Vector& vector = GetParam();
    const CgroupPath parsed = parse_cgroup_path(fill_in(vector.path));
    std::vector<std::string> got;
    for (const CgroupContainer& one : parsed.containers) {
        got.push_back((one.runtime.empty() ? "?" : one.runtime) + "|" + one.id + "|" + one.name +
                      "|" + one.pod_uid + "|" + one.cgroup);
    }
    std::vector<std::string> expected;
    for (const std::string& one : vector.containers) expected.push_back(fill_in(one));
    EXPECT_EQ(got, expected);
    EXPECT_EQ(parsed.unit, fill_in(vector.unit));
}

INSTANTIATE_TEST_SUITE_P(
    Docker, Shapes,
    ::testing::Values(
        Vector{"/docker/ID", {"docker|ID|||/docker/ID"}},
        Vector{"/system.slice/docker-ID.scope", {"docker|ID|||/system.slice/docker-ID.scope"}},
        Vector{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
               {"docker|ID|||/user.slice/user-1000.slice/user@1000.service/user.slice/"
                "docker-ID.scope"}},
        Vector{"/ecs/0123456789abcdef0123456789abcdef/ID",
               {"?|ID|||/ecs/0123456789abcdef0123456789abcdef/ID"}},
        Vector{"/actions_job/ID", {"?|ID|||/actions_job/ID"}},
        Vector{"/docker/ID/docker/INNER",
               {"docker|ID|||/docker/ID", "docker|INNER|||/docker/ID/docker/INNER"}},
        Vector{"/docker/ID/init.scope", {"docker|ID|||/docker/ID"}, "init.scope"}));

INSTANTIATE_TEST_SUITE_P(
    Podman, Shapes,
    ::testing::Values(
        Vector{"/machine.slice/libpod-ID.scope", {"podman|ID|||/machine.slice/libpod-ID.scope"}},
        Vector{"/machine.slice/libpod-ID.scope/container",
               {"podman|ID|||/machine.slice/libpod-ID.scope"}},
        Vector{"/libpod_parent/libpod-ID", {"podman|ID|||/libpod_parent/libpod-ID"}},
        Vector{"/machine.slice/libpod-conmon-ID.scope", {}, "libpod-conmon-ID.scope"},
        Vector{"/libpod_parent/conmon", {}},
        Vector{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
               {"podman|ID|||/user.slice/user-1000.slice/user@1000.service/user.slice/"
                "libpod-ID.scope"}},
        Vector{"/system.slice/web.service/libpod-payload-ID",
               {"podman|ID|||/system.slice/web.service/libpod-payload-ID"}}));

INSTANTIATE_TEST_SUITE_P(
    Kubernetes, Shapes,
    ::testing::Values(
        Vector{"/kubepods/burstable/podUID/ID",
               {"containerd|ID||UID|/kubepods/burstable/podUID/ID"}},
        Vector{"/kubepods/podUID/ID", {"containerd|ID||UID|/kubepods/podUID/ID"}},
        Vector{"/kubepods/besteffort/podUID/crio-ID",
               {"cri-o|ID||UID|/kubepods/besteffort/podUID/crio-ID"}},
        Vector{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_ID.slice/"
               "cri-containerd-ID.scope",
               {"containerd|ID||UID|/kubepods.slice/kubepods-burstable.slice/"
                "kubepods-burstable-podU_ID.slice/cri-containerd-ID.scope"}},
        Vector{"/kubepods.slice/kubepods-podU_ID.slice/crio-ID.scope",
               {"cri-o|ID||UID|/kubepods.slice/kubepods-podU_ID.slice/crio-ID.scope"}},
        Vector{"/kubepods.slice/kubepods-podU_ID.slice/docker-ID.scope",
               {"docker|ID||UID|/kubepods.slice/kubepods-podU_ID.slice/docker-ID.scope"}},
        Vector{"/kubepods.slice/kubepods-podU_ID.slice/crio-conmon-ID.scope",
               {},
               "crio-conmon-ID.scope"},
        Vector{
            "/system.slice/containerd.service/kubepods-burstable-podU_ID.slice:cri-containerd:ID",
            {"containerd|ID||UID|/system.slice/containerd.service/"
             "kubepods-burstable-podU_ID.slice:cri-containerd:ID"}},
        Vector{"/kubepods-besteffort-podU_ID.slice:cri-containerd:ID",
               {"containerd|ID||UID|/kubepods-besteffort-podU_ID.slice:cri-containerd:ID"}},
        // A static pod's uid is a hash; kind and k3d nest all of it in a container.
        Vector{"/kubepods/burstable/pod0123456789abcdef0123456789abcdef/ID",
               {"containerd|ID||0123456789abcdef0123456789abcdef|"
                "/kubepods/burstable/pod0123456789abcdef0123456789abcdef/ID"}},
        Vector{"/system.slice/docker-ID.scope/kubelet.slice/kubelet-kubepods.slice/"
               "kubelet-kubepods-podU_ID.slice/cri-containerd-INNER.scope",
               {"docker|ID|||/system.slice/docker-ID.scope",
                "containerd|INNER||UID|/system.slice/docker-ID.scope/kubelet.slice/"
                "kubelet-kubepods.slice/kubelet-kubepods-podU_ID.slice/"
                "cri-containerd-INNER.scope"}}));

INSTANTIATE_TEST_SUITE_P(Containerd, Shapes,
                         ::testing::Values(Vector{"/k8s.io/ID", {"containerd|ID|||/k8s.io/ID"}},
                                           Vector{"/default/ID", {"nerdctl|ID|||/default/ID"}},
                                           Vector{"/system.slice/nerdctl-ID.scope",
                                                  {"nerdctl|ID|||/system.slice/nerdctl-ID.scope"}},
                                           Vector{"/system.slice:nerdctl:ID",
                                                  {"nerdctl|ID|||/system.slice:nerdctl:ID"}}));

INSTANTIATE_TEST_SUITE_P(
    Machines, Shapes,
    ::testing::Values(
        Vector{"/lxc/web", {"lxc|web|web||/lxc/web"}},
        Vector{
            "/lxc/web/ns/system.slice/nginx.service", {"lxc|web|web||/lxc/web"}, "nginx.service"},
        Vector{"/lxc.payload/web", {"lxc|web|web||/lxc.payload/web"}},
        Vector{"/lxc.payload.web/init.scope", {"lxc|web|web||/lxc.payload.web"}, "init.scope"},
        Vector{"/lxc.monitor.web", {}}, Vector{"/lxc.monitor/web", {}},
        Vector{"/machine.slice/machine-web\\x2d1.scope/payload",
               {"nspawn|web-1|web-1||/machine.slice/machine-web\\x2d1.scope"}},
        Vector{"/machine.slice/machine-web.scope/payload/system.slice/nginx.service",
               {"nspawn|web|web||/machine.slice/machine-web.scope"},
               "nginx.service"},
        Vector{"/machine.slice/systemd-nspawn@web.service/payload",
               {"nspawn|web|web||/machine.slice/systemd-nspawn@web.service"}},
        Vector{"/payload", {"nspawn||||/payload"}},
        Vector{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
               {"libvirt-qemu|1-vm|1-vm||/machine.slice/machine-qemu\\x2d1\\x2dvm.scope"}}));

INSTANTIATE_TEST_SUITE_P(
    Units, Shapes,
    ::testing::Values(
        Vector{"/", {}}, Vector{"", {}}, Vector{"/system.slice/nginx.service", {}, "nginx.service"},
        Vector{"/user.slice/user-0.slice/session-3.scope", {}, "session-3.scope"},
        Vector{"/user.slice/user-0.slice/user@0.service/app.slice/x.service", {}, "x.service"},
        Vector{"/init.scope", {}, "init.scope"}));

// What only looks like one: 63 digits, capitals, a pod that is no uid, names with nothing in them.
INSTANTIATE_TEST_SUITE_P(
    Lookalikes, Shapes,
    ::testing::Values(
        Vector{"/docker/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", {}},
        Vector{"/docker/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", {}},
        Vector{"/docker-.scope", {}, "docker-.scope"}, Vector{"/podcast/x", {}}, Vector{"/lxc", {}},
        Vector{"/machine-.scope", {}, "machine-.scope"},
        Vector{"////docker//ID/", {"docker|ID|||////docker//ID"}}));

TEST(CgroupPath, ADeepPathIsCutAndNotFollowedForever) {
    std::string path;
    for (int i = 0; i < 100'000; ++i) path += "/lxc/x";
    EXPECT_LE(parse_cgroup_path(path).containers.size(), 64u);
}

TEST(CgroupOfProcess, TheUnifiedHierarchyAlone) {
    const CgroupOfProcess got = cgroup_of_process("0::/system.slice/nginx.service\n");
    EXPECT_EQ(got.path, "/system.slice/nginx.service");
    EXPECT_EQ(got.v2_path, got.path);
    EXPECT_TRUE(got.is_v2);
}

TEST(CgroupOfProcess, VersionOneNamesTheContainer) {
    const CgroupOfProcess got = cgroup_of_process(
        fill_in("5:memory:/user.slice\n4:pids:/docker/ID\n1:name=systemd:/docker/ID\n"));
    EXPECT_EQ(got.path, fill_in("/docker/ID"));
    EXPECT_FALSE(got.is_v2);
    EXPECT_EQ(got.v2_path, "");
}

TEST(CgroupOfProcess, InAHybridLayoutTheUnifiedPathIsPreferred) {
    const CgroupOfProcess got = cgroup_of_process(
        fill_in("4:pids:/libpod_parent/libpod-ID\n0::/libpod_parent/libpod-ID\n"));
    EXPECT_TRUE(got.is_v2);
    EXPECT_EQ(got.path, fill_in("/libpod_parent/libpod-ID"));
}

TEST(CgroupOfProcess, InAHybridLayoutTheContainerMayBeInVersionOneOnly) {
    const CgroupOfProcess got =
        cgroup_of_process(fill_in("4:pids:/docker/ID\n0::/system.slice/docker.service\n"));
    EXPECT_EQ(got.path, fill_in("/docker/ID"));
    EXPECT_EQ(got.v2_path, "/system.slice/docker.service");
}

TEST(CgroupOfProcess, APrivateNamespaceShowsTheRoot) {
    const CgroupOfProcess got = cgroup_of_process("0::/\n");
    EXPECT_EQ(got.path, "/");
    EXPECT_TRUE(got.is_v2);
}

TEST(CgroupOfProcess, FromAPrivateNamespaceOthersAreRelative) {
    const CgroupOfProcess got = cgroup_of_process(fill_in("0::/../../docker-ID.scope\n"));
    EXPECT_EQ(got.path, fill_in("/docker-ID.scope"));
    EXPECT_TRUE(got.is_relative);
}

TEST(CgroupOfProcess, HostileTextIsNoPath) {
    EXPECT_EQ(cgroup_of_process("").path, "/");
    EXPECT_EQ(cgroup_of_process(":::::\n\n0:\n0::relative\n").path, "/");
    EXPECT_EQ(cgroup_of_process("0::/with:colons:in it\n").path, "/with:colons:in it");
    EXPECT_EQ(cgroup_of_process("0::/gone (deleted)\n").path, "/gone");
}

TEST(CgroupOfUnit, IsItsPartOfThePath) {
    EXPECT_EQ(cgroup_of_unit("/system.slice/nginx.service/sub", "nginx.service"),
              "/system.slice/nginx.service");
    EXPECT_EQ(cgroup_of_unit("/system.slice/nginx.service", "system.slice"), "/system.slice");
    EXPECT_EQ(cgroup_of_unit("/system.slice/nginx.service", "nginx"), "");
    // A unit of a container's own systemd is another one.
    EXPECT_EQ(cgroup_of_unit("/lxc/web/system.slice/nginx.service", "nginx.service"), "");
}

TEST(UnescapeUnit, UndoesWhatSystemdEscapes) {
    EXPECT_EQ(unescape_unit("a\\x2db\\x2e"), "a-b.");
    EXPECT_EQ(unescape_unit("a\\x2"), "a\\x2");
    EXPECT_EQ(unescape_unit("a\\xzz"), "a\\xzz");
}

}  // namespace
}  // namespace pyebpf::process
