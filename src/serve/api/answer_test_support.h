// What the tests of answers share: an outlet that writes everything down, and a generation played from token ids
// through the detokenizer and the output reader, as sched/generation.cc does it. Test programs only.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sched/events.h"
#include "serve/api/answer.h"
#include "text/detokenizer.h"
#include "text/output_filter.h"
#include "text/tokenizer.h"

namespace baleen::serve {

struct Heard {
    std::string bytes;
    std::vector<std::string> writes;
    std::optional<ApiError> refused;
    std::vector<AnswerEnd> ends;
    bool end_came_late = false;  // after bytes that cannot be taken back: the last ones

    AnswerOutlet outlet() {
        return {.write =
                    [this](std::string text) {
                        EXPECT_FALSE(refused.has_value()) << "bytes after a refusal";
                        EXPECT_FALSE(text.empty());
                        bytes += text;
                        if (ends.size() == 1 && !last_bytes_)
                            last_bytes_ = true;
                        else if (!ends.empty())
                            end_came_late = true;
                        writes.push_back(std::move(text));
                    },
                .refuse =
                    [this](const ApiError& error) {
                        EXPECT_TRUE(writes.empty()) << "a refusal after bytes";
                        EXPECT_EQ(ends.size(), 1u);
                        EXPECT_FALSE(refused.has_value());
                        refused = error;
                    },
                .ending = [this](const AnswerEnd& end) { ends.push_back(end); }};
    }

  private:
    bool last_bytes_ = false;
};

inline Result<sched::Outcome> outcome_of(sched::FinishReason finish, sched::Usage usage = {}) {
    sched::Outcome outcome;
    outcome.finish = finish;
    outcome.usage = usage;
    return outcome;
}

inline void tell(const text::OutputEvents& events, int& calls, sched::EventSink& sink) {
    using Kind = text::OutputEvent::Kind;
    for (const text::OutputEvent& event : events) {
        switch (event.kind) {
            case Kind::reasoning:
                sink.reasoning(event.text);
                break;
            case Kind::content:
                sink.content(event.text);
                break;
            case Kind::tool_begin:
                sink.tool_begin(calls, fmt::format("call_{:02}", calls), event.text);
                ++calls;
                break;
            case Kind::tool_arguments:
                sink.tool_arguments(calls - 1, event.text);
                break;
            case Kind::tool_end:
                sink.tool_end(calls - 1, event.complete);
                break;
        }
    }
}

// The tokens from started() to finished(); a cut is a cut by length. `logprobs` is empty or one for each token.
inline void play(const std::vector<TokenId>& ids, const std::vector<sched::TokenLogprobs>& logprobs,
                 const text::AnswerOptions& options, bool cut, sched::Usage usage, const text::Tokenizer& tokenizer,
                 sched::EventSink& sink) {
    sink.started(usage.prompt_tokens, usage.cached_tokens);
    text::Detokenizer detokenizer(tokenizer);
    text::Answer answer(options);
    int calls = 0;
    std::string text;
    text::OutputEvents events;
    const auto show = [&] {
        events.clear();
        answer.push(text, events);
        tell(events, calls, sink);
        text.clear();
    };
    for (std::size_t i = 0; i < ids.size() && !answer.stopped(); ++i) {
        ++usage.completion_tokens;
        sink.token(ids[i]);
        if (!logprobs.empty()) sink.logprobs(logprobs[i]);
        detokenizer.push(ids[i], text);
        show();
        if (answer.in_reasoning()) ++usage.reasoning_tokens;
    }
    if (!answer.stopped()) {
        detokenizer.flush(text);
        show();
    }
    events.clear();
    answer.finish(events, cut);
    tell(events, calls, sink);
    const std::string_view reason = answer.finish_reason(cut);
    sched::Outcome outcome;
    outcome.usage = usage;
    outcome.finish = reason == "length"       ? sched::FinishReason::length
                     : reason == "tool_calls" ? sched::FinishReason::tool_calls
                                              : sched::FinishReason::stop;
    if (answer.stopped()) outcome.stop = answer.stop_sequence();
    sink.finished(outcome);
}

// A small tokenizer that cuts characters and tags in the middle (tests/golden/answers/make_answers.py).
inline const text::Tokenizer& answers_tokenizer() {
    static const text::Tokenizer tokenizer = [] {
        auto loaded =
            text::Tokenizer::load(std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/answers/tokenizer.json");
        if (!loaded.ok()) std::printf("tokenizer of tests/golden/answers: %s\n", loaded.error().message.c_str());
        return std::move(loaded).value();
    }();
    return tokenizer;
}

// The data of each event of a stream; anything else in it is a failure.
inline std::vector<std::string> events_of(const std::string& bytes) {
    std::vector<std::string> events;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t end = bytes.find("\n\n", at);
        if (bytes.compare(at, 6, "data: ") != 0 || end == std::string::npos) {
            ADD_FAILURE() << "not an event: " << bytes.substr(at, 80);
            break;
        }
        events.push_back(bytes.substr(at + 6, end - at - 6));
        at = end + 2;
    }
    return events;
}

}  // namespace baleen::serve
