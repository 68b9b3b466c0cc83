// Hyper-connections: what a sublayer reads from the residual streams, and how its output comes back to them.
//
// Four residual streams [tokens, 4, dim] float. Sixteen tokens are handled together: the mixing coefficients of one
// token are few and need exponentials and divisions, which pay as vectors across tokens.
#include "values.h"

namespace krill {

constexpr int kStreams = 4;
constexpr int kMixes = 24;  // 4 pre, 4 post, 16 combine: rows of fn, and entries of base

typedef float Lane[kLanes];
#define FOR_LANES _Pragma("omp simd") for (Index l = 0; l < kLanes; ++l)

// What the backward pass of Sinkhorn's iteration needs: the matrix after every normalisation and the factors applied in
// it.
struct SinkhornTrace {
    float (*matrices)[16][kLanes];
    float (*factors)[4][kLanes];
};

// matrix: 16 lanes, row-major, j source (row), k destination. Row softmax + eps, columns normalised, then iterations -
// 1 times rows and columns (architecture 4.2, step 4).
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
        for (int k = 0; k < 4; ++k) {
            FOR_LANES row[k][l] = row[k][l] / total[l] + eps;
        }
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
            for (int m = 0; m < 4; ++m) {
                FOR_LANES first[m * element][l] *= factor[l];
            }
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
        for (int k = 4 * j; k < 4 * j + 4; ++k) {
            FOR_LANES along[l] += gradient[k][l] * (trace.matrices[0][k][l] - eps);
        }
        for (int k = 4 * j; k < 4 * j + 4; ++k) {
            FOR_LANES gradient[k][l] = (trace.matrices[0][k][l] - eps) * (gradient[k][l] - along[l]);
        }
    }
}

// products[mix][lane] = fn[mix] . streams of token `lane`. `width` = 4 * dim, a multiple of 16. Four tokens by four
// rows of fn share their loads.
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

// x = norm_weight * u / rms(u) with u = sum_j pre_j X_j: a sublayer's input, and the coefficients post and comb with
// which its output comes back. mixes, inverse_rms (of all four streams) and u_inverse_rms are kept for the backward
// pass.
template <class Value>
void mhc_pre_forward(const float* streams, const float* fn, const float* scale, const float* base,
                     const float* norm_weight, Value* x, float* post, float* comb, float* mixes, float* inverse_rms,
                     float* u_inverse_rms, Index tokens, Index dim, float norm_eps, float hc_eps, int iterations) {
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
            for (int m = 0; m < 16; ++m) {
                FOR_LANES matrix[m][l] = rho[l] * mix[8 + m][l] * scale[2] + base[8 + m];
            }
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

// dstreams = dstreams_in (null: nothing) + what comes through x, post and comb. The parameters' gradients are
// overwritten.
template <class Value>
void mhc_pre_backward(const float* dstreams_in, const Value* dx, const float* dpost, const float* dcomb,
                      const float* streams, const float* fn, const float* scale, const float* base,
                      const float* norm_weight, const float* mixes, const float* inverse_rms,
                      const float* u_inverse_rms, float* dstreams, float* dfn, float* dscale, float* dbase,
                      float* dnorm_weight, Index tokens, Index dim, float hc_eps, int iterations) {
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
            for (int m = 0; m < 16; ++m) {
                FOR_LANES matrix[m][l] = rho[l] * mix[8 + m][l] * scale[2] + base[8 + m];
            }
            sinkhorn(matrix, iterations, hc_eps, &trace);
            sinkhorn_backward(gradient, iterations, hc_eps, trace);

            // Through the sublayer's input to u, and to the four coefficients pre.
            Lane pre[4], dpre[4];
            for (int j = 0; j < 4; ++j) {
                FOR_LANES pre[j][l] = sigmoid(rho[l] * mix[j][l] * scale[0] + base[j]);
            }
            for (int l = 0; l < kLanes; ++l) {
                if (l >= count) {
                    for (int j = 0; j < 4; ++j) dpre[j][l] = 0;
                    continue;
                }
                const Index t = first + l;
                const float *s = token[l], rms = u_inverse_rms[t];
                const float p0 = pre[0][l] + hc_eps, p1 = pre[1][l] + hc_eps, p2 = pre[2][l] + hc_eps,
                            p3 = pre[3][l] + hc_eps;
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
void mhc_post_forward(const float* streams, const Value* v, const float* post, const float* comb, float* out,
                      Index tokens, Index dim) {
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
        const float *g = dout + t * kStreams * dim, *x = streams + t * kStreams * dim, *p = post + t * 4,
                    *c = comb + t * 16;
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

}  // namespace krill

EXPORT(mhc_pre_forward)
EXPORT(mhc_pre_backward)
EXPORT(mhc_post_forward)
EXPORT(mhc_post_backward)
