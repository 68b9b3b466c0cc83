// Opening what `baleen serve` answers with: for every lane of the configuration an engine on its model, or a script on its
// model's tokenizer. Errors are for the user and name the lane. Main thread.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sched/service.h"
#include "serve/lanes.h"
#include "serve/store/serve_config.h"

namespace baleen::cli {

// `tell` is told the stages, for people.
Result<std::vector<serve::LaneParts>> open_lanes(const serve::ServeConfig& config, const std::function<void(std::string_view)>& tell);

sched::ServiceOptions service_options(const serve::ServeConfig& config);

}  // namespace baleen::cli
