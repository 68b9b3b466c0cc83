#include "v4/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace baleen::v4 {

RopeTable::RopeTable(const model::Config& config, bool compressed) {
    const int dim = config.qk_rope_head_dim;
    const double base = compressed ? config.compress_rope_theta : config.rope_theta;
    const model::RopeScaling& yarn = config.rope_scaling;
    // The pair whose wavelength makes `turns` turns over the original context.
    const auto correction = [&](double turns) {
        return dim * std::log(static_cast<double>(yarn.original_max_position_embeddings) / (turns * 2 * std::numbers::pi)) /
               (2 * std::log(base));
    };
    const double low = std::max(std::floor(correction(yarn.beta_fast)), 0.0);
    double high = std::min(std::ceil(correction(yarn.beta_slow)), dim - 1.0);
    if (high == low) high += 0.001;
    for (int i = 0; i < dim / 2; ++i) {
        // The reference raises in float32, then divides: two roundings. One ulp less is 0.06 rad at a million tokens.
        const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
        float frequency = 1.0f / static_cast<float>(std::pow(base, static_cast<double>(exponent)));
        if (compressed) {
            const float ramp = std::clamp(static_cast<float>((i - low) / (high - low)), 0.0f, 1.0f);
            frequency = frequency / static_cast<float>(yarn.factor) * ramp + frequency * (1 - ramp);
        }
        frequencies_.push_back(frequency);
    }
}

void RopeTable::angles(std::int64_t position, float* cos, float* sin) const {
    for (std::size_t i = 0; i < frequencies_.size(); ++i) {
        const float angle = static_cast<float>(position) * frequencies_[i];
        // In double, rounded once: the same float on every libm whose double functions err by less than half a float ulp.
        cos[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
        sin[i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
}

}  // namespace baleen::v4
