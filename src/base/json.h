// Strict JSON from hostile bytes, over nlohmann's SAX reader, which holds no recursion: RFC 8259 without extensions,
// valid UTF-8 only, no byte order mark, no NUL, no lone surrogates, duplicate keys refused, bounds on bytes, depth,
// members and values. Errors say line and column. Nothing is thrown. Stateless; any thread. Costs about 10 ns a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace baleen {

struct JsonLimits {
    std::size_t bytes = std::size_t{64} << 20;
    int depth = 64;                             // open arrays and objects
    std::size_t keys = std::size_t{1} << 20;    // members of all objects together
    std::size_t values = std::size_t{1} << 22;  // values of every kind, containers included
};

// Parsed whole. The second keeps the order of members and is for small trees: it finds a key by linear search.
Result<nlohmann::json> parse_json(std::string_view text, const JsonLimits& limits = {});
Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, const JsonLimits& limits = {});

// What a text holds, in its order, for texts too large to become a tree. A call that returns an error ends the reading
// with that error; line and column are put in front. Strings may be moved from.
class JsonEvents {
  public:
    virtual ~JsonEvents() = default;
    virtual Result<void> start_object() = 0;
    virtual Result<void> end_object() = 0;
    virtual Result<void> start_array() = 0;
    virtual Result<void> end_array() = 0;
    virtual Result<void> key(std::string& text) = 0;
    virtual Result<void> string(std::string& text) = 0;
    virtual Result<void> integer(std::int64_t value) = 0;
    virtual Result<void> unsigned_integer(std::uint64_t value) = 0;  // every integer >= 0
    virtual Result<void> real(double value) = 0;                     // also integers outside 64 bits
    virtual Result<void> boolean(bool value) = 0;
    virtual Result<void> null() = 0;
};
Result<void> stream_json(std::string_view text, const JsonLimits& limits, JsonEvents& events);

// Text from outside made fit for a one-line message: control and non-ASCII bytes escaped, cut after `bytes_max`.
std::string printable(std::string_view text, std::size_t bytes_max = 120);

}  // namespace baleen
