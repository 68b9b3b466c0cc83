#include "kernels/avx512vnni/avx512vnni.h"

namespace baleen::kernels::avx512vnni {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

namespace {

// Sums of four int8 products per lane with VNNI.
struct Dots {
    static constexpr int kMostShift = 3;  // 12 times its power is an int8
    static I start(int correction) { return Vec::set_int(correction); }
    static I add(I acc, I keys, I queries) { return _mm512_dpbusd_epi32(acc, keys, queries); }
    static I total(I acc, int) { return acc; }
};

}  // namespace

#include "kernels/wide/index_scores.inl"
}  // namespace baleen::kernels::avx512vnni
