"""The model in torch beside the engine: same checkpoint, same logits. `python training/krill/check_engine.py [MODEL ...]`

A MODEL is an exported directory or a training checkpoint; without one, small random models of several shapes are made. For each,
golden files in the format of `baleen verify` are written from plain torch in float64: tier C (weights-only numerics: the stored
weights, activations unrounded) and tier A (official numerics: every rounding of the reference). Then `baleen verify` compares,
within the tolerances measured for the project's golden files.

A trained model may be noisier in tier A than those: a rounding flips an expert or a selected entry, and the rest follows. So its
golden rows are computed again in other legitimate ways, and where twice their spread is more than the tolerance, it takes its
place; the table shows it. Random models are held to the tolerances as they are. Exit code 1 on disagreement.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from export import export, load, load_checkpoint
from formats import Rounding
from model import Config, Krill
from plain import Plain
from safetensors.torch import save_file

# Largest difference, rms difference (both over the rms of the golden rows), share of elements that differ by more than a
# hundredth of it: four times the spread that other orders of summation cause in correct implementations.
TOLERANCE = {
    "A": {"logits": [0.59, 0.054, 1.0], "mtp.0.logits": [0.066, 0.01, 0.014]},
    "C": {"logits": [1.4e-5, 1.4e-6, 0.0], "mtp.0.logits": [1.4e-5, 1.4e-6, 0.0]},
}
OTHER_WAYS = ((torch.float32, 1.0), (torch.float32, 0.7), (torch.float64, 0.6), (torch.float64, 0.85))  # dtype, Plain.p_scale
NUMERICS = {"A": "official", "C": "weights-only"}
GREEDY = 6  # tokens continued after a prompt
PROMPTS = (3, 37, 130, 300)  # lengths: around a window, and past 4 * index_topk where entries are selected

# The shapes of random models: window only to all kinds of layers, several heads, groups, experts and widths.
RANDOM = {
    "small": Config(vocab_size=512, compress_ratios=(0, 4, 128, 4), index_topk=16),
    "wide": Config(
        vocab_size=384, hidden_size=256, compress_ratios=(128, 4, 0), num_attention_heads=8, o_groups=4, head_dim=256,
        q_lora_rank=256, sliding_window=32, index_n_heads=2, index_topk=24, n_routed_experts=6, num_experts_per_tok=3,
        moe_intermediate_size=256, num_hash_layers=0, routed_scaling_factor=2.5,
    ),
    "no-mtp": Config(vocab_size=512, compress_ratios=(0, 4), num_nextn_predict_layers=0, index_topk=8, index_head_dim=64),
}  # fmt: skip


def random_model(config: Config, seed: int) -> Krill:
    """Random weights, also where training starts from zeros and ones. Sublayers speak softly, as roundings would otherwise grow
    from layer to layer in a way they do not in a trained model."""
    torch.manual_seed(seed)
    model = Krill(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("norm.weight", "hc_attn.scale", "hc_ffn.scale", "attn_sink")) or name.endswith("ape"):
                parameter += 0.2 * torch.randn_like(parameter)
            if name.endswith(("wo_b.weight", "experts.w2")):
                parameter *= 0.3
        for name, buffer in model.named_buffers():
            if name.endswith("gate.bias"):
                buffer.copy_(0.05 * torch.randn_like(buffer))
    return model.eval()


def prompts(config: Config, seed: int) -> list[torch.Tensor]:
    """Random ids, beginning with the token a text begins with; the second half of a long prompt repeats the first."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for length in PROMPTS:
        ids = torch.randint(0, config.vocab_size, (length,), generator=generator)
        if length > 200:
            ids[length // 2 :] = ids[: length - length // 2]
        ids[0] = 0
        made.append(ids)
    return made


@torch.no_grad()
def all_logits(model: Krill, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of every position; of the MTP block, too, but for the last, whose next token is not known."""
    has_mtp = bool(model.config.num_nextn_predict_layers)
    out = model(ids[None], torch.arange(len(ids)), select=True, mtp=has_mtp)
    return {"logits": out.logits.double()} | ({"mtp.0.logits": out.mtp_logits[:-1].double()} if has_mtp else {})


@torch.no_grad()
def greedy_continuation(model: Krill, prompt: torch.Tensor) -> torch.Tensor:
    ids = prompt
    for _ in range(GREEDY):
        ids = torch.cat([ids, model(ids[None], torch.tensor([len(ids) - 1]), select=True).logits.argmax(-1)])
    return ids[len(prompt) :]


def measures(found: torch.Tensor, golden: torch.Tensor) -> list[float]:
    """Largest difference and rms difference over the rms, share of elements that differ by more than a hundredth of it."""
    rms = golden.square().mean().sqrt()
    difference = (found - golden).abs()
    return [
        float(difference.max() / rms),
        float(difference.square().mean().sqrt() / rms),
        float((difference > rms / 100).double().mean()),
    ]


def golden_case(
    model: Krill, other: Krill | None, prompt: torch.Tensor, tier: str
) -> tuple[dict[str, torch.Tensor], dict[str, list[float]]]:
    """The tensors of a case, and the spread of its logits. `other` is the model in float32; without it no spread is measured."""
    rounding = Rounding(activations=tier == "A")
    model.ops = Plain(torch.float64, rounding)
    greedy = greedy_continuation(model, prompt)
    ids = torch.cat([prompt, greedy])
    golden = all_logits(model, ids)
    length = len(prompt)
    rows = {
        "positions": torch.arange(0, length - 1, max(1, length // 8))[:8],
        "steps": torch.arange(length - 1, length + GREEDY),
        "mtp.0.positions": torch.arange(0, length + GREEDY - 2, max(1, length // 8)),
    }
    tensors = {
        "input_ids": prompt.int(),
        "greedy_ids": greedy.int(),
        "positions": rows["positions"].int(),
        "logits.positions": golden["logits"][rows["positions"]].float(),
        "logits.steps": golden["logits"][rows["steps"]].float(),
    }
    stored = {"logits": torch.cat([rows["positions"], rows["steps"]])}
    if tier == "A" and "mtp.0.logits" in golden:
        stored["mtp.0.logits"] = rows["mtp.0.positions"]
        tensors["mtp.0.positions"] = rows["mtp.0.positions"].int()
        tensors["mtp.0.logits"] = golden["mtp.0.logits"][rows["mtp.0.positions"]].float()
    spread = {kind: [0.0, 0.0, 0.0] for kind in stored}
    for dtype, p_scale in OTHER_WAYS if tier == "A" and other else ():
        one = model if dtype == torch.float64 else other
        one.ops = Plain(dtype, rounding, p_scale)
        found = all_logits(one, ids)
        for kind, at in stored.items():
            spread[kind] = list(map(max, spread[kind], measures(found[kind][at], golden[kind][at])))
    return {name: tensor.contiguous() for name, tensor in tensors.items()}, spread


def firm_steps(tensors: dict[str, torch.Tensor], tolerance: list[float]) -> list[int]:
    """Steps where no difference within the tolerance makes another id the largest."""
    steps = tensors["logits.steps"]
    allowed = tolerance[0] * float(torch.cat([tensors["logits.positions"], steps]).square().mean().sqrt())
    best = steps[:-1].topk(2).values
    return [step for step, (first, second) in enumerate(best.tolist()) if first - second > 2 * allowed]


def write_golden(path: Path, folder: Path, seed: int, measure_spread: bool) -> None:
    """Golden files of the exported model at `path` into `folder`, whose index.json names them."""
    model, other = load(path).double(), load(path) if measure_spread else None
    tolerance = {tier: {kind: list(numbers) for kind, numbers in kinds.items()} for tier, kinds in TOLERANCE.items()}
    made = []
    (folder / "cases").mkdir(parents=True)
    for number, prompt in enumerate(prompts(model.config, seed)):
        for tier in ("C", "A"):
            tensors, spread = golden_case(model, other, prompt, tier)
            made.append((f"p{number:02}-{len(prompt)}", tier, tensors))
            for kind, numbers in spread.items():
                tolerance[tier][kind] = [max(old, min(2 * new, limit)) for old, new, limit in
                                         zip(tolerance[tier][kind], numbers, (10.0, 1.0, 1.0))]  # fmt: skip
    cases: dict[str, dict] = {}
    for name, tier, tensors in made:
        file = f"cases/{name}.{tier}.safetensors"
        save_file(tensors, folder / file)
        case = cases.setdefault(name, {"name": name, "tokens": len(tensors["input_ids"]), "tiers": {}})
        case["tiers"][tier] = {"file": file, "greedy_firm": firm_steps(tensors, tolerance[tier]["logits"])}
    index = {"checkpoint": "checkpoint", "seed": seed, "cases": list(cases.values()), "tolerance": tolerance}
    (folder / "index.json").write_text(json.dumps(index, indent=1))


def verify(engine: Path, model: Path, golden: Path, tier: str) -> dict:
    """What `baleen verify` says of one tier."""
    command = [engine, "verify", "--golden", golden, "--model", model, "--numerics", NUMERICS[tier], "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def table_rows(name: str, tier: str, report: dict) -> list[tuple[str, ...]]:
    """One line per kind of tensor: how many were compared, the worst differences of all files over the rms, what is allowed."""
    kinds: dict[str, list[dict]] = {}
    for file in (file for found in report["sets"] for file in found["files"]):
        for check in file["checks"]:
            kinds.setdefault(check["tensor"], []).append(check)
        if file.get("error"):
            kinds.setdefault(file["error"], []).append({"ok": False})
    rows = []
    for kind, checks in kinds.items():
        measured = [check["measures"] for check in checks if "measures" in check]
        worst = [f"{max(one[key] for one in measured):.1e}" if measured else "" for key in ("max", "rms")]
        allowed = f"{checks[0]['tolerance']['rms']:.1e}" if measured else ""
        good = "agrees" if all(check["ok"] for check in checks) else "DIFFERS"
        rows.append(
            (name, tier, NUMERICS[tier], kind, str(sum(check.get("compared", 0) for check in checks)), *worst, allowed, good)
        )
    return rows


def print_table(rows: list[tuple[str, ...]]) -> None:
    head = ("model", "tier", "numerics", "tensor", "compared", "largest", "rms", "rms allowed", "")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main(arguments: list[str]) -> int:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", type=Path, nargs="*", help="exported directories or training checkpoints; default: random models"
    )
    parser.add_argument("--engine", type=Path, default=root / "build/release/baleen")
    parser.add_argument("--seed", type=int, default=1, help="of prompts and random models")
    parser.add_argument("--keep", type=Path, help="a folder that does not exist yet, where the golden files stay")
    options = parser.parse_args(arguments)
    if not options.engine.exists():
        raise SystemExit(f"{options.engine} is not there: `make build` builds it")
    rows, good = [], True
    with tempfile.TemporaryDirectory() as temporary:
        work = options.keep or Path(temporary) / "golden"
        work.mkdir(parents=True)
        for name in [str(model) for model in options.models] or list(RANDOM):
            folder = work / Path(name).stem
            model = Path(name) if options.models else None
            if model is None or not model.is_dir():
                trained = random_model(RANDOM[name], options.seed) if model is None else load_checkpoint(model)[0]
                model = folder / "checkpoint"
                export(trained, model, name=Path(name).stem)
            write_golden(model, folder, options.seed, measure_spread=bool(options.models))
            for tier in ("C", "A"):
                report = verify(options.engine, model, folder, tier)
                rows += table_rows(Path(name).stem, tier, report)
                good &= report["ok"]
                for found in report["sets"]:
                    if found["first_divergence"]:
                        print(json.dumps(found["first_divergence"]), file=sys.stderr)
    print_table(rows)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
