#include "serve/log.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "serve/store/calendar.h"

namespace baleen::serve {

namespace {

std::string line(LogLevel level, std::string_view event, const JsonObject& fields) {
    std::string out = JsonObject().text("time", format_time(now_ms())).text("level", name(level)).text("event", event).done();
    const std::string rest = fields.done();
    if (rest != "{}") {
        out.back() = ',';
        out.append(rest, 1);
    }
    return out += '\n';
}

// All of it, unless the reader is gone.
void write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd entry{descriptor, POLLOUT, 0};
            ::poll(&entry, 1, 1000);
        } else if (errno != EINTR) {
            return;
        }
    }
}

}  // namespace

std::string_view name(LogLevel level) {
    switch (level) {
        case LogLevel::error: return "error";
        case LogLevel::warning: return "warning";
        case LogLevel::info: return "info";
        case LogLevel::debug: return "debug";
    }
    return "info";
}

Log::Log(int descriptor, LogLevel level) : descriptor_(descriptor), level_(level) {
    if (descriptor_ >= 0) thread_ = std::thread([this] { run(); });
}

Log::~Log() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Log::write(LogLevel level, std::string_view event, const JsonObject& fields) {
    if (!wants(level)) return;
    const std::string text = line(level, event, fields);
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() + text.size() > kWaitingBytesMax) {
            ++dropped_;
            return;
        }
        waiting_ += text;
    }
    wake_.notify_one();
}

void Log::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [&] { return stop_ || !waiting_.empty() || dropped_ > 0; });
        if (waiting_.empty() && dropped_ == 0) return;
        std::string text = std::move(waiting_);
        waiting_.clear();
        if (dropped_ > 0) {
            text += line(LogLevel::warning, "log_lines_dropped", JsonObject().number("lines", static_cast<std::int64_t>(dropped_)));
            dropped_ = 0;
        }
        lock.unlock();
        write_all(descriptor_, text);
        lock.lock();
    }
}

}  // namespace baleen::serve
