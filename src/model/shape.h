// What a config implies, counted: parameters (spec architecture 8), bytes on disk by purpose, KV and state bytes (6),
// FLOPs per token at a context (7), weight bytes a decode step reads (experts 2.1), and DeepSeek V3.2 beside it. Pure
// functions of plain data; any thread; about a millisecond for the largest model.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/inventory.h"

namespace baleen::model {

// ---- Tensors, bytes, parameters

struct Count {
    std::int64_t tensors = 0;
    std::int64_t bytes = 0;
    std::int64_t parameters = 0;  // FP4 codes count one by one; scales count nothing

    Count& operator+=(const Count& other);
    Count operator*(std::int64_t times) const;
};

struct Account {
    std::array<Count, kKinds> backbone;  // by Kind; top and layers
    Count draft;                         // all draft blocks, whole
    Count expert;                        // one routed expert

    const Count& operator[](Kind kind) const { return backbone[static_cast<std::size_t>(kind)]; }
    Count backbone_total() const;
    Count total() const;
};
Account make_account(const Config& config, const Form& form);

// The conventions in use for "how many parameters" (spec 8).
struct ParameterCounts {
    std::int64_t backbone = 0;  // without hash tables and draft blocks
    std::int64_t hash_ids = 0;  // tid2eid integers
    std::int64_t draft = 0;
    std::int64_t checkpoint = 0;             // all of these: what is published as the total
    std::int64_t active_with_embedding = 0;  // backbone with num_experts_per_tok experts a layer
    std::int64_t active = 0;                 // the same less the embedding table
};
ParameterCounts count_parameters(const Config& config, const Account& account);

// Weight bytes read to decode one token at batch 1, in the form given.
struct DecodeBytes {
    std::int64_t dense = 0;  // every backbone tensor but embedding, hash tables, head and routed experts
    std::int64_t head = 0;
    std::int64_t routed = 0;  // num_experts_per_tok experts in every layer
    std::int64_t embedding_row = 0;
    std::int64_t total() const { return dense + head + routed + embedding_row; }
};
DecodeBytes decode_bytes(const Config& config, const Account& account);
// Everything of the backbone but routed experts.
std::int64_t resident_bytes(const Account& account);

// ---- KV and state of one sequence

struct KvBytes {
    std::int64_t csa_entries = 0, csa_keys = 0, hca_entries = 0;  // grow with the context
    std::int64_t windows = 0;                                     // fixed: sliding_window entries in every layer
    std::int64_t growing() const { return csa_entries + csa_keys + hca_entries; }
    std::int64_t total() const { return growing() + windows; }
};
KvBytes kv_bytes(const Config& config, std::int64_t context);
// Flash 3,514.25, Pro 5,031.4375.
double kv_bytes_per_token(const Config& config);
// Float32 accumulators of all compressors, as the reference keeps them (spec 4.3).
std::int64_t compressor_state_bytes(const Config& config);

// ---- Arithmetic

enum class Precision : std::uint8_t { fp4, fp8, bf16 };

struct FlopLine {
    std::string what;
    Precision precision = Precision::bf16;
    double flops = 0;  // 2 per multiply-add
};
// Of one decoded token when `context` tokens are visible.
std::vector<FlopLine> flops_per_token(const Config& config, std::int64_t context);
double raw_flops(const std::vector<FlopLine>& lines);
// FP4 counts half, BF16 twice (spec 7).
double fp8_equivalent_flops(const std::vector<FlopLine>& lines);

// ---- DeepSeek V3.2, the model the published ratios compare with

constexpr double kV32KvBytesPerToken = 61.0 * (656 + 132);  // 48,068 (spec 6.3)
std::vector<FlopLine> v32_flops_per_token(std::int64_t context);

}  // namespace baleen::model
