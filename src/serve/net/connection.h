// One client connection: requests one after another, each answered before the next is looked at. A state machine over a Transport;
// every wait has a bound. Network thread only. Idle it holds a socket, a timer and less than 2 KB; a reader exists while a request
// comes in, an exchange while it is answered.
//
//   handshake ─► idle ─► head ─► body ─► answer ─► idle ...
//                                           └────► closing (the answer is out, the rest of what the peer sends is thrown away)
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "serve/net/exchange_core.h"
#include "serve/net/handler.h"
#include "serve/net/options.h"
#include "serve/net/request_reader.h"
#include "serve/net/transport.h"

namespace baleen::serve::net {

class Connection;

// What the connections of one server share. Network thread only, but for the atomics.
struct Hub {
    Hub(const ServerOptions& options, Handler& handler, boost::asio::io_context& loop) : options(options), handler(handler), loop(loop) {}

    const ServerOptions& options;
    Handler& handler;
    boost::asio::io_context& loop;
    std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
    std::unordered_set<std::shared_ptr<Connection>> connections;
    std::function<void()> emptied;  // the last connection is gone
    std::size_t body_bytes = 0;     // of requests that are not whole

    std::atomic<std::uint64_t> requests = 0;
    std::atomic<std::uint64_t> faults = 0;  // answers the server itself gave
    std::atomic<std::uint64_t> aborted = 0;
    std::atomic<std::uint64_t> received_bytes = 0;
    std::atomic<std::uint64_t> sent_bytes = 0;
    std::atomic<std::size_t> open = 0;
    std::atomic<std::size_t> answering = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Hub& hub, std::unique_ptr<Transport> transport, std::string remote);
    ~Connection();

    void start();
    void refuse(int status, std::string_view reason);  // instead of start
    void finish();  // closes as soon as no request is under way
    void close();   // now
    bool is_idle() const { return state_ == State::idle; }

  private:
    using Clock = std::chrono::steady_clock;
    enum class State { handshake, idle, head, body, answer, closing, closed };

    // Reading.
    void want_read();
    void on_read(Code error, std::string_view bytes);
    void on_peer_end();
    void consume(std::string_view bytes);  // until an answer is due; the rest waits in ahead_
    bool on_head(bool more_has_come);      // false: answered already
    void on_body_bytes();
    void drop_reader();
    // Answering.
    void dispatch();
    std::shared_ptr<ExchangeCore> open_exchange(const Request& request, bool keep_alive);
    void answer(const Request& request, Response response, bool keep_alive);
    void protocol_error(int status, std::string_view reason);
    void end_exchange();
    void begin_closing();
    void report(bool aborted);
    // Writing.
    void flush();
    void write_some();
    void on_written(Code error, std::size_t bytes);
    void count_written(std::size_t bytes);
    // Time.
    void set_deadline(Clock::time_point deadline);
    void set_deadline(std::chrono::milliseconds from_now) { set_deadline(Clock::now() + from_now); }
    void clear_deadline() { set_deadline(Clock::time_point::max()); }
    void arm();
    void on_timer();
    void expire();

    Hub& hub_;
    std::unique_ptr<Transport> transport_;
    boost::asio::steady_timer timer_;
    Clock::time_point deadline_ = Clock::time_point::max();
    Clock::time_point timer_at_ = Clock::time_point::max();  // when the timer will go off; it is moved only to go off earlier
    State state_ = State::handshake;
    bool reading_ = false;
    bool writing_ = false;
    bool read_paused_ = false;  // ahead_ is full; the peer's end is looked for now and then
    bool peer_ended_ = false;
    bool answer_ended_ = false;

    std::unique_ptr<RequestReader> reader_;
    std::size_t body_counted_ = 0;  // in hub_.body_bytes
    Clock::time_point body_started_;
    std::string ahead_;  // came after the request that is being answered

    std::shared_ptr<ExchangeCore> exchange_;
    std::vector<std::string> wire_;  // being sent
    std::size_t wire_at_ = 0;        // first that is not sent
    std::size_t wire_offset_ = 0;    // of its bytes
    std::size_t interim_bytes_ = 0;  // of wire_, at its front, not the exchange's: 100 Continue

    AccessRecord record_;
    Clock::time_point request_started_;
};

}  // namespace baleen::serve::net
