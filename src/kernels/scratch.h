// Scratch memory for the vector sets, out of line: Scratch::reserve instantiates std::vector, which must not be
// compiled with wide instructions under a name other files share.
#pragma once

#include "kernels/kernels.h"

namespace baleen::kernels {

void* reserve(Scratch& scratch, std::size_t bytes);

}  // namespace baleen::kernels
