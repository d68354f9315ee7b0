// SPDX-License-Identifier: Apache-2.0
#include "process/runtime_sockets.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "process/cri.h"
#include "process/grpc_call.h"
#include "sys/clock.h"

namespace pyebpf::process {

namespace {

constexpr size_t kMaxAnswerBytes = 4 << 20;
constexpr uint64_t kTimeoutNs = 500'000'000;  // of a whole request
constexpr timeval kStepTimeout{.tv_sec = 0, .tv_usec = 200'000};

UniqueFd connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return {};
    std::memcpy(address.sun_path, path.c_str(), path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return {};
    setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kStepTimeout, sizeof(kStepTimeout));
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kStepTimeout, sizeof(kStepTimeout));
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return {};
    return socket;
}

// Sends the request, and hands what comes back to `take`, part by part, until that returns false or
// the peer closes. False if the connection fails or the time is over.
template <typename Take>
bool exchange(const std::string& socket_path, std::string_view request, Take take) {
    const UniqueFd socket = connect_to(socket_path);
    if (!socket) return false;
    if (send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        return false;
    const uint64_t start = sys::monotonic_ns();
    std::array<char, 16384> part{};
    while (sys::monotonic_ns() - start <= kTimeoutNs) {
        const ssize_t got = recv(socket.get(), part.data(), part.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0 || !take(std::string_view(part.data(), static_cast<size_t>(got)))) return true;
    }
    return false;
}

}  // namespace

std::optional<std::string> ask_engine(const std::string& socket_path, std::string_view id) {
    // HTTP/1.0 (RFC 1945): the answer ends with the connection and is not chunked.
    const std::string request =
        fmt::format("GET /containers/{}/json HTTP/1.0\r\nHost: localhost\r\n\r\n", id);
    std::string answer;
    const bool is_whole = exchange(socket_path, request, [&](std::string_view part) {
        answer += part;
        return answer.size() <= kMaxAnswerBytes;
    });
    if (!is_whole || answer.size() > kMaxAnswerBytes) return std::nullopt;
    const size_t body = answer.find("\r\n\r\n");
    const size_t status = answer.find(' ');
    if (body == std::string::npos || status > body || answer.compare(status, 5, " 200 ") != 0)
        return std::nullopt;
    return answer.substr(body + 4);
}

std::optional<std::string> ask_cri(const std::string& socket_path, std::string_view id) {
    GrpcCall call(kCriListContainers, cri_list_request(id));
    if (!exchange(socket_path, call.request(), [&](auto part) { return call.take(part); }))
        return std::nullopt;
    const auto answer = call.answer();
    return answer ? std::optional<std::string>(*answer) : std::nullopt;
}

}  // namespace pyebpf::process
