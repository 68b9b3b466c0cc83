#include "model/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/threads.h"
#include "io/output_file.h"
#include "model/safetensors.h"
#include "model/synth_fill.h"

namespace baleen::model {

namespace {

using tensor::DType;

constexpr std::int64_t kChunkBytes = 4 << 20;
// Left free on the drive beside what is written.
constexpr std::uint64_t kSpareBytes = std::uint64_t{64} << 20;

// Order of dtypes inside a published shard: by descending rank, names within.
int rank(DType dtype) {
    switch (dtype) {
        case DType::i64:
            return 8;
        case DType::f32:
            return 7;
        case DType::i32:
            return 6;
        case DType::bf16:
            return 5;
        case DType::f8_e8m0:
            return 4;
        case DType::f8_e4m3:
            return 3;
        case DType::i8:
            return 2;
        default:
            return 0;
    }
}

struct Planned {
    TensorSpec spec;
    Fill law;
};

// Shard 0 holds the embedding, l + 1 layer l, L + 1 the head, then one per draft block (spec 2.4).
std::vector<std::vector<Planned>> plan_shards(const Config& config, const Form& form) {
    const int backbone = config.num_hidden_layers;
    std::vector<std::vector<Planned>> shards(static_cast<std::size_t>(backbone + 2 + form.draft_blocks));
    for_each_parameter(config, form, [&](const Parameter& parameter, const std::string& prefix, int layer, int) {
        const int shard = layer < 0 ? (parameter.kind == Kind::embedding ? 0 : backbone + 1)
                                    : (layer < backbone ? layer + 1 : layer + 2);
        for (TensorSpec& spec : tensors_of(parameter, prefix, form)) {
            const Fill law = fill_of(config, form, parameter, spec.scale);
            shards[static_cast<std::size_t>(shard)].push_back({std::move(spec), law});
        }
    });
    for (auto& shard : shards)
        std::sort(shard.begin(), shard.end(), [](const Planned& a, const Planned& b) {
            const int ra = rank(a.spec.dtype), rb = rank(b.spec.dtype);
            return ra != rb ? ra > rb : a.spec.name < b.spec.name;
        });
    return shards;
}

std::string shard_name(std::size_t shard, std::size_t count) {
    return fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, count);
}

class Writer {
  public:
    Writer(const Config& config, const SynthOptions& options)
        : config_(config),
          options_(options),
          shards_(plan_shards(config, options.form)),
          team_(std::max(1, options.threads)) {
        for (const auto& shard : shards_) {
            for (const Planned& tensor : shard) {
                report_.bytes += static_cast<std::int64_t>(tensor.spec.bytes());
                ++report_.tensors;
            }
        }
        report_.shards = static_cast<int>(shards_.size());
    }

    Result<SynthReport> write(const std::filesystem::path& directory) {
        TRY(check_space(directory));
        TRY_ASSIGN(io::StagedDirectory staged, io::StagedDirectory::create(directory, options_.replace));
        for (std::size_t i = 0; i < shards_.size(); ++i)
            TRY(write_shard(staged.path() / shard_name(i, shards_.size()), shards_[i]));
        TRY(io::write_file(staged.path() / "model.safetensors.index.json", index_json()));
        TRY(io::write_file(staged.path() / "config.json", config_json(config_, options_.form)));
        if (stopped()) return cancelled("stopped");
        TRY(staged.commit());
        return report_;
    }

  private:
    // A run of elements of one tensor.
    struct Chunk {
        const Planned* tensor;
        std::uint64_t tensor_offset;  // of the tensor in the file
        std::int64_t first, count;    // elements
    };

    Result<void> check_space(const std::filesystem::path& directory) const {
        // Headers and index: well under 512 bytes a tensor.
        const auto headers = static_cast<std::uint64_t>(report_.tensors) * 512;
        const std::uint64_t need =
            (options_.sparse ? 0 : static_cast<std::uint64_t>(report_.bytes)) + headers + kSpareBytes;
        TRY_ASSIGN(const std::uint64_t free, io::free_space(directory));
        if (free >= need) return Ok{};
        return resource_exhausted(fmt::format("{}: {:.2f} GB needed, {:.2f} GB free", directory.string(),
                                              static_cast<double>(need) / 1e9, static_cast<double>(free) / 1e9));
    }

    Result<void> write_shard(const std::filesystem::path& path, const std::vector<Planned>& tensors) {
        std::vector<SafetensorsEntry> entries;
        std::uint64_t at = 0;
        for (const Planned& tensor : tensors) {
            const std::uint64_t bytes = tensor.spec.bytes();
            entries.push_back({tensor.spec.name, tensor.spec.dtype, {}, tensor.spec.shape, at, at + bytes});
            at += bytes;
        }
        const std::string header = write_safetensors_header(entries);
        TRY_ASSIGN(const io::OutputFile file, io::OutputFile::create(path, header.size() + at));
        TRY(file.write_at(0, std::as_bytes(std::span(header))));
        if (stopped()) return cancelled("stopped");
        if (options_.sparse) return Ok{};

        std::vector<Chunk> chunks;
        for (std::size_t i = 0; i < tensors.size(); ++i) cut(tensors[i], header.size() + entries[i].begin, chunks);
        TRY(write_chunks(file, chunks));
        return file.sync();
    }

    static void cut(const Planned& tensor, std::uint64_t offset, std::vector<Chunk>& out) {
        const std::int64_t element = tensor::element_bytes(tensor.spec.dtype);
        const auto elements = static_cast<std::int64_t>(tensor.spec.bytes()) / element;
        const std::int64_t grain = fill_grain(tensor.law);
        const std::int64_t step = std::max(kChunkBytes / element / grain, std::int64_t{1}) * grain;
        for (std::int64_t first = 0; first < elements; first += step)
            out.push_back({&tensor, offset, first, std::min(step, elements - first)});
    }

    Result<void> write_chunks(const io::OutputFile& file, const std::vector<Chunk>& chunks) {
        std::atomic<bool> failed{false};
        std::mutex mutex;
        std::optional<Error> error;
        std::vector<std::vector<std::byte>> buffers(static_cast<std::size_t>(team_.size()));
        team_.for_each(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t i, int member) {
            if (failed.load(std::memory_order_relaxed)) return;
            auto result =
                write_chunk(file, chunks[static_cast<std::size_t>(i)], buffers[static_cast<std::size_t>(member)]);
            const std::lock_guard lock(mutex);
            if (!result.ok()) {
                if (!failed.exchange(true)) error = std::move(result).error();
                return;
            }
            if (options_.progress) options_.progress(written_, static_cast<std::uint64_t>(report_.bytes));
        });
        if (error) return std::move(*error);
        return Ok{};
    }

    Result<void> write_chunk(const io::OutputFile& file, const Chunk& chunk, std::vector<std::byte>& buffer) {
        if (stopped()) return cancelled("stopped");
        const TensorSpec& spec = chunk.tensor->spec;
        const auto element = static_cast<std::uint64_t>(tensor::element_bytes(spec.dtype));
        const std::uint64_t bytes = static_cast<std::uint64_t>(chunk.count) * element;
        buffer.resize(std::max<std::size_t>(buffer.size(), bytes));
        const std::span out(buffer.data(), bytes);
        fill(chunk.tensor->law, spec.dtype, tensor_key(options_.seed, spec.name), chunk.first, chunk.count, out.data());
        TRY(file.write_at(chunk.tensor_offset + static_cast<std::uint64_t>(chunk.first) * element, out));
        written_ += bytes;
        return Ok{};
    }

    std::string index_json() const {
        std::vector<std::pair<std::string_view, std::size_t>> names;
        for (std::size_t i = 0; i < shards_.size(); ++i)
            for (const Planned& tensor : shards_[i]) names.emplace_back(tensor.spec.name, i);
        std::sort(names.begin(), names.end());
        std::string out =
            fmt::format("{{\n \"metadata\": {{\n  \"total_size\": {}\n }},\n \"weight_map\": {{", report_.bytes);
        const char* separator = "\n";
        for (const auto& [name, shard] : names) {  // names of the inventory need no escapes
            fmt::format_to(std::back_inserter(out), "{}  \"{}\": \"{}\"", separator, name,
                           shard_name(shard, shards_.size()));
            separator = ",\n";
        }
        return out + "\n }\n}\n";
    }

    bool stopped() const { return options_.stop && options_.stop(); }

    const Config& config_;
    const SynthOptions& options_;
    const std::vector<std::vector<Planned>> shards_;
    Team team_;
    SynthReport report_;
    std::atomic<std::uint64_t> written_{0};
};

}  // namespace

Result<SynthReport> write_synthetic(const Config& config, const std::filesystem::path& directory,
                                    const SynthOptions& options) {
    return Writer(config, options).write(directory);
}

std::string config_json(const Config& c, const Form& form) {
    std::vector<int> ratios(c.compress_ratios.begin(), c.compress_ratios.begin() + c.num_hidden_layers);
    ratios.resize(ratios.size() + static_cast<std::size_t>(form.draft_blocks), 0);
    nlohmann::ordered_json out{
        {"architectures", {"DeepseekV4ForCausalLM"}},
        {"attention_bias", false},
        {"attention_dropout", 0.0},
        {"bos_token_id", c.bos_token_id},
        {"compress_ratios", ratios},
        {"compress_rope_theta", c.compress_rope_theta},
    };
    if (form.draft == Draft::dspark) {
        out["dspark_block_size"] = 5;
        out["dspark_markov_rank"] = form.markov_rank;
        out["dspark_noise_token_id"] = c.vocab_size - 481;
        out["dspark_target_layer_ids"] = {c.num_hidden_layers - 3, c.num_hidden_layers - 2, c.num_hidden_layers - 1};
    }
    out.update({
        {"eos_token_id", c.eos_token_id},
        {"expert_dtype", form.fp8_experts ? "fp8" : "fp4"},
        {"hc_eps", c.hc_eps},
        {"hc_mult", c.hc_mult},
        {"hc_sinkhorn_iters", c.hc_sinkhorn_iters},
        {"head_dim", c.head_dim},
        {"hidden_act", "silu"},
        {"hidden_size", c.hidden_size},
        {"index_head_dim", c.index_head_dim},
        {"index_n_heads", c.index_n_heads},
        {"index_topk", c.index_topk},
        {"initializer_range", 0.02},
        {"max_position_embeddings", c.max_position_embeddings},
        {"model_type", "deepseek_v4"},
        {"moe_intermediate_size", c.moe_intermediate_size},
        {"n_routed_experts", c.n_routed_experts},
        {"n_shared_experts", 1},
        {"norm_topk_prob", true},
        {"num_attention_heads", c.num_attention_heads},
        {"num_experts_per_tok", c.num_experts_per_tok},
        {"num_hash_layers", c.num_hash_layers},
        {"num_hidden_layers", c.num_hidden_layers},
        {"num_key_value_heads", 1},
        {"num_nextn_predict_layers", std::min(form.draft_blocks, 1)},
        {"o_groups", c.o_groups},
        {"o_lora_rank", c.o_lora_rank},
        {"q_lora_rank", c.q_lora_rank},
        {"qk_rope_head_dim", c.qk_rope_head_dim},
        {"quantization_config",
         {{"activation_scheme", "dynamic"},
          {"fmt", "e4m3"},
          {"quant_method", "fp8"},
          {"scale_fmt", "ue8m0"},
          {"weight_block_size", {128, 128}}}},
        {"rms_norm_eps", c.rms_norm_eps},
        {"rope_scaling",
         {{"beta_fast", c.rope_scaling.beta_fast},
          {"beta_slow", c.rope_scaling.beta_slow},
          {"factor", c.rope_scaling.factor},
          {"original_max_position_embeddings", c.rope_scaling.original_max_position_embeddings},
          {"type", "yarn"}}},
        {"rope_theta", c.rope_theta},
        {"routed_scaling_factor", c.routed_scaling_factor},
        {"scoring_func", "sqrtsoftplus"},
        {"sliding_window", c.sliding_window},
        {"swiglu_limit", c.swiglu_limit},
        {"tie_word_embeddings", false},
        {"topk_method", "noaux_tc"},
        {"torch_dtype", "bfloat16"},
        {"use_cache", true},
        {"vocab_size", c.vocab_size},
    });
    return out.dump(2) + "\n";
}

}  // namespace baleen::model
