"""The model's operations as fused kernels with gradients: fast on the CPU, equal to the ones in plain.py but for rounding.

Activations are of one type, BF16 where the CPU multiplies it, else float32; parameters, residual streams and their gradients are
float32. The kernels (kernels/) are compiled by g++ at first use into a cache directory, named by a hash of their source.
"""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from formats import Rounding

_SOURCES = Path(__file__).with_name("kernels")
_COMPILE = ("g++", "-std=c++20", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-c")
_LINK = ("g++", "-shared", "-fopenmp")  # apart, as -ffast-math would make the linked library change the process's float mode
_ROW_STEP = 64  # experts get a multiple of this many rows: few shapes, so few matrix kernels for oneDNN to build
_CHUNK = 256  # queries whose logits of compressed entries are held together; they are cut off at what the last one sees


# The library -------------------------------------------------------------------------------------------------------------------


def _cpu_name() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return os.uname().machine
    return next((line for line in lines if line.startswith(("flags", "Features"))), os.uname().machine)


@cache
def _library() -> ctypes.CDLL:
    files = sorted(_SOURCES.iterdir())
    key = hashlib.sha256(repr((_COMPILE, _LINK, _cpu_name())).encode())
    for file in files:
        key.update(file.read_bytes())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baleen"
    path = folder / f"krill-kernels-{key.hexdigest()[:16]}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sources = [file for file in files if file.suffix == ".cpp"]
        with tempfile.TemporaryDirectory(dir=folder) as work:
            objects = [f"{file.stem}.o" for file in sources]
            for command in ((*_COMPILE, *map(str, sources)), (*_LINK, *objects, "-o", "kernels.so")):
                done = subprocess.run(command, cwd=work, capture_output=True, text=True)
                if done.returncode:
                    raise RuntimeError(f"cannot build the training kernels: {' '.join(command)}\n{done.stderr}")
            os.rename(f"{work}/kernels.so", path)  # at once, should another process build it too
    return ctypes.CDLL(path)


@cache
def _function(name: str, dtype: torch.dtype):
    suffix = {torch.float32: "f32", torch.bfloat16: "bf16"}[dtype]
    return ctypes.CFUNCTYPE(None)(ctypes.c_void_p.in_dll(_library(), f"{name}_{suffix}").value)


def _argument(value: object, dtype: torch.dtype) -> object:
    match value:
        case None:
            return ctypes.c_void_p()
        case torch.Tensor():
            if not value.is_contiguous() or value.dtype not in (dtype, torch.float32, torch.int32, torch.int64):
                raise ValueError(
                    f"not an argument for a kernel: {value.dtype}, shape {tuple(value.shape)}, strides {value.stride()}"
                )
            return ctypes.c_void_p(value.data_ptr())
        case bool():
            return ctypes.c_bool(value)
        case int():
            return ctypes.c_int64(value)
        case float():
            return ctypes.c_float(value)
    return value  # a ctypes value


def _call(name: str, dtype: torch.dtype, *arguments: object) -> None:
    """Runs a kernel; `arguments` keeps the tensors alive until it returns."""
    threads = torch.get_num_threads()
    if _call.threads != threads:
        _library().set_threads(threads)
        _call.threads = threads
    _function(name, dtype)(*(_argument(argument, dtype) for argument in arguments))


_call.threads = 0


def _strided(x: torch.Tensor) -> tuple[torch.Tensor, ctypes.c_void_p, int]:
    """x [..., width] whose rows are at one distance from each other: the tensor to keep alive, its address and that distance."""
    rows = x.flatten(0, -2)
    if rows.stride(-1) != 1:
        rows = rows.contiguous()
    return rows, ctypes.c_void_p(rows.data_ptr()), rows.stride(0)


def activation_dtype() -> torch.dtype:
    """BF16 where matrix products of it run on this CPU's own instructions, else float32."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else torch.float32


# Linear layers -----------------------------------------------------------------------------------------------------------------


class _Linear(torch.autograd.Function):
    """Several linear layers of one input as one product; the results are column ranges of one array."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, *weights: torch.Tensor):
        rows = x.reshape(-1, x.shape[-1])
        weight = (torch.cat(weights) if len(weights) > 1 else weights[0]).to(x.dtype)
        out = rows @ weight.t()
        ctx.save_for_backward(rows, weight)
        ctx.shape, ctx.widths = x.shape, [w.shape[0] for w in weights]
        return tuple(part.view(*x.shape[:-1], -1) for part in out.split(ctx.widths, 1))

    @staticmethod
    def backward(ctx, *gradients: torch.Tensor):
        rows, weight = ctx.saved_tensors
        parts = [g.reshape(-1, width) for g, width in zip(gradients, ctx.widths)]
        gradient = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
        dx = (gradient @ weight).view(ctx.shape) if ctx.needs_input_grad[0] else None
        dweights = (gradient.t() @ rows).float().split(ctx.widths)
        return dx, *dweights


class _GroupedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor):
        weight = weight.to(x.dtype)
        tokens, groups, _ = x.shape
        out = x.new_empty(tokens, groups * weight.shape[1])
        for group, columns in enumerate(out.split(weight.shape[1], 1)):
            torch.mm(x[:, group], weight[group].t(), out=columns)
        ctx.save_for_backward(x, weight)
        return out

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        x, weight = ctx.saved_tensors
        dx, dweight = torch.empty_like(x), torch.empty_like(weight)
        for group, columns in enumerate(gradient.split(weight.shape[1], 1)):
            torch.mm(columns, weight[group], out=dx[:, group])
            torch.mm(columns.t(), x[:, group], out=dweight[group])
        return dx, dweight.float()


# Norm and rotary embedding -----------------------------------------------------------------------------------------------------


class _NormRope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, weight, rotation, eps: float, normalize: bool, direction: float):
        tokens, heads, width = x.shape
        rope_width = rotation.shape[-1] if rotation is not None else 0
        if rope_width > width:
            raise ValueError(f"a rotation of {rope_width} components does not fit in {width}")
        keep, address, stride = _strided(x.flatten(1) if x.stride(1) == width or heads == 1 else x.contiguous().flatten(1))
        out = x.new_empty(x.shape)
        inverse_rms = torch.empty(tokens * heads) if normalize else None
        _call("norm_rope_forward", x.dtype, address, stride, weight, rotation, out, inverse_rms, tokens, heads, width, rope_width,
              eps, normalize, direction)  # fmt: skip
        ctx.save_for_backward(keep if normalize else None, weight, rotation, inverse_rms)
        ctx.sizes = tokens, heads, width, rope_width
        ctx.normalize, ctx.direction = normalize, direction
        return out

    @staticmethod
    def backward(ctx, dout: torch.Tensor):
        x, weight, rotation, inverse_rms = ctx.saved_tensors
        address, stride = (ctypes.c_void_p(x.data_ptr()), x.stride(0)) if x is not None else (None, 0)
        dx = torch.empty(dout.shape, dtype=dout.dtype)
        dweight = torch.empty_like(weight) if weight is not None else None
        _call("norm_rope_backward", dout.dtype, dout.contiguous(), address, stride, weight, rotation, inverse_rms, dx, dweight,
              *ctx.sizes, ctx.normalize, ctx.direction)  # fmt: skip
        return dx, dweight, None, None, None, None


# Hyper-connections -------------------------------------------------------------------------------------------------------------


class _MhcPre(torch.autograd.Function):
    """Returns the streams too, so that what comes back through them is added here and not in a pass of its own."""

    @staticmethod
    def forward(ctx, streams, fn, scale, base, norm_weight, dtype, norm_eps: float, hc_eps: float, iterations: int):
        tokens, _, dim = streams.shape
        x = torch.empty(tokens, dim, dtype=dtype)
        post, comb, mixes = torch.empty(tokens, 4), torch.empty(tokens, 4, 4), torch.empty(tokens, 24)
        inverse_rms, u_inverse_rms = torch.empty(tokens), torch.empty(tokens)
        _call("mhc_pre_forward", dtype, streams, fn, scale, base, norm_weight, x, post, comb, mixes, inverse_rms, u_inverse_rms,
              tokens, dim, norm_eps, hc_eps, iterations)  # fmt: skip
        ctx.save_for_backward(streams, fn, scale, base, norm_weight, mixes, inverse_rms, u_inverse_rms)
        ctx.hc_eps, ctx.iterations = hc_eps, iterations
        return streams, x, post, comb

    @staticmethod
    def backward(ctx, dstreams_in, dx, dpost, dcomb):
        streams, fn, scale, base, norm_weight, mixes, inverse_rms, u_inverse_rms = ctx.saved_tensors
        tokens, _, dim = streams.shape
        gradients = [torch.empty_like(of) for of in (streams, fn, scale, base, norm_weight)]
        _call("mhc_pre_backward", dx.dtype, dstreams_in.contiguous(), dx.contiguous(), dpost.contiguous(), dcomb.contiguous(),
              streams, fn, scale, base, norm_weight, mixes, inverse_rms, u_inverse_rms, *gradients, tokens, dim, ctx.hc_eps,
              ctx.iterations)  # fmt: skip
        return *gradients, None, None, None, None


class _MhcPost(torch.autograd.Function):
    @staticmethod
    def forward(ctx, streams, v, post, comb):
        out = torch.empty_like(streams)
        v = v.contiguous()
        _call("mhc_post_forward", v.dtype, streams, v, post, comb, out, streams.shape[0], streams.shape[2])
        ctx.save_for_backward(streams, v, post, comb)
        return out

    @staticmethod
    def backward(ctx, dout):
        saved = ctx.saved_tensors
        gradients = [torch.empty_like(of) for of in saved]
        _call("mhc_post_backward", saved[1].dtype, dout.contiguous(), *saved, *gradients, dout.shape[0], dout.shape[2])
        return tuple(gradients)


# Attention ---------------------------------------------------------------------------------------------------------------------


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, gates, ape):
        batch, length, columns = values.shape
        ratio = ape.shape[0]
        halves = 2 if ratio == 4 else 1
        keep_values, values_address, stride = _strided(values)
        keep_gates, gates_address, gates_stride = _strided(gates)
        if gates_stride != stride:
            raise ValueError("values and gates must have the same stride")
        entries = values.new_empty(batch, length // ratio, columns // halves)
        ctx.sizes = batch, length, ratio, columns // halves, halves
        _call("pool_forward", values.dtype, values_address, gates_address, stride, ape, entries, *ctx.sizes)
        ctx.save_for_backward(keep_values, keep_gates, ape)
        return entries

    @staticmethod
    def backward(ctx, dentries):
        values, gates, ape = ctx.saved_tensors
        batch, length, ratio, width, halves = ctx.sizes
        dvalues = torch.zeros(batch, length, halves * width, dtype=values.dtype)
        dgates = torch.zeros_like(dvalues)
        _call("pool_backward", values.dtype, dentries.contiguous(), ctypes.c_void_p(values.data_ptr()),
              ctypes.c_void_p(gates.data_ptr()), values.stride(0), ape, dvalues, dgates, *ctx.sizes)  # fmt: skip
        whole = length // ratio * ratio
        dape = dgates[:, :whole].reshape(-1, ratio, halves * width).sum(0, dtype=torch.float32)
        return dvalues, dgates, dape


class _Attention(torch.autograd.Function):
    """The window in blocks of queries; compressed entries in chunks of queries, or gathered where they are selected."""

    @staticmethod
    def forward(ctx, q, kv, entries, sink, selected, window: int, ratio: int, mass_rows):
        batch, length, heads, width = q.shape
        block = _window_block(window)
        blocks = length // block
        scale = width**-0.5
        padded = F.pad(kv, (0, 0, window, 0))
        overlapping = (window + length) * width, block * width, width, 1
        keys = padded.as_strided((batch, blocks, window + block, width), overlapping).reshape(-1, window + block, width)
        window_p = torch.bmm(q.view(batch * blocks, block * heads, width), keys.transpose(1, 2))
        chunks = _chunks(length, ratio, entries, selected)
        entry_p = []
        for first, end, columns in chunks:
            logits = None
            if columns and selected is not None:
                logits = q.new_empty(batch, (end - first) * heads, columns)
                _call("selected_logits", q.dtype, q, entries, selected, logits, batch, length, first, end - first, heads, width,
                      entries.shape[1], columns)  # fmt: skip
            elif columns:
                logits = torch.bmm(_rows(q, first, end), entries[:, :columns].transpose(1, 2))
            _call("softmax_forward", q.dtype, window_p, logits, sink, batch, length, first, end - first, heads, window, block,
                  columns, ratio, scale)  # fmt: skip
            entry_p.append(logits)
        out = torch.bmm(window_p, keys).view(q.shape)
        for (first, end, columns), p in zip(chunks, entry_p):
            _add_values(out, p, entries, selected, first, end, columns)
        ctx.save_for_backward(q, keys, entries, sink, selected, window_p, *entry_p)
        ctx.window, ctx.ratio, ctx.chunks = window, ratio, chunks
        if mass_rows is None:
            return out, None
        mass = _mass(entry_p, chunks, mass_rows, heads)
        ctx.mark_non_differentiable(mass)
        return out, mass

    @staticmethod
    def backward(ctx, dout, _):
        q, keys, entries, sink, selected, window_p, *entry_p = ctx.saved_tensors
        batch, length, heads, width = q.shape
        window, scale = ctx.window, width**-0.5
        block = _window_block(window)
        dout = dout.contiguous()
        q_blocks, dout_blocks = (x.view(-1, block * heads, width) for x in (q, dout))
        window_g = torch.bmm(dout_blocks, keys.transpose(1, 2))
        entry_g = []
        dsink = torch.zeros_like(sink)
        for (first, end, columns), p in zip(ctx.chunks, entry_p):
            g = None
            if columns and selected is not None:
                g = torch.empty_like(p)
                _call("selected_logits", q.dtype, dout, entries, selected, g, batch, length, first, end - first, heads, width,
                      entries.shape[1], columns)  # fmt: skip
            elif columns:
                g = torch.bmm(_rows(dout, first, end), entries[:, :columns].transpose(1, 2))
            _call("softmax_backward", q.dtype, window_p, p, window_g, g, dsink, batch, length, first, end - first, heads, window,
                  block, columns, ctx.ratio, scale)  # fmt: skip
            entry_g.append(g)
        dq = torch.bmm(window_g, keys).view(q.shape)
        dentries = torch.zeros(entries.shape) if entries is not None else None
        for (first, end, columns), p, g in zip(ctx.chunks, entry_p, entry_g):
            _add_values(dq, g, entries, selected, first, end, columns)
            if columns and selected is not None:
                _call("selected_entry_gradients", q.dtype, g, p, q, dout, selected, dentries, batch, length, first, end - first,
                      heads, width, entries.shape[1], columns)  # fmt: skip
            elif columns:
                dentries[:, :columns] += torch.bmm(g.transpose(1, 2), _rows(q, first, end))
                dentries[:, :columns] += torch.bmm(p.transpose(1, 2), _rows(dout, first, end))
        dkeys = torch.bmm(window_g.transpose(1, 2), q_blocks).baddbmm_(window_p.transpose(1, 2), dout_blocks)
        dkeys = dkeys.view(batch, length // block, window // block + 1, block * width)
        dkv = torch.zeros(batch, window // block + length // block, block * width)
        for place in range(dkeys.shape[2]):
            dkv[:, place : place + dkeys.shape[1]] += dkeys[:, :, place]
        dkv = dkv[:, window // block :].to(q.dtype).reshape(batch, length, width)
        dentries = dentries.to(entries.dtype) if entries is not None else None
        return dq, dkv, dentries, dsink, None, None, None, None


def _window_block(window: int) -> int:
    """Queries that share a block of window + block keys: the smaller, the fewer keys are masked, and the smaller the products."""
    return window // 2 if window % 2 == 0 and window >= 32 else window


def _rows(q: torch.Tensor, first: int, end: int) -> torch.Tensor:
    """Queries first .. end of [batch, length, heads, width] as [batch, queries * heads, width]."""
    return q[:, first:end].view(q.shape[0], (end - first) * q.shape[2], q.shape[3])


def _chunks(length: int, ratio: int, entries: torch.Tensor | None, selected: torch.Tensor | None) -> list[tuple[int, int, int]]:
    """(first query, end, columns of entry logits) of every chunk."""
    if entries is None:
        return [(0, length, 0)]
    if selected is not None:
        return [(0, length, selected.shape[-1])]
    ends = [*range(_CHUNK, length, _CHUNK), length]
    return [(first, end, min(end // ratio, entries.shape[1])) for first, end in zip([0, *ends], ends)]


def _add_values(out, p, entries, selected, first: int, end: int, columns: int) -> None:
    """out[queries of the chunk] += p . entries."""
    batch, length, heads, width = out.shape
    if columns and selected is not None:
        _call("selected_values", out.dtype, p, entries, selected, out, batch, length, first, end - first, heads, width,
              entries.shape[1], columns)  # fmt: skip
    elif columns:
        _rows(out, first, end).baddbmm_(p, entries[:, :columns])


def _mass(entry_p: list, chunks: list, rows: torch.Tensor, heads: int) -> torch.Tensor:
    """The attention the queries `rows` pay to the columns, summed over the heads."""
    mass = torch.zeros(*rows.shape, chunks[-1][2])
    for (first, end, columns), p in zip(chunks, entry_p):
        batch, place = ((rows >= first) & (rows < end)).nonzero(as_tuple=True)
        if columns and len(batch):
            by_query = p.view(rows.shape[0], end - first, heads, columns)
            mass[batch, place, :columns] = by_query[batch, rows[batch, place] - first].sum(1, dtype=torch.float32)
    return mass


# Experts -----------------------------------------------------------------------------------------------------------------------


class _Experts(torch.autograd.Function):
    """Rows of x are sorted by expert, each expert's padded to a multiple of _ROW_STEP; padding has weight 0."""

    @staticmethod
    def forward(ctx, x, ids, weights, w13, w2, shared_w13, shared_w2, limit: float):
        tokens, dim = x.shape
        k, (experts, width) = ids.shape[1], (w13.shape[0], w2.shape[2])
        flat = ids.reshape(-1)
        by_expert, order = flat.sort(stable=True)
        counts = flat.bincount(minlength=experts)
        padded = (counts + _ROW_STEP - 1) // _ROW_STEP * _ROW_STEP
        ends = padded.cumsum(0)
        shift = (ends - padded) - (counts.cumsum(0) - counts)  # how far an expert's rows move for the padding before them
        slot = torch.arange(tokens * k) + shift[by_expert]
        rows = int(ends[-1])
        slots = torch.empty_like(order).index_put_((order,), slot)
        source = torch.zeros(rows, dtype=torch.long).index_put_((slot,), order // k)
        row_weights = torch.zeros(rows).index_put_((slot,), weights.reshape(-1)[order])
        ranges = [(e, slice(a, b)) for e, (a, b) in enumerate(zip([0, *ends.tolist()], ends.tolist())) if b > a]

        w13, w2, shared_w13, shared_w2 = (w.to(x.dtype) for w in (w13, w2, shared_w13, shared_w2))
        inputs = x.index_select(0, source)
        gate_up, hidden, results = x.new_empty(rows, 2 * width), x.new_empty(rows, width), x.new_empty(rows, dim)
        for expert, part in ranges:
            torch.mm(inputs[part], w13[expert].t(), out=gate_up[part])
        _call("swiglu_forward", x.dtype, gate_up, row_weights, hidden, rows, width, limit)
        for expert, part in ranges:
            torch.mm(hidden[part], w2[expert].t(), out=results[part])
        shared_gate_up = x @ shared_w13.t()
        shared_hidden = x.new_empty(tokens, width)
        _call("swiglu_forward", x.dtype, shared_gate_up, None, shared_hidden, tokens, width, limit)
        out = torch.empty_like(x)
        _call("combine", x.dtype, results, slots, shared_hidden @ shared_w2.t(), out, tokens, k, dim)
        ctx.save_for_backward(x, inputs, row_weights, w13, w2, shared_w13, shared_w2, gate_up, hidden, shared_gate_up,
                              shared_hidden, slots, source)  # fmt: skip
        ctx.ranges, ctx.limit, ctx.k = ranges, limit, k
        return out

    @staticmethod
    def backward(ctx, dout):
        (x, inputs, row_weights, w13, w2, shared_w13, shared_w2, gate_up, hidden, shared_gate_up, shared_hidden, slots,
         source) = ctx.saved_tensors  # fmt: skip
        (tokens, dim), width, rows = x.shape, hidden.shape[1], len(source)
        dout = dout.contiguous()
        dresults = dout.index_select(0, source)
        dhidden, dgate_up, dinputs = torch.empty_like(hidden), torch.empty_like(gate_up), torch.empty_like(inputs)
        dw13, dw2, drow_weights = torch.zeros_like(w13), torch.zeros_like(w2), torch.empty_like(row_weights)
        for expert, part in ctx.ranges:
            torch.mm(dresults[part], w2[expert], out=dhidden[part])
            torch.mm(dresults[part].t(), hidden[part], out=dw2[expert])
        _call("swiglu_backward", x.dtype, gate_up, row_weights, dhidden, dgate_up, drow_weights, rows, width, ctx.limit)
        # A padding row repeats token 0 with weight 0: its hidden row and dgate_up are 0, so it adds nothing to dw2 and dw13.
        for expert, part in ctx.ranges:
            torch.mm(dgate_up[part], w13[expert], out=dinputs[part])
            torch.mm(dgate_up[part].t(), inputs[part], out=dw13[expert])
        dshared_gate_up = torch.empty_like(shared_gate_up)
        _call("swiglu_backward", x.dtype, shared_gate_up, None, dout @ shared_w2, dshared_gate_up, None, tokens, width, ctx.limit)
        dx = torch.empty_like(x)
        _call("combine", x.dtype, dinputs, slots, dshared_gate_up @ shared_w13, dx, tokens, ctx.k, dim)
        dweights = drow_weights[slots].view(tokens, ctx.k)
        dshared_w13, dshared_w2 = (dshared_gate_up.t() @ x).float(), (dout.t() @ shared_hidden).float()
        return dx, None, dweights, dw13.float(), dw2.float(), dshared_w13, dshared_w2, None


# Optimiser ---------------------------------------------------------------------------------------------------------------------


def muon_momentum(gradients: torch.Tensor, momentum: torch.Tensor, share: float, update: torch.Tensor) -> bool:
    """gradients [workers, n] (columns of a wider array) are summed and move `momentum`; `update`, of an activation type, is what
    to take from the parameter. Whether it is anything but 0."""
    used = ctypes.c_int32()
    _call("muon_momentum", update.dtype, ctypes.c_void_p(gradients.data_ptr()), gradients.stride(0), gradients.shape[0], momentum,
          update, update.numel(), share, ctypes.byref(used))  # fmt: skip
    return bool(used.value)


def add_scaled(to: torch.Tensor, x: torch.Tensor, factor: float) -> None:
    """to += factor * x, for float32 `to` and x of an activation type."""
    _call("add_scaled", x.dtype, to, x, to.numel(), factor)


# All of them -------------------------------------------------------------------------------------------------------------------


class Fused:
    """The operations of plain.Plain, documented there. Rounding of activations covers what stands between the operations."""

    def __init__(self, dtype: torch.dtype | None = None, rounding: Rounding = Rounding()):
        self.dtype = dtype or activation_dtype()
        self.rounding = rounding

    def linear(self, x, *weights):
        return _Linear.apply(x, *weights)

    linear_float = linear

    def grouped_linear(self, x, weight):
        return _GroupedLinear.apply(x, weight)

    def norm_rope(self, x, weight, rotation, eps, normalize=True, inverse=False):
        return _NormRope.apply(x, weight, rotation, eps, normalize, -1.0 if inverse else 1.0)

    def mhc_pre(self, streams, fn, scale, base, norm_weight, norm_eps, hc_eps, iterations):
        return _MhcPre.apply(streams, fn, scale, base, norm_weight, self.dtype, norm_eps, hc_eps, iterations)

    def mhc_post(self, streams, v, post, comb):
        return _MhcPost.apply(streams, v, post, comb)

    def pool(self, values, gates, ape):
        return _Pool.apply(values, gates, ape)

    @torch.no_grad()
    def select(self, queries, weights, keys, ratio, topk):
        batch, length, heads, _ = queries.shape
        selected = torch.empty(batch, length, topk, dtype=torch.int32)
        weights = weights.float().contiguous()
        for first in range(0, length, _CHUNK):
            end = min(length, first + _CHUNK)
            seen = min(end // ratio, keys.shape[1])
            dots = torch.bmm(_rows(queries, first, end), keys[:, :seen].transpose(1, 2)) if seen > topk else None
            _call("select_entries", queries.dtype, dots, weights, selected, batch, length, first, end - first, heads, seen, ratio,
                  topk)  # fmt: skip
        return selected

    def attention(self, q, kv, entries, sink, window, ratio, selected=None, mass_rows=None):
        length = q.shape[1]
        missing = -length % window
        if missing:
            q, kv = F.pad(q, (0, 0, 0, 0, 0, missing)), F.pad(kv, (0, 0, 0, missing))
            selected = F.pad(selected, (0, 0, 0, missing), value=-1) if selected is not None else None
        out, mass = _Attention.apply(q, kv, entries, sink, selected, window, ratio, mass_rows)
        return (out[:, :length] if missing else out), mass

    def experts(self, x, ids, weights, w13, w2, shared_w13, shared_w2, limit):
        return _Experts.apply(self.rounding.linear_input(x), ids, weights, w13, w2, shared_w13, shared_w2, limit)
