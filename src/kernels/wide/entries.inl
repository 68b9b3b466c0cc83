// KV entries and index keys, bit for bit those of scalar/entries.cc. Included after quantise.inl.

namespace {

inline void copy_bytes(const void* from, void* to, std::int64_t n) {
    __builtin_memcpy(to, from, static_cast<std::size_t>(n));
}

// Codes of E4M3 values (with their signs): exponent and mantissa slide into place; below 2^-6 the code counts steps.
inline I e4m3_codes(F value) {
    const F positive = magnitude(value);
    const I normal = Vec::subi(Vec::right<20>(Vec::bits(positive)), Vec::set_int((127 - 7) << 3));
    const I small = Vec::to_int(Vec::mul(positive, Vec::set(512.0f)));
    const I code = Vec::select(Vec::less(positive, Vec::set(0x1p-6f)), small, normal);
    const I known = Vec::select(Vec::is_nan(value), Vec::set_int(0x7f), code);
    return Vec::lor(known, Vec::right<24>(sign(value)));
}

// Codes of the E2M1 values nearest to x / scale; NaN becomes 6 with its sign.
inline I e2m1_codes(F x, F inverted) {
    const F ratio = Vec::mul(x, inverted);
    const F positive = to_grid<1, 0>(Vec::min(magnitude(ratio), Vec::set(6.0f)));
    const I normal = Vec::subi(Vec::right<22>(Vec::bits(positive)), Vec::set_int(252));
    const I small = Vec::to_int(Vec::add(positive, positive));
    const I code = Vec::select(Vec::less(positive, Vec::set(1.0f)), small, normal);
    return Vec::lor(code, Vec::right<28>(sign(ratio)));
}

}  // namespace

void pack_entry(const float* x, const tensor::EntryLayout& layout, std::uint8_t* out) {
    if (!layout.packed) return copy_bytes(x, out, 4 * std::int64_t{layout.head_dim});
    const int nope = layout.head_dim - layout.rope_dim, groups = nope / 64;
    std::uint8_t* scales = out + nope + 2 * layout.rope_dim;
    for (int g = 0; g < groups; ++g) {
        scales[g] = tensor::fp8_scale(largest_magnitude(x + 64 * g, 64));
        const F inverted = Vec::set(inverse(ue8m0(scales[g])));
        for (int i = 64 * g; i < 64 * g + 64; i += kLanes)
            Vec::store_bytes(out + i, e4m3_codes(e4m3_nearest(Vec::load(x + i), inverted)));
    }
    for (int i = 0; i < layout.rope_dim; ++i) {
        const auto bits = static_cast<std::uint16_t>(bits_of(x[nope + i]) >> 16);
        __builtin_memcpy(out + nope + 2 * i, &bits, 2);
    }
    for (int used = nope + 2 * layout.rope_dim + groups; used % 8 != 0; ++used) out[used] = 0;
}

void unpack_entry(const std::uint8_t* entry, const tensor::EntryLayout& layout, float* out) {
    if (!layout.packed) return copy_bytes(entry, out, 4 * std::int64_t{layout.head_dim});
    const int nope = layout.head_dim - layout.rope_dim;
    const std::uint8_t* scales = entry + nope + 2 * layout.rope_dim;
    for (int g = 0; g < nope / 64; ++g) {
        const F scale = Vec::set(ue8m0(scales[g]));
        for (int i = 64 * g; i < 64 * g + 64; i += 32) {
            F values[32 / kLanes];
            Vec::load_e4m3_32(entry + i, values);
            for (int v = 0; v < 32 / kLanes; ++v)
                Vec::store(out + i + v * kLanes, Vec::mul(Vec::mul(values[v], Vec::set(256.0f)), scale));
        }
    }
    const auto* tail = reinterpret_cast<const std::uint16_t*>(entry + nope);
    int i = 0;
    for (; i + kLanes <= layout.rope_dim; i += kLanes) Vec::store(out + nope + i, Vec::load_bf16(tail + i));
    for (; i < layout.rope_dim; ++i) {
        std::uint16_t bits;
        __builtin_memcpy(&bits, entry + nope + 2 * i, 2);
        out[nope + i] = number_of(static_cast<std::uint32_t>(bits) << 16);
    }
}

void pack_key(const float* x, const tensor::KeyLayout& layout, std::uint8_t* out) {
    if (!layout.packed) return copy_bytes(x, out, 4 * std::int64_t{layout.head_dim});
    for (int g = 0; g < layout.head_dim / 32; ++g) {
        const std::uint8_t scale = tensor::fp4_scale(largest_magnitude(x + 32 * g, 32));
        const F inverted = Vec::set(inverse(ue8m0(scale)));
        std::uint8_t codes[32];
        for (int i = 0; i < 32; i += kLanes)
            Vec::store_bytes(codes + i, e2m1_codes(Vec::load(x + 32 * g + i), inverted));
        for (int i = 0; i < 16; ++i) out[16 * g + i] = static_cast<std::uint8_t>(codes[2 * i] | codes[2 * i + 1] << 4);
        out[layout.head_dim / 2 + g] = scale;
    }
}

void unpack_key(const std::uint8_t* key, const tensor::KeyLayout& layout, float* out) {
    if (!layout.packed) return copy_bytes(key, out, 4 * std::int64_t{layout.head_dim});
    for (int g = 0; g < layout.head_dim / 32; ++g) {
        F values[32 / kLanes];
        Vec::load_e2m1_32(key + 16 * g, Vec::set(ue8m0(key[layout.head_dim / 2 + g])), values);
        for (int i = 0; i < 32 / kLanes; ++i) Vec::store(out + 32 * g + i * kLanes, values[i]);
    }
}
