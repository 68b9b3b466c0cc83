// Any bytes as a request body, with any options: no crash; what is accepted can be rendered, or refused with a message.
#include <cstdint>
#include <cstdlib>

#include "serve/api/chat_request.h"
#include "text/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    if (size == 0) return 0;
    serve::ChatRequestOptions options;
    options.version = static_cast<text::PromptVersion>(data[0] % 3);
    options.model_required = false;
    options.developer_as_system = data[0] & 4;
    options.fill_missing_results = data[0] & 8;
    options.strict_reasoning = data[0] & 16;
    options.images = data[0] & 32;
    const auto request = serve::parse_chat_request({reinterpret_cast<const char*>(data) + 1, size - 1}, options);
    if (!request.ok()) return request.error().message.empty() ? (std::abort(), 0) : 0;
    if (request->prompt.messages.empty() || request->stop.size() > 16) std::abort();
    (void)request->answer_options();
    for (const text::EncodingRules& rules :
         {text::EncodingRules::rec(), text::EncodingRules::hf(), text::EncodingRules::recipe_0_2()}) {
        const auto prompt = text::render(request->prompt, rules);
        if (!prompt.ok()) continue;
        std::size_t at = 0;
        for (const text::ControlSpan& span : prompt->controls) {
            if (span.begin < at || span.end <= span.begin || span.end > prompt->text.size()) std::abort();
            at = span.end;
        }
    }
    return 0;
}
