// The log of the server: JSON objects, one a line, to a file descriptor. Never a prompt, an answer, a query or a key. Lines are
// made on the thread that has something to say and written by one of the log's own, so that nobody waits for a full disk or a
// reader that sleeps; beyond a bound they are dropped, and a line says how many.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "serve/api/json_object.h"
#include "serve/store/serve_config.h"

namespace baleen::serve {

class Log {
  public:
    // `descriptor` stays the caller's; -1: nowhere.
    Log(int descriptor, LogLevel level);
    // Writes what waits.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    bool wants(LogLevel level) const { return level <= level_ && descriptor_ >= 0; }
    // {"time":...,"level":...,"event":...} with these fields behind.
    void write(LogLevel level, std::string_view event, const JsonObject& fields = {});

    static constexpr std::size_t kWaitingBytesMax = 4 << 20;

  private:
    void run();

    const int descriptor_;
    const LogLevel level_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::string waiting_;
    std::uint64_t dropped_ = 0;
    bool stop_ = false;
    std::thread thread_;
};

std::string_view name(LogLevel level);

}  // namespace baleen::serve
