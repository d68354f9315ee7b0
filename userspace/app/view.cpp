// SPDX-License-Identifier: Apache-2.0
// pyebpf view: the HTML report of recordings in the browser.
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "app/command.h"
#include "app/page_server.h"
#include "app/profile_input.h"
#include "base/log.h"
#include "base/sink.h"
#include "base/unique_fd.h"
#include "output/format.h"

namespace pyebpf::app {

namespace {

bool has_display() {
    for (const char* name : {"WAYLAND_DISPLAY", "DISPLAY"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && value[0] != '\0') return true;
    }
    return false;
}

// Nobody waits for it: xdg-open may become the browser itself.
void open_browser(const std::string& url) {
    const pid_t child = fork();
    if (child != 0) return;
    execlp("xdg-open", "xdg-open", url.c_str(), nullptr);
    log::warning("xdg-open could not be started: open the address yourself");
    _exit(kExitNotFound);
}

class ViewCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    Result<std::string> page() const;

    ProfileInput input_;
    output::FormatOptions options_;
    uint16_t port_ = 0;
    bool browser_ = true;
};

CLI::App* ViewCommand::add_to(CLI::App& app) {
    CLI::App* view = app.add_subcommand("view", "Look at recordings in the browser");
    view->footer(
        "The page is served on the loopback interface, under an address that cannot be guessed, until\n"
        "Ctrl-C. Without a display only the address is printed: from another machine, forward its port\n"
        "(ssh -L PORT:127.0.0.1:PORT HOST).\n"
        "Example:\n"
        "  pyebpf view run.pyebpf");
    input_.add_to(*view);
    view->add_option("--port", port_, "Port to serve on; 0: any that is free")
        ->type_name("PORT")
        ->capture_default_str();
    view->add_flag("--browser,!--no-browser", browser_,
                   "Open the browser if there is a display (default: yes)");
    return view;
}

Result<std::string> ViewCommand::page() const {
    const auto format = output::choose_format("html", "");
    if (!format) return tl::unexpected(format.error());
    const auto profile = input_.read();
    if (!profile) return tl::unexpected(profile.error());
    StringSink sink;
    if (auto written = (*format)->write(*profile, options_, sink); !written)
        return tl::unexpected(written.error());
    return sink.text();
}

Result<int> ViewCommand::run() {
    auto html = page();
    if (!html) return tl::unexpected(html.error());
    const auto server = PageServer::open(std::move(*html), port_);
    if (!server) return tl::unexpected(server.error());

    std::printf("%s\n", server->url().c_str());
    std::fflush(stdout);
    if (browser_ && has_display()) open_browser(server->url());

    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigprocmask(SIG_BLOCK, &stops, nullptr);
    const UniqueFd stop(signalfd(-1, &stops, SFD_CLOEXEC));
    if (!stop) return fail_errno("wait for signals", errno);

    log::info("serving the report until Ctrl-C");
    if (auto served = server->serve(stop.get()); !served) return tl::unexpected(served.error());
    return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_view_command() {
    return std::make_unique<ViewCommand>();
}

}  // namespace pyebpf::app
