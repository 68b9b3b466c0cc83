#include "serve/lanes.h"

#include <algorithm>

#include "base/check.h"
#include "text/encoding_texts.h"

namespace baleen::serve {

LiveLane::LiveLane(LaneParts parts, sched::ServiceOptions options) : parts_(std::move(parts)) {
    CHECK(parts_.tokenizer != nullptr && parts_.lane != nullptr, "lane {}", parts_.name);
    for (const std::string_view spelling : {text::kUserToken, text::kAssistantToken, text::kSystemToken})
        if (const auto id = parts_.tokenizer->find(spelling)) turn_tokens_.push_back(*id);
    service_ = std::make_unique<sched::Service>(*parts_.lane, options);
}

bool LiveLane::begins_turn(TokenId id) const { return std::find(turn_tokens_.begin(), turn_tokens_.end(), id) != turn_tokens_.end(); }

Lanes::Lanes(std::vector<LaneParts> parts, const sched::ServiceOptions& options) {
    CHECK(!parts.empty());
    for (LaneParts& lane : parts) lanes_.push_back(std::make_unique<LiveLane>(std::move(lane), options));
}

LiveLane& Lanes::find(std::string_view name) {
    const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& candidate) { return candidate->name() == name; });
    CHECK(lane != lanes_.end(), "there is no lane {}", name);
    return **lane;
}

std::vector<std::string> Lanes::names() const {
    std::vector<std::string> names;
    for (const auto& lane : lanes_) names.push_back(lane->name());
    return names;
}

}  // namespace baleen::serve
