// SPDX-License-Identifier: Apache-2.0
#include "app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace pyebpf::app {

std::optional<size_t> terminal_columns() {
    constexpr long kMostColumns = 10'000;
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char* columns = std::getenv("COLUMNS");
    const long number = columns == nullptr ? 0 : std::strtol(columns, nullptr, 10);
    if (number <= 0 || number >= kMostColumns) return std::nullopt;
    return static_cast<size_t>(number);
}

bool wants_color(int fd) {
    return isatty(fd) != 0 && std::getenv("NO_COLOR") == nullptr;
}

}  // namespace pyebpf::app
