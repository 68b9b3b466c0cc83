// Small operations on rows. rope, hadamard, hc_collapse, hc_expand and add have no freedom of order and do exactly what
// scalar/rows.cc does (multiply, then add: no FMA); the others differ from it in the order of a sum or in exp.

float sum_squares(const float* x, std::int64_t n) {
    F sum = Vec::zero();
    for (std::int64_t i = 0; i < n; i += kLanes) {
        const F v = get(x + i, n - i);
        sum = Vec::fma(v, v, sum);
    }
    return sum_of(sum);
}

void rms_norm(const float* x, const float* w, std::int64_t n, float eps, float* out, bool round) {
    const F factor = Vec::set(1.0f / square_root(sum_squares(x, n) / static_cast<float>(n) + eps));
    for (std::int64_t i = 0; i < n; i += kLanes)
        put(out + i, n - i, rounded(Vec::mul(get(w + i, n - i), Vec::mul(get(x + i, n - i), factor)), round));
}

void head_norm(const float* x, std::int64_t n, float eps, float* out, bool round) {
    float factor;
    if (round) {
        F sum = Vec::zero();
        for (std::int64_t i = 0; i < n; i += kLanes) {
            const F v = get(x + i, n - i);
            sum = Vec::add(sum, to_bf16(Vec::mul(v, v)));
        }
        const float mean = to_bf16_one(sum_of(sum) / static_cast<float>(n));
        factor = to_bf16_one(1.0f / square_root(to_bf16_one(mean + eps)));
    } else {
        factor = 1.0f / square_root(sum_squares(x, n) / static_cast<float>(n) + eps);
    }
    for (std::int64_t i = 0; i < n; i += kLanes)
        put(out + i, n - i, rounded(Vec::mul(get(x + i, n - i), Vec::set(factor)), round));
}

void rope(float* x, int pairs, const float* cos, const float* sin, bool inverse, bool round) {
    // Lanes a0 b0 a1 b1 ...: the turned vector is x cos + swapped(x) sin, where the sign of sin differs in even lanes.
    const I odd = Vec::upper_signs(1), even = Vec::lxor(odd, Vec::set_int(INT32_MIN)), flip = inverse ? odd : even;
    int i = 0;
    for (; i + kLanes / 2 <= pairs; i += kLanes / 2) {
        const F v = Vec::load(x + 2 * i);
        const F across = Vec::mul(Vec::swap(v, 1), Vec::load_twice(sin + i));
        const F along = Vec::mul(v, Vec::load_twice(cos + i));
        Vec::store(x + 2 * i, rounded(Vec::add(along, Vec::number(Vec::lxor(Vec::bits(across), flip))), round));
    }
    for (; i < pairs; ++i) {
        const float a = x[2 * i], b = x[2 * i + 1], s = inverse ? -sin[i] : sin[i];
        const float p = a * cos[i] - b * s, q = a * s + b * cos[i];
        x[2 * i] = round ? to_bf16_one(p) : p;
        x[2 * i + 1] = round ? to_bf16_one(q) : q;
    }
}

namespace {

// The butterflies inside one vector: lane i becomes x[i] + x[i ^ s], or x[i ^ s] - x[i] where i has the bit s.
inline F hadamard_inside(F x, int n) {
    for (int stride = 1; stride < kLanes && stride < n; stride *= 2) {
        const F flipped = Vec::number(Vec::lxor(Vec::bits(x), Vec::upper_signs(stride)));
        x = Vec::add(Vec::swap(x, stride), flipped);
    }
    return x;
}

}  // namespace

void hadamard(float* x, int n, bool round) {
    for (int i = 0; i < n; i += kLanes) put(x + i, n - i, hadamard_inside(get(x + i, n - i), n));
    for (int stride = kLanes; stride < n; stride *= 2)
        for (int first = 0; first < n; first += 2 * stride)
            for (int i = first; i < first + stride; i += kLanes) {
                const F a = Vec::load(x + i), b = Vec::load(x + i + stride);
                Vec::store(x + i, Vec::add(a, b));
                Vec::store(x + i + stride, Vec::sub(a, b));
            }
    const __m128d root = _mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(static_cast<double>(n)));
    const F factor = Vec::set(static_cast<float>(1.0 / _mm_cvtsd_f64(root)));
    for (int i = 0; i < n; i += kLanes) put(x + i, n - i, rounded(Vec::mul(get(x + i, n - i), factor), round));
}

void swiglu(const float* gate, const float* up, std::int64_t n, float limit, float weight, float* out, bool round) {
    const F top = Vec::set(limit), bottom = Vec::set(-limit), one = Vec::set(1.0f), w = Vec::set(weight);
    for (std::int64_t i = 0; i < n; i += kLanes) {
        const F g = Vec::min(top, get(gate + i, n - i));
        const F u = Vec::max(bottom, Vec::min(top, get(up + i, n - i)));
        const F minus = Vec::number(Vec::lxor(Vec::bits(g), Vec::set_int(INT32_MIN)));
        const F silu = Vec::div(g, Vec::add(one, exponential(minus)));
        put(out + i, n - i, rounded(Vec::mul(Vec::mul(silu, u), w), round));
    }
}

void hc_collapse(const float* streams, const float* pre, int hc, std::int64_t n, float* out, bool round) {
    for (std::int64_t i = 0; i < n; i += kLanes) {
        F sum = Vec::mul(Vec::set(pre[0]), get(streams + i, n - i));
        for (int j = 1; j < hc; ++j) sum = Vec::add(sum, Vec::mul(Vec::set(pre[j]), get(streams + j * n + i, n - i)));
        put(out + i, n - i, rounded(sum, round));
    }
}

void hc_expand(float* streams, const float* v, const float* post, const float* comb, int hc, std::int64_t n,
               bool round) {
    F old[8];
    for (std::int64_t i = 0; i < n; i += kLanes) {
        for (int j = 0; j < hc; ++j) old[j] = get(streams + j * n + i, n - i);
        const F fresh = get(v + i, n - i);
        for (int k = 0; k < hc; ++k) {
            F sum = Vec::mul(Vec::set(post[k]), fresh);
            for (int j = 0; j < hc; ++j) sum = Vec::add(sum, Vec::mul(Vec::set(comb[j * hc + k]), old[j]));
            put(streams + k * n + i, n - i, rounded(sum, round));
        }
    }
}

std::int64_t find_not_below(const float* x, std::int64_t n, float least, std::int32_t first, std::int32_t* out) {
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < n; i += kLanes) {
        const unsigned lanes = n - i < kLanes ? (1u << (n - i)) - 1 : (1u << kLanes) - 1;
        unsigned chosen = ~Vec::lanes(Vec::less(get(x + i, n - i), Vec::set(least))) & lanes;
        for (; chosen; chosen &= chosen - 1) out[found++] = first + static_cast<std::int32_t>(i) + __builtin_ctz(chosen);
    }
    return found;
}

void add(float* acc, const float* x, std::int64_t n) {
    for (std::int64_t i = 0; i < n; i += kLanes) put(acc + i, n - i, Vec::add(get(acc + i, n - i), get(x + i, n - i)));
}

void pool(const float* const* value, const float* const* gate, int count, std::int64_t n, float* out) {
    for (std::int64_t i = 0; i < n; i += kLanes) {
        F top = get(gate[0] + i, n - i);
        for (int r = 1; r < count; ++r) top = Vec::max(top, get(gate[r] + i, n - i));
        F sum = Vec::zero(), total = Vec::zero();
        for (int r = 0; r < count; ++r) {
            const F e = exponential(Vec::sub(get(gate[r] + i, n - i), top));
            sum = Vec::fma(get(value[r] + i, n - i), e, sum);
            total = Vec::add(total, e);
        }
        put(out + i, n - i, Vec::div(sum, total));
    }
}
