// Products of every set against exact sums in double, with a bound that follows from the length of the set's own chains
// of additions; and to the bit against themselves: any number of rows together, any split of the output rows, any
// alignment.
#include <algorithm>
#include <cmath>

#include "kernels/test_support.h"

namespace baleen::kernels::test {
namespace {

using tensor::MatrixView;
using tensor::WeightFormat;

// A matrix that owns its bytes, and its weights in double.
struct Matrix {
    std::vector<std::uint8_t> data, scales;
    std::vector<double> weights;
    MatrixView view;
    std::size_t shift = 0;

    Matrix(WeightFormat format, std::int64_t rows, std::int64_t cols, std::size_t misalign = 0) : shift(misalign) {
        view.format = format;
        view.rows = rows;
        view.cols = cols;
        data.resize(static_cast<std::size_t>(rows * view.row_bytes()) + misalign);
        if (format == WeightFormat::fp8) {
            view.scale_stride = (cols + 127) / 128;
            scales.resize(static_cast<std::size_t>((rows + 127) / 128 * view.scale_stride));
        } else if (format == WeightFormat::fp4) {
            view.scale_stride = cols / 32;
            scales.resize(static_cast<std::size_t>(rows * view.scale_stride));
        }
        finish();
    }
    std::uint8_t* bytes() { return data.data() + shift; }
    void finish() {
        view.data = data.data() + shift;
        view.scales = scales.data();
        weights.resize(static_cast<std::size_t>(view.rows * view.cols));
        for (std::int64_t r = 0; r < view.rows; ++r)
            for (std::int64_t k = 0; k < view.cols; ++k) weights[r * view.cols + k] = weight(r, k);
    }
    double weight(std::int64_t r, std::int64_t k) {
        const std::uint8_t* row = bytes() + r * view.row_bytes();
        switch (view.format) {
            case WeightFormat::fp8:
                return double{tensor::e4m3_to_f32(row[k])} *
                       tensor::ue8m0_to_f32(scales[r / 128 * view.scale_stride + k / 128]);
            case WeightFormat::fp4:
                return double{tensor::e2m1_to_f32(k % 2 ? row[k / 2] >> 4 : row[k / 2] & 15)} *
                       tensor::ue8m0_to_f32(scales[r * view.scale_stride + k / 32]);
            case WeightFormat::bf16: {
                std::uint16_t bits;
                std::memcpy(&bits, row + 2 * k, 2);
                return tensor::bf16_to_f32(bits);
            }
            case WeightFormat::f32: {
                float value;
                std::memcpy(&value, row + 4 * k, 4);
                return value;
            }
        }
        return 0;
    }
};

// Weights as a model has them: no NaN, scales around 2^-8.
Matrix random_matrix(Random& random, WeightFormat format, std::int64_t rows, std::int64_t cols,
                     std::size_t misalign = 0) {
    Matrix m(format, rows, cols, misalign);
    if (format == WeightFormat::fp8 || format == WeightFormat::fp4) {
        for (std::size_t i = misalign; i < m.data.size(); ++i) {
            m.data[i] = static_cast<std::uint8_t>(random.next() >> 40);
            if (format == WeightFormat::fp8 && (m.data[i] & 0x7f) == 0x7f) m.data[i] ^= 0x20;
        }
        for (auto& s : m.scales) s = static_cast<std::uint8_t>(random.between(107, 131));
    } else {
        const auto values = random.bf16_normals(static_cast<std::size_t>(rows * cols), 0.05f);
        if (format == WeightFormat::bf16)
            std::memcpy(m.bytes(), narrow(values).data(), values.size() * 2);
        else
            std::memcpy(m.bytes(), random.normals(values.size(), 0.05f).data(), values.size() * 4);
    }
    m.finish();
    return m;
}

struct Inputs {
    std::vector<float> x;
    std::vector<std::uint16_t> half;
    Rows rows;

    Inputs(std::vector<float> values, int count, std::int64_t width, bool official) : x(std::move(values)) {
        if (official) half = narrow(x);
        rows = {x.data(), width, official ? half.data() : nullptr, official ? width : 0, count, width};
    }
};

// Roundings an output goes through in the longest chain of the set, each at most 2^-24 of the sum of magnitudes.
double depth(const Kernels& k, std::int64_t cols) {
    const auto n = static_cast<double>(cols);
    if (k.name == "scalar") return 2 + std::min(n, 128.0) + n / 128;
    if (k.name == "avx2") return n / 8 + 4;
    return n / 16 + 5;
}

// Every output of rows [begin, end) within its bound; the message of the first that is not.
std::string check(const Kernels& k, const Matrix& m, const Inputs& in, std::int64_t begin, std::int64_t end,
                  Scratch& scratch) {
    const std::int64_t n = m.view.rows, cols = m.view.cols;
    const float poison = 12345.0f;
    std::vector<float> y(static_cast<std::size_t>(in.rows.count * n), poison), rounded = y;
    matmul_for(k, m.view.format)(m.view, in.rows, begin, end, y.data(), n, false, scratch);
    matmul_for(k, m.view.format)(m.view, in.rows, begin, end, rounded.data(), n, true, scratch);
    for (int i = 0; i < in.rows.count; ++i)
        for (std::int64_t r = 0; r < n; ++r) {
            const float got = y[i * n + r];
            std::string where = fmt::format("{} input {} row {} cols {}: ", k.name, i, r, cols);
            if (r < begin || r >= end) {
                if (got != poison || rounded[i * n + r] != poison) return where + "written outside the range";
                continue;
            }
            double sum = 0, size = 0, largest = 0;
            for (std::int64_t c = 0; c < cols; ++c) {
                const double term = m.weights[r * cols + c] * in.x[i * in.rows.stride + c];
                sum += term;
                size += std::fabs(term);
                largest = std::max(largest, std::fabs(term));
            }
            if (size > 3e38) continue;  // may overflow on the way
            const double bound = depth(k, cols) * 0x1p-24 * 1.001 * size + static_cast<double>(cols) * 0x1p-125;
            if (!(std::fabs(got - sum) <= bound))
                return where + fmt::format("{} instead of {}, {} bounds off", got, sum, std::fabs(got - sum) / bound);
            if (!same(rounded[i * n + r], tensor::round_bf16(got)))
                return where + fmt::format("{} is not {} rounded", rounded[i * n + r], got);
        }
    return {};
}

constexpr WeightFormat kFormats[] = {WeightFormat::fp8, WeightFormat::fp4, WeightFormat::bf16, WeightFormat::f32};

class Products : public EverySet {};
INSTANTIATE_FOR_EVERY_SET(Products);

// Random shapes, ragged ranges of rows, inputs with and without their bf16 form.
TEST_P(Products, StayWithinTheBoundOfTheirOwnOrder) {
    for (int seed = 0; seed < 120; ++seed) {
        Random random(seed);
        const WeightFormat format = kFormats[seed % 4];
        const std::int64_t widths[] = {32, 64, 96, 128, 160, 384, 1056};
        const std::int64_t cols = widths[random.below(7)], rows = random.between(1, seed % 7 == 0 ? 300 : 40);
        const int count = random.between(1, seed % 5 == 0 ? 40 : 9);
        const bool official = random.below(3) != 0;
        Matrix m = random_matrix(random, format, rows, cols);
        const auto n = static_cast<std::size_t>(count * cols);
        const Inputs in(official ? random.bf16_normals(n, 3) : random.normals(n, 3), count, cols, official);
        const std::int64_t begin = random.below(static_cast<int>(rows)),
                           end = random.between(static_cast<int>(begin) + 1, static_cast<int>(rows));
        EXPECT_EQ(check(kernels(), m, in, begin, end, scratch_), "") << "seed " << seed;
        EXPECT_EQ(check(kernels(), m, in, 0, rows, scratch_), "") << "seed " << seed;
    }
}

TEST_P(Products, HoldAtTheWidthsOfTheModel) {
    Random random(7);
    for (const WeightFormat format : kFormats)
        for (const int count : {1, 6}) {
            Matrix m = random_matrix(random, format, 13, 4096);
            const Inputs in(random.bf16_normals(static_cast<std::size_t>(count) * 4096), count, 4096, true);
            EXPECT_EQ(check(kernels(), m, in, 0, 13, scratch_), "");
        }
}

// Every code with every scale that keeps sums finite, one code to a row, so that a wrong entry of a table cannot hide.
TEST_P(Products, DecodeEveryCodeUnderEveryScale) {
    for (const WeightFormat format : {WeightFormat::fp8, WeightFormat::fp4}) {
        const std::int64_t cols = format == WeightFormat::fp8 ? 128 : 1056;  // fp4: scales in whole vectors and beyond
        const int codes = format == WeightFormat::fp8 ? 256 : 16;
        for (const int count : {1, 5})
            for (int scale = 0; scale < 255; ++scale) {
                Matrix m(format, codes, cols);
                for (int code = 0; code < codes; ++code)
                    std::fill_n(m.bytes() + code * m.view.row_bytes(), m.view.row_bytes(),
                                static_cast<std::uint8_t>(format == WeightFormat::fp8 ? code : code * 17));
                std::fill(m.scales.begin(), m.scales.end(), static_cast<std::uint8_t>(scale));
                m.finish();
                // One column at a time is 1 (or its size when the weight is small), the rest 0: the output is the
                // weight.
                const float size = scale < 30 ? 0x1p100f : 1.0f;
                std::vector<float> x(static_cast<std::size_t>(count * cols));
                for (int i = 0; i < count; ++i) x[i * cols + (37 * scale + i) % cols] = size;
                const Inputs in(x, count, cols, true);
                std::vector<float> y(static_cast<std::size_t>(count * codes));
                matmul_for(kernels(), format)(m.view, in.rows, 0, codes, y.data(), codes, false, scratch_);
                for (int i = 0; i < count; ++i)
                    for (int code = 0; code < codes; ++code) {
                        const auto want = static_cast<float>(m.weight(code, 0) * size);
                        // NaN times 0 is NaN as well; infinity appears only where 0 * infinity gave NaN in the sum.
                        if (std::isinf(want)) continue;
                        const float got = y[i * codes + code];
                        ASSERT_TRUE(got == want || (std::isnan(got) && std::isnan(want)))
                            << (format == WeightFormat::fp8 ? "fp8" : "fp4") << " code " << code << " scale " << scale
                            << ": " << std::hexfloat << got << " instead of " << want;
                    }
            }
    }
}

TEST_P(Products, ReadNibblesInOrder) {
    // Row 0 has the code 2 (1.0) at one even column and the code 5 (3.0) at the next, the odd one.
    Matrix m(WeightFormat::fp4, 1, 64);
    m.bytes()[21] = 0x52;
    std::fill(m.scales.begin(), m.scales.end(), std::uint8_t{127});
    m.finish();
    for (int k = 0; k < 64; ++k) {
        std::vector<float> x(64);
        x[static_cast<std::size_t>(k)] = 1;
        const Inputs in(x, 1, 64, true);
        float y;
        kernels().matmul_fp4(m.view, in.rows, 0, 1, &y, 1, true, scratch_);
        EXPECT_EQ(y, k == 42 ? 1.0f : k == 43 ? 3.0f : 0.0f) << "column " << k;
    }
}

// Rows whose scales lie far apart, cancellation, subnormal codes, zeros, large values.
TEST_P(Products, HoldForAwkwardNumbers) {
    for (int seed = 0; seed < 60; ++seed) {
        Random random(1000 + seed);
        const WeightFormat format = kFormats[seed % 4];
        const std::int64_t rows = 30, cols = 256;
        const int count = 1 + seed % 6;
        Matrix m = random_matrix(random, format, rows, cols);
        if (format == WeightFormat::fp8)
            for (auto& code : m.data)
                if (random.below(2)) code &= 0x87;  // subnormal or zero
        for (auto& s : m.scales)
            s = static_cast<std::uint8_t>(random.below(4) ? random.between(60, 190) : random.between(0, 254));
        m.finish();
        auto x = random.bf16_normals(static_cast<std::size_t>(count * cols), 1);
        for (std::size_t i = 0; i < x.size(); ++i) {
            x[i] *= std::ldexp(1.0f, random.between(-20, 20));
            if (i % 2 && random.below(2)) x[i] = -x[i - 1];
            if (random.below(8) == 0) x[i] = 0;
        }
        const Inputs in(x, count, cols, true);
        EXPECT_EQ(check(kernels(), m, in, 0, rows, scratch_), "") << "seed " << seed;
    }
}

// One row alone, among many, in any split of the output rows and at any address: the same bits.
TEST_P(Products, DoNotDependOnCompanyOrPlace) {
    for (int seed = 0; seed < 24; ++seed) {
        Random random(2000 + seed);
        const WeightFormat format = kFormats[seed % 4];
        const bool official = seed % 3 != 0;
        const std::int64_t cols = seed % 2 ? 416 : 2080, rows = 141;
        const int all = 33;
        Matrix m = random_matrix(random, format, rows, cols);
        if (seed % 5 == 0 && !m.scales.empty()) m.scales[m.scales.size() / 2] = 253;  // one row or tile by the slow way
        m.finish();
        const auto n = static_cast<std::size_t>(all * cols);
        auto values = official ? random.bf16_normals(n) : random.normals(n);
        for (int i = 3; i < all; i += 5)  // now and then an input of unusual size
            for (std::int64_t k = 0; k < cols; k += 9) values[i * cols + k] *= i % 2 ? 0x1p-60f : 0x1p45f;
        const Inputs in(values, all, cols, official);
        const Matmul product = matmul_for(kernels(), format);
        std::vector<float> want(static_cast<std::size_t>(all * rows));
        product(m.view, in.rows, 0, rows, want.data(), rows, false, scratch_);

        for (const int count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16}) {
            const int first = random.below(all - count + 1);
            Rows some = in.rows;
            some.f32 += first * some.stride;
            if (some.bf16) some.bf16 += first * some.bf16_stride;
            some.count = count;
            std::vector<float> got(static_cast<std::size_t>(count * rows));
            for (std::int64_t begin = 0; begin < rows;) {
                const std::int64_t end = std::min<std::int64_t>(rows, begin + random.between(1, 60));
                product(m.view, some, begin, end, got.data(), rows, false, scratch_);
                begin = end;
            }
            const std::vector<float> part(want.begin() + first * rows, want.begin() + (first + count) * rows);
            EXPECT_TRUE(same_bits(got, part)) << kernels().name << " seed " << seed << " count " << count;
        }

        const std::size_t step = format == WeightFormat::f32 ? 4 : format == WeightFormat::bf16 ? 2 : 1;
        Matrix moved(format, rows, cols, 3 * step);
        std::memcpy(moved.bytes(), m.bytes(), m.data.size());
        moved.scales = m.scales;
        moved.finish();
        std::vector<float> x(in.x.size() + 1 + all);  // rows one number longer than they need be, and off by one
        std::vector<std::uint16_t> half(x.size());
        for (int i = 0; i < all; ++i)
            for (std::int64_t k = 0; k < cols; ++k) x[1 + i * (cols + 1) + k] = in.x[i * cols + k];
        half = narrow(x);
        const Rows off{x.data() + 1, cols + 1, official ? half.data() + 1 : nullptr, cols + 1, all, cols};
        std::vector<float> got(want.size());
        product(moved.view, off, 0, rows, got.data(), rows, false, scratch_);
        EXPECT_TRUE(same_bits(got, want)) << kernels().name << " moved, seed " << seed;
    }
}

// Products so small that an instruction that flushes subnormals would lose them on one way through and keep them on
// another: the number of inputs must not decide which.
TEST_P(Products, DoNotDependOnCompanyNearTheEndOfTheRange) {
    for (const WeightFormat format : kFormats)
        for (const int scale : {8, 30, 64, 70, 100, 127, 150, 190})
            for (const int size : {-100, -80, -60, -41, -39, -20, 39, 41}) {
                Random random(scale * 1000 + size);
                const std::int64_t cols = 256, rows = 8;
                const int all = 12;
                Matrix m = random_matrix(random, format, rows, cols);
                for (auto& s : m.scales) s = static_cast<std::uint8_t>(scale + random.below(3));
                auto values = random.bf16_normals(static_cast<std::size_t>(all * cols), std::ldexp(1.0f, size));
                const Inputs in(values, all, cols, true);
                const Matmul product = matmul_for(kernels(), format);
                std::vector<float> together(static_cast<std::size_t>(all * rows)), alone(together.size());
                product(m.view, in.rows, 0, rows, together.data(), rows, false, scratch_);
                for (int i = 0; i < all; ++i) {
                    Rows one = in.rows;
                    one.f32 += i * cols;
                    one.bf16 += i * cols;
                    one.count = 1;
                    product(m.view, one, 0, rows, alone.data() + i * rows, rows, false, scratch_);
                }
                EXPECT_TRUE(same_bits(alone, together)) << "scale " << scale << " size " << size;
            }
}

}  // namespace
}  // namespace baleen::kernels::test
