// SPDX-License-Identifier: Apache-2.0
// One call of a gRPC method, as the bytes to send and the bytes that come back; the connection is
// the caller's. (gRPC over HTTP/2: github.com/grpc/grpc doc/PROTOCOL-HTTP2.md; RFC 9113.)
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace pyebpf::process {

class GrpcCall {
  public:
    // Longer answers are not taken.
    static constexpr size_t kMaxAnswerBytes = 4 << 20;

    // method: "/PACKAGE.SERVICE/METHOD". message: the request, in protobuf.
    GrpcCall(std::string_view method, std::string_view message);
    ~GrpcCall();
    GrpcCall(const GrpcCall&) = delete;
    GrpcCall& operator=(const GrpcCall&) = delete;

    // Everything there is to send, at once: a server answers without being acknowledged.
    [[nodiscard]] const std::string& request() const { return request_; }

    // Takes the next part of what the server sends. False: no more is wanted, because the call has
    // ended or the server does not keep to the protocol.
    bool take(std::string_view part);

    // The message that was answered; nullopt before it is whole, and if the call failed.
    [[nodiscard]] std::optional<std::string_view> answer() const;

  private:
    struct DeleteSession {
        void operator()(nghttp2_session* session) const;
    };

    void write_request(std::string_view method);

    std::unique_ptr<nghttp2_session, DeleteSession> session_;
    std::string to_send_;  // of the body
    std::string request_;
    std::string received_;  // of the body
    bool has_ended_ = false;
};

}  // namespace pyebpf::process
