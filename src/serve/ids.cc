#include "serve/ids.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>

#include "base/check.h"

namespace baleen::serve {

namespace {

template <std::size_t N>
std::array<std::uint8_t, N> random_bytes() {
    std::array<std::uint8_t, N> bytes{};
    const ssize_t got = ::getrandom(bytes.data(), N, 0);  // up to 256 bytes come whole
    CHECK(got == static_cast<ssize_t>(N), "getrandom gave {} bytes", got);
    return bytes;
}

}  // namespace

std::uint64_t random_number() {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : random_bytes<8>()) number = number << 8 | byte;
    return number;
}

std::string random_uuid() {
    std::uint64_t high = random_number(), low = random_number();
    high = (high & ~0xf000ull) | 0x4000;                // version
    low = (low & ~(3ull << 62)) | (1ull << 63);         // variant
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
                       low & 0xffffffffffff);
}

std::string random_hex(int digits) {
    std::string out;
    while (static_cast<int>(out.size()) < digits) out += fmt::format("{:016x}", random_number());
    out.resize(static_cast<std::size_t>(digits));
    return out;
}

std::string random_letters(int count) {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::string out;
    while (static_cast<int>(out.size()) < count)
        for (const std::uint8_t byte : random_bytes<32>())
            if (byte < 248 && static_cast<int>(out.size()) < count) out += kLetters[byte % kLetters.size()];  // 248 = 4 x 62: none is likelier
    return out;
}

}  // namespace baleen::serve
