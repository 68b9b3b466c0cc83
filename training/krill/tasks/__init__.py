"""All data generators by name: `make(words, budget, measure, **options) -> Sample`.

`budget` bounds the tokens of the whole sample, `measure` counts a text's tokens, and the text depends on `words.rng` alone.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from sample import Sample

_MODULES = {
    "documents": ("recall", "multi", "quote", "absent", "count", "mixed"),
    "records": ("extract",),
    "drills": ("key_value", "repeat", "random_copy"),
    "chat": ("identity", "small_talk", "refuse"),
    "tools": ("tools",),
    "json_schema": ("json_schema",),
    "code": ("fim",),
    "prefix": ("prefix",),
}

TASKS: dict[str, Callable[..., Sample]] = {
    name: getattr(import_module(f"tasks.{module}"), name)
    for module, names in _MODULES.items()
    if find_spec(f"tasks.{module}")
    for name in names
}
