#include "model/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/json.h"

namespace baleen::model {

namespace {

constexpr std::uint64_t kHeaderBytesMax = 100'000'000;  // the limit of the format's own library
constexpr std::size_t kTensorsMax = std::size_t{1} << 20;
constexpr std::size_t kDimensionsMax = 8;
constexpr std::size_t kNameBytesMax = 512;
constexpr JsonLimits kHeaderLimits{
    .bytes = kHeaderBytesMax, .depth = 4, .keys = 4 * kTensorsMax, .values = 16 * kTensorsMax};

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian and used in place");

std::string label(std::string_view name) {
    return fmt::format("tensor \"{}\"", printable(name));
}

// Reads the header's JSON into entries; offsets are relative to the data.
class HeaderReader : public JsonEvents {
  public:
    std::vector<SafetensorsEntry> entries;

    Result<void> start_object() override {
        if (depth_ == 0) return ++depth_, Ok{};
        if (depth_ == 1) {
            if (in_metadata_) return ++depth_, Ok{};
            dtype_.reset();
            have_shape_ = have_offsets_ = false;
            return ++depth_, Ok{};
        }
        return unexpected("an object");
    }
    Result<void> end_object() override {
        --depth_;
        if (depth_ == 0) return Ok{};
        if (std::exchange(in_metadata_, false)) return Ok{};
        return finish_entry();
    }
    Result<void> start_array() override {
        if (depth_ != 2 || in_metadata_ || in_list_ || (field_ != Field::shape && field_ != Field::offsets))
            return unexpected("a list");
        numbers_.clear();
        in_list_ = true;
        return Ok{};
    }
    Result<void> end_array() override {
        in_list_ = false;
        if (field_ == Field::shape) return take_shape();
        return take_offsets();
    }
    Result<void> key(std::string& text) override {
        if (depth_ == 1) {
            in_metadata_ = text == "__metadata__";
            if (in_metadata_) return Ok{};
            if (text.size() > kNameBytesMax)
                return corrupt(fmt::format("{}: name longer than {} bytes", label(text), kNameBytesMax));
            if (entries.size() == kTensorsMax)
                return resource_exhausted(fmt::format("more than {} tensors", kTensorsMax));
            entries.emplace_back().name = std::move(text);
        } else if (!in_metadata_) {
            field_ = text == "dtype"          ? Field::dtype
                     : text == "shape"        ? Field::shape
                     : text == "data_offsets" ? Field::offsets
                                              : Field::unknown;
            if (field_ == Field::unknown)
                return corrupt(fmt::format("{}: unknown field \"{}\"", current(), printable(text, 40)));
        }
        return Ok{};
    }
    Result<void> string(std::string& text) override {
        if (depth_ == 2 && in_metadata_) return Ok{};
        if (depth_ != 2 || in_list_ || field_ != Field::dtype) return unexpected("a string");
        if (text.empty() || text.size() > 32)
            return corrupt(fmt::format("{}: dtype: \"{}\"", current(), printable(text, 40)));
        dtype_ = std::move(text);
        return Ok{};
    }
    Result<void> unsigned_integer(std::uint64_t value) override {
        if (!in_list_) return unexpected("a number");
        if (numbers_.size() == kDimensionsMax)
            return corrupt(fmt::format("{}: more than {} numbers in a list", current(), kDimensionsMax));
        numbers_.push_back(value);
        return Ok{};
    }
    Result<void> integer(std::int64_t) override { return unexpected("a negative number"); }
    Result<void> real(double) override { return unexpected("a fraction or a number beyond 64 bits"); }
    Result<void> boolean(bool) override { return unexpected("a boolean"); }
    Result<void> null() override { return unexpected("null"); }

  private:
    enum class Field { dtype, shape, offsets, unknown };

    std::string current() const {
        if (depth_ == 0) return "header";
        return in_metadata_ || entries.empty() ? "__metadata__" : label(entries.back().name);
    }
    Error unexpected(std::string_view what) const {
        return corrupt(fmt::format("{}: {} where none may be", current(), what));
    }

    Result<void> take_shape() {
        have_shape_ = true;
        for (const std::uint64_t number : numbers_) {
            if (number > INT64_MAX) return corrupt(fmt::format("{}: shape: {} is too large", current(), number));
            entries.back().shape.push_back(static_cast<std::int64_t>(number));
        }
        return Ok{};
    }
    Result<void> take_offsets() {
        have_offsets_ = true;
        if (numbers_.size() != 2)
            return corrupt(fmt::format("{}: data_offsets: {} numbers, not 2", current(), numbers_.size()));
        entries.back().begin = numbers_[0];
        entries.back().end = numbers_[1];
        return Ok{};
    }
    Result<void> finish_entry() {
        depth_ = 2;  // names the tensor in errors
        SafetensorsEntry& entry = entries.back();
        if (!dtype_) return corrupt(fmt::format("{}: dtype: missing", current()));
        if (!have_shape_) return corrupt(fmt::format("{}: shape: missing", current()));
        if (!have_offsets_) return corrupt(fmt::format("{}: data_offsets: missing", current()));
        entry.dtype = tensor::parse_dtype(*dtype_);
        if (!entry.dtype) entry.foreign_dtype = *dtype_;
        depth_ = 1;
        return Ok{};
    }

    int depth_ = 0;  // open objects
    bool in_metadata_ = false;
    bool in_list_ = false;
    Field field_ = Field::unknown;
    std::vector<std::uint64_t> numbers_;
    std::optional<std::string> dtype_;
    bool have_shape_ = false;
    bool have_offsets_ = false;
};

// Product of the shape times the element size; nothing on overflow.
std::optional<std::uint64_t> shape_bytes(const SafetensorsEntry& entry) {
    std::uint64_t bytes = static_cast<std::uint64_t>(tensor::element_bytes(*entry.dtype));
    bool empty = false;
    bool overflow = false;
    for (const std::int64_t dimension : entry.shape) {
        empty |= dimension == 0;
        overflow |= __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dimension), &bytes);
    }
    if (empty && !overflow) return 0;
    if (overflow || bytes > INT64_MAX) return std::nullopt;
    return bytes;
}

Result<void> check_entry(const SafetensorsEntry& entry, std::uint64_t data_bytes) {
    if (entry.begin > entry.end || entry.end > data_bytes)
        return corrupt(fmt::format("{}: data_offsets [{}, {}] do not lie in the file's {} bytes of data",
                                   label(entry.name), entry.begin, entry.end, data_bytes));
    if (!entry.dtype) return Ok{};
    const auto bytes = shape_bytes(entry);
    if (!bytes)
        return corrupt(fmt::format("{}: shape [{}] overflows", label(entry.name), fmt::join(entry.shape, ", ")));
    if (*bytes != entry.end - entry.begin)
        return corrupt(fmt::format("{}: {} [{}] needs {} bytes, data_offsets give {}", label(entry.name),
                                   tensor::name(*entry.dtype), fmt::join(entry.shape, ", "), *bytes,
                                   entry.end - entry.begin));
    return Ok{};
}

Result<void> check_overlaps(const std::vector<SafetensorsEntry>& sorted) {
    const SafetensorsEntry* last = nullptr;  // the last one that is not empty
    for (const SafetensorsEntry& entry : sorted) {
        if (entry.begin == entry.end) continue;
        if (last != nullptr && entry.begin < last->end)
            return corrupt(fmt::format("{} overlaps {}", label(entry.name), label(last->name)));
        last = &entry;
    }
    return Ok{};
}

Result<std::vector<SafetensorsEntry>> parse(std::span<const std::byte> start, std::uint64_t file_bytes) {
    if (file_bytes < 8 || start.size() < 8)
        return corrupt(fmt::format("{} bytes, too short for a safetensors file", file_bytes));
    std::uint64_t length = 0;
    std::memcpy(&length, start.data(), 8);
    if (length > kHeaderBytesMax)
        return corrupt(
            fmt::format("header length {} is over the limit of {}; not a safetensors file?", length, kHeaderBytesMax));
    if (length > file_bytes - 8)
        return corrupt(fmt::format("header length {} is longer than the file of {} bytes", length, file_bytes));
    CHECK(start.size() - 8 >= length, "{} bytes given for a header of {}", start.size(), length);

    HeaderReader reader;
    const std::string_view text(reinterpret_cast<const char*>(start.data()) + 8, length);
    if (!text.starts_with('{')) return corrupt("header does not begin with \"{\"");
    auto read = stream_json(text, kHeaderLimits, reader);
    if (!read.ok()) return with_context("header", std::move(read).error());

    std::vector<SafetensorsEntry>& entries = reader.entries;
    const std::uint64_t data_bytes = file_bytes - 8 - length;
    for (const SafetensorsEntry& entry : entries) TRY(check_entry(entry, data_bytes));
    const auto by_offset = [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    };
    if (!std::is_sorted(entries.begin(), entries.end(), by_offset))
        std::stable_sort(entries.begin(), entries.end(), by_offset);
    TRY(check_overlaps(entries));
    for (SafetensorsEntry& entry : entries) {
        entry.begin += 8 + length;
        entry.end += 8 + length;
    }
    return std::move(entries);
}

}  // namespace

Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::span<const std::byte> start,
                                                               std::uint64_t file_bytes, std::string_view file) {
    auto entries = parse(start, file_bytes);
    if (!entries.ok()) {
        Error error = with_context(std::string(file), std::move(entries).error());
        error.code = ErrorCode::corrupt;
        return error;
    }
    return entries;
}

std::string write_safetensors_header(std::span<const SafetensorsEntry> entries) {
    std::string text(8, '\0');
    auto out = std::back_inserter(text);
    out = fmt::format_to(out, "{{\"__metadata__\":{{\"format\":\"pt\"}}");
    for (const SafetensorsEntry& entry : entries) {
        CHECK(entry.dtype, "{}", entry.name);
        fmt::format_to(out, ",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                       nlohmann::json(entry.name).dump(), tensor::name(*entry.dtype), fmt::join(entry.shape, ","),
                       entry.begin, entry.end);
    }
    text += '}';
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size() - 8;
    std::memcpy(text.data(), &length, 8);
    return text;
}

}  // namespace baleen::model
