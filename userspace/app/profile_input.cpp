// SPDX-License-Identifier: Apache-2.0
#include "app/profile_input.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "profile/combine.h"
#include "record/reader.h"

namespace pyebpf::app {

namespace {

constexpr const char* kDefaultFile = "profile.pyebpf";  // as `record` writes it

// "A,B" in seconds; either may be empty.
bool parse_time(std::string_view text, profile::Filter& filter) {
    const size_t comma = text.find(',');
    if (comma == std::string_view::npos) return false;
    const auto parse = [](std::string_view number, double& into) {
        if (number.empty()) return true;
        const char* end = number.data() + number.size();
        const auto [stopped, error] = std::from_chars(number.data(), end, into);
        return error == std::errc{} && stopped == end && std::isfinite(into) && into >= 0;
    };
    return parse(text.substr(0, comma), filter.from_seconds) &&
           parse(text.substr(comma + 1), filter.to_seconds) &&
           filter.from_seconds < filter.to_seconds;
}

}  // namespace

void ProfileInput::add_to(CLI::App& command) {
    command
        .add_option("file", files_, "Recordings; several are put together; - is stdin")
        ->type_name("FILE…")
        ->default_str(kDefaultFile);
    constexpr const char* kFilters = "Filters";
    const auto add_names = [&](const char* option, std::vector<std::string>& names,
                               const char* type, const char* help) {
        command.add_option(option, names, help)->type_name(type)->delimiter(',')->group(kFilters);
    };
    command
        .add_option("--time", time_,
                    "From second A to second B of the recording; either may be left out")
        ->type_name("A,B")
        ->group(kFilters);
    command.add_option("-p,--pid", names_.pids, "Processes by number")
        ->type_name("PID[,PID…]")
        ->delimiter(',')
        ->group(kFilters);
    add_names("--process", names_.processes, "NAME", "Processes by name; * and ? are wildcards here and below");
    add_names("--thread", names_.threads, "NAME|TID", "Threads");
    add_names("--container", names_.containers, "NAME|ID", "Containers, pods or systemd units");
    add_names("--event", names_.events, "NAME", "Samples of an event source");
    command
        .add_option("--function", names_.functions,
                    "Samples with this function in their stacks: its qualified name or the last part of it")
        ->type_name("NAME")
        ->group(kFilters);
    add_names("--module", names_.modules, "NAME",
              "Samples with this module or source file in their stacks: a path or a part of it");
    command.add_option("--only", only_, "Only frames of this kind, and the samples that have one")
        ->type_name("python|native|kernel")
        ->group(kFilters);
}

Result<profile::Filter> ProfileInput::filter() const {
    profile::Filter filter = names_;
    if (!time_.empty() && !parse_time(time_, filter)) {
        return fail(fmt::format("--time {} is no range", time_),
                    "give two numbers of seconds with a comma between them, such as 2,3.5",
                    kExitUsage);
    }
    using Only = profile::Filter::Only;
    if (only_ == "python") {
        filter.only = Only::kPython;
    } else if (only_ == "native") {
        filter.only = Only::kNative;
    } else if (only_ == "kernel") {
        filter.only = Only::kKernel;
    } else if (!only_.empty()) {
        return fail(fmt::format("--only {} is not known", only_), "give python, native or kernel",
                    kExitUsage);
    }
    return filter;
}

Result<profile::Profile> ProfileInput::read() const {
    const auto wanted = filter();
    if (!wanted) return tl::unexpected<Error>(wanted.error());
    std::vector<profile::Profile> profiles;
    const std::vector<std::string> files =
        files_.empty() ? std::vector<std::string>{kDefaultFile} : files_;
    for (const std::string& file : files) {
        auto profile = record::read(file);
        if (!profile) return tl::unexpected<Error>(profile.error());
        if (profile->is_cut)
            log::warning(file + " was not ended: what came after the last flush is missing");
        profiles.push_back(std::move(*profile));
    }
    auto together = profile::combined(std::move(profiles));
    if (!together) return together;
    profile::Profile part = profile::filtered(std::move(*together), *wanted);
    if (part.samples.empty() && *wanted != profile::Filter{})
        log::warning("no sample passes the filters");
    return part;
}

}  // namespace pyebpf::app
