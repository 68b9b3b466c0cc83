"""Words, names, numbers and phrasings, split in two: what training may see and what only measuring may use.

Everything random comes from one `random.Random`, so a seed fixes the text. A made-up word or number belongs to one side by its
checksum; lists of real words and phrasings name their held-out part themselves (`Forms`).
"""

import random
import string
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Forms:
    """Phrasings of one thing: `train` for training, `held` only for measuring. Both are never empty.

    `wide`, if given, composes more phrasings for training than a list can hold. `words`: these are single words, for which an
    invented one may stand."""

    train: tuple[str, ...]
    held: tuple[str, ...]
    wide: Callable[[random.Random], str] | None = None
    words: bool = False

    def __post_init__(self):
        if not self.train or not self.held or set(self.train) & set(self.held):
            raise ValueError("a set of forms needs two separate parts, none empty")


def forms(train: str, held: str, wide: Callable[[random.Random], str] | None = None) -> Forms:
    """Forms from two blocks of text, one phrasing a line."""
    return Forms(*(tuple(line.strip() for line in block.strip().splitlines() if line.strip()) for block in (train, held)), wide)


def words(train: str, held: str) -> Forms:
    """Forms from two lists of words divided by blanks."""
    return Forms(tuple(train.split()), tuple(held.split()), words=True)


def mix(*parts: str) -> Callable[[random.Random], str]:
    """Phrasings made of parts: of each part one of the alternatives that "|" divides ("¦" stands for the sign itself), joined as
    they stand. A sentence begins with a capital letter."""
    alternatives = [[item.replace("¦", "|") for item in part.split("|")] for part in parts]

    def compose(rng: random.Random) -> str:
        text = "".join(rng.choice(items) for items in alternatives)
        return text[0].upper() + text[1:] if text.endswith((".", "?")) else text

    return compose


def any_of(*makers: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(makers)(rng)


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
    "driver teacher farmer sailor doctor painter singer baker student captain "
    "acorn airport almond anvil apron arrow artist attic autumn badger balcony balloon bamboo banner barn bean beetle bench "
    "berry bicycle blossom board bone border bowl bracket branch breeze brick broom brush bucket buffalo bundle bush butter "
    "button cactus cage cake camel campus cannon canvas canyon carriage carrot ceiling cello chain chalk channel cheese "
    "chest chess chicken circle circus cliff cloth clover coach coast coin collar comet corner cottage cotton couch cousin "
    "cradle crane crown cup curtain cushion cycle dairy dancer desert desk diamond dish dolphin donkey dragon dress drum "
    "duck eagle earth elbow elephant elm envelope falcon feather fern ferry festival finger flag flame flower flute "
    "fountain frame frog fruit furnace galaxy gallery garage garlic giant ginger glacier glove goose grain granite grape "
    "grass gravel guitar gutter hall harp hawk hedge helmet hill hinge hive honey hook horn hospital hut ink ivory jacket "
    "jar jungle keyboard king kite knife knight knot ladle lamb lane laser lawn leaf leather lemon lever lighthouse lily "
    "lion lizard lock locker log lotus lumber machine mansion maple marble mask mast mat meal medal melon metal mill mine "
    "mint mixer moss motor mouse mug mushroom nail napkin needle nest net nurse oak oar oasis ocean oven owl oyster paddle "
    "palace palm panel parade parrot pasta patch path peach pearl pebble pepper petal photo pier pigeon pine pipe pirate "
    "pitcher planet plate plum pocket poem pond pony poster potato prince prism puddle pumpkin puppet puzzle pyramid quarry "
    "queen quilt rack raft rail ranch raven reef ribbon ring robot rocket rod rose rug ruler saddlebag sail salad salmon "
    "salt sandal satellite sauce scarf screw sculptor sea seal seed shadow shell shield shirt shovel shrimp silk sink skate "
    "sketch sled smoke snail soap sock sofa soldier soup spade sparrow spear spider spoon spring squirrel stable stage "
    "stamp statue steam steel stem stick stool stove straw string studio sugar suit summit swan sweater switch sword syrup "
    "tablet tail tailcoat tank tape tent thread throne thunder tiger timber toast tomato tool torch towel toy tractor trail "
    "tray treasure trunk tulip tunic turtle umbrella uniform vase vault veil vest vine volcano wallet walnut wand wardrobe "
    "warehouse wasp watch water wave weasel whale wheat whistle widow willow wing winter wire wizard wool yacht yard zebra",
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
_ENDINGS = ["n", "r", "s", "l", "x", "m", "k", "th", *[""] * 12]
# One made-up word in ten is built like an English one, so that rare tokens are met in words to be copied too.
_STARTS = (
    "a ab ac al am an ap ar as be bl bu ca cl co cu de di do ea el em en ex fa fl fo fr ga gl go ha he hi ho im in "
    "ja jo ju ka le li lo ma me mi mo na ne no ob op or pa pe pl po pu qua ra re ro sa sc se sk sl sm sn so sp sw "
    "ta te ti to tu un up va ve vi wa we wi wo"
).split()
_MIDDLES = (
    "ck ll mm nd ng nn pp rd rg rl rm rn rp rr rt sh ss st tch tt ttl bb dd ff gg lk lm lp lt mp mb nc nk nt ct pt "
    "b c d f g k l m n p r s t v w z"
).split()
_SUFFIXES = (
    "ey ard er ing ow age ine ite ment ness let ful ock ish ent ance ive ous al y ie ay oon oat eed ook iel ure ack "
    "ust ick oll ade ain ect tion sion ory ism le en ed est ily"
).split()


# Shares of invented words: of those from short lists, which are mostly values to be copied (colors, jobs, months), and from long ones.
INVENTED_VALUES, INVENTED_WORDS = 0.6, 0.25  # in training
HELD_INVENTED_VALUES, HELD_INVENTED_WORDS = 0.3, 0.06  # in measuring
FEW_WORDS = 40  # a list under this length is short

_KNOWN = (*ADJECTIVES.train, *NOUNS.train, *VERBS.train, *COLORS.train, *MONTHS.train, *JOBS.train, *STATES.train, *FRUIT.train)
# Real words that syllables make by chance, and that the generators use as words.
_REAL = set(
    "base bare bite cake came care case code come cube cure date dare fire gave give have here hire home hope huge late like line lime live "
    "love made make mate mile more move name nine none note page pale pile pole poke rare rate rice ride role rule safe sale same save side site "
    "size sole some state store take tape tile time tire tone tube tune vote wide were tree three free".split()
) | {word.lower() for word in _KNOWN}
_NEVER = {
    text.lower()
    for options in (ADJECTIVES, NOUNS, VERBS, PLACES, COLORS, MONTHS, JOBS, STATES, WEATHER, FRUIT)
    for text in options.held
}


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
    """A source of words, names and numbers. `held` chooses the side of the split; `rng` is shared with the caller.

    `novel` (0 to 1) is how much of training's phrasing is composed on the spot instead of picked from a list. On both sides some
    words are invented, put together from parts of known ones or, in training, from `pieces` of the vocabulary: what is known by heart
    is not copied, a word of measuring falls into pieces that training met in other words, and a piece that no word of training holds
    is never learned to be copied.
    """

    def __init__(self, rng: random.Random, held: bool = False, novel: float = 0.0, pieces: Sequence[str] = ()):
        self.rng = rng
        self.held = held
        self.novel = 0.0 if held else novel
        self.vocabulary_pieces = () if held else pieces
        self.invented_shares = (HELD_INVENTED_VALUES, HELD_INVENTED_WORDS) if held else (INVENTED_VALUES, INVENTED_WORDS)

    def choice(self, items):
        return self.rng.choice(items)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, options: Forms) -> str:
        """One of the side's phrasings or words."""
        if options.words and self.rng.random() < self.invented_shares[len(options.train) >= FEW_WORDS]:
            text = self.invent()
            return text.capitalize() if options.train[0][0].isupper() else text
        if self.novel and options.wide and self.rng.random() < 0.8 * self.novel:
            text = options.wide(self.rng)
            if text not in options.held:
                return text
        return self.rng.choice(options.held if self.held else options.train)

    def invent(self) -> str:
        """A word put together from parts of two or three known ones, or from two or three pieces of the vocabulary."""
        rng = self.rng
        while True:
            count = rng.choice((2, 2, 2, 3))
            if self.vocabulary_pieces and rng.random() < 0.5:
                parts = [rng.choice(self.vocabulary_pieces) for _ in range(count)]
            else:
                parts = [self._part(first=index == 0, last=index == count - 1) for index in range(count)]
            text = "".join(parts)
            if len(text) > 2 and text not in _NEVER and _held_out(text) == self.held:
                return text

    def _part(self, first: bool, last: bool) -> str:
        """One to five letters of a known word: its beginning, its end, or from its middle."""
        source = self.rng.choice(_KNOWN).lower()
        size = self.rng.randint(1, min(5, len(source)))
        start = 0 if first else len(source) - size if last else self.rng.randint(0, len(source) - size)
        return source[start : start + size]

    def form(self, options: Forms, **fields) -> str:
        """One of the side's phrasings with its {fields} filled in."""
        return self.pick(options).format(**fields)

    def fill(self, options: Forms, **given: str) -> str:
        """One of the side's phrasings, its slots ({noun}, {name}, {small}, ...) filled with the given or with fresh words."""
        return self.pick(options).format_map(_Slots(self, given))

    def word(self, low: int = 2, high: int = 3) -> str:
        """A made-up word of `low` or, less often, `high` syllables."""
        while True:
            if high > 1 and self.rng.random() < 0.1:
                text = self.rng.choice(_STARTS) + self.rng.choice(_MIDDLES) + self.rng.choice(_SUFFIXES)
            else:
                syllables = low if self.rng.random() < 0.8 else high
                text = "".join(self.rng.choice(_SYLLABLES) for _ in range(syllables)) + self.rng.choice(_ENDINGS)
            if _held_out(text) == self.held and text not in _REAL:
                return text

    def name(self) -> str:
        """A made-up first name, one time in eight with a second one."""
        first = self.word().capitalize()
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
        while True:  # or in what it ends with
            text = name + "".join(self.rng.choice("aeiou") for _ in range(self.rng.randint(1, 4)))
            if _held_out(text.split()[-1]) == self.held:
                return text
