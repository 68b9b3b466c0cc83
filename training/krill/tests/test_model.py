"""The model: fused against plain, against the project's golden files, causal, exported and read back; and its optimiser."""

import contextlib
import dataclasses
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import check_engine
import export
import formats
from formats import Rounding
from model import Config, Krill, deepen, parameter_count, rope_frequencies, rotations, silence
from ops import Fused
from optim import Optimizer, orthogonalize
from plain import Plain
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/tiny"
SMALL = Config(
    vocab_size=96, hidden_size=128, compress_ratios=(0, 4, 128, 4), num_attention_heads=4, head_dim=128, q_lora_rank=128,
    sliding_window=16, index_n_heads=2, index_head_dim=64, index_topk=8, n_routed_experts=4, moe_intermediate_size=128,
)  # fmt: skip


def small_model(seed: int = 1) -> Krill:
    return check_engine.random_model(SMALL, seed)


def with_ops(model: Krill, ops: Fused | Plain) -> Krill:
    copy = Krill(model.config)
    copy.load_state_dict(model.state_dict())
    copy.ops = ops
    return copy.to(torch.float64) if ops.dtype == torch.float64 else copy


def example(batch: int = 2, length: int = 272) -> dict:
    torch.manual_seed(5)
    positions = torch.arange(length, dtype=torch.int32).repeat(batch, 1)
    positions[1:, 100:] += 5000
    return {
        "tokens": torch.randint(0, SMALL.vocab_size, (batch, length)),
        "rows": torch.randperm(batch * length)[:90],
        "positions": positions,
        "mtp": True,
        "index_queries": torch.randint(0, length, (batch, 20)),
    }


def loss_and_gradients(model: Krill, **inputs) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    out = model(**inputs)
    target = inputs["tokens"].flatten()[inputs["rows"]]
    loss = torch.nn.functional.cross_entropy(out.logits, target) + out.index_loss
    loss = loss + torch.nn.functional.cross_entropy(out.mtp_logits, target)
    loss.backward()
    return loss.detach(), {name: parameter.grad for name, parameter in model.named_parameters()}


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-12))


class Model(unittest.TestCase):
    def test_fused_is_plain(self):
        model = small_model()
        for select in (False, True):
            inputs = example() | {"select": select}
            truth, expected = loss_and_gradients(with_ops(model, Plain(torch.float64)), **inputs)
            loss, found = loss_and_gradients(with_ops(model, Fused(torch.float32)), **inputs)
            self.assertLess(relative(loss, truth), 1e-6)
            for name, gradient in expected.items():
                # In layer 0 the streams are equal, so mixing them matters to rounding only.
                bound = 1e-2 if name.startswith("layers.0.hc_attn") else 2e-4
                self.assertIsNotNone(found[name], name)
                self.assertLess(relative(found[name], gradient), bound, f"{name}, select={select}")
            loss, found = loss_and_gradients(with_ops(model, Fused(torch.bfloat16)), **inputs)
            self.assertLess(relative(loss, truth), 0.02)
            self.assertLess(relative(found["head.weight"], expected["head.weight"]), 0.1)

    def test_the_indexer_learns_alone(self):
        """Its loss reaches the indexer and nothing else."""
        inputs = example() | {"select": True, "mtp": False}
        model = with_ops(small_model(), Fused(torch.float32))
        model(**inputs).index_loss.backward()
        for name, parameter in model.named_parameters():
            moved = parameter.grad is not None and bool(parameter.grad.any())
            self.assertEqual(moved, "indexer" in name, name)

    def test_later_tokens_change_nothing(self):
        for select, ops in ((False, Fused(torch.float32)), (True, Fused(torch.float32)), (True, Plain(torch.float64))):
            model = with_ops(small_model(), ops).eval()
            inputs = example(batch=1)
            tokens = inputs["tokens"]
            changed = tokens.clone()
            changed[:, 150:] = (changed[:, 150:] + 1) % SMALL.vocab_size
            rows = torch.arange(150)
            with torch.no_grad():
                before, after = (model(ids, rows, select=select).logits for ids in (tokens, changed))
                shorter = model(tokens[:, :150], rows, select=select).logits
            self.assertLess(relative(after, before), 1e-5)
            self.assertLess(relative(shorter, before), 1e-5)

    def test_rows_are_apart(self):
        model = with_ops(small_model(), Fused(torch.float32)).eval()
        tokens = example()["tokens"]
        length = tokens.shape[1]
        with torch.no_grad():
            both = model(tokens, torch.arange(2 * length), select=True).logits
            second = model(tokens[1:], torch.arange(length), select=True).logits
        self.assertLess(relative(both[length:], second), 1e-5)

    def test_expert_balance(self):
        model = with_ops(small_model(), Fused(torch.float32))
        inputs = example()
        load = model(**inputs).expert_load
        self.assertEqual(load.shape, model.expert_bias().shape)
        tokens = inputs["tokens"].numel()
        self.assertEqual(load.sum(1).tolist(), [tokens * SMALL.num_experts_per_tok] * len(load))
        before = model.expert_bias()
        model.balance_experts(load, speed=0.5)
        moved = model.expert_bias() - before
        self.assertTrue(torch.equal(moved.sign(), (load.mean(1, keepdim=True) - load).sign()))
        without_mtp = model(**(inputs | {"mtp": False})).expert_load
        self.assertEqual(without_mtp.shape, load.shape)
        self.assertEqual(float(without_mtp[-1].sum()), 0)

    def test_wrong_shapes_are_named(self):
        for wrong, name in (
            ({"compress_ratios": (0, 8)}, "compress_ratios"),
            ({"o_groups": 3}, "o_groups"),
            ({"head_dim": 100}, "head_dim"),
            ({"index_head_dim": 32}, "qk_rope_head_dim"),
        ):
            with self.assertRaisesRegex(ValueError, name):
                Config(**wrong)


class Rope(unittest.TestCase):
    """Figures of the architecture's specification, 3.6."""

    def bits(self, frequencies: torch.Tensor, pair: int) -> int:
        return int(frequencies[pair].view(torch.int32))

    def test_frequencies(self):
        plain, stretched = rope_frequencies(Config(), False), rope_frequencies(Config(), True)
        for pair, expected in ((1, 0x3F3FF911), (8, 0x3DCCCCCD), (20, 0x3B4F3E38), (31, 0x390BD472)):
            self.assertLessEqual(abs(self.bits(plain, pair) - expected), 1)
        for pair, expected in ((1, 0x3F300A3A), (15, 0x3B6E4237), (16, 0x3B147AE1), (24, 0x37A3D70C), (31, 0x35187C4D)):
            self.assertLessEqual(abs(self.bits(stretched, pair) - expected), 1)

    def test_far_positions(self):
        rows = rotations(Config(), True, torch.tensor([1048575, 1000000]))
        torch.testing.assert_close(rows[0, [1, 33]], torch.tensor([0.8300226, 0.5577297]), rtol=0, atol=2e-6)
        torch.testing.assert_close(rows[1, [20, 52]], torch.tensor([-0.0971241, 0.9952723]), rtol=0, atol=3e-5)


@unittest.skipUnless(GOLDEN.exists(), "no golden files here")
class Golden(unittest.TestCase):
    """Files made with implementations that share no code with this one."""

    def check(self, tier: str, largest: float, rms: float):
        model = export.load(GOLDEN / "checkpoint").double()
        model.ops = Plain(torch.float64, Rounding(activations=tier == "A"))
        files = [f for f in sorted((GOLDEN / "cases").glob(f"*.{tier}.safetensors")) if "trace" not in f.name]
        compared = 0
        for file in files:
            stored = load_file(file)
            if len(stored["input_ids"]) not in (3, 128, 268):
                continue
            compared += 1
            ids = torch.cat([stored["input_ids"], stored["greedy_ids"]]).long()
            with torch.no_grad():
                logits = model(ids[None], torch.arange(len(ids)), select=True).logits
            found = torch.cat([logits[stored["positions"].long()], logits[len(stored["input_ids"]) - 1 :]])
            golden = torch.cat([stored["logits.positions"], stored["logits.steps"]]).double()
            measures = check_engine.measures(found, golden)
            self.assertLess(measures[0], largest, file.name)
            self.assertLess(measures[1], rms, file.name)
        self.assertEqual(compared, 3)

    def test_weights_only(self):
        self.check("C", *check_engine.TOLERANCE["C"]["logits"][:2])

    def test_official_numerics(self):
        self.check("A", *check_engine.TOLERANCE["A"]["logits"][:2])


class Export(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_round_trip(self):
        model = small_model()
        size = export.export(model, self.folder / "model", tokens=3_000_000)
        loaded = export.load(self.folder / "model")
        self.assertEqual(loaded.config, SMALL)
        inputs = example()
        with torch.no_grad():
            stored = with_ops(loaded, Plain(torch.float64))(**inputs).logits
            rounded = with_ops(model, Plain(torch.float64, Rounding(weights=True)))(**inputs).logits
            unrounded = with_ops(model, Plain(torch.float64))(**inputs).logits
        self.assertLess(relative(stored, rounded), 1e-9)  # fake quantisation is what the file holds
        self.assertGreater(relative(stored, unrounded), 1e-4)
        file = self.folder / "model/model.safetensors"
        self.assertLess(abs(file.stat().st_size - size), 100_000)
        card = (self.folder / "model/README.md").read_text()
        self.assertIn("3 million tokens", card)
        self.assertIn(f"{parameter_count(model) / 1e6:.1f} million", card)

    def test_files_have_what_official_ones_have(self):
        model = small_model()
        export.export(model, self.folder)
        stored = load_file(self.folder / "model.safetensors")
        kinds = {
            "layers.0.attn.wq_a": (torch.float8_e4m3fn, (128, 128), (1, 1)),
            "layers.0.attn.wo_a": (torch.float8_e4m3fn, (256, 256), (2, 2)),
            "layers.1.attn.indexer.wq_b": (torch.float8_e4m3fn, (128, 128), (1, 1)),
            "layers.2.ffn.experts.3.w1": (torch.int8, (128, 64), (128, 4)),
            "mtp.0.ffn.shared_experts.w2": (torch.float8_e4m3fn, (128, 128), (1, 1)),
        }
        for name, (dtype, shape, scale) in kinds.items():
            self.assertEqual((stored[f"{name}.weight"].dtype, tuple(stored[f"{name}.weight"].shape)), (dtype, shape), name)
            self.assertEqual(
                (stored[f"{name}.scale"].dtype, tuple(stored[f"{name}.scale"].shape)), (torch.float8_e8m0fnu, scale), name
            )
        for name in ("layers.1.attn.compressor.wkv.weight", "head.weight", "layers.3.ffn.gate.weight"):
            self.assertEqual(stored[name].dtype, torch.bfloat16, name)
        for name in (
            "layers.0.hc_attn_fn",
            "hc_head_base",
            "layers.1.attn.compressor.ape",
            "layers.1.ffn.gate.bias",
            "mtp.0.attn.attn_sink",
        ):
            self.assertEqual(stored[name].dtype, torch.float32, name)
        self.assertEqual(stored["layers.0.ffn.gate.tid2eid"].dtype, torch.int64)
        shipped = ROOT / "models/krill"
        if shipped.exists():
            config = json.loads((self.folder / "config.json").read_text())
            self.assertLessEqual(json.loads((shipped / "config.json").read_text()).keys(), config.keys())

    def test_command(self):
        model = small_model()
        torch.save(
            {"config": dict(vars(SMALL)), "model": model.state_dict(), "tokens": 5, "optimizer": {}},
            self.folder / "checkpoint.pt",
        )
        (self.folder / "tokenizer.json").write_text("{}")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            export.main(
                [str(self.folder / "checkpoint.pt"), str(self.folder / "out"), "--tokenizer", str(self.folder / "tokenizer.json")]
            )
        self.assertIn("parameters", printed.getvalue())
        expected = ["README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"]
        self.assertEqual(sorted(file.name for file in (self.folder / "out").iterdir()), expected)

    @unittest.skipUnless((ROOT / "build/release/baleen").exists(), "no engine built")
    def test_engine_agrees_and_disagreement_is_found(self):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            export.export(small_model(), self.folder / "model")
            self.assertEqual(check_engine.main([str(self.folder / "model"), "--keep", str(self.folder / "golden")]), 0)
            golden = self.folder / "golden/model"
            other = small_model()
            with torch.no_grad():
                other.layers[1].hc_ffn.scale *= 1.01
            export.export(other, self.folder / "other")
            report = check_engine.verify(ROOT / "build/release/baleen", self.folder / "other", golden, "C")
        self.assertFalse(report["ok"])


class Deepening(unittest.TestCase):
    def test_new_layers_change_next_to_nothing(self):
        model = small_model().eval()
        origins = [0, None, 1, 2, None, 3]
        torch.manual_seed(9)
        deeper = Krill(dataclasses.replace(SMALL, compress_ratios=(0, 0, 4, 128, 4, 4))).eval()
        for block, origin in zip(deeper.layers, origins):
            if origin is None:
                silence(block)
        fresh = {name: tensor.clone() for name, tensor in deeper.state_dict().items()}
        deeper.load_state_dict(deepen(model.state_dict(), origins, fresh))
        inputs = example() | {"index_queries": None}
        with torch.no_grad():
            before, after = model(**inputs), deeper(**inputs)
        for old, new in ((before.logits, after.logits), (before.mtp_logits, after.mtp_logits)):
            self.assertLess((old - new).norm() / old.norm(), 0.05)
        fresh_logits = Krill(deeper.config).eval()(**inputs).logits
        self.assertGreater((before.logits - fresh_logits).norm() / before.logits.norm(), 0.5)


class Optimisation(unittest.TestCase):
    def gradients(self, model: Krill, workers: int, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.randn(workers, parameter_count(model)) / workers**0.5

    def test_orthogonalize(self):
        torch.manual_seed(3)
        for shape in ((2, 64, 64), (2, 32, 96), (2, 96, 32)):
            u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
            values = torch.logspace(0, -2, u.shape[-1])
            turned = orthogonalize(u * values @ v)
            found = torch.linalg.svdvals(turned)
            self.assertGreater(found.min(), 0.75)
            self.assertLess(found.max(), 1.25)
            aligned = (turned * (u @ v)).sum((1, 2)) / min(shape[1:])  # 1 where it is the nearest orthogonal matrix
            self.assertGreater(aligned.min(), 0.8)
        self.assertFalse(orthogonalize(torch.zeros(1, 32, 32)).isnan().any())
        for shape in ((24, 128, 128), (24, 512, 128)):  # no direction is thrown out by rounding
            turned = orthogonalize(torch.randn(shape).bfloat16()).float()
            self.assertLess(torch.linalg.svdvals(turned).max(), 1.25)
        for dtype in (torch.float32, torch.bfloat16):
            large = torch.randn(4, 32, 48)
            for scale in (1e-3, 1e-8, 1e-12, 1e-20, 1e-36):  # beside an ordinary one: each for itself
                turned = orthogonalize(torch.cat([large, large * scale]).to(dtype)).float()
                self.assertLess(turned.abs().max(), 1.3, scale)
                self.assertEqual(bool(turned[4:].any()), scale > 1e-9, scale)

    def test_workers_do_what_one_does(self):
        models = [small_model() for _ in range(2)]
        optimizers = [Optimizer(models[0], 1), Optimizer(models[1], 2)]
        for step in range(3):
            gradients = self.gradients(models[0], 2, step)
            optimizers[0].step(gradients.sum(0, keepdim=True), 0, 1, 0.5)
            for rank in range(2):
                optimizers[1].step(gradients, rank, 2, 0.5)
        for (name, one), two in zip(models[0].named_parameters(), models[1].parameters()):
            self.assertLess(relative(one, two), 1e-3, name)

    def test_resumed_run_continues_exactly(self):
        model = small_model()
        optimizer = Optimizer(model, 1)
        for step in range(2):
            optimizer.step(self.gradients(model, 1, step))
        file = io.BytesIO()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
        resumed = small_model(seed=2)
        resumed.load_state_dict(state["model"])
        second = Optimizer(resumed, 1)
        second.load_state_dict(state["optimizer"])
        for step in range(2, 4):
            optimizer.step(self.gradients(model, 1, step))
            second.step(self.gradients(model, 1, step))
        for (name, one), two in zip(model.named_parameters(), resumed.parameters()):
            self.assertTrue(torch.equal(one, two), name)

    def test_state_of_another_model_is_refused(self):
        other = Krill(Config(vocab_size=96, compress_ratios=(0,), sliding_window=16))
        with self.assertRaisesRegex(ValueError, "another model"):
            Optimizer(other).load_state_dict(Optimizer(small_model()).state_dict())

    def test_it_learns(self):
        model = with_ops(small_model(), Fused())
        optimizer = Optimizer(model, 1)
        inputs = example(length=128)
        losses = []
        for _ in range(12):
            model.zero_grad()
            loss, gradients = loss_and_gradients(model, **inputs)
            losses.append(float(loss))
            optimizer.step(torch.cat([gradient.flatten() for gradient in gradients.values()])[None])
        self.assertLess(losses[-1], 0.6 * losses[0], losses)

    def test_unused_parts_stay(self):
        model = small_model()
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        Optimizer(model, 1).step(torch.zeros(1, parameter_count(model)))
        for name, parameter in model.named_parameters():
            self.assertTrue(torch.equal(parameter, before[name]), name)


class SharedFormats(unittest.TestCase):
    def test_fake_quantisation_trains(self):
        """With weights and activations rounded, gradients still reach every parameter, near those without."""
        inputs = example(length=136) | {"select": True}
        model = small_model()
        _, plain = loss_and_gradients(with_ops(model, Plain(torch.float32)), **inputs)
        for ops in (Plain(torch.float32, Rounding(True, True)), Fused(rounding=Rounding(True, True))):
            _, rounded = loss_and_gradients(with_ops(model, ops), **inputs)
            for name, gradient in rounded.items():
                self.assertTrue(gradient is not None and gradient.isfinite().all(), name)
            self.assertLess(relative(rounded["head.weight"], plain["head.weight"]), 0.5)

    def test_shared_experts_are_two_matrices(self):
        """Their FP8 tiles end where w1 ends, also when its height is no multiple of 128."""
        config = Config(
            vocab_size=32, compress_ratios=(0,), moe_intermediate_size=96, n_routed_experts=2, num_nextn_predict_layers=0
        )
        torch.manual_seed(1)
        model = Krill(config)
        with torch.no_grad():
            model.layers[0].ffn.shared_experts.w13[:96] *= 50
        tensors = export.quantized_tensors(model)
        w3 = model.layers[0].ffn.shared_experts.w13[96:]
        stored = formats.dequantize_fp8(
            tensors["layers.0.ffn.shared_experts.w3.weight"],
            formats.scale_values(tensors["layers.0.ffn.shared_experts.w3.scale"]),
        )
        self.assertLess(relative(stored, w3), 0.05)


if __name__ == "__main__":
    unittest.main()
