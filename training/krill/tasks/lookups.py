"""Dense practice of the steps that quoting, tables and counting are made of.

`lines` finds the line a word stands in and says it, or its first word; `cells` finds a cell by its row and column; `tally` counts how
often something comes up, 0 to 5.
"""

from sample import Sample
from tasks import phrases
from tasks.documents import Measure, fact_value
from tasks.drills import conversation
from words import ASKED, Words, forms

LINE_WITH = forms("Quote the {unit} with {x}.\nCopy the {unit} about {x}.", ASKED)
FIRST_WITH = forms("What is the first word of the {unit} with {x}?\nHow does the {unit} about {x} begin?", ASKED)
CELL = forms("What is the {column} of {row}?\n{row}: {column}?\nGive the {column} for {row}.", ASKED)


def lines(words: Words, budget: int, measure: Measure) -> Sample:
    """Facts as lines or sentences; one is asked for by a word in it, whole or only for its first word."""
    rng = words.rng
    room = budget * rng.uniform(0.25, 0.55)
    running = words.chance(0.5)
    kept: list[tuple[str, list[str]]] = []
    while room > 0 or len(kept) < 2:
        attribute, name = words.choice(phrases.ATTRIBUTES), words.name()
        value = fact_value(words, attribute)
        options = phrases.FACT_LINES if not running and words.chance(0.6) else phrases.FACT_SENTENCES
        line = words.fill(options, attribute=attribute, name=name, value=value)
        room -= measure(line) + 1
        if room < 0 and len(kept) >= 2:
            break
        kept.append((line, [name, name, value]))
    unit = "sentence" if running else "line"
    text = (" " if running else "\n").join(line for line, _ in kept)
    askable = [(line, [x for x in inner if text.count(x) == 1]) for line, inner in kept]
    askable = [(line, inner) for line, inner in askable if inner] or [(kept[0][0], [kept[0][0]])]

    def ask() -> tuple[str, str]:
        line, inner = rng.choice(askable)
        if words.chance(0.6):
            return words.form(FIRST_WITH, x=rng.choice(inner), unit=unit), line.split()[0]
        return words.form(LINE_WITH, x=rng.choice(inner), unit=unit), line

    return conversation(text, ask, "lines", budget, measure)


def cells(words: Words, budget: int, measure: Measure) -> Sample:
    """A small table; one cell is asked for by the first cell of its row and its column's name."""
    rng = words.rng
    room = budget * rng.uniform(0.25, 0.5)
    separator = rng.choice((",", ";", " | ", "\t"))
    markdown = separator == " | "
    makers = (words.place, words.number, words.code, lambda: str(rng.randint(1, 99)))
    columns: list[str] = []
    while len(columns) < rng.randint(2, 5):
        column = words.choice(phrases.ATTRIBUTES)
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

    return conversation("\n".join(shown), ask, "cells", budget, measure)


def tally(words: Words, budget: int, measure: Measure) -> Sample:
    """Lines about people, of whom each is named 0 to 5 times."""
    rng = words.rng
    room = budget * rng.uniform(0.4, 0.65)
    counts: dict[str, int] = {}
    items: list[str] = []
    while room > 0 or not items:
        x = words.near(rng.choice(list(counts))) if counts and words.chance(0.1) else words.name()
        if any(x in other or other in x for other in counts):
            continue
        fresh: list[str] = []
        for _ in range(rng.randint(0, 5)):
            attribute = words.choice(phrases.ATTRIBUTES)
            fresh.append(words.fill(phrases.FACT_LINES, attribute=attribute, name=x, value=fact_value(words, attribute)))
        room -= sum(measure(item) + 1 for item in fresh)
        if room < 0 and items:
            break
        if room < 0 and len(fresh) > 2:  # the first one has to leave room for questions
            continue
        counts[x] = len(fresh)
        items += fresh
    rng.shuffle(items)
    asked = list(counts)

    def ask() -> tuple[str, str]:
        x = words.choice(asked)
        return words.form(phrases.ASK_COUNT, name=x, unit="line"), str(counts[x])

    return conversation("\n".join(items), ask, "tally", budget, measure)
