"""Fill-in-the-middle on small generated code: what is missing follows from what stands around it.

In the pieces ~a~ ~b~ ~c~ are variables, ~x~ that of a loop, ~f~ ~g~ functions, ~K~ a class, ~m~ ~n~ numbers, ~op~ an operator and
~does~ its name; what stands between « and » has one right answer.
"""

import re
from collections.abc import Callable

from sample import Sample
from tasks.request import within
from words import Words

OPERATIONS = {"+": "plus", "-": "minus", "*": "times", "/": "over"}
PIECES: dict[str, tuple[str, ...]] = {
    "python": (
        "# ~a~ ~does~ ~b~\ndef ~f~(~a~, ~b~):\n    «return ~a~ ~op~ ~b~»\n",
        "def ~f~(~a~, ~b~):\n    ~c~ = «~a~ ~op~ ~b~»  # ~a~ ~does~ ~b~\n    «return ~c~»\n",
        "class ~K~:\n    def __init__(self, ~a~, ~b~, ~c~):\n        self.~a~ = ~a~\n        «self.~b~ = ~b~»\n        «self.~c~ = ~c~»\n",
        "class ~K~:\n    def get_~a~(self):\n        return self.~a~\n\n    def get_~b~(self):\n        «return self.~b~»\n",
        "def ~f~(~a~):\n    ~c~ = 0\n    for ~x~ in ~a~:\n        «~c~ += ~x~»\n    «return ~c~»\n",
        "def ~f~(~a~):\n    ~c~ = []\n    for ~x~ in «~a~»:\n        if ~x~ > ~n~:\n            «~c~.append(~x~)»\n    «return ~c~»\n",
        "~a~ = ~n~\n~b~ = ~m~\nprint(~a~)\n«print(~b~)»\n",
        "def ~f~(~a~, ~b~):\n    print(~a~, ~b~)\n\ndef ~g~(~a~, ~b~):\n    «~f~(~a~, ~b~)»\n",
        'if ~a~ is None:\n    print("no ~a~")\nif «~b~ is None»:\n    «print("no ~b~")»\n',
        '~a~ = {"~b~": ~n~, "~c~": ~m~}\nprint(~a~["~b~"])\n«print(~a~["~c~"])»\n',
        "for ~x~ in ~a~:\n    print(«~x~»)\nfor ~x~ in ~b~:\n    «print(~x~)»\n",
    ),
    "javascript": (
        "// ~a~ ~does~ ~b~\nfunction ~f~(~a~, ~b~) {\n  «return ~a~ ~op~ ~b~;»\n}\n",
        "const ~a~ = ~n~;\nconst ~b~ = ~m~;\nconsole.log(~a~);\n«console.log(~b~);»\n",
        "class ~K~ {\n  constructor(~a~, ~b~) {\n    this.~a~ = ~a~;\n    «this.~b~ = ~b~;»\n  }\n}\n",
        "function ~f~(~a~) {\n  let ~c~ = 0;\n  for (const ~x~ of «~a~») {\n    «~c~ += ~x~;»\n  }\n  «return ~c~;»\n}\n",
    ),
    "c": (
        "// ~a~ ~does~ ~b~\nint ~f~(int ~a~, int ~b~) {\n    «return ~a~ ~op~ ~b~;»\n}\n",
        'int ~a~ = ~n~;\nint ~b~ = ~m~;\nprintf("%d", ~a~);\n«printf("%d", ~b~);»\n',
        "int ~f~(int ~a~, int ~b~) {\n    int ~c~ = «~a~ ~op~ ~b~»; // ~a~ ~does~ ~b~\n    «return ~c~;»\n}\n",
    ),
}
_SLOT = re.compile(r"~(\w+)~")
_SPAN = re.compile("«(.*?)»", re.DOTALL)
_KEPT = 3  # of the parts after a piece's first one every third is left out in measuring alone


class _Names:
    """What the slots of one piece stand for; all names are different, also between the pieces of one file."""

    def __init__(self, words: Words, used: set[str]):
        self.words = words
        self.used = used
        self.known: dict[str, str] = {}

    def __call__(self, match: re.Match) -> str:
        slot = match.group(1)
        if slot not in self.known:
            self.known[slot] = self._make(slot)
        return self.known[slot]

    def _make(self, slot: str) -> str:
        words = self.words
        if slot in "mn":
            return self._fresh(lambda: str(words.rng.randint(2, 999)))
        if slot == "K":
            return self._fresh(words.place)
        if slot in "fg":
            return self._fresh(lambda: words.choice((words.word(), "get_" + words.word(1, 2))))
        if slot == "op":
            self.known["does"] = OPERATIONS[op := words.choice("+-*/")]
            return op
        if slot == "does":
            op = words.choice("+-*/")
            self.known["op"] = op
            return OPERATIONS[op]
        return self._fresh(lambda: words.word(1, 2))

    def _fresh(self, make: Callable[[], str]) -> str:
        while True:
            name = make()
            if name not in self.used:
                self.used.add(name)
                return name


def _piece(words: Words, text: str, used: set[str]) -> tuple[str, list[tuple[int, int]]]:
    """A piece with its names, and the spans that may be left out of it."""
    filled = _SLOT.sub(_Names(words, used), text)
    code, spans, last = "", [], 0
    for match in _SPAN.finditer(filled):
        code += filled[last : match.start()]
        spans.append((len(code), len(code) + len(match.group(1))))
        code += match.group(1)
        last = match.end()
    return code + filled[last:], spans


def is_held(language: str, piece: int, span: int) -> bool:
    """Whether this part is left out in measuring alone."""
    return span > 0 and (piece + span) % _KEPT == 0


def snippet(words: Words) -> tuple[str, str]:
    """The name of a language and a piece of code in it."""
    language = words.choice(list(PIECES))
    return language, _piece(words, words.choice(PIECES[language]), set())[0]


def _cut(words: Words, code: str, start: int, end: int) -> tuple[int, int]:
    """The span to leave out: all of it, its rest from some border on, or with it the line's indentation and end."""
    kind = words.rng.random()
    line_start = code.rfind("\n", 0, start) + 1
    if kind < 0.25 and not code[line_start:start].strip() and code[end : end + 1] == "\n":
        return line_start, end + 1
    borders = [at for at in range(start + 1, end) if re.match(r"\w\W|\W\w", code[at - 1 : at + 1])]
    if kind > 0.75 and borders:
        return words.choice(borders), end
    return start, end


def _file(words: Words, pieces: int) -> tuple[str, str, str]:
    """Pieces of code one after the other, and a cut in one of them: what is before it, after it, and in it."""
    language = words.rng.choices(list(PIECES), [len(texts) for texts in PIECES.values()])[0]
    texts = PIECES[language]
    order = words.rng.sample(range(len(texts)), min(pieces, len(texts)))
    used: set[str] = set()
    chosen = words.rng.randrange(len(order))
    made = [_piece(words, texts[index], used) for index in order]
    code, spans = made[chosen]
    held = [is_held(language, order[chosen], number) for number in range(len(spans))]
    open_spans = [span for span, kept in zip(spans, held) if not kept]
    if words.held and any(held) and words.chance(0.6):
        open_spans = [span for span, kept in zip(spans, held) if kept]
    start, end = _cut(words, code, *words.choice(open_spans))
    before = "".join(text + "\n" for text, _ in made[:chosen])
    after = "".join("\n" + text for text, _ in made[chosen + 1 :])
    return before + code[:start], code[end:] + after, code[start:end]


def fim(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """A short file of one to three pieces of code in one language, with a part of one of them to be filled in."""
    return within(budget, measure, range(words.choice((1, 1, 2, 2, 3)), 0, -1), lambda pieces: Sample(fim=_file(words, pieces)))
