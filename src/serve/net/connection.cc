#include "serve/net/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "base/check.h"
#include "serve/net/cors.h"

namespace baleen::serve::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kBuffersPerWrite = 64;  // what asio hands to one sendmsg
constexpr std::chrono::milliseconds kPeerLook{250};

}  // namespace

Connection::Connection(Hub& hub, std::unique_ptr<Transport> transport, std::string remote)
    : hub_(hub), transport_(std::move(transport)), timer_(hub.loop) {
    record_.method = record_.path = "-";
    record_.remote = std::move(remote);
    ++hub_.open;
}

Connection::~Connection() { --hub_.open; }

void Connection::start() {
    hub_.connections.insert(shared_from_this());
    set_deadline(hub_.options.limits.head_timeout);
    transport_->handshake([self = shared_from_this()](Code error) {
        if (self->state_ == State::closed) return;
        if (error) return self->close();
        self->state_ = State::idle;
        self->set_deadline(self->hub_.options.limits.idle_timeout);
        self->want_read();
    });
}

void Connection::refuse(int status, std::string_view reason) {
    hub_.connections.insert(shared_from_this());
    request_started_ = Clock::now();
    protocol_error(status, reason);
}

void Connection::finish() {
    if (state_ == State::handshake || state_ == State::idle || state_ == State::head) close();
}

void Connection::close() {
    if (state_ == State::closed) return;
    const auto self = shared_from_this();
    const bool in_request = reader_ && reader_->started();
    drop_reader();
    state_ = State::closed;
    timer_.cancel();
    transport_->close();
    if (exchange_) {
        const auto exchange = std::move(exchange_);
        exchange->close();
        record_.status = exchange->status();
        --hub_.answering;
        report(true);
    } else if (in_request) {
        report(true);
    }
    hub_.connections.erase(self);
    if (hub_.connections.empty() && hub_.emptied) hub_.emptied();
}

// Reading.

void Connection::want_read() {
    if (reading_ || peer_ended_ || state_ == State::closed) return;
    read_paused_ = state_ == State::answer && ahead_.size() >= hub_.options.limits.read_ahead_bytes_max;
    if (read_paused_) return arm();
    reading_ = true;
    transport_->read([self = shared_from_this()](Code error, std::string_view bytes) { self->on_read(error, bytes); });
}

void Connection::on_read(Code error, std::string_view bytes) {
    reading_ = false;
    if (state_ == State::closed) return;
    if (error) {
        peer_ended_ = true;
        return on_peer_end();
    }
    hub_.received_bytes += bytes.size();
    if (state_ == State::answer) {
        ahead_ += bytes;
    } else if (state_ != State::closing) {
        consume(bytes);
    }
    want_read();
}

// A peer that has ended its side is taken to be gone, although it could still read: clients that leave look just like that, and
// work for nobody is what must not go on. Answers that are given at once are still sent.
void Connection::on_peer_end() {
    if (state_ == State::answer) {
        const ExchangeCore* const under_way = exchange_.get();
        flush();
        if (answer_ended_ || exchange_.get() != under_way) return;
    }
    close();
}

void Connection::consume(std::string_view bytes) {
    const Limits& limits = hub_.options.limits;
    while (!bytes.empty() && (state_ == State::idle || state_ == State::head || state_ == State::body)) {
        if (!reader_) {
            reader_ = std::make_unique<RequestReader>(limits);
            state_ = State::head;
            record_ = {.method = "-", .path = "-", .remote = std::move(record_.remote)};
            request_started_ = Clock::now();
            set_deadline(limits.head_timeout);
        }
        bytes.remove_prefix(reader_->feed(bytes));
        const RequestReader::State reached = reader_->state();
        if (reached == RequestReader::State::failed) {
            const RequestReader::Fault fault = reader_->fault();
            protocol_error(fault.status, fault.reason);
            break;
        }
        if (reached == RequestReader::State::head) continue;
        if (state_ == State::head && !on_head(!bytes.empty())) break;
        on_body_bytes();
        if (state_ == State::body && reached == RequestReader::State::complete) dispatch();
    }
    if (state_ == State::answer) ahead_ += bytes;
}

bool Connection::on_head(bool more_has_come) {
    state_ = State::body;
    body_started_ = Clock::now();
    const bool whole = reader_->state() == RequestReader::State::complete;
    Request& request = reader_->request();
    request.remote = record_.remote;
    request.secure = transport_->secure();
    std::optional<Response> refusal;
    try {
        refusal = hub_.handler.screen(request);
    } catch (const std::exception&) {
        protocol_error(500, "internal error");
        return false;
    }
    if (refusal) {
        ++hub_.requests;
        answer(request, std::move(*refusal), whole && reader_->keep_alive());
        return false;
    }
    if (!whole && reader_->expects_continue() && !more_has_come) {
        wire_.emplace_back(kContinue);
        interim_bytes_ += kContinue.size();
        write_some();
    }
    return true;
}

void Connection::on_body_bytes() {
    const Limits& limits = hub_.options.limits;
    const std::size_t bytes = reader_->request().body.size();
    hub_.body_bytes += bytes - std::exchange(body_counted_, bytes);
    if (hub_.body_bytes > limits.bodies_bytes_max) return protocol_error(503, "too many large requests at once");
    const auto earned = std::chrono::milliseconds(bytes * 1000 / std::max<std::size_t>(1, limits.body_bytes_per_second_min));
    set_deadline(body_started_ + limits.body_grace + earned);
}

void Connection::drop_reader() {
    reader_.reset();
    hub_.body_bytes -= std::exchange(body_counted_, 0);
}

// Answering.

std::shared_ptr<ExchangeCore> Connection::open_exchange(const Request& request, bool keep_alive) {
    if (!request.method.empty()) {
        record_.method = request.method;
        record_.path = request.path;
    }
    record_.status = 0;
    record_.bytes = 0;
    state_ = State::answer;
    answer_ended_ = false;
    clear_deadline();
    ++hub_.answering;
    exchange_ = std::make_shared<ExchangeCore>(
        ExchangeCore::Context{.version = request.version,
                              .head_only = request.method == "HEAD",
                              .keep_alive = keep_alive,
                              .more = cors_headers(hub_.options.cors_origins, request),
                              .server_name = hub_.options.server_name,
                              .answer_bytes_max = hub_.options.limits.answer_bytes_max,
                              .stopping = hub_.stopping},
        [self = weak_from_this(), &loop = hub_.loop] { asio::post(loop, [self] {
            if (const auto connection = self.lock()) connection->flush();
        }); });
    return exchange_;
}

void Connection::dispatch() {
    ++hub_.requests;
    Request request = std::move(reader_->request());
    const bool keep_alive = reader_->keep_alive();
    drop_reader();
    if (auto preflight = cors_preflight(hub_.options.cors_origins, request)) return answer(request, std::move(*preflight), keep_alive);
    const auto core = open_exchange(request, keep_alive);
    try {
        hub_.handler.handle(std::move(request), ExchangeCore::handle(core));
    } catch (const std::exception&) {
        core->abandon();  // also if it was kept somewhere
    }
}

void Connection::answer(const Request& request, Response response, bool keep_alive) {
    const auto core = open_exchange(request, keep_alive);
    drop_reader();
    static_cast<Exchange&>(*core).send(std::move(response));
}

void Connection::protocol_error(int status, std::string_view reason) {
    ++hub_.faults;
    const Request request = reader_ ? std::move(reader_->request()) : Request{};
    answer(request, {status, {{"Content-Type", "application/json"}}, hub_.handler.protocol_error(status, reason)}, false);
}

void Connection::end_exchange() {
    const auto exchange = std::move(exchange_);
    const bool asked_before_leaving = !peer_ended_ || !ahead_.empty();
    const bool keep_alive = exchange->keep_alive() && !*hub_.stopping && asked_before_leaving;
    record_.status = exchange->status();
    exchange->close();
    --hub_.answering;
    report(false);
    if (!keep_alive) return begin_closing();
    state_ = State::idle;
    set_deadline(hub_.options.limits.idle_timeout);
    if (!ahead_.empty()) consume(std::exchange(ahead_, {}));
    want_read();
    if (!peer_ended_) return;
    asio::post(hub_.loop, [self = shared_from_this()] {
        if (self->state_ != State::closing) self->on_peer_end();
    });
}

// Closing at once would reset the connection if bytes of the peer are unread, and take the answer from it.
void Connection::begin_closing() {
    state_ = State::closing;
    ahead_ = {};
    set_deadline(hub_.options.limits.linger_timeout);
    transport_->end_writing([self = shared_from_this()](Code error) {
        if (self->state_ == State::closed) return;
        if (error || self->peer_ended_) return self->close();
        self->want_read();
    });
}

void Connection::report(bool aborted) {
    hub_.aborted += aborted ? 1 : 0;
    record_.aborted = aborted;
    record_.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - request_started_).count();
    hub_.handler.answered(record_);
}

// Writing.

void Connection::flush() {
    if (state_ != State::answer) return;
    // While a write is under way its strings must stay where they are.
    ExchangeCore::Taken taken = exchange_->take(writing_ ? nullptr : &wire_);
    if (taken.orphan) {
        ++hub_.faults;
        exchange_->answer_orphan(500, {{"Content-Type", "application/json"}}, hub_.handler.protocol_error(500, "internal error"));
        taken = exchange_->take(&wire_);
    }
    if (taken.cut) return close();
    answer_ended_ = taken.ended;
    write_some();
}

void Connection::write_some() {
    while (!writing_ && wire_at_ < wire_.size()) {
        std::array<asio::const_buffer, kBuffersPerWrite> buffers;
        const std::size_t count = std::min(kBuffersPerWrite, wire_.size() - wire_at_);
        for (std::size_t i = 0; i < count; ++i) buffers[i] = asio::buffer(wire_[wire_at_ + i]);
        buffers[0] += wire_offset_;
        if (state_ == State::answer) set_deadline(hub_.options.limits.stall_timeout);
        const auto taken = transport_->write({buffers.data(), count}, [self = shared_from_this()](Code error, std::size_t bytes) {
            self->on_written(error, bytes);
        });
        if (taken) {
            count_written(*taken);
        } else {
            writing_ = true;
        }
    }
    if (writing_ || state_ != State::answer) return;
    if (answer_ended_) return end_exchange();
    clear_deadline();
}

void Connection::on_written(Code error, std::size_t bytes) {
    writing_ = false;
    if (state_ == State::closed) return;
    if (error) return close();
    count_written(bytes);
    if (state_ == State::answer) return flush();
    write_some();
}

void Connection::count_written(std::size_t bytes) {
    hub_.sent_bytes += bytes;
    record_.bytes += bytes;
    const std::size_t interim = std::min(interim_bytes_, bytes);
    interim_bytes_ -= interim;
    if (exchange_) exchange_->sent(bytes - interim);
    wire_offset_ += bytes;
    while (wire_at_ < wire_.size() && wire_offset_ >= wire_[wire_at_].size()) {
        wire_offset_ -= wire_[wire_at_].size();
        wire_[wire_at_++] = {};  // its memory goes now, not when all is sent
    }
    if (wire_at_ == wire_.size()) {
        wire_.clear();
        wire_at_ = 0;
    }
}

// Time. The timer goes off at the latest at the deadline; a deadline that moves back is noticed when it does, so that moving it with
// every piece costs nothing.

void Connection::set_deadline(Clock::time_point deadline) {
    deadline_ = deadline;
    arm();
}

void Connection::arm() {
    if (state_ == State::closed) return;
    Clock::time_point at = deadline_;
    if (read_paused_) at = std::min(at, Clock::now() + kPeerLook);
    if (at >= timer_at_) return;
    timer_at_ = at;
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this()](Code error) {
        if (!error) self->on_timer();
    });
}

void Connection::on_timer() {
    timer_at_ = Clock::time_point::max();
    if (state_ == State::closed) return;
    if (read_paused_ && state_ == State::answer && !answer_ended_ && transport_->peer_gone()) return close();
    if (Clock::now() >= deadline_) {
        deadline_ = Clock::time_point::max();
        expire();
    }
    arm();
}

void Connection::expire() {
    switch (state_) {
        case State::head:
            if (!reader_->started()) return close();
            return protocol_error(408, "the headers took too long");
        case State::body: return protocol_error(408, "the body took too long");
        default: return close();
    }
}

}  // namespace baleen::serve::net
