// SPDX-License-Identifier: Apache-2.0
// What a file tells of the CPython in it: its debug-offsets table and the machine code of the
// functions that are decoded. First 2 bytes: size of the table; what follows it is the code.
#include <algorithm>
#include <cstdlib>

#include "fuzz.h"
#include "python/runtime.h"
#include "tests/unit/python/runtime_image.h"

using namespace pyebpf;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t kMaxTableBytes = 4096;
    std::span<const uint8_t> bytes(data, size);
    const size_t table_bytes =
        std::min<size_t>({fuzz::take<uint16_t>(bytes), bytes.size(), kMaxTableBytes});
    const auto table = bytes.first(table_bytes);
    const auto code = bytes.subspan(table_bytes);
    python::RuntimeImage image;
    const uint64_t functions = image.add({code.begin(), code.end()});
    for (const char* name : {"_PyEval_EvalFrameDefault", "_PyThreadState_GetCurrent",
                             "PyInterpreterState_Head", "PyGILState_GetThisThreadState"}) {
        image.symbol(name, functions, code.size());
    }
    image.symbol("PyCode_Type", image.add_zeros(512), 512);
    image.symbol("_PyRuntime", image.add({table.begin(), table.end()}), table.size());
    image.tls(24);
    const auto file = image.build();
    // The table names its version itself; the hint is for images without one.
    const auto inspection = python::inspect(*file, "/usr/lib/libpython3.9.so.1.0");
    if (!inspection.runtime) return 0;
    // What the walker in the kernel relies on (bpf/abi/python_layout.h).
    const python_layout& layout = inspection.runtime->layout;
    if (layout.frame.first_read % 8 != 0 || layout.frame.read_bytes % 8 != 0 ||
        layout.frame.read_bytes >= 128 || layout.code.read_bytes > 256) {
        std::abort();
    }
    return 0;
}
