"""Makes messages.jsonl and responses.jsonl: what the service's own library answers to a request, given what the model writes.

    python3 -m venv V && V/bin/pip install deepseek-recipe==0.2.0 && V/bin/python tests/golden/wire/generate.py

One case a line: name, format, the request's body, the model's output in pieces, how it ended, the stream of events and the whole
answer. Times are 1761000000; random parts of call ids are cut off.
"""

import json
import pathlib
import re

import deepseek_recipe as recipe

MARK = "｜DSML｜"
FORMATS = {
    "messages": (recipe.MessagesRequest, recipe.MessagesResponse),
    "responses": (recipe.ResponsesRequest, recipe.ResponsesResponse),
}


def call(name: str, **parameters: object) -> str:
    lines = [f'<{MARK}invoke name="{name}">']
    for key, value in parameters.items():
        is_text = isinstance(value, str)
        spelt = value if is_text else json.dumps(value)
        lines.append(f'<{MARK}parameter name="{key}" string="{"true" if is_text else "false"}">{spelt}</{MARK}parameter>')
    return "\n".join(lines + [f"</{MARK}invoke>"])


def block(*calls: str) -> str:
    return "\n\n" + "\n".join([f"<{MARK}tool_calls>", *calls, f"</{MARK}tool_calls>"])


def normal(text: str) -> str:
    text = re.sub(r'"(created|completed)_at":\d+', r'"\1_at":1761000000', text)
    return re.sub(r"call_(\d\d)_[0-9A-Za-z]{24}", r"call_\1", text)


def play(form: str, body: dict, pieces: list[str], finish: str) -> dict:
    """The events and the whole answer of one output."""
    request_type, response_type = FORMATS[form]
    options = recipe.ConversionOptions(messages_web_search=recipe.WebSearchBehavior.Drop)
    request = request_type(json.dumps(body))
    extras = (request.echo(), request.namespace_tool_map(options)) if form == "responses" else None
    converted = request.convert(options)
    generator = request_type.chunk_generator(converted, "ID", "deepseek-flash")
    if extras:
        generator = generator.with_echo(extras[0]).with_namespace_tool_map(extras[1])
    conversation = converted.conversation
    thinking = recipe.ThinkingInitialStage.ReasoningStart if conversation.thinking_mode else None
    parsing = recipe.ParsingOptions(parse_tool_calls=bool(conversation.tools), thinking_initial_stage=thinking,
                                    stop_sequences=body.get("stop_sequences", []), starts_in_tool_calls=conversation.tool_choice == "required")
    processor = recipe.StreamProcessor(generator, parsing)
    response = response_type("ID", "deepseek-flash", 1761000000, 300, 256)
    stream = ""

    def take(chunks) -> None:
        nonlocal stream
        for chunk in chunks:
            stream += f"event: {response_type.sse_event_name(chunk)}\ndata: {chunk.to_json()}\n\n"
            response.accumulate(chunk)

    take(processor.push(recipe.InferenceChunk.ready(prompt_usage=recipe.PromptUsage(prompt_tokens=300, prompt_cache_hit_tokens=256))))
    for piece in pieces:
        if not processor.finished:
            take(processor.push(recipe.InferenceChunk.text(piece, 1)))
    if not processor.finished:
        take(processor.push(recipe.InferenceChunk.finish(getattr(recipe.InferenceFinishReason, finish))))
        take(processor.finish())
    return {"stream": normal(stream), "whole": normal(response.to_json())}


def outputs() -> list[tuple[str, bool, list[str], str]]:
    """Name, thinking, pieces, end."""
    weather = block(call("get_weather", city="Paris", n=2))
    two = block(call("get_weather"), call("get_weather", city='x "y"\n\\z🙂'))
    return [
        ("thinking, text, call", True, ["Need", " it.", "</think>", "Checking.", weather[:80], weather[80:]], "Stop"),
        ("thinking, call", True, ["Need the tool.</think>", weather], "Stop"),
        ("text", False, ["Hel", "lo"], "Stop"),
        ("no thought", True, ["</think>", "lo"], "Stop"),
        ("nothing", False, [], "Stop"),
        ("nothing, thinking", True, [], "Stop"),
        ("cut in the reasoning", True, ["rea"], "Length"),
        ("cut in the text", True, ["rea</think>tex"], "Length"),
        ("cut in a call", False, ["ab" + weather[:-95]], "Length"),
        ("two calls", False, [two], "Stop"),
        ("text after a call is dropped", False, [two + "tail"], "Stop"),
    ]


def cases() -> list[tuple[str, str, dict, list[str], str]]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    question = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100, "tools": [{"name": "get_weather", "input_schema": schema}]}
    item = {"input": "hi", "tools": [{"type": "function", "name": "get_weather", "parameters": schema}]}
    found = []
    for name, thinking, pieces, finish in outputs():
        found.append(("messages", name, question if thinking else {**question, "thinking": {"type": "disabled"}}, pieces, finish))
        found.append(("responses", name, item if thinking else {**item, "reasoning": {"effort": "none"}}, pieces, finish))
    off = {"reasoning": {"effort": "none"}}
    found.append(("messages", "stop sequence", {**question, "thinking": {"type": "disabled"}, "stop_sequences": ["STOP"]}, ["abSTOPc"], "Stop"))
    space = {"type": "namespace", "name": "space", "description": "D", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]}
    patch = {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}
    found.append(("responses", "member of a namespace", {"input": "hi", "tools": [space], **off}, [block(call("space__f", a=1))], "Stop"))
    texts = ['*** Begin Patch\n"é"\\x\t\x01🙂', ""]
    for number, text in enumerate(texts):
        found.append(("responses", f"custom tool {number}", {"input": "hi", "tools": [patch], **off}, [block(call("apply_patch", input=text))], "Stop"))
    found.append(("responses", "custom tool, other arguments", {"input": "hi", "tools": [patch], **off}, [block(call("apply_patch", other="a", input="z"))], "Stop"))
    found.append(("responses", "custom tool, not a text", {"input": "hi", "tools": [patch], **off}, [block(call("apply_patch", input={"a": 1}))], "Stop"))
    found.append(("responses", "custom tool, no arguments", {"input": "hi", "tools": [patch], **off}, [block(call("apply_patch"))], "Stop"))
    format_ = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {"b": {"type": "string"}}}, "description": "q"}
    echo = {"input": "hi", "instructions": "sys", "reasoning": {"effort": "xhigh", "summary": "auto"}, "text": {"format": format_, "verbosity": "low"},
            "tools": [space, patch, {"type": "web_search", "search_context_size": "low"}, {"type": "local_shell"},
                      {"type": "function", "name": "g", "description": "dd", "strict": False}],
            "temperature": 0.5, "top_p": 0.7, "max_output_tokens": 77, "user": "u", "store": True, "previous_response_id": "x",
            "metadata": {"k": "v"}, "parallel_tool_calls": False, "truncation": "auto", "service_tier": "flex"}
    found.append(("responses", "settings are echoed", echo, ["r</think>{}"], "Stop"))
    named = {**item, **off, "tool_choice": {"type": "function", "name": "get_weather"}, "temperature": 1}
    found.append(("responses", "forced tool", named, [call("get_weather", city="x") + f"\n</{MARK}tool_calls>"], "Stop"))
    return found


def main() -> None:
    lines: dict[str, list[str]] = {form: [] for form in FORMATS}
    for form, name, body, pieces, finish in cases():
        body = {"model": "DeepSeek-V4-Pro", **body}
        case = {"name": name, "body": body, "pieces": pieces, "finish": finish, **play(form, body, pieces, finish)}
        lines[form].append(json.dumps(case, ensure_ascii=False))
    for form, rows in lines.items():
        pathlib.Path(__file__).with_name(f"{form}.jsonl").write_text("\n".join(rows) + "\n")


main()
