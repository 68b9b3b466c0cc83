// A window into the forward pass for verify, debugging and research: every named intermediate of spec architecture 4,
// as it is produced. Costs one branch per tensor when unused. Called on the engine thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace baleen::v4 {

class TraceSink {
  public:
    virtual ~TraceSink() = default;

    // `data` is [rows, width] for the rows of the batch, in order; valid during the call. Names are those of the golden files:
    // "hc_attn.pre", "hc_attn.post", "hc_attn.comb", "attn.in", "attn.out", "hc_ffn.*", "ffn.in", "ffn.out",
    // "gate.weights", "gate.margin", "streams", and the score table "indexer.scores" ([rows, entries], -inf = invisible).
    virtual void floats(int layer, std::string_view name, const float* data, std::int64_t rows, std::int64_t width) = 0;
    // "gate.ids", "indexer.ids" (-1 = none).
    virtual void ints(int layer, std::string_view name, const std::int32_t* data, std::int64_t rows, std::int64_t width) = 0;
};

}  // namespace baleen::v4
