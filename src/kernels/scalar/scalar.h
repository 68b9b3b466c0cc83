// The scalar kernel set: the specification of every entry of kernels.h. Written to be read; one subject per file.
// Plain C++ for the baseline CPU, no contraction, so every operation below rounds once, in the order written. The wider
// sets are tested against these functions.
#pragma once

#include <array>

#include "kernels/kernels.h"

namespace baleen::kernels::scalar {

// The value of every E4M3 code, tensor::e4m3_to_f32 tabulated (entries.cc).
extern const std::array<float, 256> kE4M3;

// products.cc
void matmul(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
            std::int64_t y_stride, bool round, Scratch& scratch);

// quantise.cc
void round_bf16(float* x, std::int64_t n);
void narrow_bf16(const float* x, std::int64_t n, std::uint16_t* out);
void quantise_fp8(const float* x, std::int64_t n, int group, float* out);

// entries.cc
void pack_entry(const float* x, const tensor::EntryLayout& layout, std::uint8_t* out);
void unpack_entry(const std::uint8_t* entry, const tensor::EntryLayout& layout, float* out);
void pack_key(const float* x, const tensor::KeyLayout& layout, std::uint8_t* out);
void unpack_key(const std::uint8_t* key, const tensor::KeyLayout& layout, float* out);

// rows.cc
void rms_norm(const float* x, const float* w, std::int64_t n, float eps, float* out, bool round);
void head_norm(const float* x, std::int64_t n, float eps, float* out, bool round);
void rope(float* x, int pairs, const float* cos, const float* sin, bool inverse, bool round);
void hadamard(float* x, int n, bool round);
float sum_squares(const float* x, std::int64_t n);
void swiglu(const float* gate, const float* up, std::int64_t n, float limit, float weight, float* out, bool round);
void hc_collapse(const float* streams, const float* pre, int hc, std::int64_t n, float* out, bool round);
void hc_expand(float* streams, const float* v, const float* post, const float* comb, int hc, std::int64_t n,
               bool round);
void add(float* acc, const float* x, std::int64_t n);
void pool(const float* const* value, const float* const* gate, int count, std::int64_t n, float* out);

// attend.cc
void attend(const Attend& work, Scratch& scratch);

// index_scores.cc
void index_scores(const IndexScore& work, Scratch& scratch);
std::int64_t find_not_below(const float* x, std::int64_t n, float least, std::int32_t first, std::int32_t* out);

}  // namespace baleen::kernels::scalar
