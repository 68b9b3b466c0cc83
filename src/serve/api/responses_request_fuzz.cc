// Any bytes as a Responses body, with any options: no crash; what is accepted has its calls answered, can be rendered,
// and is repeated in an answer that is JSON; or it is refused with a message.
#include <cstdint>
#include <cstdlib>

#include "serve/api/responses_answer.h"
#include "serve/api/responses_request.h"
#include "text/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    if (size == 0) return 0;
    serve::RequestOptions options;
    options.version = static_cast<text::PromptVersion>(data[0] % 3);
    options.model_required = false;
    options.default_thinking = data[0] & 4;
    options.fill_missing_results = data[0] & 8;
    options.strict_reasoning = data[0] & 16;
    options.images = data[0] & 32;
    const auto request = serve::parse_responses_request({reinterpret_cast<const char*>(data) + 1, size - 1}, options);
    if (!request.ok()) return request.error().message.empty() ? (std::abort(), 0) : 0;
    if (request->prompt.messages.empty()) std::abort();
    std::size_t calls = 0, results = 0;
    for (const text::Message& message : request->prompt.messages) {
        calls += message.tool_calls.size();
        results += message.role == text::Role::tool ? 1 : 0;
    }
    if (calls != results) std::abort();
    (void)request->answer_options();
    const auto prompt = text::render(request->prompt, text::EncodingRules::rec());
    if (!prompt.ok() && prompt.error().message.empty()) std::abort();

    serve::ResponsesAnswerOptions answer;
    answer.id = "ID";
    answer.model = request->model;
    answer.echo = request->echo;
    answer.tools = request->tools;
    answer.clock = [] { return std::int64_t{0}; };
    std::string body;
    serve::ResponsesAnswer sink(
        answer, serve::ResponsesAnswer::Whole([&](int, std::string bytes) { body = std::move(bytes); }));
    for (const text::Tool& tool : request->prompt.tools) {
        sink.tool_begin(0, "call_00", tool.name);
        sink.tool_arguments(0, "{\"input\": \"x\"}");
        sink.tool_end(0, true);
    }
    sink.finished(sched::Outcome());
    if (!text::is_json(body)) std::abort();
    return 0;
}
