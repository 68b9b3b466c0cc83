// index.json of golden files from hostile bytes: an error or a set whose paths stay inside the folder.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "eval/golden_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen::eval;
    const auto set = parse_golden_index({reinterpret_cast<const char*>(data), size}, "index.json", "/golden");
    if (!set.ok()) {
        CHECK(!set.error().message.empty());
        return 0;
    }
    CHECK(!set->items.empty());
    for (const GoldenItem& item : set->items) {
        const auto path = (set->folder / item.name).lexically_normal().string();
        CHECK(path.rfind("/golden/", 0) == 0 || path == "/golden", "{}", path);
    }
    return 0;
}
