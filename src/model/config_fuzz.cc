// Any bytes as config.json: no crash; a config that is accepted can be counted and written, and comes back the same.
#include <cstdlib>

#include "model/shape.h"
#include "model/synth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen::model;
    const auto config = parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (!config.ok()) return 0;
    Form form;
    form.draft_blocks = static_cast<int>(config->compress_ratios.size()) - config->num_hidden_layers;
    if (form.draft_blocks > 0) form.draft = Draft::dspark;
    form.markov_rank = 16;
    const Account account = make_account(*config, form);
    if (account.total().bytes <= 0 || count_parameters(*config, account).active <= 0) std::abort();
    if (kv_bytes(*config, config->max_position_embeddings).total() < 0) std::abort();
    (void)compare_with_published(*config);
    const std::string text = config_json(*config, form);
    const auto again = parse_config(text, "again");
    if (!again.ok() || config_json(*again, form) != text) std::abort();
    return 0;
}
