#include "eval/golden_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "io/read_file.h"

namespace baleen::eval {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kIndexBytesMax = 16 << 20;
constexpr std::size_t kItemsMax = 10000;
constexpr int kStepsMax = 1 << 20;
constexpr int kParentsMax = 4;  // folders above a file in which its index may lie

bool is_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}
bool is_there(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// A relative path that cannot leave its folder.
bool stays_inside(const std::string& text) {
    const fs::path path(text);
    if (text.empty() || text.size() > 1024 || path.is_absolute() || text.find('\0') != std::string::npos) return false;
    return std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
}

// Reads the members of an index; errors name the file and where in it.
class IndexReader {
  public:
    IndexReader(const Json& json, std::string file) : json_(json), file_(std::move(file)) {}

    Result<GoldenSet> read(const fs::path& folder) {
        GoldenSet set;
        set.folder = folder;
        TRY_ASSIGN(const std::string checkpoint, path_at(json_, "checkpoint", ""));
        set.checkpoint = folder / checkpoint;
        TRY(tolerances(set));
        TRY(traces(set));
        TRY(cases(set));
        if (set.items.empty()) return fail("cases", "no files");
        return set;
    }

  private:
    Error fail(const std::string& where, std::string_view what) const {
        return corrupt(fmt::format("{}: {}: {}", file_, where, what));
    }

    Result<std::string> path_at(const Json& object, const char* key, const std::string& where) const {
        const auto found = object.find(key);
        if (found == object.end() || !found->is_string()) return fail(where + key, "not a text");
        const auto& text = found->get_ref<const std::string&>();
        if (!stays_inside(text))
            return fail(where + key, fmt::format("\"{}\" is no path inside the folder", printable(text)));
        return text;
    }

    Result<void> tolerances(GoldenSet& set) const {
        const auto all = json_.find("tolerance");
        if (all == json_.end() || !all->is_object()) return fail("tolerance", "missing");
        for (const Tier tier : {Tier::a, Tier::c}) {
            const auto table = all->find(std::string(1, letter(tier)));
            if (table == all->end()) continue;
            if (!table->is_object()) return fail("tolerance", "not an object of objects");
            for (const auto& [kind, numbers] : table->items()) {
                const bool three = numbers.is_array() && numbers.size() == 3 &&
                                   std::all_of(numbers.begin(), numbers.end(),
                                               [](const Json& n) { return n.is_number() && n.get<double>() >= 0; });
                if (!three) return fail("tolerance." + printable(kind), "not three numbers");
                set.tolerance[static_cast<int>(tier)][kind] = {numbers[0].get<double>(), numbers[1].get<double>(),
                                                               numbers[2].get<double>()};
            }
        }
        return {};
    }

    Result<void> traces(GoldenSet& set) const {
        const auto all = json_.find("trace");
        if (all == json_.end()) return {};
        if (!all->is_object()) return fail("trace", "not an object");
        for (const Tier tier : {Tier::a, Tier::c}) {
            const auto one = all->find(std::string(1, letter(tier)));
            if (one == all->end()) continue;
            if (!one->is_object()) return fail("trace", "not an object of objects");
            TRY_ASSIGN(const std::string file, path_at(*one, "file", fmt::format("trace.{}.", letter(tier))));
            set.items.push_back({file, tier, true, {}});
        }
        return {};
    }

    Result<void> cases(GoldenSet& set) const {
        const auto all = json_.find("cases");
        if (all == json_.end() || !all->is_array() || all->size() > kItemsMax) return fail("cases", "not a list");
        for (std::size_t i = 0; i < all->size(); ++i) {
            const std::string where = fmt::format("cases[{}].tiers", i);
            const Json& one = (*all)[i];
            const auto tiers = one.is_object() ? one.find("tiers") : one.end();
            if (!one.is_object() || tiers == one.end() || !tiers->is_object()) return fail(where, "not an object");
            for (const Tier tier : {Tier::a, Tier::c}) {
                const auto entry = tiers->find(std::string(1, letter(tier)));
                if (entry == tiers->end()) continue;
                if (!entry->is_object()) return fail(where, "not an object of objects");
                TRY_ASSIGN(const std::string file, path_at(*entry, "file", where + "."));
                GoldenItem item{file, tier, false, {}};
                TRY(firm_steps(*entry, where, item));
                set.items.push_back(std::move(item));
            }
        }
        return {};
    }

    Result<void> firm_steps(const Json& entry, const std::string& where, GoldenItem& item) const {
        const auto firm = entry.find("greedy_firm");
        if (firm == entry.end()) return {};
        if (!firm->is_array() || firm->size() > kItemsMax) return fail(where + ".greedy_firm", "not a list");
        for (const Json& step : *firm) {
            if (!step.is_number_integer() || step.get<std::int64_t>() < 0 || step.get<std::int64_t>() > kStepsMax)
                return fail(where + ".greedy_firm", "not step numbers");
            item.greedy_firm.push_back(step.get<int>());
        }
        return {};
    }

    const Json& json_;
    std::string file_;
};

// Python's json module, which wrote the index, knows three numbers that JSON does not: NaN, Infinity and -Infinity.
// They become null here; nothing verify reads may be one.
std::string without_python_numbers(std::string_view text) {
    constexpr std::string_view kNames[] = {"-Infinity", "Infinity", "NaN"};
    std::string out;
    out.reserve(text.size());
    bool in_string = false;
    for (std::size_t i = 0; i < text.size();) {
        const auto name = std::find_if(std::begin(kNames), std::end(kNames),
                                       [&](std::string_view n) { return text.substr(i, n.size()) == n; });
        if (!in_string && name != std::end(kNames)) {
            out += "null";
            i += name->size();
            continue;
        }
        if (text[i] == '"') in_string = !in_string;
        if (in_string && text[i] == '\\' && i + 1 < text.size()) out += text[i++];
        out += text[i++];
    }
    return out;
}

Result<Json> parse_index(std::string_view text, const std::string& file) {
    auto json = parse_json(without_python_numbers(text), {.bytes = kIndexBytesMax});
    if (!json.ok()) return with_context(file, std::move(json).error());
    if (!json->is_object()) return corrupt(fmt::format("{}: not an object", file));
    return json;
}

Result<GoldenSet> read_set(const fs::path& folder) {
    const fs::path path = folder / "index.json";
    TRY_ASSIGN(const std::string text, io::read_file(path, kIndexBytesMax));
    return parse_golden_index(text, path.string(), folder);
}

// Whether the folder's index is one of a model; a broken one is, and reported by whoever reads it next.
bool has_cases(const fs::path& folder) {
    const fs::path path = folder / "index.json";
    if (!is_there(path)) return false;
    const auto text = io::read_file(path, kIndexBytesMax);
    if (!text.ok()) return true;
    const auto json = parse_index(*text, path.string());
    return !json.ok() || json->contains("cases");
}

// The set of the nearest folder at or above `start` that has one.
Result<GoldenSet> set_above(fs::path start) {
    const fs::path wanted = start;
    for (int i = 0; i < kParentsMax; ++i) {
        if (has_cases(start)) return read_set(start);
        const fs::path parent = start.parent_path();
        if (parent.empty() || parent == start) break;
        start = parent;
    }
    return not_found(fmt::format("{}: no index.json of a model's golden files here or in {} folders above",
                                 wanted.string(), kParentsMax));
}

// A file the index does not list, told by its name "CASE[.trace].T.safetensors"; its case's firm steps hold for it.
Result<GoldenItem> item_by_name(const GoldenSet& set, const fs::path& file, std::string name) {
    const std::string base = file.filename().string();
    GoldenItem item{std::move(name), Tier::a, base.find(".trace.") != std::string::npos, {}};
    if (base.find(".C.") != std::string::npos)
        item.tier = Tier::c;
    else if (base.find(".A.") == std::string::npos)
        return not_found(fmt::format("{}: not in {}/index.json, and its name has no tier .A. or .C.", file.string(),
                                     set.folder.string()));
    const std::string stem = base.substr(0, base.find('.'));
    for (const GoldenItem& other : set.items) {
        const std::string other_base = fs::path(other.name).filename().string();
        if (!item.trace && !other.trace && other.tier == item.tier &&
            other_base.substr(0, other_base.find('.')) == stem)
            item.greedy_firm = other.greedy_firm;
    }
    return item;
}

Result<GoldenSet> one_file(const fs::path& file) {
    TRY_ASSIGN(GoldenSet set, set_above(file.parent_path()));
    const std::string name = file.lexically_relative(set.folder).generic_string();
    const auto listed = std::find_if(set.items.begin(), set.items.end(), [&](const GoldenItem& item) {
        return fs::path(item.name).lexically_normal().generic_string() == name;
    });
    if (listed != set.items.end()) {
        set.items = {GoldenItem(*listed)};
    } else {
        TRY_ASSIGN(GoldenItem item, item_by_name(set, file, name));
        set.items = {std::move(item)};
    }
    return set;
}

}  // namespace

std::optional<Tolerance> GoldenSet::find_tolerance(Tier tier, std::string_view kind) const {
    const auto& table = tolerance[static_cast<int>(tier)];
    const auto found = table.find(kind);
    if (found == table.end()) return std::nullopt;
    return found->second;
}

Result<GoldenSet> parse_golden_index(std::string_view text, const std::string& file, const fs::path& folder) {
    TRY_ASSIGN(const Json json, parse_index(text, file));
    return IndexReader(json, file).read(folder);
}

Result<std::vector<GoldenSet>> find_golden(const fs::path& given) {
    std::error_code error;
    fs::path path = fs::absolute(given, error).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();  // "dir/" names dir
    if (!is_there(path)) return not_found(fmt::format("{}: no such file or folder", given.string()));
    std::vector<GoldenSet> sets;
    if (!is_folder(path)) {
        TRY_ASSIGN(GoldenSet set, one_file(path));
        sets.push_back(std::move(set));
        return sets;
    }
    if (has_cases(path)) {
        TRY_ASSIGN(GoldenSet set, read_set(path));
        sets.push_back(std::move(set));
        return sets;
    }
    std::vector<fs::path> folders;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
        if (is_folder(it->path()) && has_cases(it->path())) folders.push_back(it->path());
    std::sort(folders.begin(), folders.end());
    for (const fs::path& folder : folders) {
        TRY_ASSIGN(GoldenSet set, read_set(folder));
        sets.push_back(std::move(set));
    }
    if (!sets.empty()) return sets;

    TRY_ASSIGN(GoldenSet set, set_above(path));  // a folder of files below its index
    const std::string prefix = path.lexically_relative(set.folder).generic_string() + "/";
    std::erase_if(set.items, [&](const GoldenItem& item) { return item.name.rfind(prefix, 0) != 0; });
    if (set.items.empty()) return not_found(fmt::format("{}: no golden files here", given.string()));
    sets.push_back(std::move(set));
    return sets;
}

}  // namespace baleen::eval
