// SPDX-License-Identifier: Apache-2.0
#include "compare/page.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>

#include "compare/wording.h"
#include "profile/combine.h"

namespace pyebpf::compare {

namespace {

using profile::Frame;
using profile::FrameId;
using profile::FrameKind;
using profile::Profile;
using profile::StackId;

// One run after the other, whatever was between them: times of both sides are of the side's own
// runs alone.
Result<Profile> in_sequence(std::span<const NamedProfile> runs) {
    std::vector<Profile> profiles;
    int64_t start = 0;
    for (const NamedProfile& run : runs) {
        profiles.push_back(run.profile);
        if (profiles.size() == 1) start = std::max<int64_t>(run.profile.start_unix_ns, 1);
        profiles.back().start_unix_ns = start;
        start += static_cast<int64_t>(run.profile.end_ns - run.profile.start_ns);
    }
    return profile::combined(std::move(profiles));
}

// What the functions of the base are called in the head.
class HeadNames {
  public:
    explicit HeadNames(const Loaded& loaded) : loaded_(loaded), functions_(loaded.sides.functions) {
        for (const Match& match : loaded.sides.matches) matches_[match.base] = match.head;
    }

    Frame renamed(Profile& profile, Frame frame) {
        if (frame.kind != FrameKind::kPython && frame.kind != FrameKind::kNative) return frame;
        const FunctionId id =
            functions_.find(function_of(profile, frame, loaded_.base_root)).value_or(FunctionId{});
        const std::string_view file = profile.text(frame.file);
        std::string path(file);
        if (id.valid()) {
            const auto match = matches_.find(id);
            const Function& function = functions_[match == matches_.end() ? id : match->second];
            frame.function = profile.strings.intern(function.name);
            path = function.path;
        } else if (!loaded_.base_root.empty() && file.starts_with(loaded_.base_root)) {
            path = loaded_.head_root + std::string(file.substr(loaded_.base_root.size()));
        }
        frame.file = profile.strings.intern(path);
        return frame;
    }

  private:
    const Loaded& loaded_;
    const FunctionTable& functions_;
    std::map<FunctionId, FunctionId> matches_;
};

Profile with_head_names(Profile profile, const Loaded& loaded) {
    HeadNames names(loaded);
    profile::FrameTable frames;
    std::vector<FrameId> new_frames;
    for (uint32_t i = 0; i < profile.frames.size(); i++) {
        const Frame frame = profile.frames[FrameId{i}];
        new_frames.push_back(frames.intern(names.renamed(profile, frame)));
    }
    profile::StackTable stacks;
    std::vector<StackId> new_stacks;
    // Parents have smaller ids than their children.
    for (uint32_t i = 0; i < profile.stacks.size(); i++) {
        const auto& node = profile.stacks[StackId{i}];
        const StackId parent = node.parent.valid() ? new_stacks[node.parent.value] : StackId{};
        new_stacks.push_back(stacks.push(parent, new_frames[node.frame.value]));
    }
    profile.frames = std::move(frames);
    profile.stacks = std::move(stacks);
    for (profile::Sample& sample : profile.samples)
        if (sample.stack.valid()) sample.stack = new_stacks[sample.stack.value];
    return profile;
}

output::Verdict verdict_of(const Report& report, const Difference& difference) {
    if (change_text(difference) == "new") return output::Verdict::kAppeared;
    if (change_text(difference) == "gone") return output::Verdict::kVanished;
    switch (difference.outcome) {
        case Outcome::kRegressed:
            return output::Verdict::kSlower;
        case Outcome::kImproved:
            return output::Verdict::kFaster;
        case Outcome::kSuspect:
            return output::Verdict::kUnclear;
        case Outcome::kMoved:
        case Outcome::kSame:
            break;
    }
    const double most = report.thresholds.max_regression;
    const Estimate& estimate = difference.estimate;
    const bool is_narrow = estimate.high < most && estimate.low > -most;
    return is_narrow ? output::Verdict::kUnchanged : output::Verdict::kUnclear;
}

std::string note(const Report& report, const Difference& difference) {
    std::string text = fmt::format(
        "{} {} ({})", difference.measure == Measure::kTotal ? "with what it calls" : "its own time",
        change_text(difference), interval_text(difference.estimate));
    if (difference.outcome != Outcome::kSame)
        text = fmt::format("{}: {}", outcome_text(difference.outcome), text);
    if (const std::string remark = remark_text(report, difference); !remark.empty())
        text += "; " + remark;
    return text;
}

}  // namespace

Result<PageSides> page_sides(const Report& report) {
    auto base = in_sequence(report.base_runs);
    if (!base) return tl::unexpected(base.error());
    auto head = in_sequence(report.head_runs);
    if (!head) return tl::unexpected(head.error());
    return PageSides{with_head_names(std::move(*base), report.loaded), std::move(*head)};
}

output::Difference page_difference(const Report& report) {
    const Comparison& comparison = report.comparison;
    output::Difference result{
        .base_name = report.base_name,
        .head_name = report.head_name,
        .confidence = report.thresholds.confidence,
        .conclusion = fmt::format("{}: {}",
                                  comparison.is_descriptive ? "a description, not a verdict"
                                                            : verdict_key(comparison.verdict),
                                  comparison.reason)};
    std::set<FunctionId> seen;
    // What was found comes first, so that of two statements about a function the finding is shown.
    for (const Difference& difference : comparison.differences) {
        if (!difference.function.valid() || !seen.insert(difference.function).second) continue;
        const Function& function = report.loaded.sides.functions[difference.function];
        const auto points = [&](double change) {
            return std::min(difference.base_cost * change, 1.0);
        };
        result.verdicts.push_back(
            {.kind = function.kind,
             .function = function.name,
             .file = function.path,
             .module = function.kind == FrameKind::kPython ? "" : function.module,
             .verdict = verdict_of(report, difference),
             .base = difference.base_cost,
             .head = difference.head_cost,
             .low = points(difference.estimate.low),
             .high = points(difference.estimate.high),
             .note = note(report, difference)});
    }
    return result;
}

Result<void> write_page(const Report& report, Sink& sink) {
    const auto sides = page_sides(report);
    if (!sides) return tl::unexpected(sides.error());
    return output::write_differential_page(sides->base, sides->head, page_difference(report), {},
                                           sink);
}

}  // namespace pyebpf::compare
