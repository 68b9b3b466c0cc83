// The store for models that fit in memory: every expert is ready, a ticket costs one indexed load.
#pragma once

#include "experts/store.h"

namespace baleen::experts {

class ResidentStore final : public Store {
  public:
    // `experts` [layer][expert] as bound by model::bind_weights; must outlive the store.
    explicit ResidentStore(const std::vector<std::vector<model::ExpertView>>& experts) : experts_(experts) {}

    void begin_step(std::span<const TokenId>) override {}
    void want(LayerIndex, std::span<const ExpertId>, Urgency) override {}
    std::optional<std::size_t> next_ready(LayerIndex, std::span<const ExpertId> waiting, Wait) override {
        return waiting.empty() ? std::nullopt : std::optional<std::size_t>(0);
    }
    Ticket acquire(LayerIndex layer, ExpertId expert) override {
        return {this, layer, expert,
                &experts_[static_cast<std::size_t>(index(layer))][static_cast<std::size_t>(index(expert))]};
    }

  private:
    void release(LayerIndex, ExpertId) override {}

    const std::vector<std::vector<model::ExpertView>>& experts_;
};

}  // namespace baleen::experts
