#include "serve/job.h"

#include <fmt/format.h>

#include <algorithm>

#include "sched/limits.h"
#include "text/encoding.h"

namespace baleen::serve {

namespace {

constexpr std::int64_t kHitBlock = 128;
constexpr std::uint64_t kSeedMask = (std::uint64_t{1} << 63) - 1;  // the range of the API's field

}  // namespace

Result<std::vector<TokenId>> prompt_tokens(const text::ChatPrompt& prompt, const LiveLane& lane) {
    TRY_ASSIGN(const text::Prompt rendered, text::render(prompt, text::EncodingRules::rec()));
    std::vector<TokenId> ids;
    TRY(lane.tokenizer().encode(rendered, ids));
    return ids;
}

std::vector<std::int64_t> turn_hints(const std::vector<TokenId>& prompt, const LiveLane& lane) {
    std::vector<std::int64_t> hints;
    for (std::size_t i = 1; i < prompt.size(); ++i)
        if (lane.begins_turn(prompt[i])) hints.push_back(static_cast<std::int64_t>(i));
    return hints;
}

Result<std::int64_t> answer_limit(const ModelEntry& entry, LiveLane& lane, std::int64_t prompt_tokens, std::optional<int> asked, int otherwise) {
    if (asked && *asked > entry.output_tokens_max)
        return invalid_argument(fmt::format("Invalid max_tokens value, the valid range of max_tokens is [1, {}]", entry.output_tokens_max));
    const std::int64_t context = std::min(entry.context_tokens, lane.service().context());
    const std::optional<std::int64_t> requested = asked ? std::optional<std::int64_t>(*asked) : std::nullopt;
    return sched::answer_tokens_max(prompt_tokens, requested, std::min<std::int64_t>(otherwise, entry.output_tokens_max), context);
}

Result<engine::SamplingOptions> job_sampling(const Sampling& asked, std::uint64_t random) {
    engine::SamplingOptions options;
    options.temperature = static_cast<float>(asked.temperature);
    options.top_p = static_cast<float>(asked.top_p);
    options.top_k = asked.top_k;
    options.min_p = static_cast<float>(asked.min_p);
    options.seed = asked.seed.value_or(random & kSeedMask);
    TRY(engine::check_sampling(options));
    return options;
}

Result<sched::Job> make_job(const Request& request, const ModelEntry& entry, LiveLane& lane, std::uint64_t random) {
    sched::Job job;
    TRY_ASSIGN(job.prompt, prompt_tokens(request.prompt, lane));
    job.hints = turn_hints(job.prompt, lane);
    const auto tokens = static_cast<std::int64_t>(job.prompt.size());
    TRY_ASSIGN(job.generation.tokens_max, answer_limit(entry, lane, tokens, request.max_tokens, request.default_max_tokens()));
    TRY_ASSIGN(job.generation.sampling, job_sampling(request.sampling, random));
    job.generation.end_tokens = lane.end_tokens();
    job.generation.ignore_end = request.sampling.ignore_eos;
    job.generation.answer = request.answer_options();
    job.generation.top_logprobs = request.logprobs ? request.top_logprobs : -1;
    job.generation.call_id_seed = random;
    return job;
}

std::string reuse_space(std::string_view key, std::string_view user_id) {
    return fmt::format("{}:{}{}:{}", key.size(), key, user_id.size(), user_id);
}

std::int64_t reported_hits(std::int64_t cached_tokens, std::int64_t prompt_tokens) {
    return std::max<std::int64_t>(0, std::min(cached_tokens, prompt_tokens - 1)) / kHitBlock * kHitBlock;
}

}  // namespace baleen::serve
