"""Fill-in-the-middle on small generated code: what is missing follows from what stands around it."""

import re
from collections.abc import Callable

from sample import Sample
from tasks.request import within
from tasks.snippets import DECLARED, HELD_SNIPPETS, OPERATIONS, SNIPPETS, STATEMENTS
from words import NOUNS, Words

_SLOT = re.compile(r"~(\w+)~")
_SPAN = re.compile("«(.*?)»", re.DOTALL)
_TAKEN = {"data", "value", "options", "main", "int", "i", "n"}  # names that snippets use themselves


class _Names:
    """What the slots of one piece stand for; all names are different, also between the pieces of one file."""

    def __init__(self, words: Words, used: set[str]):
        self.words = words
        self.used = used
        self.known: dict[str, str] = {}

    def __call__(self, match: re.Match) -> str:
        return self.get(match.group(1))

    def get(self, slot: str) -> str:
        if slot not in self.known:
            self.known[slot] = self._make(slot)
        return self.known[slot]

    def _make(self, slot: str) -> str:
        words = self.words
        if slot in "mn":
            return self._fresh(lambda: str(words.rng.randint(2, 999)))
        if slot in "uvw":
            return self._fresh(lambda: words.choice((words.word(), words.pick(NOUNS))))
        if slot == "K":
            return self._fresh(lambda: words.choice((words.place(), words.pick(NOUNS).capitalize())))
        if slot in "fg":
            return self._fresh(
                lambda: words.choice((words.word(), f"{words.word(1, 2)}_{words.pick(NOUNS)}", "get_" + words.word()))
            )
        if slot == "x":
            return self._fresh(lambda: words.choice((words.choice("xyktpqrs"), words.pick(NOUNS), words.word(1, 2))))
        if len(slot) == 2 and slot[0] == "A":
            return self.get(slot[1]).upper()
        if len(slot) == 2 and slot[0] == "C":
            return self.get(slot[1]).capitalize()
        if slot == "op":
            return words.choice("+-*/")
        if slot == "does":
            return words.form(OPERATIONS[self.get("op")], a=self.get("a"), b=self.get("b"))
        return self._fresh(lambda: words.choice((words.word(1, 2), words.word(), words.pick(NOUNS))))

    def _fresh(self, make: Callable[[], str]) -> str:
        while True:
            name = make()
            if name not in self.used | _TAKEN:
                self.used.add(name)
                return name


def _cut(words: Words, code: str, start: int, end: int) -> tuple[int, int]:
    """The span to leave out: the marked one, its rest from some border on, or with it the line's indentation and end."""
    kind = words.rng.random()
    line_start = code.rfind("\n", 0, start) + 1
    alone = not code[line_start:start].strip() and code[end : end + 1] == "\n"
    if alone and kind < 0.3:
        return line_start, end + words.choice((0, 1))
    if alone and kind < 0.4:
        return start, end + 1
    borders = [at for at in range(start + 1, end) if re.match(r"\w\W|\W\w", code[at - 1 : at + 1])]
    if kind > 0.75 and borders:
        return words.choice(borders), end
    return start, end


def _piece(words: Words, text: str, used: set[str]) -> tuple[str, list[tuple[int, int]]]:
    """A snippet with its names, and the spans that may be left out of it."""
    filled = _SLOT.sub(_Names(words, used), text)
    code, spans, last = "", [], 0
    for match in _SPAN.finditer(filled):
        code += filled[last : match.start()]
        spans.append((len(code), len(code) + len(match.group(1))))
        code += match.group(1)
        last = match.end()
    return code + filled[last:], spans


def snippet(words: Words) -> tuple[str, str]:
    """The name of a language and a piece of code in it."""
    side = HELD_SNIPPETS if words.held else SNIPPETS
    language = words.choice(list(side))
    return language, _piece(words, words.choice(side[language]), set())[0]


def _repeated(words: Words, used: set[str]) -> tuple[str, list[tuple[int, int]]]:
    """Names, then the same statement for each of them, once or twice. All but the first statement may be left out."""
    fresh = _Names(words, used)
    items = [fresh.get(slot) for slot in words.rng.sample(["v", "w", "a", "b", "c", "d", "e"], words.rng.randint(2, 5))]
    given = {"o": fresh.get("o"), "f": fresh.get("f"), "n": fresh.get("n")}
    names, quoted = ", ".join(items), ", ".join(f'"{item}"' for item in items)
    code, spans = "", []
    if words.chance(0.85):
        code = words.form(DECLARED, names=names, quoted=quoted, typed=", int ".join(items), **given) + "\n"
    indent = words.choice(("", "", "    ", "  "))
    for _ in range(words.choice((1, 1, 2)) if code else 2):
        shape, known = words.pick(STATEMENTS), bool(code)  # without an earlier list nobody knows which name comes next
        for number, item in enumerate(items):
            line = shape.format(i=item, I=item.upper(), **given)
            if known and number:
                spans.append((len(code) + len(indent), len(code) + len(indent) + len(line)))
            code += indent + line + "\n"
        if words.chance(0.3):
            code += "\n"
    return code, spans


def _chosen_span(words: Words, code: str, spans: list[tuple[int, int]]) -> tuple[int, int]:
    """One of the spans, at times together with those that follow it at once, three lines at most."""
    at = words.rng.randrange(len(spans))
    start, end = spans[at]
    for following, last in spans[at + 1 : at + 3]:
        if code[end:following].strip() or not words.chance(0.35):
            break
        end = last
    return start, end


def _file(words: Words, pieces: int) -> tuple[str, str, str]:
    """Pieces of code one after the other, and a cut in one of them: what is before it, after it, and in it."""
    side = HELD_SNIPPETS if words.held and words.chance(0.6) else SNIPPETS
    language = words.rng.choices(list(side), [len(texts) for texts in side.values()])[0]
    used: set[str] = set()
    if words.chance(0.35):
        chosen, (code, spans) = "", _repeated(words, used)
    else:
        chosen = words.choice(side[language])
        code, spans = _piece(words, chosen, used)
    start, end = _cut(words, code, *_chosen_span(words, code, spans))
    around = [
        _piece(words, text, used)[0] for text in words.rng.sample([t for t in SNIPPETS[language] if t != chosen], pieces - 1)
    ]
    gap = "\n\n" if language == "python" and words.chance(0.5) else "\n"
    place = words.rng.randint(0, len(around))
    before = "".join(text + gap for text in around[:place])
    after = "".join(gap + text for text in around[place:])
    return before + code[:start], code[end:] + after, code[start:end]


def fim(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """A short file of one to three pieces of code in one language, with a part of one of them to be filled in."""
    return within(
        budget, measure, range(words.choice((1, 1, 1, 1, 2, 2, 3)), 0, -1), lambda pieces: Sample(fim=_file(words, pieces))
    )
