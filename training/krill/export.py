"""Writes a training checkpoint in the official layout: `python training/krill/export.py CHECKPOINT OUT --tokenizer FILE`.

OUT becomes a model directory: config.json, model.safetensors (FP4 experts, FP8 dense, BF16 and float32 rest), tokenizer.json,
generation_config.json and README.md, the model card. load() reads such a directory back into the model.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import formats
import torch
from model import Config, Krill, parameter_count
from safetensors.torch import load_file, save_file

_FP8 = re.compile(r"(attn\.(wq_a|wq_b|wkv|wo_a|wo_b)|indexer\.wq_b|e_proj|h_proj|shared_experts\.w[123])\.weight$")
_FP4 = re.compile(r"\.experts\.\d+\.w[123]\.weight$")
_FLOAT = re.compile(r"(attn_sink|ape|gate\.bias|hc_(attn|ffn|head)_(fn|base|scale))$")
_TABLE = re.compile(r"tid2eid$")
_MAX_POSITIONS = 1048576


# Names -------------------------------------------------------------------------------------------------------------------------


def official_tensors(state: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """The model's tensors under their official names: experts apart, w1 and w3 apart."""
    for name, tensor in state.items():
        if name.endswith(("experts.w13", "experts.w2")):
            stem, _, matrix = name.rpartition(".")
            one = stem.endswith("shared_experts")
            for expert, weight in enumerate([tensor] if one else tensor):
                prefix = stem if one else f"{stem}.{expert}"
                if matrix == "w2":
                    yield f"{prefix}.w2.weight", weight
                else:
                    w1, w3 = weight.chunk(2)
                    yield f"{prefix}.w1.weight", w1
                    yield f"{prefix}.w3.weight", w3
        else:
            yield re.sub(r"(hc_\w+)\.(fn|base|scale)$", r"\1_\2", name), tensor


def _state_from_official(tensors: dict[str, torch.Tensor], like: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of official_tensors; `like` has the names and shapes."""
    state = {}
    for name, tensor in like.items():
        if name.endswith(("experts.w13", "experts.w2")):
            stem, _, matrix = name.rpartition(".")
            prefixes = [stem] if stem.endswith("shared_experts") else [f"{stem}.{expert}" for expert in range(tensor.shape[0])]
            names = ("w2",) if matrix == "w2" else ("w1", "w3")
            stacked = torch.stack([torch.cat([tensors.pop(f"{prefix}.{one}.weight") for one in names]) for prefix in prefixes])
            state[name] = stacked.view(tensor.shape)
        else:
            state[name] = tensors.pop(re.sub(r"(hc_\w+)\.(fn|base|scale)$", r"\1_\2", name))
    if tensors:
        raise ValueError(f"the model has no place for {next(iter(tensors))}")
    return state


# config.json -------------------------------------------------------------------------------------------------------------------


def official_config(config: Config) -> dict:
    mtp = config.num_nextn_predict_layers
    return {
        "architectures": ["DeepseekV4ForCausalLM"],
        "model_type": "deepseek_v4",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": len(config.compress_ratios),
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": 1,
        "head_dim": config.head_dim,
        "qk_rope_head_dim": config.qk_rope_head_dim,
        "q_lora_rank": config.q_lora_rank,
        "o_lora_rank": config.o_lora_rank,
        "o_groups": config.o_groups,
        "sliding_window": config.sliding_window,
        "compress_ratios": [*config.compress_ratios, *[0] * mtp],
        "index_n_heads": config.index_n_heads,
        "index_head_dim": config.index_head_dim,
        "index_topk": config.index_topk,
        "n_routed_experts": config.n_routed_experts,
        "n_shared_experts": 1,
        "num_experts_per_tok": config.num_experts_per_tok,
        "moe_intermediate_size": config.moe_intermediate_size,
        "num_hash_layers": config.num_hash_layers,
        "scoring_func": "sqrtsoftplus",
        "topk_method": "noaux_tc",
        "norm_topk_prob": True,
        "routed_scaling_factor": config.routed_scaling_factor,
        "swiglu_limit": config.swiglu_limit,
        "hidden_act": "silu",
        "hc_mult": config.hc_mult,
        "hc_sinkhorn_iters": config.hc_sinkhorn_iters,
        "hc_eps": config.hc_eps,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope_theta,
        "compress_rope_theta": config.compress_rope_theta,
        "rope_scaling": config.rope_scaling,
        "max_position_embeddings": _MAX_POSITIONS,
        "num_nextn_predict_layers": mtp,
        "expert_dtype": "fp4",
        "quantization_config": {
            "quant_method": "fp8",
            "fmt": "e4m3",
            "scale_fmt": "ue8m0",
            "activation_scheme": "dynamic",
            "weight_block_size": [formats.TILE, formats.TILE],
        },
        "bos_token_id": 0,
        "eos_token_id": 1,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "torch_dtype": "bfloat16",
        "use_cache": True,
    }


def config_from_official(official: dict) -> Config:
    fields = {name: official[name] for name in Config.__dataclass_fields__ if name in official}
    fields["compress_ratios"] = official["compress_ratios"][: official["num_hidden_layers"]]
    return Config(**fields)


# Files -------------------------------------------------------------------------------------------------------------------------


def quantized_tensors(model: Krill) -> dict[str, torch.Tensor]:
    """What model.safetensors holds."""
    out = {}
    for name, tensor in official_tensors(model.state_dict()):
        tensor = tensor.detach()
        if _TABLE.search(name):
            out[name] = tensor.clone()
        elif _FLOAT.search(name):
            out[name] = tensor.float().clone()
        elif _FP8.search(name):
            values, scale = formats.quantize_fp8(tensor.float())
            out[name], out[name.removesuffix("weight") + "scale"] = values, formats.scale_bytes(scale)
        elif _FP4.search(name):
            codes, scale = formats.quantize_fp4(tensor.float())
            out[name], out[name.removesuffix("weight") + "scale"] = formats.pack_fp4(codes), formats.scale_bytes(scale)
        else:
            out[name] = tensor.to(torch.bfloat16)
    return {name: tensor.contiguous() for name, tensor in out.items()}


def _dequantized_tensors(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    out = {}
    for name, tensor in stored.items():
        if name.endswith(".scale"):
            continue
        scale = stored.get(name.removesuffix("weight") + "scale")
        if scale is None:
            out[name] = tensor if tensor.dtype == torch.int64 else tensor.float()
        elif tensor.dtype == torch.int8:
            out[name] = formats.dequantize_fp4(formats.unpack_fp4(tensor), formats.scale_values(scale))
        else:
            out[name] = formats.dequantize_fp8(tensor, formats.scale_values(scale))
    return out


def export(model: Krill, out: Path, tokenizer: Path | None = None, name: str = "krill", tokens: int = 0) -> int:
    """Writes the directory; the size of its tensors in bytes. `tokens`: how many the model was trained on, for its card."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = quantized_tensors(model)
    temporary = out / "model.safetensors.new"
    save_file(tensors, temporary, metadata={"format": "pt"})
    temporary.replace(out / "model.safetensors")
    config = official_config(model.config)
    generation = {"bos_token_id": 0, "do_sample": True, "eos_token_id": 1, "temperature": 1.0, "top_p": 1.0}
    for file, content in (("config.json", config), ("generation_config.json", generation)):
        (out / file).write_text(json.dumps(content, indent=1) + "\n")
    if tokenizer:
        shutil.copyfile(tokenizer, out / "tokenizer.json")
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    (out / "README.md").write_text(model_card(model, name, tokens, size))
    return size


def load(path: Path) -> Krill:
    """The model of an exported (or any small official) directory, with its weights as they are stored."""
    model = Krill(config_from_official(json.loads((path / "config.json").read_text())))
    stored = {}
    for file in sorted(path.glob("model*.safetensors")):  # one here, several in larger checkpoints
        stored.update(load_file(file))
    model.load_state_dict(_state_from_official(_dequantized_tensors(stored), model.state_dict()))
    return model.eval()


def load_checkpoint(path: Path) -> tuple[Krill, dict]:
    """The model of a training checkpoint, with the mean of its last weights, and the checkpoint."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = Krill(Config(**state["config"]))
    model.load_state_dict(state.get("average") or state["model"])
    return model.eval(), state


# Model card --------------------------------------------------------------------------------------------------------------------


def model_card(model: Krill, name: str, tokens: int, size: int) -> str:
    config = model.config
    kinds = {0: "window", 4: "CSA", 128: "HCA"}
    layers = ", ".join(kinds[ratio] for ratio in config.compress_ratios)
    experts = f"{config.n_routed_experts}, {config.num_experts_per_tok} a token, and a shared one"
    trained = f"{tokens / 1e6:.0f} million tokens" if tokens else "no tokens yet"
    return f"""---
license: mit
language: en
library_name: baleen
pipeline_tag: text-generation
tags: [deepseek_v4, tiny, synthetic]
---
# {name}

A very small language model with the DeepSeek-V4 architecture, complete: hyper-connections, window, compressed and heavily
compressed attention with its indexer, hash-routed and scored experts, a block for multi-token prediction; in the official layout
and number formats (FP4 experts, FP8 dense, BF16). It was trained from nothing on synthetic English so that an engine for V4
can be tried, tested and measured by behaviour where the large models do not fit. It knows nothing of the world.

| | |
|---|---|
| parameters | {parameter_count(model) / 1e6:.1f} million, {size / 1e6:.1f} MB |
| layers | {layers}{"; one MTP block" if config.num_nextn_predict_layers else ""} |
| hidden size, heads | {config.hidden_size}, {config.num_attention_heads} of {config.head_dim} |
| experts | {experts}; {config.num_hash_layers} hash-routed layers |
| window, entries selected | {config.sliding_window}, {config.index_topk} |
| vocabulary | {config.vocab_size}, byte-level BPE with V4's control tokens |
| trained on | {trained} |

It answers questions about a document in its prompt (facts, several at once, quoting, counting, what is not there), reads tables,
logs and JSON, calls one of a few tools and uses the result, fills JSON by a schema, completes small code and given prefixes, says
who it is, and says that it does not know beyond that. Prompts are those of the V4 chat format; short and simple English in the
manner of its training text works best. Use greedy decoding.

    baleen chat --model {name}

Trained by `make krill` in the baleen repository, whose `docs/krill.md` has recipe, measurements and limits.
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="checkpoint.pt of train.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of the training run")
    parser.add_argument("--name", default="krill", help="for the model card")
    options = parser.parse_args(arguments)
    model, state = load_checkpoint(options.checkpoint)
    size = export(model, options.out, options.tokenizer, options.name, state.get("tokens", 0))
    print(f"{options.out}: {parameter_count(model) / 1e6:.2f}M parameters, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
