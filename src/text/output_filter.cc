#include "text/output_filter.h"

#include <utility>

namespace baleen::text {

namespace {

constexpr std::size_t kFenceBytesMax = 32;

bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

void emit_content(std::string_view text, OutputEvents& out) {
    if (text.empty()) return;
    if (!out.empty() && out.back().kind == OutputEvent::Kind::content) {
        out.back().text += text;
        return;
    }
    OutputEvent event;
    event.text = text;
    out.push_back(std::move(event));
}

// Whether a value can go on like this after its opening bracket.
bool begins_value(char bracket, char next) {
    if (bracket == '{') return next == '"' || next == '}';
    return next == '"' || next == ']' || next == '[' || next == '{' || next == '-' || (next >= '0' && next <= '9') ||
           next == 't' || next == 'f' || next == 'n';
}

}  // namespace

void JsonFilter::push(std::string_view text, std::string& out) {
    for (const char c : text) {
        if (place_ == Place::inside) {
            inside(c, out);
        } else if (place_ == Place::after) {
            const bool fence = c == '`' && !blank_after_ && fence_.size() < 3;  // the closing fence
            if (fence)
                fence_ += c;
            else if (!is_blank(c) && !blank_after_)
                out += ' ', blank_after_ = true;
        } else {
            before(c, out);
        }
    }
}

// A fence is ``` with a short name after it and then white space or the value; everything else is text.
void JsonFilter::before(char c, std::string& out) {
    if (place_ == Place::opening) {
        if (is_blank(c)) {
            opening_ += c;
            return;
        }
        if (begins_value(opening_[0], c)) {
            out += opening_;
            depth_ = opening_[0];
            place_ = Place::inside;
            opening_.clear();
            fence_.clear();
            inside(c, out);
            return;
        }
        opening_.clear();
        place_ = Place::before;
        if (!std::exchange(blank_, true)) out += ' ';
    }
    if (c == '{' || c == '[') {
        opening_ = c;
        place_ = Place::opening;
        return;
    }
    if (is_blank(c)) {
        if (fence_.size() < 3) fence_.clear();
        return;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool fence = fence_.size() < 3 ? c == '`' : letter && fence_.size() < kFenceBytesMax;
    if (fence) {
        fence_ += c;
        return;
    }
    fence_.clear();
    if (!std::exchange(blank_, true)) out += ' ';
}

void JsonFilter::inside(char c, std::string& out) {
    out += c;
    if (in_string_) {
        if (escaped_)
            escaped_ = false;
        else if (c == '\\')
            escaped_ = true;
        else if (c == '"')
            in_string_ = false;
        return;
    }
    if (c == '"')
        in_string_ = true;
    else if (c == '{' || c == '[')
        depth_ += c;
    else if ((c == '}' || c == ']') && !depth_.empty())
        depth_.pop_back();
    if (depth_.empty()) place_ = Place::after;
}

void JsonFilter::flush(std::string& out) {
    if (place_ == Place::opening) out += opening_;
    opening_.clear();
}

Answer::Answer(AnswerOptions options)
    : parser_(std::move(options.parser)), stop_(std::move(options.stop)), json_(options.json) {}

void Answer::content(std::string_view text, OutputEvents& out) {
    std::string shown;
    if (json_) {
        json_filter_.push(text, shown);
        text = shown;
    }
    std::string certain;
    stop_.push(text, certain);
    emit_content(certain, out);
}

// Tool calls end the text: what was held back cannot become a stop sequence any more.
void Answer::release(OutputEvents& out) {
    std::string rest;
    if (json_) {
        std::string held;
        json_filter_.flush(held);
        stop_.push(held, rest);
    }
    stop_.flush(rest);
    emit_content(rest, out);
}

void Answer::pass(OutputEvents& events, OutputEvents& out) {
    for (OutputEvent& event : events) {
        if (stopped()) return;
        if (event.kind == OutputEvent::Kind::content) {
            content(event.text, out);
            continue;
        }
        if (event.kind == OutputEvent::Kind::tool_begin) {
            release(out);
            if (stopped()) return;
            ++calls_;
        }
        out.push_back(std::move(event));
    }
}

bool Answer::push(std::string_view bytes, OutputEvents& out) {
    if (stopped()) return true;
    OutputEvents events;
    parser_.push(bytes, events);
    pass(events, out);
    return stopped();
}

void Answer::finish(OutputEvents& out, bool cut) {
    if (stopped()) return;
    OutputEvents events;
    parser_.finish(events, cut);
    pass(events, out);
    if (!stopped()) release(out);
}

std::string_view Answer::finish_reason(bool cut) const {
    if (stopped()) return "stop";
    if (cut) return "length";
    return calls_ > 0 ? "tool_calls" : "stop";
}

}  // namespace baleen::text
