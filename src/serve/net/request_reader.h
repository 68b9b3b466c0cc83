// One HTTP/1.x request from bytes, in whatever pieces they come, over Beast's parser; no input or output of its own. It feeds the
// parser whole lines, so that the outcome depends on the bytes alone and never on where the network cut them. Stricter than Beast:
// bounds on target, head and number of headers, one Host, no transfer coding but chunked, since a request that two programs read
// differently is how requests are smuggled. Owned by one connection, from the first byte of a request to its last; allocates for
// what came, not for what was announced.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "serve/net/message.h"
#include "serve/net/options.h"

namespace baleen::serve::net {

class RequestReader {
  public:
    explicit RequestReader(const Limits& limits);  // outlives the reader
    explicit RequestReader(const Limits&&) = delete;
    ~RequestReader();
    RequestReader(RequestReader&&) noexcept;

    enum class State {
        head,      // not all headers are there
        body,      // request() is there but for its body
        complete,  // request() is whole
        failed,    // fault() says why; nothing more is read
    };
    // Reads on and says how many bytes were taken: all, or fewer if the head, the request or the reading ended. After the head ends
    // the next call reads the body.
    std::size_t feed(std::string_view bytes);
    State state() const;

    struct Fault {
        int status = 400;
        std::string reason;
    };
    const Fault& fault() const;

    Request& request();
    bool started() const;           // anything but empty lines has come
    bool keep_alive() const;        // the client's wish; once the head is there
    bool expects_continue() const;  // it waits for 100 before it sends its body

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace baleen::serve::net
