// SPDX-License-Identifier: Apache-2.0
#include "app/page_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

namespace pyebpf::app {

namespace {

constexpr size_t kTokenBytes = 16;
constexpr size_t kMaxRequestBytes = 16 * 1024;
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};  // with a client that is silent

Result<std::string> random_token() {
    std::array<uint8_t, kTokenBytes> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return fail_errno("make a random token", errno);
    std::string token;
    for (const uint8_t byte : bytes) token += fmt::format("{:02x}", byte);
    return token;
}

// The head of a request; empty if it is too long or does not end.
std::string read_head(int connection) {
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
        std::array<char, 2048> chunk{};
        const ssize_t got = recv(connection, chunk.data(), chunk.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || head.size() > kMaxRequestBytes) return {};
        head.append(chunk.data(), static_cast<size_t>(got));
    }
    return head;
}

void send_all(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<size_t>(sent));
    }
}

}  // namespace

Result<PageServer> PageServer::open(std::string page, uint16_t port) {
    auto token = random_token();
    if (!token) return tl::unexpected<Error>(token.error());
    UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener) return fail_errno("open a socket", errno);
    const int reuse = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    if (bind(listener.get(), raw, size) != 0 || listen(listener.get(), 8) != 0 ||
        getsockname(listener.get(), raw, &size) != 0) {
        return fail_errno(fmt::format("listen on 127.0.0.1:{}", port), errno);
    }
    return PageServer(std::move(listener), ntohs(address.sin_port), std::move(*token),
                      std::move(page));
}

std::string PageServer::url() const {
    return fmt::format("http://127.0.0.1:{}/{}/", port_, token_);
}

Result<void> PageServer::serve(int stop_fd) const {
    while (true) {
        std::array<pollfd, 2> events{pollfd{listener_.get(), POLLIN, 0},
                                     pollfd{stop_fd, POLLIN, 0}};
        if (poll(events.data(), events.size(), -1) < 0) {
            if (errno == EINTR) continue;
            return fail_errno("wait for a request", errno);
        }
        if (events[1].revents != 0) return {};
        const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) continue;
        setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
        setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
        answer(connection.get());
    }
}

void PageServer::answer(int connection) const {
    const std::string head = read_head(connection);
    if (head.empty()) return;
    const std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
    const bool is_get = line.starts_with(fmt::format("GET /{}/ HTTP/1.", token_));
    const bool is_head = line.starts_with(fmt::format("HEAD /{}/ HTTP/1.", token_));
    const bool is_found = is_get || is_head;
    const std::string_view body = is_found ? std::string_view(page_) : "not found\n";
    send_all(connection,
             fmt::format("HTTP/1.1 {}\r\nContent-Type: {}; charset=utf-8\r\nContent-Length: {}\r\n"
                         "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                         "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                         is_found ? "200 OK" : "404 Not Found",
                         is_found ? "text/html" : "text/plain", body.size()));
    if (!is_head) send_all(connection, body);
}

}  // namespace pyebpf::app
