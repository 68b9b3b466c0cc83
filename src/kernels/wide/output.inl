// Where a product writes: outputs of one call, rounded if it was asked to. Included after numbers.inl.

namespace {

struct Output {
    float* y;
    std::int64_t stride;  // from one input's outputs to the next
    bool round;

    void one(int input, std::int64_t row, float value) const {
        y[input * stride + row] = round ? to_bf16_one(value) : value;
    }
    // Rows [row, row + 4) of one input.
    void rows(int input, std::int64_t row, __m128 values) const {
        _mm_storeu_ps(y + input * stride + row, round ? to_bf16_four(values) : values);
    }
    // One row of inputs [input, input + 4).
    void inputs(int input, std::int64_t row, __m128 values) const {
        alignas(16) float four[4];
        _mm_store_ps(four, round ? to_bf16_four(values) : values);
        for (int i = 0; i < 4; ++i) y[(input + i) * stride + row] = four[i];
    }
};

// The row to look ahead to from `row` when `together` rows are read at once: far enough for memory to answer, by whole
// groups of rows, so that the next group's lines have come when it starts. Into L2; L1 has too few places to wait in.
constexpr std::int64_t kAheadBytes = 32 << 10;
inline std::int64_t bytes_ahead(std::int64_t row_bytes, int together) {
    const std::int64_t group = row_bytes * together;
    return (kAheadBytes + group - 1) / group * group;
}

}  // namespace
