// SPDX-License-Identifier: Apache-2.0
#include "synthetic_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

namespace pyebpf::output::test {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Process;
using profile::ProcessId;
using profile::Profile;
using profile::StackId;
using profile::Thread;
using profile::ThreadId;
using profile::ThreadState;

ProfileBuilder::ProfileBuilder() {
    profile_.sources.push_back({"cpu-clock", "nanoseconds", kPeriodNs, 99});
    profile_.start_ns = now_ns_;
    profile_.start_unix_ns = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z
}

FrameId ProfileBuilder::python(std::string_view function, std::string_view file,
                               uint32_t first_line, uint32_t line) {
    auto& strings = profile_.strings;
    return profile_.frames.intern({.kind = FrameKind::kPython,
                                   .line = line == 0 ? first_line : line,
                                   .first_line = first_line,
                                   .function = strings.intern(function),
                                   .file = strings.intern(file)});
}

FrameId ProfileBuilder::native(std::string_view function, std::string_view module, bool inlined) {
    auto& strings = profile_.strings;
    return profile_.frames.intern({.kind = FrameKind::kNative,
                                   .inlined = inlined,
                                   .function = strings.intern(function),
                                   .module = strings.intern(module)});
}

FrameId ProfileBuilder::interpreter(std::string_view function) {
    auto& strings = profile_.strings;
    return profile_.frames.intern({.kind = FrameKind::kInterpreter,
                                   .function = strings.intern(function),
                                   .module = strings.intern("libpython3.13.so.1.0")});
}

FrameId ProfileBuilder::kernel(std::string_view function, std::string_view module) {
    auto& strings = profile_.strings;
    return profile_.frames.intern({.kind = FrameKind::kKernel,
                                   .function = strings.intern(function),
                                   .module = strings.intern(module)});
}

FrameId ProfileBuilder::marker(std::string_view text) {
    return profile_.frames.intern(
        {.kind = FrameKind::kMarker, .function = profile_.strings.intern(text)});
}

ThreadId ProfileBuilder::thread(uint32_t pid, std::string_view process, uint32_t tid,
                                std::string_view name, std::string_view python) {
    auto& strings = profile_.strings;
    auto& processes = profile_.processes;
    const auto known = std::ranges::find(processes, pid, &Process::pid);
    const ProcessId process_id{static_cast<uint32_t>(known - processes.begin())};
    if (known == processes.end()) {
        processes.push_back({.pid = pid,
                             .name = strings.intern(process),
                             .command = strings.intern(std::string(process) + " --serve"),
                             .executable = strings.intern("/usr/bin/" + std::string(process)),
                             .python = strings.intern(python)});
    }
    profile_.threads.push_back({process_id, tid, strings.intern(name)});
    return ThreadId{static_cast<uint32_t>(profile_.threads.size() - 1)};
}

void ProfileBuilder::add(ThreadId thread, const std::vector<FrameId>& stack, uint64_t samples) {
    StackId leaf;
    for (const FrameId frame : stack) leaf = profile_.stacks.push(leaf, frame);
    for (uint64_t i = 0; i < samples; i++) {
        now_ns_ += kPeriodNs;
        profile_.samples.push_back(
            {.time_ns = now_ns_, .weight = kPeriodNs, .stack = leaf, .thread = thread});
    }
}

void ProfileBuilder::add_statistic(std::string_view name, std::string_view text, uint64_t value,
                                   bool loss) {
    profile_.statistics.push_back({std::string(name), std::string(text), value, loss});
}

Profile ProfileBuilder::take() {
    profile_.end_ns = now_ns_;
    return std::move(profile_);
}

namespace {

using Stack = std::vector<FrameId>;

Stack operator+(Stack stack, const Stack& more) {
    stack.insert(stack.end(), more.begin(), more.end());
    return stack;
}

void add_web_service(ProfileBuilder& b) {
    const ThreadId main = b.thread(2301, "gunicorn", 2301, "gunicorn", "3.13.5");
    const ThreadId worker = b.thread(2301, "gunicorn", 2307, "ThreadPoolExec", "3.13.5");
    const Stack start{b.native("_start", "python3.13"), b.native("__libc_start_main", "libc.so.6"),
                      b.interpreter("Py_BytesMain"), b.interpreter("_PyEval_EvalFrameDefault"),
                      b.python("<module>", "/srv/shop/wsgi.py", 1, 31)};
    const Stack eval{b.interpreter("_PyEval_EvalFrameDefault")};
    const Stack handle =
        start +
        Stack{b.python("Arbiter.run", "/srv/venv/lib/gunicorn/arbiter.py", 196, 209),
              b.python("SyncWorker.run", "/srv/venv/lib/gunicorn/workers/sync.py", 105, 126),
              b.python("SyncWorker.handle_request", "/srv/venv/lib/gunicorn/workers/sync.py", 164,
                       178)};
    const Stack view =
        handle + Stack{b.python("WSGIHandler.__call__",
                                "/srv/venv/lib/django/core/handlers/wsgi.py", 120, 124),
                       b.python("checkout.<locals>.wrapper", "/srv/shop/views.py", 40, 44),
                       b.python("checkout", "/srv/shop/views.py", 52, 61)};
    const Stack price = view + Stack{b.python("Basket.total", "/srv/shop/basket.py", 88, 93)};
    b.add(main,
          price + Stack{b.python("Basket.total.<locals>.<genexpr>", "/srv/shop/basket.py", 93, 93)},
          61);
    b.add(main,
          price + Stack{b.python("Basket.total.<locals>.<genexpr>", "/srv/shop/basket.py", 93, 94)},
          24);
    b.add(main, price + eval + Stack{b.interpreter("long_add")}, 17);
    const Stack json =
        view +
        Stack{b.python("dumps", "/usr/lib/python3.13/json/__init__.py", 183, 231),
              b.python("JSONEncoder.encode", "/usr/lib/python3.13/json/encoder.py", 183, 200)};
    b.add(main,
          json + eval +
              Stack{b.native("encoder_call", "_json.cpython-313-x86_64-linux-gnu.so"),
                    b.native("encoder_listencode_obj", "_json.cpython-313-x86_64-linux-gnu.so"),
                    b.native("encoder_listencode_dict", "_json.cpython-313-x86_64-linux-gnu.so",
                             true)},
          48);
    b.add(main, json, 9);
    const Stack query =
        view +
        Stack{
            b.python("QuerySet.__iter__", "/srv/venv/lib/django/db/models/query.py", 380, 386),
            b.python("CursorWrapper.execute", "/srv/venv/lib/django/db/backends/utils.py", 78, 84)};
    b.add(main,
          query + Stack{b.native("PQexec", "libpq.so.5"), b.native("pqReadData", "libpq.so.5")},
          22);
    const Stack send = query + Stack{b.native("PQexec", "libpq.so.5"),
                                     b.native("__send", "libc.so.6"),
                                     b.kernel("entry_SYSCALL_64_after_hwframe"),
                                     b.kernel("do_syscall_64"),
                                     b.kernel("__x64_sys_sendto"),
                                     b.kernel("unix_stream_sendmsg")};
    b.add(main, send, 14);
    b.add(main, send + Stack{b.kernel("sock_alloc_send_pskb")}, 11);
    b.add(main,
          view + Stack{b.python("render", "/srv/venv/lib/jinja2/environment.py", 1269, 1282),
                       b.python("root", "/srv/shop/templates/checkout.html", 1, 17)},
          35);

    const Stack pool{
        b.native("clone3", "libc.so.6"),
        b.native("start_thread", "libc.so.6"),
        b.interpreter("thread_run"),
        b.interpreter("_PyEval_EvalFrameDefault"),
        b.python("Thread._bootstrap", "/usr/lib/python3.13/threading.py", 1014, 1014),
        b.python("Thread.run", "/usr/lib/python3.13/threading.py", 992, 994),
        b.python("_worker", "/usr/lib/python3.13/concurrent/futures/thread.py", 69, 93)};
    b.add(worker,
          pool + Stack{b.python("thumbnail", "/srv/shop/images.py", 14, 22),
                       b.native("ImagingResample", "_imaging.so")},
          39);
    b.add(worker,
          pool + Stack{b.python("thumbnail", "/srv/shop/images.py", 14, 25),
                       b.native("jpeg_fill_bit_buffer", "libjpeg.so.62")},
          16);
}

void add_numerical_job(ProfileBuilder& b) {
    const ThreadId main = b.thread(4410, "train.py", 4410, "train.py", "3.11.2");
    const ThreadId blas = b.thread(4410, "train.py", 4412, "openblas", "3.11.2");
    const Stack start{b.native("_start", "python3.11"),
                      b.native("__libc_start_main", "libc.so.6"),
                      b.interpreter("Py_BytesMain"),
                      b.python("<module>", "/home/ada/train.py", 1, 88),
                      b.python("main", "/home/ada/train.py", 60, 71),
                      b.python("Model.fit", "/home/ada/model.py", 21, 34)};
    const Stack step = start + Stack{b.python("Model.step", "/home/ada/model.py", 47, 52)};
    const Stack matmul = step + Stack{b.interpreter("_PyEval_EvalFrameDefault"),
                                      b.native("array_matmul", "_multiarray_umath.so"),
                                      b.native("cblas_matrixproduct", "_multiarray_umath.so")};
    b.add(main,
          matmul + Stack{b.native("cblas_dgemm64_", "libopenblas.so.0"),
                         b.native("dgemm_kernel_HASWELL", "libopenblas.so.0")},
          84);
    b.add(main,
          matmul + Stack{b.native("cblas_dgemm64_", "libopenblas.so.0"),
                         b.native("dgemm_otcopy", "libopenblas.so.0")},
          19);
    b.add(main, matmul + Stack{b.native("memcpy", "libc.so.6", true)}, 8);
    b.add(main, step + Stack{b.native("[unknown: no symbols]", "_private_kernels.so")}, 6);
    const Stack load = start + Stack{b.python("Loader.__next__", "/home/ada/loader.py", 18, 26)};
    b.add(main,
          load + Stack{b.native("PyArray_FromFile", "_multiarray_umath.so"),
                       b.native("fread", "libc.so.6"), b.kernel("entry_SYSCALL_64_after_hwframe"),
                       b.kernel("do_syscall_64"), b.kernel("vfs_read"),
                       b.kernel("ext4_file_read_iter", "ext4"), b.kernel("filemap_read"),
                       b.kernel("copy_page_to_iter")},
          27);
    b.add(main, load, 12);
    Stack deep = start;
    for (int depth = 0; depth < 4; depth++)
        deep.push_back(b.python("tree_depth", "/home/ada/tree.py", 3, 7));
    b.add(main, deep, 21);
    b.add(main,
          Stack{b.marker("[truncated: 1,536 frames]")} +
              Stack{b.python("tree_depth", "/home/ada/tree.py", 3, 7)},
          3);
    b.add(blas,
          {b.native("clone3", "libc.so.6"), b.native("start_thread", "libc.so.6"),
           b.native("blas_thread_server", "libopenblas.so.0"),
           b.native("dgemm_kernel_HASWELL", "libopenblas.so.0")},
          71);
}

}  // namespace

Profile small_profile() {
    ProfileBuilder b;
    add_web_service(b);
    add_numerical_job(b);
    const ThreadId shell = b.thread(990, "bash", 990, "bash");
    b.add(shell,
          {b.native("main", "bash"), b.native("execute_command", "bash"),
           b.native("waitpid", "libc.so.6"), b.kernel("do_syscall_64"), b.kernel("do_wait")},
          4);
    b.add(shell, {}, 1);

    b.add_statistic("samples_received", "samples that reached the profiler",
                    b.profile().samples.size(), false);
    b.add_statistic("ring_lost", "samples lost because the ring buffer was full", 12, true);
    b.add_statistic("stacks_truncated", "stacks cut at the depth limit; their root side is missing",
                    3, true);
    b.add_statistic("memory_unreadable",
                    "Python frames that could not be read because the page was not in memory", 0,
                    true);
    b.profile().settings = {{"command", "pyebpf record -a -d 10 -o profile.html"},
                            {"frequency", "99 Hz"},
                            {"kernel", "6.12.48"},
                            {"machine", "x86_64, 2 CPUs"},
                            {"pyebpf_version", "0.1.0"}};
    return b.take();
}

Profile mixed_profile() {
    ProfileBuilder b;
    Profile& profile = b.profile();
    auto& strings = profile.strings;
    profile.sources.push_back({"off-cpu", "nanoseconds", 0, 0});
    profile.sources.push_back({"cycles", "cycles", 0, 1000});
    profile.modules.push_back({strings.intern("libwork.so.1"),
                               strings.intern("/usr/lib/libwork.so.1"),
                               strings.intern("8e0ba1e0d1a5b0f1f2f3f4f5f6f7f8f9fafbfcfd")});
    profile.containers.push_back({.id = strings.intern(std::string(64, 'a')),
                                  .name = strings.intern("web"),
                                  .runtime = strings.intern("podman")});
    const ThreadId main = b.thread(70, "python3", 70, "python3", "3.14.2");
    const ThreadId worker = b.thread(70, "python3", 71, "worker", "3.14.2");
    profile.threads[worker.value].python_name = strings.intern("Thread-1 (work)");
    profile.processes[0].container = profile::ContainerId{0};
    profile.processes.push_back({.pid = 70, .name = strings.intern("sh")});
    profile.threads.push_back({ProcessId{1}, 70, strings.intern("sh")});
    const ThreadId replaced{2};

    const FrameId module = b.python("<module>", "/srv/a b/main.py", 1, 40);
    const auto walk = [&](uint32_t line) { return b.python("walk", "/srv/a b/main.py", 10, line); };
    const FrameId lambda = b.python("walk.<locals>.<lambda>", "/srv/a b/main.py", 12);
    const FrameId sort = b.native("sort", "libwork.so.1");
    b.add(main, {module, walk(11)}, 2);
    b.add(main, {module, walk(13), walk(13), walk(11)}, 3);
    b.add(main, {module, walk(13), sort, lambda, walk(13), sort}, 2);
    b.add(main, {module, walk(13), sort, lambda}, 1);
    b.add(main,
          {module, b.native("outer(int)", "libwork.so.1"),
           b.native("middle<int>", "libwork.so.1", true), b.native("inner", "libwork.so.1", true)},
          2);
    b.add(worker, {b.python("<module>", "/srv/other.py", 1, 7), b.native("sort", "libother.so")},
          2);
    b.add(replaced, {b.native("main", "sh")}, 1);
    b.add(main, {}, 1);
    b.add(ThreadId{}, {b.kernel("ext4_read", "ext4")}, 1);
    const auto add_as = [&](uint8_t source, ThreadState state, uint64_t weight, ThreadId thread,
                            const Stack& stack) {
        b.add(thread, stack);
        profile::Sample& sample = profile.samples.back();
        sample.source = source;
        sample.state = state;
        sample.weight = weight;
    };
    add_as(1, ThreadState::kDisk, 5'000'001, main, {module, walk(11), b.kernel("io_schedule")});
    add_as(1, ThreadState::kGil, 2'500'000, worker, {b.python("<module>", "/srv/other.py", 1, 7)});
    add_as(2, ThreadState::kRunning, 1'234'567, main, {module, walk(13)});
    add_as(2, ThreadState::kRunning, 765'433, main, {module, walk(13), sort});
    b.profile().settings = {{"command", "pyebpf record -a"}, {"kernel", "6.12.48"}};
    b.add_statistic("ring_lost", "samples lost because the ring buffer was full", 12, true);
    return b.take();
}

Profile large_profile(uint32_t nodes) {
    ProfileBuilder b;
    std::mt19937 random(42);
    std::vector<FrameId> frames;
    for (uint32_t i = 0; i < 4000; i++) {
        const std::string file = fmt::format("/srv/app/package_{}/module_{}.py", i % 37, i % 311);
        frames.push_back(
            i % 5 == 4
                ? b.native(fmt::format("native_function_{}", i), fmt::format("lib{}.so", i % 29))
                : b.python(fmt::format("Class{}.method_{}", i % 97, i), file, i % 900 + 1));
    }
    std::vector<ThreadId> threads;
    for (uint32_t i = 0; i < 24; i++) {
        threads.push_back(b.thread(100 + i / 4, fmt::format("service-{}", i / 4), 100 + i,
                                   fmt::format("worker-{}", i), "3.13.5"));
    }
    Stack stack;
    while (b.profile().stacks.size() < nodes) {
        const size_t kept = stack.empty() ? 0 : random() % stack.size();
        stack.resize(kept);
        const size_t depth = kept + 1 + random() % 40;
        while (stack.size() < std::min<size_t>(depth, 120)) {
            const uint32_t pick = random();
            stack.push_back(frames[(pick % 3 == 0 ? pick : pick % 61) % frames.size()]);
        }
        b.add(threads[random() % threads.size()], stack, 1 + random() % 3);
    }
    return b.take();
}

const std::vector<std::string>& hostile_names() {
    using namespace std::string_literals;
    static const std::vector<std::string> names{
        "semi;colon",
        "semi\\x3bcolon",
        "line\nfeed",
        "line\\x0afeed",
        "carriage\rreturn 17",
        "\ttab 12",
        "quote\"d",
        "apostrophe's",
        "</script><script>document.title='broken'</script>",
        "<!-- <script>",
        "<img src=x onerror=\"document.title='broken'\">",
        "&lt;b&gt;",
        "]]>",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\xc2\x9b"
        "2Jclear",                   // C1 control sequence introducer
        "right\xe2\x80\xaeto-left",  // U+202E
        "isolate\xe2\x81\xa6"
        "d",  // U+2066
        "separator\xe2\x80\xa8"
        "line",  // U+2028
        "bad utf-8 \xff\xfe\xc0\xaf",
        "cut utf-8 \xe2\x82",
        "nul\0inside"s,
        "_[k]",
        "fake_[k]",
        "fake_[i]",
        "trailing number 42",
        " leading and trailing ",
        "名前.関数",
        "e\xcc\x81 combining",
        "a"s + std::string(1 << 20, 'x') + "z",
        "__proto__",
        "constructor",
    };
    return names;
}

Profile hostile_profile() {
    ProfileBuilder b;
    uint32_t tid = 1;
    for (const std::string& name : hostile_names()) {
        const ThreadId thread = b.thread(tid, name, tid, name, name);
        tid++;
        b.add(thread, {b.python(name, name, 1), b.native(name, name)});
        b.add_statistic(name, name, 1, true);
        b.profile().settings[name] = name;
    }
    return b.take();
}

}  // namespace pyebpf::output::test
