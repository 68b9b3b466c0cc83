"""Samples to prompts: the V4 encoding of the API's defaults (spec encoding, release 0731), as the engine's encoder writes it.

`tests/test_encoding.py` holds it to `baleen encode`. Rendering also knows which text an answer is, because only answers are learned.
"""

import json
from dataclasses import dataclass

from sample import Sample

BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
THINK, THINK_END, DSML = "<think>", "</think>", "｜DSML｜"
FIM_HOLE, FIM_BEGIN, FIM_END = "<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>"

# In the order of their ids in the original, which keeps the first three at 0, 1, 2 and the others at the end (spec encoding 1.2).
FIRST_CONTROLS = (BOS, EOS, PAD)
LAST_CONTROLS = (
    FIM_HOLE, FIM_BEGIN, FIM_END, USER, ASSISTANT, "<|EOT|>",
    *(f"<｜tool▁{name}｜>" for name in ("calls▁begin", "calls▁end", "call▁begin", "call▁end", "outputs▁begin", "outputs▁end",
                                        "output▁begin", "output▁end", "sep")),
    THINK, THINK_END, DSML, "<｜latest_reminder｜>", "<｜action｜>", "<｜query｜>", "<｜authority｜>", "<｜domain｜>", "<｜title｜>",
    "<｜extracted_url｜>", "<｜read_url｜>", "<｜System｜>",
)  # fmt: skip

EFFORT_TEXT = {
    "low": "",
    "high": (
        "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
        "You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, rigorously "
        "stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.\n"
        "Explicitly write out your entire deliberation process, documenting every intermediate step, considered alternative, and "
        "rejected hypothesis to ensure absolutely no assumption is left unchecked.\n\n"
    ),
    "max": (
        "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
        "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: exhaustively decompose the problem into "
        "its most fundamental components, trace every causal chain to its root, and resolve the underlying cause rather than any surface "
        "symptom.\n"
        "Do not stop reasoning until you have independently verified the solution from multiple angles and are certain that no "
        "assumption remains unchecked and no error remains undiscovered.\n\n"
    ),
}

TOOLS_BEFORE = f"""## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<{DSML}tool_calls>" block like the following:

<{DSML}tool_calls>
<{DSML}invoke name="$TOOL_NAME">
<{DSML}parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</{DSML}parameter>
...
</{DSML}invoke>
<{DSML}invoke name="$TOOL_NAME2">
...
</{DSML}invoke>
</{DSML}tool_calls>

String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set `string="false"`.

If thinking_mode is enabled (triggered by {THINK}), you MUST output your complete reasoning inside {THINK}...{THINK_END} BEFORE any tool calls or final response.

Otherwise, output directly after {THINK_END} with tool calls or final response.

### Available Tool Schemas

"""  # noqa: E501
TOOLS_AFTER = "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n"
FORMAT_BEFORE = "## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n"

_TEMPLATE_CONTROLS = (DSML, THINK, THINK_END)  # the ones that occur inside template text


@dataclass(frozen=True)
class Piece:
    """A control token, or text between two of them. `task` is set where the piece is learned."""

    text: str
    control: bool = False
    task: str | None = None


def python_json(value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _schema(response_format: dict):
    if response_format["type"] == "json_schema":
        return response_format["json_schema"].get("schema", {})
    return {"type": response_format["type"]}


class _Writer:
    def __init__(self):
        self.pieces: list[Piece] = []

    def control(self, token: str, task: str | None = None):
        self.pieces.append(Piece(token, True, task))

    def text(self, text: str, task: str | None = None):
        if text:
            self.pieces.append(Piece(text, False, task))

    def template(self, text: str, task: str | None = None):
        """Text of the template: control tokens in it are control tokens."""
        while text:
            hits = [(text.find(token), token) for token in _TEMPLATE_CONTROLS if token in text]
            if not hits:
                break
            at, token = min(hits)
            self.text(text[:at], task)
            self.control(token, task)
            text = text[at + len(token) :]
        self.text(text, task)


def _calls(out: _Writer, calls: list[dict], task: str | None):
    out.template(f"\n\n<{DSML}tool_calls>\n", task)
    for index, call in enumerate(calls):
        function = call["function"]
        out.template(("\n" if index else "") + f'<{DSML}invoke name="{function["name"]}">\n', task)
        for position, (key, value) in enumerate(function["arguments"].items()):
            kind = "true" if isinstance(value, str) else "false"
            out.template(("\n" if position else "") + f'<{DSML}parameter name="{key}" string="{kind}">', task)
            out.text(value if isinstance(value, str) else python_json(value), task)
            out.template(f"</{DSML}parameter>", task)
        out.template(f"\n</{DSML}invoke>", task)
    out.template(f"\n</{DSML}tool_calls>", task)


def _system(sample: Sample) -> list[str]:
    parts = [message["content"] for message in sample.messages if message["role"] == "system"]
    return ["\n\n".join(parts)] if parts else []


def render(sample: Sample, learn: bool = True, upto: int | None = None) -> list[Piece]:
    """The whole conversation, or with `upto` the prompt whose answer is message number `upto` (an assistant's)."""
    out = _Writer()
    out.control(BOS)
    if sample.fim:
        prompt, suffix, middle = sample.fim
        out.control(FIM_BEGIN)
        out.text(prompt)
        out.control(FIM_HOLE)
        out.text(suffix)
        out.control(FIM_END)
        if upto is None:
            out.text(middle, "fim" if learn else None)
            out.control(EOS, "fim" if learn else None)
        return out.pieces

    if sample.thinking:
        out.text(EFFORT_TEXT[sample.effort])
    system = _system(sample)
    if sample.tools:
        system = system or [""]
        out.text(system[0])
        out.template("\n\n" + TOOLS_BEFORE)
        keys = ("name", "description", "parameters")
        out.text("\n".join(python_json({key: tool.get(key, "" if key == "description" else {}) for key in keys}) for tool in sample.tools))
        out.text(TOOLS_AFTER)
    elif system:
        out.text(system[0])
    if sample.response_format:
        out.text("\n\n" + FORMAT_BEFORE + python_json(_schema(sample.response_format)))

    messages = [message for message in sample.messages if message["role"] != "system"]
    first_system = len(sample.messages) - len(messages)
    end = len(messages) if upto is None else upto - first_system
    seen = messages if upto is None else messages[:end]
    last_user = max((i for i, message in enumerate(seen) if message["role"] in ("user", "tool")), default=-1)
    keeps_all = bool(sample.tools) or (sample.keeps_thinking and upto is None)

    for index, message in enumerate(seen):
        role = message["role"]
        if role in ("user", "tool"):
            follows = index > 0 and messages[index - 1]["role"] in ("user", "tool")
            if follows:
                out.text("\n\n")
            else:
                out.control(USER)
            out.text(f"<tool_result>{message['content']}</tool_result>" if role == "tool" else message["content"])
            continue
        out.control(ASSISTANT)
        task = message.get("task") if learn and not message.get("given") else None
        last = index == len(messages) - 1
        if sample.thinking and (keeps_all or index > last_user):
            out.control(THINK)
            out.text(message.get("reasoning_content", ""), task and "think")
            out.control(THINK_END, task and "think")
        else:
            out.control(THINK_END)
        given = sample.prefix if last else ""
        out.text(given)
        out.text(message["content"][len(given) :], task)
        if message.get("tool_calls"):
            _calls(out, message["tool_calls"], task)
        out.control(EOS, task)
    if upto is not None:
        out.control(ASSISTANT)
        if sample.thinking and (keeps_all or end > last_user):
            out.control(THINK)
        else:
            out.control(THINK_END)
        if sample.prefix and end == len(messages) - 1:
            out.text(sample.prefix)
    return out.pieces


def prompt_text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def request_body(sample: Sample, upto: int | None = None) -> dict:
    """The chat request (spec api 4) that asks for message number `upto`, by default the last one."""
    upto = len(sample.messages) - 1 if upto is None else upto
    messages = []
    for message in sample.messages[:upto]:
        clean = {key: message[key] for key in ("role", "content", "tool_call_id") if key in message}
        if message["role"] == "assistant":
            if sample.thinking and sample.tools:
                clean["reasoning_content"] = message.get("reasoning_content", "")
            if message.get("tool_calls"):
                clean["tool_calls"] = [
                    {**call, "type": "function", "function": {**call["function"], "arguments": python_json(call["function"]["arguments"])}}
                    for call in message["tool_calls"]
                ]
        messages.append(clean)
    if sample.prefix and upto == len(sample.messages) - 1:
        messages.append({"role": "assistant", "content": sample.prefix, "prefix": True})
    body: dict = {"messages": messages, "thinking": {"type": "enabled" if sample.thinking else "disabled"}}
    if sample.thinking:
        body["reasoning_effort"] = sample.effort
    if sample.tools:
        body["tools"] = [{"type": "function", "function": tool} for tool in sample.tools]
    if sample.response_format:
        body["response_format"] = sample.response_format
    return body
