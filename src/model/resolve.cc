#include "model/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/json.h"

namespace baleen::model {

namespace {

using tensor::DType;
using tensor::WeightFormat;

std::string print(std::string_view dtype, const std::vector<std::int64_t>& shape) {
    return fmt::format("{} [{}]", dtype, fmt::join(shape, ", "));
}

std::string print(const TensorInfo& tensor) {
    const std::string dtype =
        tensor.foreign_dtype.empty() ? std::string(tensor::name(tensor.dtype)) : printable(tensor.foreign_dtype);
    return print(dtype, tensor.shape);
}

struct Accepted {
    DType dtype;
    std::vector<std::int64_t> shape;
};

// The tensor called `name`, if it is one of the accepted kinds.
Result<const TensorInfo*> find(const Checkpoint& checkpoint, const std::string& name,
                               std::span<const Accepted> accepted) {
    const TensorInfo* const tensor = checkpoint.find(name);
    if (tensor == nullptr) return corrupt(fmt::format("{}: tensor \"{}\" is missing", checkpoint.listing(), name));
    const bool good =
        tensor->foreign_dtype.empty() && std::any_of(accepted.begin(), accepted.end(), [&](const Accepted& option) {
            return option.dtype == tensor->dtype && option.shape == tensor->shape;
        });
    if (good) return tensor;
    std::string expected;
    for (const Accepted& option : accepted) {
        if (!expected.empty()) expected += " or ";
        expected += print(tensor::name(option.dtype), option.shape);
    }
    return corrupt(fmt::format("{}: tensor \"{}\": found {}, expected {}", checkpoint.shard_name(tensor->shard), name,
                               print(*tensor), expected));
}

Result<Resolved> resolve_quantised(const Checkpoint& checkpoint, const Parameter& p, const std::string& whole) {
    Resolved out;
    std::vector<Accepted> weights{{DType::f8_e4m3, {p.rows, p.cols}}};
    if (p.storage == Storage::expert) weights.insert(weights.begin(), {DType::i8, {p.rows, p.cols / 2}});
    TRY_ASSIGN(out.tensor, find(checkpoint, whole + ".weight", weights));
    out.format = out.tensor->dtype == DType::i8 ? WeightFormat::fp4 : WeightFormat::fp8;
    std::vector<std::int64_t> scales{(p.rows + 127) / 128, (p.cols + 127) / 128};
    if (out.format == WeightFormat::fp4) scales = {p.rows, p.cols / 32};
    const Accepted accepted[] = {{DType::f8_e8m0, scales}, {DType::f32, scales}};
    TRY_ASSIGN(out.scale, find(checkpoint, whole + ".scale", accepted));
    return out;
}

}  // namespace

Result<Resolved> resolve(const Checkpoint& checkpoint, const Parameter& p, const std::string& prefix) {
    const std::string whole = prefix + p.name;
    const std::vector<std::int64_t> shape = p.cols == 0 ? std::vector{p.rows} : std::vector{p.rows, p.cols};
    Resolved out;
    switch (p.storage) {
        case Storage::dense:
        case Storage::expert:
            return resolve_quantised(checkpoint, p, whole);
        case Storage::bf16: {
            const Accepted accepted[] = {{DType::bf16, shape}};
            TRY_ASSIGN(out.tensor, find(checkpoint, whole + ".weight", accepted));
            out.format = WeightFormat::bf16;
            return out;
        }
        case Storage::norm: {
            const Accepted accepted[] = {{DType::bf16, shape}, {DType::f32, shape}};
            TRY_ASSIGN(out.tensor, find(checkpoint, whole + ".weight", accepted));
            return out;
        }
        case Storage::f32: {
            const Accepted accepted[] = {{DType::f32, shape}, {DType::bf16, shape}};
            TRY_ASSIGN(out.tensor, find(checkpoint, whole, accepted));
            return out;
        }
        case Storage::hash: {
            const Accepted accepted[] = {{DType::i64, shape}, {DType::i32, shape}};
            TRY_ASSIGN(out.tensor, find(checkpoint, whole, accepted));
            return out;
        }
    }
    return out;
}

Form detect_form(const Checkpoint& checkpoint) {
    Form form;
    if (checkpoint.has("mtp.0.e_proj.weight")) {
        form.draft = Draft::mtp;
        form.draft_blocks = 1;
    } else if (checkpoint.has("mtp.0.main_proj.weight")) {
        form.draft = Draft::dspark;
        // num_nextn_predict_layers may still read 1: the tensors tell (spec 9.2).
        while (checkpoint.has(fmt::format("mtp.{}.attn.wq_a.weight", form.draft_blocks))) ++form.draft_blocks;
        const TensorInfo* const markov =
            checkpoint.find(fmt::format("mtp.{}.markov_head.markov_w1.weight", form.draft_blocks - 1));
        if (markov != nullptr && markov->shape.size() == 2)
            form.markov_rank = static_cast<int>(std::min<std::int64_t>(markov->shape[1], 1 << 16));
    }
    const TensorInfo* const expert = checkpoint.find("layers.0.ffn.experts.0.w1.weight");
    form.fp8_experts = expert != nullptr && expert->dtype == DType::f8_e4m3 && expert->foreign_dtype.empty();
    const TensorInfo* const scale = checkpoint.find("layers.0.attn.wq_a.scale");
    form.f32_scales = scale != nullptr && scale->dtype == DType::f32;
    form.draft_copies = checkpoint.has("mtp.0.head.weight");
    for (const TensorInfo& tensor : checkpoint.tensors()) {
        if (tensor.name.starts_with("mtp.0.emb")) form.draft_copies = true;
        if (tensor.name.starts_with("vision.")) form.vision = true;
    }
    return form;
}

}  // namespace baleen::model
