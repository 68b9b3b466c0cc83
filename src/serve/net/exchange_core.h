// The exchange behind the interface: what a handler's threads have written and the network thread has not sent. Both sides meet
// here under one lock, held for the move of a string; the network side is woken once for any number of pieces. Shared by the
// connection and, through handle(), the handler; knows no socket, so that it outlives the server without harm.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serve/net/handler.h"
#include "serve/net/response_head.h"

namespace baleen::serve::net {

class ExchangeCore final : public Exchange {
  public:
    struct Context {
        int version = 11;
        bool head_only = false;  // the request was HEAD
        bool keep_alive = true;
        Headers more;            // added to the handler's
        std::string server_name;
        std::size_t answer_bytes_max = 0;
        std::shared_ptr<const std::atomic<bool>> stopping;  // the server's; ends keep-alive for heads written from then on
    };
    // `wake` makes the network thread call take; from any thread.
    ExchangeCore(Context context, std::function<void()> wake);

    // What the handler gets: when its last copy goes, an unfinished answer is given up.
    static std::shared_ptr<Exchange> handle(const std::shared_ptr<ExchangeCore>& core);

    // For the handler's side.
    void send(int status, Headers headers, std::string body) override;
    void begin(int status, Headers headers) override;
    bool write(std::string bytes) override;
    void finish() override;
    void abort() override;
    void on_close(std::function<void()> callback) override;
    bool closed() const override { return gone_.load(std::memory_order_relaxed); }
    std::size_t pending_bytes() const override { return pending_.load(std::memory_order_relaxed); }

    // For the network thread.
    struct Taken {
        bool ended = false;   // nothing follows
        bool cut = false;     // close the connection now
        bool orphan = false;  // given up before it began: answer in the handler's place
    };
    // Appends to *wire what was written; nullptr: the last of it is still being sent.
    Taken take(std::vector<std::string>* wire);
    void answer_orphan(int status, Headers headers, std::string body);
    void sent(std::size_t bytes) { pending_.fetch_sub(bytes, std::memory_order_relaxed); }
    void abandon();
    void close();  // the connection is gone, or has done its part; tells the handler if it should know
    int status() const;
    bool keep_alive() const;  // of the head that was written

  private:
    void push(std::string bytes);  // under the lock
    // Whoever holds the lock and changed something wakes the network thread, which looks at everything in take.
    void wake();
    void start(int status, const Headers& headers, Framing framing, std::uint64_t length);
    void send_whole(int status, const Headers& headers, std::string body);

    const Context context_;
    mutable std::mutex mutex_;
    std::function<void()> wake_;  // empty once the connection is gone
    std::function<void()> on_close_;
    std::vector<std::string> queue_;
    Framing framing_ = Framing::none;
    std::uint64_t announced_ = 0;  // of the body, for Framing::length
    std::uint64_t written_ = 0;    // of the body
    int status_ = 0;               // 0: not begun
    bool keep_alive_ = false;
    bool ended_ = false;     // by finish, send or abort
    bool cut_ = false;
    bool orphan_ = false;
    bool notified_ = false;  // close() was called
    // gone_: what the handler writes from now on goes nowhere.
    bool woken_ = false;
    std::atomic<bool> gone_ = false;
    std::atomic<std::size_t> pending_ = 0;
};

}  // namespace baleen::serve::net
