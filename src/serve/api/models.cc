#include "serve/api/models.h"

#include <fmt/format.h>

#include "base/json.h"
#include "text/python_json.h"

namespace baleen::serve {

std::string model_body(const ListedModel& model) {
    std::string out = "{\"id\":";
    text::append_json_string(model.id, out);
    out += ",\"object\":\"model\"";
    if (model.created) out += fmt::format(",\"created\":{}", *model.created);
    out += ",\"owned_by\":";
    text::append_json_string(model.owned_by, out);
    return out + "}";
}

std::string model_list_body(std::span<const ListedModel> models) {
    std::string out = "{\"object\":\"list\",\"data\":[";
    for (const ListedModel& model : models) {
        if (&model != models.data()) out += ',';
        out += model_body(model);
    }
    return out + "]}";
}

ApiError unknown_model(std::span<const ListedModel> models, std::string_view asked, int status) {
    std::string names;
    for (const ListedModel& model : models) names += (names.empty() ? "" : ", ") + model.id;
    ApiError error =
        bad_request(fmt::format("The supported API model names are {}, but you passed {}.", names, printable(asked)));
    error.status = status;
    return error;
}

}  // namespace baleen::serve
