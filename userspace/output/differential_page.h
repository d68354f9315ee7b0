// SPDX-License-Identifier: Apache-2.0
// Two profiles in one HTML page: the page of docs/formats/html.md, where every box tells what it
// was before (base) and is after (head), and is colored by the difference.
//
// What is known about a difference beyond the two numbers (whether it is more than chance) comes
// from the caller, function by function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "output/format.h"

namespace pyebpf::output {

// Numbers are part of the page's data.
enum class Verdict : uint8_t {
    kUnclear = 0,    // the difference may be chance
    kUnchanged = 1,  // a difference that matters would have been seen
    kSlower = 2,
    kFaster = 3,
    kAppeared = 4,  // not in base
    kVanished = 5,  // not in head
};

// A function of either profile. Texts, as the ids of two profiles differ; without line numbers,
// which any edit above a function changes.
struct FunctionVerdict {
    profile::FrameKind kind = profile::FrameKind::kPython;
    std::string function;
    std::string file;
    std::string module;
    Verdict verdict = Verdict::kUnclear;
    double base = 0;  // share of all samples that have the function, 0 … 1
    double head = 0;
    double low = 0;  // head - base lies between low and high with `confidence`
    double high = 0;
    std::string note;  // a sentence for people; may be empty
};

struct Difference {
    std::string base_name = "base";  // what people call the profiles: a file, a commit
    std::string head_name = "head";
    // A weight times its scale is what is compared. 0: both profiles as shares of their whole.
    double base_scale = 0;
    double head_scale = 0;
    double confidence = 0.95;
    std::string conclusion;  // a sentence for the top of the page; may be empty
    std::vector<FunctionVerdict> verdicts;
};

// Fails in a build without the page, as the format html does.
[[nodiscard]] Result<void> write_differential_page(const profile::Profile& base,
                                                   const profile::Profile& head,
                                                   const Difference& difference,
                                                   const FormatOptions& options, Sink& sink);

}  // namespace pyebpf::output
