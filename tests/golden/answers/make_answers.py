"""Writes answers.jsonl: chat completions as deepseek-recipe, the service's own library, writes them.

# requires: deepseek-recipe==0.2.0

    python3 make_answers.py

Writes tokenizer.json too, a small one that cuts characters and tags in the middle. Each line of answers.jsonl holds fields of a
request, the model's output as token ids with made-up log-probabilities, and what the library turns them into: the choice of
each chunk of a stream, and the body. Ids of calls are cut to "call_00". Seeded: the same library gives the same file.
"""

import json
import pathlib
import random
import re
import struct

import deepseek_recipe as recipe

MODEL = "DeepSeek-V4-Pro"
CREATED = 1761000000
FINGERPRINT = "fp_1"
HERE = pathlib.Path(__file__).parent
CONTROLS = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>", "｜DSML｜"]
MERGED = ["Hello", " world", "the", " tool", "_calls", "invoke", "parameter", " name", " string", "true", "false", "get_", "weather", "city",
          "days", "Paris", "model", " says", '": ', '="', '">\n', "}\n", "</", ">\n", "\n\n", "lo", " wor", "Need", " it", "你", "é"]
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}
OFF = {"thinking": {"type": "disabled"}}
JSON_OBJECT = {"response_format": {"type": "json_object"}}


def call(name: str, *parameters: tuple[str, bool, str]) -> str:
    """One invocation in DSML."""
    inside = "\n".join(f'<｜DSML｜parameter name="{key}" string="{str(is_string).lower()}">{value}</｜DSML｜parameter>'
                       for key, is_string, value in parameters)
    return f'<｜DSML｜invoke name="{name}">\n{inside}\n</｜DSML｜invoke>'


def block(*calls: str) -> str:
    """A block of tool calls."""
    return "\n\n<｜DSML｜tool_calls>\n" + "\n".join(calls) + "\n</｜DSML｜tool_calls>"


PARIS = call("get_weather", ("city", True, "Paris"), ("days", False, "2"))
ROME = call("get_weather", ("city", True, 'Ro"me\n<b> é 😀'))

NOTHING = '<｜DSML｜invoke name="get_weather">\n</｜DSML｜invoke>'

# name, further fields of the request, output of the model, why it ends
CASES: list[tuple[str, dict, str, str]] = [
    ("thinking", {}, "Need it.</think>Hi 😀 é", "stop"),
    ("thinking, line feeds dropped", {}, "\n\nOne.\n\nTwo.\n\n</think>\n\nHi\n\nthere.\n", "stop"),
    ("thinking, nothing thought", {}, "</think>Hi", "stop"),
    ("thinking, cut", {}, "Need it, and", "length"),
    ("thinking, cut after it", {}, "Need.</think>Hi the", "length"),
    ("thinking, empty answer", {}, "Need.</think>", "stop"),
    ("chat", OFF, "Hello, world! 你好 😀", "stop"),
    ("chat, nothing", OFF, "", "stop"),
    ("chat, cut", OFF, "Hello, wor", "length"),
    ("chat, what looks like a tag", OFF, "a < b and <| c <｜ d </thin e", "stop"),
    ("chat, stop sequence across tokens", {**OFF, "stop": ["lo wor"]}, "Hello world, and more", "stop"),
    ("chat, stop sequence that almost comes", {**OFF, "stop": ["worlds"]}, "Hello world, and more", "stop"),
    ("thinking, stop sequence in the reasoning", {"stop": ["it"]}, "Need it.</think>Hi, it is", "stop"),
    ("tool", {"tools": [WEATHER]}, "Need the tool." + "</think>" + block(PARIS), "stop"),
    ("tools after text", {"tools": [WEATHER]}, "Two.</think>Looking." + block(PARIS, ROME), "stop"),
    ("chat, tool without parameters", {**OFF, "tools": [WEATHER]}, block(NOTHING), "stop"),
    ("chat, text after the block", {**OFF, "tools": [WEATHER]}, "Look:" + block(PARIS) + " done", "stop"),
    ("chat, no tools asked for", OFF, "Look:" + block(PARIS), "stop"),
    ("tools, none called", {"tools": [WEATHER]}, "No.</think>It is warm.", "stop"),
    ("JSON, fenced", {**OFF, **JSON_OBJECT}, '```json\n{"a": [1, "b{"]}\n```', "stop"),
    ("JSON, thinking", JSON_OBJECT, 'A json.</think>{"a": "é 😀"}', "stop"),
    ("JSON, cut", {**OFF, **JSON_OBJECT}, '{"a": [1, 2', "length"),
]
WORDS = ["the ", "model ", " says ", "hi", "\n", "\n\n", ".", " é", " 😀", "你好", " <", "{", "}", '"', "\\", " 12", "\t", "</b>", "```",
         "lo", " world"]


def random_cases(rng: random.Random, count: int) -> list[tuple[str, dict, str, str]]:
    """Outputs of random words, with and without reasoning and calls."""
    cases = []
    for number in range(count):
        def words(most: int) -> str:
            return "".join(rng.choice(WORDS) for _ in range(rng.randrange(most)))
        thinking, tools = rng.random() < 0.6, rng.random() < 0.4
        fields = {} if thinking else dict(OFF)
        output = words(12) + "</think>" if thinking else ""
        output += words(14)
        if tools:
            fields["tools"] = [WEATHER]
            if rng.random() < 0.7:
                output += block(*rng.sample([PARIS, ROME, call("get_weather")], rng.randrange(1, 3)))
        if rng.random() < 0.3:
            fields["stop"] = [rng.choice(["the", " says", "hi\n", "你"])]
        cases.append((f"random {number}", fields, output, rng.choice(["stop", "length"])))
    return cases


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte in a byte-level tokenizer."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + index) for index, byte in enumerate(others)}


def make_tokenizer() -> str:
    """A byte-level tokenizer.json: bytes, a few words, a blank with the first three bytes of an emoji, control tokens."""
    letters = byte_letters()
    vocabulary = {letters[byte]: byte for byte in range(256)}
    merges = []
    for word in [*(word.encode() for word in MERGED), " 😀".encode()[:4]]:
        token = letters[word[0]]
        for byte in word[1:]:
            if token + letters[byte] not in vocabulary:
                vocabulary[token + letters[byte]] = len(vocabulary)
                merges.append(f"{token} {letters[byte]}")
            token += letters[byte]
    added = [{"id": len(vocabulary) + index, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for index, text in enumerate(CONTROLS)]
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "\\s*[^\\s]+|\\s+"}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": merges}},
        ensure_ascii=False)


def single(value: float) -> float:
    """The nearest float32."""
    return struct.unpack("f", struct.pack("f", value))[0]


def make(case: tuple[str, dict, str, str], logprobs: int, seed: int, tokenizer: recipe.Tokenizer) -> dict:
    """One case through the library. Below 0, no log-probabilities are asked for."""
    name, fields, output, finish = case
    rng = random.Random(seed)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello json"}], "stream": True,
            "stream_options": {"include_usage": True}, **fields}
    if logprobs >= 0:
        body |= {"logprobs": True, "top_logprobs": logprobs}
    ids = tokenizer.encode(output)
    values = [(single(-rng.random() * 20), [(rng.randrange(256), single(-rng.random() * 20)) for _ in range(max(logprobs, 0))])
              for _ in ids]
    prompt_tokens, cached = rng.randrange(10, 500), rng.randrange(10)

    def run() -> list:
        converted = recipe.ChatCompletionRequest(json.dumps(body)).convert(recipe.ConversionOptions())
        generator = recipe.ChatCompletionRequest.chunk_generator(converted, "ID", "deepseek-flash")
        processor = recipe.StreamProcessor(generator, converted.parsing_options, tokenizer)
        usage = recipe.PromptUsage(prompt_tokens=prompt_tokens, prompt_cache_hit_tokens=cached)
        chunks = processor.push(recipe.InferenceChunk.ready(system_fingerprint=FINGERPRINT, prompt_usage=usage))
        for token, value in zip(ids, values):
            if processor.finished:
                break
            chunks += processor.push(recipe.InferenceChunk.tokens([token], [value] if logprobs >= 0 else None))
        if not processor.finished:
            reason = recipe.InferenceFinishReason.Length if finish == "length" else recipe.InferenceFinishReason.Stop
            chunks += processor.push(recipe.InferenceChunk.finish(reason))
        if not processor.finished:
            chunks += processor.finish()
        return chunks

    def settled(text: str) -> str:
        return re.sub(r'"id":"call_(\d\d)_[^"]*"', r'"id":"call_\1"', text)

    def choice(chunk: recipe.ChatCompletionChunk) -> str:
        text = settled(chunk.to_json())
        return text[text.index('"choices":[') + len('"choices":['):text.rindex('],"usage":')]

    response = recipe.ChatCompletionResponse("ID", "deepseek-flash", CREATED, 0, 0)
    for chunk in run():
        response.accumulate(chunk)
    return {"name": name, "fields": fields, "output": output, "finish": finish, "ids": ids,
            "logprobs": values if logprobs >= 0 else None, "prompt_tokens": prompt_tokens, "cached_tokens": cached,
            "choices": [choice(chunk) for chunk in run()], "body": settled(response.to_json())}


def main() -> None:
    (HERE / "tokenizer.json").write_text(make_tokenizer() + "\n", encoding="utf-8")
    tokenizer = recipe.Tokenizer.from_file(str(HERE / "tokenizer.json"))
    cases = CASES + random_cases(random.Random(4), 40)
    with open(HERE / "answers.jsonl", "w", encoding="utf-8") as out:
        for number, case in enumerate(cases):
            spells_control = "DSML" in case[2] and "tools" not in case[1]  # shown with doubled bars by us, as by the hosted service
            json.dump(make(case, -1 if spells_control else number % 3 - 1, number, tokenizer), out, ensure_ascii=False)
            out.write("\n")


if __name__ == "__main__":
    main()
