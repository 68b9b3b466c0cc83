"""Fields of records for json_schema: their names, values, JSON types and the sentences that tell them."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.request import listed
from words import COLORS, FRUIT, JOBS, MONTHS, STATES, Forms, Words, forms


@dataclass(frozen=True)
class Value:
    """A value as the text spells it and as JSON holds it."""

    text: str
    json: object


@dataclass(frozen=True)
class Concept:
    """A field: its possible keys, its JSON type, its values, and sentences that tell it of {who}."""

    keys: tuple[str, ...]
    type: str  # string, integer, number, boolean, enum, array, object
    make: Callable[[Words], Value]
    said: Forms
    options: Forms | None = None  # of an enum
    denied: Forms | None = None  # sentences for a false boolean


def string_of(make: Callable[[Words], str]) -> Callable[[Words], Value]:
    def value(words: Words) -> Value:
        text = make(words)
        return Value(text, text)

    return value


def integer_in(low: int, high: int) -> Callable[[Words], Value]:
    def value(words: Words) -> Value:
        number = words.rng.randint(low, high)
        return Value(str(number), number)

    return value


def number_in(low: int, high: int) -> Callable[[Words], Value]:
    def value(words: Words) -> Value:
        if words.chance(0.3):
            number: float = words.rng.randint(low, high)
        else:
            number = round(words.rng.randint(low, high) + words.rng.choice((0.5, 0.25, 0.1, 0.2, 0.4, 0.75, 0.9)), 2)
        return Value(str(number), number)

    return value


def boolean(words: Words) -> Value:
    return words.choice((Value("yes", True), Value("no", False), Value("true", True), Value("false", False)))


def _code(words: Words) -> Value:
    while True:
        text = words.code()
        if not text.isdigit():
            return Value(text, text)


def array_of(make: Callable[[Words], str]) -> Callable[[Words], Value]:
    def value(words: Words) -> Value:
        items: list[str] = []
        size = words.rng.choice((1, 2, 2, 3, 3, 4))
        for _ in range(40):
            item = make(words)
            if item not in items:
                items.append(item)
            if len(items) == size:
                break
        return Value(listed(items) if words.chance(0.7) else ", ".join(items), items)

    return value


def _address(words: Words) -> Value:
    number, street, city = words.rng.randint(1, 99), words.place(), words.place()
    inner = {"street": street, "number": number, "city": city}
    return Value(f"{street} {number} in {city}", inner)


def _size(words: Words) -> Value:
    width, height = words.rng.randint(1, 99), words.rng.randint(1, 99)
    return Value(f"{width} by {height}", {"width": width, "height": height})


LEVELS = Forms(("low", "medium", "high"), ("minor", "normal", "urgent"))
HOBBIES = Forms(
    tuple("chess music tennis reading cooking running dancing painting hiking fishing".split()),
    ("sailing", "knitting", "climbing"),
)

# The fields of a person and of a thing. The first of each names it.
PERSON: dict[str, Concept] = {
    "name": Concept(("name", "person", "full_name"), "string", string_of(Words.name), forms("This is {who}.", "Meet {who}.")),
    "city": Concept(
        ("city", "town", "home"),
        "string",
        string_of(Words.place),
        forms(
            """{who} lives in {v}.
            {who} comes from {v}.
            {who} has a house in {v}.
            The home of {who} is {v}.
            {who} moved to {v} last year.
            You can find {who} in {v}.
            {who} is at home in {v}.""",
            """{who} now lives in {v}.
            {who} has a home in {v}.
            The town of {who} is {v}.""",
        ),
    ),
    "age": Concept(
        ("age", "years"),
        "integer",
        integer_in(18, 90),
        forms(
            """{who} is {v} years old.
            {who} is {v}.
            The age of {who} is {v}.
            {who} turned {v} in spring.
            {who} is now {v} years old.
            At the age of {v}, {who} is still young.""",
            """{who} is already {v} years old.
            {who} has the age {v}.
            {who} turned {v}.""",
        ),
    ),
    "job": Concept(
        ("job", "work", "profession"),
        "string",
        string_of(lambda words: words.pick(JOBS)),
        forms(
            """{who} is a {v}.
            {who} works as a {v}.
            The job of {who} is {v}.
            {who} earns money as a {v}.
            {who} has worked as a {v} for years.
            {who} wanted to be a {v} and is one now.""",
            """{who} now works as a {v}.
            {who} has the job {v}.
            {who} became a {v}.""",
        ),
    ),
    "color": Concept(
        ("color", "favorite_color"),
        "string",
        string_of(lambda words: words.pick(COLORS)),
        forms(
            """{who} likes {v}.
            The favorite color of {who} is {v}.
            {who} likes the color {v}.
            {who} paints everything {v}.
            {who} always wears {v}.""",
            """{who} likes everything {v}.
            {who} has the favorite color {v}.""",
        ),
    ),
    "email": Concept(
        ("email", "mail"),
        "string",
        string_of(lambda words: f"{words.word()}@{words.word()}.{words.choice(('com', 'org', 'net'))}"),
        forms(
            """The email of {who} is {v}.
            Write to {who} at {v}.
            {who} can be reached at {v}.
            {who} reads mail at {v}.
            Send mail for {who} to {v}.""",
            """Mail for {who} goes to {v}.
            {who} has the email {v}.""",
        ),
    ),
    "phone": Concept(
        ("phone", "telephone", "phone_number"),
        "string",
        string_of(lambda words: words.number(5, 6)),
        forms(
            """The phone of {who} is {v}.
            {who} has the phone number {v}.
            Call {who} at {v}.
            You can call {who} under {v}.
            {who} answers the phone at {v}.""",
            """To call {who}, dial {v}.
            The phone number of {who} is {v}.""",
        ),
    ),
    "friend": Concept(
        ("friend", "contact"),
        "string",
        string_of(Words.name),
        forms(
            """{who} has a friend named {v}.
            The friend of {who} is {v}.
            {who} knows {v} well.
            {who} often meets {v}.
            {who} is a friend of {v}.""",
            """{who} and {v} are friends.
            {who} has the friend {v}.""",
        ),
    ),
    "member": Concept(
        ("member", "active", "registered"),
        "boolean",
        boolean,
        forms(
            """{who} is a member.
            {who} is a member of the club.
            {who} has joined the club.""",
            "{who} is a member now.",
        ),
        denied=forms(
            """{who} is not a member.
            {who} is not a member of the club.
            {who} has not joined the club.""",
            "{who} is not a member now.",
        ),
    ),
    "hobbies": Concept(
        ("hobbies", "interests"),
        "array",
        array_of(lambda words: words.pick(HOBBIES)),
        forms(
            """{who} likes {v}.
            The hobbies of {who} are {v}.
            {who} spends the evening with {v}.
            {who} has these hobbies: {v}.
            In winter {who} enjoys {v}.""",
            """The evening of {who} is for {v}.
            {who} has the hobbies {v}.""",
        ),
    ),
    "guests": Concept(
        ("friends", "guests", "children"),
        "array",
        array_of(Words.place),
        forms(
            """{who} came with {v}.
            {who} brought {v}.
            With {who} came {v}.
            The guests of {who} are {v}.""",
            """{who} came together with {v}.
            {who} has the guests {v}.""",
        ),
    ),
    "address": Concept(
        ("address", "house"),
        "object",
        _address,
        forms(
            """{who} lives at {v}.
            The address of {who} is {v}.
            Send letters for {who} to {v}.
            {who} has a flat at {v}.""",
            """Letters for {who} go to {v}.
            {who} has the address {v}.""",
        ),
    ),
}

THING: dict[str, Concept] = {
    "item": Concept(("item", "product", "name"), "string", string_of(Words.thing), forms("This is the {who}.", "See the {who}.")),
    "price": Concept(
        ("price", "cost"),
        "number",
        number_in(2, 900),
        forms(
            """{who} costs {v} dollars.
            The price of {who} is {v}.
            {who} is sold for {v}.
            You pay {v} for {who}.
            {who} has the price {v}.
            They want {v} dollars for {who}.""",
            """{who} now costs {v}.
            {who} is yours for {v} dollars.
            The cost of {who} is {v}.""",
        ),
    ),
    "count": Concept(
        ("count", "quantity", "amount"),
        "integer",
        integer_in(1, 500),
        forms(
            """There are {v} pieces of {who}.
            {v} pieces of {who} are in stock.
            We have {v} of {who}.
            The count of {who} is {v}.
            The shop holds {v} pieces of {who}.""",
            """We keep {v} pieces of {who}.
            The quantity of {who} is {v}.""",
        ),
    ),
    "status": Concept(
        ("status", "state"),
        "enum",
        string_of(lambda words: words.pick(STATES)),
        forms(
            """The status of {who} is {v}.
            {who} is {v}.
            {who} was marked as {v}.
            {who} has the status {v}.
            The list shows {who} as {v}.""",
            """{who} is now {v}.
            The state of {who} is {v}.""",
        ),
        options=STATES,
    ),
    "priority": Concept(
        ("priority", "level"),
        "enum",
        string_of(lambda words: words.pick(LEVELS)),
        forms(
            """The priority of {who} is {v}.
            {who} has {v} priority.
            {who} was given {v} priority.
            The priority was set to {v} for {who}.""",
            """{who} has the priority {v}.
            {who} got {v} priority.""",
        ),
        options=LEVELS,
    ),
    "owner": Concept(
        ("owner", "holder"),
        "string",
        string_of(Words.name),
        forms(
            """{who} belongs to {v}.
            The owner of {who} is {v}.
            {v} owns {who}.
            {who} is owned by {v}.
            {v} is the owner of {who}.
            {who} was bought by {v}.""",
            """{who} now belongs to {v}.
            {who} has the owner {v}.""",
        ),
    ),
    "month": Concept(
        ("month",),
        "string",
        string_of(lambda words: words.pick(MONTHS)),
        forms(
            """{who} arrives in {v}.
            The month for {who} is {v}.
            {who} was made in {v}.
            In {v} we get {who}.
            {who} is planned for {v}.""",
            """{who} comes in {v}.
            {who} will be ready in {v}.""",
        ),
    ),
    "date": Concept(
        ("date", "day"),
        "string",
        string_of(Words.date),
        forms(
            """{who} was ordered on {v}.
            The date of {who} is {v}.
            {who} arrives on {v}.
            On {v} {who} was sent.
            {who} is due on {v}.""",
            """{who} was sent on {v}.
            {who} has the date {v}.""",
        ),
    ),
    "weight": Concept(
        ("weight", "mass"),
        "number",
        number_in(1, 90),
        forms(
            """{who} weighs {v} kilos.
            The weight of {who} is {v}.
            {who} has a weight of {v}.
            On the scale {who} shows {v} kilos.""",
            """{who} weighs {v}.
            {who} has the weight {v}.""",
        ),
    ),
    "paid": Concept(
        ("paid", "is_paid"),
        "boolean",
        boolean,
        forms(
            """{who} is paid.
            {who} has been paid.
            {who} was paid in full.""",
            "{who} is already paid.",
        ),
        denied=forms(
            """{who} is not paid.
            {who} has not been paid.
            {who} was not paid.""",
            "{who} is not yet paid.",
        ),
    ),
    "code": Concept(
        ("code", "id", "number"),
        "string",
        _code,
        forms(
            """The code of {who} is {v}.
            {who} has the code {v}.
            {who} is listed under {v}.
            Look for {who} under the code {v}.
            The label on {who} says {v}.""",
            """The code {v} stands for {who}.
            {who} is filed under {v}.""",
        ),
    ),
    "tags": Concept(
        ("colors", "tags"),
        "array",
        array_of(lambda words: words.pick(COLORS)),
        forms(
            """{who} comes in {v}.
            The colors of {who} are {v}.
            {who} is painted {v}.
            You can have {who} in {v}.""",
            """{who} is sold in {v}.
            {who} has the colors {v}.""",
        ),
    ),
    "parts": Concept(
        ("parts", "items", "contents"),
        "array",
        array_of(lambda words: words.pick(FRUIT)),
        forms(
            """{who} holds {v}.
            {who} is full of {v}.
            Inside {who} are {v}.
            {who} contains {v}.""",
            """In {who} there are {v}.
            {who} is filled with {v}.""",
        ),
    ),
    "size": Concept(
        ("size", "dimensions"),
        "object",
        _size,
        forms(
            """{who} measures {v}.
            The size of {who} is {v}.
            {who} is {v}.
            {who} has a size of {v}.""",
            """{who} has the size {v}.
            The tape shows {v} for {who}.""",
        ),
    ),
}
