#include "kernels/scratch.h"

namespace baleen::kernels {

void* reserve(Scratch& scratch, std::size_t bytes) {
    return scratch.reserve(bytes);
}

}  // namespace baleen::kernels
