// SPDX-License-Identifier: Apache-2.0
// The writers behind report_formats(), one a format.
#pragma once

#include "compare/report.h"

namespace pyebpf::compare {

void write_text(const Report& report, Sink& sink);
void write_json(const Report& report, Sink& sink);
void write_markdown(const Report& report, Sink& sink);
void write_annotations(const Report& report, Sink& sink);
void write_junit(const Report& report, Sink& sink);
void write_openmetrics(const Report& report, Sink& sink);
void write_code_quality(const Report& report, Sink& sink);
void write_bencher(const Report& report, Sink& sink);

}  // namespace pyebpf::compare
