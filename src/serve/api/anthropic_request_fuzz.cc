// Any bytes as a Messages body, with any options: no crash; what is accepted has its calls answered and can be
// rendered, or is refused with a message.
#include <cstdint>
#include <cstdlib>

#include "serve/api/anthropic_request.h"
#include "text/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    if (size == 0) return 0;
    serve::RequestOptions options;
    options.version = static_cast<text::PromptVersion>(data[0] % 3);
    options.model_required = false;
    options.honour_sampling = data[0] & 4;
    options.fill_missing_results = data[0] & 8;
    options.strict_reasoning = data[0] & 16;
    options.images = data[0] & 32;
    const auto request = serve::parse_anthropic_request({reinterpret_cast<const char*>(data) + 1, size - 1}, options);
    if (!request.ok()) return request.error().message.empty() ? (std::abort(), 0) : 0;
    if (request->stop.size() > 16) std::abort();
    std::size_t calls = 0, results = 0;
    for (const text::Message& message : request->prompt.messages) {
        calls += message.tool_calls.size();
        results += message.role == text::Role::tool ? 1 : 0;
    }
    if (calls != results) std::abort();
    (void)request->answer_options();
    for (const text::EncodingRules& rules : {text::EncodingRules::rec(), text::EncodingRules::hf()}) {
        const auto prompt = text::render(request->prompt, rules);
        if (!prompt.ok() && prompt.error().message.empty()) std::abort();
    }
    return 0;
}
