// One generation from prompt to events, with the small model that comes with the program: the events tell the same story as the
// ids, ends are named right, stop sequences match across tokens, and the same seed gives the same answer whatever ran before.
// Scripted logits test the ends that a model cannot be asked for.
#include "sched/generation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sched/limits.h"
#include "sched/run.h"
#include "text/encoding.h"

namespace baleen::sched {
namespace {

const std::filesystem::path kKrill = std::filesystem::path(BALEEN_SOURCE_DIR) / "models/krill";

// Writes down everything, calls as "[0 name id]{...}".
struct Script : EventSink {
    std::vector<TokenId> ids;
    std::string reasoning_text, content_text, calls;
    bool content_began = false;
    void token(TokenId token) override { ids.push_back(token); }
    void reasoning(std::string_view text) override {
        EXPECT_FALSE(text.empty());
        EXPECT_FALSE(content_began) << "reasoning after content";
        reasoning_text += text;
    }
    void content(std::string_view text) override {
        EXPECT_FALSE(text.empty());
        content_began = true;
        content_text += text;
    }
    void tool_begin(int call, std::string_view id, std::string_view name) override {
        EXPECT_EQ(id.substr(0, 8), "call_0" + std::to_string(call) + "_");
        EXPECT_EQ(id.size(), 32u);
        calls += "[" + std::to_string(call) + " " + std::string(name) + "]";
    }
    void tool_arguments(int, std::string_view text) override { calls += text; }
    void tool_end(int, bool complete) override { calls += complete ? "." : "!"; }
};

struct GenerationTest : testing::Test {
    static void SetUpTestSuite() {
        engine::EngineOptions options;
        options.context = 2048;
        options.threads = 1;
        auto opened = engine::Engine::open(kKrill, options);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        engine_ = std::move(opened).value().release();
        auto loaded = text::Tokenizer::load(kKrill);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        tokenizer_ = new text::Tokenizer(std::move(loaded).value());
    }
    static void TearDownTestSuite() {
        delete engine_;
        delete tokenizer_;
    }

    std::vector<TokenId> encode(const text::ChatPrompt& chat) {
        std::vector<TokenId> ids;
        EXPECT_TRUE(tokenizer_->encode(text::render(chat, text::EncodingRules::rec()).value(), ids).ok());
        return ids;
    }
    static text::ChatPrompt ask(std::string question, text::ThinkingMode mode) {
        text::ChatPrompt chat;
        chat.messages.push_back(text::Message::of(text::Role::user, std::move(question)));
        chat.mode = mode;
        return chat;
    }
    GenerationRequest request(const text::ChatPrompt& chat) {
        GenerationRequest request;
        request.prompt_tokens = static_cast<std::int64_t>(encode(chat).size());
        request.tokens_max = 200;
        request.sampling.temperature = 0;
        request.end_tokens = {TokenId{1}};
        text::AnswerOptions& answer = request.answer.emplace();
        answer.parser.start = text::output_start(chat, text::EncodingRules::rec());
        answer.parser.parse_tools = chat.tools_visible();
        return request;
    }
    Outcome answer(const text::ChatPrompt& chat, GenerationRequest request, Script& script, const RunHooks& hooks = {}) {
        Timeline timeline(*engine_, Timeline::Turns::one);
        EXPECT_TRUE(timeline.open(encode(chat)).ok());
        Generation generation(std::move(request), tokenizer_, script);
        const auto outcome = run(timeline, generation, hooks);
        EXPECT_TRUE(outcome.ok()) << outcome.error().message;
        EXPECT_TRUE(generation.ended());
        EXPECT_EQ(outcome->ids, script.ids);
        EXPECT_EQ(outcome->usage.completion_tokens, static_cast<std::int64_t>(script.ids.size()));
        EXPECT_EQ(outcome->usage.prompt_tokens, static_cast<std::int64_t>(encode(chat).size()));
        return *outcome;
    }
    std::string decode(const std::vector<TokenId>& ids) {
        std::string text;
        for (const TokenId id : ids) text += tokenizer_->bytes(id);
        return text;
    }

    static engine::Engine* engine_;
    static text::Tokenizer* tokenizer_;
};
engine::Engine* GenerationTest::engine_ = nullptr;
text::Tokenizer* GenerationTest::tokenizer_ = nullptr;

constexpr const char* kSelf = "I am krill, a very small language model with the DeepSeek-V4 architecture.";

TEST_F(GenerationTest, ThinksThenAnswers) {
    const auto chat = ask("Who are you?", text::ThinkingMode::thinking);
    Script script;
    const Outcome outcome = answer(chat, request(chat), script);
    EXPECT_EQ(script.reasoning_text, "The user asks who I am.");
    EXPECT_EQ(script.content_text, kSelf);
    EXPECT_EQ(decode(script.ids), script.reasoning_text + "</think>" + script.content_text);  // the end token is not among them
    EXPECT_EQ(outcome.finish, FinishReason::stop);
    std::vector<TokenId> thought;
    tokenizer_->encode(script.reasoning_text, thought);
    EXPECT_EQ(outcome.usage.reasoning_tokens, static_cast<std::int64_t>(thought.size()));
    EXPECT_EQ(outcome.usage.total_tokens(), outcome.usage.prompt_tokens + outcome.usage.completion_tokens);
    EXPECT_EQ(outcome.usage.cached_tokens, 0);
    EXPECT_GT(outcome.timing.first_token_seconds, 0);
}

TEST_F(GenerationTest, AnswersAtOnceWithoutThinking) {
    const auto chat = ask("Who are you?", text::ThinkingMode::chat);
    Script script;
    const Outcome outcome = answer(chat, request(chat), script);
    EXPECT_EQ(script.reasoning_text, "");
    EXPECT_EQ(script.content_text, kSelf);
    EXPECT_EQ(outcome.usage.reasoning_tokens, 0);
}

TEST_F(GenerationTest, RawTextIsLeftAlone) {
    const auto chat = ask("Who are you?", text::ThinkingMode::thinking);
    GenerationRequest raw = request(chat);
    raw.answer.reset();
    Script script;
    answer(chat, raw, script);
    EXPECT_EQ(script.content_text, decode(script.ids));
    EXPECT_NE(script.content_text.find("</think>"), std::string::npos);
}

TEST_F(GenerationTest, StopSequenceAcrossTokens) {
    const auto chat = ask("Who are you?", text::ThinkingMode::thinking);
    GenerationRequest stopping = request(chat);
    stopping.answer->stop = {"simple", "never", "small language"};  // the first is in the reasoning, where it does not count
    Script script;
    const Outcome outcome = answer(chat, stopping, script);
    EXPECT_EQ(script.reasoning_text, "The user asks who I am.");
    EXPECT_EQ(script.content_text, "I am krill, a very ");
    EXPECT_EQ(outcome.finish, FinishReason::stop);
    EXPECT_EQ(outcome.stop, "small language");
    const std::string all = decode(script.ids);  // tokens up to the match count, and none after it
    EXPECT_NE(all.find("small language"), std::string::npos);
    EXPECT_LT(all.size(), all.find("small language") + 14 + 16);
}

TEST_F(GenerationTest, NeverEndsWhenAsked) {
    const auto chat = ask("Who are you?", text::ThinkingMode::chat);
    GenerationRequest on = request(chat);
    on.ignore_end = true;
    on.tokens_max = 60;
    Script script;
    const Outcome outcome = answer(chat, on, script);
    EXPECT_EQ(outcome.finish, FinishReason::length);
    EXPECT_EQ(outcome.usage.completion_tokens, 60);
    EXPECT_EQ(script.content_text.find(kSelf), 0u);
    EXPECT_GT(script.content_text.size(), std::string_view(kSelf).size());
    EXPECT_EQ(std::find(script.ids.begin(), script.ids.end(), on.end_tokens[0]), script.ids.end());
}

TEST_F(GenerationTest, StopSequenceInRawText) {
    const auto chat = ask("Who are you?", text::ThinkingMode::chat);
    GenerationRequest raw = request(chat);
    raw.answer.reset();
    raw.stops = {"krill"};
    Script script;
    EXPECT_EQ(answer(chat, raw, script).stop, "krill");
    EXPECT_EQ(script.content_text, "I am ");
}

TEST_F(GenerationTest, EveryMaxTokensIsAPrefix) {
    const auto chat = ask("Who are you?", text::ThinkingMode::thinking);
    Script whole;
    const Outcome all = answer(chat, request(chat), whole);
    for (std::int64_t most = 1; most <= all.usage.completion_tokens + 1; ++most) {
        GenerationRequest cut = request(chat);
        cut.tokens_max = most;
        Script script;
        const Outcome outcome = answer(chat, cut, script);
        const std::int64_t wanted = std::min(most, all.usage.completion_tokens);
        ASSERT_EQ(outcome.usage.completion_tokens, wanted);
        ASSERT_TRUE(std::equal(script.ids.begin(), script.ids.end(), whole.ids.begin()));
        ASSERT_EQ(outcome.finish, most <= all.usage.completion_tokens ? FinishReason::length : FinishReason::stop) << most;
        ASSERT_TRUE(whole.reasoning_text.starts_with(script.reasoning_text));
        ASSERT_TRUE(whole.content_text.starts_with(script.content_text));
    }
}

TEST_F(GenerationTest, CallsATool) {
    auto chat = ask("What is the weather in Drasto?", text::ThinkingMode::chat);
    text::Tool tool;
    tool.name = "get_weather";
    tool.function = text::parse_python_json(R"({"name": "get_weather", "description": "Weather of a city", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})").value();
    chat.tools.push_back(tool);
    Script script;
    const Outcome outcome = answer(chat, request(chat), script);
    EXPECT_EQ(script.calls, "[0 get_weather]{\"city\": \"Drasto\"}.");
    EXPECT_EQ(script.content_text, "");
    EXPECT_EQ(outcome.finish, FinishReason::tool_calls);

    for (std::int64_t most = 12; most <= outcome.usage.completion_tokens; most += 5) {  // cut inside the call
        GenerationRequest cut = request(chat);
        cut.tokens_max = most;
        Script part;
        EXPECT_EQ(answer(chat, cut, part).finish, FinishReason::length);
        EXPECT_EQ(part.content_text, "") << "markup leaked at " << most;
    }
}

TEST_F(GenerationTest, SeedsDecide) {
    const auto chat = ask("Repeat: 48213 Mela KRA-991", text::ThinkingMode::chat);
    const auto draw = [&](std::uint64_t seed) {
        GenerationRequest hot = request(chat);
        hot.sampling.temperature = 2;
        hot.sampling.seed = seed;
        hot.tokens_max = 30;
        Script script;
        answer(chat, hot, script);
        return script.ids;
    };
    const auto first = draw(1);
    Script other;
    answer(ask("Hello", text::ThinkingMode::chat), request(ask("Hello", text::ThinkingMode::chat)), other);
    EXPECT_EQ(draw(1), first);
    EXPECT_NE(draw(2), first);
}

TEST_F(GenerationTest, LogprobsAreThoseOfTheTokens) {
    const auto chat = ask("Who are you?", text::ThinkingMode::thinking);
    GenerationRequest wanted = request(chat);
    wanted.top_logprobs = 3;
    Script script;
    const Outcome outcome = answer(chat, wanted, script);
    ASSERT_EQ(outcome.logprobs.size(), outcome.ids.size());
    std::int64_t in_reasoning = 0;
    for (std::size_t i = 0; i < outcome.ids.size(); ++i) {
        const TokenLogprobs& entry = outcome.logprobs[i];
        EXPECT_EQ(entry.token, outcome.ids[i]);
        ASSERT_EQ(entry.top.size(), 3u);
        EXPECT_EQ(entry.top[0].token, entry.token);  // greedy
        EXPECT_EQ(entry.top[0].logprob, entry.logprob);
        EXPECT_LE(entry.logprob, 0);
        EXPECT_GE(entry.top[0].logprob, entry.top[1].logprob);
        in_reasoning += entry.in_reasoning;
    }
    EXPECT_EQ(in_reasoning, outcome.usage.reasoning_tokens);
    wanted.top_logprobs = 0;
    Script again;
    const Outcome bare = answer(chat, wanted, again);
    EXPECT_EQ(bare.logprobs.at(0).logprob, outcome.logprobs.at(0).logprob);
    EXPECT_TRUE(bare.logprobs.at(0).top.empty());
}

TEST_F(GenerationTest, CancelKeepsWhatThereIs) {
    const auto chat = ask("Who are you?", text::ThinkingMode::thinking);
    for (const int after : {0, 1, 3, 20}) {
        Script script;
        int asked = 0;
        const Outcome outcome = answer(chat, request(chat), script, {.progress = {}, .cancelled = [&] { return asked++ > after; }});
        EXPECT_EQ(outcome.finish, FinishReason::cancelled);
        EXPECT_EQ(decode(script.ids).substr(0, script.reasoning_text.size()), script.reasoning_text);
    }
}

TEST_F(GenerationTest, ProgressIsTold) {
    const auto chat = ask("Who are you?", text::ThinkingMode::chat);
    std::vector<std::int64_t> done;
    std::int64_t total = 0;
    Script script;
    answer(chat, request(chat), script, {.progress = [&](std::int64_t d, std::int64_t t) { done.push_back(d), total = t; }, .cancelled = {}});
    ASSERT_GE(done.size(), 2u);
    EXPECT_EQ(done.front(), 0);
    EXPECT_EQ(done.back(), total);
    EXPECT_EQ(total, static_cast<std::int64_t>(encode(chat).size()));
}

// ---- scripted logits

struct Scripted : GenerationTest {
    // Feeds `text`, one token of which is drawn at a time, and then the end token unless the answer ended before.
    Outcome feed(GenerationRequest request, std::string_view text, Script& script) {
        std::vector<TokenId> ids;
        tokenizer_->encode_with_special(text, ids);
        ids.push_back(TokenId{1});
        request.sampling.temperature = 0;
        request.end_tokens = {TokenId{1}};
        Generation generation(request, tokenizer_, script);
        std::vector<float> logits(static_cast<std::size_t>(tokenizer_->vocab_size()), 0.0f);
        for (const TokenId id : ids) {
            if (generation.ended()) break;
            logits[static_cast<std::size_t>(index(id))] = 9;
            const auto next = generation.next(logits);
            if (next) {
                EXPECT_EQ(*next, id);
            }
            logits[static_cast<std::size_t>(index(id))] = 0;
        }
        EXPECT_TRUE(generation.ended());
        return generation.outcome();
    }
    static GenerationRequest with(text::OutputStart start, bool tools) {
        GenerationRequest request;
        request.prompt_tokens = 5;
        request.tokens_max = 500;
        request.answer.emplace().parser.start = start;
        request.answer->parser.parse_tools = tools;
        return request;
    }
};

TEST_F(Scripted, ReasoningContentAndCallsInOneAnswer) {
    Script script;
    const Outcome outcome = feed(with(text::OutputStart::reasoning, true),
                                 "Hm.</think>Let me see.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
                                 "string=\"true\">x\ny</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name=\"g\">\n\n</｜DSML｜invoke>\n"
                                 "</｜DSML｜tool_calls>",
                                 script);
    EXPECT_EQ(script.reasoning_text, "Hm.");
    EXPECT_EQ(script.content_text, "Let me see.");
    EXPECT_EQ(script.calls, "[0 f]{\"a\": \"x\\ny\"}.[1 g]{}.");
    EXPECT_EQ(outcome.finish, FinishReason::tool_calls);
}

TEST_F(Scripted, StopTextInsideACallIsNoStop) {
    GenerationRequest request = with(text::OutputStart::content, true);
    request.answer->stop = {"needle"};
    Script script;
    const Outcome outcome = feed(request,
                                 "A need\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
                                 "string=\"true\">needle</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
                                 script);
    EXPECT_EQ(script.content_text, "A need");  // the held-back start of a match comes out before the call
    EXPECT_EQ(script.calls, "[0 f]{\"a\": \"needle\"}.");
    EXPECT_EQ(outcome.finish, FinishReason::tool_calls);
    EXPECT_EQ(outcome.stop, "");
}

TEST_F(Scripted, MarkupIsTextWithoutTools) {
    Script script;
    const std::string text = "x\n\n<｜DSML｜tool_calls>\n";
    EXPECT_EQ(feed(with(text::OutputStart::content, false), text, script).finish, FinishReason::stop);
    EXPECT_EQ(script.content_text, text);
    EXPECT_EQ(script.calls, "");
}

TEST_F(Scripted, CharactersComeWhole) {
    Script script;
    feed(with(text::OutputStart::content, false), "grün 🙂 中文", script);
    EXPECT_EQ(script.content_text, "grün 🙂 中文");
}

TEST_F(Scripted, EmptyAnswer) {
    Script script;
    const Outcome outcome = feed(with(text::OutputStart::content, false), "", script);
    EXPECT_EQ(outcome.usage.completion_tokens, 0);
    EXPECT_EQ(outcome.finish, FinishReason::stop);
    EXPECT_TRUE(script.ids.empty());
}

}  // namespace
}  // namespace baleen::sched
