"""The fused operations against their plain twins: results and gradients, in float32 sharply and in BF16 within its rounding."""

import itertools
import sys
import unittest
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from model import Config, rotations
from ops import Fused
from plain import Plain

DIM, HEADS, WIDTH, ROPE = 32, 3, 48, 16
EPS = 1e-6


def leaf(*shape: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    return (torch.randn(*shape) * scale + shift).requires_grad_()


def run(operation, inputs: list[torch.Tensor], dtype: torch.dtype, activations: set[int]) -> tuple[list, list]:
    """Results and gradients, in float64, of an operation that gets copies of the inputs, those named in the right dtype."""
    copies = [
        x.detach().to(dtype if at in activations else parameter_dtype(dtype)).requires_grad_() for at, x in enumerate(inputs)
    ]
    results = [result for result in operation(*copies) if result is not None]
    torch.manual_seed(99)
    weights = [torch.randn(result.shape) for result in results]
    total = sum((result.double() * weight).sum() for result, weight in zip(results, weights) if result.requires_grad)
    gradients = torch.autograd.grad(total, copies, allow_unused=True)
    return [r.double() for r in results], [g.double() if g is not None else None for g in gradients]


def parameter_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


class Twins(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(7)
        self.threads = torch.get_num_threads()

    def tearDown(self):
        torch.set_num_threads(self.threads)

    def compare(self, operation, inputs: list[torch.Tensor], activations: set[int], bf16: float = 0.02):
        """operation(ops, *inputs) of the plain twin in float64, and of the fused one in both types, by one and two threads."""
        truth = run(lambda *x: operation(Plain(torch.float64), *x), inputs, torch.float64, activations)
        for (dtype, bound), threads in itertools.product(((torch.float32, 1e-5), (torch.bfloat16, bf16)), (1, 2)):
            torch.set_num_threads(threads)
            found = run(lambda *x: operation(Fused(dtype), *x), inputs, dtype, activations)
            for kind, ours, theirs in zip(("result", "gradient"), found, truth):
                for at, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                    if b is None:
                        self.assertTrue(a is None or not a.any(), f"{kind} {at}")
                        continue
                    error = float((a - b).norm() / b.norm().clamp_min(1e-9))
                    self.assertLess(error, bound, f"{kind} {at}, {dtype}, {threads} threads")

    def rotation(self, tokens: int) -> torch.Tensor:
        config = Config(qk_rope_head_dim=ROPE)
        return rotations(config, True, torch.randint(0, 3000, (tokens,)))

    def test_linear(self):
        inputs = [leaf(2, 9, DIM), leaf(16, DIM), leaf(40, DIM)]
        self.compare(lambda ops, x, a, b: ops.linear(x, a, b), inputs, {0})
        self.compare(lambda ops, x, a, b: ops.linear(x, a), inputs, {0})

    def test_linear_without_input_gradient(self):
        inputs = [leaf(9, DIM), leaf(16, DIM)]
        self.compare(lambda ops, x, a: ops.linear(x.detach(), a), inputs, {0})

    def test_grouped_linear(self):
        self.compare(lambda ops, x, w: (ops.grouped_linear(x, w),), [leaf(9, 2, DIM), leaf(2, 16, DIM)], {0})

    def test_norm_rope(self):
        rotation = self.rotation(21)
        for weighted, turn, normalize, inverse in itertools.product((False, True), repeat=4):
            if not normalize and (weighted or not turn):
                continue

            def operation(ops, x, weight):
                return (ops.norm_rope(x, weight if weighted else None, rotation if turn else None, EPS, normalize, inverse),)

            with self.subTest(weighted=weighted, turn=turn, normalize=normalize, inverse=inverse):
                self.compare(operation, [leaf(21, HEADS, WIDTH), leaf(WIDTH, shift=1)], {0})

    def test_norm_of_a_column_range(self):
        """Rows of a wider array, as _Linear makes them."""

        def operation(ops, x, weight):
            return (ops.norm_rope(x[:, WIDTH : 2 * WIDTH][:, None], weight, None, EPS),)

        self.compare(operation, [leaf(21, 3 * WIDTH), leaf(WIDTH, shift=1)], {0})

    def test_mhc(self):
        for tokens in (1, 16, 37):
            inputs = [
                leaf(tokens, 4, DIM),
                leaf(24, 4 * DIM, scale=0.2),
                leaf(3, scale=0.3, shift=0.5),
                leaf(24),
                leaf(DIM, shift=1),
            ]

            def operation(ops, *parameters):
                streams, x, post, comb = ops.mhc_pre(*parameters, EPS, EPS, 20)
                return x, post, comb, ops.mhc_post(streams, x, post, comb)

            with self.subTest(tokens=tokens):
                self.compare(operation, inputs, set())

    def test_mhc_example_of_the_specification(self):
        mixes = torch.tensor([(-1) ** i * 0.1 * i for i in range(24)])
        fn = torch.zeros(24, 4 * DIM)
        fn[:, 0] = mixes
        streams = torch.zeros(1, 4, DIM)
        streams[0, 0, 0] = 1
        rms = (1 / (4 * DIM) + EPS) ** 0.5  # fn sees 1 / rms of it
        for ops in (Plain(torch.float32), Fused(torch.float32)):
            _, _, post, comb = ops.mhc_pre(
                streams, fn * rms, torch.tensor([1, 0.5, 2]), torch.arange(24) * 0.01, torch.ones(DIM), EPS, EPS, 20
            )
            torch.testing.assert_close(post[0], torch.tensor([1.11942730, 0.90033201, 1.17808087, 0.86090755]), rtol=0, atol=2e-6)
            torch.testing.assert_close(
                comb.view(4, 4)[0], torch.tensor([0.04167738, 0.45840137, 0.04167738, 0.45824292]), rtol=0, atol=2e-6
            )
            torch.testing.assert_close(comb.view(4, 4).sum(0), torch.full((4,), 1 - 1e-6), rtol=0, atol=1e-6)

    def test_pool(self):
        for ratio, length, columns in ((4, 32, 2 * WIDTH), (4, 27, 2 * WIDTH), (128, 300, WIDTH)):
            with self.subTest(ratio=ratio, length=length):
                inputs = [leaf(2, length, columns), leaf(2, length, columns), leaf(ratio, columns)]
                self.compare(lambda ops, v, g, a: (ops.pool(v, g, a),), inputs, {0, 1})

    def attention_inputs(self, length: int, ratio: int, heads: int = HEADS) -> list[torch.Tensor]:
        count = length // ratio if ratio else 1
        return [leaf(2, length, heads, WIDTH), leaf(2, length, WIDTH), leaf(2, count, WIDTH), leaf(heads)]

    def test_attention(self):
        for length, ratio, window in ((48, 0, 16), (64, 4, 16), (576, 4, 32), (53, 4, 16), (272, 128, 16)):
            rows = torch.randint(0, length, (2, 7))

            def operation(ops, q, kv, entries, sink):
                mass_rows = rows if ratio else None
                return ops.attention(q, kv, entries if ratio else None, sink, window, ratio, None, mass_rows)

            with self.subTest(length=length, ratio=ratio):
                self.compare(operation, self.attention_inputs(length, ratio), {0, 1, 2})

    def test_attention_to_selected_entries(self):
        for length, window, topk, heads in ((64, 16, 5, 3), (300, 32, 16, 4), (53, 16, 8, 5)):
            visible = (torch.arange(length) + 1) // 4
            selected = torch.full((2, length, topk), -1, dtype=torch.int32)
            for b, t in itertools.product(range(2), range(length)):
                count = min(topk, int(visible[t]))
                selected[b, t, :count] = torch.randperm(int(visible[t]))[:count].sort().values
            rows = torch.randint(0, length, (2, 7))

            def operation(ops, q, kv, entries, sink):
                return ops.attention(q, kv, entries, sink, window, 4, selected, rows)

            with self.subTest(length=length, topk=topk):
                self.compare(operation, self.attention_inputs(length, 4, heads), {0, 1, 2})

    def test_selecting_all_is_not_selecting(self):
        length = 96
        inputs = self.attention_inputs(length, 4)
        visible = ((torch.arange(length) + 1) // 4)[:, None]
        ids = torch.arange(24)
        selected = torch.where(ids < visible, ids, -1).to(torch.int32).repeat(2, 1, 1)
        ops = Fused(torch.float32)
        chosen, _ = ops.attention(*inputs, 16, 4, selected)
        everything, _ = ops.attention(*inputs, 16, 4)
        torch.testing.assert_close(chosen, everything, rtol=1e-5, atol=1e-5)

    def test_other_types_are_refused(self):
        with self.assertRaisesRegex(ValueError, "float64"):
            Fused(torch.float32).norm_rope(torch.randn(3, 1, 16), torch.ones(16, dtype=torch.float64), None, EPS)

    def test_select(self):
        for length, topk, quantum in ((40, 4, 0.0), (700, 16, 0.0), (700, 100, 0.0), (700, 16, 0.5)):
            queries, keys, weights = torch.randn(2, length, 2, 16), torch.randn(2, length // 4, 16), torch.randn(2, length, 2)
            if quantum:  # many equal scores
                queries, keys, weights = (torch.round(x / 2 / quantum) * quantum for x in (queries, keys, weights))
            found = Fused(torch.float32).select(queries, weights, keys, 4, topk)
            expected = Plain(torch.float32).select(queries, weights, keys, 4, topk)
            if quantum:
                self.assertTrue(torch.equal(found, expected), f"ties, {length}")
            else:
                self.assertLess((found != expected).float().mean().item(), 1e-3, f"{length} {topk}")
            self.assertTrue(torch.equal(found < 0, expected < 0))

    def test_experts(self):
        tokens, experts, inner = 300, 4, 32
        ids = torch.rand(tokens, experts).topk(2).indices
        ids[ids == 3] = 0  # an expert nobody wants
        inputs = [
            leaf(tokens, DIM), leaf(tokens, 2), leaf(experts, 2 * inner, DIM, scale=0.5), leaf(experts, DIM, inner, scale=0.3),
            leaf(2 * inner, DIM, scale=0.5), leaf(DIM, inner, scale=0.3),
        ]  # fmt: skip
        for limit in (10.0, 1.0):
            with self.subTest(limit=limit):
                self.compare(lambda ops, x, w, *matrices: (ops.experts(x, ids, w, *matrices, limit),), inputs, {0}, bf16=0.1)


if __name__ == "__main__":
    unittest.main()
