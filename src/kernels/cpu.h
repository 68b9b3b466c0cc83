// What this CPU runs beyond the baseline, as far as kernel sets ask. Reads CPUID each time; call once.
#pragma once

namespace baleen::kernels {

struct Cpu {
    bool avx2 = false;        // AVX2, FMA, F16C
    bool avx512 = false;      // and F, BW, DQ, VL, CD
    bool avx512bf16 = false;  // and BF16, VNNI, VBMI
};

Cpu detect_cpu();

}  // namespace baleen::kernels
