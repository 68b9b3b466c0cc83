#include "serve/net/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <utility>

namespace baleen::serve::net {
namespace {

namespace http = boost::beast::http;
using Code = boost::beast::error_code;
using View = boost::beast::string_view;

std::string_view view(View text) { return {text.data(), text.size()}; }

bool is_token_char(char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_http_version(std::string_view word) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return word.size() == 8 && word.starts_with("HTTP/") && digit(word[5]) && word[6] == '.' && digit(word[7]);
}

// Whether the lines read so far between two chunks begin with a size of zero, behind the end of the chunk before.
bool begins_last_chunk(std::string_view lines) {
    if (lines.starts_with("\r\n")) lines.remove_prefix(2);
    const std::size_t end = std::min(lines.find_first_not_of('0'), lines.size());
    const bool more_digits = end < lines.size() && std::string_view("123456789abcdefABCDEF").find(lines[end]) != std::string_view::npos;
    return end > 0 && !more_digits;
}

// Some clients end a body with an empty line too many; RFC 9112 2.2 asks to bear one.
constexpr int kEmptyLinesMax = 4;
// Of an announced body, what is reserved before any of it has come.
constexpr std::size_t kReserveFirst = 64 << 10;

}  // namespace

struct RequestReader::Impl : http::basic_parser<true> {
    explicit Impl(const Limits& limits) : limits(limits) {
        header_limit(std::numeric_limits<std::uint32_t>::max());  // ours stands before it
        body_limit(limits.body_bytes_max);
    }

    // Events of the parser.
    void on_request_impl(http::verb, View method, View target, int version, Code& error) override {
        request.method = view(method);
        request.version = version;
        if (target.size() > limits.target_bytes_max) return fail(414, "the request target is too long", error);
        std::string_view rest = view(target);
        for (const std::string_view scheme : {"http://", "https://"}) {  // absolute form, as proxies send it
            if (rest.size() < scheme.size() || !same_word(rest.substr(0, scheme.size()), scheme)) continue;
            rest.remove_prefix(std::min(rest.size(), rest.find_first_of("/?", scheme.size())));
            if (rest.empty() || rest.front() == '?') request.path.assign(1, '/');
            break;
        }
        const std::size_t question = std::min(rest.find('?'), rest.size());
        if (request.path.empty()) request.path = rest.substr(0, question);
        if (question < rest.size()) request.query = rest.substr(question + 1);
        const bool asterisk = request.path == "*" && request.method == "OPTIONS" && request.query.empty();
        if (!asterisk && !request.path.starts_with('/')) fail(400, "the request target is not a path", error);
    }

    void on_field_impl(http::field, View name, View value, Code& error) override {
        if (++headers > limits.headers_max) return fail(431, "there are too many headers", error);
        if (head_done) return;  // trailer
        Header header{std::string(view(name)), std::string(view(value))};
        std::transform(header.name.begin(), header.name.end(), header.name.begin(), lower);
        if (header.name == "transfer-encoding") {
            if (request.version < 11) return fail(400, "Transfer-Encoding needs HTTP/1.1", error);
            if (!same_word(header.value, "chunked")) return fail(501, "the only transfer coding here is chunked", error);
        } else if (header.name == "host") {
            ++hosts;
        } else if (header.name == "expect" && request.version >= 11) {
            if (!same_word(header.value, "100-continue")) return fail(417, "the only expectation met here is 100-continue", error);
            expects_continue = true;
        }
        request.headers.push_back(std::move(header));
    }

    void on_header_impl(Code& error) override {
        head_done = true;
        if (hosts > 1 || (hosts == 0 && request.version >= 11)) fail(400, "there must be one Host header", error);
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, Code&) override {
        announced = length ? static_cast<std::size_t>(*length) : 0;
        request.body.reserve(std::min(announced, kReserveFirst));
    }

    std::size_t on_body_impl(View bytes, Code&) override { return add_body(view(bytes)); }

    void on_chunk_header_impl(std::uint64_t size, View, Code&) override { chunk_left = size; }

    std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Code&) override {
        chunk_left -= bytes.size();
        return add_body(view(bytes));
    }

    void on_response_impl(int, View, int, Code&) override {}
    void on_finish_impl(Code&) override {}

    std::size_t add_body(std::string_view bytes) {
        std::string& body = request.body;
        if (body.size() + bytes.size() > body.capacity() && announced > body.size()) body.reserve(announced);
        body += bytes;
        return bytes.size();
    }

    void fail(int status, std::string reason, Code& error) {
        fault = {status, std::move(reason)};
        error = http::error::bad_value;
    }
    void fail(int status, std::string reason) {
        fault = {status, std::move(reason)};
        state = State::failed;
    }

    // Reading.
    std::size_t feed(std::string_view bytes) {
        const std::size_t all = bytes.size();
        if (state == State::head)
            read_head(bytes);
        else if (state == State::body)
            read_body(bytes);
        return all - bytes.size();
    }

    // Moves bytes up to the end of a line to `line`; true if the end was there.
    bool take_line(std::string_view& bytes, std::size_t room) {
        const std::size_t feed = bytes.find('\n');
        const std::size_t wanted = feed == std::string_view::npos ? bytes.size() : feed + 1;
        const std::size_t take = std::min(wanted, room);
        line.append(bytes.substr(0, take));
        bytes.remove_prefix(take);
        return feed != std::string_view::npos && take == wanted;
    }

    void read_head(std::string_view& bytes) {
        while (!bytes.empty() && state == State::head) {
            if (!started && !is_token_char(bytes.front()) && bytes.front() != '\r' && line.empty())
                return fail(400, "this is not an HTTP request");
            const std::size_t room = limits.head_bytes_max - head_bytes - line.size();
            if (!take_line(bytes, room)) {
                if (bytes.empty() && room > 0) break;
                if (request.method.empty()) return fail(414, "the request line is too long");
                return fail(431, "the headers are too long");
            }
            if (request.method.empty())
                read_request_line();
            else if (line == "\r\n" || line.ends_with("\r\n\r\n"))
                parse_headers();
        }
        started = started || (!line.empty() && line.front() != '\r');
    }

    void read_request_line() {
        head_bytes += line.size();
        if (line == "\r\n" && empty_lines < kEmptyLinesMax) {
            ++empty_lines;
            line.clear();
            return;
        }
        started = true;
        Code error;
        put(boost::asio::buffer(line), error);
        // A line too short to be one leaves the parser waiting, with nothing told.
        if (error != http::error::need_more || request.method.empty()) return failed(error);
        line.clear();
    }

    void parse_headers() {
        Code error;
        put(boost::asio::buffer(line), error);
        if (error) return failed(error);
        line = {};
        state = is_done() ? State::complete : State::body;
    }

    void read_body(std::string_view& bytes) {
        while (!bytes.empty() && state == State::body) {
            Code error;
            if (!chunked() || chunk_left > 0) {
                bytes.remove_prefix(put(boost::asio::buffer(bytes.data(), bytes.size()), error));
            } else {
                // Lines between chunks, and the trailer.
                const std::size_t room = limits.head_bytes_max - line.size();
                if (!take_line(bytes, room)) {
                    if (bytes.empty() && room > 0) return;
                    return fail(400, "a chunk's line or trailer is too long");
                }
                // Beast asserts that it is not asked again about a last chunk by less than it can be.
                if (begins_last_chunk(line) && !line.ends_with("\r\n\r\n")) continue;
                line.erase(0, put(boost::asio::buffer(line), error));
            }
            if (error && error != http::error::need_more) return failed(error);
            if (is_done()) state = State::complete;
        }
    }

    void failed(Code error) {
        state = State::failed;
        if (!fault.reason.empty()) return;  // ours
        if (error == http::error::body_limit) {
            fault = {413, fmt::format("the body is longer than {} bytes", limits.body_bytes_max)};
        } else if (error == http::error::header_limit) {
            fault = {431, "a header is too long"};
        } else if (error == http::error::bad_version && is_http_version(last_word())) {
            fault = {505, "the HTTP versions here are 1.0 and 1.1"};
        } else if (error == http::error::need_more) {
            fault = {400, "this is not HTTP: bad request line"};
        } else {
            fault = {400, fmt::format("this is not HTTP: {}", error.message())};
        }
    }

    std::string_view last_word() const {
        std::string_view text = line;
        while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
        return text.substr(text.rfind(' ') + 1);
    }

    const Limits& limits;
    Request request;
    State state = State::head;
    Fault fault;
    std::string line;  // not parsed yet: of the head from the last parsed line on, or between chunks
    std::size_t head_bytes = 0;  // of the request line and empty lines, which have left `line`
    std::size_t headers = 0;
    int hosts = 0;
    int empty_lines = 0;
    bool started = false;
    bool head_done = false;
    bool expects_continue = false;
    std::size_t announced = 0;  // of the body; 0 if chunked
    std::uint64_t chunk_left = 0;
};

RequestReader::RequestReader(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;

std::size_t RequestReader::feed(std::string_view bytes) { return impl_->feed(bytes); }
RequestReader::State RequestReader::state() const { return impl_->state; }
const RequestReader::Fault& RequestReader::fault() const { return impl_->fault; }
Request& RequestReader::request() { return impl_->request; }
bool RequestReader::started() const { return impl_->started; }
bool RequestReader::keep_alive() const { return impl_->head_done && impl_->keep_alive(); }
bool RequestReader::expects_continue() const { return impl_->expects_continue; }

}  // namespace baleen::serve::net
