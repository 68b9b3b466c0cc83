// The model's weights as named members: views into the mapped checkpoint for the big tensors, owned float32 copies for
// norms, biases and other small ones. Names are those of the checkpoint (spec architecture 2.1). One table
// (model/inventory.h) says which tensors exist with which shapes and dtypes; binding, checking, counting and synth walk it.
// Owned by the Engine; read-only, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "tensor/matrix.h"

namespace baleen::model {

using tensor::MatrixView;

// mHC of one sublayer (spec 4.2): mixes are ordered pre [hc], post [hc], comb [hc, hc].
struct HyperConnection {
    MatrixView fn;            // f32 [(2 + hc) * hc, hc * d]
    std::vector<float> base;  // [(2 + hc) * hc]
    std::vector<float> scale;  // [3]: pre, post, comb
};

// Collapse of the streams before a head (spec 4.6).
struct HeadCollapse {
    MatrixView fn;            // f32 [hc, hc * d]
    std::vector<float> base;  // [hc]
    float scale = 0;
};

struct Compressor {
    int ratio = 0;            // 4 or 128
    int width = 0;            // columns of a row: entry dim * 2 for ratio 4 (lo half, hi half), entry dim for 128
    MatrixView wkv, wgate;    // bf16 [width, d]
    std::vector<float> ape;   // [ratio, width]
    std::vector<float> norm;  // [entry dim]
};

struct Indexer {
    MatrixView wq_b;          // fp8 [index_n_heads * index_head_dim, q_lora_rank]
    MatrixView weights_proj;  // bf16 [index_n_heads, d]
    Compressor compressor;    // entry dim = index_head_dim
};

struct Attention {
    MatrixView wq_a;               // fp8 [q_lora_rank, d]
    std::vector<float> q_norm;     // [q_lora_rank]
    MatrixView wq_b;               // fp8 [heads * head_dim, q_lora_rank]
    MatrixView wkv;                // fp8 [head_dim, d]
    std::vector<float> kv_norm;    // [head_dim]
    std::vector<float> attn_sink;  // [heads]
    MatrixView wo_a;               // fp8 [o_groups * o_lora_rank, heads * head_dim / o_groups]; group g = its g-th block of rows
    MatrixView wo_b;               // fp8 [d, o_groups * o_lora_rank]
    std::optional<Compressor> compressor;  // ratio != 0
    std::optional<Indexer> indexer;        // ratio == 4
};

struct Gate {
    MatrixView weight;        // bf16 [experts, d]
    std::vector<float> bias;  // [experts]; empty on hash layers
    // Hash layers: [vocab, num_experts_per_tok] expert ids, every one checked to be < n_routed_experts; else empty.
    std::vector<std::int32_t> tid2eid;
};

// One expert, routed or shared.
struct ExpertView {
    MatrixView w1, w3;  // [m, d]
    MatrixView w2;      // [d, m]
};

struct Layer {
    int ratio = 0;
    std::vector<float> attn_norm, ffn_norm;  // [d]
    HyperConnection hc_attn, hc_ffn;
    Attention attn;
    Gate gate;
    ExpertView shared;
};

struct Mtp {
    Layer block;
    MatrixView e_proj, h_proj;              // fp8 [d, d]
    std::vector<float> enorm, hnorm, norm;  // [d]
    HeadCollapse hc_head;
};

struct Weights {
    MatrixView embed;  // bf16 [vocab, d]
    std::vector<Layer> layers;
    HeadCollapse hc_head;
    std::vector<float> norm;  // [d]
    MatrixView head;          // bf16 [vocab, d]
    std::optional<Mtp> mtp;   // classic MTP block of preview and Base checkpoints
    // Where routed experts lie: [layer][expert]; layer num_hidden_layers is mtp.0 when present. Only experts::Store
    // reads this; the forward pass asks the store.
    std::vector<std::vector<ExpertView>> experts;

    // Memory behind views whose bytes could not be used in place (F32 scales turned into UE8M0, misaligned tensors).
    std::vector<std::unique_ptr<std::byte[]>> owned;
};

struct BindOptions {
    bool mtp = false;          // bind mtp.0 if the checkpoint has a classic one
    bool check_scales = true;  // read every scale and refuse NaN (255) and, for F32 scales, anything but a power of two
    int threads = 1;
};

// Binds every tensor the forward pass needs; the checkpoint must outlive the result. Errors name file and tensor.
Result<Weights> bind_weights(const Checkpoint& checkpoint, const BindOptions& options);

}  // namespace baleen::model
