// The half of json_schema.h that walks a value.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/json.h"
#include "serve/api/json_schema.h"
#include "serve/api/json_schema_nodes.h"

namespace baleen::serve {

using text::PythonJson;

namespace {

constexpr std::int64_t kStepsMax = 500'000;  // a schema met by a value, a member or an item looked at: at most 0.1 s
constexpr int kDepthMax = 400;

double number(const PythonJson& value) {
    return std::strtod(value.text.c_str(), nullptr);
}

std::uint64_t characters(std::string_view text) {
    return static_cast<std::uint64_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// The remainder may be off by what the two numbers' own rounding explains: 0.0075 is a multiple of 0.0001.
bool is_multiple(double value, double unit) {
    const double rest = std::fabs(std::remainder(value, unit));
    return std::isfinite(value) && rest <= 4 * DBL_EPSILON * std::max(std::fabs(value), unit);
}

unsigned type_of(const PythonJson& value) {
    switch (value.kind) {
        case PythonJson::Kind::null:
            return kNullType;
        case PythonJson::Kind::boolean:
            return kBooleanType;
        case PythonJson::Kind::object:
            return kObjectType;
        case PythonJson::Kind::array:
            return kArrayType;
        case PythonJson::Kind::string:
            return kStringType;
        case PythonJson::Kind::number:
            return is_whole(value) ? kIntegerType : kNumberType;
    }
    return 0;
}

std::string articles_and_names(unsigned types) {
    std::string out;
    if (types & kNumberType) types &= ~static_cast<unsigned>(kIntegerType);
    for (unsigned bit = kNullType; bit <= kStringType; bit <<= 1)
        if (types & bit) out.append(out.empty() ? "" : " or ").append(article_and_name(bit));
    return out;
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_hostname(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    while (true) {
        const std::string_view label = text.substr(0, text.find('.'));
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
        if (!std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; }))
            return false;
        if (label.size() == text.size()) return true;
        text.remove_prefix(label.size() + 1);
    }
}

bool is_email(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at == std::string_view::npos || at == 0 || at > 64) return false;
    const std::string_view local = text.substr(0, at);
    if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos) return false;
    constexpr std::string_view kAlso = "!#$%&'*+/=?^_`{|}~.-";
    return is_hostname(text.substr(at + 1)) && std::all_of(local.begin(), local.end(), [&](char c) {
               return is_alphanumeric(c) || kAlso.find(c) != std::string_view::npos || (c & 0x80) != 0;
           });
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char low = static_cast<char>(text[i] | 0x20);
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !((text[i] >= '0' && text[i] <= '9') || (low >= 'a' && low <= 'f'))) return false;
    }
    return true;
}

bool is_address(std::string_view text, int family) {
    if (text.size() > INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return false;
    unsigned char address[16];
    return inet_pton(family, std::string(text).c_str(), address) == 1;
}

}  // namespace

std::string_view article_and_name(unsigned type) {
    switch (type) {
        case kNullType:
            return "null";
        case kBooleanType:
            return "a boolean";
        case kObjectType:
            return "an object";
        case kArrayType:
            return "an array";
        case kNumberType:
            return "a number";
        case kIntegerType:
            return "an integer";
        default:
            return "a string";
    }
}

bool is_whole(const PythonJson& value) {
    if (value.is_integer()) return true;
    const double size = number(value);
    return std::isfinite(size) && std::trunc(size) == size;
}

bool has_format(std::string_view text, SchemaFormat format) {
    switch (format) {
        case SchemaFormat::none:
            return true;
        case SchemaFormat::email:
            return is_email(text);
        case SchemaFormat::hostname:
            return is_hostname(text);
        case SchemaFormat::ipv4:
            return is_address(text, AF_INET);
        case SchemaFormat::ipv6:
            return is_address(text, AF_INET6);
        case SchemaFormat::uuid:
            return is_uuid(text);
    }
    return true;
}

void append_canonical(const PythonJson& value, std::string& out) {
    switch (value.kind) {
        case PythonJson::Kind::null:
            out += "null";
            return;
        case PythonJson::Kind::boolean:
            out += value.boolean ? "true" : "false";
            return;
        case PythonJson::Kind::string:
            text::append_json_string(value.text, out);
            return;
        case PythonJson::Kind::number:
            if (value.is_integer())
                out += value.text == "-0" ? "0" : value.text;
            else if (is_whole(value))
                out += fmt::format("{:.0f}", number(value) + 0.0);  // no -0
            else
                out += fmt::format("{}", number(value));
            return;
        case PythonJson::Kind::array:
            out += '[';
            for (const PythonJson& item : value.items) {
                append_canonical(item, out);
                out += ',';
            }
            out += ']';
            return;
        case PythonJson::Kind::object: {
            std::map<std::string_view, const PythonJson*> sorted;
            for (const auto& member : value.members) sorted[member.first] = &member.second;
            out += '{';
            for (const auto& [key, inner] : sorted) {
                text::append_json_string(key, out);
                out += ':';
                append_canonical(*inner, out);
                out += ',';
            }
            out += '}';
            return;
        }
    }
}

// One walk. A failure is worded once, at the deepest place that decides; branches that may fail are walked quietly.
class SchemaCheck {
  public:
    Result<void> run(const SchemaNode& node, const PythonJson& value) {
        const bool valid = check(node, value);
        if (exhausted_) return resource_exhausted(fmt::format("the check against the schema {}", failure_));
        if (!valid) return invalid_argument(failure_);
        return Ok();
    }

  private:
    bool check(const SchemaNode& node, const PythonJson& value) {
        if (depth_ >= kDepthMax) return exhaust("is nested too deeply, or refers to itself for ever");
        if (!spend(1)) return false;
        ++depth_;
        const bool valid = check_here(node, value) && check_combined(node, value);
        --depth_;
        return valid;
    }

    bool check_here(const SchemaNode& node, const PythonJson& value) {
        if (node.never) return fail("nothing is allowed here");
        const unsigned type = type_of(value);
        if (node.types != 0 && (node.types & type) == 0)
            return fail(fmt::format("{} where {} belongs", article_and_name(type), articles_and_names(node.types)));
        if (node.values) {
            canonical_.clear();
            append_canonical(value, canonical_);
            if (!spend(static_cast<std::int64_t>(canonical_.size() / 64)) || !node.values->contains(canonical_))
                return fail("not one of the allowed values");
        }
        switch (value.kind) {
            case PythonJson::Kind::object:
                return check_object(node, value);
            case PythonJson::Kind::array:
                return check_array(node, value);
            case PythonJson::Kind::string:
                return check_string(node, value);
            case PythonJson::Kind::number:
                return check_number(node, value);
            default:
                return true;
        }
    }

    bool check_combined(const SchemaNode& node, const PythonJson& value) {
        if (node.reference != nullptr && !check(*node.reference, value)) return false;
        for (const SchemaNode* each : node.all_of)
            if (!check(*each, value)) return false;
        if (!node.any_of.empty() && count(node.any_of, value, 1) == 0) return fail("none of the schemas of anyOf fits");
        if (!node.one_of.empty()) {
            const int fitting = count(node.one_of, value, 2);
            if (fitting == 0) return fail("none of the schemas of oneOf fits");
            if (fitting > 1) return fail("more than one of the schemas of oneOf fits");
        }
        if (node.not_this != nullptr && quietly(*node.not_this, value)) return fail("the schema of not fits");
        if (node.condition != nullptr) {
            const SchemaNode* then = quietly(*node.condition, value) ? node.then_this : node.else_this;
            if (then != nullptr && !check(*then, value)) return false;
        }
        return !exhausted_;
    }

    bool check_object(const SchemaNode& node, const PythonJson& value) {
        const auto size = value.members.size();
        if (node.properties_min && size < *node.properties_min)
            return fail(fmt::format("fewer than {} members", *node.properties_min));
        if (node.properties_max && size > *node.properties_max)
            return fail(fmt::format("more than {} members", *node.properties_max));
        for (const std::string& name : node.required)
            if (!has(value, name)) return fail(fmt::format("the member \"{}\" is missing", printable(name, 60)));
        for (const auto& [name, others] : node.dependent_required)
            if (has(value, name))
                for (const std::string& other : others)
                    if (!has(value, other))
                        return fail(fmt::format("the member \"{}\" is missing beside \"{}\"", printable(other, 60),
                                                printable(name, 60)));
        for (const auto& [name, schema] : node.dependent_schemas)
            if (has(value, name) && !check(*schema, value)) return false;
        for (const auto& [name, inner] : value.members)
            if (!check_member(node, name, inner)) return false;
        return !exhausted_;
    }

    bool check_member(const SchemaNode& node, const std::string& name, const PythonJson& value) {
        if (!spend(static_cast<std::int64_t>(node.properties.size() / 8 + 1))) return false;
        const Step step(*this, name);
        if (node.property_names != nullptr && !check(*node.property_names, PythonJson::make_string(name))) return false;
        bool known = false;
        for (const auto& [property, schema] : node.properties) {
            if (property != name) continue;
            known = true;
            if (!check(*schema, value)) return false;
        }
        for (const auto& [pattern, schema] : node.patterns) {
            if (!matches(pattern, name)) continue;
            known = true;
            if (!check(*schema, value)) return false;
        }
        if (known || node.additional == nullptr) return !exhausted_;
        if (node.additional->never) return fail("a member that the schema does not know");
        return check(*node.additional, value);
    }

    bool check_array(const SchemaNode& node, const PythonJson& value) {
        const std::size_t size = value.items.size();
        if (node.items_min && size < *node.items_min) return fail(fmt::format("fewer than {} items", *node.items_min));
        if (node.items_max && size > *node.items_max) return fail(fmt::format("more than {} items", *node.items_max));
        for (std::size_t i = 0; i < size; ++i) {
            const SchemaNode* schema = i < node.prefix_items.size() ? node.prefix_items[i] : node.items;
            const Step step(*this, i);
            if (schema != nullptr && !check(*schema, value.items[i])) return false;
        }
        if (node.contains != nullptr) {
            std::uint64_t fitting = 0;
            for (const PythonJson& item : value.items) fitting += quietly(*node.contains, item) ? 1 : 0;
            if (fitting < node.contains_min.value_or(1)) return fail("too few items fit contains");
            if (node.contains_max && fitting > *node.contains_max) return fail("too many items fit contains");
        }
        if (node.unique_items) {
            std::set<std::string> seen;
            for (const PythonJson& item : value.items) {
                std::string text;
                append_canonical(item, text);
                if (!spend(static_cast<std::int64_t>(text.size() / 64 + 4))) return false;
                if (!seen.insert(std::move(text)).second) return fail("two equal items");
            }
        }
        return !exhausted_;
    }

    bool check_string(const SchemaNode& node, const PythonJson& value) {
        if (node.length_min || node.length_max) {
            const std::uint64_t length = characters(value.text);
            if (node.length_min && length < *node.length_min)
                return fail(fmt::format("fewer than {} characters", *node.length_min));
            if (node.length_max && length > *node.length_max)
                return fail(fmt::format("more than {} characters", *node.length_max));
        }
        if (node.pattern && !matches(*node.pattern, value.text)) return fail("the pattern does not match");
        if (!has_format(value.text, node.format)) return fail("not of the format asked for");
        return true;
    }

    bool check_number(const SchemaNode& node, const PythonJson& value) {
        const double size = number(value);
        if (node.minimum && size < *node.minimum) return fail(fmt::format("less than {}", *node.minimum));
        if (node.maximum && size > *node.maximum) return fail(fmt::format("more than {}", *node.maximum));
        if (node.above && size <= *node.above) return fail(fmt::format("not above {}", *node.above));
        if (node.below && size >= *node.below) return fail(fmt::format("not below {}", *node.below));
        if (node.multiple_of && !is_multiple(size, *node.multiple_of))
            return fail(fmt::format("not a multiple of {}", *node.multiple_of));
        return true;
    }

    // The place of a member or an item, for as long as it is looked at.
    struct Step {
        Step(SchemaCheck& check, std::string_view name) : check_(check), size_(check.path_.size()) {
            check.path_.append(".").append(name);
        }
        Step(SchemaCheck& check, std::size_t index) : check_(check), size_(check.path_.size()) {
            fmt::format_to(std::back_inserter(check.path_), "[{}]", index);
        }
        ~Step() { check_.path_.resize(size_); }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;

        SchemaCheck& check_;
        std::size_t size_;
    };

    bool has(const PythonJson& object, const std::string& name) {
        return spend(static_cast<std::int64_t>(object.members.size() / 8 + 1)) && object.find(name) != nullptr;
    }
    bool quietly(const SchemaNode& node, const PythonJson& value) {
        ++quiet_;
        const bool valid = check(node, value);
        --quiet_;
        return valid;
    }
    int count(const std::vector<const SchemaNode*>& schemas, const PythonJson& value, int enough) {
        int fitting = 0;
        for (const SchemaNode* schema : schemas) {
            fitting += quietly(*schema, value) ? 1 : 0;
            if (fitting == enough || exhausted_) break;
        }
        return fitting;
    }
    bool matches(const SchemaPattern& pattern, const std::string& text) {
        if (!spend(8 + static_cast<std::int64_t>(text.size() / 16))) return false;
        const Result<bool> found = pattern.found_in(text);
        if (!found.ok()) return exhaust("takes too long: a pattern goes back and forth");
        return *found;
    }

    bool spend(std::int64_t steps) {
        steps_ += steps;
        return steps_ <= kStepsMax ? !exhausted_ : exhaust("takes too many steps");
    }
    bool exhaust(std::string_view why) {
        if (!exhausted_) failure_ = why;
        exhausted_ = true;
        return false;
    }
    bool fail(std::string_view what) {
        if (quiet_ == 0 && !exhausted_) failure_ = fmt::format("{}: {}", printable(path_, 120), what);
        return false;
    }

    std::string path_ = "$";
    std::string failure_;
    std::string canonical_;
    std::int64_t steps_ = 0;
    int depth_ = 0;
    int quiet_ = 0;
    bool exhausted_ = false;
};

Result<void> JsonSchema::check(const PythonJson& value) const {
    return SchemaCheck().run(state_->nodes.front(), value);
}

}  // namespace baleen::serve
