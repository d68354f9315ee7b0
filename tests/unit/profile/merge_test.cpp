// SPDX-License-Identifier: Apache-2.0
#include "profile/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pyebpf::profile {
namespace {

using Kind = PythonLink::Kind;

NativeLink code(uint64_t cfa) {
    return {cfa, false};
}
NativeLink evaluator(uint64_t cfa) {
    return {cfa, true};
}
PythonLink frame() {
    return {Kind::kFrame, 0};
}
PythonLink last() {
    return {Kind::kLast, 0};
}
PythonLink boundary(uint64_t address) {
    return {Kind::kBoundary, address};
}

// "n0 p1": native 0, Python 1, leaf first.
std::string show(const MergeResult& result) {
    std::string text;
    for (const MergedLink& link : result.links) {
        if (!text.empty()) text += ' ';
        text += (link.is_python ? 'p' : 'n') + std::to_string(link.index);
    }
    return text;
}

TEST(Merge, RunReplacesTheEvaluatorThatHoldsItsBoundary) {
    const std::vector<NativeLink> native{code(140), code(200),      evaluator(300),
                                         code(400), evaluator(500), code(600)};
    const std::vector<PythonLink> python{frame(), frame(), boundary(260),
                                         frame(), frame(), boundary(450)};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n0 n1 p0 p1 n3 p3 p4 n5");
    EXPECT_TRUE(result.verified());
    EXPECT_EQ(result.runs_matched, 2u);
}

TEST(Merge, TellsWhichNativeFrameEachRunReplacedAndWhereItsRunBeginsAndEnds) {
    const std::vector<NativeLink> native{code(140), evaluator(300), evaluator(400), code(600)};
    const std::vector<PythonLink> python{frame(), frame(), boundary(260), boundary(350)};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n0 p0 p1 n3");
    const std::vector<ReplacedEvaluator> expected{{3, 1, 1}, {3, 2, 3}};
    EXPECT_EQ(result.evaluators, expected);
}

TEST(Merge, EvaluatorWithoutARunIsNotReplaced) {
    const std::vector<NativeLink> native{evaluator(200), code(300), evaluator(400)};
    const std::vector<PythonLink> python{frame(), boundary(350)};
    const std::vector<ReplacedEvaluator> expected{{3, 2, 2}};
    EXPECT_EQ(merge(native, python).evaluators, expected);
}

TEST(Merge, BoundaryMatchesByAddressEvenIfTheCodeIsNotKnownAsEvaluator) {
    const std::vector<NativeLink> native{code(140), code(300), code(600)};
    const std::vector<PythonLink> python{frame(), boundary(200)};
    EXPECT_EQ(show(merge(native, python)), "n0 p0 n2");
}

TEST(Merge, BoundaryAtTheStackPointerBelongsToTheOuterFrame) {
    const std::vector<NativeLink> native{code(140), evaluator(300)};
    const std::vector<PythonLink> python{frame(), boundary(140)};
    EXPECT_EQ(show(merge(native, python)), "n0 p0");
}

TEST(Merge, EmptyRunHidesItsEvaluator) {
    const std::vector<NativeLink> native{evaluator(200), code(300), evaluator(400)};
    const std::vector<PythonLink> python{boundary(150), frame(), boundary(350)};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n1 p1");
    EXPECT_TRUE(result.verified());
}

TEST(Merge, InnermostEvaluatorWithoutBoundaryIsBeingEntered) {
    const std::vector<NativeLink> native{evaluator(200), code(300), evaluator(400)};
    const std::vector<PythonLink> python{frame(), boundary(350)};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n0 n1 p0");
    EXPECT_TRUE(result.verified());
}

TEST(Merge, OuterEvaluatorWithoutBoundaryIsForeign) {
    const std::vector<NativeLink> native{evaluator(200), code(300), evaluator(400)};
    const std::vector<PythonLink> python{frame(), boundary(150)};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "p0 n1 n2");
    EXPECT_FALSE(result.verified());
    EXPECT_EQ(result.evaluators_unmatched, 1u);
}

TEST(Merge, PythonOutlivesABrokenNativeWalk) {
    const std::vector<NativeLink> native{code(200)};
    const std::vector<PythonLink> python{frame(), boundary(900), frame(), boundary(1000)};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n0 p0 p2");
    EXPECT_EQ(result.runs_unmatched, 2u);
}

TEST(Merge, UnmatchedRunStaysBeforeTheNextMatchedOne) {
    const std::vector<NativeLink> native{code(200), evaluator(400), code(500)};
    const std::vector<PythonLink> python{frame(), boundary(900), frame(), boundary(300)};
    EXPECT_EQ(show(merge(native, python)), "n0 p0 p2 n2");
}

TEST(Merge, FramesWithoutBoundaryGoToTheRoot) {
    const std::vector<NativeLink> native{code(200), evaluator(400), code(500)};
    const std::vector<PythonLink> python{frame(), boundary(300), frame(), frame()};
    EXPECT_EQ(show(merge(native, python)), "n0 p0 n2 p2 p3");
}

TEST(Merge, NativeFramesWithoutCfaAreSteppedOver) {
    const std::vector<NativeLink> native{code(0), evaluator(400)};
    const std::vector<PythonLink> python{frame(), boundary(300)};
    EXPECT_EQ(show(merge(native, python)), "n0 p0");
}

TEST(Merge, OldVersionsPairByCount) {
    const std::vector<NativeLink> native{code(0), evaluator(0), code(0), evaluator(0), code(0)};
    const std::vector<PythonLink> python{last(), last()};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n0 p0 n2 p1 n4");
    EXPECT_TRUE(result.verified());
}

TEST(Merge, OldVersionsSkipTheInnermostEvaluatorIfThereIsOneMore) {
    const std::vector<NativeLink> native{evaluator(0), code(0), evaluator(0), evaluator(0)};
    const std::vector<PythonLink> python{last(), last()};
    EXPECT_EQ(show(merge(native, python)), "n0 n1 p0 p1");
}

TEST(Merge, OldVersionsKeepFramesBeyondTheNativeWalk) {
    const std::vector<NativeLink> native{code(0), evaluator(0)};
    const std::vector<PythonLink> python{last(), last(), last()};
    const MergeResult result = merge(native, python);
    EXPECT_EQ(show(result), "n0 p0 p1 p2");
    EXPECT_EQ(result.runs_unmatched, 2u);
}

TEST(Merge, NothingGivesNothing) {
    EXPECT_TRUE(merge({}, {}).links.empty());
    EXPECT_TRUE(merge({}, {}).verified());
}

TEST(Merge, EveryFrameAppearsExactlyOnceWhateverTheAddresses) {
    // A small deterministic generator: hostile addresses must neither drop nor repeat a frame.
    uint64_t state = 1;
    const auto next = [&state](uint64_t bound) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        return (state >> 33) % bound;
    };
    for (int round = 0; round < 2000; ++round) {
        std::vector<NativeLink> native(next(12));
        for (NativeLink& link : native) link = {next(100), next(3) == 0};
        std::vector<PythonLink> python(next(12));
        size_t frames = 0;
        for (PythonLink& link : python) {
            link = {static_cast<Kind>(next(3)), next(100)};
            if (link.kind != Kind::kBoundary) ++frames;
        }
        const MergeResult result = merge(native, python);
        std::vector<uint32_t> seen;
        for (const MergedLink& link : result.links) {
            if (link.is_python) seen.push_back(link.index);
        }
        EXPECT_EQ(seen.size(), frames);
        EXPECT_THAT(seen, ::testing::WhenSorted(::testing::ContainerEq(seen)));
    }
}

}  // namespace
}  // namespace pyebpf::profile
