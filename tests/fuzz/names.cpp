// SPDX-License-Identifier: Apache-2.0
// Names: demangled, made printable, and fitted into columns.
#include <cstdlib>
#include <string>

#include "base/escape.h"
#include "fuzz.h"
#include "output/columns.h"
#include "symbolize/demangle.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view name = fuzz::text_of({data, size});
    const std::string shown = printable(symbolize::demangle(name));
    if (printable(shown) != shown && shown.size() <= 4096) std::abort();
    for (const size_t width : {size_t{0}, size_t{1}, size_t{20}}) {
        if (output::columns(output::shortened(shown, width)) > width) std::abort();
        for (const std::string& line : output::wrapped(shown, width))
            if (output::columns(line) > width) std::abort();
    }
    return 0;
}
