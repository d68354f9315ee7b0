// SPDX-License-Identifier: Apache-2.0
// pyebpf top: what the machine, a container, processes or a command do right now.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "app/command.h"
#include "app/sampling_options.h"
#include "app/stop_signals.h"
#include "app/targets.h"
#include "base/log.h"
#include "pipeline/recorder.h"
#include "sys/clock.h"
#include "tui/frame.h"
#include "tui/screen.h"

namespace pyebpf::app {

namespace {

constexpr int kKeyPollMs = 50;

// A live view keeps no recording.
class NullSink final : public Sink {
  public:
    void write(std::string_view) override {}
    [[nodiscard]] bool failed() const override { return false; }
    [[nodiscard]] Result<void> finish() override { return {}; }
};

class TopCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    Result<pipeline::RecorderOptions> recorder_options() const;
    Result<void> run_live(pipeline::Recorder& recorder);
    Result<void> run_batch(pipeline::Recorder& recorder);
    // Takes in what was sampled since the last call. False when all targets have ended.
    Result<bool> take(pipeline::Recorder& recorder, int timeout_ms);
    Result<void> end_interval(pipeline::Recorder& recorder);
    tui::Status status(const pipeline::Recorder& recorder) const;

    Targets targets_;
    double frequency_hz_ = 99;
    double interval_s_ = 1;
    uint32_t batches_ = 0;
    bool kernel_ = true;
    std::string native_ = "extensions";

    tui::LiveTable table_;
    tui::State state_;
    uint64_t interval_start_ns_ = 0;
    std::vector<double> interval_seconds_;  // of those that count as now
    double all_seconds_ = 0;
};

CLI::App* TopCommand::add_to(CLI::App& app) {
    CLI::App* top = app.add_subcommand("top", "Show what runs now, live");
    top->footer(
        "Without a target: the whole machine. h shows the keys.\n"
        "Examples:\n"
        "  pyebpf top\n"
        "  pyebpf top -p 1234\n"
        "  pyebpf top --batch 3 --interval 5 > now.txt");
    targets_.add_to(*top);
    top->add_option("-F,--frequency", frequency_hz_, "Samples per second and CPU")
        ->type_name("HZ")
        ->capture_default_str();
    top->add_option("-i,--interval", interval_s_, "How often to refresh")
        ->type_name("SECONDS")
        ->capture_default_str();
    top->add_option("--batch", batches_, "Print this many times as plain text, and end")
        ->type_name("N");
    top->add_flag("--kernel,!--no-kernel", kernel_, "Kernel frames (default: yes)");
    top->add_option("--native", native_,
                    "Native frames: all, extensions (without the interpreter's own) or none")
        ->type_name("WHICH")
        ->capture_default_str();
    return top;
}

Result<pipeline::RecorderOptions> TopCommand::recorder_options() const {
    pipeline::RecorderOptions options;
    if (auto applied = targets_.apply(options, Targets::Default::kWholeMachine); !applied)
        return tl::unexpected(applied.error());
    auto frequency = whole_frequency(frequency_hz_);
    if (!frequency) return tl::unexpected(frequency.error());
    options.frequency_hz = *frequency;
    auto native = native_frames(native_);
    if (!native) return tl::unexpected(native.error());
    options.native_frames = *native;
    options.kernel_frames = kernel_;
    if (!std::isfinite(interval_s_) || interval_s_ < 0.1 || interval_s_ > 3600) {
        return fail(fmt::format("an interval of {} s is not possible", interval_s_),
                    "give 0.1 to 3600 seconds", kExitUsage);
    }
    return options;
}

Result<bool> TopCommand::take(pipeline::Recorder& recorder, int timeout_ms) {
    const bool targets_live = recorder.pump(timeout_ms);
    if (state_.is_paused) return targets_live;
    auto flushed = recorder.flush([this](const profile::Profile& slice) { table_.add(slice); });
    if (!flushed) return tl::unexpected(flushed.error());
    return targets_live;
}

Result<void> TopCommand::end_interval(pipeline::Recorder& recorder) {
    const uint64_t now = sys::monotonic_ns();
    const double seconds = static_cast<double>(now - interval_start_ns_) * 1e-9;
    interval_start_ns_ = now;
    if (state_.is_paused)  // samples of a frozen time are written off
        return recorder.flush();
    table_.end_interval();
    all_seconds_ += seconds;
    interval_seconds_.push_back(seconds);
    if (interval_seconds_.size() > tui::kNowIntervals)
        interval_seconds_.erase(interval_seconds_.begin());
    return {};
}

tui::Status TopCommand::status(const pipeline::Recorder& recorder) const {
    const pipeline::RecorderStatus now = recorder.status();
    tui::Status status;
    status.target = targets_.text();
    status.elapsed_seconds = now.elapsed_seconds;
    status.tick_seconds = 1 / frequency_hz_;
    status.lost = now.lost;
    status.processes = now.processes;
    status.python_processes = now.python_processes;
    if (state_.selection.window == tui::Window::kAll) {
        status.window_seconds = all_seconds_;
    } else {
        for (const double seconds : interval_seconds_) status.window_seconds += seconds;
    }
    return status;
}

Result<void> TopCommand::run_live(pipeline::Recorder& recorder) {
    auto screen = tui::Screen::open();
    if (!screen) return tl::unexpected(screen.error());
    const StopSignals signals;
    state_.refresh_seconds = interval_s_;
    interval_start_ns_ = sys::monotonic_ns();
    bool must_draw = true;
    while (!signals.take()) {
        auto live = take(recorder, 0);
        if (!live) return tl::unexpected(live.error());
        const double elapsed = static_cast<double>(sys::monotonic_ns() - interval_start_ns_) * 1e-9;
        if (elapsed >= state_.refresh_seconds) {
            if (auto ended = end_interval(recorder); !ended) return ended;
            must_draw = true;
        }
        for (int key = screen->read_key(); key != tui::kKeyNone; key = screen->read_key()) {
            if (key == tui::kKeyEnter && state_.drilled.empty() && !state_.edits_filter) {
                const auto rows = table_.rows(state_.selection);
                if (state_.selection.view == tui::View::kFunctions &&
                    state_.selected < rows.size()) {
                    state_.drilled.push_back(rows[state_.selected].key);
                    state_.selected = 0;
                }
            }
            const tui::Action action = state_.press(key);
            if (action == tui::Action::kQuit) return {};
            if (action == tui::Action::kReset) {
                table_.reset();
                interval_seconds_.clear();
                all_seconds_ = 0;
            }
            must_draw = true;
        }
        if (must_draw) screen->show(tui::draw(table_, state_, status(recorder), screen->size()));
        must_draw = false;
        if (!*live) return {};
        pollfd keyboard{STDIN_FILENO, POLLIN, 0};
        (void)poll(&keyboard, 1, kKeyPollMs);
    }
    return {};
}

Result<void> TopCommand::run_batch(pipeline::Recorder& recorder) {
    const StopSignals signals;
    constexpr size_t kRows = 30;
    interval_start_ns_ = sys::monotonic_ns();
    bool targets_live = true;
    for (uint32_t batch = 0; batch < batches_ && targets_live;) {
        auto live = take(recorder, kKeyPollMs);
        if (!live) return tl::unexpected(live.error());
        targets_live = *live;
        const bool is_stopped = signals.take().has_value();
        const double elapsed = static_cast<double>(sys::monotonic_ns() - interval_start_ns_) * 1e-9;
        if (elapsed < interval_s_ && targets_live && !is_stopped) continue;
        if (auto ended = end_interval(recorder); !ended) return ended;
        auto lines = tui::draw(table_, state_, status(recorder), {.width = 120, .height = 0});
        if (lines.size() > kRows) lines.resize(kRows);
        for (const tui::Line& line : lines) std::puts(line.text.c_str());
        std::puts("");
        std::fflush(stdout);
        ++batch;
        if (is_stopped) break;
    }
    return {};
}

Result<int> TopCommand::run() {
    auto options = recorder_options();
    if (!options) return tl::unexpected(options.error());
    if (batches_ == 0 && (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0)) {
        return fail("the live view needs a terminal",
                    "use --batch N to print N times as plain text", kExitUsage);
    }
    NullSink nowhere;
    auto recorder = pipeline::Recorder::open(*options, nowhere);
    if (!recorder) return tl::unexpected(recorder.error());
    if (auto started = (*recorder)->start(); !started) return tl::unexpected(started.error());
    // Lines of a log would run through the picture.
    if (batches_ == 0) log::set_level(log::Level::kQuiet);
    auto shown = batches_ != 0 ? run_batch(**recorder) : run_live(**recorder);
    (*recorder)->stop();
    if (!shown) return tl::unexpected(shown.error());
    return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_top_command() {
    return std::make_unique<TopCommand>();
}

}  // namespace pyebpf::app
