#include "kernels/cpu.h"

#include <cstdint>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace baleen::kernels {

#if defined(__x86_64__)

namespace {

// What CPUID and XCR0 say. Compilers differ in the names __builtin_cpu_supports knows (clang 14 lacks F16C), so the
// bits are read here: Intel SDM volume 2, CPUID leaves 1, 7.0 and 7.1.
constexpr bool has(unsigned value, int bit) {
    return value >> bit & 1u;
}

std::uint64_t enabled_state() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
}

}  // namespace

Cpu detect_cpu() {
    Cpu cpu;
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return cpu;
    cpu.slow_bf16_dots = ebx == signature_INTEL_ebx && ecx == signature_INTEL_ecx && edx == signature_INTEL_edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return cpu;
    const bool fma = has(ecx, 12), osxsave = has(ecx, 27), avx = has(ecx, 28), f16c = has(ecx, 29);
    if (!osxsave || !avx) return cpu;
    const std::uint64_t state = enabled_state();  // bits 1, 2: SSE, AVX; bits 5 to 7: the parts of AVX-512
    unsigned leaves, ebx7, ecx7, edx7;
    if ((state & 6) != 6 || !__get_cpuid_count(7, 0, &leaves, &ebx7, &ecx7, &edx7)) return cpu;
    cpu.avx2 = fma && f16c && has(ebx7, 5);
    const bool f = has(ebx7, 16), dq = has(ebx7, 17), cd = has(ebx7, 28), bw = has(ebx7, 30), vl = has(ebx7, 31);
    cpu.avx512 = cpu.avx2 && (state & 0xe0) == 0xe0 && f && dq && cd && bw && vl;
    const bool vnni = has(ecx7, 11), vbmi = has(ecx7, 1);
    cpu.avx512vnni = cpu.avx512 && vnni;
    if (leaves < 1 || !__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) return cpu;
    cpu.avx512bf16 = cpu.avx512vnni && vbmi && has(eax, 5);
    return cpu;
}

#else

Cpu detect_cpu() {
    return {};
}

#endif

}  // namespace baleen::kernels
