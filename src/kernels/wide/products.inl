// Products in float32 with FMA (spec 3.4), for weights of every format.
//
// Order: lane j of one accumulator per output takes the columns j, j + lanes, j + 2 lanes, ... one after the other; the
// lanes are added at the end (numbers.inl). Few inputs: weights are decoded in registers and used at once, four rows
// together, so that an x is loaded once for four weights; bound by memory. Many inputs: a panel of weight rows is
// decoded into the scratch once and multiplied tile by tile. Both walk each accumulator through the same columns in the
// same order, so they agree to the bit. Of fp4, sixteen lanes take every 32 columns in an order of their own
// (Vec::load_dealt_e2m1_32), and inputs are put into it once a call.

namespace {

using tensor::WeightFormat;

// Columns decoded by one step, a multiple of every width; fp4 has one scale for each.
constexpr int kStep = 32, kVectors = kStep / kLanes;
// Columns between two looks ahead in memory.
constexpr int kAhead = 128;
constexpr int kTileRows = Vec::kTileRows, kTileInputs = Vec::kTileInputs;

constexpr std::int64_t bytes_of_columns(WeightFormat format, std::int64_t columns) {
    return format == WeightFormat::fp8    ? columns
           : format == WeightFormat::fp4  ? columns / 2
           : format == WeightFormat::bf16 ? columns * 2
                                          : columns * 4;
}
constexpr bool has_scales(WeightFormat format) {
    return format == WeightFormat::fp8 || format == WeightFormat::fp4;
}

constexpr bool dealt(WeightFormat format) {
    return format == WeightFormat::fp4 && Vec::kDealsFp4;
}

// How few inputs meet weights of fp8: which have the scales (scale_inputs), and whether NaN codes are to come out as NaN at once.
enum class Fp8 { plain, inputs_scaled, finite_inputs_scaled };

// The weights of 32 columns at p. For fp8, `scale` is 256 times the scale (Vec::load_e4m3_32), and left to the inputs if they have it.
template <WeightFormat format, Fp8 fp8 = Fp8::plain>
inline void decode(const std::uint8_t* p, float scale, F* out) {
    if constexpr (format == WeightFormat::fp8) {
        if constexpr (fp8 == Fp8::finite_inputs_scaled)
            Vec::load_finite_e4m3_32(p, out);
        else
            Vec::load_e4m3_32(p, out);
        if constexpr (fp8 == Fp8::plain)
            for (int v = 0; v < kVectors; ++v) out[v] = Vec::mul(out[v], Vec::set(scale));
    } else if constexpr (format == WeightFormat::fp4) {
        Vec::load_dealt_e2m1_32(p, Vec::set(scale), out);
    } else if constexpr (format == WeightFormat::bf16) {
        for (int v = 0; v < kVectors; ++v)
            out[v] = Vec::load_bf16(reinterpret_cast<const std::uint16_t*>(p) + v * kLanes);
    } else {
        for (int v = 0; v < kVectors; ++v) out[v] = Vec::load(reinterpret_cast<const float*>(p) + v * kLanes);
    }
}

// A group of n rows of numbers: for every vector of columns that of its first member, then of its second and so on. Number j's columns
// [k, k + lanes) stand at k * n + j * lanes, and a loop over columns reads one stream. Rows as they come are often a multiple of 4 KiB
// apart and would fight for the same places in the caches. Inputs that get a form of their own are put into groups, and so are decoded rows.
constexpr int kDirectGroup = Vec::kDirectInputs >= 4 ? 4 : 1;

// One product job, with the members every helper needs.
struct Job {
    const tensor::MatrixView& w;
    const Rows& x;
    Output out;
    std::int64_t row_bytes;
    float* scales;              // one per step: of the tile row (fp8), or of up to four rows (fp4)
    float* waiting;             // [rows of a panel, inputs of a tile, lanes]: accumulators between chunks of columns
    float* panel;               // decoded rows of weights, those of a tile in a group
    float* own_inputs;          // groups of inputs: of few inputs and fp8, times the tile row's scales; of fp4 in the order of its
                                // columns, all of few and one group of many

    const std::uint8_t* row(std::int64_t r) const { return static_cast<const std::uint8_t*>(w.data) + r * row_bytes; }
};

// Scales of row r, one per step. False where fp8 scales leave the range in which 256 * scale is finite: such rows are
// computed by the scalar set.
template <WeightFormat format>
bool expand_scales(const Job& job, std::int64_t r, float* out) {
    const std::int64_t steps = job.w.cols / kStep;
    if constexpr (format == WeightFormat::fp8) {
        const std::uint8_t* codes = job.w.scales + r / 128 * job.w.scale_stride;
        for (std::int64_t s = 0; s < steps; ++s) {
            if (codes[s / 4] > 246) return false;
            out[s] = ue8m0(codes[s / 4]) * 256.0f;
        }
    } else {
        const std::uint8_t* codes = job.w.scales + r * job.w.scale_stride;
        std::int64_t s = 0;
        for (; s + kLanes <= steps; s += kLanes) {
            const I code = Vec::load_bytes(codes + s);
            const I low = Vec::select(Vec::equal(code, Vec::set_int(0)), Vec::set_int(0x00400000), Vec::left<23>(code));
            const I all = Vec::select(Vec::equal(code, Vec::set_int(255)), Vec::set_int(kQuietNaN), low);
            Vec::store(out + s, Vec::number(all));
        }
        for (; s < steps; ++s) out[s] = ue8m0(codes[s]);
    }
    return true;
}

// Few inputs take the scales of a tile row of fp8 once for its 128 rows: a power of two times an input is exact, and so is what
// follows, as long as nothing leaves the range of normal numbers. 2^-60 to 2^60 on both sides is far inside it; anything else (a
// NaN too) is multiplied the other way.
inline bool in_middle(float x) { return x == 0 || (__builtin_fabsf(x) >= 0x1p-60f && __builtin_fabsf(x) <= 0x1p60f); }

bool inputs_in_middle(const Rows& x, std::int64_t cols) {
    constexpr unsigned all = (1u << kLanes) - 1;
    unsigned inside = all;
    for (int i = 0; i < x.count; ++i)
        for (std::int64_t k = 0; k < cols; k += kLanes) {
            const F size = magnitude(Vec::load(x.f32 + i * x.stride + k));
            const unsigned some = Vec::lanes(Vec::less(Vec::set(0x1p-60f), size)) & Vec::lanes(Vec::less(size, Vec::set(0x1p60f)));
            inside &= some | Vec::lanes(Vec::equal(Vec::bits(size), Vec::set_int(0)));
        }
    return inside == all;
}

bool scale_inputs(const Job& job) {
    for (std::int64_t s = 0; s < job.w.cols / kStep; s += 128 / kStep)
        if (!in_middle(job.scales[s])) return false;
    for (int first = 0, n; first < job.x.count; first += n) {
        n = smaller(kDirectGroup, job.x.count - first);
        float* out = job.own_inputs + first * job.w.cols;
        for (std::int64_t k = 0; k < job.w.cols; k += kLanes)
            for (int j = 0; j < n; ++j, out += kLanes)
                Vec::store(out, Vec::mul(Vec::load(job.x.f32 + (first + j) * job.x.stride + k), Vec::set(job.scales[k / kStep])));
    }
    return true;
}

// Inputs [first, first + n) as a group, in the order of fp4's columns.
void deal_inputs(const Job& job, int first, int n, float* out) {
    for (int j = 0; j < n; ++j) {
        const float* in = job.x.f32 + (first + j) * job.x.stride;
        for (std::int64_t k = 0; k < job.w.cols; k += kStep) {
            F vectors[kVectors];
            Vec::load_dealt_32(in + k, vectors);
            for (int v = 0; v < kVectors; ++v) Vec::store(out + (k + v * kLanes) * n + j * kLanes, vectors[v]);
        }
    }
}

// Rows [r, r + R) times inputs [input, input + X), weights decoded on the fly. `fetch`: the rows come from memory, so the next ones are
// asked for. False if a NaN code was met that came out as a number: nothing is written then.
template <WeightFormat format, int R, int X, Fp8 fp8, bool fetch>
bool direct(const Job& job, std::int64_t r, int input) {
    constexpr bool finds_nan = format == WeightFormat::fp8 && fp8 == Fp8::finite_inputs_scaled;
    constexpr bool grouped = fp8 != Fp8::plain || dealt(format);
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = Vec::zero();
    const std::int64_t cols = job.w.cols, steps = cols / kStep, ahead = bytes_ahead(job.row_bytes, R);
    const std::uint8_t* rows[R];
    for (int i = 0; i < R; ++i) rows[i] = job.row(r + i);
    const std::int64_t by_column = grouped ? X : 1, by_input = grouped ? kLanes : job.x.stride;
    const float* x = grouped ? job.own_inputs + input * cols : job.x.f32 + input * job.x.stride;
    [[maybe_unused]] I most = Vec::set_int(0);
    const auto step = [&](std::int64_t k) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (int i = 0; i < R; ++i) {
            F weights[kVectors];
            float scale = 0;
            if constexpr (format == WeightFormat::fp8 && fp8 == Fp8::plain) scale = job.scales[k / kStep];
            if constexpr (format == WeightFormat::fp4) scale = job.scales[i * steps + k / kStep];
            decode<format, fp8>(rows[i] + bytes_of_columns(format, k), scale, weights);
            for (int v = 0; v < kVectors; ++v)
                for (int j = 0; j < X; ++j)
                    acc[i][j] = Vec::fma(weights[v], Vec::load(x + by_column * (k + v * kLanes) + j * by_input), acc[i][j]);
        }
    };
    std::int64_t k = 0;
    for (; k + kAhead <= cols; k += kAhead) {
        if constexpr (fetch) look_ahead<R * bytes_of_columns(format, kAhead)>(rows[0] + ahead + R * bytes_of_columns(format, k));
        if constexpr (finds_nan)
            for (int i = 0; i < R; ++i)
                for (std::int64_t c = 0; c < kAhead; c += 64) most = Vec::most_e4m3(most, rows[i] + k + c, 64);
#pragma GCC unroll 4
        for (std::int64_t part = 0; part < kAhead; part += kStep) step(k + part);
    }
    for (; k < cols; k += kStep) {
        if constexpr (finds_nan)
            for (int i = 0; i < R; ++i) most = Vec::most_e4m3(most, rows[i] + k, kStep);
        step(k);
    }
    if constexpr (finds_nan)
        if (Vec::has_nan_e4m3(most)) return false;
    for (int j = 0; j < X; ++j) {
        if constexpr (R == 4)
            job.out.rows(input + j, r, sums_of(acc[0][j], acc[1][j], acc[2][j], acc[3][j]));
        else
            for (int i = 0; i < R; ++i) job.out.one(input + j, r + i, sum_of(acc[i][j]));
    }
    return true;
}

template <WeightFormat format, int R, int X, Fp8 fp8, bool fetch>
void direct_group(const Job& job, std::int64_t r, int input) {
    if (!direct<format, R, X, fp8, fetch>(job, r, input)) direct<format, R, X, Fp8::inputs_scaled, false>(job, r, input);
}

template <WeightFormat format, int R, Fp8 fp8>
void direct_inputs(const Job& job, std::int64_t r) {
    if constexpr (format == WeightFormat::fp4)
        for (int i = 0; i < R; ++i) expand_scales<format>(job, r + i, job.scales + i * (job.w.cols / kStep));
    int input = 0;
    if constexpr (Vec::kDirectInputs >= 4) {
        const int count = job.x.count;
        if (count >= 4) direct_group<format, R, 4, fp8, true>(job, r, 0), input = 4;
        for (; input + 4 <= count; input += 4) direct_group<format, R, 4, fp8, false>(job, r, input);
        if (count - input == 3) return input ? direct_group<format, R, 3, fp8, false>(job, r, input) : direct_group<format, R, 3, fp8, true>(job, r, 0);
        if (count - input == 2) return input ? direct_group<format, R, 2, fp8, false>(job, r, input) : direct_group<format, R, 2, fp8, true>(job, r, 0);
    }
    for (; input < job.x.count; ++input) direct_group<format, R, 1, fp8, true>(job, r, input);
}

// Columns of a panel multiplied before the next rows are: so many of four inputs fill 16 KiB and stay in L1 while the
// panel streams from L2. Between chunks an accumulator waits in memory, unchanged.
constexpr std::int64_t kChunk = 1024;

// The R decoded rows of a group at `panel` times inputs [input, input + X) over columns [begin, end); r is the output row of
// the first, `waiting` holds R * X accumulators between chunks.
template <WeightFormat format, int R, int X>
void tile(const Job& job, const float* panel, std::int64_t r, int input, std::int64_t begin, std::int64_t end,
          float* waiting) {
    constexpr bool grouped = dealt(format);
    F acc[R][X];
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < X; ++j) acc[i][j] = begin == 0 ? Vec::zero() : Vec::load(waiting + (i * X + j) * kLanes);
    const std::int64_t cols = job.w.cols, by_column = grouped ? X : 1, by_input = grouped ? kLanes : job.x.stride;
    const float* x = grouped ? job.own_inputs : job.x.f32 + input * job.x.stride;
    for (std::int64_t k = begin; k < end; k += kLanes) {
        F inputs[X];
        for (int j = 0; j < X; ++j) inputs[j] = Vec::load(x + k * by_column + j * by_input);
        for (int i = 0; i < R; ++i) {
            const F weights = Vec::load(panel + R * k + i * kLanes);
            for (int j = 0; j < X; ++j) acc[i][j] = Vec::fma(weights, inputs[j], acc[i][j]);
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

template <WeightFormat format, int R>
void tile_inputs(const Job& job, const float* panel, std::int64_t r, int input, int inputs, std::int64_t begin,
                 std::int64_t end, float* waiting) {
    if constexpr (kTileInputs >= 4)
        if (inputs == 4) return tile<format, R, 4>(job, panel, r, input, begin, end, waiting);
    if (inputs == 3) return tile<format, R, 3>(job, panel, r, input, begin, end, waiting);
    if (inputs == 2) return tile<format, R, 2>(job, panel, r, input, begin, end, waiting);
    tile<format, R, 1>(job, panel, r, input, begin, end, waiting);
}

// Rows of the next tile of a panel.
inline int tile_rows(int left) { return left >= kTileRows ? kTileRows : left >= 2 ? 2 : 1; }

// All inputs times the `rows` decoded rows of the panel, tile by tile.
template <WeightFormat format>
void multiply_panel(const Job& job, std::int64_t r, int rows) {
    const std::int64_t cols = job.w.cols;
    for (int input = 0; input < job.x.count; input += kTileInputs) {
        const int inputs = smaller(kTileInputs, job.x.count - input);
        if constexpr (dealt(format)) deal_inputs(job, input, inputs, job.own_inputs);
        for (std::int64_t begin = 0; begin < cols; begin += kChunk) {
            const std::int64_t end = smaller(begin + kChunk, cols);
            for (int done = 0, step; done < rows; done += step) {
                const float* part = job.panel + done * cols;
                float* waiting = job.waiting + done * kTileInputs * kLanes;
                step = tile_rows(rows - done);
                if (step == kTileRows)
                    tile_inputs<format, kTileRows>(job, part, r + done, input, inputs, begin, end, waiting);
                else if (step == 2)
                    tile_inputs<format, 2>(job, part, r + done, input, inputs, begin, end, waiting);
                else
                    tile_inputs<format, 1>(job, part, r + done, input, inputs, begin, end, waiting);
            }
        }
    }
}

// Row r as member i of `group` rows at `out`.
template <WeightFormat format>
void decode_row(const Job& job, std::int64_t r, float* out, int group, int i) {
    if constexpr (format == WeightFormat::fp4) expand_scales<format>(job, r, job.scales);
    const std::uint8_t* bytes = job.row(r);
    for (std::int64_t k = 0; k < job.w.cols; k += kStep) {
        float scale = 0;
        if constexpr (has_scales(format)) scale = job.scales[k / kStep];
        F weights[kVectors];
        decode<format>(bytes + bytes_of_columns(format, k), scale, weights);
        for (int v = 0; v < kVectors; ++v) Vec::store(out + group * (k + v * kLanes) + i * kLanes, weights[v]);
    }
}

// Rows [begin, end), of one tile row where the format is fp8.
template <WeightFormat format, Fp8 fp8 = Fp8::plain>
void segment(const Job& job, std::int64_t begin, std::int64_t end, int panel_rows) {
    std::int64_t r = begin;
    if (job.x.count <= Vec::kDirectInputs) {
        for (; r + 4 <= end; r += 4) direct_inputs<format, 4, fp8>(job, r);
        for (; r < end; ++r) direct_inputs<format, 1, fp8>(job, r);
        return;
    }
    for (; r < end; r += panel_rows) {
        const int rows = static_cast<int>(smaller<std::int64_t>(panel_rows, end - r));
        for (int done = 0, step; done < rows; done += step) {
            step = tile_rows(rows - done);
            for (int i = 0; i < step; ++i) decode_row<format>(job, r + done + i, job.panel + done * job.w.cols, step, i);
        }
        multiply_panel<format>(job, r, rows);
    }
}

// Rows of a panel, so that it stays in L2 beside the inputs.
inline int rows_of_panel(std::int64_t cols) {
    const std::int64_t fit = Vec::kPanelBytes / (cols * 4) / kTileRows * kTileRows;
    return static_cast<int>(fit < kTileRows ? kTileRows : smaller<std::int64_t>(fit, 96));
}

template <WeightFormat format>
void product(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
             std::int64_t y_stride, bool round, Scratch& scratch) {
    const int panel_rows = rows_of_panel(w.cols);
    const bool panel = x.count > Vec::kDirectInputs;
    const bool few = format == WeightFormat::fp8 && !panel && inputs_in_middle(x, w.cols);
    const std::int64_t scales = (4 * (w.cols / kStep) + 15) / 16 * 16, waiting = panel ? panel_rows * kTileInputs * kLanes : 0;
    const std::int64_t panel_floats = panel ? panel_rows * w.cols : 0;
    const std::int64_t own = !few && !dealt(format) ? 0 : w.cols * (panel ? kTileInputs : x.count);
    auto* memory = static_cast<float*>(reserve(scratch, static_cast<std::size_t>(scales + waiting + panel_floats + own) * sizeof(float)));
    const Job job{w,
                  x,
                  {y, y_stride, round},
                  bytes_of_columns(format, w.cols),
                  memory,
                  memory + scales,
                  memory + scales + waiting,
                  memory + scales + waiting + panel_floats};
    if constexpr (dealt(format))
        for (int first = 0; !panel && first < x.count; first += kDirectGroup)
            deal_inputs(job, first, smaller(kDirectGroup, x.count - first), job.own_inputs + first * w.cols);
    if constexpr (format != WeightFormat::fp8) return segment<format>(job, row_begin, row_end, panel_rows);
    for (std::int64_t begin = row_begin, end; begin < row_end; begin = end) {
        end = smaller(row_end, (begin / 128 + 1) * 128);
        if (expand_scales<format>(job, begin, job.scales)) {
            if (few && scale_inputs(job)) segment<format, Fp8::finite_inputs_scaled>(job, begin, end, panel_rows);
            else segment<format>(job, begin, end, panel_rows);
        } else
            scalar::matmul(w, x, begin, end, y, y_stride, round, scratch);
    }
}

}  // namespace

void matmul_fp8(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    product<WeightFormat::fp8>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

void matmul_fp4(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    product<WeightFormat::fp4>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

void matmul_bf16(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                 std::int64_t y_stride, bool round, Scratch& scratch) {
    product<WeightFormat::bf16>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}

void matmul_f32(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch) {
    product<WeightFormat::f32>(w, x, row_begin, row_end, y, y_stride, round, scratch);
}
