// Any bytes as the body of a text completion: no crash; what is accepted keeps the ranges and renders with its control
// tokens in order; what is refused says why.
#include <cstdint>
#include <cstdlib>

#include "serve/api/fim_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    serve::RequestOptions options;
    options.model_required = size > 0 && (data[0] & 1) != 0;
    const auto request = serve::parse_fim_request({reinterpret_cast<const char*>(data), size}, options);
    if (!request.ok()) return request.error().message.empty() ? (std::abort(), 0) : 0;
    if (request->stop.size() > 16 || request->logprobs.value_or(0) > 20) std::abort();
    if (request->max_tokens && (*request->max_tokens < 1 || *request->max_tokens > serve::kFimTokensMax)) std::abort();
    if (request->include_usage && !request->stream) std::abort();
    const text::Prompt prompt = request->rendered();
    if (prompt.controls.size() != (request->suffix.empty() ? 1 : 4)) std::abort();
    std::size_t at = 0;
    for (const text::ControlSpan& span : prompt.controls) {
        if (span.begin < at || span.end <= span.begin || span.end > prompt.text.size()) std::abort();
        at = span.end;
    }
    return 0;
}
