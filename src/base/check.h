// Broken invariants of our own. CHECK(condition, format, args...) prints file, line, the condition and the
// formatted values to stderr and aborts; it is always on. DCHECK is on in builds without NDEBUG and free otherwise.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace baleen::detail {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition, const std::string& values) {
    std::fprintf(stderr, "%s:%d: CHECK failed: %s %s\n", file, line, condition, values.c_str());
    std::abort();
}

inline std::string check_values() { return {}; }
template <class... Args>
std::string check_values(fmt::format_string<Args...> format, Args&&... args) {
    return fmt::format(format, std::forward<Args>(args)...);
}

}  // namespace baleen::detail

#define CHECK(condition, ...)                                                                                        \
    do {                                                                                                             \
        if (!(condition)) [[unlikely]]                                                                               \
            ::baleen::detail::check_failed(__FILE__, __LINE__, #condition, ::baleen::detail::check_values(__VA_ARGS__)); \
    } while (false)

#ifdef NDEBUG
#define DCHECK(condition, ...) \
    do {                       \
    } while (false)
#else
#define DCHECK(condition, ...) CHECK(condition, ##__VA_ARGS__)
#endif
