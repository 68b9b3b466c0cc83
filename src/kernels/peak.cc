#include "kernels/peak.h"

#include "kernels/cpu.h"

namespace baleen::kernels {

Peaks peaks(const Kernels& set) {
    static const Cpu cpu = detect_cpu();
    Peaks result;
    result.read_pass = cpu.avx512 ? avx512::read_pass : cpu.avx2 ? avx2::read_pass : scalar::read_pass;
    result.dot_rounds = set.name == "avx512bf16" ? avx512bf16::dot_rounds
                        : set.name == "avx512"   ? avx512::dot_rounds
                        : set.name == "avx2"     ? avx2::dot_rounds
                                                 : scalar::dot_rounds;
    result.byte_rounds = set.name == "avx512bf16" ? avx512bf16::byte_rounds
                         : set.name == "avx512"   ? avx512::byte_rounds
                         : set.name == "avx2"     ? avx2::byte_rounds
                                                  : scalar::byte_rounds;
    return result;
}

}  // namespace baleen::kernels
