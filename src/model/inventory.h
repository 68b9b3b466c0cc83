// The table of tensors a V4 checkpoint holds: names, shapes, dtypes, in one place (spec architecture 2.1, 9). Binding,
// inspecting, counting and writing checkpoints all walk it. Everything follows from the config and from how the
// checkpoint stores things (its Form); nothing here looks at bytes. Pure; any thread.
//
// A parameter is one matrix or vector of the model; on disk it is one tensor, or two with its scales.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "tensor/dtype.h"

namespace baleen::model {

// What a parameter is for; the lines of the accounts (spec 8).
enum class Kind : std::uint8_t {
    embedding,
    head,
    attention,  // wq_a, wq_b, wkv, wo_a, wo_b
    compressors,
    indexers,  // with their own compressors
    hyper_connections,
    norms,    // and attention sinks
    routers,  // weight and bias
    hash_tables,
    shared_experts,
    routed_experts,
    draft,  // what only draft blocks have: projections, their norms and heads
};
constexpr int kKinds = 12;
std::string_view name(Kind kind);

// How a parameter lies on disk.
enum class Storage : std::uint8_t {
    dense,   // .weight F8_E4M3 [rows, cols] and .scale, one per 128 x 128
    expert,  // .weight and .scale: FP4 (I8 [rows, cols / 2], scale per row and 32) or FP8 as above
    bf16,    // .weight BF16 [rows, cols]
    norm,    // .weight BF16 [rows]
    f32,     // no suffix; F32 [rows] or [rows, cols]
    hash,    // no suffix; I64 [rows, cols]
};

struct Parameter {
    std::string name;  // within its block, without .weight
    Storage storage = Storage::f32;
    Kind kind = Kind::norms;
    std::int64_t rows = 0;
    std::int64_t cols = 0;  // 0: a vector

    std::int64_t elements() const { return cols == 0 ? rows : rows * cols; }
};

enum class Draft : std::uint8_t { none, mtp, dspark };
std::string_view name(Draft draft);

// How a checkpoint stores the model.
struct Form {
    Draft draft = Draft::none;
    int draft_blocks = 0;       // mtp.0 .. ; 1 for mtp, 3 for the published dspark
    bool fp8_experts = false;   // else FP4
    bool f32_scales = false;    // else UE8M0 (Base checkpoints: F32)
    bool draft_copies = false;  // mtp.0 repeats embedding and head, to be ignored (spec 9.1)
    bool vision = false;        // extras of Vision-Exp, to be ignored (spec 9.3)
    int markov_rank = 0;        // dspark
};
// What DeepSeek published in this form: "preview", "Base", "DSpark (also 0731, 0813)", "Vision-Exp", or its
// description.
std::string variant(const Form& form);

std::vector<Parameter> top_parameters(const Config& config);
// A block without its routed experts.
std::vector<Parameter> block_parameters(const Config& config, int ratio, bool hash_routed);
// One routed expert: w1, w3, w2.
std::vector<Parameter> expert_parameters(const Config& config);
// What draft block `block` has beside a whole block (spec 2.1, 9.2).
std::vector<Parameter> draft_parameters(const Config& config, const Form& form, int block);

// "layers.7." or, behind the backbone, "mtp.0.".
std::string block_prefix(const Config& config, int layer);
// "layers.7.ffn.experts.12."
std::string expert_prefix(const Config& config, int layer, int expert);

// One tensor of a parameter.
struct TensorSpec {
    std::string name;  // whole
    tensor::DType dtype = tensor::DType::u8;
    std::vector<std::int64_t> shape;
    Kind kind = Kind::norms;
    int layer = -1;   // backbone layers, then draft blocks; -1 at the top
    int expert = -1;  // routed expert
    bool scale = false;
    std::int64_t elements = 0;  // numbers it adds to the parameter count: FP4 codes count one by one, scales nothing

    std::uint64_t bytes() const;
};

// The one or two tensors of a parameter in this form.
std::vector<TensorSpec> tensors_of(const Parameter& parameter, const std::string& prefix, const Form& form);

// Calls `visit(parameter, prefix, layer, expert)` for every parameter: top (layer -1), then block by block, routed
// experts last (expert -1 for all others).
void for_each_parameter(const Config& config, const Form& form,
                        const std::function<void(const Parameter&, const std::string&, int, int)>& visit);

// The same, tensor by tensor.
void for_each_tensor(const Config& config, const Form& form, const std::function<void(const TensorSpec&)>& visit);

// Tensors that may be there and are not used: copies of embedding and head in mtp.0, vision and image parts, the image
// bias of routers, a bias on hash-routed layers.
bool ignorable(const Config& config, std::string_view tensor);

}  // namespace baleen::model
