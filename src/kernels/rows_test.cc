// Roundings, entries, keys and the small row operations of every set. What has no freedom of order must have the bits
// of the scalar set; the rest is held to double with a bound from its inputs.
#include <cmath>
#include <numeric>

#include "kernels/test_support.h"

namespace baleen::kernels::test {
namespace {

class RowKernels : public EverySet {};
INSTANTIATE_FOR_EVERY_SET(RowKernels);

constexpr float kInf = std::numeric_limits<float>::infinity();

// Lengths around the widths of the vectors.
constexpr int kLengths[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 128, 257, 448, 512, 1000};

// Ordinary numbers with, now and then, something special.
std::vector<float> mixed(Random& random, std::size_t n, bool special) {
    auto x = random.normals(n, 3);
    const float specials[] = {0.0f, -0.0f, 1e-40f, -1e-42f, 1e38f, -3e38f, 0x1p-126f, kInf, -kInf, NAN};
    for (float& v : x) {
        v *= std::ldexp(1.0f, random.between(-8, 8));
        if (special && random.below(12) == 0) v = specials[random.below(10)];
    }
    return x;
}

TEST_P(RowKernels, RoundToBf16LikeTheDefinition) {
    std::vector<float> x;
    const std::uint32_t lows[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1234, 0xabcd};
    for (std::uint32_t high = 0; high < 0x10000; ++high)
        for (const std::uint32_t low : lows) x.push_back(std::bit_cast<float>(high << 16 | low));
    x.push_back(1.5f);  // an odd length
    auto got = x, want = x;
    for (float& v : want) v = tensor::round_bf16(v);
    kernels().round_bf16(got.data(), static_cast<std::int64_t>(got.size()));
    for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(want[i])) << std::hexfloat << x[i];
    std::vector<std::uint16_t> half(x.size());
    kernels().narrow_bf16(want.data(), static_cast<std::int64_t>(want.size()), half.data());
    EXPECT_EQ(half, narrow(want));
}

TEST_P(RowKernels, QuantiseFp8LikeScalar) {
    for (int seed = 0; seed < 200; ++seed) {
        Random random(seed);
        const int group = seed % 2 ? 64 : 128;
        const auto n = static_cast<std::size_t>(group * random.between(1, 5));
        auto x = mixed(random, n, seed % 4 == 3);
        if (seed % 3 == 0)
            for (float& v : x) v = tensor::round_bf16(v);
        if (seed % 8 == 5)
            for (float& v : x) v *= 1e-9f;  // below the floor of the scale
        std::vector<float> got(n), want(n);
        scalar_set().quantise_fp8(x.data(), static_cast<std::int64_t>(n), group, want.data());
        kernels().quantise_fp8(x.data(), static_cast<std::int64_t>(n), group, got.data());
        EXPECT_TRUE(same_bits(got, want)) << "seed " << seed;
        kernels().quantise_fp8(x.data(), static_cast<std::int64_t>(n), group, x.data());
        EXPECT_TRUE(same_bits(x, want)) << "in place, seed " << seed;
    }
}

// Every E4M3 value survives, and midpoints go to even.
TEST_P(RowKernels, QuantiseFp8KeepsItsOwnValues) {
    std::vector<float> x;
    for (int code = 0; code < 0x7f; ++code) {
        x.push_back(tensor::e4m3_to_f32(static_cast<std::uint8_t>(code)));
        x.push_back(-x.back());
    }
    while (x.size() % 128) x.push_back(448);
    for (std::size_t first = 0; first < x.size(); first += 64) x[first] = 448;  // every group has scale 1
    for (const int group : {64, 128}) {
        std::vector<float> got(x.size());
        kernels().quantise_fp8(x.data(), static_cast<std::int64_t>(x.size()), group, got.data());
        EXPECT_TRUE(same_bits(got, x));
    }
}

TEST_P(RowKernels, PackEntriesLikeScalar) {
    for (int seed = 0; seed < 200; ++seed) {
        Random random(seed);
        const int ropes[] = {32, 64, 128, 6};
        const tensor::EntryLayout layout{64 * random.between(1, 8) + ropes[seed % 4], ropes[seed % 4], seed % 5 != 4};
        auto x = mixed(random, static_cast<std::size_t>(layout.head_dim), seed % 4 == 3);
        for (int i = layout.nope_dim(); i < layout.head_dim; ++i) x[i] = tensor::round_bf16(x[i]);
        const auto bytes = static_cast<std::size_t>(layout.bytes());
        std::vector<std::uint8_t> got(bytes + 9, 0xaa), want = got;
        scalar_set().pack_entry(x.data(), layout, want.data());
        kernels().pack_entry(x.data(), layout, got.data());
        EXPECT_EQ(got, want) << "seed " << seed;
        std::vector<float> numbers(x.size()), expected(x.size());
        scalar_set().unpack_entry(want.data(), layout, expected.data());
        kernels().unpack_entry(want.data(), layout, numbers.data());
        EXPECT_TRUE(same_bits(numbers, expected)) << "seed " << seed;
        // An entry stands for the numbers the quantiser would have left.
        if (layout.packed) {
            std::vector<float> quantised(x.size());
            kernels().quantise_fp8(x.data(), layout.nope_dim(), 64, quantised.data());
            std::copy(x.begin() + layout.nope_dim(), x.end(), quantised.begin() + layout.nope_dim());
            EXPECT_TRUE(same_bits(numbers, quantised)) << "seed " << seed;
        }
    }
}

TEST_P(RowKernels, UnpackEveryCodeUnderEveryScale) {
    const tensor::EntryLayout layout{256 + 64, 64, true};
    for (int scale = 0; scale < 256; ++scale) {
        Random random(scale);
        auto entry = random.bytes(static_cast<std::size_t>(layout.bytes()));
        std::iota(entry.begin(), entry.begin() + 256, std::uint8_t{0});
        for (int g = 0; g < 4; ++g) entry[layout.scale_offset() + g] = static_cast<std::uint8_t>(scale);
        std::vector<float> got(320), want(320);
        scalar_set().unpack_entry(entry.data(), layout, want.data());
        kernels().unpack_entry(entry.data(), layout, got.data());
        EXPECT_TRUE(same_bits(got, want)) << "scale " << scale;
    }
}

TEST_P(RowKernels, PackKeysLikeScalar) {
    for (int seed = 0; seed < 200; ++seed) {
        Random random(seed);
        const tensor::KeyLayout layout{32 * random.between(1, 6), seed % 5 != 4};
        const auto x = mixed(random, static_cast<std::size_t>(layout.head_dim), seed % 4 == 3);
        const auto bytes = static_cast<std::size_t>(layout.bytes());
        std::vector<std::uint8_t> got(bytes + 5, 0xaa), want = got;
        scalar_set().pack_key(x.data(), layout, want.data());
        kernels().pack_key(x.data(), layout, got.data());
        EXPECT_EQ(got, want) << "seed " << seed;
        std::vector<float> numbers(x.size()), expected(x.size());
        scalar_set().unpack_key(want.data(), layout, expected.data());
        kernels().unpack_key(want.data(), layout, numbers.data());
        EXPECT_TRUE(same_bits(numbers, expected)) << "seed " << seed;
    }
}

TEST_P(RowKernels, SumsOfSquaresAndNormsStayWithinTheirBounds) {
    for (int seed = 0; seed < 100; ++seed)
        for (const int n : {kLengths[seed % 18], 4096}) {
            Random random(seed);
            const auto x = random.bf16_normals(static_cast<std::size_t>(n), 2), w = random.bf16_normals(x.size());
            double sum = 0;
            for (const float v : x) sum += double{v} * v;
            const double slack = (n + 3) * 0x1p-24;  // any order of n positive terms
            EXPECT_NEAR(kernels().sum_squares(x.data(), n), sum, sum * slack);

            const double factor = 1 / std::sqrt(sum / n + 1e-6);
            std::vector<float> plain(x.size()), rounded(x.size());
            kernels().rms_norm(x.data(), w.data(), n, 1e-6f, plain.data(), false);
            kernels().rms_norm(x.data(), w.data(), n, 1e-6f, rounded.data(), true);
            for (int i = 0; i < n; ++i) {
                const double want = w[i] * (x[i] * factor);
                ASSERT_NEAR(plain[i], want, std::fabs(want) * (slack / 2 + 8 * 0x1p-24)) << "seed " << seed;
                ASSERT_TRUE(same(rounded[i], tensor::round_bf16(plain[i]))) << "seed " << seed;
            }
            kernels().head_norm(x.data(), n, 1e-6f, plain.data(), false);
            for (int i = 0; i < n; ++i)
                ASSERT_NEAR(plain[i], x[i] * factor, std::fabs(x[i] * factor) * (slack / 2 + 8 * 0x1p-24));

            // Rounded: the squares and the mean are bf16, so the factor is one of at most two neighbours.
            double squares = 0;
            for (const float v : x) squares += tensor::round_bf16(v * v);
            const auto factor_of = [&](double s) {
                const float mean = tensor::round_bf16(static_cast<float>(s / n));
                return tensor::round_bf16(1.0f / std::sqrt(tensor::round_bf16(mean + 1e-6f)));
            };
            const float low = factor_of(squares * (1 - slack)), high = factor_of(squares * (1 + slack));
            kernels().head_norm(x.data(), n, 1e-6f, rounded.data(), true);
            for (int i = 0; i < n; ++i)
                ASSERT_TRUE(same(rounded[i], tensor::round_bf16(x[i] * low)) ||
                            same(rounded[i], tensor::round_bf16(x[i] * high)))
                    << "seed " << seed << " n " << n << " at " << i;
        }
}

TEST_P(RowKernels, RotateTransformMixAndAddLikeScalar) {
    for (int seed = 0; seed < 150; ++seed) {
        Random random(seed);
        const bool round = seed % 2, inverse = seed % 3 == 0;
        const int pairs = kLengths[seed % 18];
        const auto x = random.bf16_normals(static_cast<std::size_t>(2 * pairs), 4);
        const auto cos = random.normals(static_cast<std::size_t>(pairs)), sin = random.normals(cos.size());
        auto got = x, want = x;
        scalar_set().rope(want.data(), pairs, cos.data(), sin.data(), inverse, round);
        kernels().rope(got.data(), pairs, cos.data(), sin.data(), inverse, round);
        EXPECT_TRUE(same_bits(got, want)) << "rope, seed " << seed;

        const int order = 1 << (seed % 11);
        got = want = random.bf16_normals(static_cast<std::size_t>(order), 4);
        scalar_set().hadamard(want.data(), order, round);
        kernels().hadamard(got.data(), order, round);
        EXPECT_TRUE(same_bits(got, want)) << "hadamard " << order << ", seed " << seed;

        const int n = kLengths[(seed * 7) % 18], hc = random.between(1, 8);
        const auto streams = random.bf16_normals(static_cast<std::size_t>(n * hc), 4), v = random.bf16_normals(n);
        const auto factors = random.normals(static_cast<std::size_t>(hc + hc * hc));
        got.assign(n, 0);
        want = got;
        scalar_set().hc_collapse(streams.data(), factors.data(), hc, n, want.data(), round);
        kernels().hc_collapse(streams.data(), factors.data(), hc, n, got.data(), round);
        EXPECT_TRUE(same_bits(got, want)) << "hc_collapse, seed " << seed;
        got = want = streams;
        scalar_set().hc_expand(want.data(), v.data(), factors.data(), factors.data() + hc, hc, n, round);
        kernels().hc_expand(got.data(), v.data(), factors.data(), factors.data() + hc, hc, n, round);
        EXPECT_TRUE(same_bits(got, want)) << "hc_expand, seed " << seed;
        scalar_set().add(want.data(), v.data(), n);
        kernels().add(got.data(), v.data(), n);
        EXPECT_TRUE(same_bits(got, want)) << "add, seed " << seed;
    }
}

TEST_P(RowKernels, HadamardOfTheSpecification) {
    std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8};
    kernels().hadamard(x.data(), 8, false);
    const double want[] = {36, -4, -8, 0, -16, 0, 0, 0};
    for (int i = 0; i < 8; ++i) EXPECT_NEAR(x[i], want[i] / std::sqrt(8.0), 1e-6);
}

TEST_P(RowKernels, SwigluClampsAndRounds) {
    for (int seed = 0; seed < 60; ++seed) {
        Random random(seed);
        const int n = kLengths[seed % 18];
        auto gate = random.bf16_normals(static_cast<std::size_t>(n), seed % 3 ? 4 : 40), up = random.bf16_normals(n, 8);
        if (n > 4) gate[0] = -1000, gate[1] = 1000, up[2] = -1000, gate[3] = -88.5f, gate[4] = -0.0f;
        const float limit = seed % 4 == 0 ? kInf : 10, weight = random.unit() * 3;
        std::vector<float> plain(gate.size()), rounded(gate.size());
        kernels().swiglu(gate.data(), up.data(), n, limit, weight, plain.data(), false);
        kernels().swiglu(gate.data(), up.data(), n, limit, weight, rounded.data(), true);
        for (int i = 0; i < n; ++i) {
            const double g = std::min(gate[i], limit), u = std::max(std::min(up[i], limit), -limit);
            const double want = g / (1 + std::exp(-g)) * u * weight;
            ASSERT_NEAR(plain[i], want, std::fabs(want) * 8 * 0x1p-24 + 1e-36)
                << "seed " << seed << " gate " << gate[i] << " up " << up[i];
            ASSERT_TRUE(same(rounded[i], tensor::round_bf16(plain[i])));
        }
    }
}

TEST_P(RowKernels, PoolIsAWeightedMeanPerChannel) {
    for (int seed = 0; seed < 40; ++seed) {
        Random random(seed);
        const int n = kLengths[seed % 18], count = seed % 4 == 0 ? 128 : random.between(1, 8);
        std::vector<std::vector<float>> values, gates;
        std::vector<const float*> value, gate;
        for (int r = 0; r < count; ++r) {
            values.push_back(random.normals(static_cast<std::size_t>(n), 2));
            gates.push_back(random.normals(static_cast<std::size_t>(n), 10));
            if (r > 0 && random.below(4) == 0) std::fill(gates.back().begin(), gates.back().end(), -kInf);
        }
        for (int r = 0; r < count; ++r) value.push_back(values[r].data()), gate.push_back(gates[r].data());
        std::vector<float> out(static_cast<std::size_t>(n));
        kernels().pool(value.data(), gate.data(), count, n, out.data());
        for (int i = 0; i < n; ++i) {
            double top = -kInf, sum = 0, total = 0, size = 0;
            for (int r = 0; r < count; ++r) top = std::max(top, double{gate[r][i]});
            for (int r = 0; r < count; ++r) {
                const double e = std::exp(gate[r][i] - top);
                sum += value[r][i] * e;
                size += std::fabs(value[r][i]) * e;
                total += e;
            }
            // exp of a float32 difference: its rounding moves e by up to |difference| / 2^24.
            ASSERT_NEAR(out[i], sum / total, size / total * (2 * count + 80) * 0x1p-24)
                << "seed " << seed << " at " << i;
        }
    }
}

// exp(-t) through pool: two rows with gates 0 and -t and values 0 and 1 give e / (1 + e).
TEST_P(RowKernels, ExponentialIsWithinOneUnit) {
    const std::vector<float> zero(4096, 0.0f), one(4096, 1.0f);
    std::vector<float> minus(4096), out(4096);
    double worst = 0;
    for (int part = 0; part < 64; ++part) {
        for (int i = 0; i < 4096; ++i) minus[i] = -static_cast<float>((part * 4096 + i) * (86.0 / (64 * 4096)));
        const float* value[] = {zero.data(), one.data()};
        const float* gate[] = {zero.data(), minus.data()};
        kernels().pool(value, gate, 2, 4096, out.data());
        for (int i = 0; i < 4096; ++i) {
            const double e = std::exp(double{minus[i]}), want = e / (1 + e);
            worst = std::max(worst, std::fabs(out[i] - want) / want * 0x1p23);
        }
    }
    EXPECT_LE(worst, 1.0 + 1.0);  // exp, then one addition and one division of half a unit each
    EXPECT_GT(worst, 0.0);
}

TEST_P(RowKernels, FindWhatIsNotBelow) {
    for (int seed = 0; seed < 100; ++seed) {
        Random random(seed);
        for (const int n : kLengths) {
            const auto x = mixed(random, static_cast<std::size_t>(n), seed % 2);
            const float least = seed % 5 == 0 ? -kInf : x[static_cast<std::size_t>(random.between(0, n - 1))];
            std::vector<std::int32_t> got(x.size(), -1), want(x.size(), -1);
            const std::int64_t found = kernels().find_not_below(x.data(), n, least, 17, got.data());
            std::int64_t wanted = 0;
            for (int i = 0; i < n; ++i)
                if (!(x[static_cast<std::size_t>(i)] < least)) want[static_cast<std::size_t>(wanted++)] = 17 + i;
            ASSERT_EQ(found, wanted) << "seed " << seed << ", " << n << " numbers";
            EXPECT_EQ(got, want);
        }
    }
}

}  // namespace
}  // namespace baleen::kernels::test
