// Any bytes: no crash, and what is accepted comes out equal after writing and reading again, in both kinds of tree.
#include <cstdint>
#include <cstdlib>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const baleen::JsonLimits limits{.bytes = 1 << 16, .depth = 32, .keys = 1000, .values = 5000};
    const auto tree = baleen::parse_json(text, limits);
    const auto ordered = baleen::parse_ordered_json(text, limits);
    if (tree.ok() != ordered.ok()) std::abort();
    if (!tree.ok()) return 0;
    const auto again = baleen::parse_json(tree->dump());
    if (!again.ok() || *again != *tree) std::abort();
    // The library's own reader must accept whatever the strict one does.
    if (nlohmann::json::parse(text.begin(), text.end(), nullptr, false) != *tree) std::abort();
    return 0;
}
