// Products with vdpbf16ps (spec 3.4) for fp8, fp4 and bf16 weights and inputs that are bf16 numbers.
//
// Order: of every 32 columns, lane j of one accumulator per output takes the pair (2j, 2j + 1): the instruction adds
// the product of the odd column, then that of the even one, each rounded to float32. The lanes are added at the end.
// Weights enter as bf16 numbers, code times scale, which is exact: E4M3 has four significant bits, E2M1 two, and a
// power of two only moves the exponent. The instruction takes subnormal bf16 numbers as zero, so scales that would make
// a weight subnormal or infinite are left to the scalar set, row by row (no real checkpoint has them: about 2^-117 and
// 2^119).
//
// Few inputs: weights are decoded in registers, four rows together; a core decodes 9 bytes of fp8 or 5.5 of fp4 a
// cycle, more than memory brings. Many inputs: a panel of decoded rows is multiplied in tiles of 6 x 4, 24 vdpbf16ps
// for 10 loads. Each accumulator sees the same columns in the same order either way.
#include "kernels/avx512bf16/avx512bf16.h"

namespace baleen::kernels::avx512bf16 {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/avx512bf16/decode.inl"

namespace {

using tensor::WeightFormat;

constexpr int kStep = 32;    // columns of one vdpbf16ps
constexpr int kBlock = 128;  // columns under one fp8 scale
constexpr int kTileRows = 6, kTileInputs = 4;

constexpr std::int64_t bytes_of_columns(WeightFormat format, std::int64_t columns) {
    return format == WeightFormat::fp8 ? columns : format == WeightFormat::fp4 ? columns / 2 : columns * 2;
}

// ---- FP4: 32 weights as bf16

// E2M1: 16 values, twice, so that bit 4 of an index does not matter: a byte in a dword, or-ed with itself shifted by
// 12, has the low nibble at bits 0..3 of its low word (with more above) and the high nibble at bits 0..3 of its high
// word.
inline __m512i fp4_base() {
    return _mm512_broadcast_i64x4(_mm256_setr_epi16(
        0, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0, INT16_MIN, INT16_MIN + 0x3f00, INT16_MIN + 0x3f80,
        INT16_MIN + 0x3fc0, INT16_MIN + 0x4000, INT16_MIN + 0x4040, INT16_MIN + 0x4080, INT16_MIN + 0x40c0));
}
inline __m512i fp4_decode(const std::uint8_t* p, std::int16_t exponent, __m512i base) {
    const __m512i byte = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m512i index = _mm512_or_si512(byte, _mm512_slli_epi32(byte, 12));
    const __m512i table = _mm512_maskz_add_epi16(0xfefefefe, base, _mm512_set1_epi16(exponent));  // zeros stay zero
    return _mm512_permutexvar_epi16(index, table);
}

// ---- one job

struct Job {
    const tensor::MatrixView& w;
    const Rows& x;
    float* y;
    std::int64_t y_stride;
    bool round;
    std::int64_t row_bytes;
    std::int16_t* exponents;  // fp4: of up to four rows, one per step
    float* waiting;           // [rows of a panel, inputs of a tile, lanes]: accumulators between chunks of columns
    std::uint16_t* panel;     // [rows, cols] decoded weights

    const std::uint8_t* row(std::int64_t r) const { return static_cast<const std::uint8_t*>(w.data) + r * row_bytes; }
    void write(int input, std::int64_t r, float value) const {
        y[input * y_stride + r] = round ? to_bf16_one(value) : value;
    }
    // Outputs of rows [r, r + 4) for one input; of one row for four inputs.
    void write_rows(int input, std::int64_t r, __m128 values) const {
        _mm_storeu_ps(y + input * y_stride + r, round ? to_bf16_four(values) : values);
    }
    void write_inputs(int input, std::int64_t r, __m128 values) const {
        alignas(16) float four[4];
        _mm_store_ps(four, round ? to_bf16_four(values) : values);
        for (int i = 0; i < 4; ++i) y[(input + i) * y_stride + r] = four[i];
    }
};

// Whether every one of `count` scales lies in [low, high].
bool scales_fit(const std::uint8_t* codes, std::int64_t count, std::uint8_t low, std::uint8_t high) {
    const __m512i bottom = _mm512_set1_epi8(static_cast<char>(low)), top = _mm512_set1_epi8(static_cast<char>(high));
    __mmask64 outside = 0;
    for (std::int64_t i = 0; i < count; i += 64) {
        const __mmask64 some = count - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (count - i)) - 1;
        const __m512i code = _mm512_maskz_loadu_epi8(some, codes + i);
        outside |= _mm512_mask_cmplt_epu8_mask(some, code, bottom) | _mm512_mask_cmpgt_epu8_mask(some, code, top);
    }
    return outside == 0;
}

void expand_exponents(const Job& job, std::int64_t r, std::int16_t* out) {
    const std::uint8_t* codes = job.w.scales + r * job.w.scale_stride;
    const std::int64_t steps = job.w.cols / kStep;
    std::int64_t s = 0;
    for (; s + 32 <= steps; s += 32) {
        const __m512i code = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + s)));
        _mm512_storeu_si512(out + s, _mm512_slli_epi16(_mm512_sub_epi16(code, _mm512_set1_epi16(127)), 7));
    }
    for (; s < steps; ++s) out[s] = bf16_exponent(codes[s]);
}

// Walks rows [r, r + R) in order of columns; use(row, k, weights) gets 32 decoded weights at a time.
template <WeightFormat format, int R, class Use>
inline void walk(const Job& job, std::int64_t r, Use&& use) {
    const std::int64_t cols = job.w.cols, steps = cols / kStep;
    const std::uint8_t* rows[R];
    for (int i = 0; i < R; ++i) rows[i] = job.row(r + i);
    const Fp8Table unscaled = format == WeightFormat::fp8 ? Fp8Table::base() : Fp8Table{};
    const __m512i fp4_table = fp4_base();
    const std::uint8_t* scales = format == WeightFormat::fp8 ? job.w.scales + r / 128 * job.w.scale_stride : nullptr;
    for (std::int64_t block = 0; block < cols; block += kBlock) {
        for (int i = 0; i < R; ++i)
            for (std::int64_t line = 0; line < bytes_of_columns(format, kBlock); line += 64)
                __builtin_prefetch(rows[i] + R * job.row_bytes + bytes_of_columns(format, block) + line);
        const std::int64_t end = smaller(block + kBlock, cols);
        Fp8Table table;
        if constexpr (format == WeightFormat::fp8) table = Fp8Table::scaled(unscaled, scales[block / kBlock]);
        for (std::int64_t k = block; k < end; k += kStep)
            for (int i = 0; i < R; ++i) {
                const std::uint8_t* p = rows[i] + bytes_of_columns(format, k);
                if constexpr (format == WeightFormat::fp8)
                    use(i, k, table.decode(p));
                else if constexpr (format == WeightFormat::fp4)
                    use(i, k, fp4_decode(p, job.exponents[i * steps + k / kStep], fp4_table));
                else
                    use(i, k, _mm512_loadu_si512(p));
            }
    }
}

// Rows [r, r + R) times inputs [input, input + X), weights decoded on the fly.
template <WeightFormat format, int R, int X>
void direct(const Job& job, std::int64_t r, int input) {
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = Vec::zero();
    const std::uint16_t* x = job.x.bf16 + input * job.x.bf16_stride;
    walk<format, R>(
        job, r, [&](int i, std::int64_t k, __m512i weights) __attribute__((always_inline)) {
            for (int j = 0; j < X; ++j)
                acc[i][j] = _mm512_dpbf16_ps(acc[i][j], pairs(weights),
                                             pairs(_mm512_loadu_si512(x + j * job.x.bf16_stride + k)));
        });
    for (int j = 0; j < X; ++j) {
        if constexpr (R == 4)
            job.write_rows(input + j, r, sums_of(acc[0][j], acc[1][j], acc[2][j], acc[3][j]));
        else
            job.write(input + j, r, sum_of(acc[0][j]));
    }
}

template <WeightFormat format, int R>
void direct_inputs(const Job& job, std::int64_t r) {
    if constexpr (format == WeightFormat::fp4)
        for (int i = 0; i < R; ++i) expand_exponents(job, r + i, job.exponents + i * (job.w.cols / kStep));
    switch (job.x.count) {
        case 4:
            return direct<format, R, 4>(job, r, 0);
        case 3:
            return direct<format, R, 3>(job, r, 0);
        case 2:
            return direct<format, R, 2>(job, r, 0);
        case 1:
            return direct<format, R, 1>(job, r, 0);
    }
}

// Columns of a panel multiplied before the next rows are: so many of four inputs fill 16 KiB and stay in L1 while the
// panel streams from L2. Between chunks an accumulator waits in memory, unchanged.
constexpr std::int64_t kChunk = 2048;

// The decoded rows panel[0 .. R) times inputs [input, input + X) over columns [begin, end); r is the output row of
// panel[0], `waiting` holds R * X accumulators between chunks.
template <int R, int X>
void tile(const Job& job, const std::uint16_t* panel, std::int64_t r, int input, std::int64_t begin, std::int64_t end,
          float* waiting) {
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = begin == 0 ? Vec::zero() : Vec::load(waiting + (i * X + j) * kLanes);
    const std::int64_t cols = job.w.cols, stride = job.x.bf16_stride;
    const std::uint16_t* x = job.x.bf16 + input * stride;
    for (std::int64_t k = begin; k < end; k += kStep) {
        __m512i inputs[X];
        for (int j = 0; j < X; ++j) inputs[j] = _mm512_loadu_si512(x + j * stride + k);
        for (int i = 0; i < R; ++i) {
            const __m512i weights = _mm512_loadu_si512(panel + i * cols + k);
            for (int j = 0; j < X; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], pairs(weights), pairs(inputs[j]));
        }
    }
    if (end < cols) {
        for (int i = 0; i < R; ++i)
            for (int j = 0; j < X; ++j) Vec::store(waiting + (i * X + j) * kLanes, acc[i][j]);
        return;
    }
    for (int i = 0; i < R; ++i) {
        if constexpr (X == 4)
            job.write_inputs(input, r + i, sums_of(acc[i][0], acc[i][1], acc[i][2], acc[i][3]));
        else
            for (int j = 0; j < X; ++j) job.write(input + j, r + i, sum_of(acc[i][j]));
    }
}

template <int R>
void tile_inputs(const Job& job, const std::uint16_t* panel, std::int64_t r, int input, int inputs, std::int64_t begin,
                 std::int64_t end, float* waiting) {
    switch (inputs) {
        case 4:
            return tile<R, 4>(job, panel, r, input, begin, end, waiting);
        case 3:
            return tile<R, 3>(job, panel, r, input, begin, end, waiting);
        case 2:
            return tile<R, 2>(job, panel, r, input, begin, end, waiting);
        case 1:
            return tile<R, 1>(job, panel, r, input, begin, end, waiting);
    }
}

// All inputs times the `rows` decoded rows at `panel`, tile by tile.
void multiply_panel(const Job& job, const std::uint16_t* panel, std::int64_t r, int rows) {
    const std::int64_t cols = job.w.cols;
    for (int input = 0; input < job.x.count; input += kTileInputs) {
        const int inputs = smaller(kTileInputs, job.x.count - input);
        for (std::int64_t begin = 0; begin < cols; begin += kChunk) {
            const std::int64_t end = smaller(begin + kChunk, cols);
            for (int done = 0, step; done < rows; done += step) {
                const std::uint16_t* part = panel + done * cols;
                float* waiting = job.waiting + done * kTileInputs * kLanes;
                step = rows - done >= kTileRows ? kTileRows : rows - done >= 2 ? 2 : 1;
                if (step == kTileRows)
                    tile_inputs<kTileRows>(job, part, r + done, input, inputs, begin, end, waiting);
                else if (step == 2)
                    tile_inputs<2>(job, part, r + done, input, inputs, begin, end, waiting);
                else
                    tile_inputs<1>(job, part, r + done, input, inputs, begin, end, waiting);
            }
        }
    }
}

// Rows [begin, end), of one tile row where the format is fp8, all with fitting scales.
template <WeightFormat format>
void segment(const Job& job, std::int64_t begin, std::int64_t end, int panel_rows) {
    std::int64_t r = begin;
    if (job.x.count <= 4) {
        for (; r + 4 <= end; r += 4) direct_inputs<format, 4>(job, r);
        for (; r < end; ++r) direct_inputs<format, 1>(job, r);
        return;
    }
    for (; r < end; r += panel_rows) {
        const int rows = static_cast<int>(smaller<std::int64_t>(panel_rows, end - r));
        if constexpr (format == WeightFormat::bf16) {
            multiply_panel(job, reinterpret_cast<const std::uint16_t*>(job.row(r)), r, rows);
        } else {
            for (int i = 0; i < rows; ++i) {
                if constexpr (format == WeightFormat::fp4) expand_exponents(job, r + i, job.exponents);
                std::uint16_t* out = job.panel + i * job.w.cols;
                walk<format, 1>(
                    job, r + i, [&](int, std::int64_t k, __m512i weights) __attribute__((always_inline)) {
                        _mm512_storeu_si512(out + k, weights);
                    });
            }
            multiply_panel(job, job.panel, r, rows);
        }
    }
}

// Rows of a panel: at most 192 KiB, so that it stays in L2 beside the inputs.
inline int rows_of_panel(std::int64_t cols) {
    const std::int64_t fit = (192 << 10) / (cols * 2) / kTileRows * kTileRows;
    return static_cast<int>(fit < kTileRows ? kTileRows : smaller<std::int64_t>(fit, 96));
}

// First row after `begin` that does not belong to its segment, and whether the segment's scales fit.
struct Segment {
    std::int64_t end;
    bool fit;
};
template <WeightFormat format>
Segment next_segment(const tensor::MatrixView& w, std::int64_t begin, std::int64_t row_end) {
    if constexpr (format == WeightFormat::fp8) {
        const std::uint8_t* codes = w.scales + begin / 128 * w.scale_stride;
        return {smaller(row_end, (begin / 128 + 1) * 128),
                scales_fit(codes, (w.cols + 127) / 128, kLeastScale, kMostScale)};
    } else if constexpr (format == WeightFormat::fp4) {
        const auto fits = [&](std::int64_t r) {
            return scales_fit(w.scales + r * w.scale_stride, w.cols / 32, 2, 252);
        };
        const bool fit = fits(begin);
        std::int64_t end = begin + 1;
        while (end < row_end && end < begin + 96 && fits(end) == fit) ++end;
        return {end, fit};
    } else {
        return {row_end, true};
    }
}

template <WeightFormat format>
void product(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
             std::int64_t y_stride, bool round, Scratch& scratch) {
    const int panel_rows = rows_of_panel(w.cols);
    const std::int64_t exponents = (4 * (w.cols / kStep) + 31) / 32 * 32, waiting = panel_rows * kTileInputs * kLanes;
    const bool many = x.count > 4;
    const std::int64_t words =
        exponents + (many ? 2 * waiting : 0) + (many && format != WeightFormat::bf16 ? panel_rows * w.cols : 0);
    auto* memory = static_cast<std::uint16_t*>(reserve(scratch, static_cast<std::size_t>(words) * 2));
    const Job job{w,
                  x,
                  y,
                  y_stride,
                  round,
                  bytes_of_columns(format, w.cols),
                  reinterpret_cast<std::int16_t*>(memory),
                  reinterpret_cast<float*>(memory + exponents),
                  memory + exponents + 2 * waiting};
    for (std::int64_t begin = row_begin; begin < row_end;) {
        const Segment part = next_segment<format>(w, begin, row_end);
        if (part.fit)
            segment<format>(job, begin, part.end, panel_rows);
        else
            scalar::matmul(w, x, begin, part.end, y, y_stride, round, scratch);
        begin = part.end;
    }
}

}  // namespace

void matmul_fp8(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    if (x.bf16 == nullptr) return avx512::matmul_fp8(w, x, row_begin, row_end, y, y_stride, round, scratch);
    product<WeightFormat::fp8>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

void matmul_fp4(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    if (x.bf16 == nullptr) return avx512::matmul_fp4(w, x, row_begin, row_end, y, y_stride, round, scratch);
    product<WeightFormat::fp4>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

void matmul_bf16(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                 std::int64_t y_stride, bool round, Scratch& scratch) {
    if (x.bf16 == nullptr) return avx512::matmul_bf16(w, x, row_begin, row_end, y, y_stride, round, scratch);
    product<WeightFormat::bf16>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

}  // namespace baleen::kernels::avx512bf16
