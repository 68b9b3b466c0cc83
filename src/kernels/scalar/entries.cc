// KV entries and index keys in their packed and plain forms (tensor/entry_layout.h, spec 3.2, 3.3, 6.1).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/scalar/scalar.h"
#include "tensor/formats.h"

namespace baleen::kernels::scalar {

const std::array<float, 256> kE4M3 = [] {
    std::array<float, 256> values{};
    for (int code = 0; code < 256; ++code) values[code] = tensor::e4m3_to_f32(static_cast<std::uint8_t>(code));
    return values;
}();

void pack_entry(const float* x, const tensor::EntryLayout& layout, std::uint8_t* out) {
    if (!layout.packed) {
        std::memcpy(out, x, static_cast<std::size_t>(layout.bytes()));
        return;
    }
    for (int g = 0; g < layout.groups(); ++g) {
        const float* numbers = x + 64 * g;
        float amax = 0;
        for (int i = 0; i < 64; ++i) amax = std::max(amax, std::fabs(numbers[i]));
        const std::uint8_t scale = tensor::fp8_scale(amax);
        for (int i = 0; i < 64; ++i) out[64 * g + i] = tensor::f32_to_e4m3(numbers[i] / tensor::ue8m0_to_f32(scale));
        out[layout.scale_offset() + g] = scale;
    }
    for (int i = 0; i < layout.rope_dim; ++i) {
        const auto bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x[layout.nope_dim() + i]) >> 16);
        std::memcpy(out + layout.rope_offset() + 2 * i, &bits, 2);
    }
    std::fill(out + layout.scale_offset() + layout.groups(), out + layout.bytes(), std::uint8_t{0});
}

void unpack_entry(const std::uint8_t* entry, const tensor::EntryLayout& layout, float* out) {
    if (!layout.packed) {
        std::memcpy(out, entry, static_cast<std::size_t>(layout.bytes()));
        return;
    }
    for (int i = 0; i < layout.nope_dim(); ++i)
        out[i] = kE4M3[entry[i]] * tensor::ue8m0_to_f32(entry[layout.scale_offset() + i / 64]);
    for (int i = 0; i < layout.rope_dim; ++i) {
        std::uint16_t bits;
        std::memcpy(&bits, entry + layout.rope_offset() + 2 * i, 2);
        out[layout.nope_dim() + i] = tensor::bf16_to_f32(bits);
    }
}

void pack_key(const float* x, const tensor::KeyLayout& layout, std::uint8_t* out) {
    if (!layout.packed) {
        std::memcpy(out, x, static_cast<std::size_t>(layout.bytes()));
        return;
    }
    for (int g = 0; g < layout.head_dim / 32; ++g) {
        const float* numbers = x + 32 * g;
        float amax = 0;
        for (int i = 0; i < 32; ++i) amax = std::max(amax, std::fabs(numbers[i]));
        const std::uint8_t scale = tensor::fp4_scale(amax);
        const float s = tensor::ue8m0_to_f32(scale);
        for (int i = 0; i < 32; i += 2) {
            const int low = tensor::f32_to_e2m1(numbers[i] / s), high = tensor::f32_to_e2m1(numbers[i + 1] / s);
            out[16 * g + i / 2] = static_cast<std::uint8_t>(low | high << 4);
        }
        out[layout.scale_offset() + g] = scale;
    }
}

void unpack_key(const std::uint8_t* key, const tensor::KeyLayout& layout, float* out) {
    if (!layout.packed) {
        std::memcpy(out, key, static_cast<std::size_t>(layout.bytes()));
        return;
    }
    for (int i = 0; i < layout.head_dim; ++i) {
        const std::uint8_t code = i % 2 == 0 ? key[i / 2] & 15 : key[i / 2] >> 4;
        out[i] = tensor::e2m1_to_f32(code) * tensor::ue8m0_to_f32(key[layout.scale_offset() + i / 32]);
    }
}

}  // namespace baleen::kernels::scalar
