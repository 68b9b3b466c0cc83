// The models that answer, by name: each a lane with the scheduler that runs it, the tokenizer its prompts are written with, and
// what a request needs to know of it. Who opens models (the command line) hands the parts over; nothing here knows how. Lanes
// are started once and stay; any thread may look one up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sched/lane.h"
#include "sched/service.h"
#include "text/tokenizer.h"

namespace baleen::serve {

struct LaneParts {
    std::string name;
    std::string model;                     // what it runs, for people
    std::shared_ptr<void> owner;           // of what `lane` and `tokenizer` stand on; let go last
    const text::Tokenizer* tokenizer = nullptr;
    std::unique_ptr<sched::Lane> lane;
    std::vector<TokenId> end_tokens;
    std::string fingerprint;               // of weights and arithmetic, as system_fingerprint shows it
};

class LiveLane {
  public:
    LiveLane(LaneParts parts, sched::ServiceOptions options);

    const std::string& name() const { return parts_.name; }
    const std::string& model() const { return parts_.model; }
    const std::string& fingerprint() const { return parts_.fingerprint; }
    const text::Tokenizer& tokenizer() const { return *parts_.tokenizer; }
    const std::vector<TokenId>& end_tokens() const { return parts_.end_tokens; }
    // Whether the id begins a turn: what lies before it is shared by whoever goes on from there.
    bool begins_turn(TokenId id) const;
    sched::Service& service() { return *service_; }

  private:
    LaneParts parts_;
    std::vector<TokenId> turn_tokens_;
    std::unique_ptr<sched::Service> service_;  // ends before the lane does
};

class Lanes {
  public:
    Lanes(std::vector<LaneParts> parts, const sched::ServiceOptions& options);

    LiveLane& find(std::string_view name);  // there is one
    const std::vector<std::unique_ptr<LiveLane>>& all() const { return lanes_; }
    std::vector<std::string> names() const;

  private:
    std::vector<std::unique_ptr<LiveLane>> lanes_;
};

}  // namespace baleen::serve
