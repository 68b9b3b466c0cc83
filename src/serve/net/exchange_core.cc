#include "serve/net/exchange_core.h"

#include <charconv>
#include <ctime>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace baleen::serve::net {
namespace {

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

ExchangeCore::ExchangeCore(Context context, std::function<void()> wake) : context_(std::move(context)), wake_(std::move(wake)) {}

std::shared_ptr<Exchange> ExchangeCore::handle(const std::shared_ptr<ExchangeCore>& core) {
    return {core.get(), [core](Exchange*) { core->abandon(); }};
}

void ExchangeCore::wake() {
    if (woken_ || !wake_) return;
    woken_ = true;
    wake_();
}

void ExchangeCore::push(std::string bytes) {
    if (bytes.empty()) return;
    pending_.fetch_add(bytes.size(), std::memory_order_relaxed);
    queue_.push_back(std::move(bytes));
}

void ExchangeCore::start(int status, const Headers& headers, Framing framing, std::uint64_t length) {
    CHECK(status_ == 0 && !ended_, "an answer begins once; it began with {}", status_);
    if (!has_body(status)) framing = Framing::none;
    status_ = status;
    framing_ = framing;
    announced_ = length;
    const bool stopping = context_.stopping && context_.stopping->load(std::memory_order_relaxed);
    keep_alive_ = context_.keep_alive && framing != Framing::close && !stopping;
    push(response_head({.status = status,
                        .version = context_.version,
                        .framing = framing,
                        .length = length,
                        .keep_alive = keep_alive_,
                        .server = context_.server_name,
                        .now = std::time(nullptr)},
                       headers, context_.more));
}

// A callback may own the last handle, whose end takes the lock: callbacks are dropped after it, by the order of declarations.

void ExchangeCore::send(int status, Headers headers, std::string body) {
    std::function<void()> dropped;
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    send_whole(status, headers, std::move(body));
    dropped.swap(on_close_);
}

void ExchangeCore::answer_orphan(int status, Headers headers, std::string body) {
    const std::lock_guard lock(mutex_);
    send_whole(status, headers, std::move(body));
}

void ExchangeCore::send_whole(int status, const Headers& headers, std::string body) {
    start(status, headers, Framing::length, body.size());
    if (!context_.head_only && framing_ != Framing::none) push(std::move(body));
    ended_ = true;
    wake();
}

void ExchangeCore::begin(int status, Headers headers) {
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    Framing framing = context_.version >= 11 ? Framing::chunked : Framing::close;
    std::uint64_t length = 0;
    if (const std::string* announced = find_header(headers, "content-length")) {
        const auto [end, error] = std::from_chars(announced->data(), announced->data() + announced->size(), length);
        CHECK(error == std::errc() && end == announced->data() + announced->size(), "Content-Length: {}", *announced);
        framing = Framing::length;
    }
    start(status, headers, framing, length);
    wake();
}

bool ExchangeCore::write(std::string bytes) {
    if (closed()) return false;
    // Framed before the lock is taken: it may be held by the network thread.
    const std::size_t body_bytes = bytes.size();
    std::string framed = bytes.empty() || context_.version < 11 ? std::string() : chunk(bytes);

    const std::lock_guard lock(mutex_);
    if (gone_) return false;
    CHECK(status_ != 0 && !ended_, "a piece belongs between begin and finish");
    if (body_bytes == 0) return true;
    written_ += body_bytes;
    if (context_.head_only || framing_ == Framing::none) return true;
    CHECK(framing_ != Framing::length || written_ <= announced_, "{} bytes written, {} announced", written_, announced_);

    std::string& piece = framing_ == Framing::chunked ? framed : bytes;
    const std::size_t pending = pending_bytes();
    if (pending > 0 && pending + piece.size() > context_.answer_bytes_max) {
        cut_ = true;
        gone_ = true;
        wake();
        return false;
    }
    push(std::move(piece));
    wake();
    return true;
}

void ExchangeCore::finish() {
    std::function<void()> dropped;
    const std::lock_guard lock(mutex_);
    if (gone_ || ended_) return;
    CHECK(status_ != 0, "an answer must begin before it finishes");
    ended_ = true;
    dropped.swap(on_close_);
    if (!context_.head_only) {
        if (framing_ == Framing::chunked) push(std::string(kLastChunk));
        // Shorter than announced: only the end of the connection can tell the client.
        if (framing_ == Framing::length && written_ != announced_) keep_alive_ = false;
    }
    wake();
}

void ExchangeCore::abort() {
    std::function<void()> dropped;
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    ended_ = cut_ = true;
    gone_ = true;
    dropped.swap(on_close_);
    wake();
}

void ExchangeCore::abandon() {
    const std::lock_guard lock(mutex_);
    if (gone_ || ended_) return;
    (status_ == 0 ? orphan_ : cut_) = true;
    gone_ = true;
    wake();
}

void ExchangeCore::on_close(std::function<void()> callback) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        if (!notified_) {
            on_close_.swap(callback);
            return;
        }
    }
    callback();
}

ExchangeCore::Taken ExchangeCore::take(std::vector<std::string>* wire) {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    const bool orphan = wire != nullptr && std::exchange(orphan_, false);
    const Taken taken{.ended = ended_, .cut = cut_, .orphan = orphan};
    if (wire == nullptr) return taken;
    if (wire->empty()) {
        wire->swap(queue_);
    } else {
        wire->insert(wire->end(), std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
        queue_.clear();
    }
    return taken;
}

void ExchangeCore::close() {
    std::function<void()> callback, wake;
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        gone_ = notified_ = true;
        callback.swap(on_close_);
        wake.swap(wake_);
        tell = callback && !ended_ && !orphan_;
    }
    if (tell) callback();
}

int ExchangeCore::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

bool ExchangeCore::keep_alive() const {
    const std::lock_guard lock(mutex_);
    return keep_alive_;
}

}  // namespace baleen::serve::net
