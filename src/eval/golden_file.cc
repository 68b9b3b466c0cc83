#include "eval/golden_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "base/json.h"
#include "tensor/formats.h"

namespace baleen::eval {

namespace {

std::string print_shape(std::span<const std::int64_t> shape) {
    std::string out = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i > 0) out += ", ";
        out += shape[i] == GoldenFile::kAny ? "any" : std::to_string(shape[i]);
    }
    return out + "]";
}

bool fits(std::span<const std::int64_t> shape, std::span<const std::int64_t> wanted) {
    return std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end(),
                      [](std::int64_t have, std::int64_t want) { return want == GoldenFile::kAny || have == want; });
}

}  // namespace

Result<GoldenFile> GoldenFile::open(const std::filesystem::path& path, std::string name) {
    GoldenFile golden;
    golden.name_ = std::move(name);
    TRY_ASSIGN(golden.file_, io::MappedFile::open(path));
    TRY_ASSIGN(golden.entries_,
               model::parse_safetensors_header(golden.file_.bytes(), golden.file_.bytes().size(), golden.name_));
    golden.read_.assign(golden.entries_.size(), false);
    return golden;
}

const model::SafetensorsEntry* GoldenFile::find(std::string_view tensor) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.name == tensor; });
    return found == entries_.end() ? nullptr : &*found;
}

void GoldenFile::seen(std::string_view tensor) {
    if (const auto* entry = find(tensor)) read_[static_cast<std::size_t>(entry - entries_.data())] = true;
}

std::vector<std::string> GoldenFile::unread() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < entries_.size(); ++i)
        if (!read_[i]) names.push_back(entries_[i].name);
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::int64_t> GoldenFile::length(std::string_view tensor) const {
    const auto* entry = find(tensor);
    if (entry == nullptr) return corrupt(fmt::format("{}: no tensor \"{}\"", name_, tensor));
    if (entry->shape.size() != 1)
        return corrupt(
            fmt::format("{}: tensor \"{}\": shape {}, expected [any]", name_, tensor, print_shape(entry->shape)));
    return entry->shape[0];
}

Result<const model::SafetensorsEntry*> GoldenFile::checked(std::string_view tensor,
                                                           std::span<const std::int64_t> shape) {
    const auto* entry = find(tensor);
    if (entry == nullptr) return corrupt(fmt::format("{}: no tensor \"{}\"", name_, tensor));
    if (!fits(entry->shape, shape)) {
        return corrupt(fmt::format("{}: tensor \"{}\": shape {}, expected {}", name_, tensor, print_shape(entry->shape),
                                   print_shape(shape)));
    }
    seen(tensor);
    return entry;
}

Result<GoldenFloats> GoldenFile::floats(std::string_view tensor, std::span<const std::int64_t> shape) {
    TRY_ASSIGN(const model::SafetensorsEntry* entry, checked(tensor, shape));
    const bool narrow = entry->dtype == tensor::DType::bf16;
    if (!narrow && entry->dtype != tensor::DType::f32)
        return corrupt(fmt::format("{}: tensor \"{}\": neither F32 nor BF16", name_, tensor));
    GoldenFloats out{entry->shape, {}};
    const std::byte* data = file_.bytes().data() + entry->begin;
    const auto count = static_cast<std::size_t>((entry->end - entry->begin) / (narrow ? 2 : 4));
    out.values.resize(count);
    if (count == 0) return out;
    if (!narrow) std::memcpy(out.values.data(), data, count * 4);
    for (std::size_t i = 0; narrow && i < count; ++i) {
        std::uint16_t bits;
        std::memcpy(&bits, data + 2 * i, 2);
        out.values[i] = tensor::bf16_to_f32(bits);
    }
    return out;
}

Result<GoldenInts> GoldenFile::ints(std::string_view tensor, std::span<const std::int64_t> shape) {
    TRY_ASSIGN(const model::SafetensorsEntry* entry, checked(tensor, shape));
    if (entry->dtype != tensor::DType::i32) return corrupt(fmt::format("{}: tensor \"{}\": not I32", name_, tensor));
    GoldenInts out{entry->shape, {}};
    out.values.resize(static_cast<std::size_t>((entry->end - entry->begin) / 4));
    if (!out.values.empty()) std::memcpy(out.values.data(), file_.bytes().data() + entry->begin, out.values.size() * 4);
    return out;
}

}  // namespace baleen::eval
