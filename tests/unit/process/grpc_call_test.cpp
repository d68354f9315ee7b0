// SPDX-License-Identifier: Apache-2.0
#include "process/grpc_call.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace pyebpf::process {
namespace {

using namespace std::string_literals;

// The other end of the connection: takes one call, and answers as told.
class Server {
  public:
    // body: what is sent as data; empty: headers alone, as for a call that fails.
    explicit Server(std::string body) : body_(std::move(body)) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(
            callbacks,
            [](nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_bytes,
               const uint8_t* value, size_t value_bytes, uint8_t, void* self) -> int {
                static_cast<Server*>(self)->headers[text(name, name_bytes)] =
                    text(value, value_bytes);
                return 0;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            callbacks,
            [](nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t bytes,
               void* self) -> int {
                static_cast<Server*>(self)->request += text(data, bytes);
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) -> int {
                if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
                    frame->hd.type == NGHTTP2_DATA)
                    static_cast<Server*>(self)->answer(frame->hd.stream_id);
                return 0;
            });
        nghttp2_session_server_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
    }
    ~Server() { nghttp2_session_del(session_); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Everything the server sends to this client.
    std::string serve(std::string_view bytes) {
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
        EXPECT_EQ(nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                           bytes.size()),
                  static_cast<ssize_t>(bytes.size()));
        std::string sent;
        const uint8_t* part = nullptr;
        for (ssize_t got = 0; (got = nghttp2_session_mem_send(session_, &part)) > 0;)
            sent += text(part, static_cast<size_t>(got));
        return sent;
    }

    std::map<std::string, std::string> headers;
    std::string request;

  private:
    static std::string text(const uint8_t* bytes, size_t size) {
        return {reinterpret_cast<const char*>(bytes), size};
    }

    void answer(int32_t stream) {
        static uint8_t name[] = ":status", value[] = "200";
        const nghttp2_nv status{name, value, 7, 3, NGHTTP2_NV_FLAG_NONE};
        nghttp2_data_provider body{};
        body.source.ptr = this;
        body.read_callback = [](nghttp2_session*, int32_t, uint8_t* to, size_t room,
                                uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
            std::string& rest = static_cast<Server*>(source->ptr)->body_;
            const size_t bytes = std::min(room, rest.size());
            std::memcpy(to, rest.data(), bytes);
            rest.erase(0, bytes);
            if (rest.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
            return static_cast<ssize_t>(bytes);
        };
        nghttp2_submit_response(session_, stream, &status, 1, body_.empty() ? nullptr : &body);
    }

    nghttp2_session* session_ = nullptr;
    std::string body_;
};

// One byte at a time, as nobody sends it.
void feed(GrpcCall& call, std::string_view bytes) {
    for (const char& byte : bytes)
        if (!call.take({&byte, 1})) return;
}

TEST(GrpcCalls, SendAMessageAndReceiveOne) {
    GrpcCall call("/package.Service/Method", "question");
    Server server("\0\0\0\0\6answer"s);
    const std::string sent = server.serve(call.request());
    EXPECT_EQ(server.headers[":method"], "POST");
    EXPECT_EQ(server.headers[":path"], "/package.Service/Method");
    EXPECT_EQ(server.headers["content-type"], "application/grpc");
    EXPECT_EQ(server.headers["te"], "trailers");
    EXPECT_EQ(server.request, "\0\0\0\0\x08question"s);
    EXPECT_FALSE(call.answer());
    feed(call, sent);
    EXPECT_EQ(call.answer(), "answer");
}

TEST(GrpcCalls, TakeALargeAnswerInOneWindow) {
    const std::string message(3 << 20, 'x');
    GrpcCall call("/package.Service/Method", "");
    Server server("\0\0\x30\0\0"s + message);
    call.take(server.serve(call.request()));
    EXPECT_EQ(call.answer(), message);
}

TEST(GrpcCalls, ThatFailHaveNoAnswer) {
    for (const std::string& body :
         {""s, "\0\0\0"s, "\0\0\0\0\7answer"s, "\0\0\0\0\5answer"s, "\1\0\0\0\6answer"s,
          "\0\xff\xff\xff\xff"s + "answer", std::string(GrpcCall::kMaxAnswerBytes + 6, '\0')}) {
        GrpcCall call("/package.Service/Method", "");
        Server server(body);
        call.take(server.serve(call.request()));
        EXPECT_FALSE(call.answer()) << body.size();
    }
}

TEST(GrpcCalls, AreLeftUnfinishedByAServerThatEndsOrLies) {
    Server server("\0\0\0\0\6answer"s);
    const std::string sent = server.serve(GrpcCall("/package.Service/Method", "").request());
    for (size_t length = 0; length < sent.size(); ++length) {
        GrpcCall call("/package.Service/Method", "");
        feed(call, std::string_view(sent).substr(0, length));
        EXPECT_FALSE(call.answer()) << length;
    }
    for (size_t at = 0; at < sent.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = sent;
            damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
            GrpcCall call("/package.Service/Method", "");
            feed(call, damaged);
        }
    }
    GrpcCall call("/package.Service/Method", "");
    EXPECT_FALSE(call.take("HTTP/1.1 400 Bad Request\r\n\r\n"));
    EXPECT_FALSE(call.answer());
}

}  // namespace
}  // namespace pyebpf::process
