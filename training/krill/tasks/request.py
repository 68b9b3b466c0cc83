"""What the generators of short samples share: system messages, thinking or not, and keeping a sample within its budget."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from encoding import render
from sample import Sample
from words import Forms, Words

Size = TypeVar("Size")

SYSTEMS = Forms(
    ("You are a helpful assistant.", "You are a helpful assistant.", "Be brief.", "Answer the user.", "You are a friendly assistant."),
    ("You are a helpful assistant. Be brief.", "Answer the user. Be brief."),
)

KEEPS_THINKING = 0.6  # of training's conversations that think


def thinking(words: Words, share: float = 0.5) -> dict:
    """`share` of the requests think; of those half with the API's default effort. The arguments of a Sample."""
    return {
        "thinking": words.chance(share),
        "effort": words.choice(("low", "high", "high", "max")),
        "keeps_thinking": not words.held and words.chance(KEEPS_THINKING),
    }


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def tokens(sample: Sample, measure: Callable[[str], int]) -> int:
    """Length of the whole rendered sample."""
    return sum(1 if piece.control else measure(piece.text) for piece in render(sample))


def within(budget: int, measure: Callable[[str], int], sizes: Sequence[Size], build: Callable[[Size], Sample]) -> Sample:
    """The sample of the first size that fits. When none does: the last one, without effort text, at last without thinking."""
    for size in sizes:
        sample = build(size)
        if tokens(sample, measure) <= budget:
            return sample
    if sample.thinking:
        sample.effort = "low"
        if tokens(sample, measure) > budget:
            sample.thinking = False
    return sample
