// The machine is one loop over states; each step looks at the undecided bytes and either decides something or asks for
// more. Every decision depends on a bounded number of bytes after the place it is about, never on where a piece ended,
// which is what makes whole and split output the same.
#include "text/output_parser.h"

#include <algorithm>
#include <utility>

#include "text/dsml.h"
#include "text/output_tags.h"
#include "text/python_json.h"

namespace baleen::text {

namespace {

constexpr std::size_t kNameBytesMax = 256;  // tool names are at most 128 characters, this also bounds runaway quotes
constexpr std::size_t kKeyBytesMax = 1024;
constexpr std::size_t kTagBytesMax = 96;  // between a tag's name and its quote, or after the key up to ">"

bool is_tag_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool is_block_name(std::string_view name) {
    return name == "tool_calls" || name == "calls" || name == "toolcalls" || name == "function_calls";
}

// A tag inside a block up to its name, or up to the quote that opens its name attribute.
struct BlockTag {
    Match match = Match::no;
    std::size_t size = 0;
    bool closing = false;
    bool quoted = false;  // opening tag with name="
    std::string_view name;
};

// Looks at kTagBytesMax bytes after the mark at most; a tag that is not decided within them is none.
BlockTag match_block_tag(std::string_view text, bool tolerant) {
    BlockTag tag;
    TagMatch mark = match_mark(text, false, tolerant);
    if (mark.match == Match::no) {
        mark = match_mark(text, true, tolerant);
        tag.closing = true;
    }
    tag.match = mark.match;
    tag.size = mark.size;
    if (mark.match != Match::yes) return tag;
    text = text.substr(0, mark.size + kTagBytesMax);
    const Match undecided = text.size() < mark.size + kTagBytesMax ? Match::partial : Match::yes;

    std::size_t at = mark.size;
    while (at < text.size() && text[at] == ' ') ++at;
    const std::size_t begin = at;
    while (at < text.size() && is_tag_letter(text[at])) ++at;
    if (at == text.size()) {
        tag.match = undecided;
        return tag;
    }
    tag.name = text.substr(begin, at - begin);
    tag.size = at;
    if (tag.closing || (tag.name != "invoke" && tag.name != "parameter")) return tag;
    while (at < text.size() && is_blank(text[at])) ++at;
    const TagMatch attribute = match_literal(text.substr(at), "name=\"");
    if (attribute.match == Match::partial) tag.match = undecided;
    tag.quoted = attribute.match == Match::yes;
    if (tag.quoted) tag.size = at + attribute.size;
    return tag;
}

}  // namespace

OutputParser::OutputParser(OutputParserOptions options) : options_(std::move(options)) {
    state_ = options_.start == OutputStart::reasoning    ? State::reasoning
             : options_.start == OutputStart::tool_block ? State::block
                                                         : State::content;
    at_start_ = !options_.continues;
}

void OutputParser::push(std::string_view bytes, OutputEvents& out) {
    pending_ += bytes;
    while (step(out)) {
    }
    if (at_ > 0) {
        pending_.erase(0, at_);
        at_ = 0;
    }
}

bool OutputParser::step(OutputEvents& out) {
    if (at_ == pending_.size()) return false;
    switch (state_) {
        case State::reasoning:
        case State::content:
            return step_text(out);
        case State::block:
            return step_block(out);
        case State::name:
            return step_name(out);
        case State::key:
            return step_key();
        case State::flag:
            return step_flag(out);
        case State::string_value:
        case State::json_value:
            return step_value(out);
        case State::done:
            take(rest().size());
            return false;
    }
    return false;
}

void OutputParser::emit(OutputEvent::Kind kind, std::string_view text, OutputEvents& out) {
    if (text.empty()) return;
    if (!out.empty() && out.back().kind == kind) {
        out.back().text += text;
        return;
    }
    OutputEvent event;
    event.kind = kind;
    event.text = text;
    out.push_back(std::move(event));
}

void OutputParser::emit_text(std::string_view text, OutputEvents& out) {
    if (text.empty()) return;
    at_start_ = false;
    emit(state_ == State::reasoning ? OutputEvent::Kind::reasoning : OutputEvent::Kind::content, text, out);
}

void OutputParser::release_newlines(OutputEvents& out) {
    if (!at_start_) emit_text(std::string(newlines_, '\n'), out);
    newlines_ = 0;
}

// Text up to the next line feed or "<"; line feeds are counted until it is known whether a tag follows them. Where none may that
// swallows them, they go at once.
bool OutputParser::step_text(OutputEvents& out) {
    const std::string_view text = rest();
    if (text[0] == '\n') {
        ++newlines_;
        take(1);
        if (state_ == State::content && !options_.parse_tools) release_newlines(out);
        return true;
    }
    if (text[0] != '<') {
        release_newlines(out);
        const std::size_t end = std::min(text.find_first_of("\n<"), text.size());
        emit_text(text.substr(0, end), out);
        take(end);
        return true;
    }
    const TagMatch think = match_literal(text, kThinkEnd);
    if (think.match == Match::yes) {
        take(think.size);
        if (state_ == State::content) {  // a stray one vanishes, the line feeds around it stay
            release_newlines(out);
            at_start_ = false;
            return true;
        }
        newlines_ = 0;
        state_ = State::content;
        at_start_ = true;
        return true;
    }
    const TagMatch mark = options_.parse_tools ? match_mark(text, false, options_.tolerant) : TagMatch{};
    if (mark.match == Match::yes) {  // the block will read the tag again
        newlines_ = 0;
        state_ = State::block;
        return true;
    }
    if (think.match == Match::partial || mark.match == Match::partial) return false;
    release_newlines(out);
    emit_text("<", out);
    take(1);
    return true;
}

// Between tags of a block. What is no tag is dropped.
bool OutputParser::step_block(OutputEvents& out) {
    const std::string_view text = rest();
    if (text[0] != '<') {
        take(std::min(text.find('<'), text.size()));
        return true;
    }
    const BlockTag tag = match_block_tag(text, options_.tolerant);
    if (tag.match == Match::partial) return false;
    if (tag.match == Match::no) {
        take(1);
        return true;
    }
    const bool invoke = tag.name == "invoke";
    const bool block_end = tag.closing && is_block_name(tag.name);
    if (tag.closing && (invoke || block_end)) end_call(true, out);
    if (block_end) state_ = State::done;
    if (tag.quoted && (invoke || in_call_)) state_ = invoke ? State::name : State::key;
    take(tag.size);
    return true;
}

bool OutputParser::step_name(OutputEvents& out) {
    const std::string_view text = rest();
    const std::size_t quote = text.substr(0, kNameBytesMax + 1).find('"');
    if (quote == std::string_view::npos) {
        if (text.size() <= kNameBytesMax) return false;
        state_ = State::block;  // no name after all: skipped like other text of the block
        return true;
    }
    end_call(true, out);  // if the one before was not closed
    begin_call(std::string(text.substr(0, quote)), out);
    take(quote + 1);
    state_ = State::block;
    return true;
}

bool OutputParser::step_key() {
    const std::string_view text = rest();
    const std::size_t quote = text.substr(0, kKeyBytesMax + 1).find('"');
    if (quote == std::string_view::npos) {
        if (text.size() <= kKeyBytesMax) return false;
        state_ = State::block;
        return true;
    }
    key_ = text.substr(0, quote);
    take(quote + 1);
    state_ = State::flag;
    return true;
}

// What stands between the key and ">".
bool OutputParser::step_flag(OutputEvents& out) {
    const std::string_view text = rest();
    const std::size_t end = text.substr(0, kTagBytesMax).find('>');
    if (end == std::string_view::npos) {
        if (text.size() < kTagBytesMax) return false;
        state_ = State::block;
        return true;
    }
    const std::string_view flag = text.substr(0, end);
    const bool yes = flag.find("true") != std::string_view::npos;
    const bool no = flag.find("false") != std::string_view::npos;  // neither: JSON if it is JSON
    take(end + 1);
    begin_value(yes && !no, out);
    return true;
}

void OutputParser::begin_call(std::string name, OutputEvents& out) {
    ++calls_;
    in_call_ = true;
    keys_.clear();
    repeated_key_ = false;
    has_wrapped_ = false;
    const auto known = options_.tool_parameters.find(name);
    may_wrap_ = known != options_.tool_parameters.end() && known->second.count("arguments") == 0;
    tool_ = std::move(name);
    OutputEvent event;
    event.kind = OutputEvent::Kind::tool_begin;
    event.text = tool_;
    out.push_back(std::move(event));
}

void OutputParser::begin_value(bool is_string, OutputEvents& out) {
    searched_ = 0;
    if (has_wrapped_) release_wrapped(out);
    if (may_wrap_ && keys_.empty() && key_ == "arguments") {
        wrapped_is_string_ = is_string;
        has_wrapped_ = true;
        wrapped_.clear();
        state_ = State::json_value;  // read whole
        return;
    }
    std::string head = keys_.empty() ? "{" : ", ";
    append_json_string(key_, head);
    head += is_string ? ": \"" : ": ";
    if (!keys_.insert(key_).second) repeated_key_ = true;
    emit(OutputEvent::Kind::tool_arguments, head, out);
    state_ = is_string ? State::string_value : State::json_value;
}

// A value up to its closing tag. Strings are passed on as they come; other values are read whole, as they are checked.
bool OutputParser::step_value(OutputEvents& out) {
    const std::string_view text = rest();
    const std::size_t open = text.find('<', searched_);
    const bool streams = state_ == State::string_value;
    const auto pass = [&](std::size_t bytes) {  // known to belong to the value
        if (streams && bytes > 0) {
            std::string escaped;
            append_json_escaped(text.substr(0, bytes), escaped);
            emit(OutputEvent::Kind::tool_arguments, escaped, out);
            take(bytes);
            searched_ = 0;
        } else {
            searched_ = bytes;
        }
    };
    if (open == std::string_view::npos) {
        pass(text.size());
        return false;
    }
    const TagMatch end = match_parameter_end(text.substr(open), options_.tolerant);
    if (end.match == Match::no) {
        pass(open + 1);
        return true;
    }
    if (end.match == Match::partial) {
        pass(open);
        return false;
    }
    if (streams) {
        pass(open);
        emit(OutputEvent::Kind::tool_arguments, "\"", out);
        take(end.size);
    } else {
        end_json_value(text.substr(0, open), out);
        take(open + end.size);
    }
    searched_ = 0;
    state_ = State::block;
    return true;
}

void OutputParser::end_json_value(std::string_view value, OutputEvents& out) {
    if (has_wrapped_) {
        wrapped_ = value;
        return;
    }
    if (is_json(value)) {
        emit(OutputEvent::Kind::tool_arguments, value, out);
        return;
    }
    std::string quoted;
    append_json_string(value, quoted);
    emit(OutputEvent::Kind::tool_arguments, quoted, out);
}

// The parameter named "arguments" was one among others, or holds no object: an ordinary parameter.
void OutputParser::release_wrapped(OutputEvents& out) {
    has_wrapped_ = false;
    std::string head = "{\"arguments\": ";
    if (wrapped_is_string_ || !is_json(wrapped_))
        append_json_string(wrapped_, head);
    else
        head += wrapped_;
    keys_.insert("arguments");
    emit(OutputEvent::Kind::tool_arguments, head, out);
}

void OutputParser::end_call(bool complete, OutputEvents& out) {
    if (!in_call_) return;
    in_call_ = false;
    if (has_wrapped_) {
        const Result<PythonJson> object = parse_python_json(wrapped_);
        if (object.ok() && object->is_object()) {
            emit(OutputEvent::Kind::tool_arguments, dump_python_json(*object), out);
            complete = true;
        } else {
            release_wrapped(out);
            emit(OutputEvent::Kind::tool_arguments, "}", out);
        }
        has_wrapped_ = false;
    } else if (complete) {
        emit(OutputEvent::Kind::tool_arguments, keys_.empty() ? "{}" : "}", out);
    }
    OutputEvent event;
    event.kind = OutputEvent::Kind::tool_end;
    event.complete = complete;
    event.repeated_key = repeated_key_;
    out.push_back(std::move(event));
}

void OutputParser::finish(OutputEvents& out, bool cut) {
    std::string_view text = rest();
    switch (state_) {
        case State::reasoning:
        case State::content:
            release_newlines(out);
            emit_text(text, out);
            break;
        case State::string_value:  // the string stays open; held back is a piece of its closing tag
            end_call(false, out);
            break;
        case State::json_value: {
            const std::size_t open = text.rfind('<');
            if (open != std::string_view::npos &&
                match_parameter_end(text.substr(open), options_.tolerant).match == Match::partial)
                text = text.substr(0, open);
            if (has_wrapped_) {
                wrapped_ = text;
                release_wrapped(out);
            } else {
                emit(OutputEvent::Kind::tool_arguments, text, out);
            }
            end_call(false, out);
            break;
        }
        default:
            end_call(!cut, out);
    }
    pending_.clear();
    at_ = 0;
    state_ = State::done;
}

}  // namespace baleen::text
