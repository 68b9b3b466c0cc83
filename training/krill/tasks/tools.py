"""Tool calls: which of one to four tools, with which arguments, or none; and the answer from what a tool returns."""

import json
from collections.abc import Callable

from sample import Sample, assistant, system, user
from tasks.chat import identity_turn
from tasks.drills import conversation
from tasks.request import SYSTEMS, listed, thinking, within
from tasks.tool_kinds import KINDS, Kind, lookup
from words import Forms, Words

NO_TOOL = "I have no tool for that."
_ERRORS = [(f"{what} {how}", (i + j) % 3 == 2) for i, what in enumerate(("server", "file", "user", "page")) for j, how in enumerate(("not found", "is locked", "has no answer"))]
ERRORS = Forms(tuple(error for error, held in _ERRORS if not held), tuple(error for error, held in _ERRORS if held))


def error_text(words: Words) -> str:
    """What a failed tool says. In training mostly any words, since it is to be said back as it stands."""
    if words.held or words.chance(0.3):
        return words.pick(ERRORS)
    pieces = (words.jumble, words.thing, words.place, lambda: words.choice(("server", "file", "user", "page", "is", "not", "no", "has")))
    return " ".join(words.choice(pieces)() for _ in range(words.rng.randint(2, 4)))


def offered(words: Words, count: int) -> list[Kind]:
    """Kinds with different names, the first of them to be called."""
    kinds: dict[str, Kind] = {}
    while len(kinds) < count:
        kind = lookup(words) if words.chance(0.35) else words.choice(list(KINDS.values()))
        kinds.setdefault(kind.name, kind)
    return list(kinds.values())


def asked(words: Words, kind: Kind) -> tuple[str, dict]:
    """A question for a tool, and the arguments of the call it needs."""
    arguments = {name: make(words) for name, (_, make) in kind.parameters.items()}
    return words.form(kind.asks, **arguments), arguments


def other_kind(words: Words, kinds: list[Kind]) -> Kind:
    """One that is not among those."""
    while True:
        kind = lookup(words) if words.chance(0.35) else words.choice(list(KINDS.values()))
        if kind.name not in [one.name for one in kinds]:
            return kind


def choose(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """A drill: a list of tools, and question after question for the name of the tool that is made for it, or none."""
    kinds = offered(words, words.rng.randint(1, 6))
    shown = [f"{kind.name}: {kind.description}" if words.chance(0.5) else kind.name for kind in kinds]
    words.rng.shuffle(shown)

    def ask() -> tuple[str, str]:
        there = words.chance(0.6)
        kind = words.choice(kinds) if there else other_kind(words, kinds)
        return asked(words, kind)[0], kind.name if there else NO_TOOL

    return conversation("\n".join(shown), ask, "choose", budget, measure)


class _Conversation:
    def __init__(self, words: Words, kinds: list[Kind]):
        self.words = words
        self.kinds = kinds
        self.messages: list[dict] = []
        self.calls = 0

    def no_tool(self):
        words = self.words
        if words.chance(0.3):
            question, answer = identity_turn(words)
            answer["reasoning_content"] = f"{answer['reasoning_content']} No tool is needed."
        else:
            question = user(asked(words, other_kind(words, self.kinds))[0])
            answer = assistant(NO_TOOL, "", "No tool is made for that.")
        answer["task"] = "no_tool"
        self.messages += [question, answer]

    def call(self, kind: Kind):
        words = self.words
        question, arguments = asked(words, kind)
        self.calls += 1
        call_id = f"call_{self.calls}"
        given = listed([f"{name} {value}" for name, value in arguments.items()])
        call = assistant("", "tool", f"I call {kind.name} with {given}.")
        call["tool_calls"] = [{"id": call_id, "type": "function", "function": {"name": kind.name, "arguments": arguments}}]
        if words.chance(0.09):
            error = error_text(words)
            result, thought, said = {"error": error}, "The tool failed.", f"The tool failed: {error}."
        else:
            result = kind.result(words, arguments)
            said = kind.answer.format(**(arguments | result))
            found = listed([f"{name} {value}" for name, value in result.items()])
            thought = "The call worked." if result == {"ok": True} else f"The result says {found}."
        self.messages += [
            user(question),
            call,
            {"role": "tool", "tool_call_id": call_id, "content": json.dumps(result)},
            assistant(said, "tool_answer", thought),
        ]

    def turn(self, first: bool):
        words = self.words
        if words.chance(0.28):
            self.no_tool()
        else:
            self.call(self.kinds[0] if first else words.choice(self.kinds))


def tools(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to twelve turns with one to four tools: the tools block alone takes a few hundred tokens, so many turns share it."""

    def build(size: tuple[int, int]) -> Sample:
        turns, count = size
        kinds = offered(words, count)
        conversation = _Conversation(words, kinds)
        for turn in range(turns):
            conversation.turn(turn == 0)
        shown = kinds[:]
        words.rng.shuffle(shown)
        messages = [system(words.pick(SYSTEMS))] if words.chance(0.4) else []
        return Sample(messages + conversation.messages, [kind.schema() for kind in shown], **thinking(words, 0.4))

    turns = words.choice((1, 1, 2, 2, 4, 7, 10))
    count = words.choice((1, 2, 2, 3, 3, 4))
    # Turns go first, then tools: choosing among several is what there is to learn.
    sizes = [(turns, count), *((fewer, count) for fewer in (8, 6, 5, 4, 3, 2, 1) if fewer < turns), *((1, fewer) for fewer in range(count, 0, -1))]
    return within(budget, measure, sizes, build)
