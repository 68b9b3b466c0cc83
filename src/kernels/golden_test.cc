// Every set against tests/golden/units: one operation each, made by the reference (tier A) or in float32 (tier C). The
// tolerances are those of tests/golden/units/index.json.
#include <cmath>

#include "kernels/test_support.h"

namespace baleen::kernels::test {
namespace {

class GoldenUnits : public EverySet {};
INSTANTIATE_FOR_EVERY_SET(GoldenUnits);

// At most one bf16 step apart.
::testing::AssertionResult one_step(const std::vector<float>& got, const std::vector<float>& want) {
    for (std::size_t i = 0; i < want.size(); ++i) {
        const auto a = std::bit_cast<std::int32_t>(got[i]) >> 16, b = std::bit_cast<std::int32_t>(want[i]) >> 16;
        if (std::abs(a - b) > 1 && std::fabs(got[i] - want[i]) > 1e-37f)
            return ::testing::AssertionFailure() << "at " << i << ": " << got[i] << ", not " << want[i];
    }
    return ::testing::AssertionSuccess();
}

// Largest difference as a share of the rms of `want`.
double distance(const std::vector<float>& got, const std::vector<float>& want) {
    double worst = 0, squares = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
        worst = std::max(worst, std::fabs(double{got[i]} - want[i]));
        squares += double{want[i]} * want[i];
    }
    return worst / std::sqrt(squares / static_cast<double>(want.size()));
}

TEST_P(GoldenUnits, QuantiseFp8) {
    for (const int group : {128, 64}) {
        const Golden g("act_quant_fp8_" + std::to_string(group));
        ASSERT_TRUE(g.ok());
        const auto x = g.floats("input");
        std::vector<float> out(x.size());
        kernels().quantise_fp8(x.data(), static_cast<std::int64_t>(x.size()), group, out.data());
        EXPECT_TRUE(same_bits(out, g.floats("A.dequantised")));
        if (group != 64) continue;
        const auto codes = g.bytes("A.codes"), scales = g.bytes("A.scale");
        for (std::size_t row = 0; row < x.size() / 64; ++row) {  // a row is the nope part of an entry without rope
            const tensor::EntryLayout layout{64, 0, true};
            std::uint8_t entry[72];
            kernels().pack_entry(x.data() + 64 * row, layout, entry);
            EXPECT_EQ(std::memcmp(entry, codes.data() + 64 * row, 64), 0) << "row " << row;
            EXPECT_EQ(entry[64], scales[row]) << "row " << row;
        }
    }
}

TEST_P(GoldenUnits, QuantiseFp4) {
    const Golden g("act_quant_fp4_32");
    ASSERT_TRUE(g.ok());
    const auto x = g.floats("input"), want = g.floats("A.dequantised"), scales = g.floats("A.scale");
    const tensor::KeyLayout layout{32, true};
    for (std::size_t row = 0; row < x.size() / 32; ++row) {
        std::uint8_t key[17];
        std::vector<float> out(32);
        kernels().pack_key(x.data() + 32 * row, layout, key);
        EXPECT_EQ(tensor::ue8m0_to_f32(key[16]), scales[row]) << "row " << row;
        kernels().unpack_key(key, layout, out.data());
        for (float& v : out) v = tensor::round_bf16(v);
        EXPECT_TRUE(same_bits(out, {want.begin() + 32 * row, want.begin() + 32 * (row + 1)})) << "row " << row;
    }
}

// Bits equal, except where the exact sum is so near the middle of two bf16 numbers, given how much it cancels, that the
// order of float32 additions decides (one output of the three files, off by 1e-7 where magnitudes add up to 43).
std::string beyond_ties(const std::vector<float>& y, const std::vector<float>& want, const tensor::MatrixView& w,
                        const Rows& x) {
    for (std::size_t o = 0; o < y.size(); ++o) {
        if (same(y[o], want[o])) continue;
        const std::int64_t i = static_cast<std::int64_t>(o) / w.rows, r = static_cast<std::int64_t>(o) % w.rows;
        double sum = 0, size = 0;
        for (std::int64_t k = 0; k < w.cols; ++k) {
            const auto* bytes = static_cast<const std::uint8_t*>(w.data) + r * w.row_bytes();
            const bool fp8 = w.format == tensor::WeightFormat::fp8;
            const double weight =
                fp8 ? tensor::e4m3_to_f32(bytes[k]) * tensor::ue8m0_to_f32(w.scales[r / 128 * w.scale_stride + k / 128])
                    : tensor::e2m1_to_f32(k % 2 ? bytes[k / 2] >> 4 : bytes[k / 2] & 15) *
                          tensor::ue8m0_to_f32(w.scales[r * w.scale_stride + k / 32]);
            sum += weight * x.f32[i * x.stride + k];
            size += std::fabs(weight * x.f32[i * x.stride + k]);
        }
        const double middle = (double{y[o]} + want[o]) / 2;
        if (!one_step({y[o]}, {want[o]}) || std::fabs(sum - middle) > 8 * 0x1p-24 * size)
            return fmt::format("output {}: {} instead of {}, exactly {}", o, y[o], want[o], sum);
    }
    return {};
}

TEST_P(GoldenUnits, Products) {
    for (const char* name : {"fp8_gemm", "fp8_gemm_ragged", "fp4_gemm"}) {
        const Golden g(name);
        ASSERT_TRUE(g.ok());
        const bool fp4 = std::string(name) == "fp4_gemm";
        const auto x = g.floats("input"), official = g.floats("A.output"), plain = g.floats("C.output");
        const auto data = g.bytes("weight"), scales = g.bytes("weight_scale");
        const std::int64_t count = g.shape("input")[0], cols = g.shape("input")[1], rows = g.shape("weight")[0];
        const tensor::MatrixView w{fp4 ? tensor::WeightFormat::fp4 : tensor::WeightFormat::fp8,
                                   rows,
                                   cols,
                                   data.data(),
                                   scales.data(),
                                   g.shape("weight_scale")[1]};
        const Matmul product = matmul_for(kernels(), w.format);

        std::vector<float> quantised(x.size()), y(static_cast<std::size_t>(count * rows));
        kernels().quantise_fp8(x.data(), static_cast<std::int64_t>(x.size()), 128, quantised.data());
        const auto half = narrow(quantised);
        Rows in{quantised.data(), cols, half.data(), cols, static_cast<int>(count), cols};
        product(w, in, 0, rows, y.data(), rows, true, scratch_);
        EXPECT_EQ(beyond_ties(y, official, w, in), "") << name;
        in.bf16 = nullptr;
        product(w, in, 0, rows, y.data(), rows, true, scratch_);
        EXPECT_EQ(beyond_ties(y, official, w, in), "") << name << " without bf16 inputs";

        in.f32 = x.data();
        product(w, in, 0, rows, y.data(), rows, false, scratch_);
        EXPECT_LT(distance(y, plain), 2e-6) << name;
    }
}

TEST_P(GoldenUnits, Hadamard) {
    for (const int n : {64, 128}) {
        const Golden g("hadamard_" + std::to_string(n));
        ASSERT_TRUE(g.ok());
        auto official = g.floats("input"), plain = official;
        for (std::size_t i = 0; i < official.size(); i += static_cast<std::size_t>(n)) {
            kernels().hadamard(official.data() + i, n, true);
            kernels().hadamard(plain.data() + i, n, false);
        }
        EXPECT_TRUE(one_step(official, g.floats("A.output")));
        EXPECT_LT(distance(plain, g.floats("C.output")), 1e-6);
    }
}

TEST_P(GoldenUnits, Rope) {
    const Golden g("rope");
    ASSERT_TRUE(g.ok());
    for (const std::string kind : {"window", "compressed"}) {
        const auto cos = g.floats(kind + ".cos"), sin = g.floats(kind + ".sin"), x = g.floats(kind + ".input");
        for (const std::string way : {"A.forward", "A.inverse", "C.forward"}) {
            const bool round = way[0] == 'A';
            auto got = x;
            for (std::size_t row = 0; row < 5; ++row)
                for (std::size_t head = 0; head < 3; ++head)
                    kernels().rope(got.data() + (row * 3 + head) * 128 + 64, 32, cos.data() + row * 32,
                                   sin.data() + row * 32, way == "A.inverse", round);
            const auto want = g.floats(way.substr(0, 2) + kind + way.substr(1));
            if (round)
                EXPECT_TRUE(one_step(got, want)) << kind << way;
            else
                EXPECT_LT(distance(got, want), 1e-6) << kind << way;
        }
    }
}

TEST_P(GoldenUnits, Norms) {
    const Golden g("rms_norm");
    ASSERT_TRUE(g.ok());
    const auto x = g.floats("input"), w = g.floats("weight");
    std::vector<float> weighted(x.size()), plain(x.size()), heads(x.size());
    for (std::size_t i = 0; i < x.size(); i += 256) {
        kernels().rms_norm(x.data() + i, w.data(), 256, 1e-6f, weighted.data() + i, true);
        kernels().rms_norm(x.data() + i, w.data(), 256, 1e-6f, plain.data() + i, false);
        kernels().head_norm(x.data() + i, 256, 1e-6f, heads.data() + i, true);
    }
    EXPECT_TRUE(one_step(weighted, g.floats("A.weighted")));
    EXPECT_LT(distance(plain, g.floats("C.weighted")), 3e-6);
    // The file was made with a library whose CPU code takes a bf16 root before the bf16 division; the specification
    // (and the GPU) round once. Rows where that gives another factor are compared with it.
    const auto stored = g.floats("A.heads");
    for (std::size_t row = 0; row < x.size() / 256; ++row) {
        double sum = 0;
        for (std::size_t i = 0; i < 256; ++i) sum += tensor::round_bf16(x[row * 256 + i] * x[row * 256 + i]);
        const float mean = tensor::round_bf16(tensor::round_bf16(static_cast<float>(sum / 256)) + 1e-6f);
        const float once = tensor::round_bf16(1 / std::sqrt(mean));
        const float twice = tensor::round_bf16(1 / tensor::round_bf16(std::sqrt(mean)));
        std::vector<float> got(heads.begin() + 256 * row, heads.begin() + 256 * (row + 1)), want(256);
        for (std::size_t i = 0; i < 256; ++i) {
            EXPECT_EQ(stored[256 * row + i], tensor::round_bf16(x[256 * row + i] * twice)) << "row " << row;
            want[i] = once == twice ? stored[256 * row + i] : tensor::round_bf16(x[256 * row + i] * once);
        }
        EXPECT_TRUE(same_bits(got, want)) << "row " << row;
    }
}

TEST_P(GoldenUnits, SparseAttention) {
    const Golden g("sparse_attention");
    ASSERT_TRUE(g.ok());
    const auto q = g.floats("q"), kv = g.floats("kv"), sink = g.floats("sink");
    const auto indices = g.ints("indices");
    // The numbers are bf16 and not quantised: entries all of whose channels are stored as bf16, and plain ones.
    for (const tensor::EntryLayout layout :
         {tensor::EntryLayout{128, 128, true}, tensor::EntryLayout{128, 64, false}}) {
        const auto bytes = static_cast<std::size_t>(layout.bytes());
        std::vector<std::uint8_t> entries(bytes * (kv.size() / 128));
        for (std::size_t e = 0; e < kv.size() / 128; ++e)
            kernels().pack_entry(kv.data() + 128 * e, layout, entries.data() + bytes * e);
        for (const bool round : {true, false}) {
            std::vector<float> out(q.size());
            for (std::size_t t = 0; t < 10; ++t) {
                std::vector<const std::uint8_t*> list;
                for (std::size_t i = 0; i < 200; ++i)
                    if (indices[t * 200 + i] >= 0) list.push_back(entries.data() + bytes * indices[t * 200 + i]);
                kernels().attend({.q = q.data() + t * 4 * 128,
                                  .entries = list.data(),
                                  .count = static_cast<int>(list.size()),
                                  .layout = layout,
                                  .sink = sink.data(),
                                  .scale = 0x1.6a09e6p-4f,  // 128^-0.5
                                  .head_begin = 0,
                                  .head_end = 4,
                                  .out = out.data() + t * 4 * 128,
                                  .round = round},
                                 scratch_);
            }
            const auto want = g.floats(round ? "A.output" : "C.output");
            double squares = 0, off = 0;
            std::size_t far = 0;
            for (const float v : want) squares += double{v} * v;
            const double rms = std::sqrt(squares / static_cast<double>(want.size()));
            for (std::size_t i = 0; i < want.size(); ++i) {
                const double d = std::fabs(double{out[i]} - want[i]);
                off += d * d;
                far += d > 0.01 * rms;
            }
            const double n = static_cast<double>(want.size());
            if (round) {  // the reference rounds p relative to a running maximum; see index.json
                EXPECT_LE(distance(out, want), 0.0109);
                EXPECT_LE(std::sqrt(off / n) / rms, 0.0007);
                EXPECT_LE(static_cast<double>(far) / n, 0.0016);
            } else {
                EXPECT_LE(distance(out, want), 5e-6);
            }
        }
    }
}

}  // namespace
}  // namespace baleen::kernels::test
