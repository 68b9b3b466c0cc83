// Shapes that `baleen synth` writes: the published ones, and smaller ones that keep what matters for one question.
#include "model/synth.h"

namespace baleen::model {

namespace {

Config flash_six_layers() {
    Config c = published_flash();
    c.num_hidden_layers = 6;
    c.compress_ratios = {0, 0, 4, 128, 4, 128};
    c.n_routed_experts = 64;
    c.num_nextn_predict_layers = 0;
    return c;
}

// Everything that decides KV and index scoring is Flash's; the rest is as small as it can be.
Config flash_kv() {
    Config c = published_flash();
    c.hidden_size = 256;
    c.num_attention_heads = 8;
    c.q_lora_rank = 128;
    c.o_lora_rank = 128;
    c.o_groups = 8;
    c.n_routed_experts = 8;
    c.num_experts_per_tok = 2;
    c.moe_intermediate_size = 128;
    c.compress_ratios.resize(43);
    c.num_nextn_predict_layers = 0;
    return c;
}

// Every kind of layer, small enough to look at by hand; index_topk 16 makes the indexer select early.
Config tiny() {
    Config c = published_flash();
    c.vocab_size = 1024;
    c.hidden_size = 256;
    c.num_hidden_layers = 5;
    c.compress_ratios = {0, 0, 4, 128, 4};
    c.num_attention_heads = 8;
    c.q_lora_rank = 128;
    c.o_lora_rank = 128;
    c.o_groups = 2;
    c.index_n_heads = 8;
    c.index_topk = 16;
    c.n_routed_experts = 16;
    c.moe_intermediate_size = 256;
    c.num_nextn_predict_layers = 0;
    return c;
}

}  // namespace

const std::vector<Preset>& presets() {
    static const std::vector<Preset> kPresets{
        {"flash", "V4-Flash", published_flash()},
        {"pro", "V4-Pro", published_pro()},
        {"flash-6l", "Flash's widths, 6 layers (0,0,4,128,4,128), 64 experts", flash_six_layers()},
        {"flash-kv", "Flash's 43 layers, KV and index shapes, everything else small", flash_kv()},
        {"tiny", "every kind of layer, small", tiny()},
    };
    return kPresets;
}

}  // namespace baleen::model
