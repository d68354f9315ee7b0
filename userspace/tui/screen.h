// SPDX-License-Identifier: Apache-2.0
// The terminal, by ncurses: takes it over for as long as the object lives, and gives it back.
#pragma once

#include <vector>

#include "base/result.h"
#include "tui/frame.h"

namespace pyebpf::tui {

class Screen {
  public:
    // Fails where stdin or stdout is no terminal, or of a kind that is not known. Colors only if
    // the terminal has them, and NO_COLOR is not set.
    [[nodiscard]] static Result<Screen> open();
    Screen(Screen&& other) noexcept;
    Screen& operator=(Screen&&) = delete;
    ~Screen();

    void show(const std::vector<Line>& lines);
    [[nodiscard]] Size size() const;
    // The next key, kKeyNone if none came.
    [[nodiscard]] int read_key();

  private:
    explicit Screen(bool has_colors) : is_open_(true), has_colors_(has_colors) {}
    bool is_open_;
    bool has_colors_;
};

}  // namespace pyebpf::tui
