// SPDX-License-Identifier: Apache-2.0
// Records process images (process_image.h): record_process_image TARGET FOLDER COMMAND...
//
// Starts the interpreter COMMAND with the program TARGET (image_target.py) as its standard input.
// Twice, when the target has stopped while it holds the GIL and when it sleeps without it, the
// walkers run over its memory; what they read becomes cpython-VERSION.holding.image and
// cpython-VERSION.waiting.image in FOLDER. An image whose frames are not those that the target
// itself reports is not written.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "base/unique_fd.h"
#include "elf/elf_file.h"
#include "python/live_reader.h"
#include "python/runtime.h"
#include "sys/proc.h"
#include "tests/bpf_usermode/process_image.h"
#include "tests/bpf_usermode/python_replay.h"

namespace {

using namespace pyebpf;        // NOLINT: a program
using namespace pyebpf::test;  // NOLINT

// Remembers what was read of a live process.
class RecordingMemory : public Memory {
  public:
    explicit RecordingMemory(uint32_t pid) : pid_(pid) {}
    bool read(uint64_t address, std::span<uint8_t> to) override {
        if (!sys::read_memory(pid_, address, to.data(), to.size())) return false;
        image_.add(address, to);
        return true;
    }
    [[nodiscard]] const ImageMemory& image() const { return image_; }

  private:
    uint32_t pid_;
    ImageMemory image_;
};

// The interpreter, with the target on its standard input and a pipe on its standard output.
class Target {
  public:
    static Result<Target> start(const std::string& program, std::vector<std::string> command) {
        const auto text = sys::read_file(program);
        if (!text) return fail("cannot read " + program);
        const UniqueFd input(memfd_create("target", MFD_CLOEXEC));
        if (::write(input.get(), text->data(), text->size()) !=
                static_cast<ssize_t>(text->size()) ||
            ::lseek(input.get(), 0, SEEK_SET) != 0) {
            return fail_errno("copy the target", errno);
        }
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail_errno("create a pipe", errno);
        Target target;
        target.output_.reset(pipe[0]);
        const UniqueFd output(pipe[1]);
        command.insert(command.end(), {"-E", "-S", "-"});
        std::vector<char*> arguments;
        for (std::string& argument : command) arguments.push_back(argument.data());
        arguments.push_back(nullptr);
        target.pid_ = ::fork();
        if (target.pid_ == 0) {
            ::dup2(input.get(), STDIN_FILENO);
            ::dup2(output.get(), STDOUT_FILENO);
            ::execvp(arguments[0], arguments.data());
            ::_exit(127);
        }
        return target;
    }
    Target(Target&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), output_(std::move(other.output_)) {}
    Target& operator=(Target&&) = delete;
    ~Target() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    // The frames that it reports.
    [[nodiscard]] Result<std::vector<ImageFrame>> frames() const {
        std::string text;
        while (!text.ends_with("end\n")) {
            char c = 0;
            if (::read(output_.get(), &c, 1) != 1) return fail("the target ended early");
            text.push_back(c);
        }
        std::vector<ImageFrame> frames;
        for (size_t at = 0; text.compare(at, 6, "frame ") == 0; at = text.find('\n', at) + 1) {
            const size_t name = text.find(' ', at + 6) + 1;
            ImageFrame frame;
            std::from_chars(text.data() + at + 6, text.data() + name, frame.line);
            frame.name = text.substr(name, text.find('\n', at) - name);
            frames.push_back(std::move(frame));
        }
        return frames;
    }
    [[nodiscard]] Result<void> wait_until_stopped() const {
        int status = 0;
        if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status))
            return fail("the target did not stop");
        return {};
    }
    [[nodiscard]] Result<void> go_on_until_it_sleeps() const {
        ::kill(pid_, SIGCONT);
        static constexpr std::array kSleeps = {SYS_select, SYS_pselect6, SYS_nanosleep,
                                               SYS_clock_nanosleep};
        for (int attempt = 0; attempt < 5000; ++attempt) {
            const std::string text =
                sys::read_file(fmt::format("/proc/{}/syscall", pid_)).value_or("");
            long number = -1;
            std::from_chars(text.data(), text.data() + text.size(), number);
            if (std::ranges::find(kSleeps, number) != kSleeps.end()) return {};
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return fail("the target does not sleep");
    }
    [[nodiscard]] Result<user_regs_struct> registers() const {
        user_regs_struct registers{};
        int status = 0;
        if (::ptrace(PTRACE_SEIZE, pid_, nullptr, nullptr) != 0 ||
            ::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) != 0 ||
            ::waitpid(pid_, &status, 0) != pid_ || !WIFSTOPPED(status) ||
            ::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers) != 0 ||
            ::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr) != 0) {
            return fail_errno("read the target's registers", errno);
        }
        return registers;
    }

  private:
    Target() = default;
    pid_t pid_ = -1;
    UniqueFd output_;
};

struct FoundRuntime {
    std::shared_ptr<const python::Runtime> runtime;
    LoadBias bias;
};

Result<FoundRuntime> find_runtime(uint32_t pid) {
    for (const sys::ProcMapping& mapping : sys::read_maps(pid)) {
        if (!mapping.executable || mapping.inode == 0) continue;
        auto fd = sys::open_mapped_file(pid, mapping);
        if (!fd) continue;
        const auto file = elf::ElfFile::from_fd(fd->release(), mapping.path);
        if (!file) continue;
        const python::Inspection inspection = python::inspect(**file, mapping.path);
        if (inspection.unsupported) return fail(inspection.unsupported->reason);
        const auto bias = (*file)->load_bias({mapping.start}, {mapping.file_offset});
        if (inspection.runtime && bias) return FoundRuntime{inspection.runtime, *bias};
    }
    return fail("no Python runtime is mapped");
}

// What a recording would publish of the process (pipeline/process_publisher.cpp,
// loader/sampler.cpp).
python_thread describe_thread(uint32_t pid, const FoundRuntime& found) {
    const python::Runtime& runtime = *found.runtime;
    python_thread thread{};
    thread.layout = runtime.layout;
    uint32_t last = 0;
    const auto& state = thread.layout.thread_state;
    for (const uint16_t offset : {state.interp, state.frame, state.cframe, state.base_frame,
                                  state.thread_id, state.holds_gil}) {
        if (offset != LAYOUT_ABSENT) last = std::max<uint32_t>(last, offset);
    }
    thread.layout.thread_state_bytes = static_cast<uint16_t>(last + sizeof(uint64_t));

    const auto mapped = [&](StatedAddress address) {
        return address.value == 0 ? 0 : (address + found.bias).value;
    };
    const auto at_slot = [&](StatedAddress slot) {
        uint64_t value = 0;
        if (slot.value != 0) (void)sys::read_memory(pid, mapped(slot), &value, sizeof(value));
        return static_cast<int64_t>(value);
    };
    python_process& process = thread.process;
    process.sources = runtime.sources & ~uint32_t{THREAD_STATE_LISTED};
    if ((runtime.sources & THREAD_STATE_TLS_MODULE) != 0) process.sources |= THREAD_STATE_TLS;
    process.tls_offset = runtime.tls_offset + at_slot(runtime.tls_offset_slot);
    process.tls_gilstate_offset =
        runtime.tls_gilstate_offset + at_slot(runtime.tls_gilstate_offset_slot);
    process.tls_module_slot = mapped(runtime.tls_module_slot);
    process.tls_module = static_cast<uint32_t>(at_slot(runtime.tls_module_slot));
    process.key_address = mapped(runtime.key_address);
    process.current_address = mapped(runtime.current_address);
    process.code_type = mapped(runtime.code_type);
    process.key_has_flag = runtime.version.major == 3 && runtime.version.minor >= 7;
    return thread;
}

// The thread state according to the interpreter's list of threads, as a recording publishes it
// where the other sources found none.
uint64_t listed_thread_state(uint32_t pid, const FoundRuntime& found, uint64_t thread_pointer) {
    const auto read = [pid](uint64_t address, void* to, size_t bytes) {
        return sys::read_memory(pid, address, to, bytes);
    };
    for (const python::LiveThread& thread :
         python::read_threads(read, *found.runtime, found.bias)) {
        if (thread.thread_pointer == thread_pointer) return thread.thread_state;
    }
    return 0;
}

bool same(const PythonReplay& a, const PythonReplay& b) {
    return a.outcome == b.outcome && a.hash == b.hash && a.frames == b.frames &&
           a.boundaries == b.boundaries && a.definitions == b.definitions && a.reads == b.reads &&
           a.read_faults == b.read_faults;
}

// What walkers can find in the memory: with every read, and with one of the first reads failing, so
// that also the other ways to the thread state are in the image.
struct Findings {
    static constexpr uint64_t kFailingReads = 10;
    std::vector<PythonReplay> replays;

    static Findings of(const python_thread& thread, Memory& memory) {
        Findings findings{{replay_python(thread, memory)}};
        for (uint64_t number = 0; number < kFailingReads; ++number) {
            findings.replays.push_back(replay_python(thread, memory, number));
        }
        return findings;
    }
    [[nodiscard]] bool same_in(const python_thread& thread, Memory& memory) const {
        for (size_t i = 0; i < replays.size(); ++i) {
            const auto failing_read = i == 0 ? std::nullopt : std::optional<uint64_t>(i - 1);
            if (!same(replay_python(thread, memory, failing_read), replays[i])) return false;
        }
        return true;
    }
};

// Sets to 0 what of the bytes the walk does not depend on: all of it, or what its halves can do
// without.
void clear_unused(ProcessImage& image, const Findings& findings, std::span<uint8_t> bytes) {
    if (std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; })) return;
    const std::vector<uint8_t> before(bytes.begin(), bytes.end());
    std::ranges::fill(bytes, uint8_t{0});
    if (findings.same_in(image.thread, image.memory)) return;
    std::ranges::copy(before, bytes.begin());
    if (bytes.size() == 1) return;
    const size_t half = bytes.size() / 2;
    clear_unused(image, findings, bytes.first(half));
    clear_unused(image, findings, bytes.subspan(half));
}

Result<void> record(const Target& target, const FoundRuntime& runtime,
                    const std::vector<ImageFrame>& frames, const std::string& path) {
    const auto registers = target.registers();
    if (!registers) return tl::unexpected(registers.error());
    const auto pid = static_cast<uint32_t>(target.pid());
    ProcessImage image;
    image.python = runtime.runtime->version.to_string();
    image.frames = frames;
    image.thread = describe_thread(pid, runtime);
    image.thread.thread_pointer = registers->fs_base;
    image.thread.stack_pointer = registers->rsp;

    RecordingMemory first(pid);
    if (replay_python(image.thread, first).outcome == PYTHON_NO_THREAD_STATE) {
        image.thread.by_list = listed_thread_state(pid, runtime, registers->fs_base);
        image.thread.process.sources |= THREAD_STATE_LISTED;
    }
    RecordingMemory live(pid);
    const Findings findings = Findings::of(image.thread, live);
    const PythonReplay& whole = findings.replays.front();
    image.memory = live.image();
    if (whole.outcome != PYTHON_COMPLETE || whole.named != frames) {
        std::string text =
            fmt::format("{}: outcome {}, and the walkers see other frames than the target:\n", path,
                        whole.outcome);
        for (const ImageFrame& frame : whole.named)
            text += fmt::format("  {}:{}\n", frame.name, frame.line);
        return fail(text);
    }
    if (!findings.same_in(image.thread, image.memory))
        return fail(path + ": the copy gives another result");
    for (auto& [address, bytes] : image.memory.regions()) clear_unused(image, findings, bytes);

    std::ofstream file(path);
    file << to_text(image);
    file.close();
    if (!file) return fail("cannot write " + path);
    fmt::print("{}: {} frames, {} reads\n", path, frames.size(), whole.reads);
    return {};
}

Result<void> record_all(const std::string& program, const std::string& folder,
                        const std::vector<std::string>& command) {
    auto target = Target::start(program, command);
    if (!target) return tl::unexpected(target.error());
    const auto frames = target->frames();
    if (!frames) return tl::unexpected(frames.error());
    if (auto stopped = target->wait_until_stopped(); !stopped) return stopped;
    const auto runtime = find_runtime(static_cast<uint32_t>(target->pid()));
    if (!runtime) return tl::unexpected(runtime.error());
    const std::string prefix =
        fmt::format("{}/cpython-{}", folder, runtime->runtime->version.to_string());
    if (auto done = record(*target, *runtime, *frames, prefix + ".holding.image"); !done)
        return done;
    if (auto sleeps = target->go_on_until_it_sleeps(); !sleeps) return sleeps;
    return record(*target, *runtime, *frames, prefix + ".waiting.image");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fputs("usage: record_process_image TARGET FOLDER COMMAND...\n", stderr);
        return kExitUsage;
    }
    const auto done = record_all(argv[1], argv[2], {argv + 3, argv + argc});
    if (done) return kExitOk;
    fmt::print(stderr, "record_process_image: {}\n", done.error().message);
    return done.error().exit_code;
}
