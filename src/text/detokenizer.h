// Token ids to text as they come: bytes of a token that end inside a character wait for the next ones, so every piece handed
// out is whole UTF-8. Bytes that can be no part of a character become U+FFFD, one for each maximal subpart: the pieces of a
// stream together are what decoding all of it at once gives. One stream, one thread; holds at most 3 bytes back.
#pragma once

#include <string>

#include "base/types.h"
#include "text/tokenizer.h"

namespace baleen::text {

class Detokenizer {
  public:
    enum class ControlTokens { spelled, skipped };

    // The tokenizer must outlive the object.
    explicit Detokenizer(const Tokenizer& tokenizer, ControlTokens controls = ControlTokens::spelled) : tokenizer_(tokenizer), controls_(controls) {}

    // Appends what has become whole to `out`. An id without a token adds nothing.
    void push(TokenId id, std::string& out);
    // The end of the stream: what still waits is broken. The object may then take another stream.
    void flush(std::string& out);

    // Bytes that wait for the rest of their character, 0 to 3.
    std::size_t waiting() const { return waiting_.size(); }

  private:
    const Tokenizer& tokenizer_;
    ControlTokens controls_;
    std::string waiting_;
};

}  // namespace baleen::text
