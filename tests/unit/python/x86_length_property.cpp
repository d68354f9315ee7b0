// SPDX-License-Identifier: Apache-2.0
// Reads `objdump -d -w` on stdin and compares the length of every instruction, and the target of
// every direct jump, with ours. Prints the share; exits with 1 on any difference. What objdump
// cannot decode itself ("(bad)") is counted apart.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "python/x86_decode.h"

namespace {

using pyebpf::python::decode_x86;

struct Line {
    uint64_t address = 0;
    std::vector<uint8_t> bytes;
    std::string text;
};

// "  4025c0:\t48 8d 3d 01 00 00 00 \tlea    0x1(%rip),%rdi"
bool parse(const std::string& line, Line& out) {
    const size_t colon = line.find(":\t");
    if (colon == std::string::npos) return false;
    char* end = nullptr;
    out.address = std::strtoull(line.c_str(), &end, 16);
    if (end != line.c_str() + colon) return false;
    const size_t tab = line.find('\t', colon + 2);
    const std::string hex = line.substr(colon + 2, tab - colon - 2);
    out.text = tab == std::string::npos ? "" : line.substr(tab + 1);
    out.bytes.clear();
    for (size_t i = 0; i + 1 < hex.size() && hex[i] != ' '; i += 3) {
        out.bytes.push_back(
            static_cast<uint8_t>(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16)));
    }
    return !out.bytes.empty() && !out.text.empty();
}

// "jne    402600 <name>" names its target; nothing else that matters here starts with j.
bool target_agrees(const Line& line, const pyebpf::python::X86Instruction& instruction) {
    if (line.text[0] != 'j' || !instruction.target(line.address)) return true;
    const size_t space = line.text.find(' ');
    return std::strtoull(line.text.c_str() + space, nullptr, 16) ==
           *instruction.target(line.address);
}

}  // namespace

int main() {
    uint64_t instructions = 0, equal = 0, undecodable = 0;
    std::string text;
    Line line;
    while (std::getline(std::cin, text)) {
        if (!parse(text, line)) continue;
        if (line.text.find("(bad)") != std::string::npos) {
            ++undecodable;
            continue;
        }
        ++instructions;
        // With what follows missing, an instruction that is taken for a longer one does not decode.
        const auto instruction = decode_x86(line.bytes);
        if (instruction && instruction->length == line.bytes.size() &&
            target_agrees(line, *instruction)) {
            ++equal;
        } else if (instructions - equal <= 20) {
            std::printf("differs (%d): %s\n", instruction ? instruction->length : -1, text.c_str());
        }
    }
    std::printf(
        "%" PRIu64 " of %" PRIu64 " instructions equal (%.5f %%), %" PRIu64
        " not known to objdump\n",
        equal, instructions,
        instructions ? 100.0 * static_cast<double>(equal) / static_cast<double>(instructions) : 0.0,
        undecodable);
    return instructions > 0 && equal == instructions ? 0 : 1;
}
