// Peaks without vector instructions.
#include "kernels/peak.h"

namespace baleen::kernels::scalar {

std::uint64_t read_pass(const void* data, std::size_t bytes) {
    const auto* words = static_cast<const std::uint64_t*>(data);
    std::uint64_t sum[8] = {};
    for (std::size_t i = 0; i + 8 <= bytes / 8; i += 8)
        for (std::size_t k = 0; k < 8; ++k) sum[k] += words[i + k];
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

float dot_rounds(std::int64_t rounds, double* operations) {
    float sum[12] = {};
    volatile float a = 0.999f, b = 0.001f;
    const float x = a, y = b;
    for (std::int64_t r = 0; r < rounds; ++r)
        for (float& s : sum) s = s * x + y;
    *operations = 2.0 * 12 * static_cast<double>(rounds);
    float all = 0;
    for (const float s : sum) all += s;
    return all;
}

int byte_rounds(std::int64_t rounds, double* operations) {
    int sum[12] = {};
    volatile int a = 3, b = -2;
    const int x = a;
    for (std::int64_t r = 0; r < rounds; ++r) {
        const int y = b;
        for (int& s : sum) s += x * y;
    }
    *operations = 2.0 * 12 * static_cast<double>(rounds);
    int all = 0;
    for (const int s : sum) all += s;
    return all;
}

}  // namespace baleen::kernels::scalar
