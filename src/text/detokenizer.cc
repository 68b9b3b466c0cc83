#include "text/detokenizer.h"

#include "text/tokenizer_utf8.h"

namespace baleen::text {

void Detokenizer::push(TokenId id, std::string& out) {
    if (controls_ == ControlTokens::skipped && tokenizer_.is_special(id)) return;
    waiting_ += tokenizer_.bytes(id);
    std::string_view rest = waiting_;
    while (!rest.empty()) {
        const Utf8Step step = utf8_step(rest);
        if (step.kind == Utf8Step::Kind::incomplete) break;
        if (step.kind == Utf8Step::Kind::character) out += rest.substr(0, step.bytes);
        else out += kReplacement;
        rest.remove_prefix(step.bytes);
    }
    waiting_.erase(0, waiting_.size() - rest.size());
}

void Detokenizer::flush(std::string& out) {
    if (!waiting_.empty()) out += kReplacement;  // what waits is one maximal subpart
    waiting_.clear();
}

}  // namespace baleen::text
