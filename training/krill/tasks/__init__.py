"""All data generators by name: `make(words, budget, measure, **options) -> Sample`.

`budget` bounds the tokens of the whole sample, `measure` counts a text's tokens, and the text depends on `words.rng` alone.
"""

from collections.abc import Callable

from sample import Sample
from tasks.chat import identity, refuse, small_talk
from tasks.code import fim
from tasks.documents import absent, ask_first, count, mixed, multi, quote, recall
from tasks.drills import asked_before, key_value, random_copy, repeat, several
from tasks.json_schema import json_schema
from tasks.lookups import cells, lines, tally
from tasks.prefix import prefix
from tasks.records import extract
from tasks.tools import choose, tools

TASKS: dict[str, Callable[..., Sample]] = {
    make.__name__: make
    for make in (
        *(recall, multi, quote, absent, count, mixed, ask_first, extract),
        *(key_value, several, asked_before, repeat, random_copy, lines, cells, tally, choose),
        *(identity, small_talk, refuse, tools, json_schema, fim, prefix),
    )
}
