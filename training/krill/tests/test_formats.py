"""Number formats: the values, scales and bytes the official checkpoints hold, on figures of the architecture's specification."""

import sys
import unittest
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import formats
from formats import Rounding


def all_e2m1() -> list[float]:
    return formats.e2m1_values(torch.arange(16)).tolist()


class Fp4(unittest.TestCase):
    def test_codes(self):
        self.assertEqual(all_e2m1(), [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
        self.assertEqual(formats.e2m1_codes(torch.tensor(all_e2m1())).tolist(), list(range(16)))

    def test_ties_go_to_even_codes(self):
        borders = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
        self.assertEqual(formats.round_e2m1(borders).tolist(), [0, 1, 1, 2, 2, 4, 4])
        self.assertEqual(formats.round_e2m1(-borders).tolist(), [-0.0, -1, -1, -2, -2, -4, -4])

    def test_rounding_is_to_the_nearest(self):
        x = torch.linspace(-7, 7, 4001, dtype=torch.float64)
        values = torch.tensor(all_e2m1(), dtype=torch.float64)
        nearest = (x[:, None] - values).abs().amin(1)
        torch.testing.assert_close((formats.round_e2m1(x) - x).abs(), nearest, rtol=0, atol=0)

    def test_packing(self):
        codes = torch.tensor([[1, 2, 15, 8]], dtype=torch.uint8)
        packed = formats.pack_fp4(codes)
        self.assertEqual(packed.view(torch.uint8).tolist(), [[0x21, 0x8F]])  # the even input is the low half
        self.assertEqual(formats.unpack_fp4(packed).tolist(), codes.tolist())

    def test_weights_are_represented_exactly(self):
        torch.manual_seed(1)
        weight = torch.randn(3, 40, 128)
        codes, scale = formats.quantize_fp4(weight)
        self.assertEqual(scale.shape, (3, 40, 4))
        back = formats.dequantize_fp4(
            formats.unpack_fp4(formats.pack_fp4(codes)), formats.scale_values(formats.scale_bytes(scale))
        )
        self.assertTrue(torch.equal(back, formats.round_fp4_weight(weight)))
        self.assertTrue(torch.equal(formats.round_fp4_weight(back), back))

    def test_clipping_only_where_it_pays(self):
        torch.manual_seed(2)
        weight = torch.randn(64, 32)
        groups = weight.abs().amax(1, keepdim=True)
        plain_scale = formats.power_of_two_above(groups / 6)
        plain = formats.round_e2m1(weight / plain_scale) * plain_scale
        error, plain_error = ((w - weight).square().sum(1) for w in (formats.round_fp4_weight(weight), plain))
        self.assertTrue((error <= plain_error).all())
        self.assertTrue((error < plain_error).any())


class Fp8(unittest.TestCase):
    def test_scales(self):
        for amax, exponent in ((1e-5, -22), (1.0, -8), (3.5, -7), (7.0, -6), (448.0, 0), (449.0, 1)):
            x = torch.zeros(128)
            x[5] = amax
            rounded = formats.round_fp8_activation(x)
            step = 2.0**exponent
            self.assertEqual(rounded[5].item(), formats.round_e4m3(formats.round_bf16(x[5]) / step).item() * step)

    def test_group(self):
        x = torch.zeros(128)
        x[:4] = torch.tensor([3.5, 0.3, -1.7, 0.011])
        self.assertEqual(formats.round_fp8_activation(x)[:4].tolist(), [3.5, 0.3125, -1.75, 0.0107421875])

    def test_fp4_scales(self):
        for amax, scale in ((1.5, 0.25), (3.0, 0.5), (6.0, 1.0), (6.03, 2.0)):
            x = torch.zeros(32)
            x[0] = amax
            x[1] = 0.6 * scale
            self.assertEqual(formats.round_fp4_activation(x)[1].item(), 0.5 * scale)

    def test_tiles(self):
        torch.manual_seed(3)
        weight = torch.randn(2, 200, 260)
        weight[:, :128, :128] *= 100
        values, scale = formats.quantize_fp8(weight)
        self.assertEqual(scale.shape, (2, 2, 3))
        self.assertEqual(values.dtype, torch.float8_e4m3fn)
        back = formats.dequantize_fp8(values, formats.scale_values(formats.scale_bytes(scale)))
        self.assertTrue(torch.equal(back, formats.round_fp8_weight(weight)))
        self.assertLess(
            ((back - weight).abs() / scale.repeat_interleave(128, 1)[:, :200].repeat_interleave(128, 2)[..., :260]).max(), 16.1
        )
        self.assertLess(((back - weight).norm() / weight.norm()).item(), 0.03)


class Helpers(unittest.TestCase):
    def test_power_of_two_above(self):
        x = torch.tensor([1.0, 1.0000001, 2.0, 3.0, 0.75, 2.0**-130, 1.5 * 2.0**-126])
        self.assertEqual(formats.power_of_two_above(x).tolist(), [1, 2, 2, 4, 1, 2.0**-130, 2.0**-125])

    def test_hadamard(self):
        turned = torch.arange(1.0, 9) @ formats.hadamard(8) * 8**0.5
        torch.testing.assert_close(turned, torch.tensor([36.0, -4, -8, 0, -16, 0, 0, 0]))
        with self.assertRaisesRegex(ValueError, "power of two"):
            formats.hadamard(48)

    def test_gradient_goes_straight_through(self):
        x = torch.randn(4, 128, requires_grad=True)
        Rounding(activations=True).linear_input(x).sum().backward()
        self.assertTrue(torch.equal(x.grad, torch.ones_like(x)))

    def test_nothing_is_rounded_unasked(self):
        x = torch.randn(4, 128)
        for name in ("fp8_weight", "fp4_weight", "bf16_weight", "bf16", "linear_input", "index_vector"):
            self.assertIs(getattr(Rounding(), name)(x), x)

    def test_kv_entry(self):
        torch.manual_seed(4)
        x = torch.randn(3, 128)
        entry = Rounding(activations=True).kv_entry(x, 64)
        self.assertTrue(torch.equal(entry[:, 64:], formats.round_bf16(x[:, 64:])))
        self.assertTrue(torch.equal(entry[:, :64], formats.round_fp8_activation(x[:, :64], 64)))


if __name__ == "__main__":
    unittest.main()
