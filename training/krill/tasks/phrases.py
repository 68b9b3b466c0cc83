"""The sentences and lines documents are made of, and the ways to ask about them. Data only; each list is split for measuring.

Slots such as {noun} or {name} are filled by `Words.fill`; a fact gives {attribute}, {name} and {value}.
"""

from words import any_of, forms, mix

# Attributes a fact may have. They are on both sides of the split: what is held out are names, values and phrasings.
NUMBER_ATTRIBUTES = ("number", "room", "budget", "price", "phone", "score", "pin", "size", "weight")
CODE_ATTRIBUTES = ("code", "key", "password", "badge", "serial", "token", "license")
WORD_ATTRIBUTES = ("color", "city", "friend", "tool", "age", "job", "fruit", "date", "month", "team")
ATTRIBUTES = NUMBER_ATTRIBUTES + CODE_ATTRIBUTES + WORD_ATTRIBUTES
PLURALS = {"city": "cities"}

# Parts of composed phrasings, which only training sees.
_OPENER = (
    "|note that |it is known that |in {month} |since {date} |as of {date}, |the {noun} says that |according to the {job}, |later, "
    "|in fact |today |by the way, |here |{name} wrote that |the {job} knows that |one more thing: |for the record, |at {time} "
    "|after the {noun}, |the list says that |it turned out that |in {place} |we heard that "
)
_OF = "of |of |for |held by |used by |kept by |listed for |assigned to |belonging to |registered to |known for |chosen by "
_IS = (
    "is |is |was |remains |became |reads |equals |is now |was set to |has been |will be |stays |is still |is exactly |is listed as "
    "|was found to be |is shown as |is given as |should be |turned into "
)
_SHORTLY = ", that much is sure|, says {name}|, as the {noun} shows|, as before| again| since {month}"
_FACT = any_of(
    mix(_OPENER, "the |the |the new |the old |the current |this ", "{attribute} ", _OF, "{name} ", _IS, "{value}", f"|{_SHORTLY}", "."),
    mix(_OPENER, "{name}'s |{name}'s |the {name} ", "{attribute} ", _IS, "{value}", f"|{_SHORTLY}", "."),
    mix(_OPENER, "{name} ", "has |had |got |uses |received |owns |was given |chose |holds |still has |found |wants ",
        "the {attribute} |as {attribute} |a new {attribute}, |for {attribute} |an {attribute} of |the {attribute}: |{attribute} ",
        "{value}", f"|{_SHORTLY}", "."),
    mix(_OPENER, "{value} ", "is |was |became |remains |stands for |serves as |is now |is listed as |was chosen as ",
        "the {attribute} |the new {attribute} ", _OF, "{name}."),
    mix("about |for |as for |on |regarding ", "{name}: |{name}, |{name} - ", "the {attribute} |{attribute} |its {attribute} ", _IS, "{value}."),
)  # fmt: skip
_START = "|- |* |# |> |+ |{time} |[{level}] |{date} |{level}: |{small}. |({small}) |{noun}: |// |{date} {time} |-- |"
_EQUALS = ": |: | = |=| -> | => | - |, |; | ¦ | | is |:=| := |::| -- | ~ | is set to | \u2192 "
_BETWEEN = " |.|/| / |, | - |: |_|::| -> |; | ¦ |'s | of | for |@|#"
_LINE = any_of(
    mix(_START, "{name}", _BETWEEN, "{attribute}", _EQUALS, "{value}", "||;|.| ok| //"),
    mix(_START, "{attribute}", _BETWEEN, "{name}", _EQUALS, "{value}", "||;|.| ok| //"),
    mix(_START, "{attribute}", "(|[|<| {{| \"", "{name}", ")|]|>|}}|\"", _EQUALS, "{value}"),
    mix(_START, "{name}", " (| [| <| {{| \"", "{attribute}", ")|]|>|}}|\"", _EQUALS, "{value}"),
    mix(_START, "set |let |put |store |entry |record |fact |update |read |got ", "{attribute}", _BETWEEN, "{name}", _EQUALS, "{value}"),
    mix(_START, "set |let |put |store |entry |record |fact |update |read |got ", "{name}", _BETWEEN, "{attribute}", _EQUALS, "{value}"),
    mix("{{\"", "id|key|who|person|owner|user", "\": \"{name}\", \"", "{attribute}", "\": \"", "{value}", "\"}}"),
    mix(_START, "{value}", " = | : | <- | is | - ", "{attribute}", " of | for | - |, | / ", "{name}"),
)
_REQUEST = (
    "what is |what is |tell me |give |give me |find |find me |look up |look for |say |name |state |please state |please find |I would like "
    "|I want |I want to know |let me know |can you give |can you find |could you find |would you give me |do you see |do you know |read "
    "|read out |return |output |print |report |write |please write |please tell me |now |next, |then |and |also |answer with |repeat |get "
    "|fetch |help me find |I am looking for |I forgot |I ask for |search for |check |what do you know about |what is known about "
    "|is there |please look up |tell us |where is |pick out "
)
_ASK = any_of(
    mix(_REQUEST, "the {attribute} ", _OF, "{name}", "?|.|.|| please.| now.| in the text.| in the document?"),
    mix(_REQUEST, "{name}'s {attribute}", "?|.|.|| please.| now.| in the text.| in the document?"),
    mix("which |what ", "{attribute} ", "does {name} have|was given for {name}|has {name}|is {name}'s|goes with {name}|is listed for {name}"
        "|did {name} get|do you find for {name}|is noted for {name}", "?|?|, please?| in the text?"),
    mix("{name}", ", |: | - | / |'s ", "{attribute}", "?|.|| please| now?"),
    mix("{attribute} ", "of |for ", "{name}", "?|.|| please| now?"),
    mix("about |for |as for |regarding |on ", "{name}", ": |, ", "what is the {attribute}|which {attribute}|the {attribute}|give the {attribute}"
        "|find the {attribute}|I want the {attribute}", "?|.|"),
)  # fmt: skip
_QUOTE = any_of(
    mix("quote |please quote |quote exactly |now quote |can you quote |I want a quote: |quote for me ", "the {unit} |the whole {unit} |that {unit} ",
        "about |on |with |for |containing |that has |that tells ", "the {attribute} of {name}|{name}'s {attribute}|the {attribute} for {name}", ".|.|?|"),
    mix("copy |write out |give me |repeat |show |print |find ", "the exact {unit} |the whole {unit}, word for word, |the full {unit} |the {unit} as it stands ",
        "about |on |with |for |containing ", "the {attribute} of {name}|{name}'s {attribute}|the {attribute} for {name}", ".|.|?|"),
)  # fmt: skip
_COUNT = any_of(
    mix("how many |tell me how many |say how many |do you know how many |find out how many ", "facts |{unit}s |entries |notes |statements ",
        "about {name} are there|about {name} are given|name {name}|are on {name}|about {name} are in the text|deal with {name}"
        "|refer to {name}|contain {name}", "?|.|"),
    mix("count |please count |now count |number: |count up ", "the facts |the {unit}s |all {unit}s |all facts |the entries ",
        "about {name}|on {name}|with {name}|naming {name}|concerning {name}", ".|.|?|"),
    mix("how often |how many times |tell me how often |say how many times ", "is {name} named|is {name} mentioned|does {name} occur|does {name} come up"
        "|do you read about {name}", "?|.|"),
)  # fmt: skip
_MANY = (
    "what are |what are |give |give me |find |look up |list |tell me |say |name |write |please list |please find |I want |I would like |read out "
    "|return |output |print |can you give |could you find |get |fetch |now |and |check |report |let me know |search for |I am looking for "
)
_LAST = any_of(
    mix("", "|read this:¶|text:¶|this is the document:¶¶|content:¶|Look:¶|here is what I have:¶|File:¶|Page 1¶¶|below is a text.¶¶|From my notes:¶",
        "{document}", "¶¶|¶|¶---¶|¶¶---¶¶|¶===¶|¶¶###¶", "{question}|Question: {question}|Q: {question}|Task: {question}|{question}|Answer this: {question}"
        "|Tell me: {question}"),
    mix("<", "page|notes|context|file|doc|input|content", ">¶{document}¶</end>¶", "{question}|¶{question}|Question: {question}"),
)  # fmt: skip
_FIRST = mix("{question}|Question: {question}|Q: {question}|Task: {question}|First read my question: {question}", "¶¶|¶|¶---¶|¶¶---¶¶",
             "|Text:¶|Here it is:¶|Document below.¶|File:¶|Notes:¶¶|Content:¶", "{document}")  # fmt: skip

PROSE = forms(
    """
    The {adjective} {noun} {verb} the {noun} {where} the {adjective} {noun}.
    A {noun} {verb} a {adjective} {noun}, and the {noun} {verb} the {noun}.
    Every {noun} {where} the {noun} is {adjective} and {adjective}.
    In {month} the {noun} was {adjective}, but the {noun} was {adjective}.
    At {time} the {noun} moved {small} steps {where} the {noun}.
    {name} {verb} the {adjective} {noun} and {verb} the {noun}.
    Nobody saw the {noun} {where} the {noun} with {small} {adjective} {noun}s.
    When the {noun} {verb} the {noun}, {name} {verb} a {noun}.
    Some {noun}s are {adjective}, and others are {adjective}.
    The {noun} has {small} {noun}s and {small} {noun}s.
    It was {weather} in {place} on {date}.
    The {job} {verb} the {noun} {where} the {noun} for {small} days.
    There is a {color} {noun} {where} the {adjective} {noun}.
    On {date} the {job} saw {small} {adjective} {noun}s.
    If the {noun} is {adjective}, the {job} {verb} it.
    The {noun} of the {job} is {adjective} and {color}.
    {place} is {small} miles from {place}.
    The {job} told {name} about the {adjective} {noun}.
    Last {month} a {job} from {place} bought {small} {noun}s.
    {Adjective} {noun}s, {adjective} {noun}s and {adjective} {noun}s were for sale.
    Is the {noun} {where} the {noun} still {adjective}?
    Nothing {where} the {noun} is as {adjective} as the {noun}.
    The number of {noun}s {where} the {noun} is {number}.
    The price of a {adjective} {noun} is {number}.
    {name} and {name} met {where} the {noun} in {place}.
    They had {fruit}, {fruit} and a {noun} with them.
    The report says that {number} {noun}s are {adjective}.
    After {small} minutes the {noun} was {state}.
    The {color} {noun} is {adjective}, but not {adjective}.
    We had {small} {noun}s in {month} and {number} in {month}.
    """,
    """
    Two {noun}s {where} the {noun} were {adjective} last {month}.
    The {job} from {place} has a {adjective} {noun} and {small} {noun}s.
    Only the {noun} {verb} the {adjective} {noun}.
    It takes {number} steps to reach the {noun} {where} the {noun}.
    {name} never {verb} the {noun}, because it is {adjective}.
    By {time} the {weather} sky was over, and the {noun} was {color}.
    A {adjective} {noun} was sold in {place} for {number}.
    Where {fruit} grow, the {noun} is {adjective}.
    """,
)

LOGS = forms(
    """
    {time} {level} the {noun} is {state}
    [{date} {time}] {noun}: {state} after {small} seconds
    {level} {noun} {small} {state} in {number} ms
    {date} {time} {noun} {state} id={number}
    {time} {name} opened the {noun}
    {level}: {noun} of {place} {state}
    {date} {level} {number} {noun}s {state}
    {time} {noun}={state} {noun}={number}
    [{level}] {noun} {verb} {noun} ({small} ms)
    {date} {name} moved {small} {noun}s to {place}
    <{time}> {noun} {number}: {adjective}
    {date} {time} {level} {code} {state}
    """,
    """
    {date} [{level}] {noun} {number} is {state}
    {time} | {level} | {noun} {state}
    ({time}) {name} {verb} the {noun}
    {level} {time} {noun} took {number} ms
    """,
)

ITEMS = forms(
    """
    - {small} {adjective} {noun}s
    * {color} {noun}
    {noun}: {adjective}
    {noun} = {number}
    - {adjective} {noun}, {small} kg
    * {noun} {where} the {noun}
    # {Adjective} {noun}
    {Noun}s: {small}
    - {noun}: {small}, {noun}: {small}
    {noun} | {color} | {number}
    {code}: {adjective} {noun}
    > {fruit} and {fruit}
    [{noun}] {adjective} = {number}
    {{"{noun}": {number}, "{noun}": "{color}"}}
    {noun}.{noun} = {adjective}
    {place},{noun},{number}
    Section {small}: the {noun}
    {small} x {noun} ({color})
    """,
    """
    + {adjective} {noun}: {small}
    {noun} -> {adjective} {noun}
    Item {small}: {color} {noun}
    {{"{noun}": "{adjective}"}}
    {noun} / {noun} / {number}
    """,
)

DIALOG = forms(
    """
    {name}: The {noun} is {adjective}.
    {name}: Where is the {noun}?
    {name}: I saw a {color} {noun} {where} the {noun}.
    {name}: Yes, the {job} {verb} it.
    {name}: We need {small} {noun}s.
    "The {noun} is {adjective}," said {name}.
    "Who {verb} the {noun}?" asked the {job}.
    {name}: No, it was {weather} in {place}.
    {name}: Is it {time} already?
    {name}: Bring {fruit} and {fruit}.
    """,
    """
    {name}: My {noun} is {adjective} today.
    {name}: The {job} has {number} {noun}s.
    "I like the {adjective} {noun}," said the {job}.
    {name}: Did the {noun} come at {time}?
    """,
)

# Facts as whole sentences, fit for running text.
FACT_SENTENCES = forms(
    """
    The {attribute} of {name} is {value}.
    {name}'s {attribute} is {value}.
    Note: the {attribute} for {name} is {value}.
    {name} has the {attribute} {value}.
    Remember that the {attribute} of {name} is {value}.
    For {name} the {attribute} was set to {value}.
    The {attribute} for {name} is now {value}.
    As {attribute}, {name} has {value}.
    {name} got {value} as {attribute}.
    We know that the {attribute} of {name} is {value}.
    It is true that {name}'s {attribute} is {value}.
    On {date} the {attribute} of {name} was {value}.
    The {attribute} that belongs to {name} is {value}.
    In our list, {name} has {value} as {attribute}.
    Please note that {name} uses the {attribute} {value}.
    {value} is the {attribute} of {name}.
    The {job} says that the {attribute} of {name} is {value}.
    {name} told the {job} that the {attribute} is {value}.
    The {attribute} is {value} for {name}.
    Do not forget: {name}, {attribute} {value}.
    The {attribute} {value} belongs to {name}.
    Since {month} the {attribute} of {name} is {value}.
    {name}, who {verb} the {noun}, has the {attribute} {value}.
    The new {attribute} of {name} is {value}.
    """,
    """
    The {attribute} given to {name} is {value}.
    {name} keeps {value} as {attribute}.
    Please remember: {name}'s {attribute} is {value}.
    The {attribute} of {name} was changed to {value}.
    {value} was noted as the {attribute} of {name}.
    The {noun} shows that {name} has the {attribute} {value}.
    In {month} the {attribute} for {name} was {value}.
    """,
    _FACT,
)

# Facts as lines of their own.
FACT_LINES = forms(
    """
    [{attribute}] {name} = {value}
    {name} {attribute}: {value}
    {name}'s {attribute}: {value}
    {attribute} of {name}: {value}
    {attribute}({name}) = {value}
    {name}.{attribute} = {value}
    {name} | {attribute} | {value}
    {{"name": "{name}", "{attribute}": "{value}"}}
    {attribute}: {name} -> {value}
    {name} - {attribute} - {value}
    * {name}: {attribute} = {value}
    - {attribute} {name}: {value}
    {name} ({attribute}): {value}
    <{attribute} name="{name}">{value}</{attribute}>
    {name},{attribute},{value}
    {time} {name} sets {attribute} to {value}
    {date} {time} INFO {attribute} of {name} is {value}
    id={name} {attribute}={value}
    {attribute} for {name} is {value}
    {attribute} | {name} | {value}
    {name}: {attribute} {value}
    > {attribute} {name} = {value}
    {date} {name} {attribute}={value}
    """,
    """
    [{name}] {attribute} = {value}
    {attribute}[{name}] = {value}
    {name} => {attribute} {value}
    # {attribute} {name}: {value}
    {{"{attribute}": "{value}", "name": "{name}"}}
    {time} WARN {name} {attribute}={value}
    {name} / {attribute}: {value}
    """,
    _LINE,
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
    What {attribute} does {name} have?
    The {attribute} of {name}?
    Give me {name}'s {attribute}.
    Look up the {attribute} of {name}.
    I want to know the {attribute} of {name}.
    What is the {attribute} for {name}?
    Please tell me {name}'s {attribute}.
    And the {attribute} of {name}?
    What does the text say about the {attribute} of {name}?
    Which {attribute} is given for {name}?
    Answer with the {attribute} of {name}.
    Can you find {name}'s {attribute}?
    Do you know the {attribute} of {name}?
    Please give the {attribute} of {name}.
    {attribute} of {name}?
    Write the {attribute} of {name}.
    For {name}, what is the {attribute}?
    """,
    """
    Could you tell me the {attribute} of {name}?
    I need the {attribute} of {name}.
    Which {attribute} belongs to {name}?
    Show me {name}'s {attribute}.
    According to the document, what is the {attribute} of {name}?
    What was the {attribute} of {name}?
    """,
    _ASK,
)

ASK_QUOTE = forms(
    """
    Quote the {unit} about the {attribute} of {name}.
    Which {unit} gives the {attribute} of {name}? Quote it.
    Quote the {unit} with the {attribute} of {name}.
    Copy the {unit} about {name}'s {attribute}.
    Give me the exact {unit} about the {attribute} of {name}.
    Repeat the {unit} that gives {name}'s {attribute}.
    Quote: the {attribute} of {name}.
    Show the {unit} with {name}'s {attribute}.
    Find the {unit} about the {attribute} of {name} and quote it.
    What does the {unit} about the {attribute} of {name} say? Quote it.
    Write out the {unit} about {name}'s {attribute}.
    Please quote the {unit} on the {attribute} of {name}.
    """,
    """
    Quote the {unit} that gives the {attribute} of {name}.
    Please copy the {unit} about the {attribute} of {name}.
    Quote the exact {unit} with {name}'s {attribute}.
    """,
    _QUOTE,
)

ASK_COUNT = forms(
    """
    How many facts about {name} are given?
    How many {unit}s mention {name}?
    How many {unit}s are about {name}?
    Count the {unit}s about {name}.
    How many facts are there about {name}?
    In how many {unit}s is {name} named?
    How many times is {name} mentioned?
    Count the facts about {name}.
    How often is {name} mentioned?
    Give the number of {unit}s about {name}.
    How many {unit}s name {name}?
    Tell me how many facts about {name} there are.
    """,
    """
    How many {unit}s speak about {name}?
    Count the {unit}s that mention {name}.
    What is the number of facts about {name}?
    """,
    _COUNT,
)

# Several values at once: of one attribute for several names, of several attributes for one name, or of unrelated pairs.
ASK_NAMES = forms(
    """
    What are the {plural} of {names}?
    Give the {attribute} of {names}.
    Which {plural} do {names} have?
    List the {plural} of {names}.
    Tell me the {plural} of {names}.
    What is the {attribute} of {names}?
    Find the {plural} of {names}.
    {attribute} of {names}?
    Look up the {plural} for {names}.
    Please give the {plural} of {names}.
    For {names}, what is the {attribute}?
    {names}: {attribute}?
    Give me the {attribute} of each: {names}.
    """,
    """
    I need the {plural} of {names}.
    Show me the {attribute} of {names}.
    Can you list the {plural} for {names}?
    """,
    mix(_MANY, "the {plural} |the {attribute} |the {plural} |each {attribute} ", "of |for |of |listed for ", "{names}", "?|.|.|| please."),
)
ASK_ATTRIBUTES = forms(
    """
    What are the {attributes} of {name}?
    Give {name}'s {attributes}.
    Tell me the {attributes} of {name}.
    List the {attributes} of {name}.
    Find {name}'s {attributes}.
    {name}: {attributes}?
    Which {attributes} does {name} have?
    What is the {attributes} of {name}?
    Please give the {attributes} of {name}.
    For {name}, what are the {attributes}?
    Look up the {attributes} of {name}.
    And the {attributes} of {name}?
    """,
    """
    Could you tell me the {attributes} of {name}?
    I need the {attributes} of {name}.
    Show me {name}'s {attributes}.
    """,
    any_of(mix(_MANY, "the {attributes} ", "of |for |of |listed for ", "{name}", "?|.|.|| please."), mix(_MANY, "{name}'s {attributes}", "?|.|.|| please.")),
)
ASK_PAIRS = forms(
    """
    Give {pairs}.
    What are {pairs}?
    Tell me {pairs}.
    List {pairs}.
    Find {pairs}.
    Look up {pairs}.
    I want to know {pairs}.
    Answer with {pairs}.
    Please give {pairs}.
    What is {pairs}?
    Write {pairs}.
    Give me {pairs}.
    """,
    """
    Could you tell me {pairs}?
    I need {pairs}.
    Please show me {pairs}.
    """,
    mix(_MANY, "{pairs}", "?|.|.|| please.| in this order."),
)

# How a document and the first question share a message. In these, "¶" stands for a line break.
QUESTION_LAST = forms(
    """
    {document}¶¶{question}
    {document}¶¶{question}
    {document}¶¶Question: {question}
    Document:¶{document}¶¶{question}
    Here is a document:¶{document}¶¶{question}
    Read this text:¶¶{document}¶¶{question}
    Text:¶{document}¶¶Question: {question}
    Document:¶¶{document}¶¶Question: {question}
    <document>¶{document}¶</document>¶¶{question}
    Answer from this document:¶¶{document}¶¶{question}
    ---¶{document}¶---¶{question}
    Notes:¶{document}¶¶{question}
    """,
    """
    Here is my document:¶¶{document}¶¶My question: {question}
    <text>¶{document}¶</text>¶{question}
    {document}¶---¶{question}
    {document}¶¶Now answer: {question}
    """,
    _LAST,
)
QUESTION_FIRST = forms(
    """
    {question}¶¶{document}
    {question}¶¶Document:¶{document}
    Question: {question}¶¶{document}
    {question} Here is the text:¶¶{document}
    {question}¶¶<document>¶{document}¶</document>
    Question: {question}¶¶Document:¶¶{document}
    """,
    """
    My question: {question}¶¶Text:¶{document}
    {question} Look in this document:¶¶{document}
    """,
    _FIRST,
)
SYSTEM = forms(
    """
    Answer from the document.
    Be brief.
    You are a helpful assistant.
    Answer from the document. Be brief.
    Use only the document.
    You answer questions about documents.
    Give short answers.
    You are krill.
    Give only the answer.
    """,
    """
    Answer in a few words.
    You are a helpful reader of documents.
    Answer only with the value.
    """,
)
DOCUMENT_IN_SYSTEM = forms(
    """
    Answer from this document:¶¶{document}
    Document:¶¶{document}
    You know this text:¶¶{document}
    Use this document to answer:¶{document}
    """,
    """
    You are a helpful assistant. Here is a document:¶¶{document}
    Answer questions about this text:¶{document}
    """,
)
