// Products with vdpbf16ps (spec 3.4) for fp8 and bf16 weights and inputs that are bf16 numbers. For fp4 see fp4.cc.
//
// Order: of every 32 columns, lane j of one accumulator per output takes the pair (2j, 2j + 1): the instruction adds
// the product of the odd column, then that of the even one, each rounded to float32. The lanes are added at the end.
// An fp8 weight enters as a bf16 number, code times scale, which is exact: it has four significant bits, and a power of
// two only moves the exponent. The instruction takes subnormal bf16 numbers as zero, so tiles with scales that would
// make a weight subnormal or infinite (below 2^-117 or above 2^119; no real checkpoint has them) are left to the scalar
// set.
//
// Up to 16 inputs: weights are decoded in registers, three or four rows together; a core decodes 11 bytes of fp8 a cycle
// (fp8_bytes.inl; 6 with tables of words), twice what memory brings. More than four inputs (bf16: eight) are taken in groups, for
// which rows are decoded again, from L1: a panel would have memory and arithmetic wait for each other. Many inputs: a panel of decoded rows is
// multiplied in tiles of 6 x 4, 24 vdpbf16ps for 10 loads. Each accumulator sees the same columns in the same order either way.
#include "kernels/avx512bf16/avx512bf16.h"

namespace baleen::kernels::avx512bf16 {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/wide/product_io.inl"

#include "kernels/avx512bf16/decode.inl"

#include "kernels/avx512bf16/fp8_bytes.inl"

namespace {

using tensor::WeightFormat;

constexpr int kStep = 32;    // columns of one vdpbf16ps
constexpr int kBlock = 128;  // columns under one fp8 scale
constexpr int kTileRows = 6, kTileInputs = 4;
constexpr int kDirectInputs = 16;  // up to so many, weights are decoded in registers

// Inputs at once there. Of fp8 four, with four rows: eight with two rows do as many products for a decoded weight, but are an eighth slower.
constexpr int direct_group_of(WeightFormat format) { return format == WeightFormat::fp8 ? 4 : 8; }
// Rows at once there. Rows of bf16 are often a multiple of 8 KiB long: where inputs too want room in L1, three rows fight less for it.
template <WeightFormat format>
constexpr int rows_at_once(int count) {
    return format == WeightFormat::bf16 && count > 1 ? 3 : 4;
}
// `count` inputs in as few groups as will do, of sizes as equal as can be, the larger first.
struct Groups {
    int groups, least, larger;  // how many, inputs of the smaller ones, how many have one more

    Groups(WeightFormat format, int count)
        : groups((count + direct_group_of(format) - 1) / direct_group_of(format)), least(count / groups), larger(count % groups) {}
    int size(int g) const { return least + (g < larger); }
};

constexpr std::int64_t bytes_of_columns(WeightFormat format, std::int64_t columns) {
    return format == WeightFormat::fp8 ? columns : format == WeightFormat::fp4 ? columns / 2 : columns * 2;
}

struct Job {
    const tensor::MatrixView& w;
    const Rows& x;
    Output out;
    Groups groups;  // of a direct product
    std::int64_t row_bytes;
    float* waiting;             // [rows of a panel, inputs of a tile, lanes]: accumulators between chunks of columns
    std::uint16_t* panel;       // [rows] decoded rows of weights (fp8)
    std::uint16_t* dealt;       // inputs of a direct product: by group, then by 32 columns, then by input
    std::int64_t panel_stride;  // words from one to the next: a line more than a row has, since rows a multiple of 4
                                // KiB apart would fight for the same places in L1; bf16 weights stay where they are

    const std::uint8_t* row(std::int64_t r) const { return static_cast<const std::uint8_t*>(w.data) + r * row_bytes; }
};

// Walks rows [r, r + R) in order of columns; use(row, k, weights) gets 32 decoded weights at a time. `fetch`: the rows come from memory,
// so the next ones are asked for.
template <WeightFormat format, int R, bool fetch, class Use>
inline __attribute__((always_inline)) void walk(const Job& job, std::int64_t r, Use&& use) {
    const std::int64_t cols = job.w.cols, ahead = bytes_ahead(job.row_bytes, R);
    const std::uint8_t* rows[R];
    for (int i = 0; i < R; ++i) rows[i] = job.row(r + i);
    const std::uint8_t* scales = format == WeightFormat::fp8 ? job.w.scales + r / 128 * job.w.scale_stride : nullptr;
    for (std::int64_t block = 0; block < cols; block += kBlock) {
        if constexpr (fetch) look_ahead<R * bytes_of_columns(format, kBlock)>(rows[0] + ahead + R * bytes_of_columns(format, block));
        const std::int64_t end = smaller(block + kBlock, cols);
        std::int64_t k = block;
        Fp8Table table;
        if constexpr (format == WeightFormat::fp8) {
            const Fp8Bytes bytes = Fp8Bytes::scaled(scales[block / kBlock]);
            for (; k + 2 * kStep <= end; k += 2 * kStep)
#pragma GCC unroll 4
                for (int i = 0; i < R; ++i) {
                    __m512i first, second;
                    bytes.decode(rows[i] + k, first, second);
                    use(i, k, first);
                    use(i, k + kStep, second);
                }
            if (k < end) table = Fp8Table::scaled(Fp8Table::base(), scales[block / kBlock]);
        }
        for (; k < end; k += kStep)
#pragma GCC unroll 4
            for (int i = 0; i < R; ++i) {
                const std::uint8_t* p = rows[i] + bytes_of_columns(format, k);
                if constexpr (format == WeightFormat::fp8)
                    use(i, k, table.decode(p));
                else
                    use(i, k, _mm512_loadu_si512(p));
            }
    }
}

// Rows [r, r + R) times inputs [input, input + X), weights decoded on the fly.
template <WeightFormat format, int R, int X, bool fetch>
void direct(const Job& job, std::int64_t r, int input) {
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = Vec::zero();
    const std::uint16_t* x = X == 1 && job.x.count == 1 ? job.x.bf16 : job.dealt + input * job.w.cols;
    walk<format, R, fetch>(
        job, r, [&](int i, std::int64_t k, __m512i weights) __attribute__((always_inline)) {
#pragma GCC unroll 8
            for (int j = 0; j < X; ++j)
                acc[i][j] = _mm512_dpbf16_ps(acc[i][j], pairs(weights), pairs(_mm512_loadu_si512(x + X * k + kStep * j)));
        });
    for (int j = 0; j < X; ++j) {
        if constexpr (R == 4)
            job.out.rows(input + j, r, sums_of(acc[0][j], acc[1][j], acc[2][j], acc[3][j]));
        else
            for (int i = 0; i < R; ++i) job.out.one(input + j, r + i, sum_of(acc[i][j]));
    }
}

// Inputs [input, input + inputs); with four rows at most four of them, as segment() asks.
template <WeightFormat format, int R, bool fetch>
void direct_group(const Job& job, std::int64_t r, int input, int inputs) {
    switch (inputs) {
        case 8:
            if constexpr (direct_group_of(format) > 4 && R < 4) direct<format, R, 8, fetch>(job, r, input);
            return;
        case 7:
            if constexpr (direct_group_of(format) > 4 && R < 4) direct<format, R, 7, fetch>(job, r, input);
            return;
        case 6:
            if constexpr (direct_group_of(format) > 4 && R < 4) direct<format, R, 6, fetch>(job, r, input);
            return;
        case 5:
            if constexpr (direct_group_of(format) > 4 && R < 4) direct<format, R, 5, fetch>(job, r, input);
            return;
        case 4:
            return direct<format, R, 4, fetch>(job, r, input);
        case 3:
            return direct<format, R, 3, fetch>(job, r, input);
        case 2:
            return direct<format, R, 2, fetch>(job, r, input);
        case 1:
            return direct<format, R, 1, fetch>(job, r, input);
    }
}

template <WeightFormat format, int R>
void direct_inputs(const Job& job, std::int64_t r) {
    const Groups& groups = job.groups;
    direct_group<format, R, true>(job, r, 0, groups.size(0));
    for (int g = 1, first = groups.size(0); g < groups.groups; first += groups.size(g), ++g)
        direct_group<format, R, false>(job, r, first, groups.size(g));
}

// Puts the inputs where direct() walks through them in one stream: rows of inputs as they come are often a multiple of 4 KiB apart,
// and eight of them would fight for one place in L1.
void deal_inputs(const Job& job) {
    const Groups& groups = job.groups;
    std::uint16_t* out = job.dealt;
    for (int g = 0, first = 0; g < groups.groups; first += groups.size(g), ++g)
        for (std::int64_t k = 0; k < job.w.cols; k += kStep)
            for (int j = 0; j < groups.size(g); ++j, out += kStep)
                _mm512_storeu_si512(out, _mm512_loadu_si512(job.x.bf16 + (first + j) * job.x.bf16_stride + k));
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
            const __m512i weights = _mm512_loadu_si512(panel + i * job.panel_stride + k);
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
            job.out.inputs(input, r + i, sums_of(acc[i][0], acc[i][1], acc[i][2], acc[i][3]));
        else
            for (int j = 0; j < X; ++j) job.out.one(input + j, r + i, sum_of(acc[i][j]));
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
                const std::uint16_t* part = panel + done * job.panel_stride;
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
    if (job.x.count <= kDirectInputs) {
        if (rows_at_once<format>(job.x.count) == 4)
            for (; r + 4 <= end; r += 4) direct_inputs<format, 4>(job, r);
        else if constexpr (format == WeightFormat::bf16)
            for (; r + 3 <= end; r += 3) direct_inputs<format, 3>(job, r);
        for (; r < end; ++r) direct_inputs<format, 1>(job, r);
        return;
    }
    for (; r < end; r += panel_rows) {
        const int rows = static_cast<int>(smaller<std::int64_t>(panel_rows, end - r));
        if constexpr (format == WeightFormat::bf16) {
            multiply_panel(job, reinterpret_cast<const std::uint16_t*>(job.row(r)), r, rows);
        } else {
            for (int i = 0; i < rows; ++i) {
                std::uint16_t* out = job.panel + i * job.panel_stride;
                walk<format, 1, true>(
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

template <WeightFormat format>
void product(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
             std::int64_t y_stride, bool round, Scratch& scratch) {
    const int panel_rows = rows_of_panel(w.cols);
    const std::int64_t waiting = x.count > kDirectInputs ? panel_rows * kTileInputs * kLanes : 0;
    const std::int64_t stride = format == WeightFormat::fp8 ? w.cols + 32 : w.cols;
    const std::int64_t panel = x.count > kDirectInputs && format == WeightFormat::fp8 ? panel_rows * stride : 0;
    const std::int64_t dealt = x.count > 1 && x.count <= kDirectInputs ? x.count * w.cols : 0;
    auto* memory = static_cast<float*>(reserve(scratch, static_cast<std::size_t>(4 * waiting + 2 * (panel + dealt))));
    const Job job{w,
                  x,
                  {y, y_stride, round},
                  {format, x.count},
                  bytes_of_columns(format, w.cols),
                  memory,
                  reinterpret_cast<std::uint16_t*>(memory + waiting),
                  reinterpret_cast<std::uint16_t*>(memory + waiting) + panel,
                  stride};
    if (dealt > 0) deal_inputs(job);
    if constexpr (format == WeightFormat::bf16) return segment<format>(job, row_begin, row_end, panel_rows);
    for (std::int64_t begin = row_begin, end; begin < row_end; begin = end) {
        end = smaller(row_end, (begin / 128 + 1) * 128);
        const std::uint8_t* codes = w.scales + begin / 128 * w.scale_stride;
        if (scales_fit(codes, (w.cols + 127) / 128, kLeastScale, kMostScale))
            segment<format>(job, begin, end, panel_rows);
        else
            scalar::matmul(w, x, begin, end, y, y_stride, round, scratch);
    }
}

}  // namespace

void matmul_fp8(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    if (x.bf16 == nullptr) return avx512::matmul_fp8(w, x, row_begin, row_end, y, y_stride, round, scratch);
    product<WeightFormat::fp8>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

void matmul_bf16(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                 std::int64_t y_stride, bool round, Scratch& scratch) {
    if (x.bf16 == nullptr) return avx512::matmul_bf16(w, x, row_begin, row_end, y, y_stride, round, scratch);
    product<WeightFormat::bf16>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

}  // namespace baleen::kernels::avx512bf16
