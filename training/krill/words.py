"""Words, names, numbers and phrasings, split in two: what training may see and what only measuring may use.

Everything random comes from one `random.Random`, so a seed fixes the text. A made-up word or number belongs to one side by its
checksum. A phrasing is a core in a frame ("{}", "Question: {}"): training sees every core and every frame, but of their combinations
some are kept for measuring; and there are cores for measuring alone (`Forms`).
"""

import random
import string
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Forms:
    """Phrasings of one thing: `train` for training, `held` only for measuring, both never empty; `new`, if there are any, are worded
    unlike either. `words`: these are single words, and measuring uses both sides' so that unseen ones stand among known ones."""

    train: tuple[str, ...]
    held: tuple[str, ...]
    new: tuple[str, ...] = ()
    words: bool = False

    def __post_init__(self):
        if not self.train or not self.held or set(self.train) & {*self.held, *self.new}:
            raise ValueError("a set of forms needs separate parts, and at least one for each side")


def _lines(block: str) -> list[str]:
    return [line.strip() for line in block.strip().splitlines() if line.strip()]


def _framed(frame: str, core: str) -> str:
    """The core in a frame; at "¬" without its capital letter, if that is one of the sentence and not of a name or "I"."""
    small = core if core.startswith(("{", "[", "I ", "<")) else core[0].lower() + core[1:]
    return frame.replace("¬", small) if "¬" in frame else frame.replace("_", core)


def forms(cores: str, frames: tuple[str, ...], new: str = "") -> Forms:
    """Every core (one a line) in every frame, where "_" stands for the core and "¬" for it without its capital letter.

    The first frame is the bare core: training has it half of the time, measuring never. Of a core's other combinations every third
    one is held out."""
    made = _lines(cores)
    train: list[str] = []
    held: list[str] = []
    for i, core in enumerate(made):
        for j, frame in enumerate(frames[1:], 1):
            (held if (i + j) % 3 == 0 else train).append(_framed(frame, core))
    framed = len(train)
    bare = [_framed(frames[0], core) for core in made]
    return Forms((*bare * max(1, framed // len(made)), *train), tuple(held), tuple(_lines(new)))


def words(train: str, held: str) -> Forms:
    """Forms from two lists of words divided by blanks."""
    return Forms(tuple(train.split()), tuple(held.split()), words=True)


ASKED = ("_", "Please answer: _", "Question: _", "_ Be brief.", "Next question: ¬", "_ Thanks.")  # frames of a question

ADJECTIVES = words(
    "old new small large quiet bright dark heavy light narrow wide cold warm dry wet fast slow early late soft hard clean rusty "
    "empty full round flat deep low high plain rough golden broken",
    "hollow dusty silver frozen crooked",
)
NOUNS = words(
    "river bridge garden engine window ladder market harbor station forest valley tower kitchen library mirror basket hammer wagon "
    "lantern bottle blanket candle pillow carpet drawer shelf table chair cabin road field farm meadow island lake mountain cave "
    "beach boat train truck cart ship canal gate fence wall roof door floor lamp clock map letter book paper pencil box bag coat hat "
    "shoe rope wheel pump valve cable sensor radio camera magnet iron glass stone sand clay wood rain snow storm cloud wind sun moon "
    "star bird horse dog cat fish fox wolf bear deer rabbit goat sheep cow",
    "orchard barrel copper piano windmill chimney saddle anchor compass violin",
)
VERBS = words(
    "crosses follows covers reaches leaves passes holds carries moves turns opens closes finds keeps shows hides meets joins cleans "
    "repairs watches lifts drops pulls pushes fills",
    "guards borrows measures",
)
PLACES = words("near behind under above beside inside outside past beyond around", "below between")
MONTHS = words("January February March April May June July September October November", "August December")
SKIES = words("sunny rainy cloudy windy foggy snowy", "stormy misty")

_ONSETS = "b c d f g h k l m n p r s t v z br dr gr kr pl st tr sh ch".split()
_SYLLABLES = [onset + vowel for onset in _ONSETS for vowel in "aeiou"]
_ENDINGS = ["n", "r", "s", "l", "x", "m", "k", "th", *[""] * 8]
# Real words that syllables make by chance, and that the generators use as words.
_REAL = set(
    "base bare bite cake came care case code come cube cure date dare fire gave give have here hire home hope huge late like line lime live "
    "love made make mate mile more move name nine none note page pale pile pole poke rare rate rice ride role rule safe sale same save side site "
    "size sole some state store take tape tile time tire tone tube tune vote wide were tree three free the".split()
) | {word for options in (ADJECTIVES, NOUNS, VERBS, PLACES, SKIES) for word in (*options.train, *options.held)}


def _held_out(text: str) -> bool:
    return zlib.crc32(text.lower().encode()) % 8 == 0


# What a slot such as {noun} in a phrasing stands for; {Noun} is the same with a capital letter.
_SLOTS = {
    "adjective": lambda words: words.common(ADJECTIVES),
    "noun": lambda words: words.common(NOUNS),
    "verb": lambda words: words.pick(VERBS),
    "where": lambda words: words.pick(PLACES),
    "month": lambda words: words.pick(MONTHS),
    "sky": lambda words: words.pick(SKIES),
    "level": lambda words: words.choice(("INFO", "WARN", "ERROR")),
    "small": lambda words: str(words.rng.randint(2, 99)),
    "number": lambda words: words.number(2, 5),
    "name": lambda words: words.name(),
    "place": lambda words: words.place(),
    "date": lambda words: words.date(),
    "time": lambda words: words.time(),
}


class _Slots(dict):
    """The fields of one phrasing: the given ones, and a fresh word for every other slot each time it occurs."""

    def __init__(self, words: "Words", given: dict[str, str]):
        super().__init__(given)
        self.words = words

    def __missing__(self, slot: str) -> str:
        text = _SLOTS[slot.lower()](self.words)
        return text.capitalize() if slot[0].isupper() else text


class Words:
    """A source of words, names and numbers. `held` chooses the side of the split; `rng` is shared with the caller. `new`: measuring
    asks in cores that no training has, where there are any, not only in unseen combinations."""

    def __init__(self, rng: random.Random, held: bool = False, new: bool = False):
        self.rng = rng
        self.held = held
        self.new = new

    def choice(self, items):
        return self.rng.choice(items)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, options: Forms) -> str:
        """One of the side's phrasings or words."""
        if not self.held:
            return self.rng.choice(options.train)
        if options.words:
            return self.rng.choice(options.train + options.held)
        return self.rng.choice(options.new if self.new and options.new else options.held)

    def common(self, options: Forms) -> str:
        """A word for filler text. In training one in twenty is none of the list, so that unknown words are nothing new."""
        return self.jumble() if not self.held and self.chance(0.05) else self.pick(options)

    def form(self, options: Forms, **fields) -> str:
        """One of the side's phrasings with its {fields} filled in."""
        return self.pick(options).format(**fields)

    def fill(self, options: Forms, **given: str) -> str:
        """One of the side's phrasings, its slots ({noun}, {name}, {small}, ...) filled with the given or with fresh words."""
        return self.pick(options).format_map(_Slots(self, given))

    def word(self, low: int = 2, high: int = 3) -> str:
        """A made-up word of `low` or, less often, `high` syllables."""
        while True:
            syllables = low if self.rng.random() < 0.7 else high
            text = "".join(self.rng.choice(_SYLLABLES) for _ in range(syllables)) + self.rng.choice(_ENDINGS)
            if _held_out(text) == self.held and text not in _REAL:
                return text

    def name(self) -> str:
        """A made-up first name, one time in eight with a second one."""
        first = self.place()
        return f"{first} {self.word(1, 2).capitalize()}" if self.chance(0.125) else first

    def place(self) -> str:
        return self.word().capitalize()

    def number(self, low: int = 3, high: int = 6) -> str:
        """A decimal number of `low` to `high` digits without leading zero; numbers under three digits are on both sides."""
        while True:
            digits = self.rng.randint(low, high)
            text = str(self.rng.randint(10 ** (digits - 1), 10**digits - 1))
            if digits < 3 or _held_out(text) == self.held:
                return text

    def letters(self, length: int, alphabet: str = string.ascii_lowercase + string.digits) -> str:
        while True:
            text = "".join(self.rng.choice(alphabet) for _ in range(length))
            if length < 3 or _held_out(text) == self.held:
                return text

    def code(self) -> str:
        """An identifier such as KRA-4921 or sol77."""
        if self.chance(0.6):
            return f"{self.word(1, 1).upper()}-{self.number(3, 4)}"
        return self.word() + self.number(2, 3)

    def jumble(self) -> str:
        """A word glued together from parts of others, so that pieces of the vocabulary follow each other in any order."""
        while True:
            parts = []
            for _ in range(self.rng.choice((2, 2, 3))):
                whole = self.rng.choice(self.rng.choice((ADJECTIVES, NOUNS, VERBS, PLACES)).train)
                size = min(len(whole), self.rng.randint(2, 5))
                start = self.rng.randint(0, len(whole) - size)
                parts.append(whole[start : start + size])
            text = "".join(parts)
            if _held_out(text) == self.held and text not in _REAL:
                return text

    def thing(self) -> str:
        """An adjective and a noun."""
        return f"{self.pick(ADJECTIVES)} {self.pick(NOUNS)}"

    def date(self) -> str:
        return f"{self.rng.randint(2020, 2029)}-{self.rng.randint(1, 12):02d}-{self.rng.randint(1, 28):02d}"

    def time(self) -> str:
        return f"{self.rng.randint(0, 23):02d}:{self.rng.randint(0, 59):02d}"

    def near(self, name: str) -> str:
        """A name that differs from `name` in one letter."""
        for _ in range(50):
            at = self.rng.randrange(1, len(name))
            if name[at] == " " or name[at - 1] == " ":
                continue
            letters = "aeiou" if name[at] in "aeiou" else "bdgklmnprst"
            text = name[:at] + self.rng.choice(letters) + name[at + 1 :]
            if text != name and all(_held_out(part) == self.held for part in text.split()):
                return text
        while True:  # or in what it ends with
            text = name + "".join(self.rng.choice("aeiou") for _ in range(self.rng.randint(1, 4)))
            if _held_out(text.split()[-1]) == self.held:
                return text
