// SPDX-License-Identifier: Apache-2.0
#include "app/trigger.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "events/event_source.h"

namespace pyebpf::app {

namespace {

constexpr double kLongestSeconds = 3600;
constexpr std::string_view kCpu = "cpu>";

// Takes a number and what has to follow it off the front.
std::optional<double> take_number(std::string_view& text, std::string_view unit) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.starts_with(unit)) return std::nullopt;
    text.remove_prefix(unit.size());
    return value;
}

}  // namespace

Result<CpuCondition> CpuCondition::parse(const std::string& text) {
    std::string_view rest = text;
    CpuCondition condition;
    if (rest.starts_with(kCpu)) {
        rest.remove_prefix(kCpu.size());
        const auto percent = take_number(rest, "%/");
        const auto seconds = percent ? take_number(rest, "s") : std::nullopt;
        if (seconds && rest.empty() && *percent > 0 && *seconds >= 1 && *seconds <= kLongestSeconds)
            return CpuCondition{*percent, *seconds};
    }
    return fail(fmt::format("'{}' is no condition on CPU time", text),
                fmt::format("it is cpu>PERCENT%/SECONDSs with 1 to {:.0f} s, such as cpu>80%/10s",
                            kLongestSeconds),
                kExitUsage);
}

bool CpuLevel::rose(uint64_t now_ns, uint64_t cpu_ns, double cpus) {
    const auto window_ns = static_cast<uint64_t>(condition_.seconds * 1e9);
    seen_.emplace_back(now_ns, cpu_ns);
    // The front is the newest reading that is at least `seconds` old.
    while (seen_.size() > 1 && now_ns - seen_[1].first >= window_ns) seen_.pop_front();
    const uint64_t elapsed_ns = now_ns - seen_.front().first;
    if (elapsed_ns < window_ns) return false;
    const double used = static_cast<double>(cpu_ns - seen_.front().second);
    const bool held = std::exchange(
        holds_, 100 * used / (static_cast<double>(elapsed_ns) * cpus) > condition_.percent);
    return holds_ && !held;
}

Result<Trigger> Trigger::open(const std::string& text, double cpus,
                              std::span<const uint32_t> pids) {
    Trigger trigger;
    trigger.cpus_ = cpus;
    if (text == "SIGUSR1") return trigger;
    if (text.starts_with(kCpu)) {
        const auto condition = CpuCondition::parse(text);
        if (!condition) return tl::unexpected(condition.error());
        trigger.level_.emplace(*condition);
        return trigger;
    }
    constexpr const char* kConditions =
        "wait for cpu>80%/10s, SIGUSR1, tracepoint:…, uprobe:…, uretprobe:… or usdt:…";
    auto source = events::find_source(text, pids);
    if (!source && text.find(':') == std::string::npos)
        return fail(fmt::format("there is no condition '{}'", text), kConditions, kExitUsage);
    if (!source) return tl::unexpected(source.error());
    if (source->kind == events::EventSource::Kind::kPerf) {
        return fail(fmt::format("'{}' happens all the time: nothing to wait for", text),
                    kConditions, kExitUsage);
    }
    auto counter = events::EventCounter::open(*source);
    if (!counter) return tl::unexpected(counter.error());
    trigger.counter_.emplace(std::move(*counter));
    return trigger;
}

bool Trigger::fired(uint64_t now_ns, uint64_t cpu_ns, bool is_signalled) {
    if (level_) return level_->rose(now_ns, cpu_ns, cpus_);
    if (!counter_) return is_signalled;
    const uint64_t count = counter_->count();
    return std::exchange(counted_, count) != count;
}

}  // namespace pyebpf::app
