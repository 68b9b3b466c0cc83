"""Prefix completion: the request holds the start of the answer, and the rest of it follows from the conversation.

Starts end after a whole word or a mark, as clients cut them; one in eight ends after a blank.
"""

from collections.abc import Callable

from sample import Sample, assistant, system, user
from tasks import phrases
from tasks.chat import identity_turn
from tasks.code import snippet
from tasks.documents import fact_value, quote
from tasks.json_schema import json_schema
from tasks.request import SYSTEMS, within
from words import Forms, Words, forms

Measure = Callable[[str], int]

# Starts of an answer that names one value. {value} is where the start ends; what follows it closes the answer.
OPENERS = forms(
    """
    The {attribute} of {name} is {value}.
    {name}'s {attribute} is {value}.
    It is {value}.
    {name}: {value}
    Answer: {value}
    """,
    ("_", "I see: ¬", "Sure. _", "Yes: _"),
    "As the document says, {value} it is.",
)
REPEAT = forms("Repeat this text.¶{text}\nCopy this:¶{text}\nEcho: {text}", ("_", "Please do this. _", "_¶Be brief.", "Now: _"))
CODE = forms("Repeat this code.¶{text}\nPut this code into a code block.¶{text}", ("_", "Please do this. _", "_¶Thanks.", "Now: _"))
COUNT = forms("Count from {first} to {last}.\nWrite the numbers from {first} to {last}.", ("_", "Please do this. _", "_ Be brief.", "Now: _"))


def cut(words: Words, text: str, least: int = 1) -> int:
    """Where the given start of an answer ends: before a blank or line end, after a mark, or at times after a blank."""
    blank_after = words.chance(0.12)
    spots = [
        at
        for at in range(least, len(text))
        if (text[at - 1] in " \n" if blank_after else text[at] in " \n" and text[at - 1] not in " \n" or text[at - 1] in ",:;({\"'-=|")
    ]
    return words.choice(spots) if spots else words.rng.randint(least, len(text) - 1)


def _finish(messages: list[dict], answer: str, at: int) -> Sample:
    """The conversation with the answer, of which the first `at` characters are given."""
    return Sample([*messages, assistant(answer, "prefix")], prefix=answer[:at])


def _begin(words: Words) -> list[dict]:
    return [system(words.pick(SYSTEMS))] if words.chance(0.3) else []


def _asked(words: Words, options: Forms, **fields) -> dict:
    return user(words.form(options, **fields).replace("¶", "\n"))


def _value(words: Words, lines: int) -> Sample:
    """A fact of a short document, in a sentence or after a label that is given."""
    attribute = words.choice(phrases.ATTRIBUTES)
    facts = {words.name(): fact_value(words, attribute) for _ in range(words.rng.randint(2, 5))}
    text = [words.fill(phrases.FACT_SENTENCES, attribute=attribute, name=name, value=value) for name, value in facts.items()]
    for _ in range(lines):
        text.insert(words.rng.randint(0, len(text)), words.fill(phrases.PROSE))
    name, value = words.choice(list(facts.items()))
    question = words.fill(phrases.ASK_VALUE, attribute=attribute, name=name)
    before, after = words.form(OPENERS, attribute=attribute, name=name, value="\0").split("\0")
    at = len(before) if words.chance(0.12) else len(before.rstrip())
    document = words.choice((" ", "\n")).join(text)
    return _finish([*_begin(words), user(f"{document}\n\n{question}")], before + value + after, at)


def _quoted(words: Words, lines: int, measure: Measure) -> Sample:
    """A line of a document, begun."""
    budget = 90 + lines * 25
    while True:
        sample = quote(words, budget, measure, questions=1, thinking=False)
        answer = sample.messages[-1]["content"]
        if sample.messages[-1]["task"] == "quote" and len(answer) > 8:
            return _finish(sample.messages[:-1], answer, cut(words, answer, 3))
        budget += 20


def _json(words: Words, measure: Measure) -> Sample:
    """A JSON answer, begun; the prompt names its keys, since the API refuses a begun answer beside a response format."""
    while True:
        sample = json_schema(words, 250, measure)
        assert sample.response_format is not None
        if sample.response_format["type"] == "json_object":
            break
    answer = sample.messages[-1]["content"]
    return _finish(sample.messages[:-1], answer, words.choice((1, answer.index(":") + 1, cut(words, answer))))


def _repeated(words: Words, lines: int) -> Sample:
    """A text that is to be repeated, begun."""
    text = words.choice((" ", "\n")).join(words.fill(phrases.PROSE) for _ in range(1 + lines // 3))
    return _finish([*_begin(words), _asked(words, REPEAT, text=text)], text, cut(words, text, 2))


def _code(words: Words) -> Sample:
    """Code of the user's in a code block, the fence given at least."""
    language, code = snippet(words)
    start = len(f"```{language}\n")
    answer = f"```{language}\n{code.rstrip()}\n```"
    return _finish([*_begin(words), _asked(words, CODE, text=code.rstrip())], answer, start if words.chance(0.5) else cut(words, answer, start))


def _counted(words: Words) -> Sample:
    """Numbers in order, of which at least two are given."""
    first = words.choice((1, 1, 2, 5, 10, words.rng.randint(1, 90)))
    items = [str(number) for number in range(first, first + words.rng.randint(4, 12))]
    answer = ", ".join(items)
    return _finish([*_begin(words), _asked(words, COUNT, first=items[0], last=items[-1])], answer, cut(words, answer, len(", ".join(items[:2]))))


def _chat(words: Words) -> Sample:
    """One of krill's own answers, begun."""
    question, answer = identity_turn(words)
    return _finish([*_begin(words), question], answer["content"], cut(words, answer["content"]))


def prefix(words: Words, budget: int, measure: Measure) -> Sample:
    """One of seven kinds of answers whose start is given."""

    def build(lines: int) -> Sample:
        kinds: list[tuple[int, Callable[[], Sample]]] = [
            (35, lambda: _value(words, lines)),
            (15, lambda: _quoted(words, lines, measure)),
            (15, lambda: _json(words, measure)),
            (12, lambda: _repeated(words, lines)),
            (6, lambda: _code(words)),
            (7, lambda: _counted(words)),
            (10, lambda: _chat(words)),
        ]
        return words.rng.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()

    lines = words.choice((0, 1, 2, 3, 4, 5, 6, 8, 10))
    return within(budget, measure, [lines, lines // 2, lines // 4, 0, 0, 0], build)
