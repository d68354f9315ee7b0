// SPDX-License-Identifier: Apache-2.0
#include "profile/merge.h"

#include <algorithm>
#include <optional>

namespace pyebpf::profile {

namespace {

// Consecutive Python frames of one evaluator.
struct Run {
    uint32_t first = 0;
    uint32_t end = 0;  // of the frames; the boundary, if there is one, is python[end]
    std::optional<uint64_t> boundary;
    bool is_countable = false;  // ended by kLast: paired by count
    std::optional<uint32_t> native;
};

std::vector<Run> split_into_runs(std::span<const PythonLink> python) {
    std::vector<Run> runs;
    Run run;
    bool open = false;
    for (uint32_t i = 0; i < python.size(); ++i) {
        if (!open) {
            run = Run{};
            run.first = i;
            open = true;
        }
        run.end = i + 1;
        if (python[i].kind == PythonLink::Kind::kFrame) continue;
        if (python[i].kind == PythonLink::Kind::kBoundary) {
            run.end = i;
            run.boundary = python[i].address;
        } else {
            run.is_countable = true;
        }
        runs.push_back(run);
        open = false;
    }
    if (open) runs.push_back(run);  // the chain ended without a boundary: truncated, or a greenlet
    return runs;
}

// R1. Boundaries and frames both go toward higher addresses from leaf to root, so one pass does:
// each search goes on where the last match was.
void match_by_address(std::vector<Run>& runs, std::span<const NativeLink> native) {
    uint32_t first = 0;
    uint64_t first_body = 0;  // where the body of native[first] begins
    for (Run& run : runs) {
        if (!run.boundary) continue;
        uint64_t body = first_body;
        for (uint32_t i = first; i < native.size(); ++i) {
            const uint64_t cfa = native[i].cfa;
            if (cfa == 0) continue;
            if (*run.boundary >= body && *run.boundary < cfa) {
                run.native = i;
                first = i + 1;
                first_body = cfa;
                break;
            }
            body = std::max(body, cfa);
        }
    }
}

// R3.
void match_by_count(std::vector<Run>& runs, std::span<const NativeLink> native) {
    std::vector<uint32_t> evaluators;
    for (uint32_t i = 0; i < native.size(); ++i) {
        if (native[i].is_evaluator) evaluators.push_back(i);
    }
    const size_t skipped = evaluators.size() > runs.size() ? 1 : 0;
    for (size_t i = 0; i < runs.size() && i + skipped < evaluators.size(); ++i)
        runs[i].native = evaluators[i + skipped];
}

}  // namespace

MergeResult merge(std::span<const NativeLink> native, std::span<const PythonLink> python) {
    std::vector<Run> runs = split_into_runs(python);
    const bool by_count = std::ranges::any_of(runs, &Run::is_countable);
    if (by_count) {
        match_by_count(runs, native);
    } else {
        match_by_address(runs, native);
    }

    MergeResult result;
    result.links.reserve(native.size() + python.size());
    const auto append = [&](const Run& run) {
        for (uint32_t i = run.first; i < run.end; ++i) result.links.push_back({true, i});
    };
    size_t next_run = 0;
    bool seen_evaluator = false;
    for (uint32_t i = 0; i < native.size(); ++i) {
        // The run that belongs here, and those before it that belong nowhere.
        size_t here = next_run;
        while (here < runs.size() && runs[here].native != i) ++here;
        if (here < runs.size()) {
            for (; next_run < here; ++next_run) append(runs[next_run]);
            const auto begin = static_cast<uint32_t>(result.links.size());
            append(runs[next_run++]);
            result.evaluators.push_back({static_cast<uint32_t>(result.links.size()), i, begin});
            seen_evaluator = true;
            continue;
        }
        if (native[i].is_evaluator) {
            if (seen_evaluator) ++result.evaluators_unmatched;
            seen_evaluator = true;
        }
        result.links.push_back({false, i});
    }
    for (; next_run < runs.size(); ++next_run) append(runs[next_run]);

    for (const Run& run : runs) {
        if (run.native) {
            ++result.runs_matched;
        } else if (run.first != run.end || run.boundary) {
            ++result.runs_unmatched;
        }
    }
    return result;
}

}  // namespace pyebpf::profile
