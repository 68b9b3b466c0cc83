// What the machine can do, for benchmarks to compare with: loads without arithmetic, and the best dot products of a kernel
// set without loads. Each function is one thread's share; run it on every member of the team at once. Reentrant.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace baleen::kernels {

struct Peaks {
    // Loads `bytes` bytes at `data` (64-byte aligned, a multiple of 1024) with the widest loads of this CPU; the result
    // depends on all of them and means nothing.
    std::uint64_t (*read_pass)(const void* data, std::size_t bytes) = nullptr;
    // Runs `rounds` rounds of twelve independent dot-product instructions of the set; *operations gets the number of
    // floating-point operations (two per multiply-add). The result means nothing.
    float (*dot_rounds)(std::int64_t rounds, double* operations) = nullptr;
    // The same of the set's products of int8, which index scores are made of.
    int (*byte_rounds)(std::int64_t rounds, double* operations) = nullptr;
};

// Peaks of the set; read_pass is the same for all sets on one CPU.
Peaks peaks(const Kernels& set);

// Entries by instruction set; call through peaks().
namespace scalar {
std::uint64_t read_pass(const void* data, std::size_t bytes);
float dot_rounds(std::int64_t rounds, double* operations);
int byte_rounds(std::int64_t rounds, double* operations);
}  // namespace scalar
namespace avx2 {
std::uint64_t read_pass(const void* data, std::size_t bytes);
float dot_rounds(std::int64_t rounds, double* operations);
int byte_rounds(std::int64_t rounds, double* operations);
}  // namespace avx2
namespace avx512 {
std::uint64_t read_pass(const void* data, std::size_t bytes);
float dot_rounds(std::int64_t rounds, double* operations);
int byte_rounds(std::int64_t rounds, double* operations);
}  // namespace avx512
namespace avx512vnni {
int byte_rounds(std::int64_t rounds, double* operations);
}  // namespace avx512vnni
namespace avx512bf16 {
float dot_rounds(std::int64_t rounds, double* operations);
}  // namespace avx512bf16

}  // namespace baleen::kernels
