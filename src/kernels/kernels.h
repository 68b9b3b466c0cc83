// The arithmetic of the engine: one struct of function pointers per kernel set.
//
// Sets: `scalar` fills every entry, is written to be read, and is the specification. `avx2` (with FMA and F16C),
// `avx512` (F, BW, DQ, VL, CD), `avx512vnni` and `avx512bf16` (with BF16 and VBMI) overwrite what they improve, in that
// order. select() picks the last set the CPU has, but not avx512bf16 where its dot products are slow (kernels/cpu.h);
// BALEEN_ISA=scalar|avx2|avx512|avx512vnni|avx512bf16 forces one, and asking for one the CPU lacks is an error.
//
// Numerics. Activations travel as float32. Under official numerics every value in them is exactly a bf16 number, and a
// kernel with `round` set rounds its result to bf16 at the places the reference does; under weights-only numerics
// nothing is rounded. Scale products are powers of two, so the order of float32 additions is the only freedom a kernel
// has, and it is part of the set's definition (docs/numerics.md): it depends on the width K alone, never on the number
// of rows computed together, on threads, or on the layout of weights. So one row alone, the same row among many, and any
// split of output rows give the same bits.
//
// Threading: all entries are reentrant; callers give different threads different outputs. Nothing here allocates, except
// where a `scratch` is passed. Pointers need only their type's alignment unless stated. Outputs do not alias inputs
// unless stated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/entry_layout.h"
#include "tensor/matrix.h"

namespace baleen::kernels {

// Per-thread memory of a kernel, grown on first use and kept, so that steady decode allocates nothing.
class Scratch {
  public:
    // At least `bytes` bytes, 64-byte aligned; contents undefined; valid until the next call.
    void* reserve(std::size_t bytes) {
        if (buffer_.size() < bytes + 64) buffer_.resize(bytes + 64);
        const auto address = reinterpret_cast<std::uintptr_t>(buffer_.data());
        return reinterpret_cast<void*>((address + 63) & ~std::uintptr_t{63});
    }

  private:
    std::vector<std::byte> buffer_;
};

// Inputs of a product: `count` rows of `width` float32, row i at f32 + i * stride. Where `bf16` is set it holds the same
// numbers (they are bf16 numbers then) as `count` rows of `width`, row i at bf16 + i * bf16_stride.
struct Rows {
    const float* f32 = nullptr;
    std::int64_t stride = 0;
    const std::uint16_t* bf16 = nullptr;
    std::int64_t bf16_stride = 0;
    int count = 0;
    std::int64_t width = 0;
};

// y[i * y_stride + r] = sum_k w[r, k] * x[i, k] for all rows i of x and output rows r in [row_begin, row_end); float32
// accumulation of exact products, rounded to bf16 at the end if `round`. width == w.cols, a multiple of 32.
// For fp8 weights row_begin may be any row. The weights enter as the exact value code * scale.
using Matmul = void (*)(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end,
                        float* y, std::int64_t y_stride, bool round, Scratch& scratch);

// One query over its entries (spec 4.4, 19-21): logit = scale * q.entry; p = exp(logit - max); Z = sum p + exp(sink - max);
// out = sum(p~ * entry) / Z with p~ = bf16(p) if `round` and p otherwise; out rounded to bf16 if `round`. The sum over
// entries runs in list order, per head and channel, in one accumulator. max does not include the sink.
struct Attend {
    const float* q = nullptr;                    // [heads, head_dim]
    const std::uint8_t* const* entries = nullptr;  // [count] pointers to entries of `layout`; count >= 1
    int count = 0;
    tensor::EntryLayout layout;
    const float* sink = nullptr;  // [heads]
    float scale = 0;              // head_dim^-0.5
    int head_begin = 0;
    int head_end = 0;  // heads [head_begin, head_end) are computed
    float* out = nullptr;  // [heads, head_dim]
    bool round = true;
};

// One query against `count` consecutive index keys (spec 4.4, 17): out[c] = sum_h relu(q_h . key_c) * weight_h, the sum
// over heads in ascending order in float32. With packed layout the dot is exact integers per group of 32, then
// ((g0 + g1) + g2) + ... of the scaled groups in float32, rounded to bf16; product with the weight rounded to bf16; the
// sum rounded to bf16. These bits are the same in every kernel set. With plain layout (float32 keys) nothing is rounded.
struct IndexScore {
    const void* q = nullptr;        // [heads] in the layout of keys
    const float* weights = nullptr;  // [heads]
    int heads = 0;
    const std::uint8_t* keys = nullptr;  // [count] keys of `layout`, contiguous
    std::int64_t count = 0;
    tensor::KeyLayout layout;
    float* out = nullptr;  // [count]
};

struct Kernels {
    std::string_view name;  // "scalar", "avx2", "avx512", "avx512vnni", "avx512bf16"

    // ---- products
    Matmul matmul_fp8 = nullptr;
    Matmul matmul_fp4 = nullptr;
    Matmul matmul_bf16 = nullptr;
    Matmul matmul_f32 = nullptr;

    // ---- rounding and quantisers, in place on n numbers (n a multiple of the group)
    // x[i] = bf16(x[i]).
    void (*round_bf16)(float* x, std::int64_t n) = nullptr;
    // out[i] = the bf16 bits of x[i], which must be a bf16 number (no rounding happens).
    void (*narrow_bf16)(const float* x, std::int64_t n, std::uint16_t* out) = nullptr;
    // Groups of `group` (128 or 64): x = bf16(e4m3(x / s) * s), spec 3.2. out may equal x.
    void (*quantise_fp8)(const float* x, std::int64_t n, int group, float* out) = nullptr;

    // ---- KV entries and index keys
    // Writes one entry from head_dim numbers after RoPE: packed, the nope part is quantised by spec 3.2 (group 64) and
    // the rope part, already bf16 numbers, is stored as it is; pad bytes are zero. Plain: copied.
    void (*pack_entry)(const float* x, const tensor::EntryLayout& layout, std::uint8_t* out) = nullptr;
    // The head_dim numbers an entry stands for.
    void (*unpack_entry)(const std::uint8_t* entry, const tensor::EntryLayout& layout, float* out) = nullptr;
    // One key or index query head from head_dim numbers after Hadamard: packed by spec 3.3; plain: copied.
    void (*pack_key)(const float* x, const tensor::KeyLayout& layout, std::uint8_t* out) = nullptr;
    void (*unpack_key)(const std::uint8_t* key, const tensor::KeyLayout& layout, float* out) = nullptr;

    // ---- small operations on rows; `out` may equal `x`
    // Spec 3.1: out = w * (x * (1 / sqrt(mean(x^2) + eps))), rounded if `round`.
    void (*rms_norm)(const float* x, const float* w, std::int64_t n, float eps, float* out, bool round) = nullptr;
    // Spec 4.4 step 3: unweighted norm of one query head, each step rounded to bf16 if `round`.
    void (*head_norm)(const float* x, std::int64_t n, float eps, float* out, bool round) = nullptr;
    // Spec 3.6: turns the adjacent pairs of x[0..2*pairs) by (cos, sin): (a cos - b sin, a sin + b cos). Inverse: the
    // caller passes `inverse`, which negates sin.
    void (*rope)(float* x, int pairs, const float* cos, const float* sin, bool inverse, bool round) = nullptr;
    // Spec 3.5: Walsh-Hadamard in natural order, times n^-0.5; n a power of two.
    void (*hadamard)(float* x, int n, bool round) = nullptr;
    // sum(x^2) in float32.
    float (*sum_squares)(const float* x, std::int64_t n) = nullptr;
    // Spec 4.5 step 4: out = silu(min(gate, limit)) * clamp(up, -limit, limit) * weight, rounded if `round`.
    void (*swiglu)(const float* gate, const float* up, std::int64_t n, float limit, float weight, float* out,
                   bool round) = nullptr;
    // Spec 4.2 step 5: out = sum_j pre[j] * streams[j * n ...], j ascending, rounded if `round`. streams is [hc, n].
    void (*hc_collapse)(const float* streams, const float* pre, int hc, std::int64_t n, float* out, bool round) = nullptr;
    // Spec 4.2 step 7: streams'[k] = post[k] * v + sum_j comb[j * hc + k] * streams[j], j ascending, in place, rounded if
    // `round`. hc <= 8.
    void (*hc_expand)(float* streams, const float* v, const float* post, const float* comb, int hc, std::int64_t n,
                      bool round) = nullptr;
    // acc[i] += x[i].
    void (*add)(float* acc, const float* x, std::int64_t n) = nullptr;
    // Spec 4.4 step 10: per channel i, out[i] = sum_r value[r][i] * softmax_r(gate[r][i]) over `count` rows in order
    // (maximum subtracted; a plain sum of products divided by the sum of exponentials); never rounded.
    void (*pool)(const float* const* value, const float* const* gate, int count, std::int64_t n, float* out) = nullptr;

    // ---- attention
    void (*attend)(const Attend& work, Scratch& scratch) = nullptr;
    void (*index_scores)(const IndexScore& work, Scratch& scratch) = nullptr;
    // Writes `first` + i for every x[i] that is not below `least` (NaN never is), ascending; how many. `out` has room for n.
    std::int64_t (*find_not_below)(const float* x, std::int64_t n, float least, std::int32_t first, std::int32_t* out) = nullptr;
};

// The product of the matrix's format.
inline Matmul matmul_for(const Kernels& k, tensor::WeightFormat format) {
    switch (format) {
        case tensor::WeightFormat::fp8: return k.matmul_fp8;
        case tensor::WeightFormat::fp4: return k.matmul_fp4;
        case tensor::WeightFormat::bf16: return k.matmul_bf16;
        case tensor::WeightFormat::f32: return k.matmul_f32;
    }
    return nullptr;
}

// The set to use: `wanted` if not empty, else the environment's BALEEN_ISA, else the fastest this CPU runs. Unknown names
// and sets the CPU cannot run are errors.
Result<const Kernels*> select(std::string_view wanted = {});

// All sets this CPU can run, scalar first.
std::vector<const Kernels*> available();

// SHA-free fingerprint: runs every kernel of the set on fixed inputs and hashes the bits of the outputs (FNV-1a, 64 bit).
// Equal fingerprints mean equal arithmetic on this machine; part of Engine::numerics_signature(). About 10 ms.
std::uint64_t fingerprint(const Kernels& kernels);

// Each set's own contribution: overwrites the entries it improves. Called by select().
void fill_scalar(Kernels& kernels);
void fill_avx2(Kernels& kernels);
void fill_avx512(Kernels& kernels);
void fill_avx512vnni(Kernels& kernels);
void fill_avx512bf16(Kernels& kernels);

}  // namespace baleen::kernels
