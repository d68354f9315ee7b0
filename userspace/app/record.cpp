// SPDX-License-Identifier: Apache-2.0
// pyebpf record: samples for a while and writes one profile.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "app/command.h"
#include "app/format_options.h"
#include "app/sampling_options.h"
#include "app/status_line.h"
#include "app/stop_signals.h"
#include "app/targets.h"
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

namespace pyebpf::app {

namespace {

constexpr int kPumpMs = 50;
constexpr double kMaxBlockUs = 1e9;
constexpr uint64_t kFlushNs = 1'000'000'000;
constexpr const char* kDefaultOutput = "profile.pyebpf";
// More samples are not read back only to show the top functions in the terminal.
constexpr uint64_t kMaxSummarySamples = 5'000'000;

class RecordCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    Result<pipeline::RecorderOptions> recorder_options() const;
    // Samples until the duration is over, a signal comes or all targets have ended. Returns the
    // signal. The recording gets its name, if it is to have one, when its first second is written.
    Result<std::optional<int>> sample(pipeline::Recorder& recorder,
                                      output::OutputFile* named_recording) const;

    // What is made of the finished recording: the output if it is another format, statistics, the
    // summary.
    Result<void> write_outputs(const pipeline::Recorder& recorder, const output::Format* format,
                               int hidden_recording, output::OutputFile& file,
                               output::OutputFile* statistics) const;

    Targets targets_;
    std::string event_;
    std::string mode_ = "cpu";
    double min_block_us_ = 0;
    double frequency_hz_ = 99;
    double duration_s_ = 0;
    std::string output_;
    std::string format_;
    std::string statistics_;
    bool kernel_ = true;
    std::string native_ = "extensions";
    bool no_native_ = false;
    bool debuginfod_ = false;
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
        "  pyebpf record --container web -o web.html\n"
        "  pyebpf record -p 1234 -o - | flamegraph.pl > profile.svg\n"
        "  pyebpf record -o run.html -- python3 script.py");
    targets_.add_to(*record);
    std::string sources;
    for (const events::EventSource& source : events::sources())
        sources += fmt::format("{}{}", sources.empty() ? "" : ", ", source.name);
    record
        ->add_option("-e,--event", event_,
                     "What to sample: " + sources +
                         ", tracepoint:…, uprobe:…, uretprobe:…, usdt:… (pyebpf events lists them)")
        ->type_name("NAME")
        ->default_str("cpu-clock");
    std::string modes;
    for (const events::ModeInfo& mode : events::modes())
        modes += fmt::format("{}{} ({})", modes.empty() ? "" : ", ", mode.name, mode.description);
    record->add_option("-m,--mode", mode_, "Which time to record: " + modes)
        ->type_name("NAME")
        ->capture_default_str();
    record
        ->add_option("--min-block", min_block_us_,
                     "With waits: leave out those shorter than this many microseconds")
        ->type_name("US")
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
    record->add_flag("--debuginfod", debuginfod_,
                     "Fetch debug files that are not here from the servers in DEBUGINFOD_URLS");
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
    pipeline::RecorderOptions options;
    if (auto applied = targets_.apply(options, Targets::Default::kNone); !applied)
        return tl::unexpected(applied.error());
    auto frequency = whole_frequency(frequency_hz_);
    if (!frequency) return tl::unexpected(frequency.error());
    options.frequency_hz = *frequency;
    if (!std::isfinite(duration_s_) || duration_s_ < 0) {
        return fail(fmt::format("a duration of {} s is not possible", duration_s_),
                    "give a positive number of seconds, or 0", kExitUsage);
    }
    auto source = events::find_source(event_.empty() ? "cpu-clock" : event_, options.pids);
    if (!source) return tl::unexpected(source.error());
    auto mode = events::find_mode(mode_);
    if (!mode) return tl::unexpected(mode.error());
    if (!event_.empty() && (*mode)->mode != events::Mode::kCpu) {
        return fail(fmt::format("--mode {} and --event {} contradict each other", mode_, event_),
                    "a mode other than cpu chooses its events itself: leave --event out",
                    kExitUsage);
    }
    if (!std::isfinite(min_block_us_) || min_block_us_ < 0 || min_block_us_ > kMaxBlockUs) {
        return fail(fmt::format("--min-block {} is not possible", min_block_us_),
                    "give a number of microseconds, such as 10", kExitUsage);
    }
    if (min_block_us_ > 0 && !(*mode)->waits) {
        return fail(
            fmt::format("--min-block is about waits, which --mode {} does not record", mode_),
            "use it with --mode wall, off-cpu or gil", kExitUsage);
    }
    if (!std::isfinite(max_loss_percent_) || max_loss_percent_ < 0 || max_loss_percent_ > 100) {
        return fail(fmt::format("--max-loss {} is not possible", max_loss_percent_),
                    "give a percentage from 0 to 100", kExitUsage);
    }
    if (std::ranges::any_of(source->sites, &events::ProbeSite::single_steps)) {
        log::warning(fmt::format(
            "{}: the kernel must execute this instruction step by step: a hit costs the program "
            "some 15 us, ten times that of most probes",
            event_));
    }
    options.source = std::move(*source);
    options.mode = *mode;
    options.min_wait_ns = static_cast<uint64_t>(min_block_us_ * 1e3);
    options.kernel_frames = kernel_;
    options.accept_kernel_hazard = accept_kernel_hazard_;
    options.embed_source = embed_source_;
    auto native = native_frames(no_native_ ? "none" : native_);
    if (!native) return tl::unexpected(native.error());
    options.native_frames = *native;
    if (debuginfod_) {
        auto debuginfod = symbolize::Debuginfod::open();
        if (!debuginfod) return tl::unexpected(debuginfod.error());
        options.debuginfod = std::move(*debuginfod);
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
        fmt::format("recording {} at {} Hz{}{}", targets_.text(), frequency_hz_,
                    mode_ == "cpu" ? "" : ", mode " + mode_,
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
