#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

namespace baleen {

namespace {

// A range of characters that tells how far it has been read, so that every error has a position.
struct TrackedText {
    struct Iterator {
        using iterator_category = std::input_iterator_tag;
        using value_type = char;
        using difference_type = std::ptrdiff_t;
        using pointer = const char*;
        using reference = const char&;
        const char* at;
        const char** reached;
        const char& operator*() const { return *at; }
        Iterator& operator++() {
            *reached = ++at;
            return *this;
        }
        bool operator==(const Iterator& other) const { return at == other.at; }
        bool operator!=(const Iterator& other) const { return at != other.at; }
    };
    std::string_view text;
    const char** reached;
};
TrackedText::Iterator begin(const TrackedText& tracked) {
    return {tracked.text.data(), tracked.reached};
}
TrackedText::Iterator end(const TrackedText& tracked) {
    return {tracked.text.data() + tracked.text.size(), tracked.reached};
}

std::string position(std::string_view text, std::size_t offset) {
    std::size_t line = 1;
    std::size_t line_start = 0;
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        if (text[i] != '\n') continue;
        ++line;
        line_start = i + 1;
    }
    return fmt::format("line {}, column {}", line, offset > line_start ? offset - line_start : 1);
}

// Hash of a key under a secret of this process, so that no text can be made whose keys collide.
std::uint64_t hash_of(std::string_view key) {
    static const std::uint64_t kSecret = [] {
        std::random_device device;
        return (std::uint64_t{device()} << 32) | device();
    }();
    const auto fold = [](std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    std::uint64_t hash = kSecret ^ key.size();
    for (std::size_t at = 0; at < key.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, key.data() + at, std::min<std::size_t>(8, key.size() - at));
        hash = fold(hash ^ word, 0x9e3779b97f4a7c15u ^ (kSecret >> 1));
    }
    return hash;
}

// The keys of one open object, their bytes in one string, memory reused from object to object. Few keys are compared
// one by one; many are found through a table of slots, at most half full.
class KeySet {
  public:
    void clear() {
        bytes_.clear();
        keys_.clear();
        slots_.clear();
    }
    // False if the key was there before.
    bool insert(std::string_view key) {
        const Key entry{hash_of(key), bytes_.size(), key.size()};
        if (keys_.size() < kFew) {
            for (const Key& other : keys_)
                if (same(other, entry.hash, key)) return false;
        } else {
            if (slots_.size() < 2 * (keys_.size() + 1)) rebuild();
            std::uint32_t& slot = find(entry.hash, key);
            if (slot != kFree) return false;
            slot = static_cast<std::uint32_t>(keys_.size());
        }
        bytes_ += key;
        keys_.push_back(entry);
        return true;
    }

  private:
    struct Key {
        std::uint64_t hash;
        std::size_t begin, size;  // in bytes_
    };
    static constexpr std::size_t kFew = 12;
    static constexpr std::uint32_t kFree = ~std::uint32_t{0};

    bool same(const Key& other, std::uint64_t hash, std::string_view key) const {
        return other.hash == hash && std::string_view(bytes_).substr(other.begin, other.size) == key;
    }
    // The slot that holds the key, or the free one where it belongs.
    std::uint32_t& find(std::uint64_t hash, std::string_view key) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = hash & mask;
        while (slots_[at] != kFree && !same(keys_[slots_[at]], hash, key)) at = (at + 1) & mask;
        return slots_[at];
    }
    void rebuild() {
        slots_.assign(std::bit_ceil(4 * (keys_.size() + 1)), kFree);
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t i = 0; i < keys_.size(); ++i) {  // all different
            std::size_t at = keys_[i].hash & mask;
            while (slots_[at] != kFree) at = (at + 1) & mask;
            slots_[at] = static_cast<std::uint32_t>(i);
        }
    }

    std::string bytes_;
    std::vector<Key> keys_;
    std::vector<std::uint32_t> slots_;  // positions in keys_
};

// The SAX side of nlohmann's parser: applies the limits, hands on what passes.
class Guard {
  public:
    Guard(const JsonLimits& limits, JsonEvents& events) : limits_(limits), events_(events) {}

    bool null() { return value() && pass(events_.null()); }
    bool boolean(bool x) { return value() && pass(events_.boolean(x)); }
    bool number_integer(std::int64_t x) {
        if (!value()) return false;
        return pass(x < 0 ? events_.integer(x) : events_.unsigned_integer(static_cast<std::uint64_t>(x)));
    }
    bool number_unsigned(std::uint64_t x) { return value() && pass(events_.unsigned_integer(x)); }
    bool number_float(double x, const std::string&) { return value() && pass(events_.real(x)); }
    bool string(std::string& x) { return value() && pass(events_.string(x)); }
    bool binary(std::vector<std::uint8_t>&) { return fail("binary value"); }

    bool start_object(std::size_t) {
        if (!value() || !open()) return false;
        if (open_objects_ == keys_of_.size()) keys_of_.emplace_back();
        keys_of_[open_objects_++].clear();
        return pass(events_.start_object());
    }
    bool end_object() {
        --depth_;
        --open_objects_;
        return pass(events_.end_object());
    }
    bool start_array(std::size_t) { return value() && open() && pass(events_.start_array()); }
    bool end_array() {
        --depth_;
        return pass(events_.end_array());
    }
    bool key(std::string& text) {
        if (++keys_ > limits_.keys) return fail(fmt::format("more than {} keys", limits_.keys), true);
        if (!keys_of_[open_objects_ - 1].insert(text))
            return fail(fmt::format("duplicate key \"{}\"", printable(text)));
        return pass(events_.key(text));
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
        // "[json.exception...] parse error at line 1, column 2: what is wrong"
        std::string_view what = error.what();
        if (const auto colon = what.find(": "); colon != std::string_view::npos) what.remove_prefix(colon + 2);
        return fail(printable(what, 200));
    }

    Error error;

  private:
    bool value() {
        if (++values_ > limits_.values) return fail(fmt::format("more than {} values", limits_.values), true);
        return true;
    }
    bool open() {
        if (++depth_ > limits_.depth) return fail(fmt::format("nested deeper than {} levels", limits_.depth), true);
        return true;
    }
    bool pass(Result<void> result) {
        if (result.ok()) return true;
        error = std::move(result).error();
        return false;
    }
    bool fail(std::string message, bool limit = false) {
        error = limit ? resource_exhausted(std::move(message)) : corrupt(std::move(message));
        return false;
    }

    const JsonLimits& limits_;
    JsonEvents& events_;
    int depth_ = 0;
    std::size_t keys_ = 0;
    std::size_t values_ = 0;
    std::vector<KeySet> keys_of_;  // one per open object, reused
    std::size_t open_objects_ = 0;
};

// Builds a tree. The guard has refused duplicate keys already, so members are appended without a search.
template <class Json>
class TreeBuilder : public JsonEvents {
  public:
    Result<void> start_object() override { return open(Json::object()); }
    Result<void> start_array() override { return open(Json::array()); }
    Result<void> end_object() override { return close(); }
    Result<void> end_array() override { return close(); }
    Result<void> key(std::string& text) override {
        auto& members = open_.back()->template get_ref<typename Json::object_t&>();
        if constexpr (std::is_same_v<Json, nlohmann::ordered_json>) {
            using Members = std::vector<std::pair<const std::string, Json>>;
            static_cast<Members&>(members).emplace_back(std::move(text), Json());
            member_ = &static_cast<Members&>(members).back().second;
        } else {
            member_ = &members[std::move(text)];
        }
        return Ok{};
    }
    Result<void> string(std::string& text) override { return put(Json(std::move(text))), Ok{}; }
    Result<void> integer(std::int64_t value) override { return put(Json(value)), Ok{}; }
    Result<void> unsigned_integer(std::uint64_t value) override { return put(Json(value)), Ok{}; }
    Result<void> real(double value) override { return put(Json(value)), Ok{}; }
    Result<void> boolean(bool value) override { return put(Json(value)), Ok{}; }
    Result<void> null() override { return put(Json()), Ok{}; }

    Json root;

  private:
    Json* put(Json&& value) {
        Json* at = &root;
        if (!open_.empty()) {
            if (open_.back()->is_array()) {
                open_.back()->push_back(nullptr);
                at = &open_.back()->back();
            } else {
                at = member_;
            }
        }
        *at = std::move(value);
        return at;
    }
    Result<void> open(Json&& container) {
        open_.push_back(put(std::move(container)));
        return Ok{};
    }
    Result<void> close() {
        open_.pop_back();
        return Ok{};
    }

    std::vector<Json*> open_;  // a container does not move while one inside it is open
    Json* member_ = nullptr;
};

template <class Json>
Result<Json> parse_tree(std::string_view text, const JsonLimits& limits) {
    TreeBuilder<Json> builder;
    TRY(stream_json(text, limits, builder));
    return std::move(builder.root);
}

}  // namespace

Result<void> stream_json(std::string_view text, const JsonLimits& limits, JsonEvents& events) {
    if (text.size() > limits.bytes)
        return resource_exhausted(
            fmt::format("JSON of {} bytes, more than the limit of {}", text.size(), limits.bytes));
    // The parser would skip a byte order mark and take a NUL for the end of the text.
    if (text.starts_with("\xef\xbb\xbf")) return corrupt("JSON begins with a byte order mark");
    if (const auto nul = text.find('\0'); nul != std::string_view::npos)
        return corrupt(fmt::format("{}: NUL byte", position(text, nul + 1)));

    const char* reached = text.data();
    Guard guard(limits, events);
    bool good = false;
    try {
        good = nlohmann::json::sax_parse(TrackedText{text, &reached}, &guard);
    } catch (const std::exception& error) {
        return corrupt(printable(error.what()));
    }
    if (good) return Ok{};
    return with_context(position(text, static_cast<std::size_t>(reached - text.data())), std::move(guard.error));
}

Result<nlohmann::json> parse_json(std::string_view text, const JsonLimits& limits) {
    return parse_tree<nlohmann::json>(text, limits);
}

Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text, const JsonLimits& limits) {
    return parse_tree<nlohmann::ordered_json>(text, limits);
}

std::string printable(std::string_view text, std::size_t bytes_max) {
    std::string out;
    const bool cut = text.size() > bytes_max;
    for (const char c : text.substr(0, bytes_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            out += fmt::format("\\x{:02x}", byte);
        }
    }
    return cut ? out + "..." : out;
}

}  // namespace baleen
