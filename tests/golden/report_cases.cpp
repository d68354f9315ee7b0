// SPDX-License-Identifier: Apache-2.0
#include "report_cases.h"

#include <optional>

#include "report/call_tree.h"
#include "report/flat.h"
#include "report/source_lines.h"
#include "synthetic_profile.h"

namespace pyebpf::report::test {

namespace {

using Case = std::function<Result<void>(Sink&)>;
using Direction = TreeOptions::Direction;

// As the command does for several processes.
constexpr output::FormatOptions kProcesses{.per_process = true};

Case tree(const TreeOptions& options, output::FormatOptions roots,
          std::optional<ViewOptions> view) {
    return [=](Sink& sink) -> Result<void> {
        const auto profile = output::test::small_profile();
        const StackAmounts amounts(profile, roots);
        const auto made = CallTree::make(amounts, options);
        if (!made) return tl::unexpected<Error>(made.error());
        sink.write(view ? made->text(*view) : made->json());
        return {};
    };
}

Case flat(FlatOptions::Key key, bool is_json) {
    return [=](Sink& sink) -> Result<void> {
        const auto profile = output::test::small_profile();
        const StackAmounts amounts(profile, {});
        const FlatTable table(amounts, {.key = key, .top = 8});
        sink.write(is_json ? table.json() : table.text({}));
        return {};
    };
}

Case lines(std::string pattern, bool is_json) {
    return [=](Sink& sink) -> Result<void> {
        auto profile = output::test::small_profile();
        std::string source = "# loaders of training data\n";
        for (int line = 2; line < 17; ++line) source += "\n";
        source +=
            "class Loader:\n"
            "    def __next__(self):\n"
            "        if self.position == len(self.files):\n"
            "            raise StopIteration\n"
            "        name = self.files[self.position]\n"
            "        self.position += 1\n"
            "        # Files of a shared folder may appear late.\n"
            "        wait_for(name)\n"
            "        with open(name, 'rb') as file:\n"
            "            batch = numpy.fromfile(file, dtype=self.dtype, count=self.batch_size * self.features)\n"
            "        return batch\n"
            "\n"
            "    def close(self):\n"
            "        pass\n";
        profile.source_texts[profile.strings.intern("/home/ada/loader.py")] = source;
        const StackAmounts amounts(profile, {});
        const auto made = SourceLines::make(amounts, pattern, [](std::string_view) {
            return std::optional<std::string>();
        });
        if (!made) return tl::unexpected<Error>(made.error());
        sink.write(is_json ? made->json() : made->text({.width = 80}));
        return {};
    };
}

}  // namespace

std::map<std::string, Case> report_cases() {
    using Key = FlatOptions::Key;
    const TreeOptions callers{.direction = Direction::kCallers, .function = "dgemm_kernel_HASWELL"};
    const TreeOptions callees{.direction = Direction::kCallees, .function = "Model.fit"};
    return {
        {"report_tree", tree({}, kProcesses, ViewOptions{})},
        {"report_tree_all", tree({.all_frames = true, .min_share_percent = 5}, {}, ViewOptions{})},
        {"report_tree_narrow", tree({}, kProcesses, ViewOptions{.width = 50})},
        {"report_tree_color", tree({.max_depth = 6}, kProcesses, ViewOptions{.color = true})},
        {"report_tree_json", tree({}, kProcesses, std::nullopt)},
        {"report_callers", tree(callers, {}, ViewOptions{})},
        {"report_callees", tree(callees, {}, ViewOptions{})},
        {"report_functions", flat(Key::kFunction, false)},
        {"report_functions_json", flat(Key::kFunction, true)},
        {"report_modules", flat(Key::kModule, false)},
        {"report_threads", flat(Key::kThread, false)},
        {"report_lines", lines("loader.py", false)},
        {"report_lines_function", lines("Loader.__next__", false)},
        {"report_lines_json", lines("loader.py", true)},
        {"report_lines_unknown", lines("basket.py", false)},
    };
}

}  // namespace pyebpf::report::test
