// SPDX-License-Identifier: Apache-2.0
// PageServer: one page for one person, over HTTP on the loopback interface.
//
// The address has a random token in its path, so that other users of the machine and other pages
// of the browser cannot guess it; everything else is answered with 404. One request at a time,
// each bounded in size and time.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace pyebpf::app {

class PageServer {
  public:
    // port 0: any that is free.
    static Result<PageServer> open(std::string page, uint16_t port);

    [[nodiscard]] std::string url() const;
    // Answers requests until stop_fd is readable.
    Result<void> serve(int stop_fd) const;

  private:
    PageServer(UniqueFd listener, uint16_t port, std::string token, std::string page)
        : listener_(std::move(listener)),
          port_(port),
          token_(std::move(token)),
          page_(std::move(page)) {}
    void answer(int connection) const;

    UniqueFd listener_;
    uint16_t port_;
    std::string token_;
    std::string page_;
};

}  // namespace pyebpf::app
