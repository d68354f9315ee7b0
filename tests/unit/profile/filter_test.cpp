// SPDX-License-Identifier: Apache-2.0
#include "profile/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profile/name_pattern.h"
#include "synthetic_profile.h"

namespace pyebpf::profile {
namespace {

using output::test::kPeriodNs;
using output::test::ProfileBuilder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "name1/name2/name3" of each sample, in order.
std::vector<std::string> stacks_of(const Profile& profile) {
    std::vector<std::string> texts;
    for (const Sample& sample : profile.samples) {
        std::string text;
        for (const FrameId id : profile.stacks.frames(sample.stack)) {
            if (!text.empty()) text += '/';
            text += profile.text(profile.frame(id).function);
        }
        texts.push_back(text);
    }
    return texts;
}

// Three processes: a web worker in a container, a job with two threads, a shell.
Profile machine() {
    ProfileBuilder b;
    const ThreadId web = b.thread(10, "gunicorn", 10, "gunicorn", "3.13.5");
    const ThreadId job = b.thread(20, "train.py", 20, "train.py", "3.11.2");
    const ThreadId blas = b.thread(20, "train.py", 21, "openblas", "3.11.2");
    const ThreadId shell = b.thread(30, "bash", 30, "bash");
    const FrameId main = b.python("main", "/srv/app.py", 1);
    b.add(web, {main, b.python("View.get", "/srv/views.py", 5), b.kernel("do_syscall_64")});
    b.add(job, {main, b.native("array_add", "_multiarray_umath.so")});
    b.add(blas, {b.native("dgemm", "libopenblas.so.0")});
    b.add(shell, {b.native("main", "bash"), b.kernel("do_wait")});
    b.add(shell, {});
    Profile& profile = b.profile();
    profile.containers.push_back(
        {.id = profile.strings.intern("0123456789abcdef"), .name = profile.strings.intern("web")});
    profile.processes[0].container = ContainerId{0};
    profile.threads[2].python_name = profile.strings.intern("Worker-1");
    return b.take();
}

TEST(Filter, EmptyKeepsEverything) {
    EXPECT_EQ(stacks_of(filtered(machine(), {})), stacks_of(machine()));
}

TEST(Filter, ByProcess) {
    EXPECT_THAT(stacks_of(filtered(machine(), {.pids = {20}})),
                ElementsAre("main/array_add", "dgemm"));
    EXPECT_THAT(stacks_of(filtered(machine(), {.processes = {"gunicorn", "b*"}})),
                ElementsAre("main/View.get/do_syscall_64", "main/do_wait", ""));
}

TEST(Filter, ByThreadNameNumberOrPythonName) {
    for (const char* thread : {"openblas", "21", "Worker-?"})
        EXPECT_THAT(stacks_of(filtered(machine(), {.threads = {thread}})), ElementsAre("dgemm"));
}

TEST(Filter, ByContainerNameOrBeginningOfItsId) {
    for (const char* container : {"web", "w*", "0123", "0123456789abcdef"}) {
        EXPECT_THAT(stacks_of(filtered(machine(), {.containers = {container}})),
                    ElementsAre("main/View.get/do_syscall_64"))
            << container;
    }
    EXPECT_THAT(stacks_of(filtered(machine(), {.containers = {"012"}})), IsEmpty());
}

TEST(Filter, ByFunctionAnywhereInTheStack) {
    EXPECT_THAT(stacks_of(filtered(machine(), {.functions = {"get"}})),
                ElementsAre("main/View.get/do_syscall_64"));
    EXPECT_THAT(stacks_of(filtered(machine(), {.functions = {"do_wait", "array_*"}})),
                ElementsAre("main/array_add", "main/do_wait"));
}

TEST(Filter, ByModuleOrFile) {
    EXPECT_THAT(stacks_of(filtered(machine(), {.modules = {"views.py"}})),
                ElementsAre("main/View.get/do_syscall_64"));
    EXPECT_THAT(stacks_of(filtered(machine(), {.modules = {"libopenblas*"}})),
                ElementsAre("dgemm"));
}

TEST(Filter, CriteriaHoldTogether) {
    EXPECT_THAT(stacks_of(filtered(machine(), {.pids = {10, 20}, .functions = {"main"}})),
                ElementsAre("main/View.get/do_syscall_64", "main/array_add"));
    EXPECT_THAT(stacks_of(filtered(machine(), {.pids = {10}, .functions = {"dgemm"}})), IsEmpty());
}

TEST(Filter, OnlyTakesFramesOutAndDropsEmptyStacks) {
    using Only = Filter::Only;
    EXPECT_THAT(stacks_of(filtered(machine(), {.only = Only::kPython})),
                ElementsAre("main/View.get", "main"));
    EXPECT_THAT(stacks_of(filtered(machine(), {.only = Only::kNative})),
                ElementsAre("array_add", "dgemm", "main"));
    EXPECT_THAT(stacks_of(filtered(machine(), {.only = Only::kKernel})),
                ElementsAre("do_syscall_64", "do_wait"));
}

TEST(Filter, ByTimeMovesTheStart) {
    const Profile all = machine();
    const double tick = static_cast<double>(kPeriodNs) * 1e-9;
    const double first = static_cast<double>(all.samples[0].time_ns - all.start_ns) * 1e-9;
    const Profile part =
        filtered(machine(), {.from_seconds = first + 0.5 * tick, .to_seconds = first + 2.5 * tick});
    EXPECT_THAT(stacks_of(part), ElementsAre("main/array_add", "dgemm"));
    EXPECT_NEAR(part.duration_seconds(), 2 * tick, 1e-6);
    EXPECT_GT(part.start_unix_ns, all.start_unix_ns);
}

TEST(Filter, ByEvent) {
    EXPECT_THAT(filtered(machine(), {.events = {"off-cpu"}}).samples, IsEmpty());
    EXPECT_EQ(filtered(machine(), {.events = {"cpu-*"}}).samples.size(), 5u);
}

TEST(Filter, StacksThatNobodyUsesAreGone) {
    const Profile part = filtered(machine(), {.pids = {20}});
    EXPECT_EQ(part.stacks.size(), 3u);  // main, main/array_add, dgemm
}

TEST(NamePattern, Texts) {
    EXPECT_TRUE(matches_text("", ""));
    EXPECT_TRUE(matches_text("*", ""));
    EXPECT_TRUE(matches_text("a*c*e", "abcde"));
    EXPECT_TRUE(matches_text("*b", "aabab"));
    EXPECT_TRUE(matches_text("a?c", "abc"));
    EXPECT_FALSE(matches_text("a?c", "ac"));
    EXPECT_FALSE(matches_text("abc", "abcd"));
    EXPECT_FALSE(matches_text("a*d", "abc"));
}

TEST(NamePattern, Functions) {
    EXPECT_TRUE(matches_function("handle", "Handler.handle"));
    EXPECT_TRUE(matches_function("step", "solver::step(std::string const&)"));
    EXPECT_TRUE(matches_function("solver::step", "solver::step(int)"));
    EXPECT_TRUE(matches_function("<lambda>", "main.<locals>.<lambda>"));
    EXPECT_FALSE(matches_function("Handler", "Handler.handle"));
}

TEST(NamePattern, Paths) {
    for (const char* pattern : {"/srv/numpy/core/views.py", "numpy", "views.py", "views", "/srv/*"})
        EXPECT_TRUE(matches_path(pattern, "/srv/numpy/core/views.py")) << pattern;
    for (const char* pattern : {"view", "py", "nump", "core/views.py"})
        EXPECT_FALSE(matches_path(pattern, "/srv/numpy/core/views.py")) << pattern;
}

}  // namespace
}  // namespace pyebpf::profile
