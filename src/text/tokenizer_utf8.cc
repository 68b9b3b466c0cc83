#include "text/tokenizer_utf8.h"

#include <cstring>

namespace baleen::text {

namespace {

// Skips ASCII eight bytes at a time; returns the index of the first other byte, or the size.
std::size_t skip_ascii(std::string_view text, std::size_t at) {
    while (at + 8 <= text.size()) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + at, sizeof word);
        if ((word & 0x8080808080808080u) != 0) break;
        at += 8;
    }
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
}

}  // namespace

Utf8Step utf8_step(std::string_view text) {
    using Kind = Utf8Step::Kind;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {Kind::character, 1, lead};
    // The table of well-formed sequences: only the second byte's range depends on the first.
    unsigned length = 2, low = 0x80, high = 0xbf;
    if (lead < 0xc2 || lead > 0xf4) return {Kind::broken, 1, 0};
    if (lead >= 0xf0) {
        length = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else if (lead >= 0xe0) {
        length = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    }
    std::uint32_t code = lead & (0x7fu >> length);
    for (unsigned i = 1; i < length; ++i) {
        if (i >= text.size()) return {Kind::incomplete, static_cast<std::uint8_t>(i), 0};
        if (byte(i) < low || byte(i) > high) return {Kind::broken, static_cast<std::uint8_t>(i), 0};
        low = 0x80;
        high = 0xbf;
        code = code << 6 | (byte(i) & 0x3f);
    }
    return {Kind::character, static_cast<std::uint8_t>(length), code};
}

void append_utf8(std::uint32_t code, std::string& out) {
    if (code < 0x80) {
        out += static_cast<char>(code);
        return;
    }
    if (code < 0x800) {
        out += static_cast<char>(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            out += static_cast<char>(0xe0 | code >> 12);
        } else {
            out += static_cast<char>(0xf0 | code >> 18);
            out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
        }
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    }
    out += static_cast<char>(0x80 | (code & 0x3f));
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
        const Utf8Step step = utf8_step(text.substr(at));
        if (step.kind != Utf8Step::Kind::character) return false;
        at += step.bytes;
    }
    return true;
}

std::string replace_broken(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 16);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t plain = skip_ascii(text, at);
        out += text.substr(at, plain - at);
        at = plain;
        if (at == text.size()) break;
        const Utf8Step step = utf8_step(text.substr(at));
        if (step.kind == Utf8Step::Kind::character) out += text.substr(at, step.bytes);
        else out += kReplacement;
        at += step.bytes;
    }
    return out;
}

}  // namespace baleen::text
