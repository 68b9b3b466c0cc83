"""Kinds of tools: their names and parameters, how a user asks for them, what they return and what is then answered."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.request import listed
from words import COLORS, FRUIT, JOBS, NOUNS, STATES, WEATHER, Forms, Words, forms


@dataclass(frozen=True)
class Parameter:
    """A parameter: possible names, type, description, a maker of values and how a question spells a value."""

    names: tuple[str, ...]
    type: str  # string, integer, number, boolean, array
    make: Callable[[Words], object]
    description: str
    options: Forms | None = None  # of an enum
    spell: Callable[[object], str] = str


@dataclass(frozen=True)
class Kind:
    """A kind of tool. `asks` hold the parameters as slots; one that an ask leaves out is optional and stays out of the call.
    `answer` holds slots of parameters that are always given and of the result."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    parameters: dict[str, Parameter]
    asks: Forms
    result: Callable[[Words, dict], dict]
    answer: str
    more: Forms | None = None  # short asks for the same again, right after a call

    def is_optional(self, slot: str) -> bool:
        return any("{" + slot + "}" not in ask for ask in (*self.asks.train, *self.asks.held))


def string(names: str, make: Callable[[Words], object], description: str, options: Forms | None = None) -> Parameter:
    return Parameter(tuple(names.split()), "string", make, description, options)


def choice(names: str, options: Forms, description: str) -> Parameter:
    return Parameter(tuple(names.split()), "string", lambda words: words.pick(options), description, options)


def integer(names: str, low: int, high: int, description: str) -> Parameter:
    return Parameter(tuple(names.split()), "integer", lambda words: words.rng.randint(low, high), description)


def whole(names: str, digits: tuple[int, int], description: str) -> Parameter:
    return Parameter(tuple(names.split()), "integer", lambda words: int(words.number(*digits)), description)


def number(names: str, low: int, high: int, description: str) -> Parameter:
    def make(words: Words) -> object:
        whole_part = words.rng.randint(low, high)
        return whole_part if words.chance(0.4) else round(whole_part + words.choice((0.5, 0.25, 0.1, 0.75, 0.9)), 2)

    return Parameter(tuple(names.split()), "number", make, description)


def flag(names: str, yes: str, no: str, description: str) -> Parameter:
    return Parameter(
        tuple(names.split()), "boolean", lambda words: words.chance(0.5), description, spell=lambda value: yes if value else no
    )


def array(names: str, make: Callable[[Words], str], description: str) -> Parameter:
    def several(words: Words) -> object:
        items: list[str] = []
        for _ in range(words.rng.randint(2, 4)):
            item = make(words)
            if item not in items:
                items.append(item)
        return items

    def spell(value: object) -> str:
        assert isinstance(value, list)
        return listed(value)

    return Parameter(tuple(names.split()), "array", several, description, spell=spell)


# Other names a result's fields may have.
RESULT_NAMES: dict[str, tuple[str, ...]] = {
    "temp": ("temp", "temperature", "degrees"),
    "sky": ("sky", "condition", "weather"),
    "time": ("time", "local_time"),
    "result": ("result", "value", "output"),
    "job": ("job", "work", "profession"),
    "city": ("city", "town"),
    "count": ("count", "total", "number", "hits"),
    "lines": ("lines", "line_count"),
    "price": ("price", "cost", "value"),
    "balance": ("balance", "amount"),
    "state": ("state", "status"),
    "minutes": ("minutes", "duration"),
    "code": ("code", "number", "reference"),
    "distance": ("distance", "km"),
    "ok": ("ok", "done", "success"),
}
OK = {"ok": True}

DEVICES = Forms(
    tuple("lamp heater fan radio television oven printer camera pump alarm light computer screen speaker".split()),
    ("toaster", "dryer", "mixer", "projector"),
)
ROOMS = Forms(
    tuple("kitchen bedroom office hall bathroom cellar garage library workshop garden".split()), ("attic", "lounge", "nursery")
)
CURRENCIES = Forms(tuple("dollars euros pounds yen francs crowns".split()), ("rubles", "pesos", "lira"))
UNITS = Forms(("celsius", "fahrenheit"), ("kelvin", "degrees"))
MODES = Forms(("car", "train", "bike", "bus"), ("foot", "boat"))
LANGUAGES = Forms(
    tuple("French German Spanish Italian Chinese Russian Dutch Polish".split()), ("Japanese", "Swedish", "Portuguese")
)
SUBJECTS = Forms(tuple("sport music politics science money travel food art".split()), ("history", "health", "nature"))
LEVELS = Forms(("low", "medium", "high"), ("minor", "urgent"))

_city = string("city place location town", Words.place, "Name of the city")
_thing = Words.thing


def _path(words: Words) -> str:
    folders = "/".join(words.pick(NOUNS) for _ in range(words.rng.randint(0, 2)))
    return (f"/{folders}/" if folders else "") + words.word() + words.choice((".txt", ".csv", ".md", ".log", ".json"))


_MESSAGES = forms(
    """the {adjective} {noun} is ready
    I come at {time}
    please bring the {noun}
    the {noun} is {state}
    we meet in {place}
    I need {small} {noun}s
    the {noun} {verb} the {noun}
    buy {fruit} today
    the code is {code}
    call {name} soon""",
    """the {noun} of {name} is {adjective}
    I am in {place} at {time}
    please sell the {noun}""",
)


def _message(words: Words) -> str:
    return words.fill(_MESSAGES)


KINDS: dict[str, Kind] = {
    "weather": Kind(
        ("get_weather", "weather", "fetch_weather", "current_weather", "weather_in_city"),
        ("Weather of a city", "Get the current weather in a place", "Gives temperature and sky of a city", "Current weather"),
        {"city": _city, "unit": choice("unit units scale", UNITS, "Unit of the temperature")},
        forms(
            """What is the weather in {city}?
            How is the weather in {city}?
            How is the weather in {city} now?
            Is it raining in {city}?
            Is it cold in {city}?
            How warm is it in {city}?
            Tell me the weather in {city}.
            Weather in {city}?
            What is the temperature in {city}?
            Do I need a coat in {city}?
            Is the sun shining in {city}?
            What is the weather in {city} in {unit}?
            How warm is it in {city} in {unit}?
            I am going to {city}. How is the weather there?
            Give me the weather for {city} in {unit}.
            Check the weather in {city}.
            What weather do they have in {city}?""",
            """Is it warm in {city}?
            Please tell me the weather in {city}.
            How is the weather in {city} today?
            Give me the temperature in {city} in {unit}.
            What is the weather like in {city}?""",
        ),
        lambda words, _: {"temp": words.rng.randint(-9, 39), "sky": words.pick(WEATHER)},
        "It is {temp} degrees and {sky} in {city}.",
        forms(
            "And in {city}?\nWhat about {city}?\nAnd {city}?\nNow {city}.\nThe same for {city}.",
            "And how is it in {city}?\nAnd now {city}?",
        ),
    ),
    "forecast": Kind(
        ("get_forecast", "forecast", "weather_forecast", "predict_weather"),
        ("Weather forecast for the next days", "Forecast of a city for some days", "Predicts the weather"),
        {"city": _city, "days": integer("days day_count n", 2, 14, "Number of days")},
        forms(
            """What is the forecast for {city} for {days} days?
            Give me a forecast for {days} days in {city}.
            How will the weather be in {city} in {days} days?
            Will it rain in {city} in the next {days} days?
            Show the {days} day forecast for {city}.
            I need the forecast of {city} for the next {days} days.
            What will the weather be in {city} over {days} days?
            Forecast {city}, {days} days.
            Predict the weather in {city} for {days} days.""",
            """Give me the {days} day forecast of {city}.
            What is the forecast in {city} for the next {days} days?
            How will the next {days} days be in {city}?""",
        ),
        lambda words, _: {"sky": words.pick(WEATHER), "temp": words.rng.randint(-9, 39)},
        "The forecast for {city} is {sky} with {temp} degrees.",
    ),
    "time": Kind(
        ("get_time", "local_time", "current_time", "clock", "time_in_city"),
        ("Local time of a city", "Tells the time in a place", "Current time in a city"),
        {"city": _city},
        forms(
            """What time is it in {city}?
            Tell me the time in {city}.
            How late is it in {city}?
            What is the local time in {city}?
            Time in {city}?
            Which time do they have in {city}?
            Give me the time in {city}.
            Can you check the time in {city}?
            I call someone in {city}. What time is it there?
            What does the clock say in {city}?
            Is it late in {city}?""",
            """What is the time in {city}?
            Please tell me the time in {city}.
            How late is it now in {city}?""",
        ),
        lambda words, _: {"time": words.time()},
        "It is {time} in {city}.",
        forms(
            "And in {city}?\nWhat about {city}?\nAnd {city}?\nThe same for {city}.",
            "And how late is it in {city}?\nAnd now in {city}?",
        ),
    ),
    "add": Kind(
        ("add", "sum", "add_numbers", "plus"),
        ("Add two numbers", "Adds a and b", "Sum of two numbers"),
        {"a": whole("a x first left", (1, 4), "First number"), "b": whole("b y second right", (1, 4), "Second number")},
        forms(
            """Add {a} and {b}.
            What is {a} plus {b}?
            How much is {a} + {b}?
            Compute {a} + {b}.
            What is the sum of {a} and {b}?
            Sum {a} and {b}.
            {a} plus {b}?
            Please add {a} and {b}.
            I have {a} and get {b} more. How many are that?
            Tell me {a} plus {b}.""",
            """Can you add {a} and {b}?
            How much is {a} plus {b}?
            Give me the sum of {a} and {b}.""",
        ),
        lambda _, values: {"result": values["a"] + values["b"]},
        "The result is {result}.",
    ),
    "multiply": Kind(
        ("multiply", "times", "product", "multiply_numbers"),
        ("Multiply two numbers", "Product of two numbers", "Multiplies a by b"),
        {"a": whole("a x first left", (1, 4), "First number"), "b": whole("b y second right", (1, 3), "Second number")},
        forms(
            """Multiply {a} by {b}.
            What is {a} times {b}?
            How much is {a} * {b}?
            Compute {a} * {b}.
            What is the product of {a} and {b}?
            {a} times {b}?
            Please multiply {a} by {b}.
            I buy {a} boxes of {b} pieces. How many pieces are that?
            Tell me {a} times {b}.""",
            """Can you multiply {a} by {b}?
            How much is {a} times {b}?
            Give me the product of {a} and {b}.""",
        ),
        lambda _, values: {"result": values["a"] * values["b"]},
        "The result is {result}.",
    ),
    "person": Kind(
        ("find_person", "lookup_person", "person_info", "get_person", "search_people"),
        ("Look up a person", "Finds what is known about a person", "Job and city of a person"),
        {"name": string("name person full_name who", Words.name, "Name of the person")},
        forms(
            """Look up {name}.
            Find the person {name}.
            Who is {name}?
            What do you know about {name}?
            Tell me about {name}.
            What is the job of {name}?
            Where does {name} live?
            I want to know who {name} is.
            Search for the person {name}.
            Get me the record of {name}.
            Do you know {name}?""",
            """Please look up {name}.
            Where does {name} work?
            Find out who {name} is.""",
        ),
        lambda words, _: {"job": words.pick(JOBS), "city": words.place()},
        "{name} is a {job} in {city}.",
        forms("And {name}?\nWhat about {name}?\nAnd who is {name}?", "And what about {name}?\nNow {name}."),
    ),
    "search": Kind(
        ("search_docs", "search", "find_documents", "search_documents", "query_docs"),
        ("Search the documents", "Full text search", "Finds documents about something"),
        {
            "query": string("query text q topic", _thing, "What to search for"),
            "limit": integer("limit max max_results count", 2, 50, "Most results to give"),
        },
        forms(
            """Search for {query}.
            Find documents about {query}.
            Search for {query}, at most {limit} results.
            Find {limit} documents about {query}.
            Are there documents about {query}?
            Look for {query} in the documents.
            How many documents are there about {query}?
            Give me {limit} results for {query}.
            Search the documents for {query}.
            Show at most {limit} documents on {query}.
            What do the documents say about {query}?""",
            """Please search for {query}.
            Search {limit} documents about {query}.
            Find at most {limit} documents about {query}.
            Which documents are about {query}?""",
        ),
        lambda words, _: {"count": words.rng.randint(0, 99)},
        "I found {count} documents about {query}.",
    ),
    "message": Kind(
        ("send_message", "message", "send_text", "notify", "send_note"),
        ("Send a message", "Sends a text to a person", "Write to somebody"),
        {
            "to": string("to recipient name receiver", Words.name, "Who gets the message"),
            "text": string("text message content body", _message, "The message"),
        },
        forms(
            """Tell {to} that {text}.
            Send {to} the message: {text}
            Write to {to}: {text}
            Let {to} know that {text}.
            Send a message to {to}: {text}
            Text {to}: {text}
            Please tell {to}: {text}
            Message for {to}: {text}
            I want {to} to know that {text}.
            Inform {to} that {text}.
            Send "{text}" to {to}.""",
            """Please let {to} know that {text}.
            Send a text to {to}: {text}
            Write {to} a message: {text}""",
        ),
        lambda words, _: OK,
        "I sent the message to {to}.",
    ),
    "email": Kind(
        ("send_email", "email", "write_mail", "mail"),
        ("Send an email", "Sends a mail with a subject", "Writes an email to an address"),
        {
            "address": string(
                "address to email recipient", lambda w: f"{w.word()}@{w.word()}.{w.choice(('com', 'org', 'net'))}", "Address"
            ),
            "subject": string("subject title topic", _thing, "Subject line"),
            "body": string("body text content message", _message, "Text of the mail"),
        },
        forms(
            """Send an email to {address} about {subject}: {body}
            Write a mail to {address} with the subject {subject}: {body}
            Mail {address}, subject {subject}, text: {body}
            Email to {address}, subject {subject}: {body}
            Send {address} a mail about {subject} that says: {body}
            Write to {address} about {subject}: {body}""",
            """Please send a mail to {address} about {subject}: {body}
            Send an email to {address}, subject {subject}: {body}""",
        ),
        lambda words, _: OK,
        "I sent the email to {address}.",
    ),
    "alarm": Kind(
        ("set_alarm", "alarm", "wake_me", "create_alarm"),
        ("Set an alarm", "Wakes the user", "Sets the alarm clock"),
        {
            "time": string("time at hour when", Words.time, "Time as HH:MM"),
            "date": string("date day on", Words.date, "Date as YYYY-MM-DD"),
        },
        forms(
            """Set an alarm for {time}.
            Wake me at {time}.
            Set an alarm for {date} at {time}.
            Wake me on {date} at {time}.
            I must get up at {time}.
            Alarm at {time}, please.
            Set the alarm clock to {time}.
            I need an alarm at {time} on {date}.
            Please wake me at {time}.
            Make an alarm for {time} on {date}.
            Let the alarm ring at {time}.""",
            """I want to get up at {time}.
            Please set an alarm for {time}.
            Wake me up at {time} on {date}.""",
        ),
        lambda words, _: OK,
        "The alarm is set for {time}.",
    ),
    "reminder": Kind(
        ("set_reminder", "remind", "create_reminder", "remind_me"),
        ("Set a reminder", "Reminds the user of something", "Creates a reminder with a text"),
        {
            "text": string("text what note message", _message, "What to remind of"),
            "time": string("time at when", Words.time, "Time as HH:MM"),
        },
        forms(
            """Remind me at {time} that {text}.
            Set a reminder for {time}: {text}
            At {time} remind me: {text}
            Reminder at {time}: {text}
            Please remind me at {time} that {text}.
            Create a reminder: {text}, at {time}.
            I must not forget at {time}: {text}
            Make a reminder for {time} with the text: {text}""",
            """Set a reminder at {time}: {text}
            Can you remind me at {time} that {text}?
            At {time} I want a reminder: {text}""",
        ),
        lambda words, _: OK,
        "I will remind you at {time}.",
    ),
    "read_file": Kind(
        ("read_file", "open_file", "load_file", "cat", "get_file"),
        ("Read a file", "Gives the content of a file", "Loads a file from the disk"),
        {"path": string("path file file_name name", _path, "Path of the file")},
        forms(
            """Read the file {path}.
            How many lines has {path}?
            Open {path}.
            Open the file {path}.
            Show me {path}.
            What is in {path}?
            Load {path}.
            Look into the file {path}.
            Please read {path}.
            Count the lines of {path}.
            Give me the content of {path}.""",
            """What is in the file {path}?
            How many lines are in {path}?
            Please open the file {path}.""",
        ),
        lambda words, _: {"lines": words.rng.randint(1, 999)},
        "The file has {lines} lines.",
        forms("And {path}?\nWhat about {path}?\nNow {path}.", "And now {path}?\nNext: {path}"),
    ),
    "delete_file": Kind(
        ("delete_file", "remove_file", "erase_file", "rm"),
        ("Delete a file", "Removes a file from the disk", "Erases a file"),
        {"path": string("path file file_name target", _path, "Path of the file")},
        forms(
            """Delete the file {path}.
            Remove {path}.
            Delete {path}.
            Erase {path}.
            I do not need {path} any more.
            Please delete {path}.
            Throw away the file {path}.
            Get rid of {path}.
            Remove the file {path}.""",
            """Please remove the file {path}.
            Erase the file {path}.
            Can you delete {path}?""",
        ),
        lambda words, _: OK,
        "I deleted {path}.",
    ),
    "list_files": Kind(
        ("list_files", "list_folder", "dir", "ls", "show_folder"),
        ("List the files of a folder", "Shows what a folder holds", "Lists a folder"),
        {"folder": string("folder path directory dir", lambda w: f"/{w.pick(NOUNS)}/{w.word()}", "The folder")},
        forms(
            """List the files in {folder}.
            Which files are in {folder}?
            What is in the folder {folder}?
            Show the folder {folder}.
            How many files are in {folder}?
            List {folder}.
            Look into the folder {folder}.
            Show me the files of {folder}.""",
            """Please list the folder {folder}.
            Which files does {folder} hold?
            Show all files in {folder}.""",
        ),
        lambda words, _: {"count": words.rng.randint(0, 99)},
        "There are {count} files in {folder}.",
    ),
    "switch": Kind(
        ("switch_device", "set_device", "turn_device", "control_device", "switch"),
        ("Switch a device on or off", "Turns a device on or off", "Controls a device"),
        {
            "device": choice("device name thing", DEVICES, "The device"),
            "on": flag("on state active power", "on", "off", "True for on"),
        },
        forms(
            """Switch the {device} {on}.
            Turn {on} the {device}.
            Turn the {device} {on}.
            Switch {on} the {device}.
            Please turn the {device} {on}.
            The {device} should be {on}.
            Set the {device} to {on}.
            I want the {device} {on}.
            Put the {device} {on}.
            {device} {on}, please.""",
            """Please switch the {device} {on}.
            Can you turn the {device} {on}?
            Make sure the {device} is {on}.""",
        ),
        lambda words, _: OK,
        "The {device} is now {on}.",
        forms(
            "And the {device} {on}.\nThe {device} {on} too.\nNow the {device} {on}.",
            "And now the {device} {on}.\nAlso the {device} {on}.",
        ),
    ),
    "light": Kind(
        ("set_light", "light", "change_light", "adjust_light"),
        ("Set the light of a room", "Changes color and brightness of a light", "Sets color and level of the light"),
        {
            "room": choice("room where place", ROOMS, "The room"),
            "color": choice("color colour", COLORS, "Color of the light"),
            "level": integer("level brightness percent", 1, 100, "Brightness in percent"),
        },
        forms(
            """Make the light in the {room} {color}.
            Set the light in the {room} to {color}.
            Set the {room} light to {color} at {level} percent.
            I want {color} light in the {room}.
            Light in the {room}: {color}, {level} percent.
            Make the {room} light {color} with {level} percent.
            Change the light of the {room} to {color}.
            Please set the light in the {room} to {color} and {level} percent.""",
            """Change the {room} light to {color}.
            I want the light in the {room} {color} at {level} percent.
            Please make the light in the {room} {color}.""",
        ),
        lambda words, _: OK,
        "The light in the {room} is now {color}.",
    ),
    "heating": Kind(
        ("set_temperature", "set_heating", "heat_room", "thermostat"),
        ("Set the temperature of a room", "Heats a room", "Controls the heating"),
        {
            "room": choice("room where place", ROOMS, "The room"),
            "degrees": number("degrees temperature value target", 15, 26, "Degrees"),
        },
        forms(
            """Heat the {room} to {degrees} degrees.
            Set the {room} to {degrees} degrees.
            Make it {degrees} degrees in the {room}.
            I want {degrees} degrees in the {room}.
            Set the temperature in the {room} to {degrees}.
            The {room} should have {degrees} degrees.
            Set the heating of the {room} to {degrees}.
            Please heat the {room} to {degrees}.""",
            """Set the temperature of the {room} to {degrees}.
            Please make it {degrees} degrees in the {room}.
            Heat up the {room} to {degrees} degrees.""",
        ),
        lambda words, _: OK,
        "The {room} is set to {degrees} degrees.",
    ),
    "convert": Kind(
        ("convert_currency", "exchange", "convert_money", "currency"),
        ("Convert money", "Changes an amount into another currency", "Converts between currencies"),
        {
            "amount": number("amount value sum money", 1, 900, "The amount"),
            "source": choice("from source from_currency", CURRENCIES, "Currency of the amount"),
            "target": choice("to target to_currency", CURRENCIES, "Wanted currency"),
        },
        forms(
            """Convert {amount} {source} to {target}.
            How much are {amount} {source} in {target}?
            What are {amount} {source} in {target}?
            Change {amount} {source} into {target}.
            I have {amount} {source}. How many {target} are that?
            Exchange {amount} {source} for {target}.
            Give me {amount} {source} in {target}.
            {amount} {source} in {target}?""",
            """Please convert {amount} {source} to {target}.
            How many {target} are {amount} {source}?
            Can you change {amount} {source} into {target}?""",
        ),
        lambda words, _: {"result": words.rng.randint(2, 90000) / 100},
        "That is {result} {target}.",
    ),
    "stock": Kind(
        ("get_stock_price", "stock_price", "quote", "share_price"),
        ("Price of a stock", "Current price of a share", "Looks up a share by its symbol"),
        {
            "symbol": string(
                "symbol ticker stock share", lambda w: w.letters(w.rng.randint(3, 4), "ABCDEFGHKLMNPRSTVXZ"), "Symbol"
            )
        },
        forms(
            """What is the price of {symbol}?
            How much is the {symbol} stock?
            What does a share of {symbol} cost?
            Give me the stock price of {symbol}.
            How is {symbol} doing?
            Check the stock {symbol}.
            Stock price of {symbol}?
            Look up the share {symbol}.
            What is {symbol} worth?""",
            """How much is a share of {symbol}?
            What is the stock {symbol} worth?
            Please give me the price of {symbol}.""",
        ),
        lambda words, _: {"price": words.rng.randint(100, 99999) / 100},
        "{symbol} is at {price}.",
        forms("And {symbol}?\nWhat about {symbol}?\nThe same for {symbol}.", "And what about {symbol}?\nNow {symbol}."),
    ),
    "event": Kind(
        ("create_event", "add_event", "add_to_calendar", "plan_event", "new_appointment"),
        ("Add an event to the calendar", "Creates a calendar entry", "Plans an appointment"),
        {
            "title": string(
                "title name event subject",
                lambda w: w.choice(("meeting", "lunch", "visit", "talk")) + " with " + w.name(),
                "Title",
            ),
            "date": string("date day on", Words.date, "Date as YYYY-MM-DD"),
            "time": string("time at start", Words.time, "Time as HH:MM"),
        },
        forms(
            """Add a {title} on {date}.
            Plan a {title} on {date} at {time}.
            Put a {title} into the calendar on {date}.
            I have a {title} on {date} at {time}. Note it.
            Create an event: {title}, {date}, {time}.
            New appointment: {title} on {date}.
            Add the {title} to my calendar on {date} at {time}.
            Calendar: {title} on {date}.
            Make an entry for the {title} on {date}.""",
            """Please plan a {title} on {date}.
            Create a {title} on {date} at {time}.
            Note a {title} on {date}.""",
        ),
        lambda words, _: OK,
        "The {title} is planned for {date}.",
    ),
    "music": Kind(
        ("play_music", "play_song", "play", "start_music"),
        ("Play music", "Plays a song of an artist", "Starts a song"),
        {
            "artist": string("artist singer band by", Words.name, "Who plays"),
            "loud": integer("volume loudness level", 1, 100, "Volume from 1 to 100"),
        },
        forms(
            """Play music by {artist}.
            Play something by {artist}.
            I want to hear {artist}.
            Play {artist} at volume {loud}.
            Start the music of {artist}.
            Put on {artist}.
            Let me hear {artist} at volume {loud}.
            Play songs of {artist}.
            Music by {artist}, volume {loud}.""",
            """Please play {artist}.
            I would like to hear {artist}.
            Play music by {artist} at volume {loud}.""",
        ),
        lambda words, _: OK,
        "I play {artist}.",
    ),
    "table": Kind(
        ("book_table", "reserve_table", "reserve", "restaurant_booking"),
        ("Book a table", "Reserves a table in a restaurant", "Makes a reservation"),
        {
            "place": string("restaurant place name where", Words.place, "The restaurant"),
            "people": integer("people persons guests seats", 2, 20, "Number of people"),
            "time": string("time at when", Words.time, "Time as HH:MM"),
        },
        forms(
            """Book a table at {place} for {people} people at {time}.
            Reserve a table for {people} at {place} at {time}.
            I want to eat at {place} with {people} people at {time}.
            Table for {people} at {place}, {time}.
            Get us a table at {place} for {people} at {time}.
            We are {people} people and want a table at {place} at {time}.
            At {time} I need a table for {people} at {place}.""",
            """Please book a table for {people} at {place} at {time}.
            Reserve a table at {place} for {people} people at {time}.""",
        ),
        lambda words, _: {"code": words.code()},
        "The table at {place} is booked. The code is {code}.",
    ),
    "translate": Kind(
        ("translate", "translate_text", "translator"),
        ("Translate a text", "Translates into another language", "Text translation"),
        {
            "text": string("text words input phrase", _thing, "Text to translate"),
            "language": choice("language to target target_language", LANGUAGES, "Wanted language"),
        },
        forms(
            """Translate {text} to {language}.
            Translate "{text}" into {language}.
            What is {text} in {language}?
            How do you say {text} in {language}?
            Say {text} in {language}.
            Put {text} into {language}.
            {language} for {text}?
            I need {text} in {language}.
            Please translate {text} to {language}.""",
            """What does {text} mean in {language}?
            Translate {text} into {language}, please.
            How do they say {text} in {language}?""",
        ),
        lambda words, _: {"result": words.word() + " " + words.word()},
        "It means: {result}",
    ),
    "balance": Kind(
        ("get_balance", "balance", "account_balance", "check_account"),
        ("Balance of an account", "How much money an account holds", "Reads a bank account"),
        {"account": string("account account_id number id", lambda w: w.number(4, 6), "Number of the account")},
        forms(
            """What is the balance of account {account}?
            How much money is in account {account}?
            Check the account {account}.
            Balance of {account}?
            Show the balance of account {account}.
            How much is on account {account}?
            Give me the balance for {account}.
            Tell me how much account {account} holds.""",
            """How much money does account {account} have?
            Please check the balance of account {account}.
            What is on account {account}?""",
        ),
        lambda words, _: {"balance": int(words.number(2, 5))},
        "Account {account} holds {balance}.",
    ),
    "transfer": Kind(
        ("transfer", "pay", "send_money", "transfer_money"),
        ("Send money", "Transfers money to a person", "Pays somebody"),
        {
            "to": string("to recipient name receiver", Words.name, "Who gets the money"),
            "amount": number("amount value sum money", 1, 900, "The amount"),
        },
        forms(
            """Send {amount} to {to}.
            Pay {to} {amount}.
            Transfer {amount} to {to}.
            I owe {to} {amount}. Pay it.
            Give {to} {amount}.
            Send {to} {amount} dollars.
            Pay {amount} dollars to {to}.
            Please transfer {amount} dollars to {to}.
            {to} should get {amount}.""",
            """Please send {amount} dollars to {to}.
            Please pay {to} {amount}.
            Can you send {amount} to {to}?""",
        ),
        lambda words, _: OK,
        "I sent {amount} to {to}.",
    ),
    "parcel": Kind(
        ("track_parcel", "track", "parcel_status", "find_parcel"),
        ("Track a parcel", "Where a parcel is", "State of a delivery"),
        {"code": string("code id tracking_code parcel", lambda w: w.code(), "Code of the parcel")},
        forms(
            """Where is the parcel {code}?
            Track the parcel {code}.
            Track {code}.
            What is the state of parcel {code}?
            Has the parcel {code} arrived?
            Find my parcel {code}.
            My parcel has the code {code}. Where is it?
            When does {code} arrive?
            Check the delivery {code}.""",
            """Where is my parcel {code}?
            Please track parcel {code}.
            What happened to the parcel {code}?""",
        ),
        lambda words, _: {"state": words.pick(STATES), "city": words.place()},
        "The parcel is {state} in {city}.",
        forms("And {code}?\nWhat about {code}?\nAnd the parcel {code}?", "And where is {code}?\nNow {code}."),
    ),
    "order": Kind(
        ("order_item", "buy", "order", "place_order"),
        ("Order something", "Buys an item", "Places an order in the shop"),
        {
            "item": string("item product name article", _thing, "What to buy"),
            "count": integer("count quantity amount pieces", 2, 60, "How many"),
        },
        forms(
            """Order {count} pieces of {item}.
            Buy {count} of {item}.
            I need {count} times {item}. Order it.
            Please order {count} pieces of {item}.
            Get me {count} pieces of {item}.
            Place an order for {count} pieces of {item}.
            I want to buy {count} pieces of {item}.
            Order {item}, {count} pieces.""",
            """I want to order {count} pieces of {item}.
            Buy me {count} pieces of {item}.
            Please buy {item}, {count} pieces.""",
        ),
        lambda words, _: {"code": words.code()},
        "I ordered {count} pieces. The code is {code}.",
    ),
    "shopping": Kind(
        ("add_to_list", "shopping_list", "add_items", "put_on_list"),
        ("Put things on the shopping list", "Adds items to a list", "Adds to the shopping list"),
        {"items": array("items things list entries", lambda w: w.pick(FRUIT), "What to add")},
        forms(
            """Put {items} on the list.
            Add {items} to the shopping list.
            I need {items}. Put that on the list.
            We have no {items} left. Note that.
            Write {items} on my shopping list.
            Shopping list: {items}.
            Please add {items} to my list.
            Note {items} for the next shopping.""",
            """Please put {items} on the shopping list.
            Add {items} to my list.
            Write {items} on the list.""",
        ),
        lambda words, _: {"count": words.rng.randint(2, 40)},
        "The list now has {count} entries.",
    ),
    "invite": Kind(
        ("invite", "invite_people", "send_invitation", "invite_guests"),
        ("Invite people", "Sends invitations for a day", "Invites guests"),
        {
            "guests": array("guests people names who", Words.place, "Names of the guests"),
            "date": string("date day when", Words.date, "Date as YYYY-MM-DD"),
        },
        forms(
            """Invite {guests} for {date}.
            On {date} I want to see {guests}. Invite them.
            Send {guests} an invitation for {date}.
            Ask {guests} to come on {date}.
            Please invite {guests} on {date}.
            I have guests on {date}: {guests}.""",
            """Please send an invitation to {guests} for {date}.
            Invite {guests} to come on {date}.""",
        ),
        lambda words, _: OK,
        "The invitations for {date} are sent.",
    ),
    "user": Kind(
        ("get_user", "user_info", "fetch_user", "load_user"),
        ("Get a user by id", "Reads the record of a user", "User data by number"),
        {"id": whole("id user_id number uid", (2, 5), "Id of the user")},
        forms(
            """Get the user {id}.
            Who is user {id}?
            Show user {id}.
            What is the name of user {id}?
            Load the user with id {id}.
            Which user has the id {id}?
            Find user number {id}.
            Look up user {id}.
            Who has the user id {id}?""",
            """Please show the user {id}.
            Tell me who user {id} is.
            Find the user with the id {id}.""",
        ),
        lambda words, _: {"name": words.name(), "city": words.place()},
        "User {id} is {name} from {city}.",
        forms("And user {id}?\nWhat about {id}?\nAnd {id}?", "And who is user {id}?\nNow {id}."),
    ),
    "define": Kind(
        ("define_word", "dictionary", "define", "lookup_word"),
        ("Look a word up", "Meaning of a word", "Dictionary"),
        {"word": string("word term entry", Words.word, "The word")},
        forms(
            """What does {word} mean?
            Define {word}.
            What is the meaning of {word}?
            Look up the word {word}.
            Explain the word {word}.
            What is a {word}?
            Find the word {word} in the dictionary.
            Meaning of {word}?""",
            """What does the word {word} mean?
            Please define {word}.
            Tell me the meaning of {word}.""",
        ),
        lambda words, _: {"meaning": "a " + words.thing()},
        "It means {meaning}.",
        forms("And {word}?\nWhat about {word}?\nAnd the word {word}?", "And what does {word} mean?\nNow {word}."),
    ),
    "route": Kind(
        ("get_route", "route", "find_way", "plan_route", "directions"),
        ("Way between two places", "Plans a route", "Finds the way from one place to another"),
        {
            "start": string("start from origin source", Words.place, "Where it begins"),
            "end": string("end to destination goal", Words.place, "Where it ends"),
            "mode": choice("mode by vehicle", MODES, "How to travel"),
        },
        forms(
            """How do I get from {start} to {end}?
            Find the way from {start} to {end}.
            Route from {start} to {end} by {mode}.
            How long is the trip from {start} to {end} by {mode}?
            I want to go from {start} to {end}.
            Show me the way from {start} to {end}.
            Plan a route from {start} to {end} by {mode}.
            How do I get to {end} from {start} by {mode}?
            How far is it from {start} to {end}?""",
            """Please plan a route from {start} to {end}.
            How long does it take from {start} to {end} by {mode}?
            I must go from {start} to {end}. How?""",
        ),
        lambda words, _: {"minutes": words.rng.randint(3, 600)},
        "It takes {minutes} minutes from {start} to {end}.",
    ),
    "random": Kind(
        ("random_number", "roll", "draw_number", "pick_number"),
        ("Random number in a range", "Draws a number", "Random integer between two bounds"),
        {"low": integer("low min from", 0, 50, "Least number"), "high": integer("high max to", 51, 999, "Greatest number")},
        forms(
            """Give me a random number between {low} and {high}.
            Draw a number from {low} to {high}.
            Pick a number between {low} and {high}.
            Random number from {low} to {high}?
            I need a random number, {low} to {high}.
            Choose a number from {low} to {high}.""",
            """Please draw a number between {low} and {high}.
            Choose a random number between {low} and {high}.""",
        ),
        lambda words, values: {"result": words.rng.randint(values["low"], values["high"])},
        "The number is {result}.",
    ),
    "note": Kind(
        ("take_note", "save_note", "write_note", "add_note"),
        ("Save a note", "Writes a note", "Stores a short text"),
        {"text": string("text note content message", _message, "Text of the note")},
        forms(
            """Take a note: {text}
            Write down: {text}
            Note: {text}
            Save this note: {text}
            Note that {text}.
            Please write down that {text}.
            Make a note that {text}.
            Keep in mind: {text}""",
            """Please save the note: {text}
            Write down that {text}.
            Save a note that {text}.""",
        ),
        lambda words, _: OK,
        "The note is saved.",
    ),
    "news": Kind(
        ("get_news", "news", "headlines", "fetch_news"),
        ("News about a subject", "Latest headlines", "Gets the newest headline"),
        {"subject": choice("subject topic category about", SUBJECTS, "What the news are about")},
        forms(
            """What is the news about {subject}?
            Any news about {subject}?
            Give me the news on {subject}.
            What is new in {subject}?
            Show me the headlines about {subject}.
            News about {subject}, please.
            What happens in {subject}?
            Read me the {subject} news.""",
            """Is there news about {subject}?
            Please show the news on {subject}.
            Tell me the {subject} news.""",
        ),
        lambda words, _: {"title": f"{words.place()} {words.choice(('sells', 'finds', 'buys', 'loses'))} a {words.thing()}"},
        "The news is: {title}",
    ),
    "flight": Kind(
        ("find_flights", "search_flights", "flights", "flight_search"),
        ("Find flights", "Flights between two cities on a day", "Searches for a flight"),
        {
            "start": string("from origin start departure", Words.place, "Where it starts"),
            "end": string("to destination end arrival", Words.place, "Where it lands"),
            "date": string("date day on", Words.date, "Date as YYYY-MM-DD"),
        },
        forms(
            """Find a flight from {start} to {end} on {date}.
            Is there a flight from {start} to {end} on {date}?
            I want to fly from {start} to {end} on {date}.
            Flights from {start} to {end} on {date}?
            On {date} I fly from {start} to {end}. Which flights are there?
            Search flights on {date} from {start} to {end}.
            I need a flight to {end} from {start} on {date}.
            How much is a flight from {start} to {end} on {date}?""",
            """Which flights go from {start} to {end} on {date}?
            Please find a flight from {start} to {end} on {date}.""",
        ),
        lambda words, _: {"price": words.rng.randint(30, 990), "time": words.time()},
        "There is a flight at {time} for {price}.",
    ),
    "ticket": Kind(
        ("create_ticket", "open_ticket", "new_issue", "report_bug"),
        ("Create a ticket", "Opens a ticket for a problem", "Reports a problem"),
        {
            "title": string(
                "title problem summary subject",
                lambda w: f"{w.pick(NOUNS)} is {w.choice(('broken', 'slow', 'lost', 'empty'))}",
                "Title",
            ),
            "priority": choice("priority level urgency", LEVELS, "How urgent it is"),
        },
        forms(
            """Create a ticket: {title}
            Open a ticket with {priority} priority: {title}
            Report this problem: {title}
            New ticket, priority {priority}: {title}
            Please open a ticket: {title}
            File a {priority} priority ticket: {title}
            Make a ticket with the title {title} and {priority} priority.
            I want to report: {title}""",
            """Please create a ticket: {title}
            Report with {priority} priority: {title}
            Open a new ticket: {title}""",
        ),
        lambda words, _: {"id": int(words.number(2, 5))},
        "I opened the ticket {id}.",
    ),
}

# Whole kinds that training never sees.
HELD_KINDS: dict[str, Kind] = {
    "hotel": Kind(
        ("book_hotel", "reserve_room"),
        ("Book a hotel room", "Reserves a room in a hotel"),
        {
            "city": _city,
            "nights": integer("nights days", 1, 14, "Number of nights"),
        },
        forms(
            "Book a hotel in {city} for {nights} nights.\nI need a room in {city} for {nights} nights.",
            "Reserve a hotel room in {city} for {nights} nights.\nI stay in {city} for {nights} nights. Book a hotel.",
        ),
        lambda words, _: {"code": words.code()},
        "The hotel in {city} is booked. The code is {code}.",
    ),
    "population": Kind(
        ("get_population", "count_people"),
        ("How many people live in a city", "Population of a city"),
        {"city": _city},
        forms(
            "How many people live in {city}?\nWhat is the population of {city}?",
            "How many people are there in {city}?\nTell me the population of {city}.",
        ),
        lambda words, _: {"count": int(words.number(4, 6))},
        "{count} people live in {city}.",
    ),
    "rename": Kind(
        ("rename_file", "move_file"),
        ("Rename a file", "Gives a file a new name"),
        {"old": string("old source path", _path, "Old name"), "new": string("new target new_name", _path, "New name")},
        forms(
            "Rename the file {old} to {new}.\nMove the file {old} to {new}.",
            "The file {old} should be called {new}.\nRename {old} to {new}.",
        ),
        lambda words, _: OK,
        "I renamed {old} to {new}.",
    ),
    "lock": Kind(
        ("lock_door", "set_lock"),
        ("Lock or unlock a door", "Locks a door"),
        {
            "room": choice("room door where", ROOMS, "Room of the door"),
            "locked": flag("locked lock closed", "locked", "open", "True to lock it"),
        },
        forms(
            "I want the {room} door {locked}.\nThe door of the {room} should be {locked}.",
            "The {room} door should be {locked}.\nMake sure that the {room} door is {locked}.",
        ),
        lambda words, _: OK,
        "The {room} door is now {locked}.",
    ),
    "sell": Kind(
        ("sell_stock", "sell_shares"),
        ("Sell shares", "Sells shares of a stock"),
        {
            "symbol": string("symbol ticker share", lambda w: w.letters(w.rng.randint(3, 4), "ABCDEFGHKLMNPRSTVXZ"), "Symbol"),
            "count": integer("count number amount", 2, 90, "How many shares"),
        },
        forms(
            "Sell {count} shares of {symbol}.\nI want to sell {count} shares of {symbol}.",
            "Please sell {count} shares of {symbol}.\nSell my {symbol} shares, {count} of them.",
        ),
        lambda words, _: {"price": words.rng.randint(10, 999)},
        "I sold {count} shares for {price}.",
    ),
    "door_count": Kind(
        ("visitor_count", "count_visitors"),
        ("Number of visitors on a day", "How many visitors came"),
        {"date": string("date day", Words.date, "Date as YYYY-MM-DD")},
        forms(
            "How many visitors came on {date}?\nCount the visitors of {date}.",
            "How many visitors were there on {date}?\nTell me the number of visitors on {date}.",
        ),
        lambda words, _: {"count": words.rng.randint(0, 999)},
        "{count} visitors came on {date}.",
    ),
}
