// SHA-256 over pieces, for identities and checks. Wraps OpenSSL. One thread per object.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace baleen::io {

class Sha256 {
  public:
    Sha256();
    ~Sha256();

    void add(std::span<const std::byte> bytes);
    void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
    // Eight bytes, little-endian.
    void add(std::uint64_t number);
    // The digest in lower-case hex; the object is spent.
    std::string hex();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace baleen::io
