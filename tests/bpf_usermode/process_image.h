// SPDX-License-Identifier: Apache-2.0
// A process image: what a walk of one thread of a real interpreter read, and what it has to find.
// Recorded by record_process_image, kept as text in tests/data/images:
//
//   pyebpf process image 1
//   python 3.12.1
//   thread_pointer 7f0c2b5d2740                 numbers are hexadecimal
//   process.sources 5                           fields of python_process and python_layout that are
//   not 0 layout.frame.code 0 frame 12 Outer.method                       line (decimal) and name,
//   leaf first, as the target itself reported them region 7f0c2b000000 4096 readable memory:
//   address, bytes (decimal) word 7f0c2b000010 55d0c0ffee00              8 bytes of it that are not
//   0
//
// Bytes that the walk does not depend on are 0: nothing else of the process's memory is in the
// file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/bpf_usermode/surroundings.h"
#include "walkers/walkers.h"

namespace pyebpf::test {

struct ImageFrame {
    std::string name;
    int32_t line = 0;
    bool operator==(const ImageFrame&) const = default;
};

struct ProcessImage {
    std::string python;  // version
    python_thread thread{};
    std::vector<ImageFrame> frames;  // leaf first
    ImageMemory memory;
};

[[nodiscard]] std::string to_text(const ProcessImage& image);
[[nodiscard]] Result<ProcessImage> parse_process_image(std::string_view text);

}  // namespace pyebpf::test
