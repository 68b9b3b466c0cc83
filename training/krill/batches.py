"""Rows of tokens for training steps. Row r of step s depends on (seed, s, r) and the step's settings only: not on how many
processes share the work, nor on where a run was interrupted."""

import math
import random
from dataclasses import dataclass

import numpy as np

import curriculum
from encoding import render
from tasks import TASKS
from tokenizer import Vocabulary
from words import Words


@dataclass
class Batch:
    """Rows x length. `learn` is 0 where a token is context, else the index + 1 of its task in TASK_NAMES."""

    tokens: np.ndarray  # int64
    learn: np.ndarray  # uint8
    positions: np.ndarray  # int32


TASK_NAMES = (
    "think", "recall", "multi", "quote", "absent", "count", "extract", "tool", "tool_answer", "no_tool", "json", "fim", "prefix",
    "identity", "refuse", "small_talk", "key_value", "repeat", "random_copy", "lines", "cells", "tally", "several", "asked_before",
    "choose",
)  # fmt: skip
_INDEX = {name: index + 1 for index, name in enumerate(TASK_NAMES)}


def stage_at(tokens: int) -> curriculum.Stage:
    return [stage for stage in curriculum.STAGES if tokens >= stage.start][-1]


def _weighted(rng: random.Random, weights: dict):
    return rng.choices(list(weights), list(weights.values()))[0]


def step_shape(seed: int, step: int, tokens: int) -> tuple[int, int]:
    """(rows, length) of a step that begins after `tokens` tokens; a row for each of two workers at least."""
    stage = stage_at(tokens)
    length = _weighted(random.Random(f"{seed}/{step}/shape"), stage.lengths)
    return max(2, stage.batch // length), length


def _positions(rng: random.Random, length: int) -> np.ndarray:
    """Positions with up to four leaps; only RoPE sees them."""
    positions = np.arange(length, dtype=np.int64)
    if rng.random() >= curriculum.SKIP_SHARE:
        return positions
    spare = int(2 ** rng.uniform(math.log2(length), math.log2(curriculum.POSITION_MAX))) - length
    for at in sorted(rng.randrange(length) for _ in range(rng.randint(1, 4))):
        leap = rng.randint(0, max(0, spare))
        spare -= leap
        positions[at:] += leap
    return positions


def _samples(vocabulary: Vocabulary, rng: random.Random, tasks: dict[str, float], length: int, held: bool):
    """Encoded samples, one after another until `length` is nearly full; each of a task drawn from `tasks`."""
    words = Words(rng, held)
    at = 0
    while at < length - 40:
        fitting = {name: weight for name, weight in tasks.items() if length - at >= curriculum.NEEDS_ROOM.get(name, 40)}
        if not fitting:
            return
        for _ in range(3):
            sample = TASKS[_weighted(rng, fitting)](words, length - at, vocabulary.measure)
            ids, marks = vocabulary.encode(render(sample))
            if len(ids) <= length - at:
                break
        yield ids, marks
        at += len(ids)


def make_row(vocabulary: Vocabulary, rng: random.Random, tasks: dict[str, float], length: int, held: bool = False):
    """One row: ids and task indices, `length` of each. What does not fit is cut off."""
    ids = np.full(length, vocabulary.pad, np.int64)
    learn = np.zeros(length, np.uint8)
    at = 0
    for row, marks in _samples(vocabulary, rng, tasks, length, held):
        count = min(len(row), length - at)
        ids[at : at + count] = row[:count]
        learn[at : at + count] = [_INDEX[name] if name else 0 for name in marks[:count]]
        at += count
        if at > length // 2 and not tasks.keys() <= curriculum.SKILLS.keys():
            break  # a long task's sample has used its budget
    return ids, learn


def make_batch(vocabulary: Vocabulary, seed: int, step: int, tokens: int, rank: int, workers: int) -> Batch:
    """This worker's rows of a step."""
    rows, length = step_shape(seed, step, tokens)
    stage = stage_at(tokens)
    parts = []
    for row in range(rank, rows, workers):
        rng = random.Random(f"{seed}/{step}/{row}")
        if rng.random() < stage.short_share:
            tasks = stage.short
        else:
            tasks = {_weighted(rng, stage.long): 1.0}
        parts.append((*make_row(vocabulary, rng, tasks, length), _positions(rng, length)))
    ids, learn, positions = (np.stack(part) for part in zip(*parts))
    return Batch(ids, learn, positions.astype(np.int32))
