// Aim: errors, model list and balance are the bytes the spec writes down (api 3, 10, 14), and nothing inside leaks out.
#include <gtest/gtest.h>

#include <limits>

#include "serve/api/balance.h"
#include "serve/api/errors.h"
#include "serve/api/models.h"

namespace baleen::serve {
namespace {

TEST(Errors, BodiesOfTheSpec) {
    EXPECT_EQ(error_body(bad_request("Empty input messages")),
              R"({"error":{"message":"Empty input messages","type":"invalid_request_error","param":null,)"
              R"("code":"invalid_request_error"}})");
    EXPECT_EQ(error_body(insufficient_balance()),
              R"({"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,)"
              R"("code":"invalid_request_error"}})");
    EXPECT_EQ(error_body(wrong_key("sk-0123456789abfcc2")),
              R"({"error":{"message":"Authentication Fails, Your api key: ****fcc2 is invalid",)"
              R"("type":"authentication_error","param":null,"code":"invalid_request_error"}})");
    EXPECT_EQ(malformed_authorization().message, "Authentication Fails (auth header format should be Bearer sk-...)");
    EXPECT_EQ(error_event(bad_request("x")), "data: " + error_body(bad_request("x")) + "\n\n");
}

TEST(Errors, StatusOfEach) {
    EXPECT_EQ(bad_request("x").status, 400);
    EXPECT_EQ(malformed_authorization().status, 401);
    EXPECT_EQ(wrong_key("k").status, 401);
    EXPECT_EQ(insufficient_balance().status, 402);
    EXPECT_EQ(unknown_path("GET", "/x").status, 404);
    EXPECT_EQ(files_not_built().status, 404);
    EXPECT_EQ(method_not_allowed("GET", "POST").status, 405);
    EXPECT_EQ(too_many_requests("x").status, 429);
    EXPECT_EQ(internal_error().status, 500);
    EXPECT_EQ(overloaded().status, 503);
    for (const int status : {400, 408, 411, 413, 414, 431}) {
        EXPECT_EQ(protocol_error(status, "r").status, status);
        EXPECT_EQ(protocol_error(status, "r").type, "invalid_request_error");
    }
    EXPECT_EQ(protocol_error(505, "r").type, "internal_error");
}

TEST(Errors, FromInside) {
    EXPECT_EQ(api_error(invalid_argument("m")), bad_request("m"));
    EXPECT_EQ(api_error(not_found("m")).status, 404);
    EXPECT_EQ(api_error(unsupported("m")).status, 400);
    EXPECT_EQ(api_error(cancelled("m")).status, 503);
    EXPECT_EQ(api_error(resource_exhausted("no block left")), overloaded());
    const std::string length =
        "This model's maximum context length is 1050 tokens. However, you requested 1100 tokens.";
    EXPECT_EQ(api_error(resource_exhausted(length)), bad_request(length));
    for (const Error& error : {corrupt("/secret/file: damaged"), io_error("/secret/file: damaged")}) {
        EXPECT_EQ(api_error(error), internal_error());
        EXPECT_EQ(error_body(api_error(error)).find("secret"), std::string::npos);
    }
}

TEST(Errors, HostileTexts) {
    // A key that is short, or not plain text, is not repeated.
    EXPECT_EQ(wrong_key("fcc2").message, "Authentication Fails, Your api key: **** is invalid");
    EXPECT_EQ(wrong_key("").message, "Authentication Fails, Your api key: **** is invalid");
    EXPECT_EQ(wrong_key("0123456789\x01\x02\xff\xff").message, "Authentication Fails, Your api key: **** is invalid");
    const std::string body = error_body(unknown_path("GET", "/\"\n\xff" + std::string(10000, 'x')));
    EXPECT_LT(body.size(), 400u);
    EXPECT_EQ(body.find('\n'), std::string::npos);
    EXPECT_EQ(body.find('\xff'), std::string::npos);
}

TEST(Models, ListOfTheSpec) {
    const ListedModel models[] = {{.id = "deepseek-flash"}, {.id = "deepseek-v4-pro"}};
    EXPECT_EQ(model_list_body(models),
              R"({"object":"list","data":[{"id":"deepseek-flash","object":"model","owned_by":"deepseek"},)"
              R"({"id":"deepseek-v4-pro","object":"model","owned_by":"deepseek"}]})");
    EXPECT_EQ(model_body(models[1]), R"({"id":"deepseek-v4-pro","object":"model","owned_by":"deepseek"})");
    EXPECT_EQ(model_list_body({}), R"({"object":"list","data":[]})");
    EXPECT_EQ(model_body({.id = "k\"", .owned_by = "me", .created = 5}),
              R"({"id":"k\"","object":"model","created":5,"owned_by":"me"})");
}

TEST(Models, UnknownName) {
    const ListedModel models[] = {{.id = "deepseek-flash"}, {.id = "deepseek-v4-pro"}};
    EXPECT_EQ(error_body(unknown_model(models, "deepseek-chat")),
              R"({"error":{"message":"The supported API model names are deepseek-flash, deepseek-v4-pro, )"
              R"(but you passed deepseek-chat.","type":"invalid_request_error","param":null,)"
              R"("code":"invalid_request_error"}})");
    EXPECT_EQ(unknown_model(models, "x").status, 400);
    EXPECT_EQ(unknown_model(models, "x", 404).status, 404);
}

TEST(Balance, BodyOfTheSpec) {
    const BalanceInfo one[] = {{"CNY", 10'000'000, 100'000'000}};
    EXPECT_EQ(balance_body(one), R"({"is_available":true,"balance_infos":[{"currency":"CNY","total_balance":"110.00",)"
                                 R"("granted_balance":"10.00","topped_up_balance":"100.00"}]})");
    const BalanceInfo none[] = {{"USD", 0, 0}};
    EXPECT_EQ(balance_body(none).substr(0, 22), R"({"is_available":false,)");
    EXPECT_EQ(balance_body({}), R"({"is_available":true,"balance_infos":[]})");
    const BalanceInfo two[] = {{"USD", -5'000'000, 0}, {"CNY", 0, 1}};
    EXPECT_EQ(balance_body(two).substr(0, 21), R"({"is_available":true,)");
}

TEST(Balance, Amounts) {
    const std::pair<std::int64_t, const char*> cases[] = {
        {0, "0.00"},   {9'999, "0.00"},    {10'000, "0.01"},   {12'345'678, "12.34"},
        {-1, "-0.01"}, {-10'000, "-0.01"}, {-10'001, "-0.02"}, {-1'500'000, "-1.50"}};
    for (const auto& [millionths, shown] : cases) EXPECT_EQ(format_amount(millionths), shown) << millionths;
    EXPECT_EQ(format_amount(std::numeric_limits<std::int64_t>::max()), "9223372036854.77");
    EXPECT_EQ(format_amount(std::numeric_limits<std::int64_t>::min()), "-9223372036854.78");
    const BalanceInfo much[] = {
        {"USD", std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max()}};
    EXPECT_NE(balance_body(much).find("\"total_balance\":\"9223372036854.77\""), std::string::npos);
}

}  // namespace
}  // namespace baleen::serve
