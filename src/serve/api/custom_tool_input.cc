#include "serve/api/custom_tool_input.h"

#include "text/tokenizer_utf8.h"

namespace baleen::serve {

namespace {

constexpr std::string_view kOpening = R"({"input": ")";  // as the output parser writes it

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

void CustomToolInput::push(std::string_view arguments, std::string& out) {
    for (const char c : arguments) put(c, out);
}

void CustomToolInput::finish(std::string& out) {
    if (state_ == State::opening) out += held_;
    *this = CustomToolInput();
}

void CustomToolInput::put(char c, std::string& out) {
    switch (state_) {
        case State::opening:
            held_ += c;
            if (held_ == kOpening) {
                state_ = State::text;
            } else if (kOpening.substr(0, held_.size()) != held_) {
                state_ = State::other;
                out += held_;
            }
            break;
        case State::other:
            out += c;
            break;
        case State::text:
            if (c == '\\')
                state_ = State::escape;
            else if (c == '"')
                state_ = State::done;
            else
                out += c;
            break;
        case State::escape: {
            static constexpr std::string_view kLetters = "\"\\/bfnrt";
            static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
            const std::size_t at = kLetters.find(c);
            state_ = c == 'u' ? State::hex : State::text;
            if (c == 'u')
                code_ = 0, digits_ = 0;
            else
                out += at == std::string_view::npos ? c : kMeanings[at];
            break;
        }
        case State::hex: {
            const int digit = hex_digit(c);
            code_ = code_ * 16 + static_cast<std::uint32_t>(digit < 0 ? 0 : digit);
            if (++digits_ < 4) break;
            state_ = State::text;
            put_code(out);
            break;
        }
        case State::done:
            break;  // the closing brace, or further members
    }
}

// A lone half of a pair cannot be UTF-8 and becomes the replacement character.
void CustomToolInput::put_code(std::string& out) {
    const bool low = code_ >= 0xdc00 && code_ < 0xe000;
    if (code_ >= 0xd800 && code_ < 0xdc00) {
        first_ = code_;
        return;
    }
    if (low && first_ != 0)
        text::append_utf8(0x10000 + ((first_ - 0xd800) << 10) + (code_ - 0xdc00), out);
    else
        text::append_utf8(low ? 0xfffd : code_, out);
    first_ = 0;
}

}  // namespace baleen::serve
