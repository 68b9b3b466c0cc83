// Products of fp4 weights and bf16 inputs with vdpbf16ps (spec 3.4).
//
// A core must decode 16 bytes of fp4, 32 weights, in under four cycles to keep up with memory, so nothing is spent on
// moving nibbles into the order of columns. 64 bytes, 128 columns, are one register of 32 words with four nibbles each;
// a permute by the low bits of every word looks up its first nibble, and of the word shifted by 4, 8 and 12 the others.
// The inputs are laid out to match once per call: vector n of a block holds the columns 4w + n for its words w.
//
//   word w of a block:    | column 4w+3 | column 4w+2 | column 4w+1 | column 4w |
//
// A dword lane then belongs to eight columns 8j .. 8j + 7, all under one scale. Order, for lane j: t = 0; t adds the
// columns 8j + 4, 8j, 8j + 5, 8j + 1, 8j + 6, 8j + 2, 8j + 7, 8j + 3 (vdpbf16ps adds the upper product first), each
// rounded to float32; acc = acc + t, rounded once, over blocks in order. The lanes are added at the end.
//
// Few inputs: the scale is applied to t, in the FMA that adds it to acc; 15 instructions per block and row, 6.5 bytes a
// cycle. Many inputs: a panel of decoded rows is multiplied in tiles of 3 x 4; there the scale is in the weight, and
// the addition leaves the ports of vdpbf16ps alone. Both give the same bits as long as nothing is subnormal or
// overflows on the way, so rows of weights with scales outside 2^-63 .. 2^63 and inputs with magnitudes outside 2^-40
// .. 2^40 (a quantised activation is at least 2^-31) go another way, each by itself: such a weight row to the scalar
// set, such an input to avx512.
#include "kernels/avx512bf16/avx512bf16.h"

namespace baleen::kernels::avx512bf16 {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/wide/product_io.inl"

#include "kernels/avx512bf16/decode.inl"

namespace {

constexpr int kBlock = 128;  // columns of a block
constexpr int kBlockBytes = 64;
constexpr int kParts = 4;  // nibbles of a word, vectors of a block of inputs or decoded weights
constexpr int kTileRows = 3, kTileInputs = 4;
constexpr int kDirectInputs = 9;     // up to so many, decoding again for every three beats a panel
constexpr std::int64_t kChunk = 16;  // blocks of a panel multiplied before the next rows are; see products.cc

struct Job {
    const tensor::MatrixView& w;
    int count;  // inputs
    Output out;
    std::int64_t row_bytes, blocks;
    std::int64_t stride;   // words from one row of x or of the panel to the next: one line more than the row has, since
                           // rows a multiple of 4 KiB apart would fight for the same places in L1
    std::uint16_t* x;      // [count] rows of [blocks, kParts, 32]
    std::uint16_t* panel;  // [rows] rows of [blocks, kParts, 32] decoded weights
    float* waiting;        // [rows, inputs of a tile, lanes]: accumulators between chunks

    const std::uint8_t* row(std::int64_t r) const { return static_cast<const std::uint8_t*>(w.data) + r * row_bytes; }
    const std::uint8_t* codes(std::int64_t r) const { return w.scales + r * w.scale_stride; }
};

// ---- one block

// Values of E2M1 as bf16, twice: bit 4 of an index belongs to the next nibble and must not matter.
inline __m512i values() {
    return _mm512_broadcast_i64x4(_mm256_setr_epi16(
        0, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0, INT16_MIN, INT16_MIN + 0x3f00, INT16_MIN + 0x3f80,
        INT16_MIN + 0x3fc0, INT16_MIN + 0x4000, INT16_MIN + 0x4040, INT16_MIN + 0x4080, INT16_MIN + 0x40c0));
}

inline void decode(__m512i nibbles, __m512i table, __m512i* parts) {
    parts[0] = _mm512_permutexvar_epi16(nibbles, table);
    parts[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(nibbles, 4), table);
    parts[2] = _mm512_permutexvar_epi16(_mm512_srli_epi16(nibbles, 8), table);
    parts[3] = _mm512_permutexvar_epi16(_mm512_srli_epi16(nibbles, 12), table);
}

// Four scale bytes, packed in an int, as the float of every lane: byte l at the lanes 4l .. 4l + 3. Not for 0 and 255.
inline F lane_scales(std::uint32_t codes) {
    const __m512i bytes = _mm512_set1_epi32(static_cast<int>(codes));
    const __m512i place = _mm512_setr_epi32(0x80008080, 0x80008080, 0x80008080, 0x80008080, 0x80018080, 0x80018080,
                                            0x80018080, 0x80018080, 0x80028080, 0x80028080, 0x80028080, 0x80028080,
                                            0x80038080, 0x80038080, 0x80038080, 0x80038080);  // into byte 2, rest 0
    return Vec::number(Vec::left<7>(_mm512_shuffle_epi8(bytes, place)));
}

// The same as exponents to add to both bf16 numbers of every lane.
inline __m512i lane_exponents(std::uint32_t codes) {
    const __m512i bytes = _mm512_set1_epi32(static_cast<int>(codes));
    const __m512i place = _mm512_setr_epi32(0x80008000, 0x80008000, 0x80008000, 0x80008000, 0x80018001, 0x80018001,
                                            0x80018001, 0x80018001, 0x80028002, 0x80028002, 0x80028002, 0x80028002,
                                            0x80038003, 0x80038003, 0x80038003, 0x80038003);
    return _mm512_slli_epi16(_mm512_sub_epi16(_mm512_shuffle_epi8(bytes, place), _mm512_set1_epi16(127)), 7);
}

// Block b of row r: its nibbles and scales; columns past the end are zeros.
struct Block {
    __m512i nibbles;
    std::uint32_t codes;
};
inline Block load_block(const std::uint8_t* row, const std::uint8_t* codes, std::int64_t b) {
    Block block;
    block.nibbles = _mm512_loadu_si512(row + b * kBlockBytes);
    __builtin_memcpy(&block.codes, codes + 4 * b, 4);
    return block;
}
inline Block load_last(const std::uint8_t* row, const std::uint8_t* codes, std::int64_t b, std::int64_t cols) {
    const std::int64_t left = cols - b * kBlock;
    Block block{_mm512_maskz_loadu_epi8((__mmask64{1} << left / 2) - 1, row + b * kBlockBytes), 0};
    __builtin_memcpy(&block.codes, codes + 4 * b, static_cast<std::size_t>(left / 32));
    return block;
}

// ---- inputs

// 128 words to four vectors: part n takes the words 4w + n.
inline void deal(const std::uint16_t* in, std::uint16_t* out) {
    alignas(64) std::uint16_t evens[32], odds[32];
    for (int i = 0; i < 32; ++i)
        evens[i] = static_cast<std::uint16_t>(2 * i), odds[i] = static_cast<std::uint16_t>(2 * i + 1);
    const __m512i even = _mm512_load_si512(evens), odd = _mm512_load_si512(odds);
    const __m512i a = _mm512_loadu_si512(in), b = _mm512_loadu_si512(in + 32);
    const __m512i c = _mm512_loadu_si512(in + 64), d = _mm512_loadu_si512(in + 96);
    const __m512i low_even = _mm512_permutex2var_epi16(a, even, b), high_even = _mm512_permutex2var_epi16(c, even, d);
    const __m512i low_odd = _mm512_permutex2var_epi16(a, odd, b), high_odd = _mm512_permutex2var_epi16(c, odd, d);
    _mm512_storeu_si512(out, _mm512_permutex2var_epi16(low_even, even, high_even));
    _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi16(low_odd, even, high_odd));
    _mm512_storeu_si512(out + 64, _mm512_permutex2var_epi16(low_even, odd, high_even));
    _mm512_storeu_si512(out + 96, _mm512_permutex2var_epi16(low_odd, odd, high_odd));
}

void deal_inputs(const Job& job, const Rows& x) {
    for (int i = 0; i < x.count; ++i) {
        const std::uint16_t* in = x.bf16 + i * x.bf16_stride;
        std::uint16_t* out = job.x + i * job.stride;
        std::int64_t k = 0;
        for (; k + kBlock <= job.w.cols; k += kBlock) deal(in + k, out + k);
        if (k == job.w.cols) continue;
        std::uint16_t last[kBlock] = {};
        __builtin_memcpy(last, in + k, static_cast<std::size_t>(2 * (job.w.cols - k)));
        deal(last, out + k);
    }
}

// ---- few inputs

// One block of R rows times X inputs, decoded on the fly; load(i) gets the block of row i. Unrolled by order: else the compiler
// keeps blocks and sums in memory.
template <int R, int X, class Load>
inline __attribute__((always_inline)) void direct_block(std::int64_t stride, Load&& load, const std::uint16_t* x, __m512i table,
                                                        F (&acc)[R][X]) {
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) {
        const Block block = load(i);
        __m512i parts[kParts];
        decode(block.nibbles, table, parts);
        const F scale = lane_scales(block.codes);
#pragma GCC unroll 3
        for (int j = 0; j < X; ++j) {
            F t = Vec::zero();
#pragma GCC unroll 4
            for (int n = 0; n < kParts; ++n)
                t = _mm512_dpbf16_ps(t, pairs(parts[n]), pairs(_mm512_loadu_si512(x + j * stride + 32 * n)));
            acc[i][j] = Vec::fma(t, scale, acc[i][j]);
        }
    }
}

template <int R, int X>
void direct(const Job& job, std::int64_t r, int input) {
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = Vec::zero();
    const std::int64_t whole = job.w.cols / kBlock, ahead = bytes_ahead(job.row_bytes, R);
    const std::uint16_t* x = job.x + input * job.stride;
    __m512i table = values();
    asm("" : "+v"(table));  // in a register, not loaded for every lookup
    const std::uint8_t* const row = job.row(r);
    const std::uint8_t* const codes = job.codes(r);
    const std::int64_t row_bytes = job.row_bytes, code_bytes = job.w.scale_stride, stride = job.stride;
    for (std::int64_t b = 0; b < whole; ++b) {
        look_ahead<R * kBlockBytes>(row + ahead + R * b * kBlockBytes);
        direct_block<R, X>(
            stride, [&](int i) __attribute__((always_inline)) { return load_block(row + i * row_bytes, codes + i * code_bytes, b); },
            x + b * kBlock, table, acc);
    }
    if (whole < job.blocks) {
        direct_block<R, X>(
            stride, [&](int i) __attribute__((always_inline)) { return load_last(row + i * row_bytes, codes + i * code_bytes, whole, job.w.cols); },
            x + whole * kBlock, table, acc);
    }
    for (int j = 0; j < X; ++j) {
        if constexpr (R == 4)
            job.out.rows(input + j, r, sums_of(acc[0][j], acc[1][j], acc[2][j], acc[3][j]));
        else
            for (int i = 0; i < R; ++i) job.out.one(input + j, r + i, sum_of(acc[i][j]));
    }
}

// Three inputs at a time, and never one where two and two will do.
template <int R>
void direct_inputs(const Job& job, std::int64_t r) {
    for (int input = 0, step; input < job.count; input += step) {
        const int left = job.count - input;
        step = left == 4 ? 2 : smaller(left, 3);
        if (step == 3)
            direct<R, 3>(job, r, input);
        else if (step == 2)
            direct<R, 2>(job, r, input);
        else
            direct<R, 1>(job, r, input);
    }
}

// ---- many inputs

void decode_row(const Job& job, std::int64_t r, std::uint16_t* panel) {
    const __m512i table = values();
    const std::uint8_t* row = job.row(r);
    const std::uint8_t* codes = job.codes(r);
    const std::int64_t whole = job.w.cols / kBlock, ahead = bytes_ahead(job.row_bytes, 1);
    for (std::int64_t b = 0; b < job.blocks; ++b) {
        look_ahead<kBlockBytes>(row + ahead + b * kBlockBytes);
        const Block block = b < whole ? load_block(row, codes, b) : load_last(row, codes, b, job.w.cols);
        const __m512i exponents = lane_exponents(block.codes);
        __m512i parts[kParts];
        decode(block.nibbles, table, parts);
        for (int n = 0; n < kParts; ++n) {  // zeros stay zero
            const __mmask32 some = _mm512_test_epi16_mask(parts[n], _mm512_set1_epi16(0x7fff));
            _mm512_storeu_si512(panel + b * kBlock + 32 * n, _mm512_maskz_add_epi16(some, parts[n], exponents));
        }
    }
}

// Decoded rows [0, R) of the panel times inputs [input, input + X) over blocks [begin, end).
template <int R, int X>
void tile(const Job& job, const std::uint16_t* panel, std::int64_t r, int input, std::int64_t begin, std::int64_t end,
          float* waiting) {
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = begin == 0 ? Vec::zero() : Vec::load(waiting + (i * X + j) * kLanes);
    const std::int64_t stride = job.stride;
    const std::uint16_t* x = job.x + input * stride;
    for (std::int64_t b = begin; b < end; ++b) {
        F t[R][X];
        for (int i = 0; i < R; ++i)
            for (int j = 0; j < X; ++j) t[i][j] = Vec::zero();
        for (int n = 0; n < kParts; ++n) {
            __m512i inputs[X];
            for (int j = 0; j < X; ++j) inputs[j] = _mm512_loadu_si512(x + j * stride + b * kBlock + 32 * n);
            for (int i = 0; i < R; ++i) {
                const __m512i weights = _mm512_loadu_si512(panel + i * stride + b * kBlock + 32 * n);
                for (int j = 0; j < X; ++j) t[i][j] = _mm512_dpbf16_ps(t[i][j], pairs(weights), pairs(inputs[j]));
            }
        }
        for (int i = 0; i < R; ++i)
            for (int j = 0; j < X; ++j) acc[i][j] = Vec::add(acc[i][j], t[i][j]);
    }
    for (int i = 0; i < R; ++i) {
        if (end < job.blocks) {
            for (int j = 0; j < X; ++j) Vec::store(waiting + (i * X + j) * kLanes, acc[i][j]);
        } else if constexpr (X == 4) {
            job.out.inputs(input, r + i, sums_of(acc[i][0], acc[i][1], acc[i][2], acc[i][3]));
        } else {
            for (int j = 0; j < X; ++j) job.out.one(input + j, r + i, sum_of(acc[i][j]));
        }
    }
}

template <int R>
void tile_inputs(const Job& job, std::int64_t r, int first, int input, int inputs, std::int64_t begin,
                 std::int64_t end) {
    const std::uint16_t* panel = job.panel + first * job.stride;
    float* waiting = job.waiting + first * kTileInputs * kLanes;
    switch (inputs) {
        case 4:
            return tile<R, 4>(job, panel, r + first, input, begin, end, waiting);
        case 3:
            return tile<R, 3>(job, panel, r + first, input, begin, end, waiting);
        case 2:
            return tile<R, 2>(job, panel, r + first, input, begin, end, waiting);
        case 1:
            return tile<R, 1>(job, panel, r + first, input, begin, end, waiting);
    }
}

void multiply_panel(const Job& job, std::int64_t r, int rows) {
    for (int input = 0; input < job.count; input += kTileInputs) {
        const int inputs = smaller(kTileInputs, job.count - input);
        for (std::int64_t begin = 0; begin < job.blocks; begin += kChunk) {
            const std::int64_t end = smaller(begin + kChunk, job.blocks);
            int i = 0;
            for (; i + kTileRows <= rows; i += kTileRows) tile_inputs<kTileRows>(job, r, i, input, inputs, begin, end);
            for (; i < rows; ++i) tile_inputs<1>(job, r, i, input, inputs, begin, end);
        }
    }
}

// Rows of a panel: at most 192 KiB, so that it stays in L2 beside the inputs.
inline int rows_of_panel(std::int64_t blocks) {
    const std::int64_t fit = (192 << 10) / (blocks * 2 * kBlock) / kTileRows * kTileRows;
    return static_cast<int>(fit < kTileRows ? kTileRows : smaller<std::int64_t>(fit, 96));
}

// Rows [begin, end), all with ordinary scales.
void segment(const Job& job, std::int64_t begin, std::int64_t end, int panel_rows) {
    std::int64_t r = begin;
    if (job.count <= kDirectInputs) {
        for (; r + 4 <= end; r += 4) direct_inputs<4>(job, r);
        for (; r < end; ++r) direct_inputs<1>(job, r);
        return;
    }
    for (; r < end; r += panel_rows) {
        const int rows = static_cast<int>(smaller<std::int64_t>(panel_rows, end - r));
        for (int i = 0; i < rows; ++i) decode_row(job, r + i, job.panel + i * job.stride);
        multiply_panel(job, r, rows);
    }
}

// All rows of inputs are ordinary.
void product(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
             std::int64_t y_stride, bool round, Scratch& scratch) {
    const std::int64_t blocks = (w.cols + kBlock - 1) / kBlock, stride = blocks * kBlock + 32;
    const int panel_rows = rows_of_panel(blocks), rows = x.count > kDirectInputs ? panel_rows : 0;
    const std::int64_t inputs = x.count * stride / 2, panel = rows * stride / 2;  // in dwords, as the rest
    const std::int64_t waiting = std::int64_t{rows} * kTileInputs * kLanes;
    auto* memory = static_cast<float*>(reserve(scratch, static_cast<std::size_t>(inputs + panel + waiting) * 4));
    const Job job{w,
                  x.count,
                  {y, y_stride, round},
                  w.cols / 2,
                  blocks,
                  stride,
                  reinterpret_cast<std::uint16_t*>(memory),
                  reinterpret_cast<std::uint16_t*>(memory + inputs),
                  memory + inputs + panel};
    deal_inputs(job, x);
    const auto fits = [&](std::int64_t r) { return scales_fit(job.codes(r), w.cols / 32, 127 - 63, 127 + 63); };
    for (std::int64_t begin = row_begin, end; begin < row_end; begin = end) {
        const bool fit = fits(begin);
        for (end = begin + 1; end < row_end && end < begin + 96 && fits(end) == fit;) ++end;
        if (fit)
            segment(job, begin, end, panel_rows);
        else
            scalar::matmul(w, x, begin, end, y, y_stride, round, scratch);
    }
}

// Whether every number of a row of inputs is 0 or of a magnitude in 2^-40 .. 2^40.
bool ordinary(const std::uint16_t* x, std::int64_t n) {
    const __m512i least = _mm512_set1_epi16((127 - 40) << 7), most = _mm512_set1_epi16((127 + 40) << 7);
    __mmask32 outside = 0;
    for (std::int64_t k = 0; k < n; k += 32) {
        const __m512i size = _mm512_and_si512(_mm512_loadu_si512(x + k), _mm512_set1_epi16(0x7fff));
        outside |= _mm512_mask_cmplt_epi16_mask(_mm512_test_epi16_mask(size, size), size, least) |
                   _mm512_cmpgt_epi16_mask(size, most);
    }
    return outside == 0;
}

}  // namespace

void matmul_fp4(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    if (x.bf16 == nullptr) return avx512::matmul_fp4(w, x, row_begin, row_end, y, y_stride, round, scratch);
    const auto fits = [&](int i) { return ordinary(x.bf16 + i * x.bf16_stride, x.width); };
    for (int begin = 0, end; begin < x.count; begin = end) {
        const bool fit = fits(begin);
        for (end = begin + 1; end < x.count && fits(end) == fit;) ++end;
        const Rows part{
            x.f32 + begin * x.stride, x.stride, x.bf16 + begin * x.bf16_stride, x.bf16_stride, end - begin, x.width};
        const Matmul multiply = fit ? product : avx512::matmul_fp4;
        multiply(w, part, row_begin, row_end, y + begin * y_stride, y_stride, round, scratch);
    }
}

}  // namespace baleen::kernels::avx512bf16
