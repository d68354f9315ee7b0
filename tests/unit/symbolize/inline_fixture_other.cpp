// SPDX-License-Identifier: Apache-2.0
// A second compilation unit of the fixture.
#include "inline_fixture.h"

extern "C" int run_other_fixture(int x) {
    MARK(mark_other);
    return x + 1;
}
