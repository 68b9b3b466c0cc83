// Where routed experts come from. The MoE layer asks for experts by (layer, id) and works with tickets; whether the bytes
// were resident all along or are still being read is the store's business (spec experts 11). Pointers to expert weights
// live no longer than their ticket. All calls come from the engine thread; views may be read by the whole team.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "base/types.h"
#include "model/weights.h"

namespace baleen::experts {

class Store;

// A claim on one expert's weights. Move-only; releases on destruction.
class Ticket {
  public:
    Ticket() = default;
    Ticket(Store* store, LayerIndex layer, ExpertId expert, const model::ExpertView* view)
        : store_(store), view_(view), layer_(layer), expert_(expert) {}
    Ticket(Ticket&& other) noexcept { *this = std::move(other); }
    Ticket& operator=(Ticket&& other) noexcept {
        std::swap(store_, other.store_);
        std::swap(view_, other.view_);
        std::swap(layer_, other.layer_);
        std::swap(expert_, other.expert_);
        return *this;
    }
    ~Ticket();

    bool ready() const { return view_ != nullptr; }
    const model::ExpertView& view() const { return *view_; }
    ExpertId expert() const { return expert_; }

  private:
    Store* store_ = nullptr;
    const model::ExpertView* view_ = nullptr;
    LayerIndex layer_{};
    ExpertId expert_{};
};

enum class Urgency : std::uint8_t { demand, likely, guess };

class Store {
  public:
    virtual ~Store() = default;

    // The token ids of all rows of the step about to start: hash-routed layers are known from them alone.
    virtual void begin_step(std::span<const TokenId> tokens) = 0;
    // These experts will be, or may be, acquired. As early and as often as the caller likes; never blocks.
    virtual void want(LayerIndex layer, std::span<const ExpertId> experts, Urgency urgency) = 0;
    // Position in `waiting` of an expert that is ready now. If none is: nothing when `wait` is no, else the caller is
    // parked until there is one (`waiting` is not empty then).
    enum class Wait : bool { no, yes };
    virtual std::optional<std::size_t> next_ready(LayerIndex layer, std::span<const ExpertId> waiting, Wait wait) = 0;
    // A ready ticket; waits for the bytes if they are on their way.
    virtual Ticket acquire(LayerIndex layer, ExpertId expert) = 0;

  private:
    friend class Ticket;
    virtual void release(LayerIndex layer, ExpertId expert) = 0;
};

inline Ticket::~Ticket() {
    if (store_ != nullptr) store_->release(layer_, expert_);
}

}  // namespace baleen::experts
