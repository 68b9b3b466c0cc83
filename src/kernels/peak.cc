#include "kernels/peak.h"

#include "kernels/cpu.h"

namespace baleen::kernels {

Peaks peaks(const Kernels& set) {
    static const Cpu cpu = detect_cpu();
    Peaks result;
    result.read_pass = cpu.avx512 ? avx512::read_pass : cpu.avx2 ? avx2::read_pass : scalar::read_pass;
    const bool bf16 = set.name == "avx512bf16", vnni = bf16 || set.name == "avx512vnni", wide = vnni || set.name == "avx512";
    const bool narrow = set.name == "avx2";
    result.dot_rounds = bf16 ? avx512bf16::dot_rounds : wide ? avx512::dot_rounds : narrow ? avx2::dot_rounds : scalar::dot_rounds;
    result.byte_rounds = vnni ? avx512vnni::byte_rounds : wide ? avx512::byte_rounds : narrow ? avx2::byte_rounds : scalar::byte_rounds;
    return result;
}

}  // namespace baleen::kernels
