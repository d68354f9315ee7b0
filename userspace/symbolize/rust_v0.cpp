// SPDX-License-Identifier: Apache-2.0
// Rust's second scheme, RFC 2603 "Symbol name mangling v0". The grammar's productions are the
// member functions of Decoder.
//
// Back references make a short name expand without end, so everything is bounded: depth, steps, and
// bytes of text.
#include <cstdint>
#include <utility>

#include "symbolize/rust_demangle.h"
#include "symbolize/rust_text.h"

namespace pyebpf::symbolize {
namespace {

constexpr int kMaxNesting = 128;
constexpr int kMaxSteps = 50'000;
constexpr size_t kMaxTextBytes = 16 * 1024;

std::string_view basic_type(char tag) {
    switch (tag) {
        case 'a':
            return "i8";
        case 'b':
            return "bool";
        case 'c':
            return "char";
        case 'd':
            return "f64";
        case 'e':
            return "str";
        case 'f':
            return "f32";
        case 'h':
            return "u8";
        case 'i':
            return "isize";
        case 'j':
            return "usize";
        case 'l':
            return "i32";
        case 'm':
            return "u32";
        case 'n':
            return "i128";
        case 'o':
            return "u128";
        case 'p':
            return "_";
        case 's':
            return "i16";
        case 't':
            return "u16";
        case 'u':
            return "()";
        case 'v':
            return "...";
        case 'x':
            return "i64";
        case 'y':
            return "u64";
        case 'z':
            return "!";
        default:
            return {};
    }
}

class Decoder {
  public:
    explicit Decoder(std::string_view input) : input_(input) {}

    std::optional<RustName> decode() {
        if (!path(InType::kNo)) return std::nullopt;
        // The crate that instantiated a generic function is another path, not shown.
        if (at_ < input_.size() && input_[at_] >= 'A' && input_[at_] <= 'Z') {
            const bool was_silent = std::exchange(is_silent_, true);
            if (!path(InType::kNo)) return std::nullopt;
            is_silent_ = was_silent;
        }
        const std::string_view suffix = input_.substr(at_);
        if (!suffix.empty() && suffix[0] != '.' && suffix[0] != '$') return std::nullopt;
        return RustName{std::move(out_), suffix};
    }

  private:
    // Generic arguments are written "f::<T>" after a value and "F<T>" after a type.
    enum class InType { kNo, kYes };

    struct Identifier {
        std::string_view bytes;
        bool is_punycode = false;
    };

    // Guards one level of recursion.
    class Level {
      public:
        explicit Level(Decoder& decoder) : decoder_(decoder) { ++decoder_.depth_; }
        ~Level() { --decoder_.depth_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        [[nodiscard]] bool is_allowed() const {
            return decoder_.depth_ <= kMaxNesting && ++decoder_.steps_ <= kMaxSteps &&
                   decoder_.out_.size() <= kMaxTextBytes;
        }

      private:
        Decoder& decoder_;
    };

    [[nodiscard]] char peek() const { return at_ < input_.size() ? input_[at_] : '\0'; }
    bool eat(char c) {
        if (peek() != c || c == '\0') return false;
        ++at_;
        return true;
    }
    char next() { return at_ < input_.size() ? input_[at_++] : '\0'; }

    void put(std::string_view text) {
        if (!is_silent_) out_ += text;
    }
    void put_number(uint64_t value) { put(std::to_string(value)); }

    std::optional<uint64_t> base62() {
        if (eat('_')) return 0;
        uint64_t value = 0;
        while (!eat('_')) {
            const char c = next();
            uint64_t digit = 0;
            if (c >= '0' && c <= '9')
                digit = static_cast<uint64_t>(c - '0');
            else if (c >= 'a' && c <= 'z')
                digit = static_cast<uint64_t>(c - 'a') + 10;
            else if (c >= 'A' && c <= 'Z')
                digit = static_cast<uint64_t>(c - 'A') + 36;
            else
                return std::nullopt;
            if (value > (UINT64_MAX - digit) / 62 - 1) return std::nullopt;
            value = value * 62 + digit;
        }
        return value + 1;
    }

    std::optional<uint64_t> tagged_base62(char tag) {
        if (!eat(tag)) return 0;
        const auto value = base62();
        if (!value) return std::nullopt;
        return *value + 1;
    }

    std::optional<Identifier> identifier() {
        Identifier result;
        result.is_punycode = eat('u');
        if (peek() < '0' || peek() > '9') return std::nullopt;
        size_t size = 0;
        if (!eat('0')) {
            while (peek() >= '0' && peek() <= '9') {
                size = size * 10 + static_cast<size_t>(next() - '0');
                if (size > input_.size()) return std::nullopt;
            }
        }
        eat('_');
        if (size > input_.size() - at_) return std::nullopt;
        result.bytes = input_.substr(at_, size);
        at_ += size;
        return result;
    }

    bool put(const Identifier& name) {
        if (!name.is_punycode) {
            put(name.bytes);
            return true;
        }
        const auto text = decode_punycode(name.bytes);
        if (text) put(*text);
        return text.has_value();
    }

    // Calls production() at an earlier place of the input.
    template <class Production>
    bool back_reference(Production production) {
        const size_t here = at_ - 1;
        const auto target = base62();
        if (!target || *target >= here) return false;
        if (is_silent_) return true;
        const size_t after = std::exchange(at_, static_cast<size_t>(*target));
        const bool is_good = production();
        at_ = after;
        return is_good;
    }

    bool impl_path() {
        const bool was_silent = std::exchange(is_silent_, true);
        const bool is_good = tagged_base62('s').has_value() && path(InType::kNo);
        is_silent_ = was_silent;
        return is_good;
    }

    // leave_open: an argument list at the end stays without ">", for bounds that add to it.
    bool path(InType in_type, bool* leave_open = nullptr) {
        const Level level(*this);
        if (!level.is_allowed()) return false;
        switch (next()) {
            case 'C': {
                if (!tagged_base62('s')) return false;
                const auto name = identifier();
                return name && put(*name);
            }
            case 'M': {
                if (!impl_path()) return false;
                put("<");
                if (!type()) return false;
                put(">");
                return true;
            }
            case 'X':
                return impl_path() && qualified();
            case 'Y':
                return qualified();
            case 'N':
                return nested(in_type);
            case 'I': {
                if (!path(in_type)) return false;
                put(in_type == InType::kYes ? "<" : "::<");
                if (!list([this] { return generic_argument(); })) return false;
                if (leave_open != nullptr)
                    *leave_open = true;
                else
                    put(">");
                return true;
            }
            case 'B':
                return back_reference([&] { return path(in_type, leave_open); });
            default:
                return false;
        }
    }

    bool qualified() {
        put("<");
        if (!type()) return false;
        put(" as ");
        if (!path(InType::kYes)) return false;
        put(">");
        return true;
    }

    bool nested(InType in_type) {
        const char space = next();
        const bool is_special = space >= 'A' && space <= 'Z';
        if (!is_special && (space < 'a' || space > 'z')) return false;
        if (!path(in_type)) return false;
        const auto disambiguator = tagged_base62('s');
        if (!disambiguator) return false;
        const auto name = identifier();
        if (!name) return false;
        if (!is_special) {
            if (name->bytes.empty()) return true;
            put("::");
            return put(*name);
        }
        put("::{");
        if (space == 'C')
            put("closure");
        else if (space == 'S')
            put("shim");
        else
            put(std::string_view(&space, 1));
        if (!name->bytes.empty()) {
            put(":");
            if (!put(*name)) return false;
        }
        put("#");
        put_number(*disambiguator);
        put("}");
        return true;
    }

    template <class Item>
    bool list(Item item, std::string_view separator = ", ") {
        for (bool is_first = true; !eat('E'); is_first = false) {
            if (at_ >= input_.size()) return false;
            if (!is_first) put(separator);
            if (!item()) return false;
        }
        return true;
    }

    bool generic_argument() {
        if (eat('L')) return lifetime();
        if (eat('K')) return constant();
        return type();
    }

    // Index 0 is erased; others count outward from the innermost binder.
    bool lifetime() {
        const auto index = base62();
        if (!index) return false;
        if (*index == 0) {
            put("'_");
            return true;
        }
        if (*index > bound_lifetimes_) return false;
        put_bound_lifetime(bound_lifetimes_ - *index);
        return true;
    }

    void put_bound_lifetime(uint64_t number) {
        put("'");
        if (number < 26) {
            const char letter = static_cast<char>('a' + number);
            put(std::string_view(&letter, 1));
        } else {
            put("_");
            put_number(number);
        }
    }

    // "for<'a, 'b> " if there is a binder; the caller restores bound_lifetimes_.
    bool binder() {
        const auto count = tagged_base62('G');
        if (!count || *count > input_.size()) return false;
        if (*count == 0) return true;
        put("for<");
        for (uint64_t i = 0; i < *count; ++i) {
            if (i > 0) put(", ");
            put_bound_lifetime(bound_lifetimes_++);
        }
        put("> ");
        return true;
    }

    bool type() {
        const Level level(*this);
        if (!level.is_allowed()) return false;
        const char tag = next();
        if (const auto name = basic_type(tag); !name.empty()) {
            put(name);
            return true;
        }
        switch (tag) {
            case 'A':
                put("[");
                if (!type()) return false;
                put("; ");
                if (!constant()) return false;
                put("]");
                return true;
            case 'S':
                put("[");
                if (!type()) return false;
                put("]");
                return true;
            case 'T':
                return tuple();
            case 'R':
            case 'Q':
                put("&");
                if (eat('L')) {
                    const bool is_erased = peek() == '_';
                    const bool was_silent = std::exchange(is_silent_, is_silent_ || is_erased);
                    if (!lifetime()) return false;
                    is_silent_ = was_silent;
                    if (!is_erased) put(" ");
                }
                if (tag == 'Q') put("mut ");
                return type();
            case 'P':
                put("*const ");
                return type();
            case 'O':
                put("*mut ");
                return type();
            case 'F':
                return function_type();
            case 'D':
                return trait_object();
            case 'B':
                return back_reference([this] { return type(); });
            default:
                --at_;
                return path(InType::kYes);
        }
    }

    bool tuple() {
        put("(");
        int count = 0;
        if (!list([&] { return ++count, type(); })) return false;
        put(count == 1 ? ",)" : ")");
        return true;
    }

    bool function_type() {
        const uint64_t outer = bound_lifetimes_;
        if (!binder()) return false;
        if (eat('U')) put("unsafe ");
        if (eat('K')) {
            put("extern \"");
            if (eat('C')) {
                put("C");
            } else {
                const auto abi = identifier();
                if (!abi || abi->is_punycode) return false;
                for (const char c : abi->bytes) put(c == '_' ? "-" : std::string_view(&c, 1));
            }
            put("\" ");
        }
        put("fn(");
        if (!list([this] { return type(); })) return false;
        put(")");
        if (!eat('u')) {  // "-> ()" is not written
            put(" -> ");
            if (!type()) return false;
        }
        bound_lifetimes_ = outer;
        return true;
    }

    bool trait_object() {
        const uint64_t outer = bound_lifetimes_;
        put("dyn ");
        if (!binder()) return false;
        if (!list([this] { return bound(); }, " + ")) return false;
        bound_lifetimes_ = outer;
        if (!eat('L')) return false;
        if (peek() == '_') return base62().has_value();
        put(" + ");
        return lifetime();
    }

    bool bound() {
        bool is_open = false;
        if (!path(InType::kYes, &is_open)) return false;
        while (eat('p')) {
            put(is_open ? ", " : "<");
            is_open = true;
            const auto name = identifier();
            if (!name || !put(*name)) return false;
            put(" = ");
            if (!type()) return false;
        }
        if (is_open) put(">");
        return true;
    }

    bool constant() {
        const Level level(*this);
        if (!level.is_allowed()) return false;
        const char tag = next();
        switch (tag) {
            case 'p':
                put("_");
                return true;
            case 'B':
                return back_reference([this] { return constant(); });
            case 'b':
                return constant_bool();
            case 'c':
                return constant_char();
            case 'a':
            case 's':
            case 'l':
            case 'x':
            case 'n':
            case 'i':
                if (eat('n')) put("-");
                return constant_integer();
            case 'h':
            case 't':
            case 'm':
            case 'y':
            case 'o':
            case 'j':
                return constant_integer();
            default:
                return false;  // structures: the raw name is shown
        }
    }

    std::optional<std::string_view> hex_digits() {
        const size_t begin = at_;
        while ((peek() >= '0' && peek() <= '9') || (peek() >= 'a' && peek() <= 'f')) ++at_;
        const std::string_view digits = input_.substr(begin, at_ - begin);
        if (!eat('_')) return std::nullopt;
        return digits;
    }

    static uint64_t hex_value(std::string_view digits) {
        uint64_t value = 0;
        for (const char c : digits) {
            value = value << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        return value;
    }

    bool constant_integer() {
        const auto digits = hex_digits();
        if (!digits) return false;
        if (digits->size() > 16) {
            put("0x");
            put(*digits);
        } else {
            put_number(hex_value(*digits));
        }
        return true;
    }

    bool constant_bool() {
        const auto digits = hex_digits();
        if (!digits || (*digits != "0" && *digits != "1")) return false;
        put(*digits == "1" ? "true" : "false");
        return true;
    }

    bool constant_char() {
        const auto digits = hex_digits();
        if (!digits || digits->empty() || digits->size() > 6) return false;
        std::string character;
        if (!append_utf8(character, static_cast<uint32_t>(hex_value(*digits)))) return false;
        put("'");
        put(character);
        put("'");
        return true;
    }

    std::string_view input_;  // what follows "_R"; back references count from here
    size_t at_ = 0;
    std::string out_;
    bool is_silent_ = false;
    uint64_t bound_lifetimes_ = 0;
    int depth_ = 0;
    int steps_ = 0;
};

}  // namespace

std::optional<RustName> demangle_rust_v0(std::string_view name) {
    if (!name.starts_with("_R")) return std::nullopt;
    name.remove_prefix(2);
    // A version number would stand here; none but the unnumbered one is defined. Paths begin with a
    // capital.
    if (name.empty() || name[0] < 'A' || name[0] > 'Z') return std::nullopt;
    return Decoder(name).decode();
}

}  // namespace pyebpf::symbolize
