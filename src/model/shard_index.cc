#include "model/shard_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/json.h"

namespace baleen::model {

namespace {

constexpr std::size_t kTensorsMax = std::size_t{1} << 20;
constexpr std::size_t kShardsMax = 10'000;
constexpr JsonLimits kIndexLimits{
    .bytes = kIndexBytesMax, .depth = 16, .keys = kTensorsMax + 1024, .values = kTensorsMax + 65536};

Result<void> check_shard_name(std::string_view name) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    };
    const bool good = name.size() <= 200 && name.ends_with(".safetensors") && !name.starts_with('.') &&
                      std::all_of(name.begin(), name.end(), plain);
    if (good) return Ok{};
    return corrupt(fmt::format("\"{}\" is not the plain name of a .safetensors file", printable(name)));
}

class IndexReader : public JsonEvents {
  public:
    ShardIndex index;
    bool found_map = false;

    Result<void> start_object() override {
        ++depth_;
        if (depth_ == 2 && in_map_) found_map = true;
        if (depth_ > 2 && in_map_) return wrong("an object");
        return Ok{};
    }
    Result<void> end_object() override {
        --depth_;
        return Ok{};
    }
    Result<void> start_array() override {
        if (depth_ == 0) return corrupt("not a JSON object");
        if (in_map_) return wrong("a list");
        ++lists_;
        return Ok{};
    }
    Result<void> end_array() override {
        --lists_;
        return Ok{};
    }
    Result<void> key(std::string& text) override {
        if (depth_ == 1) {
            in_map_ = text == "weight_map";
            in_metadata_ = text == "metadata";
        } else if (in_map_) {
            if (index.tensors.size() == kTensorsMax)
                return resource_exhausted(fmt::format("more than {} tensors", kTensorsMax));
            index.tensors.push_back({std::move(text), -1});
        }
        total_size_next_ = depth_ == 2 && in_metadata_ && text == "total_size";
        return Ok{};
    }
    Result<void> string(std::string& text) override {
        if (depth_ == 0) return corrupt("not a JSON object");
        if (!in_map_) return Ok{};
        if (depth_ != 2) return wrong("a string");
        auto found = shard_ids_.find(text);
        if (found == shard_ids_.end()) {
            if (auto name = check_shard_name(text); !name.ok()) return with_context(current(), std::move(name).error());
            if (index.shards.size() == kShardsMax)
                return resource_exhausted(fmt::format("more than {} shards", kShardsMax));
            found = shard_ids_.emplace(text, static_cast<int>(index.shards.size())).first;
            index.shards.push_back(std::move(text));
        }
        index.tensors.back().shard = found->second;
        return Ok{};
    }
    Result<void> unsigned_integer(std::uint64_t value) override {
        if (total_size_next_ && lists_ == 0) index.total_size = value;
        return other("a number");
    }
    Result<void> integer(std::int64_t) override { return other("a number"); }
    Result<void> real(double) override { return other("a number"); }
    Result<void> boolean(bool) override { return other("a boolean"); }
    Result<void> null() override { return other("null"); }

  private:
    Result<void> other(std::string_view what) {
        if (depth_ == 0) return corrupt("not a JSON object");
        if (in_map_) return wrong(what);
        return Ok{};
    }
    std::string current() const {
        if (depth_ < 2 || index.tensors.empty()) return "weight_map";
        return fmt::format("weight_map: \"{}\"", printable(index.tensors.back().tensor));
    }
    Error wrong(std::string_view what) const {
        return corrupt(fmt::format("{}: {} where a file name belongs", current(), what));
    }

    int depth_ = 0;  // open objects
    int lists_ = 0;
    bool in_map_ = false;
    bool in_metadata_ = false;
    bool total_size_next_ = false;
    std::unordered_map<std::string, int> shard_ids_;
};

// Shards in the order of their names, as their numbers go.
void sort_shards(ShardIndex& index) {
    std::vector<int> order(index.shards.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    std::sort(order.begin(), order.end(), [&](int a, int b) {
        return index.shards[static_cast<std::size_t>(a)] < index.shards[static_cast<std::size_t>(b)];
    });
    std::vector<std::string> sorted;
    std::vector<int> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        sorted.push_back(std::move(index.shards[static_cast<std::size_t>(order[i])]));
        place[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    }
    index.shards = std::move(sorted);
    for (ShardIndex::Entry& entry : index.tensors) entry.shard = place[static_cast<std::size_t>(entry.shard)];
}

}  // namespace

Result<ShardIndex> parse_shard_index(std::string_view json, std::string_view file) {
    IndexReader reader;
    auto read = stream_json(json, kIndexLimits, reader);
    if (!read.ok()) return with_context(std::string(file), std::move(read).error());
    if (!reader.found_map) return corrupt(fmt::format("{}: weight_map: missing", file));
    if (reader.index.tensors.empty()) return corrupt(fmt::format("{}: weight_map: empty", file));
    sort_shards(reader.index);
    return std::move(reader.index);
}

}  // namespace baleen::model
