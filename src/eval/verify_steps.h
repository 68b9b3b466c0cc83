// The steps of the forward pass that leave a tensor in golden files, in the order of computing (spec architecture 4),
// and what follows from that order: which step a divergence is blamed on, and which values a different selection
// excuses. Pure tables.
#pragma once

#include <string_view>

namespace baleen::eval {

// What a row of the tensor stands for.
enum class RowOf : unsigned char { position, window, entry };

// A selection of another set of index entries, or experts, changes everything computed after it.
enum class After : unsigned char { nothing, index, gate };

struct VerifyStep {
    std::string_view tensor;  // behind "layers.N."
    std::string_view step;    // section, steps, name
    RowOf row = RowOf::position;
    After after = After::nothing;
};

inline constexpr VerifyStep kVerifySteps[] = {
    {"hc_attn.pre", "4.2, 1-3: hyper-connection before attention"},
    {"hc_attn.post", "4.2, 1-3: hyper-connection before attention"},
    {"hc_attn.comb", "4.2, 1-4: hyper-connection before attention, Sinkhorn"},
    {"attn.in", "4.2, 5-6: streams collapsed, norm"},
    {"kv", "4.4, 5-8: window entries", RowOf::window},
    {"compressor.entries", "4.4, 9-13: compressed entries", RowOf::entry},
    {"indexer.keys", "4.4, 9-13: index keys", RowOf::entry},
    {"indexer.scores", "4.4, 15-17: index scores"},
    {"indexer.ids", "4.4, 18: selected entries"},
    {"attn.out", "4.4, 1-4 and 19-25: queries, attention, output projection", RowOf::position, After::index},
    {"hc_ffn.pre", "4.2, 1-3: hyper-connection before experts", RowOf::position, After::index},
    {"hc_ffn.post", "4.2, 1-3: hyper-connection before experts", RowOf::position, After::index},
    {"hc_ffn.comb", "4.2, 1-4: hyper-connection before experts, Sinkhorn", RowOf::position, After::index},
    {"ffn.in", "4.2, 5-6: streams collapsed, norm", RowOf::position, After::index},
    {"gate.ids", "4.5, 1-2: chosen experts", RowOf::position, After::index},
    {"gate.weights", "4.5, 3: expert weights", RowOf::position, After::gate},
    {"ffn.out", "4.5, 4-6: experts", RowOf::position, After::gate},
    {"streams", "4.2, 7: new streams", RowOf::position, After::gate},
};
inline constexpr std::string_view kLogitsStep = "4.6: output head";
inline constexpr std::string_view kMtpStep = "4.8: MTP block";

constexpr int step_order(std::string_view tensor) {
    int order = 0;
    for (const VerifyStep& step : kVerifySteps) {
        if (step.tensor == tensor) return order;
        ++order;
    }
    return order;
}
static_assert(step_order("streams") + 1 == step_order("not there"));

}  // namespace baleen::eval
