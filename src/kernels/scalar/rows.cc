// The small operations on rows of activations (spec 3.1, 3.5, 3.6, 4.2, 4.4, 4.5). Each statement rounds once.
#include <algorithm>
#include <cmath>

#include "kernels/scalar/scalar.h"
#include "tensor/formats.h"

namespace baleen::kernels::scalar {

namespace {

float rounded(float value, bool round) {
    return round ? tensor::round_bf16(value) : value;
}

}  // namespace

float sum_squares(const float* x, std::int64_t n) {
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
    return sum;
}

void rms_norm(const float* x, const float* w, std::int64_t n, float eps, float* out, bool round) {
    const float factor = 1.0f / std::sqrt(sum_squares(x, n) / static_cast<float>(n) + eps);
    for (std::int64_t i = 0; i < n; ++i) out[i] = rounded(w[i] * (x[i] * factor), round);
}

void head_norm(const float* x, std::int64_t n, float eps, float* out, bool round) {
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += rounded(x[i] * x[i], round);
    const float mean = rounded(sum / static_cast<float>(n), round);
    const float factor = rounded(1.0f / std::sqrt(rounded(mean + eps, round)), round);
    for (std::int64_t i = 0; i < n; ++i) out[i] = rounded(x[i] * factor, round);
}

void rope(float* x, int pairs, const float* cos, const float* sin, bool inverse, bool round) {
    for (int i = 0; i < pairs; ++i) {
        const float a = x[2 * i], b = x[2 * i + 1], s = inverse ? -sin[i] : sin[i];
        x[2 * i] = rounded(a * cos[i] - b * s, round);
        x[2 * i + 1] = rounded(a * s + b * cos[i], round);
    }
}

void hadamard(float* x, int n, bool round) {
    for (int stride = 1; stride < n; stride *= 2)
        for (int first = 0; first < n; first += 2 * stride)
            for (int i = first; i < first + stride; ++i) {
                const float a = x[i], b = x[i + stride];
                x[i] = a + b;
                x[i + stride] = a - b;
            }
    const auto factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(n)));
    for (int i = 0; i < n; ++i) x[i] = rounded(x[i] * factor, round);
}

void swiglu(const float* gate, const float* up, std::int64_t n, float limit, float weight, float* out, bool round) {
    for (std::int64_t i = 0; i < n; ++i) {
        const float g = std::min(gate[i], limit);
        const float u = std::max(std::min(up[i], limit), -limit);
        out[i] = rounded(g / (1.0f + std::exp(-g)) * u * weight, round);
    }
}

void hc_collapse(const float* streams, const float* pre, int hc, std::int64_t n, float* out, bool round) {
    for (std::int64_t i = 0; i < n; ++i) {
        float sum = pre[0] * streams[i];
        for (int j = 1; j < hc; ++j) sum += pre[j] * streams[j * n + i];
        out[i] = rounded(sum, round);
    }
}

void hc_expand(float* streams, const float* v, const float* post, const float* comb, int hc, std::int64_t n,
               bool round) {
    float old[8];
    for (std::int64_t i = 0; i < n; ++i) {
        for (int j = 0; j < hc; ++j) old[j] = streams[j * n + i];
        for (int k = 0; k < hc; ++k) {
            float sum = post[k] * v[i];
            for (int j = 0; j < hc; ++j) sum += comb[j * hc + k] * old[j];
            streams[k * n + i] = rounded(sum, round);
        }
    }
}

void add(float* acc, const float* x, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) acc[i] += x[i];
}

void pool(const float* const* value, const float* const* gate, int count, std::int64_t n, float* out) {
    for (std::int64_t i = 0; i < n; ++i) {
        float top = gate[0][i];
        for (int r = 1; r < count; ++r) top = std::max(top, gate[r][i]);
        float sum = 0, total = 0;
        for (int r = 0; r < count; ++r) {
            const float e = std::exp(gate[r][i] - top);
            sum += value[r][i] * e;
            total += e;
        }
        out[i] = sum / total;
    }
}

}  // namespace baleen::kernels::scalar
