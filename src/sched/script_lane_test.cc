// Recorded answers: the file's format and what it refuses, the line that answers, the pace on a clock we turn, and whole answers
// through the service, parsed as a model's are. Uses the tokenizer of the small model that comes with the program.
#include "sched/script_lane.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>

#include "sched/service.h"

namespace baleen::sched {
namespace {

struct ScriptTest : testing::Test {
    static void SetUpTestSuite() {
        auto loaded = text::Tokenizer::load(std::filesystem::path(BALEEN_SOURCE_DIR) / "models/krill");
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        tokenizer = new text::Tokenizer(std::move(loaded).value());
    }
    static void TearDownTestSuite() { delete tokenizer; }

    static Script script(std::string_view jsonl) {
        auto parsed = Script::parse(jsonl, "answers.jsonl", *tokenizer);
        EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
        return std::move(parsed).value();
    }
    static std::string refusal(std::string_view jsonl) {
        auto parsed = Script::parse(jsonl, "answers.jsonl", *tokenizer);
        EXPECT_FALSE(parsed.ok()) << jsonl;
        return parsed.ok() ? "" : parsed.error().message;
    }
    static std::vector<TokenId> ids(std::string_view text) {
        std::vector<TokenId> out;
        tokenizer->encode_with_special(text, out);
        return out;
    }
    static std::string spell(const std::vector<TokenId>& tokens) {
        std::string text;
        for (const TokenId token : tokens) text += tokenizer->bytes(token);
        return text;
    }
    static StreamRequest prompt(std::string_view text) {
        StreamRequest request;
        request.tokens = ids(text);
        request.prompt_tokens = static_cast<std::int64_t>(request.tokens.size());
        return request;
    }

    static text::Tokenizer* tokenizer;
};
text::Tokenizer* ScriptTest::tokenizer = nullptr;

// ---- the file

TEST_F(ScriptTest, ReadsItsFormat) {
    const Script read = script("{\"match\": \"weather\", \"text\": \"Sunny.</think>x\", \"tokens_per_second\": 200, \"first_token_seconds\": 0.5}\r\n"
                               "\n   \n"
                               "{\"match\": [\"a\", \"b\"], \"tokens\": [5, 6, 7]}\n"
                               "{\"text\": \"T\", \"reasoning\": \"R\"}");
    ASSERT_EQ(read.lines().size(), 3u);
    EXPECT_EQ(spell(read.lines()[0].tokens), "Sunny.</think>x");
    EXPECT_NE(std::find(read.lines()[0].tokens.begin(), read.lines()[0].tokens.end(), *tokenizer->find("</think>")),
              read.lines()[0].tokens.end());
    EXPECT_EQ(read.lines()[0].tokens_per_second, 200);
    EXPECT_EQ(read.lines()[0].first_token_seconds, 0.5);
    EXPECT_EQ(read.lines()[1].tokens, (std::vector{TokenId{5}, TokenId{6}, TokenId{7}}));
    EXPECT_EQ(spell(read.lines()[2].with_reasoning), "R</think>T");
    EXPECT_EQ(spell(read.lines()[2].tokens), "T");
}

TEST_F(ScriptTest, TheFirstLineThatMatchesAnswers) {
    const Script read = script(R"({"match": ["weather", "result"], "text": "1"}
                                  {"match": "weather", "text": "2"}
                                  {"match": "", "text": "3"})");
    EXPECT_EQ(spell(read.find("the weather? a result")->tokens), "1");
    EXPECT_EQ(spell(read.find("the weather?")->tokens), "2");
    EXPECT_EQ(spell(read.find("result")->tokens), "3");
    EXPECT_EQ(script(R"({"match": "x", "text": "1"})").find("y"), nullptr);
}

TEST_F(ScriptTest, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(refusal("\n\n"), "answers.jsonl: no answers in it");
    EXPECT_EQ(refusal("{\"text\": \"a\"}\n{\"txt\": \"a\"}"), "answers.jsonl, line 2: unknown field txt");
    EXPECT_EQ(refusal("{}"), "answers.jsonl, line 1: one of text and tokens must be there");
    EXPECT_EQ(refusal(R"({"text": "a", "tokens": [1]})"), "answers.jsonl, line 1: one of text and tokens must be there");
    EXPECT_EQ(refusal(R"({"tokens": [1], "reasoning": "a"})"), "answers.jsonl, line 1: reasoning: only beside text");
    for (const char* line : {"[]", "5", "{", "{\"text\": 5}", R"({"text": "a", "match": 5})", R"({"text": "a", "match": [5]})",
                             R"({"tokens": 5})", R"({"tokens": [-1]})", R"({"tokens": [1.5]})", R"({"tokens": ["a"]})", R"({"tokens": [1e300]})",
                             R"({"tokens": [18446744073709551615]})", R"({"tokens": [4294967297]})", R"({"text": "a", "tokens_per_second": 0})",
                             R"({"text": "a", "tokens_per_second": "fast"})", R"({"text": "a", "first_token_seconds": -1})",
                             R"({"text": "a", "text": "b"})"})
        EXPECT_TRUE(refusal(line).starts_with("answers.jsonl, line 1")) << line;
    EXPECT_NE(refusal("{\"tokens\": [" + std::to_string(tokenizer->vocab_size()) + "]}"), "");
}

// ---- the pace, on our clock

TEST_F(ScriptTest, PlaysOnSchedule) {
    ScriptLane lane(script(R"({"match": "slow", "text": "one two three four five", "tokens_per_second": 10, "first_token_seconds": 1}
                              {"text": "ab", "tokens_per_second": 1000})"),
                    *tokenizer, {});
    const std::size_t count = ids("one two three four five").size();
    ASSERT_GT(count, 4u);
    ASSERT_TRUE(lane.open(StreamId{1}, prompt("slow"), 100).ok());
    EXPECT_TRUE(lane.step(100).rows.empty());
    EXPECT_DOUBLE_EQ(*lane.step(100.5).due, 101);
    std::vector<double> times;
    std::vector<TokenId> played;
    double time = 100.5;
    for (bool ended = false; !ended;) {
        const LaneStep& step = lane.step(time);
        for (const auto& row : step.rows) {
            EXPECT_EQ(row.stream, StreamId{1});
            if (row.token) played.push_back(*row.token), times.push_back(time), lane.push(row.stream, *row.token);
            else ended = true;
        }
        if (step.due) time = *step.due;
    }
    EXPECT_EQ(spell(played), "one two three four five");
    for (std::size_t k = 0; k < count; ++k) EXPECT_NEAR(times[k], 101 + 0.1 * static_cast<double>(k), 1e-9);
    lane.close(StreamId{1});

    // Late looks catch up, a token a step, and make nothing else late.
    ASSERT_TRUE(lane.open(StreamId{2}, prompt("slow"), 200).ok());
    EXPECT_EQ(lane.step(201.25).rows.size(), 1u);
    EXPECT_FALSE(lane.step(201.25).due.has_value());  // the second of three that are due
    EXPECT_EQ(lane.step(201.25).rows.size(), 1u);
    EXPECT_NEAR(*lane.step(201.26).due, 201.3, 1e-9);
    lane.close(StreamId{2});
}

TEST_F(ScriptTest, ReasonsWhereThePromptAsksForIt) {
    ScriptLane lane(script(R"({"text": "T", "reasoning": "R"})"), *tokenizer, {});
    const auto play = [&](std::string_view text) {
        EXPECT_TRUE(lane.open(StreamId{1}, prompt(text), 0).ok());
        std::vector<TokenId> played;
        for (;;) {
            const auto rows = lane.step(1).rows;
            if (rows.empty() || !rows[0].token) break;
            played.push_back(*rows[0].token);
        }
        lane.close(StreamId{1});
        return spell(played);
    };
    EXPECT_EQ(play("<｜User｜>hi<｜Assistant｜><think>"), "R</think>T");
    EXPECT_EQ(play("<｜User｜>hi<｜Assistant｜></think>"), "T");
    EXPECT_EQ(play("<think> was said"), "T");
}

TEST_F(ScriptTest, StreamsComeAndGo) {
    ScriptLane lane(script(R"({"text": "abcdefgh"})"), *tokenizer, {.streams_max = 3});
    for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(lane.open(StreamId{id}, prompt("x"), 0).ok());
    EXPECT_EQ(lane.room().streams, 0);
    EXPECT_EQ(lane.step(0).rows.size(), 3u);
    lane.close(StreamId{1});  // the last takes its place
    lane.pause(StreamId{3}, true);
    const LaneStep& step = lane.step(0);
    ASSERT_EQ(step.rows.size(), 1u);
    EXPECT_EQ(step.rows[0].stream, StreamId{2});
    lane.pause(StreamId{3}, false);
    EXPECT_EQ(lane.step(0).rows.size(), 2u);
    lane.close(StreamId{3});
    lane.close(StreamId{2});
    EXPECT_EQ(lane.room().running, 0);
}

// ---- through the service

struct Said : EventSink {
    std::mutex mutex;
    std::string reasoning_text, content_text, calls;
    std::vector<std::chrono::steady_clock::time_point> times;
    std::atomic<bool> done{false};
    std::optional<Result<Outcome>> outcome;

    void token(TokenId) override { times.push_back(std::chrono::steady_clock::now()); }
    void reasoning(std::string_view text) override { reasoning_text += text; }
    void content(std::string_view text) override { content_text += text; }
    void tool_begin(int, std::string_view, std::string_view name) override { calls.append("[").append(name).append("]"); }
    void tool_arguments(int, std::string_view text) override { calls += text; }
    void finished(const Result<Outcome>& result) override {
        outcome.emplace(result);
        done = true;
        done.notify_all();
    }
    const Result<Outcome>& wait() {
        done.wait(false);
        return *outcome;
    }
};

Job job_of(std::vector<TokenId> prompt, text::OutputStart start) {
    Job job;
    job.prompt = std::move(prompt);
    job.generation.tokens_max = 1000;
    job.generation.end_tokens = {TokenId{1}};
    text::AnswerOptions& answer = job.generation.answer.emplace();
    answer.parser.start = start;
    answer.parser.parse_tools = true;
    return job;
}

TEST_F(ScriptTest, AnswersLikeAModel) {
    ScriptLane lane(script("{\"match\": \"<tool_result>\", \"text\": \"It is sunny.\", \"reasoning\": \"The tool said so.\"}\n"
                           "{\"match\": \"weather\", \"text\": \"\\n\\n<｜DSML｜tool_calls>\\n<｜DSML｜invoke name=\\\"get_weather\\\">\\n"
                           "<｜DSML｜parameter name=\\\"city\\\" string=\\\"true\\\">Drasto</｜DSML｜parameter>\\n</｜DSML｜invoke>\\n"
                           "</｜DSML｜tool_calls>\"}\n"),
                    *tokenizer, {});
    Service service(lane, {});
    const auto ask = [&](std::string_view text, text::OutputStart start, const std::function<void(Job&)>& change = {}) {
        auto sink = std::make_shared<Said>();
        Job job = job_of(ids(text), start);
        if (change) change(job);
        EXPECT_TRUE(service.submit(job, sink).ok());
        sink->done.wait(false);
        return sink;
    };
    auto call = ask("the weather?<｜Assistant｜></think>", text::OutputStart::content);
    EXPECT_EQ(call->calls, "[get_weather]{\"city\": \"Drasto\"}");
    EXPECT_EQ(call->wait()->finish, FinishReason::tool_calls);
    auto answer = ask("the weather? <tool_result>sunny<｜Assistant｜><think>", text::OutputStart::reasoning);
    EXPECT_EQ(answer->reasoning_text, "The tool said so.");
    EXPECT_EQ(answer->content_text, "It is sunny.");
    EXPECT_EQ(answer->wait()->finish, FinishReason::stop);
    EXPECT_EQ(answer->wait()->usage.reasoning_tokens, static_cast<std::int64_t>(ids("The tool said so.").size()));
    EXPECT_EQ(answer->wait()->usage.completion_tokens, static_cast<std::int64_t>(ids("The tool said so.</think>It is sunny.").size()));
    // Ends as a model's: stop sequences, max_tokens, log-probabilities of certain tokens.
    auto stopped = ask("weather <tool_result></think>", text::OutputStart::content, [](Job& job) { job.generation.answer->stop = {"sun"}; });
    EXPECT_EQ(stopped->content_text, "It is ");
    auto cut = ask("weather <tool_result></think>", text::OutputStart::content, [](Job& job) {
        job.generation.tokens_max = 2;
        job.generation.top_logprobs = 1;
    });
    EXPECT_EQ(cut->wait()->finish, FinishReason::length);
    ASSERT_EQ(cut->wait()->logprobs.size(), 2u);
    EXPECT_EQ(cut->wait()->logprobs[0].logprob, 0);
    ASSERT_EQ(cut->wait()->logprobs[0].top.size(), 1u);
    EXPECT_EQ(cut->wait()->logprobs[0].top[0].token, cut->wait()->ids[0]);
    auto stranger = ask("hello", text::OutputStart::content);
    EXPECT_EQ(stranger->wait().error().code, ErrorCode::not_found);
}

TEST_F(ScriptTest, ManyStreamsKeepTheirPace) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += "word ";
    ScriptLane lane(script("{\"text\": \"" + text + "\", \"tokens_per_second\": 200}"), *tokenizer, {});
    const std::size_t count = ids(text).size();
    Service service(lane, {});
    std::vector<std::shared_ptr<Said>> sinks;
    for (int i = 0; i < 200; ++i) {
        sinks.push_back(std::make_shared<Said>());
        ASSERT_TRUE(service.submit(job_of(ids("x"), text::OutputStart::content), sinks.back()).ok());
    }
    double latest = 0;
    for (const auto& sink : sinks) {
        ASSERT_TRUE(sink->wait().ok());
        ASSERT_EQ(sink->times.size(), count);
        for (std::size_t k = 0; k < count; ++k) {
            const double at = std::chrono::duration<double>(sink->times[k] - sink->times[0]).count();
            EXPECT_GE(at, static_cast<double>(k) / 200 - 0.2);
            latest = std::max(latest, at - static_cast<double>(k) / 200);
        }
    }
    RecordProperty("latest_ms", static_cast<int>(latest * 1000));
    EXPECT_LT(latest, 5) << "the machine may be busy, but the schedule must not slip without end";
}

}  // namespace
}  // namespace baleen::sched
