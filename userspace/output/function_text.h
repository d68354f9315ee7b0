// SPDX-License-Identifier: Apache-2.0
// Functions and numbers as the terminal shows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "profile/profile.h"

namespace pyebpf::output {

// Select Graphic Rendition of ECMA-48; nothing if colors are off.
class Style {
  public:
    explicit Style(bool color) : color_(color) {}
    [[nodiscard]] std::string bold(std::string_view text) const { return wrap("1", text); }
    [[nodiscard]] std::string dim(std::string_view text) const { return wrap("2", text); }
    [[nodiscard]] std::string warning(std::string_view text) const { return wrap("33", text); }
    [[nodiscard]] std::string python(std::string_view text) const { return wrap("33", text); }
    [[nodiscard]] std::string kernel(std::string_view text) const { return wrap("35", text); }
    [[nodiscard]] std::string native(std::string_view text) const { return wrap("34", text); }

  private:
    [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const;
    bool color_;
};

// "1,234,567"
[[nodiscard]] std::string grouped(uint64_t value);

// "function" and "(file:line)" or "(module)", together within `width`: the directory goes first,
// then the middle of the name.
[[nodiscard]] std::string function_text(const profile::Profile& profile,
                                        const profile::Frame& function, size_t width,
                                        const Style& style);

}  // namespace pyebpf::output
