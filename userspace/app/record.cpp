// SPDX-License-Identifier: Apache-2.0
// pyebpf record: samples for a while and writes one profile.
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "app/command.h"
#include "app/format_options.h"
#include "app/status_line.h"
#include "base/log.h"
#include "base/unnamed_file.h"
#include "output/format.h"
#include "output/output_file.h"
#include "output/recording.h"
#include "output/summary.h"
#include "pipeline/recorder.h"
#include "pipeline/statistics.h"
#include "record/reader.h"
#include "sys/clock.h"
#include "sys/perf_event.h"

namespace pyebpf::app {

namespace {

constexpr int kPumpMs = 50;
constexpr uint64_t kFlushNs = 1'000'000'000;
constexpr const char* kDefaultOutput = "profile.pyebpf";
// More samples are not read back only to show the top functions in the terminal.
constexpr uint64_t kMaxSummarySamples = 5'000'000;

// SIGINT and SIGTERM as readable events while it lives; then they have their default effect again,
// so that a second Ctrl-C aborts.
class StopSignals {
  public:
    StopSignals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGINT);
        sigaddset(&set_, SIGTERM);
        sigprocmask(SIG_BLOCK, &set_, nullptr);
        fd_ = UniqueFd(signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~StopSignals() { restore(); }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    // The signal that came, if one did.
    [[nodiscard]] std::optional<int> take() const {
        signalfd_siginfo info;
        if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
        return static_cast<int>(info.ssi_signo);
    }
    void restore() { sigprocmask(SIG_UNBLOCK, &set_, nullptr); }

  private:
    sigset_t set_{};
    UniqueFd fd_;
};

class RecordCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    Result<pipeline::RecorderOptions> recorder_options() const;
    // "the whole machine", "2 processes", "python3".
    std::string target_text() const;
    // Samples until the duration is over, a signal comes or all targets have ended. Returns the
    // signal. The recording gets its name, if it is to have one, when its first second is written.
    Result<std::optional<int>> sample(pipeline::Recorder& recorder,
                                      output::OutputFile* named_recording) const;

    // What is made of the finished recording: the output if it is another format, statistics, the
    // summary.
    Result<void> write_outputs(const pipeline::Recorder& recorder, const output::Format* format,
                               int hidden_recording, output::OutputFile& file,
                               output::OutputFile* statistics) const;

    bool all_ = false;
    std::vector<uint32_t> pids_;
    std::vector<std::string> command_;
    bool children_ = true;
    std::string event_ = "cpu-clock";
    double frequency_hz_ = 99;
    double duration_s_ = 0;
    std::string output_;
    std::string format_;
    std::string statistics_;
    bool kernel_ = true;
    std::string native_ = "extensions";
    bool no_native_ = false;
    output::FormatOptions format_options_;
    bool accept_kernel_hazard_ = false;
    bool embed_source_ = false;
    double max_loss_percent_ = 100;
    bool quiet_ = false;
    bool verbose_ = false;
};

CLI::App* RecordCommand::add_to(CLI::App& app) {
    CLI::App* record = app.add_subcommand(
        "record", "Sample the whole machine, some processes or a command, and write a profile");
    record->footer(
        "Without -d it samples until Ctrl-C. A command's exit status is passed on.\n"
        "Examples:\n"
        "  pyebpf record -a -d 10 -o profile.html\n"
        "  pyebpf record -a && pyebpf report\n"
        "  pyebpf record -p 1234 -o - | flamegraph.pl > profile.svg\n"
        "  pyebpf record -o run.html -- python3 script.py");
    record->add_flag("-a,--all", all_, "All processes of the machine");
    record->add_option("-p,--pid", pids_, "Processes, with their threads and children")
        ->delimiter(',')
        ->type_name("PID[,PID…]");
    record->add_flag("--children,!--no-children", children_,
                     "With -p and a command: also what they start (default: yes)");
    record
        ->add_option("command", command_,
                     "After --: a command to start and sample from its first instruction")
        ->type_name("COMMAND ARG…");
    std::string sources;
    for (const events::EventSource& source : events::sources())
        sources += fmt::format("{}{}", sources.empty() ? "" : ", ", source.name);
    record->add_option("-e,--event", event_, "What to sample: " + sources)
        ->type_name("NAME")
        ->capture_default_str();
    record->add_option("-F,--frequency", frequency_hz_, "Samples per second and CPU")
        ->type_name("HZ")
        ->capture_default_str();
    record
        ->add_option("-d,--duration", duration_s_,
                     "How long to sample; 0: until Ctrl-C or the end of the targets")
        ->type_name("SECONDS")
        ->capture_default_str();
    record
        ->add_option("-o,--output", output_,
                     "File to write, - for stdout; the format follows from its extension")
        ->type_name("FILE")
        ->default_str(kDefaultOutput);
    record->add_option("--stats", statistics_, "Also write all statistics as JSON")
        ->type_name("FILE");
    record->add_flag("--kernel,!--no-kernel", kernel_, "Kernel frames (default: yes)");
    record
        ->add_option("--native", native_,
                     "Native frames: all, extensions (without the interpreter's own) or none")
        ->type_name("WHICH")
        ->capture_default_str();
    record->add_flag("--no-native", no_native_, "As --native=none");
    add_format_options(*record, format_, format_options_);
    record->add_flag("--embed-source", embed_source_,
                     "Take the source files of Python functions along");
    record->add_flag("--accept-kernel-hazard", accept_kernel_hazard_,
                     "Record on a kernel that is known to hang under profilers");
    record
        ->add_option(
            "--max-loss", max_loss_percent_,
            "Exit with 5 if more of the samples than this were lost, truncated or unreadable")
        ->type_name("PERCENT")
        ->default_str("no limit");
    record->add_flag("-q,--quiet", quiet_, "Errors only");
    record->add_flag("-v,--verbose", verbose_, "Say more about what was found");
    return record;
}

Result<pipeline::RecorderOptions> RecordCommand::recorder_options() const {
    const int targets = (all_ ? 1 : 0) + (pids_.empty() ? 0 : 1) + (command_.empty() ? 0 : 1);
    if (targets != 1) {
        return fail(targets == 0 ? "nothing to record" : "more than one kind of target",
                    "give one of: -a (the whole machine), -p PID, or -- COMMAND", kExitUsage);
    }
    if (!std::isfinite(frequency_hz_) || frequency_hz_ < 1 ||
        frequency_hz_ != std::floor(frequency_hz_)) {
        return fail(fmt::format("a frequency of {} Hz is not possible", frequency_hz_),
                    "give a whole number of at least 1, such as 99", kExitUsage);
    }
    constexpr double kBeyondAnyLimit =
        1e9;  // the numbers below fit into every integer from here on
    if (frequency_hz_ > kBeyondAnyLimit) {
        return fail(fmt::format("a frequency of {} Hz is above the kernel's limit of {} Hz",
                                frequency_hz_, sys::max_sample_rate_hz()),
                    "lower it", kExitUsage);
    }
    if (!std::isfinite(duration_s_) || duration_s_ < 0) {
        return fail(fmt::format("a duration of {} s is not possible", duration_s_),
                    "give a positive number of seconds, or 0", kExitUsage);
    }
    auto source = events::find_source(event_);
    if (!source) return tl::unexpected(source.error());
    if (!std::isfinite(max_loss_percent_) || max_loss_percent_ < 0 || max_loss_percent_ > 100) {
        return fail(fmt::format("--max-loss {} is not possible", max_loss_percent_),
                    "give a percentage from 0 to 100", kExitUsage);
    }
    pipeline::RecorderOptions options;
    options.source = *source;
    options.pids = pids_;
    options.command = command_;
    options.follow_children = children_;
    options.frequency_hz = static_cast<uint64_t>(frequency_hz_);
    options.kernel_frames = kernel_;
    options.accept_kernel_hazard = accept_kernel_hazard_;
    options.embed_source = embed_source_;
    using pipeline::NativeFrames;
    const std::string which = no_native_ ? "none" : native_;
    if (which == "all") {
        options.native_frames = NativeFrames::kAll;
    } else if (which == "extensions" || which.empty()) {
        options.native_frames = NativeFrames::kExtensions;
    } else if (which == "none") {
        options.native_frames = NativeFrames::kNone;
    } else {
        return fail(fmt::format("--native={} is not known", which), "give all, extensions or none",
                    kExitUsage);
    }
    return options;
}

Result<std::optional<int>> RecordCommand::sample(pipeline::Recorder& recorder,
                                                 output::OutputFile* named_recording) const {
    const StopSignals signals;
    StatusLine status_line(!quiet_);
    const uint64_t start = sys::monotonic_ns();
    std::optional<int> signal;
    uint64_t flushed_ns = start;
    bool targets_live = true;
    while (targets_live && !signal) {
        int timeout_ms = kPumpMs;
        if (duration_s_ > 0) {
            const double left_ms =
                duration_s_ * 1e3 - static_cast<double>(sys::monotonic_ns() - start) * 1e-6;
            if (left_ms <= 0) break;
            timeout_ms = static_cast<int>(std::min<double>(kPumpMs, std::ceil(left_ms)));
        }
        targets_live = recorder.pump(timeout_ms);
        signal = signals.take();
        status_line.show(recorder.status());
        if (const uint64_t now = sys::monotonic_ns(); now - flushed_ns >= kFlushNs) {
            flushed_ns = now;
            if (auto flushed = recorder.flush(); !flushed) return tl::unexpected(flushed.error());
            if (named_recording == nullptr) continue;
            if (auto named = named_recording->publish(); !named)
                return tl::unexpected(named.error());
        }
    }
    return signal;
}

std::string RecordCommand::target_text() const {
    if (all_) return "the whole machine";
    if (!command_.empty()) return command_.front();
    return pids_.size() == 1 ? fmt::format("process {}", pids_.front())
                             : fmt::format("{} processes", pids_.size());
}

Result<int> RecordCommand::run() {
    log::set_level(quiet_     ? log::Level::kQuiet
                   : verbose_ ? log::Level::kVerbose
                              : log::Level::kNormal);
    auto options = recorder_options();
    if (!options) return tl::unexpected(options.error());
    const std::string path = output_.empty() ? kDefaultOutput : output_;
    auto format = output::choose_format(format_, path);
    if (!format) return tl::unexpected(format.error());
    auto file = output::OutputFile::open(path);
    if (!file) return tl::unexpected(file.error());
    std::optional<output::OutputFile> statistics;
    if (!statistics_.empty()) {
        auto opened = output::OutputFile::open(statistics_);
        if (!opened) return tl::unexpected(opened.error());
        statistics.emplace(std::move(*opened));
    }

    if (*format == &output::kRecording && statistics && !file->is_file()) {
        return fail("--stats needs a recording that can be read again",
                    "write it to a file, or choose another --format for " + file->name(),
                    kExitUsage);
    }
    // Every other format is made of a recording that nobody sees.
    const bool is_recording = *format == &output::kRecording;
    UniqueFd hidden;
    std::optional<FdSink> hidden_sink;
    if (!is_recording) {
        auto opened = open_unnamed_file();
        if (!opened) return tl::unexpected(opened.error());
        hidden = std::move(*opened);
        hidden_sink.emplace(hidden.get(), "a temporary recording");
    }
    Sink& recording = is_recording ? file->sink() : *hidden_sink;

    auto recorder = pipeline::Recorder::open(*options, recording);
    if (!recorder) return tl::unexpected(recorder.error());
    if (auto started = (*recorder)->start(); !started) return tl::unexpected(started.error());
    log::info(
        fmt::format("recording {} at {} Hz{}", target_text(), frequency_hz_,
                    duration_s_ > 0 ? fmt::format(" for {} s", duration_s_) : ", Ctrl-C stops"));
    const auto signal = sample(**recorder, is_recording ? &*file : nullptr);
    (*recorder)->stop();
    if (!signal) return tl::unexpected(signal.error());
    if (*signal == SIGTERM) (*recorder)->signal_command(SIGTERM);
    if (auto finished = (*recorder)->finish(); !finished) return tl::unexpected(finished.error());
    if (is_recording) {
        if (auto committed = file->commit(); !committed) return tl::unexpected(committed.error());
    }
    if (auto written = write_outputs(**recorder, is_recording ? nullptr : *format, hidden.get(),
                                     *file, statistics ? &*statistics : nullptr);
        !written)
        return tl::unexpected(written.error());

    const int status = options->command.empty() ? kExitOk : (*recorder)->wait_for_command();
    const double loss = pipeline::loss_percent((*recorder)->statistics());
    if (loss <= max_loss_percent_) return status;
    log::error(fmt::format(
        "{:.3f} % of the samples were lost, truncated or unreadable; --max-loss allows {} %", loss,
        max_loss_percent_));
    return status == kExitOk ? static_cast<int>(kExitLoss) : status;
}

Result<void> RecordCommand::write_outputs(const pipeline::Recorder& recorder,
                                          const output::Format* format, int hidden_recording,
                                          output::OutputFile& file,
                                          output::OutputFile* statistics) const {
    const bool is_long = recorder.status().samples > kMaxSummarySamples;
    const bool can_read_back = format != nullptr || file.is_file();
    if (format == nullptr && statistics == nullptr && (quiet_ || is_long || !can_read_back)) {
        if (!quiet_) log::info("wrote " + file.name());
        return {};
    }
    if (hidden_recording >= 0) ::lseek(hidden_recording, 0, SEEK_SET);
    const auto profile = hidden_recording >= 0
                             ? record::read(hidden_recording, "the temporary recording")
                             : record::read(file.name());
    if (!profile) return tl::unexpected(profile.error());
    if (format != nullptr) {
        if (auto written = format->write(*profile, format_options_, file.sink()); !written)
            return written;
        if (auto committed = file.commit(); !committed) return committed;
    }
    if (statistics != nullptr) {
        output::write_statistics(*profile, statistics->sink());
        if (auto committed = statistics->commit(); !committed) return committed;
    }
    if (quiet_) return {};
    std::fputs(output::summary(*profile, {.color = isatty(STDERR_FILENO) != 0 &&
                                                   std::getenv("NO_COLOR") == nullptr})
                   .c_str(),
               stderr);
    log::info("wrote " + file.name());
    return {};
}

}  // namespace

std::unique_ptr<Command> make_record_command() {
    return std::make_unique<RecordCommand>();
}

}  // namespace pyebpf::app
