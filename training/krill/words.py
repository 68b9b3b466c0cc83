"""Words, names, numbers and phrasings, split in two: what training may see and what only measuring may use.

Everything random comes from one `random.Random`, so a seed fixes the text. A made-up word or number belongs to one side by its
checksum; lists of real words and phrasings name their held-out part themselves (`Forms`).
"""

import random
import string
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Forms:
    """Phrasings of one thing: `train` for training, `held` only for measuring. Both are never empty."""

    train: tuple[str, ...]
    held: tuple[str, ...]

    def __post_init__(self):
        if not self.train or not self.held or set(self.train) & set(self.held):
            raise ValueError("a set of forms needs two separate parts, none empty")


def forms(train: str, held: str) -> Forms:
    """Forms from two blocks of text, one phrasing a line."""
    return Forms(*(tuple(line.strip() for line in block.strip().splitlines() if line.strip()) for block in (train, held)))


def words(train: str, held: str) -> Forms:
    """Forms from two lists of words divided by blanks."""
    return Forms(tuple(train.split()), tuple(held.split()))


ADJECTIVES = words(
    "old new small large quiet bright dark heavy light narrow wide cold warm dry wet fast slow early late soft hard clean rusty "
    "empty full round flat deep low high plain rough golden broken simple sharp smooth steep thin thick tall short young tiny huge "
    "strange gentle busy calm lost hidden open closed loud famous modern ancient wild fresh sweet bitter strong weak rare common",
    "hollow dusty silver frozen crooked proud shiny foggy loose pale",
)
NOUNS = words(
    "river bridge garden engine window ladder market harbor station forest valley tower kitchen library mirror basket hammer wagon "
    "lantern bottle blanket candle pillow carpet drawer shelf table chair cabin road field farm meadow island lake mountain cave "
    "beach boat train truck cart ship canal gate fence wall roof door floor lamp clock map letter book paper pencil box bag coat hat "
    "shoe rope wheel pump valve cable sensor radio camera magnet iron glass stone sand clay wood rain snow storm cloud wind sun moon "
    "star bird horse dog cat fish fox wolf bear deer rabbit goat sheep cow school office factory museum hotel bakery theater park "
    "street village city castle temple printer server folder ticket report invoice contract budget project meeting team worker "
    "driver teacher farmer sailor doctor painter singer baker student captain",
    "orchard barrel copper piano windmill chimney saddle anchor compass violin tunnel kettle telescope notebook gardener",
)
VERBS = words(
    "crosses follows covers reaches leaves passes holds carries moves turns opens closes finds keeps shows hides meets joins cleans "
    "paints repairs watches checks counts lifts drops pulls pushes fills sells buys brings draws needs likes",
    "guards borrows measures wraps polishes",
)
PLACES = words("near behind under above beside inside outside past beyond around before after", "below between against")
COLORS = words("red green blue yellow purple orange white black brown pink grey teal", "amber violet beige")
MONTHS = words("January February March April May June July September October November", "August December")
JOBS = words("baker pilot doctor farmer singer teacher driver painter nurse lawyer cook sailor clerk writer guard", "tailor judge plumber")
STATES = words("open closed late done new pending paid active failed ready", "blocked queued shipped")
WEATHER = words("sunny rainy cloudy windy foggy snowy", "stormy misty")
FRUIT = words("apples pears plums cherries lemons grapes melons onions carrots potatoes beans nuts", "figs peaches olives")

_ONSETS = "b c d f g h k l m n p r s t v z br dr gr kr pl st tr sh ch".split()
_SYLLABLES = [onset + vowel for onset in _ONSETS for vowel in "aeiou"]
_ENDINGS = ["n", "r", "s", "l", "x", "m", "", "", "", "k", "th"]


def _held_out(text: str) -> bool:
    return zlib.crc32(text.lower().encode()) % 8 == 0


# What a slot such as {noun} in a phrasing stands for; {Noun} is the same with a capital letter.
_SLOTS = {
    "adjective": lambda words: words.pick(ADJECTIVES),
    "noun": lambda words: words.pick(NOUNS),
    "verb": lambda words: words.pick(VERBS),
    "where": lambda words: words.pick(PLACES),
    "color": lambda words: words.pick(COLORS),
    "month": lambda words: words.pick(MONTHS),
    "job": lambda words: words.pick(JOBS),
    "state": lambda words: words.pick(STATES),
    "weather": lambda words: words.pick(WEATHER),
    "fruit": lambda words: words.pick(FRUIT),
    "level": lambda words: words.choice(("INFO", "WARN", "ERROR", "DEBUG")),
    "small": lambda words: str(words.rng.randint(2, 99)),
    "number": lambda words: words.number(2, 5),
    "name": lambda words: words.name(),
    "place": lambda words: words.place(),
    "code": lambda words: words.code(),
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
    """A source of words, names and numbers. `held` chooses the side of the split; `rng` is shared with the caller."""

    def __init__(self, rng: random.Random, held: bool = False):
        self.rng = rng
        self.held = held

    def choice(self, items):
        return self.rng.choice(items)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, options: Forms) -> str:
        """One of the side's phrasings or words."""
        return self.rng.choice(options.held if self.held else options.train)

    def form(self, options: Forms, **fields) -> str:
        """One of the side's phrasings with its {fields} filled in."""
        return self.pick(options).format(**fields)

    def fill(self, options: Forms, **given: str) -> str:
        """One of the side's phrasings, its slots ({noun}, {name}, {small}, ...) filled with the given or with fresh words."""
        return self.pick(options).format_map(_Slots(self, given))

    def word(self, low: int = 2, high: int = 3) -> str:
        """A made-up word of `low` to `high` syllables."""
        while True:
            text = "".join(self.rng.choice(_SYLLABLES) for _ in range(self.rng.randint(low, high))) + self.rng.choice(_ENDINGS)
            if _held_out(text) == self.held:
                return text

    def name(self) -> str:
        """A made-up first name, one time in four with a second one."""
        first = self.word().capitalize()
        return f"{first} {self.word(1, 2).capitalize()}" if self.chance(0.25) else first

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
        """An identifier such as KRA-4921, sol77 or a 3-to-8-letter mix."""
        kind = self.rng.randrange(4)
        if kind == 0:
            return f"{self.word(1, 1).upper()}-{self.number(3, 4)}"
        if kind == 1:
            return self.word() + self.number(2, 3)
        if kind == 2:
            return self.letters(self.rng.randint(4, 7), "ABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        return f"{self.rng.choice('ABCDEFGHKLMNPRSTVZ')}{self.number(3, 5)}"

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
            text = name[:at] + self.rng.choice("aeioubdgklmnprst") + name[at + 1 :]
            if text != name and all(_held_out(part) == self.held for part in text.split()):
                return text
        return name + self.rng.choice("aeiou")
