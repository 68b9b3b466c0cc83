// The parts of a training step that torch would spread over many passes: hyper-connections, RMS norm with rotary embedding, the
// joint softmax of window and compressed entries, attention to selected entries, the compressor's pooling, SwiGLU, the experts'
// sums and the indexer's top-k. Each is forward and backward; ops.py calls them and holds a plain torch twin of each.
//
// Matrix products stay with torch. Tensors between them are of type Value, float or BFloat16; parameters, residual streams and
// sums are float. Every array is dense unless a stride is given. Built with -ffast-math: no infinities; "nothing" is -1e30.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

using Index = std::int64_t;

constexpr float kNothing = -1e30f;

struct BFloat16 {
    std::uint16_t bits;
};

inline float load(float x) { return x; }
inline float load(BFloat16 x) {
    std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline void store(float& to, float x) { to = x; }
inline void store(BFloat16& to, float x) {  // round to nearest even
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    to.bits = static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// e^x for x <= 88, to about 2 units in the last place, written so that loops over it become vector code: e^x = 2^n e^r with
// |r| <= ln 2 / 2, e^r by its Taylor polynomial. Far below the smallest normal number the result is about 1e-38, not 0.
inline float exponential(float x) {
    x = std::max(x, -87.0f);
    float n = __builtin_nearbyintf(x * 1.44269504f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    std::int32_t bits = (static_cast<std::int32_t>(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
}
inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(std::min(-x, 87.0f))); }

// Sixteen floats; two registers where a register holds eight.
typedef float Vector __attribute__((vector_size(64)));
typedef std::int32_t IntVector __attribute__((vector_size(64)));
typedef std::uint32_t Bits32 __attribute__((vector_size(64)));
typedef std::uint16_t Bits16 __attribute__((vector_size(32)));
constexpr Index kLanes = 16;

inline Vector load_vector(const float* p) {
    Vector v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline Vector load_vector(const BFloat16* p) {
    Bits16 bits;
    std::memcpy(&bits, p, sizeof bits);
    return reinterpret_cast<Vector>(__builtin_convertvector(bits, Bits32) << 16);
}
inline void store_vector(float* p, Vector v) { std::memcpy(p, &v, sizeof v); }
inline void store_vector(BFloat16* p, Vector v) {
    Bits32 bits = reinterpret_cast<Bits32>(v);
    Bits16 rounded = __builtin_convertvector((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16, Bits16);
    std::memcpy(p, &rounded, sizeof rounded);
}

// The sums of sixteen vectors, as one vector. Each round adds neighbours of two vectors: after the first the left half holds
// what is left of one and the right half what is left of the other, and so on.
inline Vector sums_of(Vector* v) {
    constexpr IntVector even = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
    constexpr IntVector odd = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; ++i)
            v[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], even) + __builtin_shuffle(v[2 * i], v[2 * i + 1], odd);
    return v[0];
}

// Products of BF16 pairs, where the CPU has them: lane i of dot_pairs(sum, a, b) is sum[i] + a[2i] b[2i] + a[2i+1] b[2i+1].
#ifdef __AVX512BF16__
template <class Value>
constexpr bool kPairs = std::is_same_v<Value, BFloat16>;

inline __m512i load_pairs(const BFloat16* p) { return _mm512_loadu_si512(p); }
inline __m512 dot_pairs(__m512 sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
// Sixteen pairs (low[i], high[i]) of two arrays.
inline __m512i interleave(const BFloat16* low, const BFloat16* high) {
    const __m512i l = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(low)));
    const __m512i h = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(high)));
    return _mm512_or_si512(l, _mm512_slli_epi32(h, 16));
}
inline std::uint32_t pair(BFloat16 low, BFloat16 high) { return low.bits | static_cast<std::uint32_t>(high.bits) << 16; }
#else
template <class Value>
constexpr bool kPairs = false;
#endif

// RMS norm and rotary embedding -------------------------------------------------------------------------------------------------

// y = rotate(weight * x / rms(x)) for every head of every token. x: token i starts at x + i * x_stride; y is dense
// [tokens, heads, width]. weight may be null. rotation [tokens, rope_width]: cosines, then sines, of the last rope_width
// components, taken in adjacent pairs; direction -1 turns back. inverse_rms [tokens * heads] is kept for the backward pass.
template <class Value>
void norm_rope_forward(const Value* x, Index x_stride, const float* weight, const float* rotation, Value* y, float* inverse_rms,
                       Index tokens, Index heads, Index width, Index rope_width, float eps, bool normalize, float direction) {
#pragma omp parallel
    {
        std::vector<float> row_buffer(width);
        float* row = row_buffer.data();
#pragma omp for schedule(static)
        for (Index i = 0; i < tokens * heads; ++i) {
            const Value* from = x + i / heads * x_stride + i % heads * width;
            for (Index k = 0; k < width; ++k) row[k] = load(from[k]);
            float scale = 1;
            if (normalize) {
                float squares = 0;
                for (Index k = 0; k < width; ++k) squares += row[k] * row[k];
                inverse_rms[i] = scale = 1 / std::sqrt(squares / width + eps);
            }
            if (weight) {
                for (Index k = 0; k < width; ++k) row[k] *= weight[k] * scale;
            } else {
                for (Index k = 0; k < width; ++k) row[k] *= scale;
            }
            if (rope_width) {
                const float* cosine = rotation + i / heads * rope_width;
                const float* sine = cosine + rope_width / 2;
                float* pairs = row + width - rope_width;
                for (Index k = 0; k < rope_width / 2; ++k) {
                    float a = pairs[2 * k], b = pairs[2 * k + 1], c = cosine[k], s = direction * sine[k];
                    pairs[2 * k] = a * c - b * s;
                    pairs[2 * k + 1] = a * s + b * c;
                }
            }
            Value* to = y + i * width;
            for (Index k = 0; k < width; ++k) store(to[k], row[k]);
        }
    }
}

// dx (dense) and dweight (null without weight) from dy.
template <class Value>
void norm_rope_backward(const Value* dy, const Value* x, Index x_stride, const float* weight, const float* rotation,
                        const float* inverse_rms, Value* dx, float* dweight, Index tokens, Index heads, Index width,
                        Index rope_width, bool normalize, float direction) {
    const int threads = omp_get_max_threads();
    std::vector<float> weight_sums(weight ? threads * width : 0, 0.0f);
#pragma omp parallel
    {
        std::vector<float> buffers(2 * width);
        float *g = buffers.data(), *row = g + width;
        float* weight_sum = weight ? &weight_sums[omp_get_thread_num() * width] : nullptr;
#pragma omp for schedule(static)
        for (Index i = 0; i < tokens * heads; ++i) {
            const Value* from = dy + i * width;
            for (Index k = 0; k < width; ++k) g[k] = load(from[k]);
            if (rope_width) {
                const float* cosine = rotation + i / heads * rope_width;
                const float* sine = cosine + rope_width / 2;
                float* pairs = g + width - rope_width;
                for (Index k = 0; k < rope_width / 2; ++k) {
                    float a = pairs[2 * k], b = pairs[2 * k + 1], c = cosine[k], s = -direction * sine[k];
                    pairs[2 * k] = a * c - b * s;
                    pairs[2 * k + 1] = a * s + b * c;
                }
            }
            Value* to = dx + i * width;
            if (!normalize) {
                for (Index k = 0; k < width; ++k) store(to[k], g[k]);
                continue;
            }
            const Value* input = x + i / heads * x_stride + i % heads * width;
            for (Index k = 0; k < width; ++k) row[k] = load(input[k]);
            const float scale = inverse_rms[i];
            if (weight) {
                for (Index k = 0; k < width; ++k) {
                    weight_sum[k] += g[k] * row[k] * scale;
                    g[k] *= weight[k];
                }
            }
            float along = 0;
            for (Index k = 0; k < width; ++k) along += g[k] * row[k];
            along *= scale * scale / width;
            for (Index k = 0; k < width; ++k) store(to[k], scale * (g[k] - along * row[k]));
        }
    }
    if (weight) {
        std::fill(dweight, dweight + width, 0.0f);
        for (int t = 0; t < threads; ++t)
            for (Index k = 0; k < width; ++k) dweight[k] += weight_sums[t * width + k];
    }
}

// Hyper-connections -------------------------------------------------------------------------------------------------------------
//
// Four residual streams [tokens, 4, dim] float. Sixteen tokens are handled together: the mixing coefficients of one token are
// few and need exponentials and divisions, which pay as vectors across tokens.

constexpr int kStreams = 4;
constexpr int kMixes = 24;  // 4 pre, 4 post, 16 combine: rows of fn, and entries of base

typedef float Lane[kLanes];
#define FOR_LANES _Pragma("omp simd") for (Index l = 0; l < kLanes; ++l)

// What the backward pass of Sinkhorn's iteration needs: the matrix after every normalisation and the factors applied in it.
struct SinkhornTrace {
    float (*matrices)[16][kLanes];
    float (*factors)[4][kLanes];
};

// matrix: 16 lanes, row-major, j source (row), k destination. Row softmax + eps, columns normalised, then iterations - 1 times
// rows and columns (architecture 4.2, step 4).
inline void sinkhorn(Lane* matrix, int iterations, float eps, SinkhornTrace* trace) {
    for (int j = 0; j < 4; ++j) {
        Lane* row = matrix + 4 * j;
        Lane largest, total;
        FOR_LANES largest[l] = std::max(std::max(row[0][l], row[1][l]), std::max(row[2][l], row[3][l]));
        FOR_LANES total[l] = 0;
        for (int k = 0; k < 4; ++k) {
            FOR_LANES {
                row[k][l] = exponential(row[k][l] - largest[l]);
                total[l] += row[k][l];
            }
        }
        for (int k = 0; k < 4; ++k) { FOR_LANES row[k][l] = row[k][l] / total[l] + eps; }
    }
    int step = 0;
    if (trace) std::memcpy(trace->matrices[step], matrix, sizeof(Lane) * 16);
    // One normalisation: the four elements of line i are matrix[i * line + m * element].
    auto normalize = [&](int line, int element) {
        ++step;
        for (int i = 0; i < 4; ++i) {
            Lane* first = matrix + i * line;
            Lane factor;
            FOR_LANES factor[l] =
                1.0f / (first[0][l] + first[element][l] + first[2 * element][l] + first[3 * element][l] + eps);
            for (int m = 0; m < 4; ++m) { FOR_LANES first[m * element][l] *= factor[l]; }
            if (trace) std::memcpy(trace->factors[step][i], factor, sizeof factor);
        }
        if (trace) std::memcpy(trace->matrices[step], matrix, sizeof(Lane) * 16);
    };
    normalize(1, 4);
    for (int iteration = 1; iteration < iterations; ++iteration) {
        normalize(4, 1);
        normalize(1, 4);
    }
}

// gradient: of the result on entry, of the logits on return.
inline void sinkhorn_backward(Lane* gradient, int iterations, float eps, const SinkhornTrace& trace) {
    int step = 2 * iterations - 1;
    auto undo = [&](int line, int element) {
        for (int i = 0; i < 4; ++i) {
            Lane along;
            FOR_LANES along[l] = 0;
            for (int m = 0; m < 4; ++m) {
                const int at = i * line + m * element;
                FOR_LANES along[l] += gradient[at][l] * trace.matrices[step][at][l];
            }
            for (int m = 0; m < 4; ++m) {
                const int at = i * line + m * element;
                FOR_LANES gradient[at][l] = (gradient[at][l] - along[l]) * trace.factors[step][i][l];
            }
        }
        --step;
    };
    for (int iteration = iterations - 1; iteration > 0; --iteration) {
        undo(1, 4);
        undo(4, 1);
    }
    undo(1, 4);
    for (int j = 0; j < 4; ++j) {  // the softmax
        Lane along;
        FOR_LANES along[l] = 0;
        for (int k = 4 * j; k < 4 * j + 4; ++k) { FOR_LANES along[l] += gradient[k][l] * (trace.matrices[0][k][l] - eps); }
        for (int k = 4 * j; k < 4 * j + 4; ++k) {
            FOR_LANES gradient[k][l] = (trace.matrices[0][k][l] - eps) * (gradient[k][l] - along[l]);
        }
    }
}

// products[mix][lane] = fn[mix] . streams of token `lane`. `width` = 4 * dim, a multiple of 16. Four tokens by four rows of fn
// share their loads.
inline void mix_products(const float* const* tokens, const float* fn, Index width, float (*products)[kLanes]) {
    for (int first = 0; first < kMixes; first += 4)
        for (int t = 0; t < kLanes; t += 4) {
            Vector sums[16] = {};
            for (Index i = 0; i < width; i += kLanes) {
                Vector x[4];
                for (int a = 0; a < 4; ++a) x[a] = load_vector(tokens[t + a] + i);
                for (int b = 0; b < 4; ++b) {
                    const Vector w = load_vector(fn + (first + b) * width + i);
                    for (int a = 0; a < 4; ++a) sums[4 * b + a] += x[a] * w;
                }
            }
            float totals[16];
            store_vector(totals, sums_of(sums));
            for (int b = 0; b < 4; ++b)
                for (int a = 0; a < 4; ++a) products[first + b][t + a] = totals[4 * b + a];
        }
}

inline float square_sum(const float* x, Index n) {
    float s = 0;
    for (Index i = 0; i < n; ++i) s += x[i] * x[i];
    return s;
}

// Pointers to the streams of the tokens first .. first + 15; the last token stands in for those beyond the end.
inline void token_pointers(const float* streams, Index first, Index tokens, Index width, const float** pointers) {
    for (Index l = 0; l < kLanes; ++l) pointers[l] = streams + std::min(first + l, tokens - 1) * width;
}

// x = norm_weight * u / rms(u) with u = sum_j pre_j X_j: a sublayer's input, and the coefficients post and comb with which
// its output comes back. mixes, inverse_rms (of all four streams) and u_inverse_rms are kept for the backward pass.
template <class Value>
void mhc_pre_forward(const float* streams, const float* fn, const float* scale, const float* base, const float* norm_weight,
                     Value* x, float* post, float* comb, float* mixes, float* inverse_rms, float* u_inverse_rms, Index tokens,
                     Index dim, float norm_eps, float hc_eps, int iterations) {
    const Index width = kStreams * dim;
#pragma omp parallel
    {
        std::vector<float> u_buffer(dim);
        float* u = u_buffer.data();
#pragma omp for schedule(static)
        for (Index first = 0; first < tokens; first += kLanes) {
            const int count = static_cast<int>(std::min(kLanes, tokens - first));
            const float* token[kLanes];
            token_pointers(streams, first, tokens, width, token);
            float mix[kMixes][kLanes];
            mix_products(token, fn, width, mix);
            Lane rho;
            for (int l = 0; l < kLanes; ++l) rho[l] = 1 / std::sqrt(square_sum(token[l], width) / width + norm_eps);
            for (int l = 0; l < count; ++l) {
                inverse_rms[first + l] = rho[l];
                for (int m = 0; m < kMixes; ++m) mixes[(first + l) * kMixes + m] = mix[m][l];
            }
            Lane pre[4], back[4], matrix[16];
            for (int j = 0; j < 4; ++j) {
                FOR_LANES {
                    pre[j][l] = sigmoid(rho[l] * mix[j][l] * scale[0] + base[j]) + hc_eps;
                    back[j][l] = 2 * sigmoid(rho[l] * mix[4 + j][l] * scale[1] + base[4 + j]);
                }
            }
            for (int m = 0; m < 16; ++m) { FOR_LANES matrix[m][l] = rho[l] * mix[8 + m][l] * scale[2] + base[8 + m]; }
            sinkhorn(matrix, iterations, hc_eps, nullptr);
            for (int l = 0; l < count; ++l) {
                for (int j = 0; j < 4; ++j) post[(first + l) * 4 + j] = back[j][l];
                for (int m = 0; m < 16; ++m) comb[(first + l) * 16 + m] = matrix[m][l];
                const float *s = token[l], p0 = pre[0][l], p1 = pre[1][l], p2 = pre[2][l], p3 = pre[3][l];
                float squares = 0;
                for (Index i = 0; i < dim; ++i) {
                    u[i] = p0 * s[i] + p1 * s[dim + i] + p2 * s[2 * dim + i] + p3 * s[3 * dim + i];
                    squares += u[i] * u[i];
                }
                const float rms = 1 / std::sqrt(squares / dim + norm_eps);
                u_inverse_rms[first + l] = rms;
                Value* to = x + (first + l) * dim;
                for (Index i = 0; i < dim; ++i) store(to[i], norm_weight[i] * u[i] * rms);
            }
        }
    }
}

// dstreams = dstreams_in (null: nothing) + what comes through x, post and comb. The parameters' gradients are overwritten.
template <class Value>
void mhc_pre_backward(const float* dstreams_in, const Value* dx, const float* dpost, const float* dcomb, const float* streams,
                      const float* fn, const float* scale, const float* base, const float* norm_weight, const float* mixes,
                      const float* inverse_rms, const float* u_inverse_rms, float* dstreams, float* dfn, float* dscale,
                      float* dbase, float* dnorm_weight, Index tokens, Index dim, float hc_eps, int iterations) {
    const Index width = kStreams * dim;
    const int threads = omp_get_max_threads();
    const Index sums_size = kMixes * width + dim + kMixes + 8;  // dfn, dnorm_weight, dbase, dscale
    std::vector<float> all_sums(threads * sums_size, 0.0f);
#pragma omp parallel
    {
        float* fn_sum = &all_sums[omp_get_thread_num() * sums_size];
        float* norm_sum = fn_sum + kMixes * width;
        float* base_sum = norm_sum + dim;
        float* scale_sum = base_sum + kMixes;
        std::vector<float> trace_buffer(2 * iterations * (16 + 4) * kLanes), u_buffer(2 * dim);
        SinkhornTrace trace;
        trace.matrices = reinterpret_cast<float(*)[16][kLanes]>(trace_buffer.data());
        trace.factors = reinterpret_cast<float(*)[4][kLanes]>(trace_buffer.data() + 2 * iterations * 16 * kLanes);
        float *u = u_buffer.data(), *du = u + dim;
#pragma omp for schedule(static)
        for (Index first = 0; first < tokens; first += kLanes) {
            const int count = static_cast<int>(std::min(kLanes, tokens - first));
            const float* token[kLanes];
            token_pointers(streams, first, tokens, width, token);
            float mix[kMixes][kLanes], dmix[kMixes][kLanes];
            Lane rho, matrix[16], gradient[16];
            for (int l = 0; l < kLanes; ++l) {
                const Index t = std::min(first + l, tokens - 1);
                rho[l] = inverse_rms[t];
                for (int m = 0; m < kMixes; ++m) mix[m][l] = mixes[t * kMixes + m];
                for (int m = 0; m < 16; ++m) gradient[m][l] = dcomb[t * 16 + m];
            }
            for (int m = 0; m < 16; ++m) { FOR_LANES matrix[m][l] = rho[l] * mix[8 + m][l] * scale[2] + base[8 + m]; }
            sinkhorn(matrix, iterations, hc_eps, &trace);
            sinkhorn_backward(gradient, iterations, hc_eps, trace);

            // Through the sublayer's input to u, and to the four coefficients pre.
            Lane pre[4], dpre[4];
            for (int j = 0; j < 4; ++j) { FOR_LANES pre[j][l] = sigmoid(rho[l] * mix[j][l] * scale[0] + base[j]); }
            for (int l = 0; l < kLanes; ++l) {
                if (l >= count) {
                    for (int j = 0; j < 4; ++j) dpre[j][l] = 0;
                    continue;
                }
                const Index t = first + l;
                const float *s = token[l], rms = u_inverse_rms[t];
                const float p0 = pre[0][l] + hc_eps, p1 = pre[1][l] + hc_eps, p2 = pre[2][l] + hc_eps, p3 = pre[3][l] + hc_eps;
                const Value* from = dx + t * dim;
                float along = 0;
                for (Index i = 0; i < dim; ++i) {
                    u[i] = p0 * s[i] + p1 * s[dim + i] + p2 * s[2 * dim + i] + p3 * s[3 * dim + i];
                    const float g = load(from[i]);
                    norm_sum[i] += g * u[i] * rms;
                    du[i] = g * norm_weight[i];
                    along += du[i] * u[i];
                }
                along *= rms * rms / dim;
                float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
                for (Index i = 0; i < dim; ++i) {
                    const float g = rms * (du[i] - along * u[i]);
                    du[i] = g;
                    d0 += g * s[i];
                    d1 += g * s[dim + i];
                    d2 += g * s[2 * dim + i];
                    d3 += g * s[3 * dim + i];
                }
                dpre[0][l] = d0;
                dpre[1][l] = d1;
                dpre[2][l] = d2;
                dpre[3][l] = d3;
                float* to = dstreams + t * width;
                const float* in = dstreams_in ? dstreams_in + t * width : nullptr;
                const float p[4] = {p0, p1, p2, p3};
                for (int j = 0; j < 4; ++j) {
                    if (in) {
                        for (Index i = 0; i < dim; ++i) to[j * dim + i] = in[j * dim + i] + p[j] * du[i];
                    } else {
                        for (Index i = 0; i < dim; ++i) to[j * dim + i] = p[j] * du[i];
                    }
                }
            }

            // To the mixes: sums of base and scale on the way.
            Lane drho;
            FOR_LANES drho[l] = 0;
            for (int m = 0; m < kMixes; ++m) {
                const int group = m < 4 ? 0 : m < 8 ? 1 : 2;
                Lane dz;
                if (group == 0) {
                    FOR_LANES dz[l] = dpre[m][l] * pre[m][l] * (1 - pre[m][l]);
                } else if (group == 1) {
                    for (int l = 0; l < kLanes; ++l) {
                        const float s = sigmoid(rho[l] * mix[m][l] * scale[1] + base[m]);
                        dz[l] = l < count ? dpost[(first + l) * 4 + m - 4] * 2 * s * (1 - s) : 0;
                    }
                } else {
                    for (int l = 0; l < kLanes; ++l) dz[l] = l < count ? gradient[m - 8][l] : 0;
                }
                float base_part = 0, scale_part = 0;
                for (int l = 0; l < kLanes; ++l) {
                    base_part += dz[l];
                    scale_part += dz[l] * rho[l] * mix[m][l];
                }
                base_sum[m] += base_part;
                scale_sum[group] += scale_part;
                FOR_LANES {
                    drho[l] += dz[l] * scale[group] * mix[m][l];
                    dmix[m][l] = dz[l] * scale[group] * rho[l];
                }
            }

            // dstreams += dmix . fn + (through rho) c * streams; dfn += dmix^T . streams.
            for (int l = 0; l < count; l += 4) {
                const int group = std::min(4, count - l);
                for (Index i = 0; i < width; i += kLanes) {
                    Vector sums[4];
                    for (int a = 0; a < 4; ++a) {
                        const float c = -drho[l + a] * rho[l + a] * rho[l + a] * rho[l + a] / width;
                        sums[a] = c * load_vector(token[l + a] + i);
                    }
                    for (int m = 0; m < kMixes; ++m) {
                        const Vector w = load_vector(fn + m * width + i);
                        for (int a = 0; a < 4; ++a) sums[a] += dmix[m][l + a] * w;
                    }
                    for (int a = 0; a < group; ++a) {
                        float* to = dstreams + (first + l + a) * width + i;
                        store_vector(to, load_vector(to) + sums[a]);
                    }
                }
            }
            for (int part = 0; part < kMixes; part += 8)
                for (Index i = 0; i < width; i += kLanes) {
                    Vector sums[8];
                    for (int m = 0; m < 8; ++m) sums[m] = load_vector(fn_sum + (part + m) * width + i);
                    for (int l = 0; l < count; ++l) {
                        const Vector x = load_vector(token[l] + i);
                        for (int m = 0; m < 8; ++m) sums[m] += dmix[part + m][l] * x;
                    }
                    for (int m = 0; m < 8; ++m) store_vector(fn_sum + (part + m) * width + i, sums[m]);
                }
        }
    }
    auto collect = [&](float* to, Index offset, Index n) {
        std::fill(to, to + n, 0.0f);
        for (int t = 0; t < threads; ++t)
            for (Index i = 0; i < n; ++i) to[i] += all_sums[t * sums_size + offset + i];
    };
    collect(dfn, 0, kMixes * width);
    collect(dnorm_weight, kMixes * width, dim);
    collect(dbase, kMixes * width + dim, kMixes);
    collect(dscale, kMixes * width + dim + kMixes, 3);
}

// Y_k = post_k * v + sum_j comb[j][k] * X_j.
template <class Value>
void mhc_post_forward(const float* streams, const Value* v, const float* post, const float* comb, float* out, Index tokens,
                      Index dim) {
#pragma omp parallel for schedule(static)
    for (Index t = 0; t < tokens; ++t) {
        const float *x = streams + t * kStreams * dim, *p = post + t * 4, *c = comb + t * 16;
        const Value* vt = v + t * dim;
        float* y = out + t * kStreams * dim;
        for (int k = 0; k < 4; ++k) {
            const float pk = p[k], c0 = c[k], c1 = c[4 + k], c2 = c[8 + k], c3 = c[12 + k];
            float* yk = y + k * dim;
            for (Index i = 0; i < dim; ++i)
                yk[i] = pk * load(vt[i]) + c0 * x[i] + c1 * x[dim + i] + c2 * x[2 * dim + i] + c3 * x[3 * dim + i];
        }
    }
}

template <class Value>
void mhc_post_backward(const float* dout, const float* streams, const Value* v, const float* post, const float* comb,
                       float* dstreams, Value* dv, float* dpost, float* dcomb, Index tokens, Index dim) {
#pragma omp parallel for schedule(static)
    for (Index t = 0; t < tokens; ++t) {
        const float *g = dout + t * kStreams * dim, *x = streams + t * kStreams * dim, *p = post + t * 4, *c = comb + t * 16;
        const Value* vt = v + t * dim;
        Value* dvt = dv + t * dim;
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (Index i = 0; i < dim; ++i) {
            const float g0 = g[i], g1 = g[dim + i], g2 = g[2 * dim + i], g3 = g[3 * dim + i], value = load(vt[i]);
            store(dvt[i], p[0] * g0 + p[1] * g1 + p[2] * g2 + p[3] * g3);
            s0 += g0 * value;
            s1 += g1 * value;
            s2 += g2 * value;
            s3 += g3 * value;
        }
        float *dp = dpost + t * 4, *dc = dcomb + t * 16, *dx = dstreams + t * kStreams * dim;
        dp[0] = s0;
        dp[1] = s1;
        dp[2] = s2;
        dp[3] = s3;
        for (int j = 0; j < 4; ++j) {
            const float* xj = x + j * dim;
            const float c0 = c[4 * j], c1 = c[4 * j + 1], c2 = c[4 * j + 2], c3 = c[4 * j + 3];
            float r0 = 0, r1 = 0, r2 = 0, r3 = 0;
            for (Index i = 0; i < dim; ++i) {
                const float g0 = g[i], g1 = g[dim + i], g2 = g[2 * dim + i], g3 = g[3 * dim + i], value = xj[i];
                r0 += g0 * value;
                r1 += g1 * value;
                r2 += g2 * value;
                r3 += g3 * value;
                dx[j * dim + i] = c0 * g0 + c1 * g1 + c2 * g2 + c3 * g3;
            }
            dc[4 * j] = r0;
            dc[4 * j + 1] = r1;
            dc[4 * j + 2] = r2;
            dc[4 * j + 3] = r3;
        }
    }
}

// Attention ---------------------------------------------------------------------------------------------------------------------
//
// Rows are [batch, length] tokens; queries come in chunks of consecutive tokens from `first` on. The window is computed in blocks:
// query t is in block t / window and its logits [batch, length, heads, 2 * window] are those of the keys of the block before and
// its own. Logits of compressed entries are apart, [batch, chunk, heads, columns]: all entries from 0 on, or the selected ones.
// Query t sees min(columns, (t + 1) / ratio) of them, from column 0 on.

// Joint softmax with sink, in place.
template <class Value>
void softmax_forward(Value* window_logits, Value* entry_logits, const float* sink, Index batch, Index length, Index first,
                     Index chunk, Index heads, Index window, Index columns, Index ratio, float scale) {
#pragma omp parallel
    {
        std::vector<float> buffers(2 * window + columns);
        float *w = buffers.data(), *e = w + 2 * window;
#pragma omp for schedule(static)
        for (Index row = 0; row < batch * chunk; ++row) {
            const Index t = first + row % chunk, visible = ratio ? std::min(columns, (t + 1) / ratio) : 0;
            const Index low = std::max(t % window + 1, t < window ? window : 0), high = t % window + window + 1;
            for (Index h = 0; h < heads; ++h) {
                Value* pw = window_logits + ((row / chunk * length + t) * heads + h) * 2 * window;
                Value* pe = columns ? entry_logits + (row * heads + h) * columns : nullptr;
                float largest = kNothing;
                for (Index k = low; k < high; ++k) {
                    w[k] = load(pw[k]) * scale;
                    largest = std::max(largest, w[k]);
                }
                for (Index k = 0; k < visible; ++k) {
                    e[k] = load(pe[k]) * scale;
                    largest = std::max(largest, e[k]);
                }
                largest = std::max(largest, sink[h]);
                float total = exponential(sink[h] - largest);
                for (Index k = low; k < high; ++k) {
                    w[k] = exponential(w[k] - largest);
                    total += w[k];
                }
                for (Index k = 0; k < visible; ++k) {
                    e[k] = exponential(e[k] - largest);
                    total += e[k];
                }
                const float inverse = 1 / total;
                for (Index k = 0; k < low; ++k) store(pw[k], 0);
                for (Index k = low; k < high; ++k) store(pw[k], w[k] * inverse);
                for (Index k = high; k < 2 * window; ++k) store(pw[k], 0);
                for (Index k = 0; k < visible; ++k) store(pe[k], e[k] * inverse);
                for (Index k = visible; k < columns; ++k) store(pe[k], 0);
            }
        }
    }
}

// Gradients of the probabilities become gradients of the unscaled logits, in place; dsink [heads] is added to.
template <class Value>
void softmax_backward(const Value* window_p, const Value* entry_p, Value* window_g, Value* entry_g, float* dsink, Index batch,
                      Index length, Index first, Index chunk, Index heads, Index window, Index columns, Index ratio, float scale) {
    const int threads = omp_get_max_threads();
    std::vector<double> sink_sums(threads * heads, 0.0);
#pragma omp parallel
    {
        double* sink_sum = &sink_sums[omp_get_thread_num() * heads];
#pragma omp for schedule(static)
        for (Index row = 0; row < batch * chunk; ++row) {
            const Index t = first + row % chunk, visible = ratio ? std::min(columns, (t + 1) / ratio) : 0;
            for (Index h = 0; h < heads; ++h) {
                const Index window_at = ((row / chunk * length + t) * heads + h) * 2 * window;
                const Index entry_at = (row * heads + h) * columns;
                const Value *pw = window_p + window_at, *pe = columns ? entry_p + entry_at : nullptr;
                Value *gw = window_g + window_at, *ge = columns ? entry_g + entry_at : nullptr;
                float along = 0, mass = 0;
                for (Index k = 0; k < 2 * window; ++k) {
                    along += load(pw[k]) * load(gw[k]);
                    mass += load(pw[k]);
                }
                for (Index k = 0; k < visible; ++k) {
                    along += load(pe[k]) * load(ge[k]);
                    mass += load(pe[k]);
                }
                for (Index k = 0; k < 2 * window; ++k) store(gw[k], load(pw[k]) * (load(gw[k]) - along) * scale);
                for (Index k = 0; k < visible; ++k) store(ge[k], load(pe[k]) * (load(ge[k]) - along) * scale);
                for (Index k = visible; k < columns; ++k) store(ge[k], 0);
                sink_sum[h] -= (1 - mass) * along;
            }
        }
    }
    for (Index h = 0; h < heads; ++h)
        for (int i = 0; i < threads; ++i) dsink[h] += static_cast<float>(sink_sums[i * heads + h]);
}

// Selected entries: ids [batch, length, columns] into entries [batch, entry_count, width]; the first negative id ends a list.
// Queries, outputs and their gradients lie at ((b * length + t) * heads) * width, probabilities and logits of a chunk at
// ((b * chunk + t - first) * heads) * columns. width is a multiple of 16.
struct Selection {
    const std::int32_t* ids;
    Index batch, length, first, chunk, heads, width, entry_count, columns;

    Index rows() const { return batch * chunk; }
    Index token(Index row) const { return row / chunk * length + first + row % chunk; }
    const std::int32_t* list(Index row) const { return ids + token(row) * columns; }
    Index entry(Index row, std::int32_t id) const { return (row / chunk * entry_count + id) * width; }
    Index query(Index row) const { return token(row) * heads * width; }
    Index count(Index row) const {
        const std::int32_t* of_row = list(row);
        Index n = 0;
        while (n < columns && of_row[n] >= 0) ++n;
        return n;
    }
};

// The dot products of four vectors with four others, a[i] . b[j] at 4 * i + j.
template <class Value>
inline Vector dots_4x4(const Value* const* a, const Value* const* b, Index width) {
    Vector sums[16] = {};
    Index i = 0;
#ifdef __AVX512BF16__
    if constexpr (kPairs<Value>) {
        for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
            __m512i x[4];
            for (int j = 0; j < 4; ++j) x[j] = load_pairs(b[j] + i);
            for (int h = 0; h < 4; ++h) {
                const __m512i y = load_pairs(a[h] + i);
                for (int j = 0; j < 4; ++j)
                    sums[4 * h + j] = reinterpret_cast<Vector>(dot_pairs(reinterpret_cast<__m512>(sums[4 * h + j]), y, x[j]));
            }
        }
    }
#endif
    for (; i < width; i += kLanes) {
        Vector x[4];
        for (int j = 0; j < 4; ++j) x[j] = load_vector(b[j] + i);
        for (int h = 0; h < 4; ++h) {
            const Vector y = load_vector(a[h] + i);
            for (int j = 0; j < 4; ++j) sums[4 * h + j] += y * x[j];
        }
    }
    return sums_of(sums);
}

// logits[query, head, column] = query . entry of the column, 0 in columns without entry.
template <class Value>
void selected_logits(const Value* queries, const Value* entries, const std::int32_t* selected, Value* logits, Index batch,
                     Index length, Index first, Index chunk, Index heads, Index width, Index entry_count, Index columns) {
    const Selection selection{selected, batch, length, first, chunk, heads, width, entry_count, columns};
#pragma omp parallel for schedule(dynamic, 32)
    for (Index row = 0; row < selection.rows(); ++row) {
        const std::int32_t* ids = selection.list(row);
        const Index n = selection.count(row);
        for (Index h = 0; h < heads; ++h)
            for (Index j = n; j < columns; ++j) store(logits[(row * heads + h) * columns + j], 0);
        for (Index j = 0; j < n; j += 4) {
            const Value* entry[4];
            for (Index a = 0; a < 4; ++a) entry[a] = entries + selection.entry(row, ids[std::min(j + a, n - 1)]);
            for (Index h = 0; h < heads; h += 4) {
                const Value* query[4];
                for (Index a = 0; a < 4; ++a) query[a] = queries + selection.query(row) + std::min(h + a, heads - 1) * width;
                float dots[16];
                store_vector(dots, dots_4x4(query, entry, width));
                for (Index a = 0; a < std::min<Index>(4, heads - h); ++a)
                    for (Index c = 0; c < std::min<Index>(4, n - j); ++c)
                        store(logits[(row * heads + h + a) * columns + j + c], dots[4 * a + c]);
            }
        }
    }
}

// out[h] += sum over entries of p[h, entry] * entry, for one query; p has `columns` columns.
template <class Value>
inline void add_values(const Value* p, const Value* const* entries, Value* out, Index heads, Index width, Index columns, Index count,
                       std::vector<float>& room) {
    room.resize((heads + 3) * (columns + 1));
#ifdef __AVX512BF16__
    if constexpr (kPairs<Value>) {  // two entries at a time
        const Index pairs = (count + 1) / 2;
        auto* weights = reinterpret_cast<std::uint32_t*>(room.data());  // [heads + 3, pairs]; heads beyond the end weigh nothing
        for (Index h = 0; h < heads; ++h)
            for (Index j = 0; j < pairs; ++j)
                weights[h * pairs + j] =
                    pair(p[h * columns + 2 * j], 2 * j + 1 < count ? p[h * columns + 2 * j + 1] : BFloat16{0});
        std::fill(weights + heads * pairs, weights + (heads + 3) * pairs, 0);
        for (Index h = 0; h < heads; h += 4)
            for (Index i = 0; i < width; i += kLanes) {
                __m512 sums[4] = {};
                for (Index j = 0; j < pairs; ++j) {
                    const __m512i values = interleave(entries[2 * j] + i, entries[std::min(2 * j + 1, count - 1)] + i);
                    for (int a = 0; a < 4; ++a)
                        sums[a] = dot_pairs(sums[a], values, _mm512_set1_epi32(weights[(h + a) * pairs + j]));
                }
                for (Index a = 0; a < std::min<Index>(4, heads - h); ++a) {
                    Value* to = out + (h + a) * width + i;
                    store_vector(to, load_vector(to) + reinterpret_cast<Vector>(sums[a]));
                }
            }
        return;
    }
#endif
    float* weights = room.data();
    for (Index k = 0; k < heads * columns; ++k) weights[k] = load(p[k]);
    std::fill(weights + heads * columns, weights + (heads + 3) * columns, 0.0f);
    for (Index h = 0; h < heads; h += 4)
        for (Index i = 0; i < width; i += kLanes) {
            Vector sums[4] = {};
            for (Index j = 0; j < count; ++j) {
                const Vector value = load_vector(entries[j] + i);
                for (int a = 0; a < 4; ++a) sums[a] += weights[(h + a) * columns + j] * value;
            }
            for (Index a = 0; a < std::min<Index>(4, heads - h); ++a) {
                Value* to = out + (h + a) * width + i;
                store_vector(to, load_vector(to) + sums[a]);
            }
        }
}

// out[query, head] += sum over columns of p[query, head, column] * entry.
template <class Value>
void selected_values(const Value* p, const Value* entries, const std::int32_t* selected, Value* out, Index batch, Index length,
                     Index first, Index chunk, Index heads, Index width, Index entry_count, Index columns) {
    const Selection selection{selected, batch, length, first, chunk, heads, width, entry_count, columns};
#pragma omp parallel
    {
        std::vector<float> room;
        std::vector<const Value*> chosen(columns);
#pragma omp for schedule(dynamic, 32)
        for (Index row = 0; row < selection.rows(); ++row) {
            const Index n = selection.count(row);
            if (!n) continue;
            for (Index j = 0; j < n; ++j) chosen[j] = entries + selection.entry(row, selection.list(row)[j]);
            add_values(p + row * heads * columns, chosen.data(), out + selection.query(row), heads, width, columns, n, room);
        }
    }
}

// gradients[entry] += sum over heads of dlogits[h, entry] * query[h] + p[h, entry] * dout[h], for one query.
template <class Value>
inline void add_entry_gradients(const Value* dlogits, const Value* p, const Value* query, const Value* dout, float* const* gradients,
                                Index heads, Index width, Index columns, Index count, std::vector<float>& room) {
    room.resize(heads * std::max(width, 2 * columns));
#ifdef __AVX512BF16__
    if constexpr (kPairs<Value>) {  // a query with its gradient
        auto* pairs = reinterpret_cast<std::uint32_t*>(room.data());  // [heads, width]
        for (Index i = 0; i < heads * width; i += kLanes) _mm512_storeu_si512(pairs + i, interleave(query + i, dout + i));
        for (Index j = 0; j < count; ++j)
            for (Index i = 0; i < width; i += kLanes) {
                __m512 total = _mm512_loadu_ps(gradients[j] + i);
                for (Index h = 0; h < heads; ++h)
                    total = dot_pairs(total, _mm512_loadu_si512(pairs + h * width + i),
                                      _mm512_set1_epi32(pair(dlogits[h * columns + j], p[h * columns + j])));
                _mm512_storeu_ps(gradients[j] + i, total);
            }
        return;
    }
#endif
    float *dl = room.data(), *pl = dl + heads * columns;
    for (Index k = 0; k < heads * columns; ++k) {
        dl[k] = load(dlogits[k]);
        pl[k] = load(p[k]);
    }
    for (Index j = 0; j < count; ++j)
        for (Index i = 0; i < width; i += kLanes) {
            Vector total = load_vector(gradients[j] + i);
            for (Index h = 0; h < heads; ++h)
                total += dl[h * columns + j] * load_vector(query + h * width + i) + pl[h * columns + j] * load_vector(dout + h * width + i);
            store_vector(gradients[j] + i, total);
        }
}

// dentries [batch, entry_count, width] float += sum over queries and heads of dlogits * query + p * dout. Threads but the first
// add to arrays of their own.
template <class Value>
void selected_entry_gradients(const Value* dlogits, const Value* p, const Value* queries, const Value* dout,
                              const std::int32_t* selected, float* dentries, Index batch, Index length, Index first, Index chunk,
                              Index heads, Index width, Index entry_count, Index columns) {
    const Selection selection{selected, batch, length, first, chunk, heads, width, entry_count, columns};
    const int threads = omp_get_max_threads();
    const Index size = batch * entry_count * width;
    std::vector<float> others((threads - 1) * size, 0.0f);
#pragma omp parallel
    {
        const int thread = omp_get_thread_num();
        float* sums = thread ? &others[(thread - 1) * size] : dentries;
        std::vector<float> room;
        std::vector<float*> chosen(columns);
#pragma omp for schedule(static)
        for (Index row = 0; row < selection.rows(); ++row) {
            const Index n = selection.count(row), at = row * heads * columns;
            if (!n) continue;
            for (Index j = 0; j < n; ++j) chosen[j] = sums + selection.entry(row, selection.list(row)[j]);
            add_entry_gradients(dlogits + at, p + at, queries + selection.query(row), dout + selection.query(row), chosen.data(), heads,
                                width, columns, n, room);
        }
    }
    for (int t = 1; t < threads; ++t) {
        const float* from = &others[(t - 1) * size];
#pragma omp parallel for schedule(static)
        for (Index i = 0; i < size; ++i) dentries[i] += from[i];
    }
}

// Indexer -----------------------------------------------------------------------------------------------------------------------

// The `count` best of n > count scores into ids, in ascending order; ties go to the lower index. keys has room for n.
//
// Scores become integers of the same order; the largest integer that at least `count` of them reach is found by halving, a pass of
// comparisons each time, which is faster than any selection that moves elements.
inline void top_k(const float* scores, Index n, Index count, std::int32_t* ids, std::int32_t* keys) {
    std::int32_t low = INT32_MAX, high = INT32_MIN;
    for (Index i = 0; i < n; ++i) {
        std::int32_t bits;
        std::memcpy(&bits, scores + i, sizeof bits);
        keys[i] = bits ^ ((bits >> 31) & INT32_MAX);
        low = std::min(low, keys[i]);
        high = std::max(high, keys[i]);
    }
    std::int32_t reached = 0;  // by how many, when `low` is the threshold
    while (low < high) {
        const std::int32_t middle = static_cast<std::int32_t>((static_cast<Index>(low) + high + 1) >> 1);
        std::int32_t at_least = 0;
        for (Index i = 0; i < n; ++i) at_least += keys[i] >= middle;
        if (at_least >= count) {
            low = middle;
            reached = at_least;
            if (reached == count) break;
        } else {
            high = middle - 1;
        }
    }
    // More reach it than are wanted: those equal to it, from the lowest index on, as far as they fit.
    Index equal = n;
    if (reached != count) {
        Index above = 0;
        for (Index i = 0; i < n; ++i) above += keys[i] > low;
        equal = count - above;
    }
    Index kept = 0;
    for (Index i = 0; i < n; i += kLanes) {
        const Index end = std::min(n, i + kLanes);
        bool some = false;
        for (Index k = i; k < end; ++k) some |= keys[k] >= low;
        if (!some) continue;
        for (Index k = i; k < end; ++k) {
            if (keys[k] < low || (keys[k] == low && equal-- <= 0)) continue;
            ids[kept++] = static_cast<std::int32_t>(k);
        }
    }
}

// selected [batch, length, columns]: for every query of the chunk the ids of the min(columns, visible) entries with the largest
// score sum_h relu(dots[query, h, entry]) * weights[query, h], ascending, then -1. dots has entry_count columns. dots may be null
// when no query of the chunk sees more than `columns` entries.
template <class Value>
void select_entries(const Value* dots, const float* weights, std::int32_t* selected, Index batch, Index length, Index first,
                    Index chunk, Index heads, Index entry_count, Index ratio, Index columns) {
#pragma omp parallel
    {
        std::vector<float> scores(entry_count);
        std::vector<std::int32_t> keys(entry_count);
#pragma omp for schedule(dynamic, 32)
        for (Index row = 0; row < batch * chunk; ++row) {
            const Index b = row / chunk, t = first + row % chunk, visible = (t + 1) / ratio;
            std::int32_t* ids = selected + (b * length + t) * columns;
            const Index count = std::min(columns, visible);
            std::fill(ids + count, ids + columns, -1);
            if (visible <= columns) {
                for (Index j = 0; j < count; ++j) ids[j] = static_cast<std::int32_t>(j);
                continue;
            }
            std::fill(scores.begin(), scores.begin() + visible, 0.0f);
            for (Index h = 0; h < heads; ++h) {
                const Value* d = dots + (row * heads + h) * entry_count;
                const float w = weights[(b * length + t) * heads + h];
                for (Index j = 0; j < visible; ++j) scores[j] += std::max(load(d[j]), 0.0f) * w;
            }
            top_k(scores.data(), visible, columns, ids, keys.data());
        }
    }
}

// Compressor --------------------------------------------------------------------------------------------------------------------
//
// Per-channel softmax pooling. values and gates: token t of batch b at (b * length + t) * stride; halves * width wide. ape
// [ratio, halves * width] is added to the gates. With two halves an entry pools the low half of the block before (none for
// the first) and the high half of its own.

template <class Visit>
inline void for_pooled(Index b, Index c, Index length, Index ratio, Index width, Index halves, Visit visit) {
    for (Index half = halves == 2 && c > 0 ? 0 : 1; half < 2; ++half)
        for (Index k = 0; k < ratio; ++k) visit(b * length + (c - 1 + half) * ratio + k, k, halves == 2 ? half * width : 0);
}

template <class Value>
void pool_forward(const Value* values, const Value* gates, Index stride, const float* ape, Value* entries, Index batch,
                  Index length, Index ratio, Index width, Index halves) {
    const Index entry_count = length / ratio;
#pragma omp parallel
    {
        std::vector<float> buffers(3 * width);
        float *largest = buffers.data(), *total = largest + width, *pooled = total + width;
#pragma omp for schedule(static)
        for (Index i = 0; i < batch * entry_count; ++i) {
            const Index b = i / entry_count, c = i % entry_count;
            std::fill(largest, largest + width, kNothing);
            std::fill(total, total + 2 * width, 0.0f);
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value* g = gates + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) largest[j] = std::max(largest[j], load(g[j]) + a[j]);
            });
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value *g = gates + t * stride + column, *v = values + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) {
                    const float e = exponential(load(g[j]) + a[j] - largest[j]);
                    total[j] += e;
                    pooled[j] += e * load(v[j]);
                }
            });
            for (Index j = 0; j < width; ++j) store(entries[i * width + j], pooled[j] / total[j]);
        }
    }
}

// dvalues, dgates: dense [batch * length, halves * width], zero on entry (a part of the tokens may be in no entry). dape must be
// summed by the caller from dgates.
template <class Value>
void pool_backward(const Value* dentries, const Value* values, const Value* gates, Index stride, const float* ape, Value* dvalues,
                   Value* dgates, Index batch, Index length, Index ratio, Index width, Index halves) {
    const Index entry_count = length / ratio, items = halves * ratio;
#pragma omp parallel
    {
        std::vector<float> buffers((3 + items) * width);
        float *largest = buffers.data(), *total = largest + width, *pooled = total + width, *exponentials = pooled + width;
#pragma omp for schedule(static)
        for (Index i = 0; i < batch * entry_count; ++i) {
            const Index b = i / entry_count, c = i % entry_count;
            std::fill(largest, largest + width, kNothing);
            std::fill(total, total + 2 * width, 0.0f);
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value* g = gates + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) largest[j] = std::max(largest[j], load(g[j]) + a[j]);
            });
            float* e = exponentials;
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value *g = gates + t * stride + column, *v = values + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) {
                    e[j] = exponential(load(g[j]) + a[j] - largest[j]);
                    total[j] += e[j];
                    pooled[j] += e[j] * load(v[j]);
                }
                e += width;
            });
            for (Index j = 0; j < width; ++j) {
                total[j] = 1 / total[j];
                pooled[j] *= total[j];
            }
            const Value* out = dentries + i * width;
            e = exponentials;
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index, Index column) {
                const Value* v = values + t * stride + column;
                Value *dv = dvalues + t * halves * width + column, *dg = dgates + t * halves * width + column;
                for (Index j = 0; j < width; ++j) {
                    const float share = e[j] * total[j] * load(out[j]);
                    store(dv[j], share);
                    store(dg[j], share * (load(v[j]) - pooled[j]));
                }
                e += width;
            });
        }
    }
}

// Experts -----------------------------------------------------------------------------------------------------------------------

// out = silu(min(gate, limit)) * clamp(up, -limit, limit) * weight; gate and up are the halves of a row. weights may be null.
template <class Value>
void swiglu_forward(const Value* gate_up, const float* weights, Value* out, Index rows, Index width, float limit) {
#pragma omp parallel for schedule(static)
    for (Index i = 0; i < rows; ++i) {
        const Value *gate = gate_up + i * 2 * width, *up = gate + width;
        Value* to = out + i * width;
        const float weight = weights ? weights[i] : 1.0f;
        for (Index k = 0; k < width; ++k) {
            const float g = std::min(load(gate[k]), limit), u = std::max(-limit, std::min(load(up[k]), limit));
            store(to[k], g * sigmoid(g) * u * weight);
        }
    }
}

template <class Value>
void swiglu_backward(const Value* gate_up, const float* weights, const Value* dout, Value* dgate_up, float* dweights, Index rows,
                     Index width, float limit) {
#pragma omp parallel for schedule(static)
    for (Index i = 0; i < rows; ++i) {
        const Value *gate = gate_up + i * 2 * width, *up = gate + width, *from = dout + i * width;
        Value *dgate = dgate_up + i * 2 * width, *dup = dgate + width;
        const float weight = weights ? weights[i] : 1.0f;
        float weight_gradient = 0;
        for (Index k = 0; k < width; ++k) {
            const float raw_g = load(gate[k]), raw_u = load(up[k]), d = load(from[k]);
            const float g = std::min(raw_g, limit), u = std::max(-limit, std::min(raw_u, limit));
            const float s = sigmoid(g), silu = g * s;
            weight_gradient += d * silu * u;
            store(dup[k], raw_u > -limit && raw_u < limit ? d * weight * silu : 0.0f);
            store(dgate[k], raw_g < limit ? d * weight * u * (s + silu * (1 - s)) : 0.0f);
        }
        if (dweights) dweights[i] = weight_gradient;
    }
}

// out[token] = shared[token] + sum over its k experts of rows[slots[token][i]].
template <class Value>
void combine(const Value* rows, const std::int64_t* slots, const Value* shared, Value* out, Index tokens, Index k, Index width) {
#pragma omp parallel
    {
        std::vector<float> sum_buffer(width);
        float* total = sum_buffer.data();
#pragma omp for schedule(static)
        for (Index t = 0; t < tokens; ++t) {
            for (Index i = 0; i < width; ++i) total[i] = load(shared[t * width + i]);
            for (Index j = 0; j < k; ++j) {
                const Value* row = rows + slots[t * k + j] * width;
                for (Index i = 0; i < width; ++i) total[i] += load(row[i]);
            }
            for (Index i = 0; i < width; ++i) store(out[t * width + i], total[i]);
        }
    }
}

}  // namespace

// What ops.py calls: the address of every function, once for float and once for BFloat16.
#define EXPORT(name)                \
    auto* name##_f32 = &name<float>; \
    auto* name##_bf16 = &name<BFloat16>;

extern "C" {
EXPORT(norm_rope_forward)
EXPORT(norm_rope_backward)
EXPORT(mhc_pre_forward)
EXPORT(mhc_pre_backward)
EXPORT(mhc_post_forward)
EXPORT(mhc_post_backward)
EXPORT(softmax_forward)
EXPORT(softmax_backward)
EXPORT(selected_logits)
EXPORT(selected_values)
EXPORT(selected_entry_gradients)
EXPORT(select_entries)
EXPORT(pool_forward)
EXPORT(pool_backward)
EXPORT(swiglu_forward)
EXPORT(swiglu_backward)
EXPORT(combine)

void set_threads(int threads) { omp_set_num_threads(threads); }
}
