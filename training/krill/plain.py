"""The model's operations in plain torch: written to be read, in any precision, with any rounding.

They are the twin and the test of the fused ones in ops.py, and what a checkpoint is compared with the engine by. With
`rounding.activations` every result is rounded where the official inference rounds (specification of the architecture, section 4);
without, nothing is. Numbers in brackets name the steps of that section.
"""

import torch
import torch.nn.functional as F
from formats import Rounding

_NOTHING = -1e30  # a logit that is not there


class Plain:
    """Operations on activations of type `dtype`: float32 or float64.

    `p_scale`: attention weights are rounded relative to the largest one times this. The reference takes the largest of the keys
    it has seen so far, so values near 1 are all legitimate; what differs between them is noise that a comparison must allow.
    """

    def __init__(self, dtype: torch.dtype = torch.float32, rounding: Rounding = Rounding(), p_scale: float = 1.0):
        self.dtype = dtype
        self.rounding = rounding
        self.p_scale = p_scale

    # Linear layers -------------------------------------------------------------------------------------------------------------

    def linear(self, x: torch.Tensor, *weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Several linear layers of one input, rounded to BF16."""
        return tuple(self.rounding.bf16(F.linear(x, weight)) for weight in weights)

    def linear_float(self, x: torch.Tensor, *weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Several linear layers of one input whose results the official inference keeps in float32."""
        return tuple(F.linear(x, weight) for weight in weights)

    def grouped_linear(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """x [tokens, groups, in] times weight [groups, out, in]: [tokens, groups * out]."""
        return self.rounding.bf16(torch.einsum("tgi,goi->tgo", x, weight)).flatten(1)

    # Norm and rotary embedding -------------------------------------------------------------------------------------------------

    def norm_rope(
        self,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        rotation: torch.Tensor | None,
        eps: float,
        normalize: bool = True,
        inverse: bool = False,
    ) -> torch.Tensor:
        """RMS norm over the last dimension of x [tokens, heads, width], then the rotation [tokens, rope_width] of its end."""
        bf16 = self.rounding.bf16
        if normalize and weight is not None:
            x = bf16(weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)))
        elif normalize:  # per head, without weight: the reference takes every step in BF16 [4.4, 3]
            mean = bf16(bf16(x.square()).mean(-1, keepdim=True))
            x = bf16(x * bf16(torch.rsqrt(bf16(mean + eps))))
        if rotation is not None:
            cosine, sine = rotation.to(x.dtype)[:, None].chunk(2, -1)
            split = x.shape[-1] - rotation.shape[-1]
            a, b = x[..., split::2], x[..., split + 1 :: 2]
            sine = -sine if inverse else sine
            turned = torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2)
            x = torch.cat([x[..., :split], bf16(turned)], -1)
        return x

    # Hyper-connections ---------------------------------------------------------------------------------------------------------

    def mhc_pre(
        self,
        streams: torch.Tensor,
        fn: torch.Tensor,
        scale: torch.Tensor,
        base: torch.Tensor,
        norm_weight: torch.Tensor,
        norm_eps: float,
        hc_eps: float,
        iterations: int,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """streams [tokens, 4, dim] -> streams, the sublayer's normalised input, post [tokens, 4], comb [tokens, 4, 4] [4.2]."""
        flat = streams.flatten(1)
        mixes = F.linear(flat, fn) * torch.rsqrt(flat.square().mean(-1, keepdim=True) + norm_eps)
        pre = torch.sigmoid(mixes[:, :4] * scale[0] + base[:4]) + hc_eps
        post = 2 * torch.sigmoid(mixes[:, 4:8] * scale[1] + base[4:8])
        comb = (mixes[:, 8:] * scale[2] + base[8:]).view(-1, 4, 4).softmax(-1) + hc_eps
        comb = comb / (comb.sum(1, keepdim=True) + hc_eps)
        for _ in range(iterations - 1):
            comb = comb / (comb.sum(2, keepdim=True) + hc_eps)
            comb = comb / (comb.sum(1, keepdim=True) + hc_eps)
        mixed = self.rounding.bf16((pre[:, :, None] * streams).sum(1))
        return streams, self.norm_rope(mixed, norm_weight, None, norm_eps), post, comb

    def mhc_post(self, streams: torch.Tensor, v: torch.Tensor, post: torch.Tensor, comb: torch.Tensor) -> torch.Tensor:
        """The streams after a sublayer with output v: comb[j][k] carries stream j to stream k."""
        return self.rounding.bf16(post[:, :, None] * v[:, None] + torch.einsum("tjk,tjd->tkd", comb, streams))

    # Attention -----------------------------------------------------------------------------------------------------------------

    def pool(self, values: torch.Tensor, gates: torch.Tensor, ape: torch.Tensor) -> torch.Tensor:
        """The compressor's softmax pooling [4.4, 9-10] of values and gates [batch, length, width or 2 * width].

        The number of rows of ape is the ratio. With ratio 4 an entry pools the low half of the block before and the high half of
        its own. Tokens of an unfinished block are in no entry.
        """
        batch, length, columns = values.shape
        ratio = ape.shape[0]
        count = length // ratio
        values = values[:, : count * ratio].view(batch, count, ratio, columns)
        gates = gates[:, : count * ratio].view(batch, count, ratio, columns) + ape
        if ratio == 4:
            width = columns // 2
            before = F.pad(values[:, :-1, :, :width], (0, 0, 0, 0, 1, 0))
            gates_before = F.pad(gates[:, :-1, :, :width], (0, 0, 0, 0, 1, 0), value=_NOTHING)
            values = torch.cat([before, values[..., width:]], 2)
            gates = torch.cat([gates_before, gates[..., width:]], 2)
        return self.rounding.bf16((values * gates.softmax(2)).sum(2))

    def select(self, queries: torch.Tensor, weights: torch.Tensor, keys: torch.Tensor, ratio: int, topk: int) -> torch.Tensor:
        """The entries every query attends to [4.4, 17-18]: ids int32 [batch, length, topk], ascending, -1 after the last.

        queries [batch, length, heads, width], weights [batch, length, heads], keys [batch, entries, width].
        """
        bf16 = self.rounding.bf16
        length, entries = queries.shape[1], keys.shape[1]
        dots = bf16(torch.einsum("bthn,bcn->bthc", queries, keys)).relu()
        scores = bf16(bf16(dots * weights[..., None]).sum(2))
        visible = torch.arange(entries) < ((torch.arange(length) + 1) // ratio)[:, None]
        order = scores.masked_fill(~visible, -torch.inf).sort(dim=-1, descending=True, stable=True).indices[..., :topk]
        order = torch.where(visible[None].expand_as(scores).gather(-1, order), order, entries)
        ids = F.pad(order.sort(-1).values, (0, topk - order.shape[-1]), value=entries)
        return torch.where(ids < entries, ids, -1).to(torch.int32)

    def attention(
        self,
        q: torch.Tensor,
        kv: torch.Tensor,
        entries: torch.Tensor | None,
        sink: torch.Tensor,
        window: int,
        ratio: int,
        selected: torch.Tensor | None = None,
        mass_rows: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """q [batch, length, heads, width] attends to kv [batch, length, width] in its window and to compressed entries.

        All visible entries, or the selected ones. With mass_rows [batch, rows] also the attention these queries pay to each
        entry (column of `selected`, where given), summed over the heads: [batch, rows, columns].
        """
        batch, length, heads, width = q.shape
        token = torch.arange(length)
        distance = token[:, None] - token
        allowed = ((distance >= 0) & (distance < window))[None].expand(batch, -1, -1)
        keys = kv
        if entries is not None:
            count = entries.shape[1]
            keys = torch.cat([kv, entries], 1)
            if selected is None:
                visible = (torch.arange(count) < ((token + 1) // ratio)[:, None])[None].expand(batch, -1, -1)
            else:
                ids = torch.where(selected < 0, count, selected).long()
                visible = torch.zeros(batch, length, count + 1, dtype=torch.bool).scatter_(2, ids, True)[..., :count]
            allowed = torch.cat([allowed, visible], 2)
        logits = torch.einsum("bthn,bsn->bths", q, keys) * width**-0.5
        logits = logits.masked_fill(~allowed[:, :, None], _NOTHING)
        largest = logits.detach().amax(-1, keepdim=True)
        p = (logits - largest).exp()
        total = p.sum(-1, keepdim=True) + (sink[:, None] - largest).exp()
        rounded = self.rounding.bf16(p * self.p_scale) / self.p_scale
        out = self.rounding.bf16(torch.einsum("bths,bsn->bthn", rounded, keys) / total)
        mass = None
        if mass_rows is not None:
            of_row = torch.arange(batch)[:, None], mass_rows
            mass = (p / total).detach()[of_row][..., length:].sum(2)
            if selected is not None:
                ids = selected[of_row].long()
                mass = mass.gather(2, ids.clamp_min(0)) * (ids >= 0)
        return out, mass

    # Experts -------------------------------------------------------------------------------------------------------------------

    def experts(
        self,
        x: torch.Tensor,
        ids: torch.Tensor,
        weights: torch.Tensor,
        w13: torch.Tensor,
        w2: torch.Tensor,
        shared_w13: torch.Tensor,
        shared_w2: torch.Tensor,
        limit: float,
    ) -> torch.Tensor:
        """The chosen experts ids [tokens, k] with their weights, and the shared expert, added up [4.5, 4-6]."""
        x = self.rounding.linear_input(x)
        out = self._expert(x, None, shared_w13, shared_w2, limit)
        for expert in range(w13.shape[0]):
            token, place = (ids == expert).nonzero(as_tuple=True)
            if len(token):
                out = out.index_add(0, token, self._expert(x[token], weights[token, place], w13[expert], w2[expert], limit))
        return self.rounding.bf16(out)

    def _expert(
        self, x: torch.Tensor, weights: torch.Tensor | None, w13: torch.Tensor, w2: torch.Tensor, limit: float
    ) -> torch.Tensor:
        gate, up = self.linear(x, w13)[0].chunk(2, -1)
        hidden = F.silu(gate.clamp(max=limit)) * up.clamp(-limit, limit)
        if weights is not None:
            hidden = hidden * weights[:, None]
        return self.linear(self.rounding.linear_input(self.rounding.bf16(hidden)), w2)[0]
