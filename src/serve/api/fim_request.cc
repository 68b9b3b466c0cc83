#include "serve/api/fim_request.h"

#include <fmt/format.h>

#include "serve/api/chat_request_parts.h"
#include "text/encoding_texts.h"

namespace baleen::serve {

using text::PythonJson;

namespace {

constexpr std::uint64_t kTopLogprobsMax = 20;

constexpr std::string_view kFimBegin = "<｜fim▁begin｜>";
constexpr std::string_view kFimHole = "<｜fim▁hole｜>";
constexpr std::string_view kFimEnd = "<｜fim▁end｜>";

Result<void> read_sampling(const BodyReader& reader, const PythonJson& body, Sampling& sampling) {
    TRY_ASSIGN(sampling.temperature, read_in_range(reader, body, "temperature", 0, 2, false, 1));
    TRY_ASSIGN(sampling.top_p, read_in_range(reader, body, "top_p", 0, 1, true, 1));
    TRY(read_in_range(reader, body, "frequency_penalty", -2, 2, false, 0));  // checked, without effect
    TRY(read_in_range(reader, body, "presence_penalty", -2, 2, false, 0));
    TRY_ASSIGN(sampling.min_p, read_in_range(reader, body, "min_p", 0, 1, false, 0));
    TRY_ASSIGN(const std::optional<std::uint64_t> top_k, reader.whole(body, "top_k", "", "u32", 0x7fffffff));
    sampling.top_k = static_cast<int>(top_k.value_or(0));
    TRY_ASSIGN(sampling.seed, reader.whole(body, "seed", "", "u64", ~std::uint64_t{0}));
    if (sampling.seed && *sampling.seed >> 63 != 0)
        return invalid_argument("Invalid seed value, the valid range of seed is [0, 2^63)");
    TRY_ASSIGN(const std::optional<bool> ignore_eos, reader.boolean(body, "ignore_eos", ""));
    sampling.ignore_eos = ignore_eos.value_or(false);
    for (const char* name : {"n", "best_of"}) {
        TRY_ASSIGN(const std::optional<std::uint64_t> count, reader.whole(body, name, "", "u32", 0xffffffff));
        if (count.value_or(1) != 1)
            return invalid_argument(fmt::format("Invalid {0} value (currently only {0} = 1 is supported)", name));
    }
    return Ok();
}

Result<void> read_lengths(const BodyReader& reader, const PythonJson& body, FimRequest& request) {
    TRY_ASSIGN(const std::optional<std::uint64_t> tokens, reader.whole(body, "max_tokens", "", "u32", 0xffffffff));
    if (tokens && (*tokens < 1 || *tokens > static_cast<std::uint64_t>(kFimTokensMax)))
        return invalid_argument(
            fmt::format("Invalid max_tokens value, the valid range of max_tokens is [1, {}]", kFimTokensMax));
    if (tokens) request.max_tokens = static_cast<int>(*tokens);
    TRY_ASSIGN(const std::optional<std::uint64_t> logprobs, reader.whole(body, "logprobs", "", "u8", 255));
    if (logprobs && *logprobs > kTopLogprobsMax)
        return invalid_argument(
            fmt::format("Invalid logprobs value, the valid range of logprobs is [0, {}].", kTopLogprobsMax));
    if (logprobs) request.logprobs = static_cast<int>(*logprobs);
    return Ok();
}

}  // namespace

text::Prompt FimRequest::rendered() const {
    text::Prompt out;
    out.control(text::kBos);
    if (suffix.empty()) {
        out.add(prompt);
        return out;
    }
    out.control(kFimBegin);
    out.add(prompt);
    out.control(kFimHole);
    out.add(suffix);
    out.control(kFimEnd);
    return out;
}

Result<FimRequest> parse_fim_request(std::string_view body, const RequestOptions& options) {
    const BodyReader reader(body);
    TRY_ASSIGN(const PythonJson tree, read_body(reader, body, options));
    Request common;
    TRY(read_model(reader, tree, options, common));
    TRY(read_user(reader, tree, "user_id", "", common));

    FimRequest request;
    request.model = std::move(common.model);
    request.user_id = std::move(common.user_id);
    TRY_ASSIGN(request.prompt, reader.required_string(tree, "prompt", ""));
    TRY_ASSIGN(std::optional<std::string> suffix, reader.string(tree, "suffix", ""));
    request.suffix = std::move(suffix).value_or("");
    TRY_ASSIGN(const std::optional<bool> echo, reader.boolean(tree, "echo", ""));
    request.echo = echo.value_or(false);
    TRY(read_lengths(reader, tree, request));
    TRY(read_stop(reader, tree, request.stop));
    TRY(read_stream(reader, tree, request.stream, request.include_usage));
    TRY(read_sampling(reader, tree, request.sampling));
    return request;
}

}  // namespace baleen::serve
