"""The sentences and lines documents are made of, and the ways to ask about them. Data only; each list is split for measuring.

Slots such as {noun} or {name} are filled by `Words.fill`; a fact gives {attribute}, {name} and {value}.
"""

from words import ASKED, Forms, forms

# Attributes a fact may have. They are on both sides of the split: what is held out are names, values and phrasings.
NUMBER_ATTRIBUTES = ("number", "room", "budget", "price", "phone", "score")
CODE_ATTRIBUTES = ("code", "key", "password", "badge", "serial", "token")
WORD_ATTRIBUTES = ("city", "friend", "team", "street")
ATTRIBUTES = NUMBER_ATTRIBUTES + CODE_ATTRIBUTES + WORD_ATTRIBUTES

# Filler: words are held out, and every fourth or fifth sentence.
PROSE = Forms(
    (
        "The {adjective} {noun} {verb} the {noun} {where} the {adjective} {noun}.",
        "A {noun} {verb} a {adjective} {noun}, and the {noun} {verb} the {noun}.",
        "Every {noun} {where} the {noun} is {adjective} and {adjective}.",
        "In {month} the {noun} was {adjective}, but the {noun} was {adjective}.",
        "At {time} the {noun} moved {small} steps {where} the {noun}.",
        "{name} {verb} the {adjective} {noun} and {verb} the {noun}.",
        "Nobody saw the {noun} {where} the {noun} with {small} {adjective} {noun}s.",
        "When the {noun} {verb} the {noun}, {name} {verb} a {noun}.",
        "It was {sky} in {place} on {date}.",
        "The number of {noun}s {where} the {noun} is {number}.",
    ),
    (
        "The {noun} {where} the {noun} {verb} a {adjective} {noun}.",
        "In {month} {name} moved {small} {noun}s {where} the {noun}.",
        "The {adjective} {noun} is {adjective}, and it was {sky} in {place}.",
    ),
)
LOGS = Forms(
    (
        "{time} {level} the {noun} is {adjective}",
        "{date} {time} {noun} {number}",
        "{level} {noun} {small} moved in {number} ms",
        "{noun}: {adjective}",
        "{noun} = {number}",
    ),
    ("{date} {level} the {noun} is {adjective}", "{time} {noun} = {number}"),
)

# Facts as whole sentences, fit for running text, and as lines of their own. How one begins is told by what follows the name in it: what
# stands before a match, such as "Note:", a model of this size does not learn to quote.
FACT_SENTENCES = forms(
    """
    The {attribute} of {name} is {value}
    {name}'s {attribute} is {value}
    {name} has the {attribute} {value}
    For {name} the {attribute} is {value}
    """,
    ("_.", "_ now.", "_ since {month}.", "_, I think.", "_ as before.", "_ at {time}.", "_ until {date}.", "_ in {place}.", "_, not {small}."),
    """
    The {attribute} given to {name} is {value}.
    {name} keeps {value} as {attribute}.
    Note that {value} is the {attribute} of {name}.
    """,
)
FACT_LINES = forms(
    """
    [{attribute}] {name} = {value}
    {name} {attribute}: {value}
    {attribute} of {name}: {value}
    """,
    ("_", "_;", "_ (now)", "_ # {month}", "_ ({time})", "_ // {noun}", "_ - {adjective}"),
    """
    [{name}] {attribute} = {value}
    {attribute}({name}) = {value}
    """,
)

ASK_VALUE = forms(
    """
    What is the {attribute} of {name}?
    What is {name}'s {attribute}?
    Tell me the {attribute} of {name}.
    Which {attribute} does {name} have?
    {name}: {attribute}?
    Find the {attribute} of {name}.
    Give the {attribute} for {name}.
    """,
    ASKED,
    """
    Could you tell me the {attribute} of {name}?
    I need the {attribute} of {name}.
    Which {attribute} belongs to {name}?
    Show me {name}'s {attribute}.
    """,
)
ASK_QUOTE = forms(
    """
    Quote the {unit} about the {attribute} of {name}.
    Copy the {unit} about {name}'s {attribute}.
    Which {unit} gives the {attribute} of {name}? Quote it.
    Find the {unit} with the {attribute} of {name} and quote it.
    """,
    ASKED,
    """
    Please repeat the {unit} that says the {attribute} of {name}.
    Write out the {unit} for {name}'s {attribute}.
    """,
)
ASK_COUNT = forms(
    """
    How many facts about {name} are given?
    Count the facts about {name}.
    How many {unit}s are about {name}?
    """,
    ASKED,
    """
    How often is {name} mentioned?
    What is the number of facts about {name}?
    """,
)

# Several values at once: of one attribute for several names, of several attributes for one name, or of unrelated pairs.
ASK_NAMES = forms(
    """
    What is the {attribute} of {names}?
    Give the {attribute} of {names}.
    Find the {attribute} of {names}.
    """,
    ASKED,
    "I need the {attribute} of {names}.",
)
ASK_ATTRIBUTES = forms(
    """
    What are the {attributes} of {name}?
    Give the {attributes} of {name}.
    Find {name}'s {attributes}.
    """,
    ASKED,
    "I need the {attributes} of {name}.",
)
ASK_PAIRS = forms(
    """
    What are {pairs}?
    Give {pairs}.
    Find {pairs}.
    """,
    ASKED,
    "I need {pairs}.",
)

# How a document and the first question share a message. In these, "¶" stands for a line break.
QUESTION_LAST = forms(
    """
    {document}¶¶{question}
    {document}¶¶Question: {question}
    {document}¶---¶{question}
    """,
    ("_", "Document:¶_", "Here is a document:¶¶_", "Read this text:¶_"),
    "<text>¶{document}¶</text>¶{question}",
)
QUESTION_FIRST = Forms(
    ("{question}¶¶{document}", "{question}¶¶Document:¶{document}", "Question: {question}¶¶{document}"),
    ("Question: {question}¶¶Document:¶{document}", "Question: {question}¶---¶{document}"),
)
DOCUMENT_IN_SYSTEM = Forms(
    ("Answer from this document:¶¶{document}", "Document:¶{document}"), ("Answer from this document:¶{document}", "Document:¶¶{document}")
)
SYSTEM = Forms(
    ("Answer from the document.", "Be brief.", "You are a helpful assistant.", "Use only the document."),
    ("Answer from the document. Be brief.", "Use only the document. Be brief."),
)
