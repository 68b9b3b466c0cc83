// Aim: every path a client may have been set up with finds its route, and everything else is 404 or 405.
#include "serve/routes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace baleen::serve {
namespace {

const Route* found(std::string_view method, std::string_view path) { return find_route(method, path).route; }

TEST(Routes, EveryOpenAiRouteAnswersUnderEveryPrefix) {
    for (const char* prefix : {"", "/v1", "/beta", "/beta/v1"}) {
        const auto at = [&](const char* method, const std::string& path) {
            const Route* route = found(method, prefix + path);
            return route == nullptr ? "none" : std::string(name(route->endpoint));
        };
        EXPECT_EQ(at("POST", "/chat/completions"), "chat") << prefix;
        EXPECT_EQ(at("POST", "/completions"), "completions") << prefix;
        EXPECT_EQ(at("POST", "/responses"), "responses") << prefix;
        EXPECT_EQ(at("GET", "/models"), "models") << prefix;
        EXPECT_EQ(at("GET", "/models/deepseek-v4-pro"), "model") << prefix;
        EXPECT_EQ(at("GET", "/user/balance"), "balance") << prefix;
        EXPECT_EQ(at("POST", "/files"), "files") << prefix;
        EXPECT_EQ(at("DELETE", "/files/file-api-1"), "files") << prefix;
        EXPECT_EQ(at("POST", "/messages"), "none") << prefix;
    }
}

TEST(Routes, MessagesLieUnderAnthropic) {
    EXPECT_EQ(found("POST", "/anthropic/v1/messages")->endpoint, Endpoint::messages);
    EXPECT_EQ(found("POST", "/anthropic/v1/messages/count_tokens")->endpoint, Endpoint::count_tokens);
    EXPECT_EQ(found("HEAD", "/anthropic")->endpoint, Endpoint::anthropic_root);
    EXPECT_EQ(found("POST", "/anthropic/v1/chat/completions"), nullptr);
    EXPECT_EQ(find_route("POST", "/anthropic/v1/nothing").shape, Shape::anthropic);
    EXPECT_EQ(find_route("POST", "/anthropics").shape, Shape::openai);
}

TEST(Routes, SlashesTooManyDoNotCount) {
    EXPECT_EQ(found("POST", "//v1//chat/completions/")->endpoint, Endpoint::chat);
    EXPECT_EQ(found("GET", "/models/")->endpoint, Endpoint::models);
    EXPECT_EQ(found("HEAD", "/anthropic/")->endpoint, Endpoint::anthropic_root);
}

TEST(Routes, HeadComesWithGet) {
    EXPECT_EQ(found("HEAD", "/v1/models")->endpoint, Endpoint::models);
    EXPECT_EQ(found("HEAD", "/v1/chat/completions"), nullptr);
}

TEST(Routes, AnIdMayHoldWhatItLikes) {
    EXPECT_EQ(find_route("GET", "/v1/models/org%2Fname").parameter, "org/name");
    EXPECT_EQ(find_route("GET", "/v1/models/org/name").parameter, "org/name");
    EXPECT_EQ(find_route("GET", "/models/50%").parameter, "50%");
    EXPECT_EQ(find_route("GET", "/models/%zz").parameter, "%zz");
}

TEST(Routes, WrongMethodsAndUnknownPathsAreToldApart) {
    const RouteMatch wrong = find_route("GET", "/v1/chat/completions");
    EXPECT_EQ(wrong.route, nullptr);
    ASSERT_EQ(wrong.allowed.size(), 1u);
    EXPECT_EQ(wrong.allowed[0], "POST");
    EXPECT_EQ(find_route("DELETE", "/models").allowed.size(), 2u);
    for (const char* path : {"/", "", "*", "/v2/models", "/beta/beta/models", "/v1/v1/models", "/v1", "/embeddings", "/chat", "/metrics/x"})
        EXPECT_TRUE(find_route("GET", path).allowed.empty()) << path;
    EXPECT_TRUE(find_route("get", "/models").route == nullptr);  // methods are case-sensitive
}

TEST(Routes, NoPathHasTwoMeanings) {
    for (const Route& route : routes())
        for (const std::string_view prefix : prefixes(route.prefixes)) {
            const std::string method(route.method.empty() ? "POST" : route.method);
            const std::string path = std::string(prefix) + std::string(route.path);
            EXPECT_EQ(found(method, path), &route) << path;
        }
}

}  // namespace
}  // namespace baleen::serve
