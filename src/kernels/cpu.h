// What this CPU runs beyond the baseline, as far as kernel sets ask. Reads CPUID each time; call once.
#pragma once

namespace baleen::kernels {

struct Cpu {
    bool avx2 = false;        // AVX2, FMA, F16C
    bool avx512 = false;      // and F, BW, DQ, VL, CD
    bool avx512vnni = false;  // and VNNI
    bool avx512bf16 = false;  // and BF16, VBMI
    // vdpbf16ps does no more work in a cycle than half the float32 FMAs do: Intel's cores, measured on Emerald Rapids (AMD's since Zen 4
    // do twice as much).
    bool slow_bf16_dots = false;
};

Cpu detect_cpu();

}  // namespace baleen::kernels
