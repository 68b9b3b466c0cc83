#include "model/placement.h"

#include <algorithm>
#include <map>

#include "base/check.h"

namespace baleen::model {

std::vector<int> unit_nodes(std::span<const Stretch> tensors, std::uint64_t file_bytes, std::uint64_t unit, std::span<const int> nodes) {
    CHECK(unit > 0 && !nodes.empty());
    std::vector<std::map<int, std::uint64_t>> read((file_bytes + unit - 1) / unit);  // by unit: bytes for each node
    for (const Stretch& tensor : tensors) {
        std::uint64_t begin = 0;  // within the tensor
        for (std::size_t first = 0, last; first < nodes.size(); first = last) {
            for (last = first + 1; last < nodes.size() && nodes[last] == nodes[first];) ++last;  // members side by side on one node
            const std::uint64_t end = tensor.bytes / nodes.size() * last + tensor.bytes % nodes.size() * last / nodes.size();
            for (std::uint64_t at = tensor.offset + begin; at < tensor.offset + end;) {
                const std::uint64_t until = std::min(tensor.offset + end, (at / unit + 1) * unit);
                if (at / unit < read.size()) read[at / unit][nodes[first]] += until - at;
                at = until;
            }
            begin = end;
        }
    }
    std::vector<int> out;
    out.reserve(read.size());
    for (const auto& by_node : read) {
        const auto most = std::max_element(by_node.begin(), by_node.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        out.push_back(most == by_node.end() ? nodes[0] : most->first);
    }
    return out;
}

}  // namespace baleen::model
