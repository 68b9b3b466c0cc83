"""Prefix completion: the request holds the start of the answer, and the rest of it follows from the conversation.

Most starts end after a whole word or a mark, as clients cut them; some end inside a word, some after a blank.
"""

import string
from collections.abc import Callable

from sample import Sample, assistant, system, user
from tasks import phrases
from tasks.chat import identity_turn, refuse_turn
from tasks.code import snippet
from tasks.documents import fact_value, quote
from tasks.json_schema import json_schema
from tasks.request import SYSTEMS, listed, within
from words import COLORS, FRUIT, NOUNS, Forms, Words, forms

Measure = Callable[[str], int]

# Starts of an answer that names one value. {value} is where the start ends; what follows it closes the answer.
OPENERS = forms(
    """The {attribute} of {name} is {value}.
    {name}'s {attribute} is {value}.
    The {attribute} is {value}.
    It is {value}.
    The answer is {value}.
    {name} has the {attribute} {value}.
    The document says that the {attribute} of {name} is {value}.
    The {attribute} for {name} is {value}.
    I found it: the {attribute} of {name} is {value}.
    In the document the {attribute} of {name} is {value}.
    {name}: {value}
    {attribute}: {value}
    Answer: {value}
    The {attribute}: {value}
    {name}, {attribute}: {value}
    Result: {value}""",
    """For {name} the {attribute} is {value}.
    As the document says, it is {value}.
    Value: {value}
    Sure, the {attribute} of {name} is {value}.""",
)
LIST_ASKS = forms(
    """List the {attribute}s of {names}.
    Give me the {attribute}s of {names}, one a line.
    Make a list with the {attribute} of {names}.
    Show the {attribute}s of {names}.
    Write a line with the {attribute} for each of {names}.
    I need the {attribute}s of {names}.""",
    """Please list the {attribute}s of {names}.
    Write the {attribute}s of {names} as a list.""",
)
REPEAT_ASKS = Forms(
    (
        "Repeat this text.\n\n{text}", "Copy this:\n{text}", "{text}\n\nRepeat the text word by word.", "Say this again: {text}",
        "Write this text once more.\n{text}", "Echo: {text}", "{text}\nCopy that.", "Repeat: {text}",
        "Please copy this text.\n\n{text}", "Text:\n{text}\n\nWrite exactly this text.", "Repeat after me: {text}",
        "Give me this text again.\n{text}",
    ),
    ("Repeat the text.\n{text}", "Please repeat this: {text}", "{text}\n\nCopy this text word by word."),
)  # fmt: skip
CODE_ASKS = Forms(
    (
        "Repeat this code.\n{text}", "Put this code into a code block.\n{text}", "Show this code again:\n{text}",
        "{text}\nCopy this code.", "Write this code once more.\n\n{text}", "Copy the code:\n{text}", "Format this code:\n{text}",
    ),
    ("Repeat the code.\n\n{text}", "Put it into a code block:\n{text}"),
)  # fmt: skip
COUNT_ASKS = forms(
    """Count from {first} to {last}.
    Write the numbers from {first} to {last}.
    List the numbers {first} to {last}.
    Count {first} to {last}.
    Give me all numbers from {first} to {last}.
    Please count from {first} to {last}.
    Say the numbers from {first} up to {last}.""",
    """Please write the numbers from {first} to {last}.
    Count up from {first} to {last}.""",
)
DOWN_ASKS = forms(
    """Count down from {first} to {last}.
    Count backwards from {first} to {last}.
    Write the numbers from {first} down to {last}.
    Go down from {first} to {last}.""",
    """Please count down from {first} to {last}.
    List the numbers from {first} down to {last}.""",
)
LETTER_ASKS = forms(
    """Write the alphabet from {first} to {last}.
    List the letters from {first} to {last}.
    Give me the letters {first} to {last}.
    Say the alphabet from {first} to {last}.
    Which letters come from {first} to {last}?""",
    """Please write the letters from {first} to {last}.
    Say the letters {first} to {last}.""",
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
DAY_ASKS = forms(
    """List the days from {first} to {last}.
    Which days come from {first} to {last}?
    Write the days of the week from {first} to {last}.
    Name the days from {first} to {last}.""",
    """Give me the days from {first} to {last}.
    Please list the days from {first} to {last}.""",
)
LIST_FORMS = {
    "commas": forms(
        """Copy the list: {items}
        Repeat the list: {items}
        Write the list again: {items}
        Here is my list: {items}. Repeat it.
        Say all of these: {items}
        Read me the list: {items}""",
        """Repeat this list: {items}
        Write down the list: {items}""",
    ),
    "lines": forms(
        """Write one item a line: {items}
        Put each of these on its own line: {items}
        Make a line for each: {items}
        One a line, please: {items}
        List these one below the other: {items}""",
        """Write each on its own line: {items}
        One item a line: {items}""",
    ),
    "bullets": forms(
        """Make a list with dashes: {items}
        Write these as bullets: {items}
        Bullet list of {items}
        Turn this into bullets: {items}
        Make bullets of this: {items}""",
        """Write bullets for these: {items}
        Make a bullet list: {items}""",
    ),
    "numbers": forms(
        """Number these: {items}
        Make a numbered list: {items}
        Write a numbered list of {items}
        Give each a number: {items}
        Turn this into a numbered list: {items}""",
        """Number the items: {items}
        Write these as a numbered list: {items}""",
    ),
}


def cut(words: Words, text: str, least: int = 1, most: int | None = None) -> int:
    """Where the given start of an answer ends: mostly before a blank or line end or after a mark, at times anywhere."""
    most = len(text) - 1 if most is None else most
    kind = words.rng.random()
    if kind < 0.12:
        return words.rng.randint(least, most)
    blank_after = kind < 0.25
    spots = [
        at
        for at in range(least, most + 1)
        if (
            text[at - 1] in " \n"
            if blank_after
            else text[at] in " \n" and text[at - 1] not in " \n" or text[at - 1] in ",:;({\"'-=|"
        )
    ]
    return words.choice(spots) if spots else words.rng.randint(least, most)


def _finish(messages: list[dict], answer: str, at: int) -> Sample:
    """The conversation with the answer, of which the first `at` characters are given."""
    return Sample([*messages, assistant(answer, "prefix")], prefix=answer[:at])


def _begin(words: Words) -> list[dict]:
    return [system(words.pick(SYSTEMS))] if words.chance(0.3) else []


def _document(words: Words, lines: int) -> tuple[str, str, list[tuple[str, str]]]:
    """A short document with facts of one attribute: the text, the attribute, and pairs of name and value."""
    attribute = words.choice(phrases.ATTRIBUTES)
    facts: dict[str, str] = {}
    for _ in range(words.rng.randint(2, 5)):
        facts[words.name()] = fact_value(words, attribute)
    kind = phrases.FACT_SENTENCES if words.chance(0.6) else phrases.FACT_LINES
    text = [words.fill(kind, attribute=attribute, name=name, value=value) for name, value in facts.items()]
    for _ in range(lines):
        text.insert(words.rng.randint(0, len(text)), words.fill(phrases.PROSE))
    joined = " ".join(text) if kind is phrases.FACT_SENTENCES and words.chance(0.5) else "\n".join(text)
    return joined, attribute, list(facts.items())


def _value(words: Words, lines: int) -> Sample:
    """A fact of a document, in a sentence or after a label that is given."""
    text, attribute, facts = _document(words, lines)
    name, value = words.choice(facts)
    question = words.fill(phrases.ASK_VALUE, attribute=attribute, name=name)
    shape = words.pick(OPENERS)
    before, after = shape.format(attribute=attribute, name=name, value="\0").split("\0")
    answer = before + value + after
    at = len(before.rstrip())
    if words.chance(0.12):
        at = len(before)
    elif words.chance(0.12):
        at = len(before) + words.rng.randint(0, len(value) - 1)
    messages = [
        *_begin(words),
        user(words.choice((f"{text}\n\n{question}", f"Document:\n{text}\n\n{question}", f"{question}\n\n{text}"))),
    ]
    return _finish(messages, answer, at)


def _values(words: Words, lines: int) -> Sample:
    """Facts of a document as a list that is begun."""
    text, attribute, facts = _document(words, lines)
    words.rng.shuffle(facts)
    shape = words.choice(("{name}: {value}", "- {name}: {value}", "{name} = {value}", "{name} {value}"))
    answer = "\n".join(shape.format(name=name, value=value) for name, value in facts)
    first = shape.format(name=facts[0][0], value="\0").index("\0")
    ask = words.form(LIST_ASKS, attribute=attribute, names=listed([name for name, _ in facts]))
    return _finish([*_begin(words), user(f"{text}\n\n{ask}")], answer, cut(words, answer, first - 1))


def _quoted(words: Words, lines: int, measure: Measure) -> Sample:
    """A line of a document, begun."""
    budget = 90 + lines * 25
    while True:
        sample = quote(words, budget, measure, questions=1, thinking=False)
        answer = sample.messages[-1]["content"]
        if sample.messages[-1]["task"] == "quote" and len(answer) > 8:
            return _finish(sample.messages[:-1], answer, cut(words, answer, 3))
        budget += 20


def _json(words: Words, lines: int, measure: Measure) -> Sample:
    """A JSON answer, begun; the prompt names its keys, since the API refuses a begun answer beside a response format."""
    while True:
        sample = json_schema(words, 200 + lines * 40, measure)
        assert sample.response_format is not None
        if sample.response_format["type"] == "json_object":
            break
    answer = sample.messages[-1]["content"]
    kind = words.rng.random()
    if kind < 0.25:
        at = 1
    elif kind < 0.5:
        at = answer.index(":") + 1
    elif kind < 0.6:
        at = 2
    else:
        at = cut(words, answer)
    return _finish(sample.messages[:-1], answer, at)


def _sequence(words: Words) -> Sample:
    """Numbers, letters or days in order, begun."""
    kind = words.rng.randrange(4)
    if kind == 0:
        first = words.choice((1, 1, 1, 2, 3, 5, 10, words.rng.randint(1, 90)))
        items = [str(number) for number in range(first, first + words.rng.randint(4, 12))]
        asks = COUNT_ASKS
    elif kind == 1:
        last = words.choice((1, 1, 0, 2, words.rng.randint(1, 20)))
        items = [str(number) for number in range(last + words.rng.randint(4, 10), last - 1, -1)]
        asks = DOWN_ASKS
    elif kind == 2:
        alphabet = string.ascii_lowercase if words.chance(0.6) else string.ascii_uppercase
        first = words.choice((0, 0, words.rng.randint(0, 18)))
        items = list(alphabet[first : first + words.rng.randint(4, 8)])
        asks = LETTER_ASKS
    else:
        first = words.rng.randint(0, 3)
        items = DAYS[first : first + words.rng.randint(3, 7)]
        asks = DAY_ASKS
    between = words.choice((", ", ", ", " ", "\n"))
    answer = between.join(items)
    ask = words.form(asks, first=items[0], last=items[-1])
    least = len(between.join(items[:2]))  # two items show how they are divided
    at = cut(words, answer, least)
    return _finish([*_begin(words), user(ask)], answer, at)


def _list(words: Words) -> Sample:
    """A list of the user's in a wanted form, begun."""
    nouns, colors, fruit = (lambda source, options=options: source.pick(options) for options in (NOUNS, COLORS, FRUIT))
    numbers = lambda source: source.number(2, 5)  # noqa: E731
    make = words.choice((Words.word, Words.place, Words.code, Words.thing, numbers, nouns, colors, fruit))
    items: list[str] = []
    size = words.rng.randint(3, 8)
    for _ in range(60):
        item = make(words)
        if item not in items and len(items) < size:
            items.append(item)
    style = words.choice(tuple(LIST_FORMS))
    if style == "commas":
        answer = ", ".join(items)
    elif style == "lines":
        answer = "\n".join(items)
    elif style == "bullets":
        answer = "\n".join(f"- {item}" for item in items)
    else:
        answer = "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    ask = words.form(LIST_FORMS[style], items=", ".join(items))
    return _finish([*_begin(words), user(ask)], answer, cut(words, answer))


def _repeated(words: Words, lines: int) -> Sample:
    """A text that is to be repeated, begun."""
    join = words.choice((" ", "\n"))
    text = join.join(words.fill(phrases.PROSE) for _ in range(1 + lines // 3))
    return _finish([*_begin(words), user(words.form(REPEAT_ASKS, text=text))], text, cut(words, text, 2))


def _code(words: Words) -> Sample:
    """Code of the user's in a code block, the fence given at least."""
    language, code = snippet(words)
    answer = f"```{language}\n{code.rstrip()}\n```"
    start = len(f"```{language}\n")
    at = start if words.chance(0.5) else cut(words, answer, start, start + len(code.rstrip()) // 2)
    return _finish([*_begin(words), user(words.form(CODE_ASKS, text=code.rstrip()))], answer, at)


def _chat(words: Words) -> Sample:
    """One of krill's own answers, begun."""
    messages = _begin(words)
    for _ in range(words.choice((0, 0, 1))):
        messages += identity_turn(words)
    question, answer = refuse_turn(words) if words.chance(0.2) else identity_turn(words)
    for message in messages:
        message.pop("reasoning_content", None)
    return _finish([*messages, question], answer["content"], cut(words, answer["content"]))


def prefix(words: Words, budget: int, measure: Measure) -> Sample:
    """One of ten kinds of answers whose start is given."""

    def build(lines: int) -> Sample:
        kinds: list[tuple[int, Callable[[], Sample]]] = [
            (28, lambda: _value(words, lines)),
            (8, lambda: _values(words, lines)),
            (12, lambda: _quoted(words, lines, measure)),
            (14, lambda: _json(words, lines, measure)),
            (9, lambda: _sequence(words)),
            (10, lambda: _list(words)),
            (8, lambda: _repeated(words, lines)),
            (4, lambda: _code(words)),
            (7, lambda: _chat(words)),
        ]
        return words.rng.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()

    lines = words.choice((0, 1, 2, 3, 4, 5, 6, 8, 10, 14))
    return within(budget, measure, [lines, lines // 2, lines // 4, 0, 0, 0], build)
