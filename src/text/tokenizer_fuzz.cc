// Any bytes as text for krill's tokenizer: what decodes is the text with broken UTF-8 replaced, on every route, no control
// token comes out of plain text, and streaming decoding agrees with decoding at once, also for arbitrary ids.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "text/detokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_utf8.h"

namespace {

using namespace baleen;

const text::Tokenizer& krill() {
    static const text::Tokenizer tokenizer = [] {
        auto loaded = text::Tokenizer::load("models/krill");  // the fuzzers run in the project's root
        if (!loaded.ok()) {
            std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
            std::abort();
        }
        return std::move(*loaded);
    }();
    return tokenizer;
}

std::string streamed(const std::vector<TokenId>& ids) {
    text::Detokenizer stream(krill());
    std::string out;
    for (const TokenId id : ids) {
        stream.push(id, out);
        if (!text::is_utf8(out)) std::abort();
    }
    stream.flush(out);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    std::vector<TokenId> ids;
    krill().encode(input, ids);
    for (const TokenId id : ids)
        if (krill().is_special(id)) std::abort();
    if (streamed(ids) != text::replace_broken(input)) std::abort();
    ids.clear();
    krill().encode_with_special(input, ids);
    if (streamed(ids) != text::replace_broken(input)) std::abort();

    ids.clear();
    std::string bytes;
    for (std::size_t i = 0; i + 1 < size; i += 2) {
        ids.push_back(TokenId{(data[i] << 8 | data[i + 1]) % 1100});
        bytes += krill().bytes(ids.back());
    }
    if (streamed(ids) != text::replace_broken(bytes)) std::abort();
    return 0;
}
