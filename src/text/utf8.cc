#include "text/utf8.h"

#include <cstring>

namespace baleen::text {

namespace {

// How many leading bytes are ASCII, eight at a time.
std::size_t ascii_run(std::string_view text) {
    std::size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + at, 8);
        if ((word & 0x8080808080808080u) != 0) break;
    }
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
}

}  // namespace

Utf8Step utf8_step(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {Utf8Step::Kind::character, 1};
    std::size_t size = 0;
    // The second byte's range is narrower after some leads: no overlong forms, no surrogates, nothing past U+10FFFF.
    unsigned low = 0x80;
    unsigned high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        size = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        size = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        size = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else {
        return {Utf8Step::Kind::invalid, 1};
    }
    for (std::size_t i = 1; i < size; ++i) {
        if (i == text.size()) return {Utf8Step::Kind::unfinished, i};
        if (byte(i) < low || byte(i) > high) return {Utf8Step::Kind::invalid, i};
        low = 0x80;
        high = 0xbf;
    }
    return {Utf8Step::Kind::character, size};
}

bool valid_utf8(std::string_view text) {
    while (!text.empty()) {
        text.remove_prefix(ascii_run(text));
        if (text.empty()) break;
        const Utf8Step step = utf8_step(text);
        if (step.kind != Utf8Step::Kind::character) return false;
        text.remove_prefix(step.bytes);
    }
    return true;
}

std::string replace_invalid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t run = ascii_run(text);
        out.append(text.substr(0, run));
        text.remove_prefix(run);
        if (text.empty()) break;
        const Utf8Step step = utf8_step(text);
        out.append(step.kind == Utf8Step::Kind::character ? text.substr(0, step.bytes) : kReplacement);
        text.remove_prefix(step.bytes);
    }
    return out;
}

char32_t first_character(std::string_view text, std::size_t& bytes) {
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
    const char32_t lead = byte(0);
    if (lead < 0x80) {
        bytes = 1;
        return lead;
    }
    if (lead < 0xe0) {
        bytes = 2;
        return (lead & 0x1f) << 6 | (byte(1) & 0x3f);
    }
    if (lead < 0xf0) {
        bytes = 3;
        return (lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    }
    bytes = 4;
    return (lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
}

void append_utf8(char32_t c, std::string& out) {
    const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3f));
        put(0x80 | (c >> 6 & 0x3f));
        put(0x80 | (c & 0x3f));
    }
}

}  // namespace baleen::text
