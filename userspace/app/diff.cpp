// SPDX-License-Identifier: Apache-2.0
// pyebpf diff: what differs between recordings.
#include <fmt/format.h>

#include "app/command.h"
#include "app/comparison_options.h"

namespace pyebpf::app {

namespace {

class DiffCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override {
        CLI::App* diff = app.add_subcommand("diff", "Compare recordings of two sides");
        diff->footer(
            "Several runs a side tell noise from difference; one run a side only describes.\n"
            "Examples:\n"
            "  pyebpf diff before.pyebpf after.pyebpf\n"
            "  pyebpf diff before.pyebpf after.pyebpf -o diff.html\n"
            "  pyebpf diff base-*.pyebpf -- head-*.pyebpf\n"
            "  pyebpf diff --report markdown=comment.md base.pyebpf head.pyebpf");
        diff->add_option("base", base_, "Recordings (*.pyebpf) of the base")
            ->type_name("BASE…")
            ->required();
        // `--` on the command line becomes this option (main.cpp).
        diff->add_option("--head", head_, "Recordings of the head, as after --")
            ->type_name("FILE…")
            ->expected(1, -1);
        options_.add_to(*diff);
        return diff;
    }

    Result<int> run() override {
        if (head_.empty() && base_.size() == 2) {
            head_ = {base_.back()};
            base_.pop_back();
        }
        if (head_.empty()) {
            return fail("diff needs recordings of two sides",
                        "pyebpf diff BASE HEAD, or BASE… -- HEAD…", kExitUsage);
        }
        if (auto valid = options_.validate(); !valid) return tl::unexpected(valid.error());
        ComparisonOptions::Input input{
            .title = "pyebpf diff", .base_name = side_name(base_), .head_name = side_name(head_)};
        for (const auto& [paths, side] :
             {std::pair(&base_, &input.base), std::pair(&head_, &input.head)}) {
            auto profiles = read_recordings(*paths, options_.work());
            if (!profiles) return tl::unexpected(profiles.error());
            *side = std::move(*profiles);
        }
        if (auto verdict = options_.conclude(input); !verdict)
            return tl::unexpected(verdict.error());
        return kExitOk;
    }

  private:
    static std::string side_name(const std::vector<std::string>& paths) {
        return paths.size() == 1 ? paths.front()
                                 : fmt::format("{} and {} more", paths.front(), paths.size() - 1);
    }

    std::vector<std::string> base_;
    std::vector<std::string> head_;
    ComparisonOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_diff_command() {
    return std::make_unique<DiffCommand>();
}

}  // namespace pyebpf::app
