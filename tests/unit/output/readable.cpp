// SPDX-License-Identifier: Apache-2.0
#include "readable.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/result.h"
#include "base/pbf_reader.h"

namespace pyebpf::output::test {

namespace {

std::string unpacked(const std::string& bytes) {
    z_stream stream{};
    constexpr int kGzip = 15 + 16;
    PYEBPF_CHECK(inflateInit2(&stream, kGzip) == Z_OK);
    std::string input = bytes;
    stream.next_in = reinterpret_cast<unsigned char*>(input.data());
    stream.avail_in = static_cast<unsigned>(input.size());
    std::string result;
    int status = Z_OK;
    while (status == Z_OK) {
        std::string part(64 * 1024, '\0');
        stream.next_out = reinterpret_cast<unsigned char*>(part.data());
        stream.avail_out = static_cast<unsigned>(part.size());
        status = inflate(&stream, Z_NO_FLUSH);
        result.append(part, 0, part.size() - stream.avail_out);
    }
    PYEBPF_CHECK(status == Z_STREAM_END && stream.avail_in == 0);
    inflateEnd(&stream);
    return result;
}

// Fields of profile.proto by their numbers.
constexpr uint32_t kString = 6;
constexpr uint32_t kComment = 13;

// Messages in messages: all of sample_type, sample, mapping, location, function and period_type,
// and label of sample and line of location.
bool is_message(uint32_t outer, uint32_t number) {
    constexpr uint32_t kSample = 2;
    constexpr uint32_t kLocation = 4;
    if (outer == 0) return number <= 5 || number == 11;
    return (outer == kSample && number == 3) || (outer == kLocation && number == 4);
}

std::string message_text(protozero::pbf_reader message, uint32_t outer) {
    std::string text;
    while (message.next()) {
        const uint32_t number = message.tag();
        if (!text.empty()) text += ' ';
        if (message.wire_type() == protozero::pbf_wire_type::varint) {
            text += fmt::format("{}:{}", number, message.get_int64());
        } else if (is_message(outer, number)) {
            text += fmt::format("{}:{{{}}}", number, message_text(message.get_message(), number));
        } else {
            std::string numbers;
            for (const int64_t value : message.get_packed_int64())
                numbers += fmt::format("{}{}", numbers.empty() ? "" : ",", value);
            text += fmt::format("{}:[{}]", number, numbers);
        }
    }
    return text;
}

std::string pprof_text(const std::string& bytes) {
    std::string text;
    protozero::pbf_reader profile(bytes);
    int strings = 0;
    while (profile.next()) {
        const uint32_t number = profile.tag();
        if (number == kString) {
            text += fmt::format("string {} \"{}\"\n", strings, profile.get_string());
            strings++;
        } else if (profile.wire_type() == protozero::pbf_wire_type::varint) {
            text += fmt::format("{}: {}\n", number, profile.get_int64());
        } else if (number == kComment) {
            text += "comments:";
            for (const int64_t value : profile.get_packed_int64())
                text += fmt::format(" {}", value);
            text += '\n';
        } else {
            text += fmt::format("{}: {}\n", number, message_text(profile.get_message(), number));
        }
    }
    return text;
}

// The types of marshal that pstats files have.
class MarshalText {
  public:
    explicit MarshalText(std::string_view bytes) : bytes_(bytes) {}

    std::string text() {
        const std::string result = value(0);
        PYEBPF_CHECK(bytes_.empty());
        return result + "\n";
    }

  private:
    std::string value(int depth) {
        switch (take(1)[0]) {
            case '{': {
                std::string text = "{";
                while (bytes_.front() != '0') {
                    text += depth == 0 ? "\n" : "\n    ";
                    text += value(depth + 1);
                    text += ": " + value(depth + 1);
                }
                take(1);
                return text + "}";
            }
            case '(': {
                std::string text = "(";
                for (auto left = number<uint32_t>(); left > 0; left--)
                    text += value(depth) + (left > 1 ? ", " : "");
                return text + ")";
            }
            case 'u':
                return fmt::format("\"{}\"", take(number<uint32_t>()));
            case 'i':
                return fmt::format("{}", number<int32_t>());
            case 'g':
                return fmt::format("{:.9g}", std::bit_cast<double>(number<uint64_t>()));
            default:
                PYEBPF_CHECK(false);
        }
    }

    std::string_view take(size_t size) {
        PYEBPF_CHECK(size <= bytes_.size());
        const std::string_view part = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return part;
    }
    template <class Number>
    Number number() {
        Number result;
        std::memcpy(&result, take(sizeof result).data(), sizeof result);
        return result;
    }

    std::string_view bytes_;
};

}  // namespace

std::string readable(std::string_view format, const std::string& bytes) {
    if (format == "pprof") return pprof_text(unpacked(bytes));
    if (format == "firefox") return unpacked(bytes);
    if (format == "pstats") return MarshalText(bytes).text();
    return bytes;
}

}  // namespace pyebpf::output::test
