#include "text/chat.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/json.h"

namespace baleen::text {

namespace {

template <class T, std::size_t N>
Result<T> named(const char* what, std::string_view name, const std::array<std::pair<std::string_view, T>, N>& table) {
    std::string all;
    for (const auto& [spelling, value] : table) {
        if (spelling == name) return value;
        all += fmt::format("{}{}", all.empty() ? "" : ", ", spelling);
    }
    return invalid_argument(fmt::format("unknown {} '{}': expected one of {}", what, printable(name, 60), all));
}

template <class T>
using Name = std::pair<std::string_view, T>;

}  // namespace

Result<Role> parse_role(std::string_view name) {
    static constexpr std::array<Name<Role>, 6> kNames = {{{"system", Role::system},
                                                          {"user", Role::user},
                                                          {"assistant", Role::assistant},
                                                          {"tool", Role::tool},
                                                          {"latest_reminder", Role::latest_reminder},
                                                          {"developer", Role::developer}}};
    return named("role", name, kNames);
}

Result<Task> parse_task(std::string_view name) {
    static constexpr std::array<Name<Task>, 7> kNames = {{{"action", Task::action},
                                                          {"query", Task::query},
                                                          {"authority", Task::authority},
                                                          {"domain", Task::domain},
                                                          {"title", Task::title},
                                                          {"extracted_url", Task::extracted_url},
                                                          {"read_url", Task::read_url}}};
    return named("task", name, kNames);
}

Result<PromptVersion> parse_prompt_version(std::string_view name) {
    static constexpr std::array<Name<PromptVersion>, 3> kNames = {
        {{"preview", PromptVersion::preview}, {"0731", PromptVersion::v4_0731}, {"v4.1", PromptVersion::v41}}};
    return named("prompt version", name, kNames);
}

Result<ThinkingMode> parse_thinking_mode(std::string_view name) {
    static constexpr std::array<Name<ThinkingMode>, 2> kNames = {
        {{"chat", ThinkingMode::chat}, {"thinking", ThinkingMode::thinking}}};
    return named("thinking mode", name, kNames);
}

Result<Effort> parse_effort(std::string_view name) {
    static constexpr std::array<Name<Effort>, 3> kNames = {
        {{"low", Effort::low}, {"high", Effort::high}, {"max", Effort::max}}};
    return named("effort", name, kNames);
}

}  // namespace baleen::text
