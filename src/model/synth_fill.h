// The numbers of synthetic checkpoints: a counter-based generator and the distributions of each kind of tensor. Element
// i of a tensor is a function of (key, i), so any range can be made alone. Pure after the first use built its tables (1
// ms); any thread; 0.3 to 1 ns a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "model/config.h"
#include "model/inventory.h"

namespace baleen::model {

// What a tensor is filled with.
struct Fill {
    enum class Law : std::uint8_t {
        normal,      // mean + sigma * z; F32 or BF16
        e4m3,        // codes of a normal law
        e2m1_pairs,  // uniform codes, two a byte
        scales,      // powers of two around `sigma`, their mean square sigma^2; UE8M0 or F32
        expert_ids,  // rows of distinct ids below `bound`; I64
        hyper_base,  // mHC bases: small, the comb part leaning to the identity
    };
    Law law = Law::normal;
    double mean = 0;
    double sigma = 1;
    std::int64_t row = 1;  // expert_ids: ids of a row; hyper_base: streams
    std::int64_t bound = 0;
};

// The law of one tensor of a parameter: its scale, or the other.
Fill fill_of(const Config& config, const Form& form, const Parameter& parameter, bool scale);

std::uint64_t tensor_key(std::uint64_t seed, std::string_view name);

// Elements of a range must start at a multiple of this.
std::int64_t fill_grain(const Fill& fill);

// Writes stored elements [first, first + count) of a tensor; `out` has count * element_bytes(dtype) bytes.
void fill(const Fill& fill, tensor::DType dtype, std::uint64_t key, std::int64_t first, std::int64_t count,
          std::byte* out);

}  // namespace baleen::model
