// One answer on its way from the scheduler to the client. Passes what a generation tells to the encoder of the request's API
// family and the encoder's bytes to the connection; sends signs of life while nothing happens; checks what was promised about the
// output; and when the end comes, has it recorded before the last bytes leave, so that no row is missing whose client saw the end.
//
// The head of an answer goes out with its first bytes, so that a request that fails before it starts still gets its own status.
// Events come on the scheduler's thread, ticks on another; neither blocks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sched/events.h"
#include "serve/api/answer.h"
#include "serve/api/errors.h"
#include "serve/api/json_output.h"
#include "serve/net/handler.h"
#include "serve/routes.h"
#include "serve/store/rate_limit.h"

namespace baleen::serve {

// Where an encoder's bytes go. The first three are api/answer.h's outlet; `whole` takes a body with its status from encoders that
// know errors of their own.
struct Outlet {
    AnswerOutlet outlet;
    std::function<void(int status, std::string body)> whole;
};

// The encoder of a family, made for one answer.
struct AnswerWriter {
    std::unique_ptr<sched::EventSink> sink;
    std::function<std::string()> keep_alive;     // of a stream; any thread
    std::function<void(const ApiError&)> fail;   // ends a stream that has begun with this error
    bool checks = false;                         // the encoder calls `ending` and checks the output itself
};
using MakeWriter = std::function<AnswerWriter(Outlet outlet)>;

// What is known of an answer at its end.
struct AnswerRecord {
    int status = 200;          // HTTP; of a stream that broke, what it would have been
    std::string finish;        // stop, length, tool_calls, aborted, ...; "error"
    sched::Usage usage;        // as reported: cache hits in whole blocks
    std::int64_t computed_before = 0;  // tokens of the prompt that needed no computing
    sched::Timing timing;
    double seconds = 0;        // since the request came
    bool client_left = false;
};

struct DeliverySetup {
    std::shared_ptr<net::Exchange> exchange;
    net::Headers headers;      // of every answer: which request it is
    Shape shape = Shape::openai;
    std::string request_id;
    bool stream = false;
    OutputCheck check;         // for encoders that do not check themselves
    KeyGate::Slot slot;        // given back at the end
    std::function<void(const AnswerRecord&)> record;
    std::chrono::milliseconds keep_alive{10'000};
    std::chrono::milliseconds wait_max{600'000};
    std::chrono::steady_clock::time_point came = std::chrono::steady_clock::now();
};

class Delivery : public sched::EventSink {
  public:
    Delivery(DeliverySetup setup, const MakeWriter& make_writer);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void token(TokenId token) override;
    void logprobs(const sched::TokenLogprobs& logprobs) override { writer_.sink->logprobs(logprobs); }
    void reasoning(std::string_view text) override;
    void content(std::string_view text) override;
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void tool_end(int call, bool complete) override { writer_.sink->tool_end(call, complete); }
    void finished(const Result<sched::Outcome>& result) override;
    bool paused() override;

    // A sign of life if it is time for one. False: the request has waited too long to begin and is to be cancelled.
    bool tick(std::chrono::steady_clock::time_point now);

    // The scheduler did not take the request: the answer is this error.
    void not_taken(const ApiError& error);

    // A stream that has more than this unread waits, until it is down to the second.
    static constexpr std::size_t kPauseBytes = 256 << 10;
    static constexpr std::size_t kResumeBytes = 64 << 10;

  private:
    using Clock = std::chrono::steady_clock;
    struct Call {
        std::string name;
        std::string arguments;
    };

    void begin(std::string_view type);  // under the lock
    void write(std::string bytes);
    void whole(int status, std::string body);
    void refuse(const ApiError& error);
    void ending(const AnswerEnd& end);
    void end();
    Result<void> kept(const sched::Outcome& outcome) const;

    DeliverySetup setup_;
    AnswerWriter writer_;
    std::string content_;      // if it is to be checked
    std::vector<Call> calls_;  // likewise
    sched::Usage usage_;       // as far as it was told
    std::int64_t computed_before_ = 0;
    sched::Timing timing_;
    bool paused_ = false;
    bool recorded_ = false;

    std::mutex mutex_;
    bool begun_ = false;    // the head is out
    bool started_ = false;  // the prompt has its place
    bool ended_ = false;
    bool too_late_ = false;
    Clock::time_point last_sent_;
};

// Error bodies by shape.
std::string body_of(Shape shape, const ApiError& error, std::string_view request_id);

// Ticks all answers that live.
class Pulse {
  public:
    explicit Pulse(std::chrono::milliseconds period);
    ~Pulse();
    Pulse(const Pulse&) = delete;
    Pulse& operator=(const Pulse&) = delete;

    // `cancel` is called once if the answer waits too long for its start.
    void add(std::weak_ptr<Delivery> answer, std::function<void()> cancel);

  private:
    struct Entry {
        std::weak_ptr<Delivery> answer;
        std::function<void()> cancel;
    };
    void run();

    const std::chrono::milliseconds period_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Entry> entries_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace baleen::serve
