// SPDX-License-Identifier: Apache-2.0
// Checks inspect() on a live interpreter: runtime_live COMMAND...   ("python3.11", "chroot ROOT
// /usr/bin/python3")
//
// Starts it with a script of one busy and three parked threads, inspects every file that it maps,
// and reads the thread states through each source that was found. Each must give the thread whose
// ident the script printed, the parked threads' frames must have the names and lines that the
// script says, and no other file may be taken for a runtime.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "elf/elf_file.h"
#include "tests/support/target_memory.h"

namespace {

using namespace pyebpf;  // NOLINT: a test program

constexpr const char* kScript = R"(
import sys, threading, platform
ident = getattr(threading, "get_ident", None) or __import__("thread").get_ident
event = threading.Event()
ready = [threading.Event() for _ in range(3)]
answers = []
def parked_function(number):
    line = sys._getframe().f_lineno + 3
    answers.append("%d %d" % (ident(), line))
    ready[number].set()
    event.wait()
def outer_function(number):
    parked_function(number)
threads = [threading.Thread(target=outer_function, args=(number,)) for number in range(3)]
for thread in threads:
    thread.daemon = True
    thread.start()
for one in ready:
    one.wait()
sys.stdout.write("%s %d %s\n" % (platform.python_version().rstrip("+"), ident(), " ".join(answers)))
sys.stdout.flush()
while True:
    sum(range(1000))
)";

int failures = 0;

void expect(bool condition, const std::string& what) {
    if (condition) return;
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
}

class Child {
  public:
    explicit Child(char** command) {
        std::array<int, 2> pipe{};
        if (::pipe(pipe.data()) != 0) std::perror("pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(pipe[1], STDOUT_FILENO);
            std::vector<char*> arguments;
            for (char** one = command; *one != nullptr; ++one) arguments.push_back(*one);
            std::string option = "-c";
            std::string script = kScript;
            arguments.push_back(option.data());
            arguments.push_back(script.data());
            arguments.push_back(nullptr);
            ::execvp(arguments[0], arguments.data());
            ::_exit(127);
        }
        ::close(pipe[1]);
        out_.reset(pipe[0]);
    }
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] std::string first_line() const {
        std::string line;
        char c = 0;
        while (::read(out_.get(), &c, 1) == 1 && c != '\n') line.push_back(c);
        return line;
    }
    // A busy thread's state is only read while it does not run.
    void stop() const {
        ::kill(pid_, SIGSTOP);
        int status = 0;
        ::waitpid(pid_, &status, WUNTRACED);
    }
    void go_on() const { ::kill(pid_, SIGCONT); }

  private:
    pid_t pid_ = -1;
    UniqueFd out_;
};

struct Found {
    std::string path;
    std::shared_ptr<const python::Runtime> runtime;
    LoadBias bias;
};

std::vector<Found> runtimes_of(pid_t pid, int& files) {
    std::vector<Found> found;
    std::set<std::string> seen;
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    std::string line;
    while (std::getline(maps, line)) {
        std::istringstream stream(line);
        std::string range, permissions, device, inode, path;
        uint64_t offset = 0;
        stream >> range >> permissions >> std::hex >> offset >> device >> inode >> path;
        if (permissions.size() < 3 || permissions[2] != 'x' || path.empty() || path[0] != '/')
            continue;
        if (!seen.insert(path).second) continue;
        // A chroot's paths are shown in full; another mount namespace's only lead somewhere through
        // its root.
        auto file = elf::ElfFile::open(path);
        if (!file) file = elf::ElfFile::open("/proc/" + std::to_string(pid) + "/root" + path);
        if (!file) continue;
        ++files;
        const python::Inspection inspection = python::inspect(**file, path);
        if (inspection.unsupported) expect(false, path + ": " + inspection.unsupported->reason);
        if (!inspection.runtime) continue;
        const uint64_t start = std::stoull(range, nullptr, 16);
        const auto bias = (*file)->load_bias({start}, {offset});
        expect(bias.has_value(), "load bias of " + path);
        found.push_back({path, inspection.runtime, bias.value_or(LoadBias{})});
    }
    return found;
}

std::string source_names(uint32_t sources) {
    std::string text;
    for (const auto& [bit, name] :
         std::map<uint32_t, const char*>{{THREAD_STATE_TLS, "tls"},
                                         {THREAD_STATE_TLS_MODULE, "tls-module"},
                                         {THREAD_STATE_KEY, "key"},
                                         {THREAD_STATE_TLS_GILSTATE, "tls-gilstate"},
                                         {THREAD_STATE_CURRENT, "current"},
                                         {THREAD_STATE_LISTED, "list"}}) {
        if ((sources & bit) != 0) text += std::string(text.empty() ? "" : " ") + name;
    }
    return text;
}

uint32_t expected_sources(const python::Runtime& runtime) {
    const int minor = runtime.version.minor;
    uint32_t expected = THREAD_STATE_LISTED;
    if (runtime.version.major == 2 || minor <= 11) expected |= THREAD_STATE_CURRENT;
    if (runtime.version.major == 3 && minor <= 14) expected |= THREAD_STATE_KEY;
    if (minor >= 12)
        expected |= runtime.tls_module_slot.value != 0 ? THREAD_STATE_TLS_MODULE : THREAD_STATE_TLS;
    if (minor >= 15) expected |= THREAD_STATE_TLS_GILSTATE;
    return expected;
}

struct Threads {
    uint64_t busy = 0;
    std::vector<std::pair<uint64_t, int>> parked;  // ident, line
};

void check_parked(const test::PythonProcess& process, const python::Runtime& runtime,
                  const std::map<uint64_t, uint64_t>& states, const Threads& threads) {
    for (const auto& [ident, line] : threads.parked) {
        const auto state = states.find(ident);
        expect(state != states.end(), "a parked thread is in the list");
        if (state == states.end()) continue;
        if ((runtime.sources & THREAD_STATE_KEY) != 0)
            expect(process.by_key(ident) == state->second, "key of a parked thread");
        if ((runtime.sources & THREAD_STATE_TLS_GILSTATE) != 0) {
            expect(process.by_tls_gilstate(ident) == state->second, "gilstate of a parked thread");
        }
        // It has released the GIL.
        if ((runtime.sources & (THREAD_STATE_TLS | THREAD_STATE_TLS_MODULE)) != 0) {
            expect(process.by_tls(ident) == 0, "TLS of a parked thread");
        }
        const std::vector<test::SeenFrame> frames = process.frames(state->second);
        const auto inner = std::ranges::find(frames, "parked_function", &test::SeenFrame::name);
        expect(inner != frames.end() && inner->location.line == line, "line of parked_function");
        expect(inner != frames.end() && inner + 1 != frames.end() &&
                   (inner + 1)->name == "outer_function",
               "parked_function is called by outer_function");
        expect(!frames.empty() && frames.back().name.find("_bootstrap") != std::string::npos,
               "the chain ends in the thread's begin");
    }
}

// The busy thread holds the GIL at nearly every stop.
void check_busy(const Child& child, const test::PythonProcess& process,
                const python::Runtime& runtime, uint64_t ident, uint64_t state) {
    constexpr int kStops = 40;
    int by_tls = 0, by_current = 0;
    for (int i = 0; i < kStops; ++i) {
        child.stop();
        const uint64_t tls = (runtime.sources & (THREAD_STATE_TLS | THREAD_STATE_TLS_MODULE)) != 0
                                 ? process.by_tls(ident)
                                 : 0;
        const uint64_t current =
            (runtime.sources & THREAD_STATE_CURRENT) != 0 ? process.by_current() : 0;
        child.go_on();
        expect(tls == 0 || tls == state, "TLS of the busy thread");
        expect(current == 0 || current == state, "GIL holder is the busy thread");
        by_tls += tls == state;
        by_current += current == state;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    std::printf("busy thread found at %d stops: %d by TLS, %d as GIL holder\n", kStops, by_tls,
                by_current);
    if (runtime.version.minor >= 12) expect(by_tls > kStops / 2, "TLS finds the busy thread");
    if ((runtime.sources & THREAD_STATE_CURRENT) != 0)
        expect(by_current > kStops / 2, "GIL holder found");
    if ((runtime.sources & THREAD_STATE_KEY) != 0)
        expect(process.by_key(ident) == state, "key of the busy thread");
}

void check(const Child& child) {
    std::istringstream answer(child.first_line());
    std::string version;
    Threads threads;
    answer >> version >> threads.busy;
    for (std::pair<uint64_t, int> one; answer >> one.first >> one.second;)
        threads.parked.push_back(one);
    expect(threads.parked.size() == 3, "the script answers");
    if (threads.parked.size() != 3) return;
    // Parked means inside event.wait(); ready was set a moment before.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));

    int files = 0;
    const std::vector<Found> found = runtimes_of(child.pid(), files);
    expect(found.size() == 1, "exactly one of the mapped files is a runtime");
    if (found.size() != 1) return;
    const python::Runtime& runtime = *found[0].runtime;
    std::string ranges;
    for (const python::CodeRange& range : runtime.eval_ranges)
        ranges += " " + std::to_string(range.end - range.begin);
    std::printf("%s (%d files), version %s, eval bytes%s, sources %s\n", found[0].path.c_str(),
                files, runtime.version.to_string().c_str(), ranges.c_str(),
                source_names(runtime.sources).c_str());
    const std::string found_version = runtime.version.to_string();
    expect(found_version == version ||
               (runtime.version.micro < 0 && version.starts_with(found_version + ".")),
           "version " + version);
    expect(runtime.sources == expected_sources(runtime), "sources");

    const test::TargetMemory memory(child.pid());
    const test::PythonProcess process(memory, runtime, found[0].bias);
    std::map<uint64_t, uint64_t> states;
    for (const uint64_t state : process.thread_states()) states[process.thread_id(state)] = state;
    expect(states.size() == 4, "the list has four threads");
    expect(states.contains(threads.busy), "the busy thread is in the list");
    check_parked(process, runtime, states, threads);
    check_busy(child, process, runtime, threads.busy, states[threads.busy]);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: runtime_live COMMAND...\n", stderr);
        return 2;
    }
    check(Child(argv + 1));
    std::printf("%s\n", failures == 0 ? "all checks hold" : "checks failed");
    return failures == 0 ? 0 : 1;
}
