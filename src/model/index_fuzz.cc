// Any bytes as model.safetensors.index.json: no crash; shards are plain names, entries point at them.
#include <cstdlib>

#include "model/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto index = baleen::model::parse_shard_index({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (!index.ok()) return 0;
    for (const std::string& shard : index->shards)
        if (shard.find('/') != std::string::npos || shard.find("..") == 0 || !shard.ends_with(".safetensors"))
            std::abort();
    for (const auto& entry : index->tensors)
        if (entry.shard < 0 || static_cast<std::size_t>(entry.shard) >= index->shards.size()) std::abort();
    return 0;
}
