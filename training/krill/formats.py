"""Number formats of the official checkpoints and of the reference's activations.

Weights: FP8 E4M3 with one scale per 128x128 tile, FP4 E2M1 with one scale per 32 inputs of a row, BF16. Scales are powers of
two, stored as UE8M0 bytes. Activations: FP8 in groups of 128 (before a linear layer) or 64 (KV entries), FP4 in groups of 32
(indexer).
Every function works in the dtype it is given (float32 or float64); values that leave are exact in the format they are rounded to.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

FP8_MAX = 448.0
FP4_MAX = 6.0
TILE = 128  # FP8 weights: rows and columns that share a scale
FP4_GROUP = 32  # inputs that share a scale
KV_GROUP = 64  # FP8 group of the rounded part of a KV entry
ACTIVATION_GROUP = 128  # FP8 group of a linear layer's input
_SMALLEST_AMAX = 1e-20  # keeps the scale of an all-zero tile finite
_FP4_MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the codes 0..7; code 8 is the sign
_FP4_BORDERS = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)  # halfway between neighbours


def power_of_two_above(x: torch.Tensor) -> torch.Tensor:
    """The smallest power of two that is not below x (x > 0)."""
    mantissa, exponent = torch.frexp(x)  # x = mantissa * 2**exponent, mantissa in [0.5, 1)
    return torch.ldexp(torch.ones_like(x), torch.where(mantissa == 0.5, exponent - 1, exponent))


def round_bf16(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.bfloat16).to(x.dtype)


def round_e4m3(x: torch.Tensor) -> torch.Tensor:
    """To the nearest E4M3 value, ties to even; values beyond the largest one become the largest one."""
    return x.clamp(-FP8_MAX, FP8_MAX).to(torch.float8_e4m3fn).to(x.dtype)


def e2m1_codes(x: torch.Tensor) -> torch.Tensor:
    """Codes 0..15 of the nearest E2M1 values, ties to the even code; values beyond 6 become 6."""
    borders = torch.tensor(_FP4_BORDERS, dtype=x.dtype)
    magnitude = x.abs().contiguous()
    below = torch.bucketize(magnitude, borders, right=False)  # a value on a border: the lower code
    above = torch.bucketize(magnitude, borders, right=True)  # ... the upper code
    code = torch.where(below % 2 == 0, below, above)
    return code + 8 * torch.signbit(x)


def e2m1_values(codes: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    table = torch.tensor(_FP4_MAGNITUDES, dtype=dtype)
    return torch.cat([table, -table])[codes.long()]


def round_e2m1(x: torch.Tensor) -> torch.Tensor:
    return e2m1_values(e2m1_codes(x), x.dtype)


# Weights -----------------------------------------------------------------------------------------------------------------------


def _tiles(weight: torch.Tensor) -> torch.Tensor:
    """[..., out, in] as [..., out tiles, 128, in tiles, 128], padded with zeros."""
    rows, columns = weight.shape[-2:]
    padded = F.pad(weight, (0, -columns % TILE, 0, -rows % TILE))
    return padded.reshape(*weight.shape[:-2], padded.shape[-2] // TILE, TILE, padded.shape[-1] // TILE, TILE)


def quantize_fp8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[..., out, in] as E4M3 and its scales [..., ceil(out/128), ceil(in/128)]."""
    rows, columns = weight.shape[-2:]
    tiles = _tiles(weight)
    scale = power_of_two_above(tiles.abs().amax((-3, -1)).clamp_min(_SMALLEST_AMAX) / FP8_MAX)
    scaled = (tiles / scale[..., :, None, :, None]).clamp(-FP8_MAX, FP8_MAX)
    scaled = scaled.reshape(*weight.shape[:-2], tiles.shape[-4] * TILE, tiles.shape[-2] * TILE)[..., :rows, :columns]
    return scaled.to(torch.float8_e4m3fn).contiguous(), scale


def dequantize_fp8(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    rows, columns = values.shape[-2:]
    spread = scale.repeat_interleave(TILE, -2)[..., :rows, :].repeat_interleave(TILE, -1)[..., :columns]
    return values.to(scale.dtype) * spread


def quantize_fp4(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[..., out, in] as E2M1 codes (one a byte) and scales [..., out, in/32].

    A group's scale is the power of two that just holds its largest weight, or half of that, where clipping that weight costs less
    squared error than the finer steps win.
    """
    groups = weight.reshape(*weight.shape[:-1], -1, FP4_GROUP)
    wide = power_of_two_above(groups.abs().amax(-1, keepdim=True).clamp_min(_SMALLEST_AMAX) / FP4_MAX)
    narrow = wide / 2
    codes_wide, codes_narrow = e2m1_codes(groups / wide), e2m1_codes(groups / narrow)

    def error(codes: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return (e2m1_values(codes, weight.dtype) * scale - groups).square().sum(-1, keepdim=True)

    clip = error(codes_narrow, narrow) < error(codes_wide, wide)
    codes = torch.where(clip, codes_narrow, codes_wide).reshape(weight.shape)
    return codes.to(torch.uint8), torch.where(clip, narrow, wide).squeeze(-1)


def dequantize_fp4(codes: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return e2m1_values(codes, scale.dtype) * scale.repeat_interleave(FP4_GROUP, -1)


def pack_fp4(codes: torch.Tensor) -> torch.Tensor:
    """Two codes a byte, the even input in the low half; int8 [..., in/2] as in the files."""
    return (codes[..., 0::2] | (codes[..., 1::2] << 4)).view(torch.int8).contiguous()


def unpack_fp4(packed: torch.Tensor) -> torch.Tensor:
    pairs = packed.view(torch.uint8)
    return torch.stack([pairs & 15, pairs >> 4], -1).reshape(*packed.shape[:-1], -1)


def scale_bytes(scale: torch.Tensor) -> torch.Tensor:
    """Powers of two as UE8M0: the byte b means 2**(b - 127)."""
    exponent = torch.frexp(scale)[1] - 1
    return (exponent + 127).clamp(0, 254).to(torch.uint8).view(torch.float8_e8m0fnu)


def scale_values(scale: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    exponent = scale.view(torch.uint8).to(torch.int32) - 127
    return torch.ldexp(torch.ones((), dtype=dtype), exponent)


def round_fp8_weight(weight: torch.Tensor) -> torch.Tensor:
    return dequantize_fp8(*quantize_fp8(weight))


def round_fp4_weight(weight: torch.Tensor) -> torch.Tensor:
    return dequantize_fp4(*quantize_fp4(weight))


# Activations -------------------------------------------------------------------------------------------------------------------


def round_fp8_activation(x: torch.Tensor, group: int = ACTIVATION_GROUP) -> torch.Tensor:
    """FP8 with a scale per `group` of the last dimension (architecture 3.2); the input is rounded to BF16 first."""
    groups = round_bf16(x).reshape(*x.shape[:-1], -1, min(group, x.shape[-1]))
    amax = groups.abs().amax(-1, keepdim=True).clamp_min(1e-4).float()
    scale = power_of_two_above(amax * (1 / FP8_MAX)).to(x.dtype)
    return (round_e4m3(groups / scale) * scale).reshape(x.shape)


def round_fp4_activation(x: torch.Tensor) -> torch.Tensor:
    """FP4 in groups of 32 (architecture 3.3); the input is rounded to BF16 first."""
    groups = round_bf16(x).reshape(*x.shape[:-1], -1, FP4_GROUP)
    amax = groups.abs().amax(-1, keepdim=True).clamp_min(FP4_MAX * 2.0**-126).float()
    scale = power_of_two_above(amax * (1 / FP4_MAX)).to(x.dtype)
    return (round_e2m1((groups / scale).clamp(-FP4_MAX, FP4_MAX)) * scale).reshape(x.shape)


def hadamard(width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The orthogonal Walsh-Hadamard matrix in natural order; width is a power of two."""
    if width & (width - 1):
        raise ValueError(f"the Hadamard rotation needs a power of two, not {width}")
    matrix = torch.ones(1, 1, dtype=dtype)
    while matrix.shape[0] < width:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)], 0)
    return matrix * width**-0.5


# Training through rounding -----------------------------------------------------------------------------------------------------


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, rounding: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return rounding(x)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        return gradient, None


def straight_through(x: torch.Tensor, rounding: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """rounding(x), with the gradient of the identity."""
    return _StraightThrough.apply(x, rounding)


@dataclass(frozen=True)
class Rounding:
    """What is rounded to the official formats in a forward pass; gradients go straight through.

    `weights`: FP8 dense, FP4 experts, BF16 rest, as export writes them. `activations`: as the official inference does.
    """

    weights: bool = False
    activations: bool = False

    def fp8_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return straight_through(weight, round_fp8_weight) if self.weights else weight

    def fp4_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return straight_through(weight, round_fp4_weight) if self.weights else weight

    def bf16_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return straight_through(weight, round_bf16) if self.weights else weight

    def bf16(self, x: torch.Tensor) -> torch.Tensor:
        return straight_through(x, round_bf16) if self.activations else x

    def linear_input(self, x: torch.Tensor) -> torch.Tensor:
        """The input of an FP8 or FP4 linear layer."""
        return straight_through(x, round_fp8_activation) if self.activations else x

    def kv_entry(self, x: torch.Tensor, rope_width: int) -> torch.Tensor:
        """A window or compressed entry: FP8 in groups of 64, but BF16 for its rotated part."""
        return straight_through(x, lambda y: _round_kv_entry(y, rope_width)) if self.activations else x

    def index_vector(self, x: torch.Tensor) -> torch.Tensor:
        """A query or key of the indexer: rotated by Hadamard's matrix, then FP4."""
        if not self.activations:
            return x
        return straight_through(straight_through(x, round_bf16) @ hadamard(x.shape[-1], x.dtype), round_fp4_activation)


def _round_kv_entry(x: torch.Tensor, rope_width: int) -> torch.Tensor:
    split = x.shape[-1] - rope_width
    return torch.cat([round_fp8_activation(x[..., :split], KV_GROUP), round_bf16(x[..., split:])], -1)
