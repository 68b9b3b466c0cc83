#include "model/synth_fill.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "tensor/formats.h"

namespace baleen::model {

using tensor::DType;

namespace {

// ---- Random bits

// SplitMix64's output function: a bijection whose outputs over consecutive counters pass the usual tests.
constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t counter) {
    return mix(key + (counter + 1) * 0x9e3779b97f4a7c15u);
}

// ---- Tables

constexpr int kQuantiles = 65536;
// Codes of FP8 weights follow a normal law with this deviation; 448, the largest, is 7 of them.
constexpr double kCodeSigma = 64;

struct Tables {
    std::array<float, kQuantiles> z;  // quantile (i + 1/2) / 65536 of the standard normal law
    std::array<std::uint8_t, kQuantiles> e4m3;
    double e4m3_rms = 0;  // of the values the table stands for
    double e2m1_rms = 0;  // of uniform codes
};

// Newton's method on the distribution function, for a point of the upper half.
double normal_quantile(double p, double start) {
    double z = start;
    for (int i = 0; i < 30; ++i) {
        const double tail = 0.5 * std::erfc(z * std::sqrt(0.5));
        const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * 3.14159265358979323846);
        const double step = (tail - (1 - p)) / density;
        z += step;
        if (std::fabs(step) < 1e-14) break;
    }
    return z;
}

Tables make_tables() {
    Tables t;
    double z = 0;
    for (int i = kQuantiles / 2; i < kQuantiles; ++i) {
        z = normal_quantile((i + 0.5) / kQuantiles, z);
        t.z[static_cast<std::size_t>(i)] = static_cast<float>(z);
        t.z[static_cast<std::size_t>(kQuantiles - 1 - i)] = static_cast<float>(-z);
    }
    for (std::size_t i = 0; i < t.e4m3.size(); ++i)
        t.e4m3[i] = tensor::f32_to_e4m3(static_cast<float>(kCodeSigma * t.z[i]));
    // Let every code but the two NaNs occur: each takes one place, 257 apart.
    std::size_t place = 0;
    for (int code = 0; code < 256; ++code) {
        if ((code & 127) == 127) continue;
        t.e4m3[place] = static_cast<std::uint8_t>(code);
        place += 257;
    }
    double sum = 0;
    for (const std::uint8_t code : t.e4m3) sum += std::pow(tensor::e4m3_to_f32(code), 2);
    t.e4m3_rms = std::sqrt(sum / kQuantiles);
    sum = 0;
    for (int code = 0; code < 16; ++code) sum += std::pow(tensor::e2m1_to_f32(static_cast<std::uint8_t>(code)), 2);
    t.e2m1_rms = std::sqrt(sum / 16);
    return t;
}

const Tables& tables() {
    static const Tables kTables = make_tables();
    return kTables;
}

// Calls put(i, u16) for the elements; four to a draw.
template <class Put>
void for_each_u16(std::uint64_t key, std::int64_t first, std::int64_t count, Put&& put) {
    DCHECK(first % 4 == 0, "{}", first);
    for (std::int64_t i = 0; i < count; i += 4) {
        const std::uint64_t bits = random_bits(key, static_cast<std::uint64_t>(first + i) / 4);
        const std::int64_t n = std::min<std::int64_t>(4, count - i);
        for (std::int64_t k = 0; k < n; ++k) put(i + k, static_cast<std::uint16_t>(bits >> (16 * k)));
    }
}

void put_float(float value, DType dtype, std::int64_t i, std::byte* out) {
    if (dtype == DType::bf16) {
        const std::uint16_t bits = tensor::f32_to_bf16(value);
        std::memcpy(out + 2 * i, &bits, 2);
    } else {
        std::memcpy(out + 4 * i, &value, 4);
    }
}

void fill_normal(const Fill& f, DType dtype, std::uint64_t key, std::int64_t first, std::int64_t count,
                 std::byte* out) {
    const Tables& t = tables();
    const auto mean = static_cast<float>(f.mean);
    const auto sigma = static_cast<float>(f.sigma);
    if (dtype == DType::bf16) {
        for_each_u16(key, first, count, [&](std::int64_t i, std::uint16_t u) {
            const std::uint16_t bits = tensor::f32_to_bf16(mean + sigma * t.z[u]);
            std::memcpy(out + 2 * i, &bits, 2);
        });
        return;
    }
    // Float32 gets a full mantissa: between two quantiles the value is interpolated.
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t bits = random_bits(key, static_cast<std::uint64_t>(first + i));
        const std::size_t u = bits >> 48;
        const float low = t.z[u];
        const float high = t.z[std::min<std::size_t>(u + 1, kQuantiles - 1)];
        const float part = static_cast<float>((bits >> 24) & 0xffffff) * 0x1p-24f;
        put_float(mean + sigma * (low + part * (high - low)), dtype, i, out);
    }
}

void fill_e4m3(std::uint64_t key, std::int64_t first, std::int64_t count, std::byte* out) {
    const Tables& t = tables();
    auto* const codes = reinterpret_cast<std::uint8_t*>(out);
    for_each_u16(key, first, count, [&](std::int64_t i, std::uint16_t u) { codes[i] = t.e4m3[u]; });
}

void fill_bytes(std::uint64_t key, std::int64_t first, std::int64_t count, std::byte* out) {
    DCHECK(first % 8 == 0, "{}", first);
    for (std::int64_t i = 0; i < count; i += 8) {
        const std::uint64_t bits = random_bits(key, static_cast<std::uint64_t>(first + i) / 8);
        std::memcpy(out + i, &bits, static_cast<std::size_t>(std::min<std::int64_t>(8, count - i)));
    }
}

// Half the scales are 2^a; the rest 2^(a-1) and 2^(a+1), shared out so that the mean square is sigma^2. With r = sigma
// / 2^a in [0.79, 1.58): r^2 = 1/2 + (1/2) ((1 - q) / 4 + 4 q).
void fill_scales(const Fill& f, DType dtype, std::uint64_t key, std::int64_t first, std::int64_t count,
                 std::byte* out) {
    const int a = static_cast<int>(std::floor(std::log2(f.sigma / std::sqrt(0.625))));
    const double r = f.sigma / std::exp2(a);
    const double q = (2 * r * r - 1.25) / 3.75;
    CHECK(a > -120 && a < 120 && q >= -1e-9 && q < 1, "sigma {}", f.sigma);
    const auto larger = static_cast<std::uint32_t>(std::max(0.0, q) * 32768);
    for_each_u16(key, first, count, [&](std::int64_t i, std::uint16_t u) {
        const int exponent = u < 32768 ? a : u - 32768u < larger ? a + 1 : a - 1;
        if (dtype == DType::f32) {
            const float scale = std::ldexp(1.0f, exponent);
            std::memcpy(out + 4 * i, &scale, 4);
        } else {
            out[i] = static_cast<std::byte>(127 + exponent);
        }
    });
}

// Floyd's way to draw f.row distinct ids below f.bound.
void fill_expert_ids(const Fill& f, DType dtype, std::uint64_t key, std::int64_t first, std::int64_t count,
                     std::byte* out) {
    CHECK(dtype == DType::i64 && first % f.row == 0 && count % f.row == 0, "{} {}", first, count);
    std::vector<std::int64_t> ids;
    for (std::int64_t at = 0; at < count; at += f.row) {
        ids.clear();
        for (std::int64_t limit = f.bound - f.row; limit < f.bound; ++limit) {
            const std::uint64_t counter = static_cast<std::uint64_t>(first + at) + ids.size();
            const auto id =
                static_cast<std::int64_t>(random_bits(key, counter) % static_cast<std::uint64_t>(limit + 1));
            const bool taken = std::find(ids.begin(), ids.end(), id) != ids.end();
            ids.push_back(taken ? limit : id);
        }
        std::memcpy(out + 8 * at, ids.data(), 8 * ids.size());
    }
}

void fill_hyper_base(const Fill& f, std::uint64_t key, std::int64_t first, std::int64_t count, std::byte* out) {
    fill_normal(f, DType::f32, key, first, count, out);
    const std::int64_t hc = f.row;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t comb = first + i - 2 * hc;  // pre, post, then comb [hc, hc]
        if (comb < 0 || comb % (hc + 1) != 0) continue;
        float value = 0;
        std::memcpy(&value, out + 4 * i, 4);
        value += 1;
        std::memcpy(out + 4 * i, &value, 4);
    }
}

// ---- Which parameter gets what

// Deviation of the product of a parameter with a unit-variance input.
double gain(const Config& c, std::string_view name) {
    // Each of the 2 L sublayers adds this share, so that the streams end near variance 2 whatever L is.
    const double branch = 1 / std::sqrt(2.0 * c.num_hidden_layers);
    constexpr double kSwigluRms = 0.5964692;  // of silu(g) u, g and u standard normal
    if (name.ends_with("w2")) return branch / kSwigluRms;
    // The softmax averages many nearly independent vectors, which leaves a fraction of their size.
    if (name == "attn.wo_a") return 2;
    if (name == "attn.wo_b") return 2 * branch;
    if (name == "head") return 2.5;  // deviation of the logits
    return 1;
}

}  // namespace

Fill fill_of(const Config& c, const Form& form, const Parameter& p, bool scale) {
    using Law = Fill::Law;
    const std::string_view name = p.name;
    const double sigma = p.cols == 0 ? 1 : gain(c, name) / std::sqrt(static_cast<double>(p.cols));
    switch (p.storage) {
        case Storage::dense:
        case Storage::expert: {
            const bool fp4 = p.storage == Storage::expert && !form.fp8_experts;
            if (!scale) return {fp4 ? Law::e2m1_pairs : Law::e4m3};
            return {Law::scales, 0, sigma / (fp4 ? tables().e2m1_rms : tables().e4m3_rms)};
        }
        case Storage::bf16:
            return {Law::normal, 0, name == "embed" ? 1 : sigma};
        case Storage::norm:
            return {Law::normal, 1, 0.1};
        case Storage::hash:
            return {Law::expert_ids, 0, 1, p.cols, c.n_routed_experts};
        case Storage::f32:
            break;
    }
    if (name.ends_with("_base")) return {Law::hyper_base, 0, 0.5, c.hc_mult};
    if (name.ends_with("_scale")) return {Law::normal, 0.6, 0.1};
    if (name.ends_with("ape")) return {Law::normal, 0, 0.5};
    if (name.ends_with("gate.bias")) return {Law::normal, 0, 0.05};
    if (name.ends_with("attn_sink")) return {Law::normal, 0, 1};
    CHECK(name.ends_with("_fn"), "{} has no law", name);
    return {Law::normal, 0, sigma};
}

std::uint64_t tensor_key(std::uint64_t seed, std::string_view name) {
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return mix(hash ^ mix(seed + 0x9e3779b97f4a7c15u));
}

std::int64_t fill_grain(const Fill& f) {
    return f.law == Fill::Law::expert_ids ? f.row : 8;
}

void fill(const Fill& f, DType dtype, std::uint64_t key, std::int64_t first, std::int64_t count, std::byte* out) {
    switch (f.law) {
        case Fill::Law::normal:
            return fill_normal(f, dtype, key, first, count, out);
        case Fill::Law::e4m3:
            return fill_e4m3(key, first, count, out);
        case Fill::Law::e2m1_pairs:
            return fill_bytes(key, first, count, out);
        case Fill::Law::scales:
            return fill_scales(f, dtype, key, first, count, out);
        case Fill::Law::expert_ids:
            return fill_expert_ids(f, dtype, key, first, count, out);
        case Fill::Law::hyper_base:
            return fill_hyper_base(f, key, first, count, out);
    }
}

}  // namespace baleen::model
