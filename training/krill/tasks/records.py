"""Rows of records as tables, logs, JSON and configuration blocks, and questions for one cell.

A row is named by any column whose value occurs once in the table. The answer is the bare cell, or `ABSENT` when the row or the
column is not there.
"""

import json
from collections.abc import Callable

from sample import Sample, assistant, system, user
from tasks import phrases
from tasks.documents import ABSENT, Measure, with_line_breaks
from tasks.request import SYSTEMS, thinking, within
from words import COLORS, FRUIT, JOBS, MONTHS, NOUNS, STATES, Forms, Words, any_of, forms, mix

Row = dict[str, str]

COLUMNS: dict[str, Callable[[Words], str]] = {
    "name": lambda words: words.name(),
    "id": lambda words: words.number(3, 5),
    "city": lambda words: words.place(),
    "age": lambda words: str(words.rng.randint(18, 90)),
    "color": lambda words: words.pick(COLORS),
    "item": lambda words: words.pick(NOUNS),
    "price": lambda words: words.number(2, 4),
    "status": lambda words: words.pick(STATES),
    "owner": lambda words: words.place(),
    "month": lambda words: words.pick(MONTHS),
    "job": lambda words: words.pick(JOBS),
    "phone": lambda words: words.number(5, 6),
    "code": lambda words: words.code(),
    "team": lambda words: words.place(),
    "date": lambda words: words.date(),
    "score": lambda words: str(words.rng.randint(1, 100)),
    "stock": lambda words: words.number(1, 3),
    "speed": lambda words: str(words.rng.randint(1, 30)),
    "fruit": lambda words: words.pick(FRUIT),
    "weight": lambda words: words.number(2, 3),
}
INTEGERS = ("age", "price", "score", "stock", "speed", "weight")
FIRST_COLUMNS = ("name", "name", "id", "id", "item", "code", "city", "owner")
NAMING = ("name", "item", "city", "owner", "code", "team")  # columns whose values name a row without the column's name

_WANT = (
    "give |give me |tell me |find |look up |say |name |what is |what is |I want |I would like |read out |return |output |print |report |get "
    "|please find |can you give |could you find |let me know |write |fetch |check |now |and |state "
)
_ROW = "row |entry |record |line |item |one "

# Questions that give the value alone, and ones that also say which column it is in.
ASK_BY_VALUE = forms(
    """
    What is the {column} of {value}?
    What is {value}'s {column}?
    Give the {column} of {value}.
    Tell me the {column} of {value}.
    {value}: {column}?
    Which {column} does {value} have?
    Find the {column} for {value}.
    Look up the {column} of {value}.
    The {column} of {value}?
    What {column} is given for {value}?
    And the {column} of {value}?
    Please give me {value}'s {column}.
    """,
    """
    I need the {column} of {value}.
    Show me the {column} for {value}.
    Could you tell me {value}'s {column}?
    """,
    any_of(
        mix(_WANT, "the {column} ", "of |for |listed for |given for ", "{value}", "?|.|.|| please."),
        mix(_WANT, "{value}'s {column}", "?|.|.|| please."),
        mix("which |what ", "{column} ", "does {value} have|has {value}|goes with {value}|is listed for {value}|is noted for {value}", "?|?|, please?"),
        mix("{value}", ", |: | - | / ", "{column}", "?|.||"),
        mix("for |about |as for ", "{value}", ": |, ", "what is the {column}|which {column}|the {column}|give the {column}", "?|.|"),
    ),
)
ASK_BY_COLUMN = forms(
    """
    Give the {column} for {key} {value}.
    What is the {column} for {key} {value}?
    What is the {column} of the row with {key} {value}?
    {key} {value}: {column}?
    Which {column} has the {key} {value}?
    Find the {column} where the {key} is {value}.
    Where {key} is {value}, what is the {column}?
    Tell me the {column} of {key} {value}.
    Look up {key} {value} and give the {column}.
    Which {column} belongs to {key} {value}?
    {column} for {key} {value}?
    Give me the {column} of the entry with {key} {value}.
    {key}={value}, {column}?
    """,
    """
    I need the {column} where {key} is {value}.
    For {key} {value}, show me the {column}.
    What {column} does the entry with {key} {value} have?
    """,
    any_of(
        mix(_WANT, "the {column} ", "of |for ", "the " + _ROW.replace("|", "|the "), "with |whose |where ", "{key} {value}|{key} = {value}|{key} is {value}", "?|.|.|"),
        mix(_WANT, "the {column} ", "of |for |at |with |if |when ", "{key} {value}|{key} = {value}|{key} is {value}|{key}: {value}", "?|.|.|"),
        mix("which |what ", "{column} ", "has the one with |goes with |is listed for |is found at |stands beside ", "{key} {value}|the {key} {value}", "?|?|"),
        mix("{key} |with {key} |by {key} ", "{value}", ", |: | - ", "{column}|the {column}|which {column}|what is the {column}", "?|.||"),
    ),
)
DATA_LAST = forms(
    """
    {document}¶¶{question}
    {document}¶¶{question}
    {document}¶{question}
    Table:¶{document}¶¶{question}
    Data:¶{document}¶¶{question}
    Here is the data:¶¶{document}¶¶{question}
    {document}¶¶Question: {question}
    Read this:¶{document}¶¶{question}
    Here are the records:¶{document}¶¶Question: {question}
    ```¶{document}¶```¶{question}
    <data>¶{document}¶</data>¶{question}
    """,
    """
    These are the entries:¶¶{document}¶¶{question}
    Look at this data:¶{document}¶¶My question: {question}
    """,
)
DATA_FIRST = forms(
    """
    {question}¶¶{document}
    {question}¶¶Table:¶{document}
    Question: {question}¶¶{document}
    {question}¶```¶{document}¶```
    """,
    """
    {question} Use this data:¶{document}
    My question: {question}¶¶{document}
    """,
)


def _numbers(row: Row) -> dict:
    """A row as JSON has it."""
    return {column: int(value) if column in INTEGERS else value for column, value in row.items()}


def _header(words: Words, rows: list[Row]) -> list[str]:
    columns = list(rows[0])
    return [column.capitalize() for column in columns] if words.chance(0.25) else columns


def _separated(separator: str) -> Callable[[Words, list[Row]], str]:
    def text(words: Words, rows: list[Row]) -> str:
        return "\n".join(separator.join(cells) for cells in (_header(words, rows), *(row.values() for row in rows)))

    return text


def _markdown(words: Words, rows: list[Row]) -> str:
    rule = words.choice(("---", " --- ", ":--", "-----"))
    lines = [_header(words, rows), None, *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" if cells else "|" + f"{rule}|" * len(rows[0]) for cells in lines)


def _aligned(words: Words, rows: list[Row]) -> str:
    header = _header(words, rows)
    cells = [header, *(list(row.values()) for row in rows)]
    widths = [max(len(line[index]) for line in cells) + 2 for index in range(len(header))]
    lines = ["".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    if words.chance(0.3):
        lines.insert(1, "-" * (sum(widths) - 2))
    return "\n".join(lines)


def _json_rows(words: Words, rows: list[Row]) -> str:
    items = [json.dumps(_numbers(row)) for row in rows]
    form = words.rng.randrange(3)
    if form == 0:
        return "[" + ", ".join(items) + "]"
    if form == 1:
        return "[\n  " + ",\n  ".join(items) + "\n]"
    return '{"' + words.choice(("rows", "items", "data")) + '": [\n' + ",\n".join(items) + "\n]}"


def _json_lines(words: Words, rows: list[Row]) -> str:
    return "\n".join(json.dumps(_numbers(row)) for row in rows)


def _json_pretty(words: Words, rows: list[Row]) -> str:
    return json.dumps([_numbers(row) for row in rows], indent=2)


def _json_by_key(words: Words, rows: list[Row]) -> str:
    """One level of nesting: the first column names an object of the others."""
    return json.dumps({key: rest for key, rest in map(_split_first, rows)}, indent=words.choice((None, 2)))


def _split_first(row: Row) -> tuple[str, dict]:
    first, *rest = row.items()
    return first[1], _numbers(dict(rest))


def _json_nested(words: Words, rows: list[Row]) -> str:
    """Each row holds its last columns in an object of its own."""
    inner = words.choice(("details", "info", "more"))
    at = words.rng.randint(1, len(rows[0]) - 2)
    lines = []
    for row in rows:
        items = list(_numbers(row).items())
        lines.append(json.dumps(dict(items[:at]) | {inner: dict(items[at:])}))
    return "[" + ",\n ".join(lines) + "]"


def _sections(words: Words, rows: list[Row]) -> str:
    """INI: the first column is the section's name."""
    equals = words.choice((" = ", "="))
    blocks = []
    for row in rows:
        first, *rest = row.items()
        blocks.append("\n".join([f"[{first[1]}]", *(f"{column}{equals}{value}" for column, value in rest)]))
    return words.choice(("\n", "\n\n")).join(blocks)


def _yaml_list(words: Words, rows: list[Row]) -> str:
    return "\n".join("- " + "\n  ".join(f"{column}: {value}" for column, value in row.items()) for row in rows)


def _yaml_keys(words: Words, rows: list[Row]) -> str:
    blocks = []
    for row in rows:
        first, *rest = row.items()
        blocks.append(f"{first[1]}:\n" + "\n".join(f"  {column}: {value}" for column, value in rest))
    return "\n".join(blocks)


def _blocks(words: Words, rows: list[Row]) -> str:
    colon = words.choice((": ", " = ", " - "))
    return "\n\n".join("\n".join(f"{column}{colon}{value}" for column, value in row.items()) for row in rows)


# Start of the line, what stands between cells, and one cell; divided by "¶".
_LOG_FORMATS = forms(
    """
    {time} {level} ¶ ¶{column}={value}
    {time}:07 {level} ¶ ¶{column}={value}
    [{date} {time}] ¶, ¶{column}: {value}
    {date} {time} {level} {noun} - ¶, ¶{column}={value}
    {level} {time} ¶, ¶{column} {value}
    <{time}> ¶ ¶{column}="{value}"
    [{level}] ¶; ¶{column}: {value}
    {date}T{time} ¶ ¶{column}={value}
    {time} | ¶ | ¶{column}={value}
    """,
    """
    ({time}) {level}: ¶; ¶{column}={value}
    {date} [{noun}] ¶ / ¶{column}: {value}
    """,
)


def _log(words: Words, rows: list[Row]) -> str:
    """A log whose lines hold the rows, with a few lines of another kind between them."""
    start, separator, pair = words.pick(_LOG_FORMATS).split("¶")
    lines = []
    for row in rows:
        if words.chance(0.15):
            lines.append(words.fill(phrases.LOGS))
        level = words.choice(("INFO", "WARN", "ERROR"))
        stamp = start.format(date=words.date(), time=words.time(), level=level, noun=words.pick(NOUNS))
        lines.append(stamp + separator.join(pair.format(column=column, value=value) for column, value in row.items()))
    return "\n".join(lines)


def _sentences(words: Words, rows: list[Row]) -> str:
    """One line a row: "name Torin, city Drasto, age 41"."""
    start = words.choice(("", "- ", "* "))
    return "\n".join(start + ", ".join(f"{column} {value}" for column, value in row.items()) for row in rows)


def _toml(words: Words, rows: list[Row]) -> str:
    return "\n\n".join(
        "[[row]]\n" + "\n".join(f"{column} = {json.dumps(value)}" for column, value in _numbers(row).items()) for row in rows
    )


# Two sides as well: the standard formats are on both, some of the same kind only on the measuring one.
FORMATS = (
    _markdown, _markdown, _separated(","), _separated(","), _separated("\t"), _separated(" | "), _aligned, _aligned,
    _log, _log, _log, _json_rows, _json_rows, _json_lines, _json_pretty, _json_by_key, _json_nested,
    _sections, _yaml_list, _yaml_keys, _blocks, _sentences,
)  # fmt: skip
HELD_FORMATS = (_separated(";"), _separated(" / "), _toml)


def _rows(words: Words, columns: list[str], count: int) -> list[Row]:
    """Rows that differ in their first column, whose values are sometimes nearly the same."""
    first = columns[0]
    rows: list[Row] = []
    for _ in range(50 * count):
        row = {column: COLUMNS[column](words) for column in columns}
        if rows and first in ("name", "city", "owner") and words.chance(0.2):
            row[first] = words.near(words.choice(rows)[first])
        if all(row[first] != other[first] for other in rows):
            rows.append(row)
        if len(rows) == count:
            break
    return rows


def _build(words: Words, row_count: int, turn_count: int) -> Sample:
    rng = words.rng
    first = rng.choice(FIRST_COLUMNS)
    columns = [first, *rng.sample([column for column in COLUMNS if column != first], rng.randint(2, 5 if row_count > 2 else 3))]
    rows = _rows(words, columns, row_count)
    make = rng.choice(HELD_FORMATS if words.held and words.chance(0.3) else FORMATS)
    if make not in (_json_by_key, _sections, _yaml_keys) and words.chance(0.3):  # the naming column need not come first
        rng.shuffle(columns)
        rows = [{column: row[column] for column in columns} for row in rows]
    document = make(words, rows)
    values = [value for row in rows for value in row.values()]
    sample = Sample([], **thinking(words))
    where = rng.random()
    if words.chance(0.25):
        sample.messages.append(system(words.pick(rng.choice((SYSTEMS, phrases.SYSTEM)))))
    for turn in range(turn_count):
        row = rng.choice(rows)
        key = rng.choice([column for column in columns if values.count(row[column]) == 1 and column != "age"] or [first])
        if key != first and rng.random() < 0.5:
            key = first
        column = rng.choice([column for column in columns if column != key])
        value, answer, task = row[key], row[column], "extract"
        kind = rng.random()
        if kind < 0.1:
            value = words.near(value) if key in ("name", "city", "owner") and rng.random() < 0.5 else COLUMNS[key](words)
            if value not in values:
                answer, task = ABSENT, "absent"
            else:
                value = row[key]
        elif kind < 0.16:
            column = rng.choice([column for column in COLUMNS if column not in columns])
            answer, task = ABSENT, "absent"
        options = ASK_BY_VALUE if key in NAMING and rng.random() < 0.65 else ASK_BY_COLUMN
        question = words.form(options, column=column, key=key, value=value)
        if turn == 0:
            form = with_line_breaks(words.pick(DATA_FIRST if where < 0.15 else DATA_LAST))
            question = form.format(document=document, question=question)
        found = f"It is {answer}." if task == "extract" else "I find none."
        thought = f"I look for the {column} where {key} is {value}. {found}" if sample.thinking else ""
        sample.messages += [user(question), assistant(answer, task, thought)]
    return sample


def extract(words: Words, budget: int, measure: Measure, rows: int | None = None, questions: int | None = None) -> Sample:
    """Two to twelve rows and two to six questions, fewer when the budget is small."""
    row_count = rows or words.rng.choice((2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 12))
    turn_count = questions or words.rng.randint(2, 6)
    sizes = [(row_count, turn_count), (min(row_count, 5), min(turn_count, 4)), (3, 2), (2, 2), *[(2, 1)] * 6]
    return within(budget, measure, range(len(sizes)), lambda size: _build(words, *sizes[size]))
