#include "serve/api/json_object.h"

#include <fmt/format.h>

namespace baleen::serve {

using text::PythonJson;

namespace {

// As deep as the reader's own limit allows (PythonJsonLimits::depth).
void append(const PythonJson& value, std::string& out) {
    switch (value.kind) {
        case PythonJson::Kind::null:
            out += "null";
            break;
        case PythonJson::Kind::boolean:
            out += value.boolean ? "true" : "false";
            break;
        case PythonJson::Kind::number:
            out += text::python_number(value.text);
            break;
        case PythonJson::Kind::string:
            text::append_json_string(value.text, out);
            break;
        case PythonJson::Kind::array:
            out += '[';
            for (std::size_t i = 0; i < value.items.size(); ++i) {
                if (i > 0) out += ',';
                append(value.items[i], out);
            }
            out += ']';
            break;
        case PythonJson::Kind::object:
            out += '{';
            for (std::size_t i = 0; i < value.members.size(); ++i) {
                if (i > 0) out += ',';
                text::append_json_string(value.members[i].first, out);
                out += ':';
                append(value.members[i].second, out);
            }
            out += '}';
            break;
    }
}

}  // namespace

std::string compact_json(const PythonJson& value) {
    std::string out;
    append(value, out);
    return out;
}

std::string float_json(double value) {
    // The service keeps them as 32-bit floats, whose shortest spelling is the client's own.
    std::string out = fmt::format("{}", static_cast<float>(value));
    if (out.find_first_of(".en") == std::string::npos) out += ".0";
    return out;
}

std::string sse(std::string_view event, std::string_view data) {
    return fmt::format("event: {}\ndata: {}\n\n", event, data);
}

}  // namespace baleen::serve
