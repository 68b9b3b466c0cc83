// What all products share: where they write (outputs of one call, rounded if asked) and how they look ahead in memory.
// Included after numbers.inl.

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

// How far to look ahead where `together` rows are read at once: far enough for memory to answer, and by whole groups of
// rows, so that the next group has come when it starts.
constexpr std::int64_t kAheadBytes = 32 << 10;
inline std::int64_t bytes_ahead(std::int64_t row_bytes, int together) {
    const std::int64_t group = row_bytes * together;
    return (kAheadBytes + group - 1) / group * group;
}

// Asks for the lines at p. The rows of a group lie one after the other, so callers ask in the order of memory, not of
// their own steps through the rows; that alone is worth a quarter where rows are read four at a time. Into L2: L1 has
// too few places to wait in.
template <std::int64_t bytes>
inline void look_ahead(const std::uint8_t* p) {
    for (std::int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(p + line, 0, 2);
}

}  // namespace
