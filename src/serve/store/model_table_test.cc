// Aim: a model name gets the answer the hosted service gives it, in both formats, and a table that contradicts itself is refused.
#include "serve/store/model_table.h"

#include <gtest/gtest.h>

#include "serve/store/calendar.h"

namespace baleen::serve {
namespace {

const std::vector<std::string> kMain = {"main"};
const std::int64_t kNow = parse_time("2026-11-25").value();

std::string resolved(const ModelTable& table, const char* asked, ApiFamily family, LegacyMode mode = LegacyMode::refuse,
                     std::int64_t now = kNow) {
    const auto model = table.resolve(asked, family, now, mode);
    if (!model.ok()) return "error: " + model.error().message;
    std::string text = model->entry->id;
    if (model->thinking.has_value()) text += *model->thinking ? " thinking" : " chat";
    return text;
}

TEST(Models, DefaultTableIsSound) {
    const ModelTable table = ModelTable::published();
    EXPECT_TRUE(table.check(kMain).ok());
    EXPECT_EQ(table.find("deepseek-v4-flash")->context_tokens, 1'048'576);
    EXPECT_EQ(table.find("deepseek-v4-pro")->output_tokens_max, 393'216);
    EXPECT_EQ(table.find("deepseek-chat"), nullptr);
    EXPECT_EQ(table.find("deepseek-v4-pro")->price_name(), "deepseek-v4-pro");
}

// The table of spec api 14.
TEST(Models, NamesInTheOpenAiFormats) {
    const ModelTable table = ModelTable::published();
    for (const char* same : {"deepseek-v4-flash", "deepseek-v4-pro", "krill"}) EXPECT_EQ(resolved(table, same, ApiFamily::openai), same);
    for (const char* flash : {"deepseek-flash", "deepseek-v4-flash-0731", "deepseek-v4-flash-vision-exp"})
        EXPECT_EQ(resolved(table, flash, ApiFamily::openai), "deepseek-v4-flash");
    EXPECT_EQ(resolved(table, "deepseek-v4-pro-0813", ApiFamily::openai), "deepseek-v4-pro");
    EXPECT_EQ(resolved(table, "deepseek-chat", ApiFamily::openai),
              "error: The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed deepseek-chat.");
    for (const char* unknown : {"", "gpt-4o", "claude-opus-4-5", "Deepseek-v4-pro", "deepseek-v4-pro[1m]", "deepseek-v4-pro "})
        EXPECT_TRUE(resolved(table, unknown, ApiFamily::openai).starts_with("error: The supported API model names")) << unknown;
    EXPECT_TRUE(resolved(table, "a\nb", ApiFamily::openai).ends_with("but you passed a\\x0ab."));
}

TEST(Models, NamesInTheAnthropicFormat) {
    const ModelTable table = ModelTable::published();
    const std::pair<const char*, const char*> names[] = {
        {"deepseek-v4-pro", "deepseek-v4-pro"},
        {"deepseek-v4-pro[1m]", "deepseek-v4-pro"},
        {"deepseek-flash[1m]", "deepseek-v4-flash"},
        {"claude-opus-4-5-20251101", "deepseek-v4-pro"},
        {"claude-opus", "deepseek-v4-pro"},
        {"claude-sonnet-4-5[1m]", "deepseek-v4-flash"},
        {"claude-haiku-4-5", "deepseek-v4-flash"},
        {"deepseek-chat", "deepseek-v4-flash"},  // "anything else": no error, no mode implied
        {"gpt-4o", "deepseek-v4-flash"},
        {"", "deepseek-v4-flash"},
    };
    for (const auto& [asked, served] : names) EXPECT_EQ(resolved(table, asked, ApiFamily::anthropic), served) << asked;
}

TEST(Models, LegacyNamesRetireToTheMinute) {
    const ModelTable table = ModelTable::published();
    const std::int64_t retired = parse_time("2026-07-24T15:59:00Z").value();
    for (const ApiFamily family : {ApiFamily::openai, ApiFamily::anthropic}) {
        EXPECT_EQ(resolved(table, "deepseek-chat", family, LegacyMode::refuse, retired - 1), "deepseek-v4-flash chat");
        EXPECT_EQ(resolved(table, "deepseek-reasoner", family, LegacyMode::serve, kNow), "deepseek-v4-flash thinking");
    }
    EXPECT_TRUE(resolved(table, "deepseek-reasoner", ApiFamily::openai, LegacyMode::refuse, retired).starts_with("error"));
}

TEST(Models, ErrorTextFollowsTheTable) {
    ModelTable table = ModelTable::published();
    ModelEntry newer;
    newer.id = "deepseek-flash-next";
    newer.prompt = text::PromptVersion::v41;
    newer.images = true;
    table.add(newer);
    EXPECT_TRUE(table.check(kMain).ok());
    EXPECT_EQ(resolved(table, "x", ApiFamily::openai),
              "error: The supported API model names are deepseek-v4-flash, deepseek-v4-pro, deepseek-flash-next, but you passed x.");
}

TEST(Models, LanesAreFoundByName) {
    const ModelTable table = ModelTable::published();
    const std::vector<std::string> two = {"pro", "flash"};
    EXPECT_EQ(ModelTable::lane_of(*table.find("deepseek-v4-flash"), two), "flash");
    EXPECT_EQ(ModelTable::lane_of(*table.find("deepseek-v4-pro"), two), "pro");
    EXPECT_EQ(ModelTable::lane_of(*table.find("krill"), two), "pro") << "the first";
    EXPECT_EQ(ModelTable::lane_of(*table.find("deepseek-v4-pro"), kMain), "main");
}

TEST(Models, ContradictionsAreRefused) {
    const auto fault = [](auto change) {
        ModelTable table = ModelTable::published();
        change(table);
        const auto checked = table.check(kMain);
        return checked.ok() ? std::string("none") : checked.error().message;
    };
    const auto entry = [](auto change) {
        ModelEntry made;
        made.id = "other";
        made.origin = "baleen.toml:7";
        change(made);
        return made;
    };
    const auto with = [&](auto change) { return fault([&](ModelTable& table) { table.add(entry(change)); }); };
    EXPECT_EQ(with([](ModelEntry&) {}), "none");
    EXPECT_EQ(with([](ModelEntry& e) { e.aliases = {"deepseek-v4-pro"}; }),
              "baleen.toml:7: the model name 'deepseek-v4-pro' is taken: it is a model's id");
    EXPECT_EQ(with([](ModelEntry& e) { e.id = "deepseek-chat"; }), "default: the model name 'deepseek-chat' is taken: it is a model's id");
    EXPECT_EQ(with([](ModelEntry& e) { e.lane = "mian"; }), "baleen.toml:7: model 'other': there is no lane 'mian'; did you mean 'main'?");
    EXPECT_NE(with([](ModelEntry& e) { e.id = "a b"; }).find("cannot be a model's name"), std::string::npos);
    EXPECT_NE(with([](ModelEntry& e) { e.context_tokens = 0; }).find("context_tokens is 0"), std::string::npos);
    EXPECT_NE(with([](ModelEntry& e) { e.output_tokens_max = 1'048'577; }).find("output_tokens_max"), std::string::npos);
    EXPECT_NE(with([](ModelEntry& e) { e.images = true; }).find("images need prompt"), std::string::npos);
    EXPECT_NE(fault([](ModelTable& table) { table.add(LegacyName{"old", "deepseek-v4-falsh", {}, 0}); }).find("did you mean 'deepseek-v4-flash'?"),
              std::string::npos);
    EXPECT_NE(fault([](ModelTable& table) { table.add(AnthropicRule{"a*b", "krill"}); }).find("is no pattern"), std::string::npos);
    EXPECT_NE(fault([](ModelTable& table) { table = ModelTable(); }).find("there is none"), std::string::npos);
}

}  // namespace
}  // namespace baleen::serve
