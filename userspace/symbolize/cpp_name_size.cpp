// SPDX-License-Identifier: Apache-2.0
// Itanium C++ ABI, section 5.1 "External Names". The grammar's productions are the member
// functions; each returns the size of its text and records what can be referred to later ("S_",
// "S0_", … 5.1.10 "Compression").
#include "symbolize/cpp_name_size.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/ascii.h"

namespace pyebpf::symbolize {
namespace {

constexpr int kMaxDepth = 256;
constexpr uint64_t kMaxSize = uint64_t{1} << 40;  // sums of these do not overflow
// More than any operator, qualifier or pair of brackets around a part.
constexpr uint64_t kPunctuation = 24;
// "std::basic_string<char, std::char_traits<char>, std::allocator<char> >" and less.
constexpr uint64_t kStandardName = 80;

using Size = std::optional<uint64_t>;

uint64_t bounded(uint64_t size) {
    return std::min(size, kMaxSize);
}
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

// Operators in expressions by number of operands.
constexpr std::string_view kUnary = "ps ng ad de co nt pp mm sz az nx te sp";
constexpr std::string_view kBinary =
    "pl mi ml dv rm an or eo aS pL mI mL dV rM aN oR eO ls rs lS rS eq ne lt gt le ge ss aa oo cm "
    "pm ds ix";

bool has_operator(std::string_view list, std::string_view code) {
    for (size_t at = 0; at + 2 <= list.size(); at += 3) {
        if (list.substr(at, 2) == code) return true;
    }
    return false;
}

class Reader {
  public:
    explicit Reader(std::string_view input) : input_(input) {}

    Size mangled() {
        if (!eat("_Z")) return std::nullopt;
        const Size size = encoding();
        return at_ == input_.size() ? size : std::nullopt;
    }

  private:
    class Level {
      public:
        explicit Level(int& depth) : depth_(depth) { ++depth_; }
        ~Level() { --depth_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        [[nodiscard]] bool is_allowed() const { return depth_ <= kMaxDepth; }

      private:
        int& depth_;
    };

    [[nodiscard]] char peek(size_t ahead = 0) const {
        return ahead < input_.size() - at_ ? input_[at_ + ahead] : '\0';
    }
    [[nodiscard]] bool at_end() const { return at_ >= input_.size(); }
    bool eat(std::string_view text) {
        if (!input_.substr(at_).starts_with(text)) return false;
        at_ += text.size();
        return true;
    }
    bool eat_any(std::string_view letters) {
        if (at_end() || letters.find(peek()) == std::string_view::npos) return false;
        ++at_;
        return true;
    }
    uint64_t eat_digits() {
        const size_t begin = at_;
        while (is_digit(peek())) ++at_;
        return at_ - begin;
    }
    uint64_t candidate(uint64_t size) {
        size = bounded(size);
        candidates_.push_back(size);
        return size;
    }
    // The sum of what item() gives until the closing 'E'.
    template <class Item>
    Size list(Item item) {
        uint64_t total = kPunctuation;
        while (!eat("E")) {
            const Size size = at_end() ? std::nullopt : item();
            if (!size) return std::nullopt;
            total = bounded(total + *size + 2);
        }
        return total;
    }
    static Size plus(Size a, Size b) {
        if (!a || !b) return std::nullopt;
        return bounded(*a + *b + kPunctuation);
    }

    Size encoding() {
        const Level level(depth_);
        if (!level.is_allowed()) return std::nullopt;
        Size total = special_or_name();
        while (total && !at_end() && peek() != 'E') total = plus(total, type());
        return total;
    }

    Size special_or_name() {
        if (eat("GV")) return plus(name(), 0);
        if (eat("Th")) return call_offset(1) ? encoding() : std::nullopt;
        if (eat("Tv")) return call_offset(2) ? encoding() : std::nullopt;
        if (eat("GTt") || eat("GTn"))
            return plus(encoding(), kPunctuation);  // transactional clones
        if (eat("Tc")) {
            for (int i = 0; i < 2; ++i) {
                const bool is_virtual = eat("v");
                if (!is_virtual && !eat("h")) return std::nullopt;
                if (!call_offset(is_virtual ? 2 : 1)) return std::nullopt;
            }
            return encoding();
        }
        if (peek() == 'T' && is_upper(peek(1))) {
            at_ += 2;
            return plus(type(), 0);
        }
        return name();
    }

    bool call_offset(int numbers) {
        for (int i = 0; i < numbers; ++i) {
            eat("n");
            if (eat_digits() == 0 || !eat("_")) return false;
        }
        return true;
    }

    Size name() {
        const Level level(depth_);
        if (!level.is_allowed()) return std::nullopt;
        if (eat("N")) return nested();
        if (eat("Z")) return local();
        bool can_add = true;
        Size total;
        if (peek() == 'S' && peek(1) != 't') {
            total = substitution();
            can_add = false;
        } else {
            const bool is_std = eat("St");
            total = plus(unqualified(), is_std ? 5 : 0);
        }
        if (!total || peek() != 'I') return total;
        if (can_add) candidate(*total);
        return plus(total, template_arguments());
    }

    Size nested() {
        while (eat_any("rVK")) {
        }
        eat_any("RO");
        uint64_t total = kPunctuation;
        while (!eat("E")) {
            Size part;
            bool can_add = true;
            if (peek() == 'S' && peek(1) != 't') {
                part = substitution();
                can_add = false;
            } else if (eat("St")) {
                part = 5;
                can_add = false;
            } else if (peek() == 'T') {
                part = template_parameter();
            } else if (peek() == 'I') {
                part = template_arguments();
            } else if (peek() == 'D' && (peek(1) == 't' || peek(1) == 'T')) {
                part = type();
                can_add = false;  // type() adds it
            } else if (eat("M")) {
                continue;  // the initializer of a data member
            } else {
                part = unqualified();
            }
            if (!part) return std::nullopt;
            total = bounded(total + *part + 2);
            if (can_add && peek() != 'E') candidate(total);
        }
        return total;
    }

    Size local() {
        const Size function = encoding();
        if (!function || !eat("E")) return std::nullopt;
        if (eat("s")) return discriminator() ? plus(function, kPunctuation) : std::nullopt;
        if (eat("d")) {  // in a default argument
            eat_digits();
            if (!eat("_")) return std::nullopt;
        }
        const Size entity = name();
        if (!entity || !discriminator()) return std::nullopt;
        return plus(function, entity);
    }

    bool discriminator() {
        if (eat("__")) return eat_digits() > 0 && eat("_");
        return peek() != '_' || (++at_, eat_digits() > 0);
    }

    Size unqualified() {
        const Level level(depth_);
        if (!level.is_allowed()) return std::nullopt;
        eat("L");  // internal linkage
        Size total;
        if (is_digit(peek())) {
            total = source_name();
        } else if (peek() == 'C' && (is_digit(peek(1)) || peek(1) == 'I')) {
            const bool is_inheriting = peek(1) == 'I';
            at_ += is_inheriting ? 3 : 2;
            total = longest_name_ + kPunctuation;  // the class's name once more
            if (is_inheriting) total = plus(total, type());
        } else if (peek() == 'D' && is_digit(peek(1))) {
            at_ += 2;
            total = longest_name_ + kPunctuation;
        } else if (eat("DC")) {
            total = list([this] { return source_name(); });
        } else if (eat("Ut")) {
            total = eat_digits() + kPunctuation;
            if (!eat("_")) return std::nullopt;
        } else if (eat("Ul")) {
            total = list([this] { return type(); });
            if (total) *total += eat_digits() + kPunctuation;
            if (!eat("_")) return std::nullopt;
        } else if (eat("cv")) {
            total = plus(type(), kPunctuation);
        } else if (eat("li")) {
            total = plus(source_name(), kPunctuation);
        } else if (is_lower(peek()) && (is_lower(peek(1)) || is_upper(peek(1)))) {
            at_ += 2;
            total = kPunctuation;
        }
        while (total && eat("B")) total = plus(total, source_name());
        return total;
    }

    Size source_name() {
        if (!is_digit(peek())) return std::nullopt;
        uint64_t length = 0;
        while (is_digit(peek())) {
            length = length * 10 + static_cast<uint64_t>(input_[at_++] - '0');
            if (length > input_.size()) return std::nullopt;
        }
        if (length == 0 || length > input_.size() - at_) return std::nullopt;
        at_ += length;
        const uint64_t size =
            std::max(length, kPunctuation);  // "(anonymous namespace)" for _GLOBAL__N_1
        longest_name_ = std::max(longest_name_, size);
        return size;
    }

    Size substitution() {
        ++at_;  // 'S'
        if (is_lower(peek())) {
            if (std::string_view("absiod").find(peek()) == std::string_view::npos)
                return std::nullopt;
            ++at_;
            longest_name_ = std::max<uint64_t>(longest_name_, kStandardName);
            uint64_t size = kStandardName;
            while (eat("B")) {
                const Size tag = source_name();
                if (!tag) return std::nullopt;
                size += *tag + kPunctuation;
            }
            return size;
        }
        size_t index = 0;
        if (!eat("_")) {
            while (is_digit(peek()) || is_upper(peek())) {
                const char c = input_[at_++];
                index = index * 36 + static_cast<size_t>(is_digit(c) ? c - '0' : c - 'A' + 10);
                if (index > input_.size()) return std::nullopt;
            }
            ++index;
            if (!eat("_")) return std::nullopt;
        }
        if (index >= candidates_.size()) return std::nullopt;
        return candidates_[index];
    }

    // Whichever argument it is, of whichever of the enclosing lists: at most the largest.
    Size template_parameter() {
        ++at_;  // 'T'
        if (eat("L")) {
            eat_digits();
            if (!eat("_")) return std::nullopt;
        }
        eat_digits();
        if (!eat("_")) return std::nullopt;
        has_parameter_ = true;
        return largest_argument_ + kPunctuation;
    }

    Size template_arguments() {
        const Level level(depth_);
        if (!level.is_allowed() || !eat("I")) return std::nullopt;
        // A parameter before its arguments are known ("operator T_") cannot be judged.
        if (has_parameter_ && largest_argument_ == 0) return std::nullopt;
        uint64_t largest = 0;
        const Size total = list([&] {
            const Size size = template_argument();
            if (size) largest = std::max(largest, *size);
            return size;
        });
        largest_argument_ = std::max(largest_argument_, largest);
        return total;
    }

    Size template_argument() {
        const Level level(depth_);
        if (!level.is_allowed()) return std::nullopt;
        if (eat("J")) {
            uint64_t count = 0;
            const Size total = list([&] { return ++count, template_argument(); });
            longest_pack_ = std::max(longest_pack_, count);
            return total;
        }
        if (eat("X")) {
            const Size size = expression();
            return eat("E") ? size : std::nullopt;
        }
        return peek() == 'L' ? literal() : type();
    }

    Size literal() {
        ++at_;  // 'L'
        if (eat("_Z") || eat("Z")) {
            const Size size = encoding();
            return eat("E") ? size : std::nullopt;
        }
        const Size size = type();
        const size_t begin = at_;
        while (is_digit(peek()) || is_lower(peek()) || peek() == '_') ++at_;
        const uint64_t value = at_ - begin;
        return eat("E") ? plus(size, value) : std::nullopt;
    }

    // Function types and what stands before the types they qualify make one candidate with them.
    bool eat_qualifiers() {
        const size_t begin = at_;
        for (;;) {
            if (eat_any("rVK") || eat("Do") || eat("Dx")) continue;
            return at_ != begin;
        }
    }

    Size type() {
        const Level level(depth_);
        if (!level.is_allowed()) return std::nullopt;
        if (eat_qualifiers()) return add(peek() == 'F' ? function_type() : type());
        const char letter = peek();
        if (is_lower(letter) && letter != 'u') {
            if (std::string_view("vwbcahstijlmxynofdegz").find(letter) == std::string_view::npos)
                return std::nullopt;
            ++at_;
            return kPunctuation;
        }
        if (is_digit(letter) || letter == 'N' || letter == 'Z') return add(name());
        switch (letter) {
            case 'u':
                ++at_;
                return add(source_name());
            case 'F':
                return add(function_type());
            case 'A':
                return add(array_type());
            case 'M': {
                ++at_;
                const Size owner = type();
                return add(plus(owner, owner ? type() : std::nullopt));
            }
            case 'T': {
                Size size = template_parameter();
                if (size && peek() == 'I') {
                    candidate(*size);
                    size = plus(size, template_arguments());
                }
                return add(size);
            }
            case 'S':
                return substituted_type();
            case 'P':
            case 'R':
            case 'O':
            case 'C':
            case 'G':
                ++at_;
                return add(plus(type(), 0));
            case 'U': {
                ++at_;
                Size qualifier = source_name();
                if (qualifier && peek() == 'I') qualifier = plus(qualifier, template_arguments());
                return add(plus(qualifier, qualifier ? type() : std::nullopt));
            }
            case 'D':
                return extended_type();
            default:
                return std::nullopt;
        }
    }

    Size add(Size size) {
        if (!size) return std::nullopt;
        return candidate(*size + kPunctuation);
    }

    Size substituted_type() {
        const char next = peek(1);
        if (is_digit(next) || next == '_' || is_upper(next)) {
            const Size size = substitution();
            if (!size || peek() != 'I') return size;
            return add(plus(size, template_arguments()));
        }
        const size_t begin = at_;
        const Size size = name();
        // A bare "Ss" is an abbreviation already.
        const bool is_abbreviation = next != 't' && at_ == begin + 2;
        return is_abbreviation ? size : add(size);
    }

    Size function_type() {
        if (!eat("F")) return std::nullopt;
        eat("Y");
        uint64_t total = kPunctuation;
        while (!eat("E")) {
            if ((peek() == 'R' || peek() == 'O') && peek(1) == 'E') {
                ++at_;
                continue;
            }
            const Size size = type();
            if (!size) return std::nullopt;
            total = bounded(total + *size + 2);
        }
        return total;
    }

    Size array_type() {
        ++at_;  // 'A'
        Size bound = eat_digits();
        if (peek() != '_') bound = expression();
        if (!bound || !eat("_")) return std::nullopt;
        return plus(bound, type());
    }

    Size extended_type() {
        ++at_;  // 'D'
        if (eat_any("tT")) {
            const Size size = expression();
            return eat("E") ? add(size) : std::nullopt;
        }
        if (eat("p")) {
            const Size pattern = type();
            if (!pattern) return std::nullopt;
            return add(bounded(*pattern * std::max<uint64_t>(longest_pack_, 1)));
        }
        if (eat("F")) {
            eat_digits();
            return eat_any("_xb") ? Size(kPunctuation) : std::nullopt;
        }
        if (eat("v")) {
            eat_digits();
            return eat("_") ? add(plus(type(), kPunctuation)) : std::nullopt;
        }
        return eat_any("acnfdehsiu") ? Size(kPunctuation) : std::nullopt;
    }

    Size name_with_arguments() {
        const Size size = unqualified();
        return size && peek() == 'I' ? plus(size, template_arguments()) : size;
    }

    // "sr" type name, or "sr" name… "E" name for a scope that depends on a template parameter.
    Size unresolved_name() {
        if (!is_digit(peek())) {
            const Size scope = type();
            return scope ? plus(scope, name_with_arguments()) : std::nullopt;
        }
        Size total = 0;
        while (total && is_digit(peek())) total = plus(total, name_with_arguments());
        if (peek() == 'E' && is_digit(peek(1))) {
            ++at_;
            total = plus(total, name_with_arguments());
        }
        return total;
    }

    Size expression() {
        const Level level(depth_);
        if (!level.is_allowed()) return std::nullopt;
        if (peek() == 'L') return literal();
        if (peek() == 'T') return template_parameter();
        if (is_digit(peek()) || eat("on")) return name_with_arguments();
        if (eat("fp")) {
            eat_any("rVK");
            eat_digits();
            return eat("T") || eat("_") ? Size(kPunctuation) : std::nullopt;
        }
        if (eat("sr")) return unresolved_name();
        if (eat("cl") || eat("il")) return list([this] { return expression(); });
        if (eat("tl")) {
            const Size size = type();
            return size ? plus(size, list([this] { return expression(); })) : std::nullopt;
        }
        if (eat("cv")) {
            const Size size = type();
            if (!size) return std::nullopt;
            return plus(size, eat("_") ? list([this] { return expression(); }) : expression());
        }
        if (eat("st") || eat("at") || eat("ti")) return plus(type(), 0);
        if (eat("sZ")) return plus(expression(), bounded(longest_pack_));
        if (eat("dt") || eat("pt")) {
            const Size object = expression();
            return object ? plus(object, name_with_arguments()) : std::nullopt;
        }
        if (eat("dc") || eat("sc") || eat("cc") || eat("rc")) return operands(type(), 1);
        if (eat("qu")) return operands(kPunctuation, 3);
        const std::string_view code = input_.substr(at_, 2);
        if (has_operator(kUnary, code)) {
            at_ += 2;
            eat("_");  // "pp_": prefix
            const Size operand = expression();
            if (code != "sp" || !operand) return plus(operand, 0);
            return bounded(*operand * std::max<uint64_t>(longest_pack_, 1));
        }
        if (has_operator(kBinary, code)) {
            at_ += 2;
            return operands(kPunctuation, 2);
        }
        return std::nullopt;
    }

    Size operands(Size total, int count) {
        for (int i = 0; i < count && total; ++i) total = plus(total, expression());
        return total;
    }

    std::string_view input_;
    size_t at_ = 0;
    int depth_ = 0;
    std::vector<uint64_t> candidates_;
    uint64_t largest_argument_ = 0;
    uint64_t longest_pack_ = 0;
    uint64_t longest_name_ = 0;
    bool has_parameter_ = false;
};

}  // namespace

std::optional<uint64_t> cpp_name_size(std::string_view mangled) {
    return Reader(mangled).mangled();
}

}  // namespace pyebpf::symbolize
