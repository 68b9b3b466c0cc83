// Any bytes as a tokenizer.json: no crash, bounded time, and one that loads encodes without loss, control tokens aside.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    const auto tokenizer = text::Tokenizer::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (!tokenizer.ok()) {
        if (tokenizer.error().message.empty()) std::abort();
        return 0;
    }
    const std::string sample = "Hello, wörld 12345\n\n  中文 \xf0\x9f\x98\x80 <x> abcabc";
    std::vector<TokenId> ids;
    tokenizer->encode(sample, ids);
    std::string back;
    for (const TokenId id : ids) back += tokenizer->bytes(id);
    if (back != sample) std::abort();
    return 0;
}
