#include "eval/verify_capture.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace baleen::eval {

namespace {

// Gap between the k-th and the next score over the rms of all; infinite when everything is selected. `scores` is
// reordered.
double index_margin(std::vector<float>& scores, std::size_t k) {
    if (scores.size() <= k) return std::numeric_limits<double>::infinity();
    double squares = 0;
    for (const float score : scores) squares += static_cast<double>(score) * score;
    const double rms = std::sqrt(squares / static_cast<double>(scores.size()));
    const auto border = scores.begin() + static_cast<std::ptrdiff_t>(k);
    std::nth_element(scores.begin(), border, scores.end(), std::greater<>());
    const float next = *border, last = *std::min_element(scores.begin(), border);
    return rms > 0 ? (static_cast<double>(last) - next) / rms : 0;
}

}  // namespace

void LayerCapture::clear() {
    floats_.clear();
    ints_.clear();
    gate_margins_.clear();
    index_margins_.clear();
}

void LayerCapture::floats(int, std::string_view name, const float* data, std::int64_t rows, std::int64_t width) {
    if (name == "gate.margin") {
        gate_margins_.assign(data, data + rows);
        return;
    }
    CapturedRows<float>& out = floats_[std::string(name)];
    out.width = width;
    if (name == "streams") {
        out.values.assign(data, data + rows * width);
        return;
    }
    for (const std::int32_t position : positions_)
        out.values.insert(out.values.end(), data + position * width, data + (position + 1) * width);
    if (name == "indexer.scores") note_index_margins(data, rows, width);
}

void LayerCapture::ints(int, std::string_view name, const std::int32_t* data, std::int64_t, std::int64_t width) {
    CapturedRows<std::int32_t>& out = ints_[std::string(name)];
    out.width = width;
    for (const std::int32_t position : positions_)
        out.values.insert(out.values.end(), data + position * width, data + (position + 1) * width);
}

void LayerCapture::note_index_margins(const float* scores, std::int64_t rows, std::int64_t width) {
    std::vector<float> visible;
    for (std::int64_t row = 0; row < rows; ++row) {
        visible.assign(scores + row * width, scores + row * width + std::min(width, (row + 1) / 4));
        index_margins_.push_back(index_margin(visible, static_cast<std::size_t>(config_.index_topk)));
    }
}

const CapturedRows<float>& LayerCapture::floats(std::string_view name) const {
    const auto found = floats_.find(name);
    CHECK(found != floats_.end(), "the layer has no {}", name);
    return found->second;
}

const CapturedRows<std::int32_t>& LayerCapture::ints(std::string_view name) const {
    const auto found = ints_.find(name);
    CHECK(found != ints_.end(), "the layer has no {}", name);
    return found->second;
}

bool LayerCapture::firm(std::int64_t position, double gate, double index) const {
    const auto row = static_cast<std::size_t>(position);
    return (gate_margins_.empty() || gate_margins_[row] > gate) &&
           (index_margins_.empty() || index_margins_[row] > index);
}

}  // namespace baleen::eval
