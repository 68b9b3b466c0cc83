"""The recipe: which texts, how long, how many, at which rates. Everything a run depends on besides its seed is here.

Progress is counted in tokens, so that a run means the same on a slow and on a fast machine.
"""

from dataclasses import dataclass

M = 1_000_000

# Shapes are the official config's names; what is not listed is in model.Config, the layers are in LAYERS.
MODEL = dict(
    vocab_size=1152,
    hidden_size=128,
    num_attention_heads=4,
    head_dim=128,
    qk_rope_head_dim=64,
    q_lora_rank=128,
    o_lora_rank=128,
    o_groups=2,
    sliding_window=64,
    index_n_heads=2,
    index_head_dim=128,
    index_topk=64,
    n_routed_experts=8,
    num_experts_per_tok=2,
    moe_intermediate_size=128,
    num_hash_layers=1,
    num_nextn_predict_layers=1,
)


# From so many tokens on the model has these layers: the ratio of each, and which layer of the model before it continues; None: a new
# one, which begins without an effect. Five layers learn to copy as fast as seven, a token, and take three quarters of the time; finding by
# two marks, as in a table, takes more of them.
LAYERS = (
    (0, ((0, None), (4, None), (128, None), (4, None), (4, None))),
    (8 * M, ((0, 0), (0, None), (4, 1), (128, 2), (4, 3), (4, None), (4, 4))),
)


def model_at(tokens: int) -> dict:
    """Fields of model.Config."""
    layers = [layers for start, layers in LAYERS if tokens >= start][-1]
    return MODEL | {"compress_ratios": tuple(ratio for ratio, _ in layers)}


@dataclass(frozen=True)
class Stage:
    """From `start` tokens on: row lengths with their weights, and tokens per step (two rows at least). A row is, with
    `short_share`, packed with samples of `short` tasks, and otherwise one sample of a `long` task."""

    start: int
    lengths: dict[int, float]
    batch: int
    short_share: float
    long: dict[str, float]
    short: dict[str, float]


# What long rows hold besides documents, by what is practised; then documents and short tasks, early and later with more of what comes slowly.
COPYING = {"random_copy": 3, "repeat": 1, "key_value": 1, "mixed": 1.5, "multi": 0.5}
EARLY_DRILLS = {"random_copy": 2, "key_value": 0.7, "repeat": 0.7, "several": 1, "asked_before": 1.5, "lines": 1, "cells": 1.5, "tally": 1}
DRILLS = {"random_copy": 2.5, "asked_before": 1.5, "several": 1.5, "lines": 2.5, "cells": 0.7, "tally": 1.5, "choose": 1.2, "repeat": 0.5}
EARLY_DOCUMENTS = {"recall": 2, "multi": 1.3, "quote": 1.8, "absent": 1, "count": 1, "mixed": 4}
DOCUMENTS = {"recall": 1.2, "multi": 1.8, "quote": 2.5, "absent": 1.8, "count": 2, "mixed": 3}
EARLY_SKILLS = {
    "extract": 2.5, "tools": 3, "json_schema": 1.5, "fim": 2, "prefix": 1.2, "identity": 0.8, "refuse": 0.3, "small_talk": 1.0, "ask_first": 1.5,
}  # fmt: skip
SKILLS = {
    "extract": 2.8, "tools": 4, "json_schema": 4, "fim": 2.5, "prefix": 2.2, "identity": 0.7, "refuse": 0.3, "small_talk": 1.2, "ask_first": 4,
}  # fmt: skip
# The last tokens, with more of what was below its bar at 86 million: counts, quotes, near names, begun answers, cells.
LAST_DRILLS = DRILLS | {"random_copy": 2, "lines": 2, "cells": 1.5, "tally": 2.5}
LAST_DOCUMENTS = DOCUMENTS | {"multi": 2.3, "quote": 3, "absent": 2.2, "count": 3, "mixed": 2}
LAST_SKILLS = SKILLS | {"extract": 4, "tools": 5, "json_schema": 2.5, "prefix": 3, "small_talk": 1.5}
# Question and document the other way round, and choosing a tool.
TURNED = {"asked_before": 3, "several": 1.5, "random_copy": 0.7, "lines": 0.8, "mixed": 0.7}
TURNED_SKILLS = {"choose": 1.5, "tools": 2, "ask_first": 2, "json_schema": 0.5, "extract": 0.5}
NEEDS_ROOM = {"tools": 480, "extract": 120, "json_schema": 120, "ask_first": 110}  # tokens left in a row, for a sample to be tried there


def _documents(drills: dict[str, float], share: float, documents: dict[str, float]) -> dict[str, float]:
    """The document tasks, with so large a share of drills among them."""
    of_drills, of_documents = sum(drills.values()), sum(documents.values())
    return {k: share * v / of_drills for k, v in drills.items()} | {k: (1 - share) * v / of_documents for k, v in documents.items()}


LONG = {512: 0.15, 1024: 0.35, 2048: 0.25, 4096: 0.15, 8192: 0.07, 16384: 0.03}  # row lengths of the last third

# Narrow first: single facts and pairs in rows that the window nearly covers, then copying from beyond it, which everything else rests on: drilled
# from 1.3 million tokens on it is right nine times in ten at 3.4 million, learned by the way at 36. Finding what stands *before* a match,
# as the start of a line that is to be quoted, is learned by nobody who is asked for it now and then, but in a million tokens of nothing else; so
# are questions that come before their document. Then everything, in longer and longer rows.
STAGES = (
    Stage(0, {128: 1}, 2048, 0.02, {"key_value": 3.5, "repeat": 2.5, "recall": 2}, EARLY_SKILLS),
    Stage(int(0.8 * M), {256: 1}, 2048, 0.05, {"recall": 2, "key_value": 2.5, "repeat": 2, "random_copy": 1}, EARLY_SKILLS),
    Stage(int(1.3 * M), {256: 0.3, 512: 0.7}, 4096, 0.05, COPYING, EARLY_SKILLS),
    Stage(4 * M, {256: 0.4, 512: 0.6}, 4096, 0.35, _documents(EARLY_DRILLS, 0.4, EARLY_DOCUMENTS), EARLY_SKILLS),
    Stage(8 * M, {512: 0.7, 1024: 0.3}, 4096, 0.45, _documents(EARLY_DRILLS, 0.35, EARLY_DOCUMENTS), EARLY_SKILLS),
    Stage(10 * M, {128: 0.6, 256: 0.4}, 2048, 0.0, {"lines": 1}, EARLY_SKILLS),
    Stage(int(11.2 * M), {256: 0.4, 512: 0.6}, 4096, 0.05, {"lines": 3, "quote": 2, "multi": 1.5, "cells": 1.5, "count": 1, "tally": 1}, EARLY_SKILLS),
    Stage(int(13.2 * M), {256: 0.5, 512: 0.5}, 4096, 0.25, TURNED, TURNED_SKILLS),
    Stage(15 * M, {512: 0.6, 1024: 0.3, 2048: 0.1}, 4096, 0.5, _documents(DRILLS, 0.3, DOCUMENTS), SKILLS),
    Stage(26 * M, {512: 0.3, 1024: 0.4, 2048: 0.2, 4096: 0.1}, 8192, 0.5, _documents(DRILLS, 0.3, DOCUMENTS), SKILLS),
    Stage(62 * M, LONG, 16384, 0.5, _documents(DRILLS, 0.3, DOCUMENTS), SKILLS),
    Stage(86 * M, LONG, 16384, 0.5, _documents(LAST_DRILLS, 0.3, LAST_DOCUMENTS), LAST_SKILLS),
)

TOTAL = int(91.5 * M)
# Share of the full learning rate at so many tokens, in straight lines between these points.
RATES = ((0, 0.01), (0.2 * M, 1.0), (14 * M, 1.0), (30 * M, 0.5), (58 * M, 0.5), (86 * M, 0.01), (86.2 * M, 0.25), (TOTAL, 0.005))
MTP_FROM = 74 * M  # from here on the MTP block is trained too

MUON_RATE = 0.04
ADAM_RATE = 4e-3
ADAM_BETAS = (0.9, 0.97)
WEIGHT_DECAY = 0.01  # of Muon's matrices, times the learning rate: without it they grow until SwiGLU's clamp and softmaxes saturate
CLIP = 1.0  # of the norm of Adam's gradients

# Of a token's loss, by task: short answers have few tokens to learn from.
TASK_WEIGHT = {
    "fim": 3, "count": 3, "multi": 2, "quote": 2, "prefix": 1.5, "recall": 1.5, "extract": 1.5, "absent": 1.5, "repeat": 0.5, "random_copy": 1,
    "lines": 1, "cells": 1.5, "tally": 3, "asked_before": 1.5, "several": 1, "json": 1.5,
}  # fmt: skip
FIRST_WEIGHT = 2.5  # of an answer's first token, which has to be found; the others mostly follow from it
FIRST_FROM = 10 * M
CONTEXT_WEIGHT = 0.1  # of the loss on text that is not an answer
CONTEXT_SHARE = 0.15  # of such positions, drawn at random each step
INDEX_WEIGHT = 0.3  # of the indexer's distance from the attention it stands for
MTP_WEIGHT = 0.3
AVERAGE = 0.998  # of the running mean of the weights, every 2,048 tokens
SELECT_FROM = int(1.3 * M)  # from here on attention sees what the indexer selects, and no longer everything

SKIP_SHARE = 0.6  # of the rows: positions run ahead at random places, so that far ones are known
POSITION_MAX = 1 << 20
