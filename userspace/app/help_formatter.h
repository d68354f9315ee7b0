// SPDX-License-Identifier: Apache-2.0
// The look of --help: "--pid PID[,PID…]" and "--kernel,--no-kernel", each default in brackets.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace pyebpf::app {

class HelpFormatter : public CLI::Formatter {
  public:
    HelpFormatter() { column_width(36); }

    std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
        std::string name = CLI::Formatter::make_option_name(option, is_positional);
        constexpr std::string_view kNegated = "{false}";  // the library's mark of a negative flag
        for (size_t at = name.find(kNegated); at != std::string::npos; at = name.find(kNegated))
            name.erase(at, kNegated.size());
        return name;
    }

    std::string make_option_opts(const CLI::Option* option) const override {
        if (option->get_type_size() == 0) return "";
        std::string text = " " + option->get_type_name();
        if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
        return text;
    }
};

}  // namespace pyebpf::app
