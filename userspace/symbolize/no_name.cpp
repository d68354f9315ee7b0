// SPDX-License-Identifier: Apache-2.0
#include "symbolize/no_name.h"

#include "base/result.h"

namespace pyebpf::symbolize {
namespace {

std::string_view last_component(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string describe(NoName reason, std::string_view file) {
    const std::string_view base = last_component(file);
    const std::string in_file = base.empty() ? "" : " in " + std::string(base);
    const std::string file_prefix = base.empty() ? "file" : std::string(base);
    switch (reason) {
        case NoName::kNoSymbols:
            return "no symbols" + in_file;
        case NoName::kOutsideSymbols:
            return "no symbol here" + in_file;
        case NoName::kNotMapped:
            return "not mapped";
        case NoName::kNotExecutable:
            return "not code" + in_file;
        case NoName::kFileReplaced:
            return file_prefix + " replaced on disk";
        case NoName::kFileUnreadable:
            return file_prefix + " not readable";
        case NoName::kNotElf:
            return file_prefix + " is not a 64-bit ELF file";
        case NoName::kJitWithoutMap:
            return "jit code without a perf map";
        case NoName::kOutsideJitMap:
            return "jit code outside its perf map";
        case NoName::kKernelHidden:
            return "kernel addresses hidden";
        case NoName::kOutsideKernel:
            return "outside the kernel's symbols";
        case NoName::kProcessGone:
            return "process gone";
    }
    PYEBPF_CHECK(!"a NoName that does not exist");
    return {};
}

std::string unknown_name(NoName reason, std::string_view file) {
    return "[unknown: " + describe(reason, file) + "]";
}

}  // namespace pyebpf::symbolize
