// SPDX-License-Identifier: Apache-2.0
// pyebpf record: samples for a while and writes one profile.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "app/command.h"
#include "app/flight_recorder.h"
#include "app/format_options.h"
#include "app/sampling_options.h"
#include "app/status_line.h"
#include "app/stop_signals.h"
#include "app/targets.h"
#include "app/terminal.h"
#include "app/trigger.h"
#include "base/log.h"
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
constexpr double kMaxBlockUs = 1e9;
constexpr double kMaxRingSeconds = 86400;
constexpr double kSecondsBeforeTrigger = 1;
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
    Result<void> check_waiting_options() const;
    // What is written, and where the samples are until then.
    struct Outputs {
        const output::Format* format;
        output::OutputFile file;
        std::optional<output::OutputFile> statistics;
        std::optional<FlightRecorder> hidden;  // none: the output itself is the recording
        unsigned snapshots = 0;
    };
    Result<Outputs> open_outputs() const;

    struct Progress {
        bool is_waiting = false;        // for the trigger to start
        uint64_t start_ns = 0;          // of what -d limits
        bool wants_snapshot = false;    // asked for, or triggered
        bool is_signalled = false;      // SIGUSR1
        std::optional<int> stopped_by;  // SIGINT, SIGTERM
    };
    // Samples until the duration is over, a signal comes or all targets have ended.
    Result<Progress> sample(pipeline::Recorder& recorder, Trigger* trigger, Outputs& outputs) const;
    void take_signals(const StopSignals& signals, Progress& progress) const;
    Result<void> act(pipeline::Recorder& recorder, Trigger* trigger, Outputs& outputs,
                     Progress& progress) const;
    // Once a second.
    static Result<void> flush(pipeline::Recorder& recorder, Outputs& outputs, uint64_t now_ns);
    // What was recorded up to now, to a file of its own.
    Result<void> write_snapshot(pipeline::Recorder& recorder, Outputs& outputs) const;
    // What is made of the finished recording: the output if it is another format, statistics, the
    // summary.
    Result<void> write_outputs(const pipeline::Recorder& recorder, Outputs& outputs) const;

    Targets targets_;
    std::string event_;
    std::string mode_ = "cpu";
    double min_block_us_ = 0;
    double frequency_hz_ = 99;
    double duration_s_ = 0;
    std::string output_;
    std::string format_;
    std::string statistics_;
    double ring_s_ = 0;
    std::string trigger_;
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
        "SIGUSR2 writes what was recorded so far to profile.1.html, profile.2.html ..., and goes "
        "on.\n"
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
    record
        ->add_option("--ring", ring_s_,
                     "Keep only the last seconds, and write them at the end, on SIGUSR2, or when "
                     "--trigger says so")
        ->type_name("SECONDS");
    record
        ->add_option("--trigger", trigger_,
                     "Begin to record, or with --ring write what is kept, on: cpu>80%/10s (the "
                     "targets' use), SIGUSR1, tracepoint:…, uprobe:…, uretprobe:…, usdt:…")
        ->type_name("CONDITION");
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

Result<void> RecordCommand::check_waiting_options() const {
    if (!std::isfinite(ring_s_) || ring_s_ < 0 || ring_s_ > kMaxRingSeconds) {
        return fail(fmt::format("--ring {} is not possible", ring_s_),
                    fmt::format("give a number of seconds up to {:.0f}", kMaxRingSeconds),
                    kExitUsage);
    }
    if (trigger_.starts_with("cpu>") && (mode_ != "cpu" || !event_.empty())) {
        return fail("--trigger cpu>… counts samples of CPU time",
                    "leave --mode and --event out, or wait for something else", kExitUsage);
    }
    if (!trigger_.empty() && !statistics_.empty() && ring_s_ > 0) {
        return fail("--stats is of one recording; --ring with --trigger writes several",
                    "leave one of them out", kExitUsage);
    }
    return {};
}

Result<RecordCommand::Outputs> RecordCommand::open_outputs() const {
    const std::string path = output_.empty() ? kDefaultOutput : output_;
    const auto format = output::choose_format(format_, path);
    if (!format) return tl::unexpected(format.error());
    auto file = output::OutputFile::open(path);
    if (!file) return tl::unexpected(file.error());
    Outputs outputs{.format = *format, .file = std::move(*file), .statistics = {}, .hidden = {}};
    if (!statistics_.empty()) {
        auto opened = output::OutputFile::open(statistics_);
        if (!opened) return tl::unexpected(opened.error());
        outputs.statistics.emplace(std::move(*opened));
    }
    const bool streams = outputs.format == &output::kRecording && ring_s_ == 0 && trigger_.empty();
    if (streams && outputs.statistics && !outputs.file.is_file()) {
        return fail("--stats needs a recording that can be read again",
                    "write it to a file, or choose another --format for " + outputs.file.name(),
                    kExitUsage);
    }
    if (streams) return outputs;
    // Until a trigger has fired, only a moment before it is kept.
    const double kept = ring_s_ > 0        ? ring_s_
                        : trigger_.empty() ? std::numeric_limits<double>::infinity()
                                           : kSecondsBeforeTrigger;
    auto hidden = FlightRecorder::open(kept);
    if (!hidden) return tl::unexpected(hidden.error());
    outputs.hidden.emplace(std::move(*hidden));
    return outputs;
}

void RecordCommand::take_signals(const StopSignals& signals, Progress& progress) const {
    while (const auto signal = signals.take()) {
        if (*signal == SIGUSR2) {
            progress.wants_snapshot = true;
        } else if (*signal == SIGUSR1) {
            progress.is_signalled = true;
        } else if (!progress.stopped_by) {
            progress.stopped_by = *signal;
        }
    }
}

Result<RecordCommand::Progress> RecordCommand::sample(pipeline::Recorder& recorder,
                                                      Trigger* trigger, Outputs& outputs) const {
    const StopSignals signals =
        trigger_ == "SIGUSR1" ? StopSignals({SIGUSR1, SIGUSR2}) : StopSignals({SIGUSR2});
    log::info(
        fmt::format("{} {} at {} Hz{}{}", trigger != nullptr ? "watching" : "recording",
                    targets_.text(), frequency_hz_, mode_ == "cpu" ? "" : ", mode " + mode_,
                    duration_s_ > 0 ? fmt::format(" for {} s", duration_s_) : ", Ctrl-C stops"));
    StatusLine status_line(!quiet_);
    Progress progress;
    progress.is_waiting = trigger != nullptr && ring_s_ == 0;
    progress.start_ns = sys::monotonic_ns();
    uint64_t flushed_ns = progress.start_ns;
    bool targets_live = true;
    while (targets_live && !progress.stopped_by) {
        int timeout_ms = kPumpMs;
        if (duration_s_ > 0 && !progress.is_waiting) {
            const double left_ms =
                duration_s_ * 1e3 -
                static_cast<double>(sys::monotonic_ns() - progress.start_ns) * 1e-6;
            if (left_ms <= 0) break;
            timeout_ms = static_cast<int>(std::min<double>(kPumpMs, std::ceil(left_ms)));
        }
        targets_live = recorder.pump(timeout_ms);
        take_signals(signals, progress);
        status_line.show(recorder.status());
        if (auto acted = act(recorder, trigger, outputs, progress); !acted)
            return tl::unexpected(acted.error());
        const uint64_t now = sys::monotonic_ns();
        if (now - flushed_ns < kFlushNs) continue;
        flushed_ns = now;
        if (auto flushed = flush(recorder, outputs, now); !flushed)
            return tl::unexpected(flushed.error());
    }
    return progress;
}

Result<void> RecordCommand::act(pipeline::Recorder& recorder, Trigger* trigger, Outputs& outputs,
                                Progress& progress) const {
    const uint64_t now = sys::monotonic_ns();
    if (trigger != nullptr && (progress.is_waiting || ring_s_ > 0)) {
        const auto period_ns = static_cast<uint64_t>(1e9 / frequency_hz_);
        if (trigger->fired(now, recorder.status().samples * period_ns,
                           std::exchange(progress.is_signalled, false))) {
            log::info(fmt::format("{}: {}", trigger_,
                                  progress.is_waiting ? "recording begins" : "writing"));
            progress.wants_snapshot = progress.wants_snapshot || !progress.is_waiting;
            if (std::exchange(progress.is_waiting, false)) {
                progress.start_ns = now;
                if (auto kept = outputs.hidden->keep_all(recorder, now); !kept) return kept;
            }
        }
    }
    if (!std::exchange(progress.wants_snapshot, false)) return {};
    return write_snapshot(recorder, outputs);
}

Result<void> RecordCommand::flush(pipeline::Recorder& recorder, Outputs& outputs, uint64_t now_ns) {
    if (auto flushed = recorder.flush(); !flushed) return flushed;
    // The recording gets its name when its first second is written.
    return outputs.hidden ? outputs.hidden->advance(recorder, now_ns) : outputs.file.publish();
}

Result<void> RecordCommand::write_snapshot(pipeline::Recorder& recorder, Outputs& outputs) const {
    if (!outputs.file.is_file()) {
        log::warning("SIGUSR2: no snapshot, as " + outputs.file.name() + " is no file");
        return {};
    }
    const uint64_t now = sys::monotonic_ns();
    if (!outputs.hidden) {
        if (auto flushed = flush(recorder, outputs, now); !flushed) return flushed;
    }
    auto profile =
        outputs.hidden ? outputs.hidden->take(recorder, now) : record::read(outputs.file.name());
    if (!profile) return tl::unexpected(profile.error());
    profile->is_cut = false;
    profile->statistics = recorder.statistics();
    auto file = output::OutputFile::open(
        output::numbered(outputs.file.name(), *outputs.format, ++outputs.snapshots));
    if (!file) return tl::unexpected(file.error());
    if (auto written = outputs.format->write(*profile, format_options_, file->sink()); !written)
        return written;
    if (auto committed = file->commit(); !committed) return committed;
    log::info("wrote " + file->name());
    return {};
}

Result<int> RecordCommand::run() {
    log::set_level(quiet_     ? log::Level::kQuiet
                   : verbose_ ? log::Level::kVerbose
                              : log::Level::kNormal);
    auto options = recorder_options();
    if (!options) return tl::unexpected(options.error());
    if (auto checked = check_waiting_options(); !checked) return tl::unexpected(checked.error());
    auto outputs = open_outputs();
    if (!outputs) return tl::unexpected(outputs.error());
    Sink& recording = outputs->hidden ? outputs->hidden->sink() : outputs->file.sink();

    std::optional<Trigger> trigger;
    if (!trigger_.empty()) {
        const auto cpus = sys::online_cpus();
        if (!cpus) return tl::unexpected(cpus.error());
        auto opened = Trigger::open(
            trigger_, targets_.is_whole_machine() ? static_cast<double>(cpus->size()) : 1,
            options->pids);
        if (!opened) return tl::unexpected(opened.error());
        trigger.emplace(std::move(*opened));
    }
    auto recorder = pipeline::Recorder::open(*options, recording);
    if (!recorder) return tl::unexpected(recorder.error());
    if (auto started = (*recorder)->start(); !started) return tl::unexpected(started.error());
    const auto progress = sample(**recorder, trigger ? &*trigger : nullptr, *outputs);
    (*recorder)->stop();
    if (!progress) return tl::unexpected(progress.error());
    if (progress->stopped_by == SIGTERM) (*recorder)->signal_command(SIGTERM);
    if (auto finished = (*recorder)->finish(); !finished) return tl::unexpected(finished.error());
    if (!outputs->hidden) {
        if (auto committed = outputs->file.commit(); !committed)
            return tl::unexpected(committed.error());
    }
    const bool writes_at_end = !trigger || (ring_s_ == 0 && !progress->is_waiting);
    if (!writes_at_end) {
        log::info(outputs->snapshots > 0
                      ? fmt::format("{} happened {} times", trigger_, outputs->snapshots)
                      : trigger_ + " did not happen: nothing was written");
    } else if (auto written = write_outputs(**recorder, *outputs); !written) {
        return tl::unexpected(written.error());
    }

    const int status = options->command.empty() ? kExitOk : (*recorder)->wait_for_command();
    const double loss = pipeline::loss_percent((*recorder)->statistics());
    if (loss <= max_loss_percent_) return status;
    log::error(fmt::format(
        "{:.3f} % of the samples were lost, truncated or unreadable; --max-loss allows {} %", loss,
        max_loss_percent_));
    return status == kExitOk ? static_cast<int>(kExitLoss) : status;
}

Result<void> RecordCommand::write_outputs(const pipeline::Recorder& recorder,
                                          Outputs& outputs) const {
    output::OutputFile& file = outputs.file;
    const bool is_long = recorder.status().samples > kMaxSummarySamples;
    if (!outputs.hidden && !outputs.statistics && (quiet_ || is_long || !file.is_file())) {
        if (!quiet_) log::info("wrote " + file.name());
        return {};
    }
    const auto profile = outputs.hidden ? outputs.hidden->read() : record::read(file.name());
    if (!profile) return tl::unexpected(profile.error());
    if (outputs.hidden) {
        if (auto written = outputs.format->write(*profile, format_options_, file.sink()); !written)
            return written;
        if (auto committed = file.commit(); !committed) return committed;
    }
    if (outputs.statistics) {
        output::write_statistics(*profile, outputs.statistics->sink());
        if (auto committed = outputs.statistics->commit(); !committed) return committed;
    }
    if (quiet_) return {};
    std::fputs(output::summary(*profile, {.color = wants_color(STDERR_FILENO)}).c_str(), stderr);
    log::info("wrote " + file.name());
    return {};
}

}  // namespace

std::unique_ptr<Command> make_record_command() {
    return std::make_unique<RecordCommand>();
}

}  // namespace pyebpf::app
