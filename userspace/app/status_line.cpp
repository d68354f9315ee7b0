// SPDX-License-Identifier: Apache-2.0
#include "app/status_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "sys/clock.h"

namespace pyebpf::app {

namespace {

constexpr uint64_t kRedrawNs = 200'000'000;
bool line_is_drawn = false;

void clear_line() {
    if (!line_is_drawn) return;
    std::fputs("\r\033[K", stderr);
    line_is_drawn = false;
}

}  // namespace

StatusLine::StatusLine(bool enabled) : enabled_(enabled && isatty(STDERR_FILENO) != 0) {
    if (enabled_) log::set_before_line(clear_line);
}

StatusLine::~StatusLine() {
    if (!enabled_) return;
    clear_line();
    std::fflush(stderr);
    log::set_before_line(nullptr);
}

void StatusLine::show(const pipeline::RecorderStatus& status) {
    if (!enabled_) return;
    const uint64_t now = sys::monotonic_ns();
    if (now - drawn_ns_ < kRedrawNs) return;
    const double seconds = static_cast<double>(now - drawn_ns_) * 1e-9;
    const double rate =
        drawn_ns_ == 0 ? 0 : static_cast<double>(status.samples - samples_) / seconds;
    drawn_ns_ = now;
    samples_ = status.samples;
    clear_line();
    std::fputs(
        fmt::format(
            "{:.1f} s  {} samples ({:.0f}/s)  {} lost  {} processes  {} Python   Ctrl-C stops",
            status.elapsed_seconds, status.samples, rate, status.lost, status.processes,
            status.python_processes)
            .c_str(),
        stderr);
    std::fflush(stderr);
    line_is_drawn = true;
}

}  // namespace pyebpf::app
