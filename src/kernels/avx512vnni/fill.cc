#include "kernels/avx512vnni/avx512vnni.h"

namespace baleen::kernels {

void fill_avx512vnni(Kernels& kernels) {
    kernels.name = "avx512vnni";
    kernels.index_scores = avx512vnni::index_scores;
}

}  // namespace baleen::kernels
