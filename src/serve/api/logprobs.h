// Log-probabilities beside the text they belong to. Text reaches the client later than its tokens are drawn (half
// characters, what may become a tag or a stop sequence is held back), in other pieces, and some tokens never show:
// </think>, markup of tool calls, a fence around JSON. The service reports the tokens whose text shows, each with the
// piece in which it first does; this queue finds them by laying the shown text over the bytes of the waiting tokens.
// One answer, one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sched/events.h"
#include "text/tokenizer.h"

namespace baleen::serve {

class LogprobQueue {
  public:
    // The tokenizer must outlive the object.
    explicit LogprobQueue(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

    void add(const sched::TokenLogprobs& token);
    // The tokens that first show in `shown`, a piece of reasoning or content. Those before them did not show and are
    // dropped.
    std::vector<sched::TokenLogprobs> take(std::string_view shown);
    // What waits belongs to a tool call, or to nothing.
    void drop();

  private:
    struct Waiting {
        sched::TokenLogprobs token;
        std::size_t begin = 0;  // bytes in text_
        std::size_t end = 0;
        bool taken = false;  // a part of it has shown
    };

    const text::Tokenizer& tokenizer_;
    std::vector<Waiting> waiting_;
    std::string text_;    // of the waiting tokens
    std::string masked_;  // the same, with a byte that no text holds in place of control tokens
};

// How a token is written. Text if its bytes are UTF-8 by themselves, else every byte as \xHH; control tokens with
// doubled bars, as the service shows them, so that nobody takes them for the token itself: <｜｜end▁of▁sentence｜｜>.
std::string shown_token(const text::Tokenizer& tokenizer, TokenId token);

// -0.5, -1.0; -9999.0 for what has no probability at all.
std::string logprob_json(float logprob);

// [{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":[97]}]}]; bytes is null
// for control tokens.
std::string logprob_list_json(const text::Tokenizer& tokenizer, const std::vector<sched::TokenLogprobs>& tokens);

}  // namespace baleen::serve
