// GET /models and GET /models/{id} (spec api 3.1), and the refusal of a name that is not served (14). Stateless; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "serve/api/errors.h"

namespace baleen::serve {

struct ListedModel {
    std::string id;
    std::string owned_by = "deepseek";
    std::optional<std::int64_t> created =
        {};  // seconds; the service sends none, a client that insists can be given one
};

// {"object":"list","data":[...]}, in the given order.
std::string model_list_body(std::span<const ListedModel> models);
// One entry of that list.
std::string model_body(const ListedModel& model);

// "The supported API model names are A, B, but you passed X.": 400 for a request, 404 for GET /models/{id}.
ApiError unknown_model(std::span<const ListedModel> models, std::string_view asked, int status = 400);

}  // namespace baleen::serve
