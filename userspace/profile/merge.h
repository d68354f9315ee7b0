// SPDX-License-Identifier: Apache-2.0
// Merges the native frames and the Python frames of one sample into the one stack that really was.
//
// Every Python frame runs inside an activation of the interpreter's evaluator, a native frame.
// From 3.10 on, each activation leaves a *boundary* in its own body on the C stack: a structure
// that the Python frame chain passes through. So the run of Python frames that ends at a boundary
// stands where the native frame stands whose body holds the boundary's address:
//
//        native (leaf first)                 Python (leaf first)                merged (leaf first)
//        memcpy       [100,140)                                                 memcpy
//        dict_update  [140,200)                                                 dict_update
//        evaluator    [200,300)  <── 260 ──  inner, outer, boundary 260         inner, outer
//        sorted       [300,400)                                                 sorted
//        evaluator    [400,500)  <── 450 ──  key, main, boundary 450            key, main
//        _start       [500,600)                                                 _start
//
// Rules (docs/cpython.md, "merging"):
//   R1  boundary in [stack pointer, CFA) of a native frame: the run replaces that frame
//   R2  an evaluator without a boundary: leaf-most, it is being entered or left; elsewhere its
//       chain was switched away (greenlet). It stays native
//   R3  versions without boundaries (2.7-3.9): evaluators and frames are paired by count, leaf to
//       root; one evaluator more: the innermost is being entered or left
//   R4  runs that found no native frame keep their order: before the next run that did, else at the
//       root side. Python frames are never dropped
//   R5  a run may be empty
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyebpf::profile {

// A native frame, seen by the merge.
struct NativeLink {
    uint64_t cfa =
        0;  // end of its body, which begins at the CFA of the frame before it; 0: not known
    bool is_evaluator = false;
};

// A link of the Python frame chain.
struct PythonLink {
    enum class Kind : uint8_t {
        kFrame,     // shares its evaluator with the next link
        kLast,      // the last frame of its evaluator, whose address is not known (2.7-3.9)
        kBoundary,  // ends the run of an evaluator; not a frame
    };
    Kind kind = Kind::kFrame;
    uint64_t address = 0;  // kBoundary: on the C stack
};

struct MergedLink {
    bool is_python = false;
    uint32_t index = 0;  // into the native or the Python links
    bool operator==(const MergedLink&) const = default;
};

// A native frame that a run replaces: that of links[begin, position). Who wants to show it puts it
// in front of links[position], at the root side of its run, and what is inlined into it in front of
// links[begin].
struct ReplacedEvaluator {
    uint32_t position = 0;
    uint32_t native = 0;
    uint32_t begin = 0;
    bool operator==(const ReplacedEvaluator&) const = default;
};

struct MergeResult {
    std::vector<MergedLink> links;  // leaf first; boundaries and replaced evaluators left out
    std::vector<ReplacedEvaluator> evaluators;  // leaf first
    uint32_t runs_matched = 0;                  // placed by R1 or R3
    uint32_t runs_unmatched = 0;                // placed by R4
    uint32_t evaluators_unmatched = 0;          // R2, the leaf-most not counted
    // All runs were matched, and all evaluators but the innermost.
    [[nodiscard]] bool verified() const { return runs_unmatched == 0 && evaluators_unmatched == 0; }
};

[[nodiscard]] MergeResult merge(std::span<const NativeLink> native,
                                std::span<const PythonLink> python);

}  // namespace pyebpf::profile
