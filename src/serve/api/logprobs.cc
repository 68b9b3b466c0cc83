#include "serve/api/logprobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/python_json.h"
#include "text/tokenizer_utf8.h"

namespace baleen::serve {

namespace {

constexpr char kNoText = '\xff';  // no byte of UTF-8
constexpr std::string_view kBar = "｜";

void append_token(const text::Tokenizer& tokenizer, TokenId token, float logprob, std::string& out) {
    out += "{\"token\":";
    text::append_json_string(shown_token(tokenizer, token), out);
    out += ",\"logprob\":" + logprob_json(logprob) + ",\"bytes\":";
    if (tokenizer.is_special(token)) {
        out += "null";
        return;
    }
    out += '[';
    const std::string_view bytes = tokenizer.bytes(token);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        fmt::format_to(std::back_inserter(out), "{}{}", i > 0 ? "," : "", static_cast<unsigned char>(bytes[i]));
    out += ']';
}

}  // namespace

void LogprobQueue::add(const sched::TokenLogprobs& token) {
    const std::string_view bytes = tokenizer_.bytes(token.token);
    const std::size_t begin = text_.size();
    text_ += bytes;
    if (tokenizer_.is_special(token.token))
        masked_.append(bytes.size(), kNoText);
    else
        masked_ += bytes;
    waiting_.push_back({token, begin, text_.size(), false});
}

std::vector<sched::TokenLogprobs> LogprobQueue::take(std::string_view shown) {
    std::size_t begin = masked_.find(shown);
    if (begin == std::string::npos) begin = text_.find(shown);  // the model spelled a control token into its text
    std::size_t end = begin + shown.size();
    if (begin == std::string::npos) {  // broken characters, or a blank in place of text around JSON: all that waits
        begin = 0;
        end = text_.size();
    }
    std::vector<sched::TokenLogprobs> out;
    std::size_t gone = 0;  // tokens that end with the piece or before it
    for (Waiting& each : waiting_) {
        if (each.begin >= end) break;
        if (each.end > begin && !each.taken) {
            out.push_back(std::move(each.token));
            each.taken = true;
        }
        if (each.end <= end) ++gone;
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(gone));
    text_.erase(0, end);
    masked_.erase(0, end);
    for (Waiting& each : waiting_) {
        each.begin = each.begin > end ? each.begin - end : 0;
        each.end -= end;
    }
    return out;
}

void LogprobQueue::drop() {
    waiting_.clear();
    text_.clear();
    masked_.clear();
}

std::string shown_token(const text::Tokenizer& tokenizer, TokenId token) {
    const std::string_view bytes = tokenizer.bytes(token);
    std::string out;
    if (tokenizer.is_special(token)) {
        for (std::size_t at = 0; at < bytes.size();) {
            const bool bar = bytes.substr(at).starts_with(kBar);
            const std::size_t size = bar ? kBar.size() : 1;
            out += bytes.substr(at, size);
            if (bar) out += kBar;
            at += size;
        }
    } else if (text::is_utf8(bytes)) {
        out = bytes;
    } else {
        for (const char byte : bytes)
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(byte));
    }
    return out;
}

std::string logprob_json(float logprob) {
    if (!std::isfinite(logprob)) return "-9999.0";
    std::string out = fmt::format("{}", logprob + 0.0F);  // no -0
    if (out.find_first_of(".e") == std::string::npos) out += ".0";
    return out;
}

std::string logprob_list_json(const text::Tokenizer& tokenizer, const std::vector<sched::TokenLogprobs>& tokens) {
    std::string out = "[";
    for (const sched::TokenLogprobs& token : tokens) {
        if (out.size() > 1) out += ',';
        append_token(tokenizer, token.token, token.logprob, out);
        out += ",\"top_logprobs\":[";
        for (std::size_t i = 0; i < token.top.size(); ++i) {
            if (i > 0) out += ',';
            append_token(tokenizer, token.top[i].token, token.top[i].logprob, out);
            out += '}';
        }
        out += "]}";
    }
    return out + "]";
}

}  // namespace baleen::serve
