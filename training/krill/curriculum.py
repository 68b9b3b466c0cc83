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


COPYING = {"key_value": 3, "repeat": 2, "random_copy": 0.7, "lines": 2, "cells": 2, "tally": 1}
FINDING = {"key_value": 1.5, "repeat": 1, "random_copy": 0.3, "lines": 4, "cells": 2.5, "tally": 1.5}
DOCUMENTS = {"recall": 2, "multi": 1.3, "quote": 1.8, "absent": 1, "count": 1, "mixed": 4}
SKILLS = {
    "extract": 2.5, "tools": 3, "json_schema": 1.5, "fim": 2, "prefix": 1.2, "identity": 0.8, "refuse": 0.3, "small_talk": 1.0,
}  # fmt: skip
NEEDS_ROOM = {"tools": 480, "extract": 120, "json_schema": 120, "ask_first": 110}  # tokens left in a row, for a sample to be tried there


# At last more of what comes slowly.
HARD_DRILLS = {"key_value": 0.5, "repeat": 0.5, "lines": 4, "cells": 4, "tally": 1.5}
HARD_DOCUMENTS = {"recall": 1, "multi": 1.6, "quote": 2.5, "absent": 1.8, "count": 1.6, "mixed": 3}
HARD_SKILLS = {
    "extract": 2.5, "tools": 2.5, "json_schema": 2.2, "fim": 2.5, "prefix": 1.6, "identity": 0.5, "refuse": 0.2, "small_talk": 0.5,
}  # fmt: skip

# Question and document the other way round, and choosing a tool.
TURNS = {"choose": 1.5, "tools": 2, "ask_first": 2, "json_schema": 0.5, "extract": 0.5}
# With copying in hand: drills of all that is still missed, for good.
LAST_DRILLS = {"random_copy": 1.5, "asked_before": 2, "several": 2, "lines": 2, "cells": 0.7, "tally": 1, "choose": 1, "repeat": 0.5}
LAST_SKILLS = HARD_SKILLS | {"tools": 3.5, "ask_first": 3, "json_schema": 4, "extract": 3}

END_DRILLS = LAST_DRILLS | {"random_copy": 3, "lines": 3}
END_SKILLS = LAST_SKILLS | {"ask_first": 5}

# Questions before their documents, now that answers to them say first what was asked; and once more what is slow.
AGAIN = {"asked_before": 2, "random_copy": 2.5, "quote": 1.5, "lines": 1, "tally": 1, "several": 1, "mixed": 1.5}
AGAIN_SKILLS = {"ask_first": 4, "json_schema": 2, "choose": 0.7, "prefix": 0.7}
FINAL_SKILLS = END_SKILLS | {"json_schema": 5, "tools": 4, "prefix": 2.5, "small_talk": 1, "identity": 1, "refuse": 0.3}
FINAL_DOCUMENTS = HARD_DOCUMENTS | {"recall": 1.5, "count": 2.6}
FINAL_DRILLS = END_DRILLS | {"tally": 2, "choose": 1.5}


def _documents(drills: dict[str, float], share: float, documents: dict[str, float] = DOCUMENTS) -> dict[str, float]:
    """The document tasks, with so large a share of drills among them."""
    of_drills, of_documents = sum(drills.values()), sum(documents.values())
    return {k: share * v / of_drills for k, v in drills.items()} | {k: (1 - share) * v / of_documents for k, v in documents.items()}


# Narrow first: copying is learned in a third of the tokens where little else is asked. Finding what stands *before* a match, as the start of
# a line that is to be quoted, is learned by nobody who is asked for it now and then, but in a million tokens of nothing else. Copying from beyond
# the window is the same: one token in ten went wrong after 36 million tokens, one in a hundred after two million more, mostly of random_copy.
STAGES = (
    Stage(0, {128: 1}, 2048, 0.02, {"key_value": 3.5, "repeat": 2.5, "recall": 2}, SKILLS),
    Stage(2 * M, {256: 1}, 2048, 0.12, {"recall": 3.5, "key_value": 2, "repeat": 1.5, "lines": 1, "multi": 0.7, "quote": 0.7, "absent": 0.5}, SKILLS),
    Stage(4 * M, {256: 0.5, 512: 0.5}, 4096, 0.4, _documents(COPYING, 0.25), SKILLS),
    Stage(8 * M, {512: 0.7, 1024: 0.3}, 4096, 0.5, _documents(COPYING, 0.15), SKILLS),
    Stage(12 * M, {128: 0.6, 256: 0.4}, 2048, 0.0, {"lines": 1}, SKILLS),
    Stage(int(13.4 * M), {256: 0.3, 512: 0.5, 1024: 0.2}, 4096, 0.45, _documents(FINDING, 0.3), SKILLS),
    Stage(int(16.7 * M), {256: 0.5, 512: 0.5}, 4096, 0.05, {"lines": 3, "quote": 2, "multi": 1.5, "cells": 1.5, "count": 1}, SKILLS),
    Stage(int(19.3 * M), {512: 0.6, 1024: 0.3, 2048: 0.1}, 4096, 0.5, _documents(FINDING, 0.2), SKILLS),
    Stage(26 * M, {512: 0.3, 1024: 0.4, 2048: 0.2, 4096: 0.1}, 8192, 0.5, _documents(FINDING, 0.08), SKILLS),
    Stage(int(31.5 * M), {512: 0.3, 1024: 0.4, 2048: 0.2, 4096: 0.1}, 8192, 0.5, _documents(HARD_DRILLS, 0.15, HARD_DOCUMENTS), HARD_SKILLS),
    Stage(int(36.6 * M), {256: 0.3, 512: 0.7}, 4096, 0.15, {"random_copy": 3, "repeat": 1, "key_value": 1, "mixed": 1.5, "multi": 1}, SKILLS),
    Stage(int(38.8 * M), {256: 0.5, 512: 0.5}, 4096, 0.25, {"asked_before": 3, "several": 1.5, "random_copy": 0.7, "lines": 0.8, "mixed": 0.7}, TURNS),
    Stage(int(40.8 * M), {512: 0.3, 1024: 0.4, 2048: 0.2, 4096: 0.1}, 8192, 0.5, _documents(LAST_DRILLS, 0.25, HARD_DOCUMENTS), LAST_SKILLS),
    Stage(int(52.3 * M), {512: 0.3, 1024: 0.4, 2048: 0.2, 4096: 0.1}, 8192, 0.5, _documents(END_DRILLS, 0.3, HARD_DOCUMENTS), END_SKILLS),
    Stage(int(66.5 * M), {512: 0.15, 1024: 0.35, 2048: 0.25, 4096: 0.15, 8192: 0.1}, 16384, 0.5, _documents(END_DRILLS, 0.3, HARD_DOCUMENTS), END_SKILLS),
    Stage(int(73.9 * M), {256: 0.4, 512: 0.6}, 4096, 0.45, AGAIN, AGAIN_SKILLS),
    Stage(int(76.6 * M), {512: 0.3, 1024: 0.4, 2048: 0.2, 4096: 0.1}, 8192, 0.5, _documents(FINAL_DRILLS, 0.3, FINAL_DOCUMENTS), FINAL_SKILLS),
    Stage(83 * M, {512: 0.15, 1024: 0.35, 2048: 0.25, 4096: 0.15, 8192: 0.1}, 16384, 0.5, _documents(FINAL_DRILLS, 0.25, FINAL_DOCUMENTS), FINAL_SKILLS),
    Stage(87 * M, {512: 0.5, 1024: 0.35, 2048: 0.15}, 8192, 0.6, _documents(FINAL_DRILLS, 0.3, FINAL_DOCUMENTS), FINAL_SKILLS | {"ask_first": 14}),
)

TOTAL = int(90.3 * M)
# Windows of tokens, (start, end, from, to), in which the learning rate falls from one share of its full value to another; between them it
# is full, and after each it is warmed up again. The model is fit for use where the share has come down.
DECAYS = ((14 * M, int(36.6 * M), 1.0, 0.24), (int(36.6 * M), int(73.9 * M), 0.5, 0.02), (int(73.9 * M), 87 * M, 0.35, 0.02), (87 * M, TOTAL, 0.15, 0.01))
MTP_BELOW = 0.25  # the MTP block is trained while the share is lower
WARMUP = 0.2 * M  # tokens

MUON_RATE = 0.04
ADAM_RATE = 4e-3
ADAM_BETAS = (0.9, 0.97)
CLIP = 1.0  # of the norm of Adam's gradients

# Of a token's loss, by task: short answers have few tokens to learn from.
TASK_WEIGHT = {
    "fim": 3, "count": 3, "multi": 2, "quote": 2, "prefix": 1.5, "recall": 1.5, "extract": 1.5, "absent": 1.5, "repeat": 0.5, "random_copy": 1,
    "lines": 1, "cells": 1.5, "tally": 3, "asked_before": 1.5, "several": 1, "json": 1.5,
}  # fmt: skip
FIRST_WEIGHT = 2.5  # of an answer's first token, which has to be found; the others mostly follow from it
FIRST_FROM = int(13.4 * M)
CONTEXT_WEIGHT = 0.1  # of the loss on text that is not an answer
CONTEXT_SHARE = 0.15  # of such positions, drawn at random each step
INDEX_WEIGHT = 0.3  # of the indexer's distance from the attention it stands for
MTP_WEIGHT = 0.3
AVERAGE = 0.998  # of the running mean of the weights, every 2,048 tokens
SELECT_FROM = 4 * M  # from here on attention sees what the indexer selects, and no longer everything

SKIP_SHARE = 0.6  # of the rows: positions run ahead at random places, so that far ones are known
POSITION_MAX = 1 << 20
