// SPDX-License-Identifier: Apache-2.0
#include "output/html.h"

#include <array>

#include "output/deflate_base64.h"
#include "output/differential_page.h"
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

// The page around the data that `write_data` writes.
template <class WriteData>
Result<void> write_page(Sink& sink, WriteData write_data) {
    if (auto usable = check_page(); !usable) return usable;
    sink.write(kPageBeforeData);
    DeflateBase64Sink data(sink);
    write_data(data);
    if (auto finished = data.finish(); !finished) return finished;
    sink.write(kPageAfterData);
    return {};
}

Result<void> write_html(const profile::Profile& profile, const FormatOptions& options, Sink& sink) {
    return write_page(sink, [&](Sink& data) { write_page_data(profile, options, data); });
}

constexpr std::array<std::string_view, 2> kHtmlExtensions{".html", ".htm"};

}  // namespace

Result<void> write_differential_page(const profile::Profile& base, const profile::Profile& head,
                                     const Difference& difference, const FormatOptions& options,
                                     Sink& sink) {
    return write_page(sink, [&](Sink& data) {
        write_differential_page_data(base, head, difference, options, data);
    });
}

constinit const Format kHtml{
    .name = "html",
    .extensions = kHtmlExtensions,
    .description = "report in one file for any browser: flame graph, timeline, tables, sources",
    .write = write_html,
    .check = check_page,
};

}  // namespace pyebpf::output
