"""Dense practice of the steps that quoting, tables, counting and the choice of a tool are made of.

`lines` finds the line a word stands in and says it, or its first word; `cells` finds a cell by its row and column; `tally` counts how
often something comes up, 0 to 5; `choose` says which of several tools a request is for, or that none is.
"""

from collections.abc import Callable

from sample import Sample, assistant, user
from tasks import phrases
from tasks.documents import ABSENT, TURN_TOKENS, Measure, fact_value
from tasks.drills import MARGIN_TOKENS
from tasks.tool_kinds import HELD_KINDS, KINDS
from tasks.tools import NO_TOOL, Tool, call, invented, offer, unlike
from words import Words, forms, mix

LINE_WITH = forms(
    """
    Quote the {unit} with {x}.
    Which {unit} has {x}? Quote it.
    The whole {unit} with {x}?
    Give me the {unit} about {x}.
    Copy the {unit} that has {x}.
    {unit} of {x}?
    Repeat the {unit} with {x}.
    """,
    """
    Please quote the {unit} with {x}.
    Show the {unit} that has {x}.
    """,
    mix("quote |copy |repeat |write |show |give |find |say |which is |read out ", "the {unit} |the whole {unit} |the exact {unit} |that {unit} ",
        "with |about |of |for |on |that has |that names |where we find |containing ", "{x}", ".|?||:"),
)  # fmt: skip
FIRST_WITH = forms(
    """
    First word of the {unit} with {x}?
    How does the {unit} with {x} begin?
    What is the first word of the {unit} about {x}?
    The {unit} with {x} begins with?
    Start of the {unit} that has {x}?
    """,
    """
    Which word begins the {unit} with {x}?
    With what word does the {unit} with {x} start?
    """,
    mix("first word |beginning |start |first piece |opening ", "of |in ", "the {unit} |that {unit} |the whole {unit} ", "with |about |of |that has |naming ", "{x}", "?|.||:"),
)
CELL = forms(
    """
    {column} of {row}?
    What is the {column} of {row}?
    {row}, {column}?
    {row}: {column}
    Give the {column} for {row}.
    {row} {column}?
    """,
    """
    Find the {column} of {row}.
    Which {column} has {row}?
    """,
    mix("what is |give |say |find |tell me |show |look up |read |get |", "the {column} |{column} |the {column} |this {column} ",
        "of |for |at |in row |of the row |where it says |beside |of the one with ", "{row}", "?|.||:| please"),
)  # fmt: skip
HOW_OFTEN = forms(
    """
    How often is {x} there?
    How many times is {x} named?
    Count {x}.
    How many {x}?
    How often does {x} come?
    Number of {x}?
    """,
    """
    How many times does {x} come up?
    Count how often {x} is there.
    """,
    mix("how often |how many times ", "is |do you see |does the list have |do we find |was |can you find |do they name ", "{x}", "?| there?| here?| in it?| above?"),
)
WHICH_TOOL = forms(
    """
    Which tool is for this? {ask}
    {ask} Which tool?
    Tool for: {ask}
    {ask}
    Choose a tool: {ask}
    """,
    """
    Pick the tool for this: {ask}
    {ask} What tool is that?
    """,
)


def _filled(first: str, ask: Callable[[], tuple[str, str]], task: str, budget: int, measure: Measure) -> Sample:
    """A conversation whose first message begins with `first`: questions and answers until the budget is used."""
    room = budget - MARGIN_TOKENS - measure(first)
    messages: list[dict] = []
    while True:
        question, answer = ask()
        room -= measure(question) + measure(answer) + TURN_TOKENS
        if room < 0 and messages:
            return Sample(messages, thinking=False)
        messages += [user(question if messages else f"{first}\n\n{question}"), assistant(answer, task)]


def _token(words: Words) -> str:
    """A word, name, number or code to find something by."""
    kind = words.rng.randrange(8)
    return words.name() if kind < 3 else words.word() if kind < 5 else words.thing() if kind == 5 else words.number(2, 5) if kind == 6 else words.code()


def _line(words: Words) -> tuple[str, list[str]]:
    """A line and the words in it that may be asked for."""
    rng = words.rng
    if words.chance(0.45):
        attribute, name = words.choice(phrases.ATTRIBUTES), words.name()
        value = fact_value(words, attribute)
        options = phrases.FACT_LINES if words.chance(0.5) else phrases.FACT_SENTENCES
        return words.fill(options, attribute=attribute, name=name, value=value), [name, name, value]
    parts = [_token(words) for _ in range(rng.randint(2, 5))]
    return rng.choice((" ", " ", ", ", " / ", ": ")).join(parts), parts


def lines(words: Words, budget: int, measure: Measure) -> Sample:
    """Lines or sentences; one is asked for by a word in it, whole or only for its first word."""
    rng = words.rng
    room = budget * rng.uniform(0.25, 0.55)
    kept: list[tuple[str, list[str]]] = []
    while room > 0 or len(kept) < 2:
        line, inner = _line(words)
        room -= measure(line) + 1
        if room < 0 and len(kept) >= 2:
            break
        kept.append((line, inner))
    running = words.chance(0.3)
    if running:
        kept = [(line if line[-1] in ".?!" else line + ".", inner) for line, inner in kept]
    unit = "sentence" if running else words.choice(("line", "line", "line", "entry"))
    text = (" " if running else "\n").join(line for line, _ in kept)
    askable = [(line, [x for x in inner if text.count(x) == 1]) for line, inner in kept]
    askable = [(line, inner) for line, inner in askable if inner] or [(kept[0][0], [kept[0][0]])]

    def ask() -> tuple[str, str]:
        line, inner = rng.choice(askable)
        if words.chance(0.4):
            return words.form(FIRST_WITH, x=rng.choice(inner), unit=unit), line.split()[0]
        if words.chance(0.08):
            x = _token(words)
            if x not in text:
                return words.form(LINE_WITH, x=x, unit=unit), ABSENT
        return words.form(LINE_WITH, x=rng.choice(inner), unit=unit), line

    return _filled(text, ask, "lines", budget, measure)


def cells(words: Words, budget: int, measure: Measure) -> Sample:
    """A small table; one cell is asked for by the first cell of its row and its column's name."""
    rng = words.rng
    room = budget * rng.uniform(0.25, 0.5)
    separator = rng.choice((",", ", ", ";", " | ", "\t", " ", " - ", " / "))
    markdown = separator == " | " and words.chance(0.6)
    makers = (words.word, words.name, words.place, words.number, words.code, lambda: str(rng.randint(1, 99)))
    if separator == " ":
        makers = (words.word, words.place, words.number, words.code)
    columns: list[str] = []
    while len(columns) < rng.randint(2, 5):
        column = words.choice(phrases.ATTRIBUTES) if words.chance(0.5) else words.word()
        if column not in columns:
            columns.append(column)
    make = [words.choice(makers) for _ in columns]

    def written(cells: list[str]) -> str:
        return f"| {separator.join(cells)} |" if markdown else separator.join(cells)

    rows: list[list[str]] = []
    shown = [written(columns)] + (["|" + "---|" * len(columns)] if markdown else [])
    room -= measure("\n".join(shown))
    while room > 0 or len(rows) < 2:
        row = [one() for one in make]
        room -= measure(written(row)) + 1
        if room < 0 and len(rows) >= 2:
            break
        if all(row[0] != other[0] for other in rows):
            rows.append(row)
            shown.append(written(row))

    def ask() -> tuple[str, str]:
        row, at = rng.choice(rows), rng.randrange(1, len(columns))
        return words.form(CELL, row=row[0], column=columns[at]), row[at]

    return _filled("\n".join(shown), ask, "cells", budget, measure)


def tally(words: Words, budget: int, measure: Measure) -> Sample:
    """A list in which things come up 0 to 5 times, in lines of their own or with something beside them."""
    rng = words.rng
    room = budget * rng.uniform(0.4, 0.65)
    plain = words.chance(0.5)
    counts: dict[str, int] = {}
    items: list[str] = []
    while room > 0 or not items:
        x = words.near(rng.choice(list(counts))) if counts and words.chance(0.1) else words.name() if words.chance(0.7) else words.word().capitalize()
        if any(x in other or other in x for other in counts):
            continue
        fresh: list[str] = []
        for _ in range(rng.randint(0, 5)):
            attribute = words.choice(phrases.ATTRIBUTES)
            fresh.append(x if plain else words.fill(phrases.FACT_LINES, attribute=attribute, name=x, value=fact_value(words, attribute)))
        room -= sum(measure(item) + 1 for item in fresh)
        if room < 0 and items:
            break
        if room < 0 and len(fresh) > 2:  # the first one has to leave room for questions
            continue
        counts[x] = len(fresh)
        items += fresh
    rng.shuffle(items)
    separator = rng.choice(("\n", ", ", " ")) if plain else "\n"
    asked = list(counts)
    return _filled(separator.join(items), lambda: _how_often(words, asked, counts), "tally", budget, measure)


def _how_often(words: Words, asked: list[str], counts: dict[str, int]) -> tuple[str, str]:
    x = words.choice(asked)
    options = HOW_OFTEN if words.chance(0.6) else phrases.ASK_COUNT
    return words.form(options, x=x, name=x, unit="line"), str(counts[x])


def choose(words: Words, budget: int, measure: Measure) -> Sample:
    """Two to six tools, each with what it is for; requests for them, and some that none is for."""
    rng = words.rng
    kinds = HELD_KINDS if words.held and words.chance(0.5) else KINDS
    tools: list[Tool] = []
    size = rng.randint(2, 6)
    for _ in range(40):
        if len(tools) == size:
            break
        topic = "invented" if words.chance(0.45) else words.choice(list(kinds))
        tool = offer(words, topic, invented(words) if topic == "invented" else kinds[topic])
        if all(tool.name != other.name and tool.kind.asks != other.kind.asks for other in tools) and unlike(tool, tools):
            tools.append(tool)
    shape = rng.choice(("{name}: {description}", "{name} - {description}", "{name} ({description})", "- {name}: {description}"))
    listed = [shape.format(name=tool.name, description=tool.description) for tool in tools]
    while measure("\n".join(listed)) > budget * 0.6 and len(listed) > 1:
        listed.pop()
        tools.pop()

    def ask() -> tuple[str, str]:
        if words.chance(0.25):
            topic = "invented" if words.chance(0.4) else words.choice(list(kinds))
            other = offer(words, topic, invented(words) if topic == "invented" else kinds[topic])
            if topic not in [tool.topic for tool in tools] or topic == "invented":
                if unlike(other, tools):
                    return words.form(WHICH_TOOL, ask=call(words, other).ask), NO_TOOL
        tool = rng.choice(tools)
        return words.form(WHICH_TOOL, ask=call(words, tool).ask), tool.name

    return _filled("\n".join(listed), ask, "choose", budget, measure)

