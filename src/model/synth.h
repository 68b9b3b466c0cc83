// Random checkpoints in the official layout (spec architecture 2): names, shapes, dtypes, one shard per layer, tensors
// in a shard by dtype and name, index, config. A tensor's bytes depend on (seed, name) and its shape alone, so they do
// not change with the number of threads or with what else is written. Weights are scaled so that activations keep unit
// variance at any depth and experts are chosen evenly; they carry no knowledge: good for speed, memory and numerics.
//
// Writing costs what the drive costs: a core fills 1.5 GB/s and more.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/staged_directory.h"
#include "model/config.h"
#include "model/inventory.h"

namespace baleen::model {

// The presets: "flash", "pro", "flash-6l", "flash-kv", "tiny".
struct Preset {
    std::string_view name;
    std::string_view about;
    Config config;
};
const std::vector<Preset>& presets();

struct SynthOptions {
    Form form;
    std::uint64_t seed = 1;
    bool sparse = false;  // true headers over holes: everything but the numbers
    int threads = 1;
    io::Replace replace = io::Replace::no;
    // Called now and then from the calling thread or a worker: bytes written so far, and all.
    std::function<void(std::uint64_t, std::uint64_t)> progress;
    // Asked often, from any thread; true ends the writing with `cancelled` and removes everything.
    std::function<bool()> stop;
};

struct SynthReport {
    std::int64_t tensors = 0;
    std::int64_t bytes = 0;  // of tensors
    int shards = 0;
};

// Writes the checkpoint, or nothing. Errors: invalid_argument (target), resource_exhausted (drive too small), io,
// cancelled.
Result<SynthReport> write_synthetic(const Config& config, const std::filesystem::path& directory,
                                    const SynthOptions& options);

// config.json of this model, as published files have it.
std::string config_json(const Config& config, const Form& form);

}  // namespace baleen::model
