// The rules for max_tokens: what was asked for must fit, a default gives way, and the error has the service's words.
#include "sched/limits.h"

#include <gtest/gtest.h>

#include <limits>

namespace baleen::sched {
namespace {

TEST(AnswerTokens, DefaultGivesWayToTheContext) {
    EXPECT_EQ(answer_tokens_max(100, {}, 8192, 131072).value(), 8192);
    EXPECT_EQ(answer_tokens_max(100, {}, 8192, 200).value(), 100);
    EXPECT_EQ(answer_tokens_max(199, {}, 8192, 200).value(), 1);
    EXPECT_EQ(answer_tokens_max(200, {}, 8192, 200).error().code, ErrorCode::resource_exhausted);
}

TEST(AnswerTokens, RequestMustFit) {
    EXPECT_EQ(answer_tokens_max(100, 100, 8192, 200).value(), 100);
    const auto over = answer_tokens_max(123137, 8192, 8192, 131072);
    ASSERT_FALSE(over.ok());
    EXPECT_EQ(over.error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ(over.error().message,
              "This model's maximum context length is 131072 tokens. However, you requested 131329 tokens (123137 in the messages, 8192 "
              "in the completion). Please reduce the length of the messages or completion.");
    EXPECT_EQ(answer_tokens_max(100, 0, 8192, 200).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(answer_tokens_max(100, -1, 8192, 200).error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(answer_tokens_max(100, std::numeric_limits<std::int64_t>::max(), 8192, 200).ok());
}

}  // namespace
}  // namespace baleen::sched
