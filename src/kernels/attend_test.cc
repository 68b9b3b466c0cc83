// Attention of every set against double, and against itself: heads in any split give the same bits.
#include <cmath>

#include "kernels/test_support.h"

namespace baleen::kernels::test {
namespace {

struct Case {
    tensor::EntryLayout layout;
    int heads, count;
    std::vector<float> q, sink;
    std::vector<std::uint8_t> bytes;
    std::vector<const std::uint8_t*> entries;

    Case(Random& random, tensor::EntryLayout layout_, int heads_, int count_, float size, bool official)
        : layout(layout_), heads(heads_), count(count_) {
        const auto dim = static_cast<std::size_t>(layout.head_dim);
        q = official ? random.bf16_normals(dim * heads, size) : random.normals(dim * heads, size);
        sink = random.normals(static_cast<std::size_t>(heads), 4);
        bytes.resize(static_cast<std::size_t>(layout.bytes() * count));
        for (int e = 0; e < count; ++e) {
            auto x = random.bf16_normals(dim);
            if (!official) x = random.normals(dim);
            scalar_set().pack_entry(x.data(), layout, bytes.data() + e * layout.bytes());
            entries.push_back(bytes.data() + e * layout.bytes());
        }
        for (int e = count - 1; e > 0; --e) std::swap(entries[e], entries[random.below(e + 1)]);
    }
    Attend work(float* out, bool round) const {
        return {.q = q.data(),
                .entries = entries.data(),
                .count = count,
                .layout = layout,
                .sink = sink.data(),
                .scale = static_cast<float>(1 / std::sqrt(layout.head_dim)),
                .head_begin = 0,
                .head_end = heads,
                .out = out,
                .round = round};
    }
    std::vector<float> run(const Kernels& k, bool round, Scratch& scratch) const {
        std::vector<float> out(q.size(), NAN);
        k.attend(work(out.data(), round), scratch);
        return out;
    }
};

// The message of the first output outside its bound. A logit is off by at most `depth` roundings of sum |q k|, p by the
// error of its logit and a few units; rounding p to bf16 adds 2^-9 of every term (2^-8 where the set rounds p to the
// other side), rounding the output 2^-9 of it.
std::string check(const Kernels& k, const Case& c, bool round, Scratch& scratch) {
    const int dim = c.layout.head_dim;
    const auto out = c.run(k, round, scratch);
    std::vector<std::vector<float>> entries(static_cast<std::size_t>(c.count),
                                            std::vector<float>(static_cast<std::size_t>(dim)));
    for (int e = 0; e < c.count; ++e) scalar_set().unpack_entry(c.entries[e], c.layout, entries[e].data());
    const double scale = static_cast<float>(1 / std::sqrt(dim));
    for (int h = 0; h < c.heads; ++h) {
        std::vector<double> p(static_cast<std::size_t>(c.count));
        double top = -INFINITY, off = 0;
        for (int e = 0; e < c.count; ++e) {
            double size = 0;
            for (int i = 0; i < dim; ++i) {
                p[e] += double{c.q[h * dim + i]} * entries[e][i] * scale;
                size += std::fabs(double{c.q[h * dim + i]} * entries[e][i] * scale);
            }
            top = std::max(top, p[e]);
            off = std::max(off, size * (k.name == "scalar" ? dim + 2 : dim / 8 + 6) * 0x1p-24);
        }
        double total = std::exp(c.sink[h] - top);
        for (double& v : p) total += v = std::exp(v - top);
        const double relative = 2 * off + (c.count + 100) * 0x1p-24 + (round ? 0x1p-8 : 0);
        for (int i = 0; i < dim; ++i) {
            double sum = 0, size = 0;
            for (int e = 0; e < c.count; ++e) {
                sum += p[e] * entries[e][i];
                size += std::fabs(p[e] * entries[e][i]);
            }
            const double bound = size / total * relative + (round ? std::fabs(sum / total) * 0x1p-8 : 0) + 1e-37;
            if (!(std::fabs(out[h * dim + i] - sum / total) <= bound))
                return fmt::format("head {} channel {}: {} instead of {}, bound {}", h, i, out[h * dim + i],
                                   sum / total, bound);
        }
    }
    return {};
}

class Attention : public EverySet {};
INSTANTIATE_FOR_EVERY_SET(Attention);

TEST_P(Attention, StaysWithinItsBound) {
    const tensor::EntryLayout layouts[] = {
        {128, 64, true}, {512, 64, true}, {128, 64, false}, {96, 32, true}, {256, 64, false}};
    for (int seed = 0; seed < 60; ++seed) {
        Random random(seed);
        const auto layout = layouts[seed % 5];
        const int counts[] = {1, 2, 3, 15, 16, 17, 31, 33, 64, 130};
        const Case c(random, layout, random.between(1, 9), counts[random.below(10)], seed % 3 ? 1.0f : 8.0f,
                     layout.packed);
        EXPECT_EQ(check(kernels(), c, layout.packed, scratch_), "") << "seed " << seed;
        EXPECT_EQ(check(kernels(), c, false, scratch_), "") << "seed " << seed << " unrounded";
    }
}

TEST_P(Attention, HoldsForLongLists) {
    Random random(5);
    const Case c(random, {128, 64, true}, 5, 10007, 2, true);
    EXPECT_EQ(check(kernels(), c, true, scratch_), "");
}

TEST_P(Attention, GivesTheSameBitsForAnySplitOfHeads) {
    for (int seed = 0; seed < 20; ++seed) {
        Random random(100 + seed);
        const bool packed = seed % 3 != 0;
        const Case c(random, {seed % 2 ? 512 : 128, 64, packed}, 23, random.between(1, 80), 2, packed);
        const auto whole = c.run(kernels(), packed, scratch_);
        std::vector<float> parts(whole.size(), NAN);
        Attend work = c.work(parts.data(), packed);
        for (work.head_begin = 0; work.head_begin < 23; work.head_begin = work.head_end) {
            work.head_end = std::min(23, work.head_begin + random.between(1, 7));
            kernels().attend(work, scratch_);
        }
        EXPECT_TRUE(same_bits(parts, whole)) << "seed " << seed;
    }
}

TEST_P(Attention, TouchesOnlyItsHeads) {
    Random random(3);
    const Case c(random, {128, 64, true}, 6, 20, 2, true);
    std::vector<float> out(c.q.size(), 77);
    Attend work = c.work(out.data(), true);
    work.head_begin = 2, work.head_end = 4;
    kernels().attend(work, scratch_);
    for (int i = 0; i < 6 * 128; ++i) EXPECT_EQ(out[i] == 77, i < 2 * 128 || i >= 4 * 128) << i;
}

// With q = 0 every p is 1, so sums of small integers are exact and nothing is left to a set.
TEST_P(Attention, AveragesExactlyWhereNothingRounds) {
    for (const int count : {1, 7, 16, 64, 100}) {
        Random random(count);
        Case c(random, {128, 64, true}, 3, count, 0, true);
        for (int e = 0; e < count; ++e) {
            std::vector<float> x(128);
            for (float& v : x) v = static_cast<float>(random.between(-8, 8));
            for (int g = 0; g < 64; g += 64) x[g] = 448;  // scale 1
            scalar_set().pack_entry(x.data(), c.layout, c.bytes.data() + e * c.layout.bytes());
        }
        c.sink.assign(3, -INFINITY);
        for (const bool round : {true, false})
            EXPECT_TRUE(same_bits(c.run(kernels(), round, scratch_), c.run(scalar_set(), round, scratch_))) << count;
    }
}

// A sink far above the logits takes everything; far below, nothing.
TEST_P(Attention, LetsTheSinkTakeItsShare) {
    Random random(9);
    Case c(random, {128, 64, true}, 2, 1, 1, true);
    std::vector<float> entry(128);
    scalar_set().unpack_entry(c.entries[0], c.layout, entry.data());
    c.sink = {-1000, 1000};
    const auto out = c.run(kernels(), true, scratch_);
    for (int i = 0; i < 128; ++i) {
        EXPECT_EQ(out[i], entry[i]);
        EXPECT_EQ(out[128 + i], 0);
    }
}

// The list order is the order of the sum: a big pair that cancels first or last changes what is left of small terms.
TEST_P(Attention, AddsInListOrder) {
    for (const bool packed : {true, false}) {
        Random random(4);
        Case c(random, {128, packed ? 128 : 64, packed}, 1, 5, 0, packed);  // packed: every channel as bf16
        const float values[] = {0x1p30f, 1.0f, -0x1p30f, 2.0f, 4.0f};
        for (int e = 0; e < 5; ++e) {
            const std::vector<float> x(128, values[e]);
            scalar_set().pack_entry(x.data(), c.layout, c.bytes.data() + e * c.layout.bytes());
        }
        c.sink = {-INFINITY};
        const int orders[][5] = {{0, 1, 2, 3, 4}, {0, 2, 1, 3, 4}, {1, 0, 2, 3, 4}, {3, 4, 0, 2, 1}, {0, 1, 3, 4, 2}};
        const float sums[] = {6, 7, 6, 1, 0};
        for (int i = 0; i < 5; ++i) {
            for (int e = 0; e < 5; ++e) c.entries[e] = c.bytes.data() + orders[i][e] * c.layout.bytes();
            const float want = packed ? tensor::round_bf16(sums[i] / 5) : sums[i] / 5;
            for (const float v : c.run(kernels(), packed, scratch_)) EXPECT_EQ(v, want) << "order " << i;
        }
    }
}

// Scale bytes no quantiser writes, as a damaged cache could hold them: small ones give small numbers, never big ones.
TEST_P(Attention, TakesAnyScale) {
    for (const int scale : {0, 1, 5, 9, 10, 11, 246}) {
        Random random(scale);
        Case c(random, {128, 64, true}, 3, 21, 0, true);
        for (int e = 0; e < 21; ++e) {
            std::uint8_t* entry = c.bytes.data() + e * c.layout.bytes();
            std::fill_n(entry, 64, static_cast<std::uint8_t>(e % 8 + (e % 3 ? 0 : 0x80)));  // subnormal codes
            entry[c.layout.scale_offset()] = static_cast<std::uint8_t>(scale);
        }
        EXPECT_EQ(check(kernels(), c, true, scratch_), "") << "scale " << scale;
    }
}

}  // namespace
}  // namespace baleen::kernels::test
