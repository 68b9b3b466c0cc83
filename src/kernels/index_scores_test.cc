// Index scores: packed keys give the bits of the scalar set in every set; plain keys stay within a bound.
#include <cmath>

#include "kernels/test_support.h"

namespace baleen::kernels::test {
namespace {

class IndexScores : public EverySet {};
INSTANTIATE_FOR_EVERY_SET(IndexScores);

TEST_P(IndexScores, HaveTheSameBitsInEverySet) {
    for (int seed = 0; seed < 300; ++seed) {
        Random random(seed);
        const tensor::KeyLayout layout{seed % 4 == 0 ? 128 : 32 * random.between(1, 8), true};
        const int heads = seed % 9 == 0 ? 64 : random.between(1, 10), count = random.between(1, 70);
        const auto bytes = static_cast<std::size_t>(layout.bytes());
        auto make = [&](int n) {
            std::vector<std::uint8_t> keys = random.bytes(bytes * n);
            for (int i = 0; i < n; ++i)
                for (int g = 0; g < layout.head_dim / 32; ++g) {
                    auto& scale = keys[i * bytes + layout.scale_offset() + g];
                    // Scales close together, as a vector's are: of all heads or of some, and at the edges of what counts as usual; far
                    // apart; with products that leave the normal range; every byte, NaN too.
                    scale = static_cast<std::uint8_t>(seed % 6 == 0   ? random.between(122, 125)
                                                      : seed % 6 == 1 ? random.between(122, 126)
                                                      : seed % 6 == 2 ? random.between(171, 175) - 92 * random.below(2)
                                                      : seed % 6 == 3 ? random.between(110, 130)
                                                      : seed % 6 == 4 ? random.between(40, 100)
                                                                      : random.below(256));
                }
            return keys;
        };
        const auto q = make(heads), keys = make(count);
        auto weights = random.normals(static_cast<std::size_t>(heads), 0.3f);
        if (seed % 2)
            for (float& w : weights) w = tensor::round_bf16(w);
        if (seed % 7 == 0) weights[static_cast<std::size_t>(random.below(heads))] = seed % 2 ? 0.0f : 0x1p-40f;
        std::vector<float> got(static_cast<std::size_t>(count)), want(got.size());
        IndexScore work{q.data(), weights.data(), heads, keys.data(), count, layout, want.data()};
        scalar_set().index_scores(work, scratch_);
        work.out = got.data();
        kernels().index_scores(work, scratch_);
        EXPECT_TRUE(same_bits(got, want)) << "seed " << seed;
        // A key alone scores as among others.
        const int one = random.below(count);
        work.keys = keys.data() + one * bytes;
        work.count = 1;
        kernels().index_scores(work, scratch_);
        EXPECT_TRUE(same(got[0], want[one])) << "seed " << seed;
    }
}

// From numbers to scores, against double: the dot is exact before its rounding.
TEST_P(IndexScores, AreWhatTheSpecificationSays) {
    for (int seed = 0; seed < 30; ++seed) {
        Random random(seed);
        const tensor::KeyLayout layout{128, true};
        const int heads = 8, count = 40;
        const auto bytes = static_cast<std::size_t>(layout.bytes());
        std::vector<std::uint8_t> packed(bytes * (heads + count));
        std::vector<std::vector<float>> numbers;
        for (int i = 0; i < heads + count; ++i) {
            const auto x = random.bf16_normals(128, 2);
            kernels().pack_key(x.data(), layout, packed.data() + i * bytes);
            numbers.emplace_back(128);
            kernels().unpack_key(packed.data() + i * bytes, layout, numbers.back().data());
        }
        const auto weights = random.bf16_normals(heads, 0.1f);
        std::vector<float> got(count);
        kernels().index_scores(
            {packed.data(), weights.data(), heads, packed.data() + heads * bytes, count, layout, got.data()}, scratch_);
        for (int c = 0; c < count; ++c) {
            double sum = 0, size = 0;
            for (int h = 0; h < heads; ++h) {
                double dot = 0;
                for (int i = 0; i < 128; ++i) dot += double{numbers[h][i]} * numbers[heads + c][i];
                const double term =
                    tensor::round_bf16(std::max(0.0f, tensor::round_bf16(static_cast<float>(dot))) * weights[h]);
                sum += term;
                size += std::fabs(term);
            }
            EXPECT_NEAR(got[c], sum, std::fabs(sum) * 0x1p-8 + size * 16 * 0x1p-24) << "seed " << seed << " key " << c;
        }
    }
}

TEST_P(IndexScores, OfPlainKeysAreNotRounded) {
    for (int seed = 0; seed < 40; ++seed) {
        Random random(seed);
        const tensor::KeyLayout layout{seed % 3 ? 128 : 64, false};
        const int heads = random.between(1, 9), count = random.between(1, 21), dim = layout.head_dim;
        const auto q = random.normals(static_cast<std::size_t>(heads * dim)),
                   keys = random.normals(static_cast<std::size_t>(count * dim));
        const auto weights = random.normals(static_cast<std::size_t>(heads));
        std::vector<float> got(static_cast<std::size_t>(count));
        kernels().index_scores({q.data(), weights.data(), heads, reinterpret_cast<const std::uint8_t*>(keys.data()),
                                count, layout, got.data()},
                               scratch_);
        for (int c = 0; c < count; ++c) {
            double sum = 0, size = 0;
            for (int h = 0; h < heads; ++h) {
                double dot = 0, terms = 0;
                for (int i = 0; i < dim; ++i) {
                    dot += double{q[h * dim + i]} * keys[c * dim + i];
                    terms += std::fabs(double{q[h * dim + i]} * keys[c * dim + i]);
                }
                sum += std::max(0.0, dot) * weights[h];
                size += terms * std::fabs(weights[h]);
            }
            EXPECT_NEAR(got[c], sum, size * (dim + heads + 4) * 0x1p-24) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace baleen::kernels::test
