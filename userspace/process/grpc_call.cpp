// SPDX-License-Identifier: Apache-2.0
#include "process/grpc_call.h"

#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace pyebpf::process {

namespace {

// Before each message: whether it is compressed, and its length, big-endian.
constexpr size_t kPrefixBytes = 5;

std::string with_prefix(std::string_view message) {
    std::string framed(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8)
        framed += static_cast<char>(message.size() >> shift & 0xff);
    return framed.append(message);
}

nghttp2_nv header(std::string_view name, std::string_view value) {
    // The library only reads them.
    const auto bytes = [](std::string_view text) {
        return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

void GrpcCall::DeleteSession::operator()(nghttp2_session* session) const {
    nghttp2_session_del(session);
}

GrpcCall::GrpcCall(std::string_view method, std::string_view message)
    : to_send_(with_prefix(message)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) return;
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t bytes,
           void* self) -> int {
            std::string& received = static_cast<GrpcCall*>(self)->received_;
            if (bytes > kPrefixBytes + kMaxAnswerBytes - received.size())
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            received.append(reinterpret_cast<const char*>(data), bytes);
            return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t, uint32_t, void* self) -> int {
            static_cast<GrpcCall*>(self)->has_ended_ = true;
            return 0;
        });
    nghttp2_session* session = nullptr;
    if (nghttp2_session_client_new(&session, callbacks, this) == 0) session_.reset(session);
    nghttp2_session_callbacks_del(callbacks);
    if (session_) write_request(method);
}

GrpcCall::~GrpcCall() = default;

void GrpcCall::write_request(std::string_view method) {
    // No window is ever opened further: the first has room for the whole answer.
    constexpr auto kWindowBytes = static_cast<int32_t>(kPrefixBytes + kMaxAnswerBytes);
    const std::array settings{
        nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes}};
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, kWindowBytes);
    const std::array headers{header(":method", "POST"), header(":scheme", "http"),
                             header(":path", method),   header(":authority", "localhost"),
                             header("te", "trailers"),  header("content-type", "application/grpc")};
    nghttp2_data_provider body{};
    body.source.ptr = this;
    body.read_callback = [](nghttp2_session*, int32_t, uint8_t* to, size_t room, uint32_t* flags,
                            nghttp2_data_source* source, void*) -> ssize_t {
        std::string& rest = static_cast<GrpcCall*>(source->ptr)->to_send_;
        const size_t bytes = std::min(room, rest.size());
        std::memcpy(to, rest.data(), bytes);
        rest.erase(0, bytes);
        if (rest.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(bytes);
    };
    nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(), &body, nullptr);
    const uint8_t* part = nullptr;
    for (ssize_t bytes = 0; (bytes = nghttp2_session_mem_send(session_.get(), &part)) > 0;)
        request_.append(reinterpret_cast<const char*>(part), static_cast<size_t>(bytes));
}

bool GrpcCall::take(std::string_view part) {
    if (!session_ || has_ended_) return false;
    const ssize_t taken = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const uint8_t*>(part.data()), part.size());
    if (taken != static_cast<ssize_t>(part.size()) || has_ended_) return false;
    // Acknowledgements, which the server can do without, and the farewell after an error.
    const uint8_t* unsent = nullptr;
    while (nghttp2_session_mem_send(session_.get(), &unsent) > 0) {
    }
    return nghttp2_session_want_read(session_.get()) != 0;
}

std::optional<std::string_view> GrpcCall::answer() const {
    // Nobody allowed the server to compress.
    if (!has_ended_ || received_.size() < kPrefixBytes || received_.front() != '\0')
        return std::nullopt;
    size_t length = 0;
    for (size_t i = 1; i < kPrefixBytes; ++i)
        length = length << 8 | static_cast<uint8_t>(received_[i]);
    if (length != received_.size() - kPrefixBytes) return std::nullopt;
    return std::string_view(received_).substr(kPrefixBytes);
}

}  // namespace pyebpf::process
