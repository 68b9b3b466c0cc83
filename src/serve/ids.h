// Names of answers and requests, drawn from the system's randomness: nobody can guess another's. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baleen::serve {

std::uint64_t random_number();
std::string random_uuid();              // version 4: "3f0a...-....-4...-....-............"
std::string random_hex(int digits);     // "9c1f..."
std::string random_letters(int count);  // of A-Z, a-z, 0-9

}  // namespace baleen::serve
