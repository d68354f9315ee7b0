// SPDX-License-Identifier: Apache-2.0
#include "compare/matching.h"

#include <gtest/gtest.h>

#include "compare/comparison.h"
#include "simulated_runs.h"

namespace pyebpf::compare {
namespace {

using test::Path;
using test::simulate;

const Match* match_of(const Sides& sides, const std::string& base, const std::string& head) {
    for (const Match& match : sides.matches) {
        if (sides.functions[match.base].text() == base &&
            sides.functions[match.head].text() == head)
            return &match;
    }
    return nullptr;
}

const std::vector<Path> kBefore{{{"app:main", "app:price", "tax:rate"}, 0.3},
                                {{"app:main", "app:price"}, 0.2},
                                {{"app:main", "app:render"}, 0.5}};

TEST(Matching, ARenamedFunctionKeepsCallersAndCallees) {
    const Sides sides = simulate({kBefore,
                                  {{{"app:main", "app:total_price", "tax:rate"}, 0.3},
                                   {{"app:main", "app:total_price"}, 0.2},
                                   {{"app:main", "app:render"}, 0.5}}},
                                 1);
    const Match* match = match_of(sides, "app:price", "app:total_price");
    ASSERT_NE(match, nullptr);
    EXPECT_EQ(match->relation, Relation::kRenamed);
    EXPECT_NE(compare(sides, {}).verdict, Verdict::kRegression);
}

TEST(Matching, AMovedFunctionKeepsItsName) {
    const Sides sides = simulate({kBefore,
                                  {{{"app:main", "pricing:price", "tax:rate"}, 0.3},
                                   {{"app:main", "pricing:price"}, 0.2},
                                   {{"app:main", "app:render"}, 0.5}}},
                                 1);
    const Match* match = match_of(sides, "app:price", "pricing:price");
    ASSERT_NE(match, nullptr);
    EXPECT_EQ(match->relation, Relation::kMoved);
}

TEST(Matching, AFunctionIsRenamedInAScriptThatIsCalledOtherwise) {
    const Sides sides = simulate({kBefore,
                                  {{{"application:main", "application:total", "tax:rate"}, 0.3},
                                   {{"application:main", "application:total"}, 0.2},
                                   {{"application:main", "application:render"}, 0.5}}},
                                 1);
    const Match* match = match_of(sides, "app:price", "application:total");
    ASSERT_NE(match, nullptr);
    EXPECT_EQ(match->relation, Relation::kRenamed);
}

TEST(Matching, RenamedCallerAndCalleeAreFoundTogether) {
    const Sides sides = simulate({kBefore,
                                  {{{"app:main", "app:total", "tax:percentage"}, 0.3},
                                   {{"app:main", "app:total"}, 0.2},
                                   {{"app:main", "app:render"}, 0.5}}},
                                 1);
    EXPECT_EQ(sides.matches.size(), 2u);
}

TEST(Matching, AnotherFunctionInAnotherPlaceIsNotARename) {
    const Sides sides = simulate({kBefore,
                                  {{{"app:main", "app:price", "tax:rate"}, 0.3},
                                   {{"app:main", "app:price"}, 0.2},
                                   {{"app:main", "app:render", "app:escape"}, 0.5}}},
                                 1);
    EXPECT_TRUE(sides.matches.empty());
}

TEST(Matching, EachFunctionIsMatchedOnce) {
    // Two functions went, one came: it replaces one of them.
    const Sides sides = simulate({{{{"app:main", "app:a"}, 0.3}, {{"app:main", "app:b"}, 0.3}},
                                  {{{"app:main", "app:c"}, 0.3}, {{"app:main"}, 0.3}}},
                                 1);
    EXPECT_EQ(sides.matches.size(), 1u);
}

}  // namespace
}  // namespace pyebpf::compare
