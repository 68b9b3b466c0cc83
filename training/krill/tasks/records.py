"""Rows of records as tables, logs, JSON and blocks, and questions for one cell.

The first column names a row. The answer is the bare cell, or `ABSENT` when the row or the column is not there.
"""

import json
from collections.abc import Callable

from sample import Sample, assistant, system, user
from tasks.documents import ABSENT, Measure, with_line_breaks
from tasks.request import SYSTEMS, thinking, within
from words import ASKED, Forms, Words, forms

Row = dict[str, str]

COLUMNS: dict[str, Callable[[Words], str]] = {
    "name": lambda words: words.name(),
    "id": lambda words: words.number(3, 5),
    "code": lambda words: words.code(),
    "city": lambda words: words.place(),
    "age": lambda words: str(words.rng.randint(18, 90)),
    "price": lambda words: words.number(2, 4),
    "owner": lambda words: words.place(),
    "phone": lambda words: words.number(5, 6),
    "team": lambda words: words.place(),
    "score": lambda words: str(words.rng.randint(1, 100)),
}
INTEGERS = ("age", "price", "score")
FIRST_COLUMNS = ("name", "name", "id", "code")

ASK = forms(
    """
    What is the {column} of {value}?
    Give the {column} for {key} {value}.
    {key} {value}: {column}?
    Find the {column} of {key} {value}.
    Which {column} does {value} have?
    """,
    ASKED,
    """
    I need the {column} of {value}.
    Show me the {column} where {key} is {value}.
    """,
)
DATA = forms(
    """
    {document}¶¶{question}
    {document}¶¶Question: {question}
    """,
    ("_", "Table:¶_", "Here is the data:¶¶_", "Data:¶_"),
    "These are the entries:¶{document}¶¶{question}",
)


def _cells(row: Row) -> dict:
    """A row as JSON has it."""
    return {column: int(value) if column in INTEGERS else value for column, value in row.items()}


# How rows are written. Of every family measuring has forms of its own, put together from what training has seen.
SEPARATORS = Forms((",", "; ", "\t", "|"), (", ", ";"))
_LOGS = [
    (start + "¶" + between + "¶" + pair, (i + j + k) % 4 == 1)
    for i, start in enumerate(("", "{time} INFO ", "[{time}] ", "{date} {time} WARN "))
    for j, between in enumerate((" ", ", ", "; "))
    for k, pair in enumerate(("{column}={value}", "{column}: {value}", "{column} {value}"))
]
LOGS = Forms(tuple(form for form, held in _LOGS if not held), tuple(form for form, held in _LOGS if held))
BLOCKS = Forms(("{column}: {value}", "{column} = {value}", "- {column}: {value}", "* {column} {value}", "{column} | {value}", "> {column}={value}"), ("{column}={value}", "- {column} = {value}"))
# What stands before, between and after the rows.
JSONS = Forms(
    ("[¶, ¶]", "[\n  ¶,\n  ¶\n]", "¶,\n¶", "[ ¶ , ¶ ]", '{"rows": [¶,\n¶]}'),
    ("¶\n¶", "[\n¶,\n¶\n]"),
)


def _markdown(words: Words, rows: list[Row]) -> str:
    lines = [" | ".join(cells) for cells in (rows[0], *(row.values() for row in rows))]
    return "\n".join([f"| {lines[0]} |", "|" + "---|" * len(rows[0]), *(f"| {line} |" for line in lines[1:])])


def _separated(words: Words, rows: list[Row]) -> str:
    separator = words.pick(SEPARATORS)
    return "\n".join(separator.join(cells) for cells in (rows[0], *(row.values() for row in rows)))


def _log(words: Words, rows: list[Row]) -> str:
    start, between, pair = words.pick(LOGS).split("¶")
    return "\n".join(
        start.format(date=words.date(), time=words.time())
        + between.join(pair.format(column=column, value=value) for column, value in row.items())
        for row in rows
    )


def _json(words: Words, rows: list[Row]) -> str:
    opening, between, closing = words.pick(JSONS).split("¶")
    return opening + between.join(json.dumps(_cells(row)) for row in rows) + closing


def _blocks(words: Words, rows: list[Row]) -> str:
    pair = words.pick(BLOCKS)
    return "\n\n".join("\n".join(pair.format(column=column, value=value) for column, value in row.items()) for row in rows)


FORMATS = (_markdown, _separated, _log, _log, _json, _json, _blocks)


def _rows(words: Words, columns: list[str], count: int) -> list[Row]:
    """Rows that differ in their first column, whose values are sometimes nearly the same."""
    first = columns[0]
    rows: list[Row] = []
    while len(rows) < count:
        row = {column: COLUMNS[column](words) for column in columns}
        if rows and first == "name" and words.chance(0.15):
            row[first] = words.near(words.choice(rows)[first])
        if all(row[first] != other[first] for other in rows):
            rows.append(row)
    return rows


def _build(words: Words, row_count: int, turn_count: int) -> Sample:
    rng = words.rng
    key = rng.choice(FIRST_COLUMNS)
    columns = [key, *rng.sample([column for column in COLUMNS if column != key], rng.randint(2, 4))]
    rows = _rows(words, columns, row_count)
    document = rng.choice(FORMATS)(words, rows)
    sample = Sample([system(words.pick(SYSTEMS))] if words.chance(0.25) else [], **thinking(words))
    for turn in range(turn_count):
        row, column = rng.choice(rows), rng.choice(columns[1:])
        value, kind = row[key], rng.random()
        if kind < 0.1:
            value = words.near(value) if key == "name" and rng.random() < 0.5 else COLUMNS[key](words)
        elif kind < 0.16:
            column = rng.choice([column for column in COLUMNS if column not in columns])
        found = [row[column] for row in rows if row[key] == value and column in columns]
        answer, task = (found[0], "extract") if found else (ABSENT, "absent")
        question = words.form(ASK, column=column, key=key, value=value)
        if turn == 0:
            question = with_line_breaks(words.pick(DATA)).format(document=document, question=question)
        thought = f"I look for the {column} of {value}. " + (f"It is {answer}." if found else "I find none.") if sample.thinking else ""
        sample.messages += [user(question), assistant(answer, task, thought)]
    return sample


def extract(words: Words, budget: int, measure: Measure, rows: int | None = None, questions: int | None = None) -> Sample:
    """Two to eight rows and three to twelve questions, fewer when the budget is small."""
    row_count = rows or words.rng.choice((2, 3, 3, 4, 4, 5, 6, 8))
    turn_count = questions or words.rng.randint(3, 12)
    sizes = [(row_count, turn_count), (row_count, (turn_count + 1) // 2), (min(row_count, 5), min(turn_count, 4)), (3, 2), (2, 2), *[(2, 1)] * 6]
    return within(budget, measure, sizes, lambda size: _build(words, *size))
