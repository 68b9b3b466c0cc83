// Any bytes as a configuration file: no crash, and tables that are taken read back the same when written.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "serve/store/config_tables.h"
#include "serve/store/settings.h"
#include "serve/store/toml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    using namespace baleen::serve;
    const auto root = parse_toml({reinterpret_cast<const char*>(data), size}, "f");
    if (!root.ok()) return 0;
    ServeConfig config;
    for (const auto& [key, value] : root->members)
        if (const Setting* setting = find_setting(key))
            if (set_from_toml(*setting, value, "/", config).ok()) (void)value_as_toml(*setting, config);
    if (!read_tables(*root, "f", config).ok()) return 0;
    if (!config.models.check(std::vector<std::string>{"main"}).ok()) return 0;

    const std::string written = tables_as_toml(config);
    const auto again = parse_toml(written, "default");
    CHECK(again.ok(), "{}\n{}", again.error().message, written);
    ServeConfig second;
    second.default_models = second.default_prices = false;
    const auto taken = read_tables(*again, "default", second);
    CHECK(taken.ok(), "{}\n{}", taken.error().message, written);
    CHECK(second.models.entries().size() == config.models.entries().size());
    CHECK(second.prices.rows().size() == config.prices.rows().size());
    return 0;
}
