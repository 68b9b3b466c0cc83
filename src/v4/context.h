// What every part of the forward pass works with: the model, the kernels, the team, and the buffers of the step. Owned by
// the engine; engine thread only, the team works inside the calls.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/threads.h"
#include "base/types.h"
#include "experts/store.h"
#include "kernels/kernels.h"
#include "kv/sequence_cache.h"
#include "model/config.h"
#include "model/weights.h"
#include "v4/profile.h"
#include "v4/rope.h"
#include "v4/top_selection.h"
#include "v4/trace.h"

namespace baleen::v4 {

// official: every rounding of DeepSeek's reference (spec architecture 5, tier A). weights_only: the same model without
// rounding of activations and without Hadamard and FP4 in the indexer (tier C), to compare with other engines.
enum class Numerics : std::uint8_t { official, weights_only };

// An array that grows and never shrinks, so that a steady step allocates nothing.
template <class T>
class Buffer {
  public:
    // Room for n elements, 64-byte aligned; contents are lost when it grows.
    T* need(std::int64_t n) {
        if (n > capacity_) {
            data_.reset();
            data_.reset(static_cast<T*>(::operator new(static_cast<std::size_t>(n) * sizeof(T), std::align_val_t{64})));
            capacity_ = n;
        }
        return data_.get();
    }
    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }

  private:
    struct Free {
        void operator()(T* pointer) const { ::operator delete(pointer, std::align_val_t{64}); }
    };
    std::unique_ptr<T, Free> data_;
    std::int64_t capacity_ = 0;
};

// Tokens of one sequence at consecutive positions, rows [first_row, first_row + rows) of the batch.
struct Span {
    kv::SequenceCache* cache = nullptr;
    std::int64_t first_position = 0;
    int first_row = 0;
    int rows = 0;
};

// The state of a step between layers; an object, so that a step can pause after any layer.
struct Batch {
    std::vector<Span> spans;
    std::vector<TokenId> tokens;          // [rows]
    std::vector<std::int64_t> positions;  // [rows]
    Buffer<float> streams;                // [rows, hc_mult, d]: the residual streams
    Rotation window_rotation, compressed_rotation;
    TraceSink* trace = nullptr;

    int rows() const { return static_cast<int>(tokens.size()); }
};

// Scratch tensors of a layer, shared by all layers. Names say whose values they hold; R = rows of the batch.
struct Workspace {
    Buffer<float> mixes, pre, post, comb;             // hc: [R, (2 + hc) hc], [R, hc], [R, hc], [R, hc hc]
    Buffer<float> hidden, normed, output;             // [R, d]: sublayer input before and after its norm, and output
    Buffer<std::uint16_t> normed_bf16;                // [R, d]
    Buffer<float> quantised;                          // [R, K]
    Buffer<std::uint16_t> quantised_bf16;             // [R, K]
    Buffer<float> query_rank;                         // [R, q_lora_rank]
    Buffer<float> quantised_rank;                     // [R, q_lora_rank]
    Buffer<std::uint16_t> quantised_rank_bf16;        // [R, q_lora_rank]
    Buffer<float> query, heads;                       // [R, heads * head_dim]
    Buffer<std::uint16_t> heads_bf16;                 // [R, heads * head_dim]
    Buffer<float> kv;                                 // [R, head_dim]
    Buffer<std::uint8_t> window;                      // [R, entry bytes]
    Buffer<float> values, gates;                      // compressor inputs [R, width]
    Buffer<float> index_values, index_gates;          // [R, index width]
    Buffer<float> index_query, index_weights;         // [R, heads * dim], [R, heads]
    Buffer<std::uint8_t> index_query_packed;          // [R, heads * key bytes]
    Buffer<float> scores;                             // [team or traced rows, visible]
    Buffer<std::int32_t> selected;                    // [R, topk]
    Buffer<float> grouped;                            // [R, o_groups * o_lora_rank]
    Buffer<float> gate_scores, route_weights;         // [R, experts], [R, k]
    Buffer<std::int32_t> route_ids;                   // [R, k]
    Buffer<float> expert_in, expert_gate, expert_up, expert_out;  // [R * k, ...]
    Buffer<std::uint16_t> expert_in_bf16, expert_hidden_bf16;
    Buffer<float> head_streams;                       // [rows of the head or the MTP block, hc_mult, d]
    Buffer<float> shared_gate, shared_up, shared_out;
    Buffer<std::uint16_t> shared_bf16;
};

struct Context {
    const model::Config& config;
    const model::Weights& weights;
    experts::Store& experts;
    const kernels::Kernels& kernels;
    Team& team;
    Numerics numerics;
    RopeTable window_rope, compressed_rope;
    std::vector<kernels::Scratch> scratch;  // one per member of the team
    std::vector<TopSelection> selections;   // likewise
    Workspace work;
    Profile* profile = nullptr;  // not owned; usually nobody's
    std::uint64_t experts_touched = 0;  // distinct (layer, expert) pairs over all steps, for bandwidth accounts

    Context(const model::Config& config, const model::Weights& weights, experts::Store& experts,
            const kernels::Kernels& kernels, Team& team, Numerics numerics)
        : config(config), weights(weights), experts(experts), kernels(kernels), team(team), numerics(numerics),
          window_rope(config, false), compressed_rope(config, true), scratch(static_cast<std::size_t>(team.size())), selections(scratch.size()) {}

    bool official() const { return numerics == Numerics::official; }
    void lap(Operation operation) const {
        if (profile != nullptr) profile->lap(operation);
    }
};

}  // namespace baleen::v4
