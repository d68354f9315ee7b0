// SPDX-License-Identifier: Apache-2.0
// "ffffffff81000000 T _stext\t[module]": kernel/kallsyms.c, s_show(). The letters are those of
// nm(1).
#include "symbolize/kernel_symbols.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <unordered_map>

#include "base/unique_fd.h"
#include "symbolize/symbol_rank.h"

namespace pyebpf::symbolize {
namespace {

// A kernel with every module loaded and all symbols has some 400,000 lines of 50 bytes.
constexpr size_t kMaxKallsymsBytes = size_t{256} << 20;
constexpr size_t kMaxModules = 65535;

// kallsyms does not tell sizes: a name reaches to the next symbol, but not across a hole. The
// largest functions, JIT-compiled BPF programs of a million instructions included, stay below.
constexpr uint64_t kMaxFunctionBytes = 8 << 20;

struct Line {
    uint64_t address = 0;
    char kind = 0;
    std::string_view name;
    std::string_view module;
};

bool parse_line(std::string_view text, Line& line) {
    const char* end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, line.address, 16);
    if (error != std::errc{} || end - after < 4 || after[0] != ' ' || after[2] != ' ') return false;
    line.kind = after[1];
    std::string_view rest(after + 3, static_cast<size_t>(end - after - 3));
    const size_t name_end = std::min(rest.find_first_of("\t "), rest.size());
    line.name = rest.substr(0, name_end);
    rest.remove_prefix(name_end);
    const size_t open = rest.find('[');
    const size_t close = rest.rfind(']');
    const bool has_module =
        open != std::string_view::npos && close != std::string_view::npos && open < close;
    line.module = has_module ? rest.substr(open + 1, close - open - 1) : std::string_view{};
    return !line.name.empty();
}

bool is_function(const Line& line) {
    if (line.kind != 't' && line.kind != 'T' && line.kind != 'w' && line.kind != 'W') return false;
    // Marks of the linker script, include/asm-generic/vmlinux.lds.h; those that end a part of the
    // text name nothing.
    return line.name != "_etext" && line.name != "_einittext" && !line.name.ends_with("_text_end");
}

}  // namespace

Result<KernelSymbols> KernelSymbols::load(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno("open " + path, errno);
    std::string text;
    size_t filled = 0;
    for (;;) {
        // The file has no size; the kernel gives out at most a page per read.
        if (text.size() - filled < 65536)
            text.resize(std::max<size_t>(text.size() * 2, size_t{8} << 20));
        const ssize_t count = ::read(fd.get(), text.data() + filled, text.size() - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_errno("read " + path, errno);
        if (count == 0) break;
        filled += static_cast<size_t>(count);
        if (filled > kMaxKallsymsBytes) return fail(path + ": larger than 256 MiB");
    }
    return parse(std::string_view(text).substr(0, filled));
}

KernelSymbols KernelSymbols::parse(std::string_view text) {
    KernelSymbols result;
    result.modules_.emplace_back();
    std::unordered_map<std::string_view, uint16_t> modules = {{{}, 0}};
    std::string_view last_module;
    uint16_t last_module_id = 0;
    bool has_address = false;

    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        Line line;
        const bool is_good = parse_line(text.substr(0, end), line);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!is_good || line.name.size() > UINT16_MAX || result.names_.size() > kMaxKallsymsBytes) {
            ++result.malformed_lines_;
            continue;
        }
        has_address |= line.address != 0;
        if (line.module != last_module) {  // the lines of a module stand together
            auto found = modules.find(line.module);
            if (found == modules.end()) {
                if (result.modules_.size() > kMaxModules) {
                    ++result.malformed_lines_;
                    continue;
                }
                found = modules.emplace(line.module, static_cast<uint16_t>(result.modules_.size()))
                            .first;
                result.modules_.emplace_back(line.module);
            }
            last_module = line.module;
            last_module_id = found->second;
        }
        Symbol symbol{.start = line.address,
                      .name = static_cast<uint32_t>(result.names_.size()),
                      .module = last_module_id};
        if (is_function(line)) {
            symbol.name_size = static_cast<uint16_t>(line.name.size());
            result.names_ += line.name;
        }
        result.symbols_.push_back(symbol);
    }
    if (!has_address) {
        result.is_hidden_ = !result.symbols_.empty();
        result.symbols_.clear();
        result.names_.clear();
    }

    std::sort(result.symbols_.begin(), result.symbols_.end(),
              [&](const Symbol& a, const Symbol& b) {
                  if (a.start != b.start) return a.start < b.start;
                  if ((a.name_size > 0) != (b.name_size > 0)) return a.name_size > 0;
                  return is_better_name(result.name_of(a), result.name_of(b));
              });
    const auto last =
        std::unique(result.symbols_.begin(), result.symbols_.end(),
                    [](const Symbol& a, const Symbol& b) { return a.start == b.start; });
    result.symbols_.erase(last, result.symbols_.end());
    result.symbols_.shrink_to_fit();
    result.names_.shrink_to_fit();
    return result;
}

Named<KernelSymbol> KernelSymbols::lookup(uint64_t address) const {
    if (is_hidden_) return no_name(NoName::kKernelHidden);
    const auto after =
        std::upper_bound(symbols_.begin(), symbols_.end(), address,
                         [](uint64_t value, const Symbol& symbol) { return value < symbol.start; });
    if (after == symbols_.begin()) return no_name(NoName::kOutsideKernel);
    const Symbol& symbol = *(after - 1);
    if (symbol.name_size == 0 || address - symbol.start >= kMaxFunctionBytes) {
        return no_name(NoName::kOutsideKernel);
    }
    return KernelSymbol{name_of(symbol), modules_[symbol.module], symbol.start};
}

size_t KernelSymbols::memory_bytes() const {
    return symbols_.capacity() * sizeof(Symbol) + names_.capacity();
}

}  // namespace pyebpf::symbolize
