"""krill: the DeepSeek-V4 architecture in torch, made for training small models on the CPU.

Parameters carry the names of the official checkpoint; only the matrices of an FFN's experts are stacked. Every step's number in
brackets is that of the architecture's specification, section 4. What is computed here in few lines is done by `ops`: the fused
kernels (ops.Fused) when training, plain torch (plain.Plain) when a checkpoint is compared with the engine.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from formats import Rounding
from ops import Fused
from plain import Plain
from torch import nn

_FIRST_TAUGHT = 8  # the indexer learns nothing from queries before: they see one entry at most
_LEAST_MASS = 1e-4  # ... nor from those that pay the entries no attention


@dataclass
class Config:
    """Names and meanings of the official config.json, except that `compress_ratios` lists the backbone's layers only."""

    vocab_size: int = 2048
    hidden_size: int = 128
    compress_ratios: tuple[int, ...] = (0, 4, 128, 4)  # 0: window only, 4: CSA, 128: HCA
    num_attention_heads: int = 4
    head_dim: int = 128
    qk_rope_head_dim: int = 64
    q_lora_rank: int = 128
    o_lora_rank: int = 128
    o_groups: int = 2
    sliding_window: int = 64
    index_n_heads: int = 4
    index_head_dim: int = 128
    index_topk: int = 32
    n_routed_experts: int = 8
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 128
    num_hash_layers: int = 1
    routed_scaling_factor: float = 1.5
    swiglu_limit: float = 10.0
    hc_mult: int = 4
    hc_sinkhorn_iters: int = 20
    hc_eps: float = 1e-6
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    compress_rope_theta: float = 160000.0
    rope_scaling: dict = field(
        default_factory=lambda: dict(type="yarn", factor=16, original_max_position_embeddings=65536, beta_fast=32, beta_slow=1)
    )
    num_nextn_predict_layers: int = 1
    hash_seed: int = 1  # of the hash layers' table; not in config.json, the table is in the checkpoint

    def __post_init__(self):
        self.compress_ratios = tuple(self.compress_ratios)
        wrong = [
            (set(self.compress_ratios) - {0, 4, 128}, "compress_ratios: only 0, 4 and 128 are known"),
            (self.hc_mult != 4, "hc_mult: the kernels know four streams"),
            (self.num_nextn_predict_layers not in (0, 1), "num_nextn_predict_layers: one MTP block at most"),
            (self.num_hash_layers > len(self.compress_ratios), "num_hash_layers: more than there are layers"),
            (self.num_attention_heads % self.o_groups, "o_groups: must divide num_attention_heads"),
            (self.num_experts_per_tok > self.n_routed_experts, "num_experts_per_tok: more than there are experts"),
            (self.index_head_dim & (self.index_head_dim - 1), "index_head_dim: must be a power of two"),
            (self.qk_rope_head_dim % 2, "qk_rope_head_dim: must be even"),
            (self.qk_rope_head_dim > min(self.head_dim, self.index_head_dim), "qk_rope_head_dim: larger than a head it turns"),
        ]
        wrong += [
            (getattr(self, name) % 16, f"{name}: must be a multiple of 16")
            for name in ("hidden_size", "head_dim", "index_head_dim")
        ]
        for bad, why in wrong:
            if bad:
                raise ValueError(why)


@dataclass
class Output:
    logits: torch.Tensor  # [rows, vocab], for the token after each row
    mtp_logits: torch.Tensor | None  # for the one after that
    index_loss: torch.Tensor  # summed over the CSA layers; 0 without index_queries
    expert_load: torch.Tensor  # [scored gates, experts]: how many tokens chose each expert; shaped like Krill.expert_bias()


# Rotary embedding --------------------------------------------------------------------------------------------------------------


def rope_frequencies(config: Config, compressed: bool) -> torch.Tensor:
    """Float32 [qk_rope_head_dim / 2] [3.6]; compressed: the table of CSA and HCA layers, which is stretched by YaRN."""
    pair = torch.arange(config.qk_rope_head_dim // 2, dtype=torch.float64)
    base = config.compress_rope_theta if compressed else config.rope_theta
    frequencies = (base ** (-2 * pair / config.qk_rope_head_dim)).float()
    if not compressed:
        return frequencies
    yarn = config.rope_scaling

    def border(turns: float) -> float:
        ratio = yarn["original_max_position_embeddings"] / (2 * math.pi * turns)
        return config.qk_rope_head_dim * math.log(ratio) / (2 * math.log(base))

    low, high = math.floor(border(yarn["beta_fast"])), math.ceil(border(yarn["beta_slow"]))
    ramp = ((pair - max(low, 0)) / (min(high, config.qk_rope_head_dim - 1) - max(low, 0))).clamp(0, 1).float()
    return frequencies / yarn["factor"] * ramp + frequencies * (1 - ramp)


def rotations(config: Config, compressed: bool, positions: torch.Tensor) -> torch.Tensor:
    """Cosines, then sines, float32 [positions, qk_rope_head_dim]; the angle is a float32 product as in the reference."""
    angles = positions.float()[:, None] * rope_frequencies(config, compressed)
    return torch.cat([angles.cos(), angles.sin()], 1)


# Modules -----------------------------------------------------------------------------------------------------------------------


class Linear(nn.Module):
    """The weight [out, in] of a linear layer."""

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (gain * inputs**-0.5))


class Norm(nn.Module):
    """The weight of an RMS norm."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


class HyperConnection(nn.Module):
    """The mixing of the residual streams around a sublayer, or (head) into the one vector that leaves the model."""

    def __init__(self, config: Config, head: bool = False):
        super().__init__()
        mixes = 4 if head else 24
        self.fn = nn.Parameter(torch.randn(mixes, 4 * config.hidden_size) * (4 * config.hidden_size) ** -0.5)
        self.scale = nn.Parameter(torch.full((1 if head else 3,), 0.1))
        if head:
            base = torch.full((4,), -0.7)  # sigmoid near 1/3
        else:  # what goes in and out differs by stream; a stream is carried to itself
            base = torch.cat([torch.randn(4) * 0.5, torch.randn(4) * 0.3, (torch.eye(4) * 4).flatten()])
        self.base = nn.Parameter(base)


@dataclass
class _Pass:
    """What the layers of one forward pass share."""

    ops: Fused | Plain
    batch: int
    length: int
    tokens: torch.Tensor  # [batch * length]
    window_rotation: torch.Tensor  # [batch * length, qk_rope_head_dim], of layers with ratio 0
    compressed_rotation: torch.Tensor  # ... of the others
    select: bool
    index_queries: torch.Tensor | None  # [batch, queries]
    index_losses: list[torch.Tensor] = field(default_factory=list)
    expert_loads: list[torch.Tensor] = field(default_factory=list)

    @property
    def rounding(self) -> Rounding:
        return self.ops.rounding

    def entry_rotation(self, ratio: int) -> torch.Tensor:
        """Of the first token of every whole block [12]."""
        by_row = self.compressed_rotation.view(self.batch, self.length, -1)
        return by_row[:, : self.length // ratio * ratio : ratio].flatten(0, 1).contiguous()


class Compressor(nn.Module):
    """Pools blocks of `ratio` tokens into entries [9-12]."""

    def __init__(self, config: Config, ratio: int, width: int):
        super().__init__()
        self.ratio, self.eps = ratio, config.rms_norm_eps
        columns = 2 * width if ratio == 4 else width
        self.wkv = Linear(config.hidden_size, columns)
        self.wgate = Linear(config.hidden_size, columns, gain=0.5)
        self.ape = nn.Parameter(torch.randn(ratio, columns) if ratio == 4 else torch.zeros(ratio, columns))
        self.norm = Norm(width)

    def forward(self, x: torch.Tensor, run: _Pass) -> torch.Tensor:
        """x [batch * length, hidden] -> [batch, length // ratio, width]."""
        rounding = run.rounding
        projected = run.ops.linear_float(x, rounding.bf16_weight(self.wkv.weight), rounding.bf16_weight(self.wgate.weight))
        values, gates = (part.view(run.batch, run.length, -1) for part in projected)
        pooled = run.ops.pool(values, gates, self.ape)
        entries = run.ops.norm_rope(
            pooled.flatten(0, 1)[:, None], rounding.bf16_weight(self.norm.weight), run.entry_rotation(self.ratio), self.eps
        )
        return entries.view(pooled.shape)


class Indexer(nn.Module):
    """Scores entries for every query, so that attention reads the best `index_topk` only [15-18].

    It learns by imitation: its scores, as a softmax, are drawn to the attention the layer pays. Nothing flows back into the
    layer.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.wq_b = Linear(config.q_lora_rank, config.index_n_heads * config.index_head_dim)
        self.weights_proj = Linear(config.hidden_size, config.index_n_heads)
        self.compressor = Compressor(config, 4, config.index_head_dim)

    def keys(self, x: torch.Tensor, run: _Pass) -> torch.Tensor:
        return run.rounding.index_vector(self.compressor(x, run))

    def queries(
        self, x: torch.Tensor, q_low: torch.Tensor, rotation: torch.Tensor, run: _Pass
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of some tokens: queries [tokens, heads, width] and the heads' weights [tokens, heads]."""
        config, rounding = self.config, run.rounding
        (q,) = run.ops.linear(rounding.linear_input(q_low), rounding.fp8_weight(self.wq_b.weight))
        q = q.view(-1, config.index_n_heads, config.index_head_dim)
        q = run.ops.norm_rope(q, None, rotation, config.rms_norm_eps, normalize=False)
        (weights,) = run.ops.linear(x, rounding.bf16_weight(self.weights_proj.weight))
        scale = config.index_head_dim**-0.5 * config.index_n_heads**-0.5
        return rounding.index_vector(q), rounding.bf16(weights.to(self.weights_proj.weight.dtype) * scale)

    @torch.no_grad()
    def select(self, x: torch.Tensor, q_low: torch.Tensor, keys: torch.Tensor, run: _Pass) -> torch.Tensor:
        queries, weights = self.queries(x, q_low, run.compressed_rotation, run)
        by_row = (run.batch, run.length)
        return run.ops.select(
            queries.view(*by_row, *queries.shape[1:]), weights.view(*by_row, -1), keys, 4, self.config.index_topk
        )

    def loss(
        self,
        x: torch.Tensor,
        q_low: torch.Tensor,
        keys: torch.Tensor,
        mass: torch.Tensor,
        selected: torch.Tensor | None,
        run: _Pass,
    ) -> torch.Tensor:
        """Kullback-Leibler divergence of the scores from the attention `mass` [batch, queries, columns], weighted by its sum."""
        rows = run.index_queries
        of_row = torch.arange(run.batch)[:, None], rows
        flat = (of_row[0] * run.length + rows).flatten()
        queries, weights = self.queries(x[flat], q_low[flat], run.compressed_rotation[flat], run)
        queries, weights = queries.view(*rows.shape, *queries.shape[1:]), weights.view(*rows.shape, -1)
        dots = torch.einsum("bqhn,bcn->bqhc", queries, keys)
        if selected is None:
            known = torch.arange(keys.shape[1]) < ((rows + 1) // 4)[..., None]
        else:  # dots with all keys and a choice of them are cheaper than a choice of keys, whose gradients would be scattered
            ids = selected[of_row].long()
            dots = dots.gather(-1, ids.clamp_min(0)[:, :, None].expand(-1, -1, dots.shape[2], -1))
            known = ids >= 0
        scores = (dots.to(weights.dtype).relu() * weights[..., None]).sum(2).masked_fill(~known, -1e30)
        log_share = scores.log_softmax(-1).masked_fill(~known, 0)
        total = mass.sum(-1)
        target = mass / total[..., None].clamp_min(1e-9)
        divergence = (torch.special.xlogy(target, target.clamp_min(1e-20)) - target * log_share).sum(-1)
        weight = total * ((total > _LEAST_MASS) & (rows >= _FIRST_TAUGHT))
        return (divergence * weight).sum() / weight.sum().clamp_min(1e-6)


class Attention(nn.Module):
    def __init__(self, config: Config, ratio: int):
        super().__init__()
        self.config, self.ratio = config, ratio
        heads, width = config.num_attention_heads, config.head_dim
        self.wq_a = Linear(config.hidden_size, config.q_lora_rank)
        self.q_norm = Norm(config.q_lora_rank)
        self.wq_b = Linear(config.q_lora_rank, heads * width)
        self.wkv = Linear(config.hidden_size, width)
        self.kv_norm = Norm(width)
        self.attn_sink = nn.Parameter(torch.zeros(heads))
        self.wo_a = Linear(heads * width // config.o_groups, config.o_groups * config.o_lora_rank)
        self.wo_b = Linear(config.o_groups * config.o_lora_rank, config.hidden_size, gain=0.5)
        if ratio:
            self.compressor = Compressor(config, ratio, width)
        if ratio == 4:
            self.indexer = Indexer(config)

    def forward(self, x: torch.Tensor, run: _Pass) -> torch.Tensor:
        """x [batch * length, hidden] -> the same shape."""
        config, ops, rounding, eps = self.config, run.ops, run.rounding, self.config.rms_norm_eps
        heads, width = config.num_attention_heads, config.head_dim
        by_row = (run.batch, run.length)
        rotation = run.compressed_rotation if self.ratio else run.window_rotation

        q_low, kv = ops.linear(
            rounding.linear_input(x), rounding.fp8_weight(self.wq_a.weight), rounding.fp8_weight(self.wkv.weight)
        )
        q_low = ops.norm_rope(q_low[:, None], rounding.bf16_weight(self.q_norm.weight), None, eps)[:, 0]
        (q,) = ops.linear(rounding.linear_input(q_low), rounding.fp8_weight(self.wq_b.weight))
        q = ops.norm_rope(q.view(-1, heads, width), None, rotation, eps)
        kv = ops.norm_rope(kv[:, None], rounding.bf16_weight(self.kv_norm.weight), rotation, eps)
        kv = rounding.kv_entry(kv.view(*by_row, width), config.qk_rope_head_dim)
        entries = selected = keys = None
        if self.ratio and run.length >= self.ratio:
            entries = rounding.kv_entry(self.compressor(x, run), config.qk_rope_head_dim)
        teach = self.ratio == 4 and entries is not None and run.index_queries is not None
        choose = self.ratio == 4 and entries is not None and run.select and entries.shape[1] > config.index_topk
        if teach or choose:
            keys = self.indexer.keys(x.detach(), run)
        if choose:
            selected = self.indexer.select(x, q_low, keys.detach(), run)
        out, mass = ops.attention(
            q.view(*by_row, heads, width), kv, entries, self.attn_sink, config.sliding_window, self.ratio, selected,
            run.index_queries if teach else None,
        )  # fmt: skip
        if teach:
            run.index_losses.append(self.indexer.loss(x.detach(), q_low.detach(), keys, mass, selected, run))
        out = ops.norm_rope(out.reshape(-1, heads, width), None, rotation, eps, normalize=False, inverse=True)
        wo_a = rounding.fp8_weight(self.wo_a.weight).view(config.o_groups, config.o_lora_rank, -1)
        z = ops.grouped_linear(out.view(-1, config.o_groups, wo_a.shape[2]), wo_a)
        return ops.linear(rounding.linear_input(z), rounding.fp8_weight(self.wo_b.weight))[0]


class Gate(nn.Module):
    """Chooses the experts: by the token's id in hash layers, by score elsewhere [4.5, 1-3]."""

    def __init__(self, config: Config, hashed: bool):
        super().__init__()
        self.config, self.hashed = config, hashed
        experts = config.n_routed_experts
        self.weight = nn.Parameter(torch.randn(experts, config.hidden_size) * config.hidden_size**-0.5)
        if hashed:
            self.register_buffer("tid2eid", torch.zeros(config.vocab_size, config.num_experts_per_tok, dtype=torch.long))
        else:
            self.register_buffer("bias", torch.zeros(experts))

    def forward(self, x: torch.Tensor, run: _Pass) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and weights [tokens, num_experts_per_tok]."""
        config = self.config
        scores = F.softplus(F.linear(x.to(self.weight.dtype), run.rounding.bf16_weight(self.weight))).sqrt()
        if self.hashed:
            ids = self.tid2eid[run.tokens]
        else:
            ids = (scores.detach() + self.bias).topk(config.num_experts_per_tok).indices
            run.expert_loads.append(ids.flatten().bincount(minlength=config.n_routed_experts))
        weights = scores.gather(1, ids)
        return ids, config.routed_scaling_factor * weights / weights.sum(-1, keepdim=True)


class StackedExperts(nn.Module):
    """Matrices of `count` experts (None: of one, without a first dimension): w1 above w3 in w13 [count, 2 * inner, hidden]."""

    def __init__(self, config: Config, count: int | None):
        super().__init__()
        stack = () if count is None else (count,)
        hidden, inner = config.hidden_size, config.moe_intermediate_size
        self.w13 = nn.Parameter(torch.randn(*stack, 2 * inner, hidden) * hidden**-0.5)
        self.w2 = nn.Parameter(torch.randn(*stack, hidden, inner) * (0.5 * inner**-0.5))


class FeedForward(nn.Module):
    def __init__(self, config: Config, hashed: bool):
        super().__init__()
        self.limit = config.swiglu_limit
        self.gate = Gate(config, hashed)
        self.experts = StackedExperts(config, config.n_routed_experts)
        self.shared_experts = StackedExperts(config, None)

    def forward(self, x: torch.Tensor, run: _Pass) -> torch.Tensor:
        rounding, inner = run.rounding, self.experts.w2.shape[-1]
        ids, weights = self.gate(x, run)
        shared_w1, shared_w3 = self.shared_experts.w13.split(inner)  # two matrices: FP8 tiles do not cross them
        if rounding.weights:
            shared_w13 = torch.cat([rounding.fp8_weight(shared_w1), rounding.fp8_weight(shared_w3)])
        else:
            shared_w13 = self.shared_experts.w13
        return run.ops.experts(
            x, ids, weights, rounding.fp4_weight(self.experts.w13), rounding.fp4_weight(self.experts.w2), shared_w13,
            rounding.fp8_weight(self.shared_experts.w2), self.limit,
        )  # fmt: skip


class Block(nn.Module):
    """Two sublayers, attention and experts, between the residual streams [4.2]."""

    def __init__(self, config: Config, ratio: int, hashed: bool):
        super().__init__()
        self.config = config
        self.hc_attn, self.hc_ffn = HyperConnection(config), HyperConnection(config)
        self.attn_norm, self.ffn_norm = Norm(config.hidden_size), Norm(config.hidden_size)
        self.attn = Attention(config, ratio)
        self.ffn = FeedForward(config, hashed)

    def forward(self, streams: torch.Tensor, run: _Pass) -> torch.Tensor:
        """streams [batch * length, 4, hidden]."""
        config = self.config
        for mixing, norm, sublayer in ((self.hc_attn, self.attn_norm, self.attn), (self.hc_ffn, self.ffn_norm, self.ffn)):
            streams, x, post, comb = run.ops.mhc_pre(
                streams, mixing.fn, mixing.scale, mixing.base, run.rounding.bf16_weight(norm.weight), config.rms_norm_eps,
                config.hc_eps, config.hc_sinkhorn_iters,
            )  # fmt: skip
            streams = run.ops.mhc_post(streams, sublayer(x, run), post, comb)
        return streams


class Mtp(Block):
    """Predicts one token further, from the backbone's streams and the next token [4.8]."""

    def __init__(self, config: Config):
        super().__init__(config, 0, False)
        self.e_proj, self.h_proj = (Linear(config.hidden_size, config.hidden_size) for _ in range(2))
        self.enorm, self.hnorm, self.norm = (Norm(config.hidden_size) for _ in range(3))
        self.hc_head = HyperConnection(config, head=True)

    def forward(self, streams: torch.Tensor, embedded: torch.Tensor, run: _Pass) -> torch.Tensor:
        """embedded [batch * length, hidden]: the next tokens'."""
        ops, rounding, eps = run.ops, run.rounding, self.config.rms_norm_eps
        e = ops.norm_rope(embedded.to(ops.dtype)[:, None], rounding.bf16_weight(self.enorm.weight), None, eps)
        h = ops.norm_rope(streams.to(ops.dtype), rounding.bf16_weight(self.hnorm.weight), None, eps)
        (a,) = ops.linear(rounding.linear_input(e), rounding.fp8_weight(self.e_proj.weight))
        (b,) = ops.linear(rounding.linear_input(h), rounding.fp8_weight(self.h_proj.weight))
        return super().forward(rounding.bf16(a.to(streams.dtype) + b.to(streams.dtype)), run)


class Krill(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.ops: Fused | Plain = Fused()
        self.embed = Linear(config.hidden_size, config.vocab_size, gain=0.5 * config.hidden_size**0.5)
        self.layers = nn.ModuleList(
            Block(config, ratio, layer < config.num_hash_layers) for layer, ratio in enumerate(config.compress_ratios)
        )
        self.hc_head = HyperConnection(config, head=True)
        self.norm = Norm(config.hidden_size)
        self.head = Linear(config.hidden_size, config.vocab_size)
        self.mtp = nn.ModuleList(Mtp(config) for _ in range(config.num_nextn_predict_layers))
        generator = torch.Generator().manual_seed(config.hash_seed)
        for gate in self._gates(hashed=True):
            order = torch.rand(config.vocab_size, config.n_routed_experts, generator=generator).argsort(-1)
            gate.tid2eid.copy_(order[:, : config.num_experts_per_tok])

    def forward(
        self,
        tokens: torch.Tensor,
        rows: torch.Tensor,
        positions: torch.Tensor | None = None,
        mtp: bool = False,
        select: bool = False,
        index_queries: torch.Tensor | None = None,
    ) -> Output:
        """tokens [batch, length]; logits are computed at `rows`, places in the flattened tokens.

        `positions` [batch, length] are what the rotary embedding sees, 0, 1, 2... by default. With `select` CSA layers attend to
        the entries the indexer selects, else to all. index_queries [batch, n] are the places in each row where the indexer is
        taught.
        """
        batch, length = tokens.shape
        if positions is None:
            positions = torch.arange(length).repeat(batch, 1)
        positions = positions.reshape(-1)
        run = _Pass(
            ops=self.ops,
            batch=batch,
            length=length,
            tokens=tokens.reshape(-1),
            window_rotation=rotations(self.config, False, positions),
            compressed_rotation=rotations(self.config, True, positions),
            select=select,
            index_queries=index_queries,
        )
        embed = run.rounding.bf16_weight(self.embed.weight)
        streams = F.embedding(run.tokens, embed)[:, None].expand(-1, 4, -1).contiguous()
        for block in self.layers:
            streams = block(streams, run)
        logits = self._logits(streams[rows], self.hc_head, self.norm)
        mtp_logits = None
        if mtp:
            following = F.embedding(torch.roll(tokens, -1, 1).reshape(-1), embed)
            block = self.mtp[0]
            mtp_logits = self._logits(block(streams, following, run)[rows], block.hc_head, block.norm)
        loads = run.expert_loads + [torch.zeros(self.config.n_routed_experts)] * (len(self._gates()) - len(run.expert_loads))
        losses = run.index_losses or [torch.zeros(())]
        return Output(logits, mtp_logits, torch.stack(losses).sum(), torch.stack(loads).float() if loads else self.expert_bias())

    def _logits(self, streams: torch.Tensor, mixing: HyperConnection, norm: Norm) -> torch.Tensor:
        """Streams [rows, 4, hidden] -> one vector, norm, head [4.6]."""
        config, plain = self.config, Plain(streams.dtype, self.ops.rounding)
        flat = streams.flatten(1)
        mixes = F.linear(flat, mixing.fn) * torch.rsqrt(flat.square().mean(-1, keepdim=True) + config.rms_norm_eps)
        pre = torch.sigmoid(mixes * mixing.scale + mixing.base) + config.hc_eps
        y = plain.rounding.bf16((pre[:, :, None] * streams).sum(1))
        y = plain.norm_rope(y, plain.rounding.bf16_weight(norm.weight), None, config.rms_norm_eps)
        return F.linear(y, plain.rounding.bf16_weight(self.head.weight))

    # Balance of the experts ----------------------------------------------------------------------------------------------------

    def _gates(self, hashed: bool = False) -> list[Gate]:
        return [module for module in self.modules() if isinstance(module, Gate) and module.hashed == hashed]

    def expert_bias(self) -> torch.Tensor:
        """[scored gates, experts], the MTP block's last."""
        gates = self._gates()
        return torch.stack([gate.bias for gate in gates]) if gates else torch.zeros(0, self.config.n_routed_experts)

    @torch.no_grad()
    def balance_experts(self, load: torch.Tensor, speed: float = 1e-3) -> None:
        """Moves each scored gate's bias toward the experts that got less than their share of `load` (Output.expert_load)."""
        for gate, counts in zip(self._gates(), load):
            gate.bias += speed * (counts.mean() - counts).sign()


def deepen(named: dict[str, torch.Tensor], origins: list[int | None], fresh: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`named`, values by name of a parameter, for a model with more layers: layer i continues layer origins[i] or is new (None), with
    the values in `fresh`, which has the new model's names."""
    deeper = {}
    for name, value in fresh.items():
        place, *parts = name.split(".")
        if place != "layers":
            deeper[name] = named[name]
        elif (origin := origins[int(parts[0])]) is not None:
            deeper[name] = named[".".join(["layers", str(origin), *parts[1:]])]
        else:
            deeper[name] = value
    return deeper


@torch.no_grad()
def silence(block: Block) -> None:
    """Makes a new layer pass the streams on as they are, but for a hundredth that they mix: its sublayers return zero and learn from there."""
    for matrix in (block.attn.wo_b.weight, block.ffn.experts.w2, block.ffn.shared_experts.w2):
        matrix.zero_()
    for mixing in (block.hc_attn, block.hc_ffn):
        mixing.base[8:] = (torch.eye(4) * 6).flatten()


def parameter_count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
