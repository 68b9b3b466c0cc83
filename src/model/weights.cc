#include "model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <variant>

#include "base/check.h"
#include "base/threads.h"
#include "model/inventory.h"
#include "model/resolve.h"
#include "tensor/formats.h"

namespace baleen::model {

namespace {

using tensor::DType;
using tensor::WeightFormat;

// Where a parameter goes. Each kind of owner has a table from names in the inventory to members.
using Slot = std::variant<MatrixView*, std::vector<float>*, float*, std::vector<std::int32_t>*>;

template <class Owner>
struct Target {
    std::string_view name;
    Slot (*slot)(Owner&);
};

const Target<Layer> kLayerTargets[] = {
    {"attn.wq_a", [](Layer& l) -> Slot { return &l.attn.wq_a; }},
    {"attn.q_norm", [](Layer& l) -> Slot { return &l.attn.q_norm; }},
    {"attn.wq_b", [](Layer& l) -> Slot { return &l.attn.wq_b; }},
    {"attn.wkv", [](Layer& l) -> Slot { return &l.attn.wkv; }},
    {"attn.kv_norm", [](Layer& l) -> Slot { return &l.attn.kv_norm; }},
    {"attn.attn_sink", [](Layer& l) -> Slot { return &l.attn.attn_sink; }},
    {"attn.wo_a", [](Layer& l) -> Slot { return &l.attn.wo_a; }},
    {"attn.wo_b", [](Layer& l) -> Slot { return &l.attn.wo_b; }},
    {"attn.compressor.ape", [](Layer& l) -> Slot { return &l.attn.compressor->ape; }},
    {"attn.compressor.norm", [](Layer& l) -> Slot { return &l.attn.compressor->norm; }},
    {"attn.compressor.wkv", [](Layer& l) -> Slot { return &l.attn.compressor->wkv; }},
    {"attn.compressor.wgate", [](Layer& l) -> Slot { return &l.attn.compressor->wgate; }},
    {"attn.indexer.wq_b", [](Layer& l) -> Slot { return &l.attn.indexer->wq_b; }},
    {"attn.indexer.weights_proj", [](Layer& l) -> Slot { return &l.attn.indexer->weights_proj; }},
    {"attn.indexer.compressor.ape", [](Layer& l) -> Slot { return &l.attn.indexer->compressor.ape; }},
    {"attn.indexer.compressor.norm", [](Layer& l) -> Slot { return &l.attn.indexer->compressor.norm; }},
    {"attn.indexer.compressor.wkv", [](Layer& l) -> Slot { return &l.attn.indexer->compressor.wkv; }},
    {"attn.indexer.compressor.wgate", [](Layer& l) -> Slot { return &l.attn.indexer->compressor.wgate; }},
    {"attn_norm", [](Layer& l) -> Slot { return &l.attn_norm; }},
    {"ffn_norm", [](Layer& l) -> Slot { return &l.ffn_norm; }},
    {"hc_attn_fn", [](Layer& l) -> Slot { return &l.hc_attn.fn; }},
    {"hc_attn_base", [](Layer& l) -> Slot { return &l.hc_attn.base; }},
    {"hc_attn_scale", [](Layer& l) -> Slot { return &l.hc_attn.scale; }},
    {"hc_ffn_fn", [](Layer& l) -> Slot { return &l.hc_ffn.fn; }},
    {"hc_ffn_base", [](Layer& l) -> Slot { return &l.hc_ffn.base; }},
    {"hc_ffn_scale", [](Layer& l) -> Slot { return &l.hc_ffn.scale; }},
    {"ffn.gate", [](Layer& l) -> Slot { return &l.gate.weight; }},
    {"ffn.gate.bias", [](Layer& l) -> Slot { return &l.gate.bias; }},
    {"ffn.gate.tid2eid", [](Layer& l) -> Slot { return &l.gate.tid2eid; }},
    {"ffn.shared_experts.w1", [](Layer& l) -> Slot { return &l.shared.w1; }},
    {"ffn.shared_experts.w3", [](Layer& l) -> Slot { return &l.shared.w3; }},
    {"ffn.shared_experts.w2", [](Layer& l) -> Slot { return &l.shared.w2; }},
};

const Target<ExpertView> kExpertTargets[] = {
    {"w1", [](ExpertView& e) -> Slot { return &e.w1; }},
    {"w3", [](ExpertView& e) -> Slot { return &e.w3; }},
    {"w2", [](ExpertView& e) -> Slot { return &e.w2; }},
};

const Target<Mtp> kMtpTargets[] = {
    {"e_proj", [](Mtp& m) -> Slot { return &m.e_proj; }},
    {"h_proj", [](Mtp& m) -> Slot { return &m.h_proj; }},
    {"enorm", [](Mtp& m) -> Slot { return &m.enorm; }},
    {"hnorm", [](Mtp& m) -> Slot { return &m.hnorm; }},
    {"norm", [](Mtp& m) -> Slot { return &m.norm; }},
    {"hc_head_fn", [](Mtp& m) -> Slot { return &m.hc_head.fn; }},
    {"hc_head_base", [](Mtp& m) -> Slot { return &m.hc_head.base; }},
    {"hc_head_scale", [](Mtp& m) -> Slot { return &m.hc_head.scale; }},
};

const Target<Weights> kTopTargets[] = {
    {"embed", [](Weights& w) -> Slot { return &w.embed; }},
    {"head", [](Weights& w) -> Slot { return &w.head; }},
    {"norm", [](Weights& w) -> Slot { return &w.norm; }},
    {"hc_head_fn", [](Weights& w) -> Slot { return &w.hc_head.fn; }},
    {"hc_head_base", [](Weights& w) -> Slot { return &w.hc_head.base; }},
    {"hc_head_scale", [](Weights& w) -> Slot { return &w.hc_head.scale; }},
};

class Binder {
  public:
    Binder(const Checkpoint& checkpoint, const BindOptions& options)
        : checkpoint_(checkpoint), config_(checkpoint.config()), options_(options) {}

    Result<Weights> bind() {
        TRY(bind_all(top_parameters(config_), "", weights_, kTopTargets));
        weights_.layers.resize(static_cast<std::size_t>(config_.num_hidden_layers));
        for (int layer = 0; layer < config_.num_hidden_layers; ++layer)
            TRY(bind_block(layer, weights_.layers[static_cast<std::size_t>(layer)]));
        Form form = detect_form(checkpoint_);
        form.draft_copies = false;  // never bound
        if (options_.mtp && form.draft == Draft::mtp) TRY(bind_mtp(form));
        TRY(run_jobs());
        return std::move(weights_);
    }

  private:
    // Work that reads big tensors; done by the whole team after everything has been found.
    struct Job {
        enum class Task { check_scales, convert_scales, copy, widen } task;
        const TensorInfo* tensor;
        std::byte* target;
    };

    Result<void> bind_block(int layer, Layer& out) {
        const bool draft = layer >= config_.num_hidden_layers;
        out.ratio = draft ? 0 : config_.compress_ratio(layer);
        if (out.ratio != 0) out.attn.compressor = make_compressor(out.ratio, config_.head_dim);
        if (out.ratio == 4) {
            out.attn.indexer.emplace();
            out.attn.indexer->compressor = make_compressor(out.ratio, config_.index_head_dim);
        }
        const bool hashed = !draft && config_.hash_routed(layer);
        TRY(bind_all(block_parameters(config_, out.ratio, hashed), block_prefix(config_, layer), out, kLayerTargets));

        const std::vector<Parameter> parameters = expert_parameters(config_);
        auto& experts = weights_.experts.emplace_back(static_cast<std::size_t>(config_.n_routed_experts));
        for (int e = 0; e < config_.n_routed_experts; ++e) {
            const std::string prefix = expert_prefix(config_, layer, e);
            TRY(bind_all(parameters, prefix, experts[static_cast<std::size_t>(e)], kExpertTargets));
        }
        return Ok{};
    }

    static Compressor make_compressor(int ratio, int entry_dim) {
        Compressor out;
        out.ratio = ratio;
        out.width = ratio == 4 ? 2 * entry_dim : entry_dim;
        return out;
    }

    Result<void> bind_mtp(const Form& form) {
        const int layer = config_.num_hidden_layers;
        Mtp& mtp = weights_.mtp.emplace();
        TRY(bind_block(layer, mtp.block));
        return bind_all(draft_parameters(config_, form, 0), block_prefix(config_, layer), mtp, kMtpTargets);
    }

    template <class Owner, std::size_t N>
    Result<void> bind_all(const std::vector<Parameter>& parameters, const std::string& prefix, Owner& owner,
                          const Target<Owner> (&targets)[N]) {
        for (const Parameter& parameter : parameters) {
            const auto target = std::find_if(std::begin(targets), std::end(targets),
                                             [&](const Target<Owner>& t) { return t.name == parameter.name; });
            CHECK(target != std::end(targets), "{} has no place in Weights", parameter.name);
            TRY_ASSIGN(const Resolved found, resolve(checkpoint_, parameter, prefix));
            TRY(place(found, parameter, target->slot(owner)));
        }
        return Ok{};
    }

    Result<void> place(const Resolved& found, const Parameter& parameter, Slot slot) {
        if (MatrixView** const matrix = std::get_if<MatrixView*>(&slot))
            return place_matrix(found, parameter, **matrix);
        if (const auto ids = std::get_if<std::vector<std::int32_t>*>(&slot))
            return read_hash_table(*found.tensor, **ids);
        if (const auto floats = std::get_if<std::vector<float>*>(&slot)) return read_floats(*found.tensor, **floats);
        std::vector<float> one;
        TRY(read_floats(*found.tensor, one));
        *std::get<float*>(slot) = one.at(0);
        return Ok{};
    }

    Result<void> place_matrix(const Resolved& found, const Parameter& parameter, MatrixView& out) {
        out.format = found.format;
        out.rows = parameter.rows;
        out.cols = parameter.cols;
        const bool narrow = found.format == WeightFormat::f32 && found.tensor->dtype == DType::bf16;
        out.data = narrow ? owned(*found.tensor, Job::Task::widen, 2 * found.tensor->bytes) : usable(*found.tensor);
        if (found.scale == nullptr) return Ok{};
        const TensorInfo& scale = *found.scale;
        out.scale_stride = scale.shape.back();
        if (scale.dtype == DType::f32) {
            const std::byte* const bytes = owned(scale, Job::Task::convert_scales, scale.bytes / 4);
            out.scales = reinterpret_cast<const std::uint8_t*>(bytes);
        } else {
            out.scales = reinterpret_cast<const std::uint8_t*>(checkpoint_.data(scale));
            if (options_.check_scales) jobs_.push_back({Job::Task::check_scales, &scale, nullptr});
        }
        return Ok{};
    }

    // The tensor's bytes in the mapping, or a copy if they are misaligned for its elements.
    const std::byte* usable(const TensorInfo& tensor) {
        const std::byte* const data = checkpoint_.data(tensor);
        const auto alignment = static_cast<std::uintptr_t>(tensor::element_bytes(tensor.dtype));
        if (reinterpret_cast<std::uintptr_t>(data) % alignment == 0) return data;
        return owned(tensor, Job::Task::copy, tensor.bytes);
    }

    const std::byte* owned(const TensorInfo& tensor, Job::Task task, std::uint64_t bytes) {
        auto& memory = weights_.owned.emplace_back(new std::byte[bytes]);
        jobs_.push_back({task, &tensor, memory.get()});
        return memory.get();
    }

    Error bad(const TensorInfo& tensor, std::string what) const {
        return corrupt(fmt::format("{}: tensor \"{}\": {}", checkpoint_.shard_name(tensor.shard), tensor.name, what));
    }

    // Small vectors become float32 of their own and must be finite: one NaN would spread over every output.
    Result<void> read_floats(const TensorInfo& tensor, std::vector<float>& out) const {
        out.resize(static_cast<std::size_t>(tensor.elements()));
        const std::byte* const data = checkpoint_.data(tensor);
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (tensor.dtype == DType::bf16) {
                std::uint16_t bits = 0;
                std::memcpy(&bits, data + 2 * i, 2);
                out[i] = tensor::bf16_to_f32(bits);
            } else {
                std::memcpy(&out[i], data + 4 * i, 4);
            }
            if (!std::isfinite(out[i])) return bad(tensor, fmt::format("element {} is {}", i, out[i]));
        }
        return Ok{};
    }

    Result<void> read_hash_table(const TensorInfo& tensor, std::vector<std::int32_t>& out) const {
        out.resize(static_cast<std::size_t>(tensor.elements()));
        const std::byte* const data = checkpoint_.data(tensor);
        const bool wide = tensor.dtype == DType::i64;
        for (std::size_t i = 0; i < out.size(); ++i) {
            std::int64_t id = 0;
            if (wide) {
                std::memcpy(&id, data + 8 * i, 8);
            } else {
                std::int32_t small = 0;
                std::memcpy(&small, data + 4 * i, 4);
                id = small;
            }
            if (id < 0 || id >= config_.n_routed_experts)
                return bad(tensor,
                           fmt::format("element {} is {}, there are {} experts", i, id, config_.n_routed_experts));
            out[i] = static_cast<std::int32_t>(id);
        }
        return Ok{};
    }

    Result<void> run_jobs() {
        Team team(std::max(1, options_.threads));
        std::vector<std::string> errors(jobs_.size());
        team.for_each(static_cast<std::int64_t>(jobs_.size()), [&](std::int64_t i, int) {
            errors[static_cast<std::size_t>(i)] = run(jobs_[static_cast<std::size_t>(i)]);
        });
        for (std::size_t i = 0; i < jobs_.size(); ++i)
            if (!errors[i].empty()) return bad(*jobs_[i].tensor, std::move(errors[i]));
        return Ok{};
    }

    // What is wrong with the tensor; empty if nothing.
    std::string run(const Job& job) const {
        const std::byte* const data = checkpoint_.data(*job.tensor);
        const std::size_t bytes = job.tensor->bytes;
        switch (job.task) {
            case Job::Task::copy:
                std::memcpy(job.target, data, bytes);
                return {};
            case Job::Task::check_scales: {
                const void* const nan = std::memchr(data, 255, bytes);
                if (nan == nullptr) return {};
                return fmt::format("scale {} is 255, which is NaN", static_cast<const std::byte*>(nan) - data);
            }
            case Job::Task::convert_scales:
                for (std::size_t i = 0; i < bytes / 4; ++i) {
                    float scale = 0;
                    std::memcpy(&scale, data + 4 * i, 4);
                    std::uint8_t code = 0;
                    if (!tensor::f32_to_ue8m0(scale, &code))
                        return fmt::format("scale {} is {}, not a power of two", i, scale);
                    job.target[i] = static_cast<std::byte>(code);
                }
                return {};
            case Job::Task::widen:
                for (std::size_t i = 0; i < bytes / 2; ++i) {
                    std::uint16_t bits = 0;
                    std::memcpy(&bits, data + 2 * i, 2);
                    const float value = tensor::bf16_to_f32(bits);
                    std::memcpy(job.target + 4 * i, &value, 4);
                }
                return {};
        }
        return {};
    }

    const Checkpoint& checkpoint_;
    const Config& config_;
    const BindOptions& options_;
    Weights weights_;
    std::vector<Job> jobs_;
};

}  // namespace

Result<Weights> bind_weights(const Checkpoint& checkpoint, const BindOptions& options) {
    return Binder(checkpoint, options).bind();
}

}  // namespace baleen::model
