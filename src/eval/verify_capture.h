// Catches what one layer computes: the values a trace stores at its chosen positions, the streams of all positions, and
// how firm this engine's own selections are at every position. Filled by the forward pass on the engine's thread.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "v4/trace.h"

namespace baleen::eval {

template <class T>
struct CapturedRows {
    std::int64_t width = 0;
    std::vector<T> values;

    std::span<const T> row(std::int64_t i) const {
        return {values.data() + i * width, static_cast<std::size_t>(width)};
    }
};

class LayerCapture : public v4::TraceSink {
  public:
    // Positions are rows of the step, which is one prompt from its start.
    LayerCapture(const model::Config& config, std::span<const std::int32_t> positions)
        : config_(config), positions_(positions) {}

    void clear();
    void floats(int layer, std::string_view name, const float* data, std::int64_t rows, std::int64_t width) override;
    void ints(int layer, std::string_view name, const std::int32_t* data, std::int64_t rows,
              std::int64_t width) override;

    // Rows at the chosen positions; "streams" has a row of every position. CHECKs that the layer computed it.
    const CapturedRows<float>& floats(std::string_view name) const;
    const CapturedRows<std::int32_t>& ints(std::string_view name) const;

    // Whether this engine's choices at a position are further from their borders than `gate` (a difference of scores)
    // and `index` (a share of the rms of the position's visible scores).
    bool firm(std::int64_t position, double gate, double index) const;

  private:
    void note_index_margins(const float* scores, std::int64_t rows, std::int64_t width);

    const model::Config& config_;
    std::span<const std::int32_t> positions_;
    std::map<std::string, CapturedRows<float>, std::less<>> floats_;
    std::map<std::string, CapturedRows<std::int32_t>, std::less<>> ints_;
    std::vector<float> gate_margins_;    // [rows]; empty on hash layers
    std::vector<double> index_margins_;  // [rows], over the rms; empty on layers without indexer
};

}  // namespace baleen::eval
