// SPDX-License-Identifier: Apache-2.0
#include "output/html.h"

#include <array>

#include "output/page.h"
#include "output/page_data.h"

namespace pyebpf::output {

namespace {

Result<void> check_page() {
    if (!kPageBeforeData.empty()) return {};
    return fail("this build of pyebpf cannot write HTML: npm was not there to bundle the page",
                "install nodejs and npm, configure and build again; or choose another format, such "
                "as collapsed");
}

Result<void> write_html(const profile::Profile& profile, const FormatOptions& options, Sink& sink) {
    if (auto usable = check_page(); !usable) return usable;
    sink.write(kPageBeforeData);
    write_page_data(profile, options, sink);
    sink.write(kPageAfterData);
    return {};
}

constexpr std::array<std::string_view, 2> kExtensions{".html", ".htm"};

}  // namespace

constinit const Format kHtml{
    .name = "html",
    .extensions = kExtensions,
    .description =
        "interactive flame graph in one file: zoom, search, filters, quality of the recording",
    .write = write_html,
    .check = check_page,
};

}  // namespace pyebpf::output
