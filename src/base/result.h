// Errors as values. A function that can fail because its caller or the world is wrong returns
// Result<T>; what is wrong with ourselves is a CHECK (base/check.h). Nothing here throws.
// Thread-safe as plain values are; the success path of Result<T> costs one discriminator.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace baleen {

// Kinds of failure, each with one meaning for a program and one HTTP status for a client.
enum class ErrorCode {
    invalid_argument,    // the caller asked for something that cannot be (400, exit code 2)
    not_found,           // file, model, field (404)
    corrupt,             // bytes that break their own format (500 / exit 1)
    unsupported,         // understood, and not built (501)
    resource_exhausted,  // a bound was reached: context, pool, queue (429/503)
    cancelled,           // the caller stopped it
    io,                  // the operating system refused
};

struct Error {
    ErrorCode code = ErrorCode::invalid_argument;
    std::string message;  // one line, names the field or file and, where there is one, the remedy
};

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : data_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return data_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return std::get<0>(data_); }
    const T& value() const& { return std::get<0>(data_); }
    T&& value() && { return std::get<0>(std::move(data_)); }
    T* operator->() { return &std::get<0>(data_); }
    const T* operator->() const { return &std::get<0>(data_); }
    T& operator*() & { return std::get<0>(data_); }
    const T& operator*() const& { return std::get<0>(data_); }

    const Error& error() const& { return std::get<1>(data_); }
    Error&& error() && { return std::get<1>(std::move(data_)); }

  private:
    std::variant<T, Error> data_;
};

// Success without a value.
struct Ok {};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Ok) {}
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    bool ok() const { return !failed_; }
    explicit operator bool() const { return ok(); }
    const Error& error() const& { return error_; }
    Error&& error() && { return std::move(error_); }

  private:
    Error error_;
    bool failed_ = false;
};

inline Error invalid_argument(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }
inline Error not_found(std::string message) { return {ErrorCode::not_found, std::move(message)}; }
inline Error corrupt(std::string message) { return {ErrorCode::corrupt, std::move(message)}; }
inline Error unsupported(std::string message) { return {ErrorCode::unsupported, std::move(message)}; }
inline Error resource_exhausted(std::string message) { return {ErrorCode::resource_exhausted, std::move(message)}; }
inline Error cancelled(std::string message) { return {ErrorCode::cancelled, std::move(message)}; }
inline Error io_error(std::string message) { return {ErrorCode::io, std::move(message)}; }

// Puts where it happened in front of what happened.
inline Error with_context(const std::string& where, Error error) {
    error.message = where + ": " + error.message;
    return error;
}

}  // namespace baleen

// TRY(expr) returns the error of a Result from the enclosing function; TRY_ASSIGN(name, expr) also takes the value.
#define BALEEN_JOIN2(a, b) a##b
#define BALEEN_JOIN(a, b) BALEEN_JOIN2(a, b)
#define TRY(expr)                                                                    \
    do {                                                                             \
        auto baleen_result_ = (expr);                                                \
        if (!baleen_result_.ok()) return std::move(baleen_result_).error();          \
    } while (false)
#define TRY_ASSIGN_IMPL(result, target, expr)                                        \
    auto result = (expr);                                                            \
    if (!result.ok()) return std::move(result).error();                              \
    target = std::move(result).value()
#define TRY_ASSIGN(target, expr) TRY_ASSIGN_IMPL(BALEEN_JOIN(baleen_result_, __LINE__), target, expr)
