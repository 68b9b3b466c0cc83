// The fixed texts of the prompt (spec encoding 1.2, 3 and 4), byte for byte. Their lengths and hashes are tested.
#pragma once

#include <string>
#include <string_view>

#include "text/chat.h"

namespace baleen::text {

inline constexpr std::string_view kBos = "<｜begin▁of▁sentence｜>";
inline constexpr std::string_view kEos = "<｜end▁of▁sentence｜>";
inline constexpr std::string_view kUserToken = "<｜User｜>";
inline constexpr std::string_view kAssistantToken = "<｜Assistant｜>";
inline constexpr std::string_view kSystemToken = "<｜System｜>";
inline constexpr std::string_view kReminderToken = "<｜latest_reminder｜>";
inline constexpr std::string_view kImageToken = "<｜image｜>";
std::string_view task_token(Task task);  // empty for none

extern const std::string_view kEffortH;  // high since 07-31, max before
extern const std::string_view kEffortM;  // max since 07-31

// What stands before the schemas, with the tag names of the version.
std::string tools_intro(PromptVersion version);
extern const std::string_view kToolsOutro;
extern const std::string_view kResponseFormat;  // without the blank line before it; the JSON follows

}  // namespace baleen::text
