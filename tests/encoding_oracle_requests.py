"""Seeded random request bodies of the Anthropic and the Responses format for encoding_oracle.py, in the shapes clients send:
what stands in a turn, in which order, with what beside it. Only what both sides accept; refusals have tests of their own."""

import json

EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"]


class Pieces:
    """The random parts that the formats share: made by encoding_oracle.py, which has them for chat completions."""

    def __init__(self, text, value):
        self.text = text
        self.value = value

    def arguments(self, rng):
        return {f"k{j} {self.text(rng)}".replace('"', ""): self.value(rng) for j in range(rng.randrange(0, 4))}

    def schema(self, rng):
        properties = {f"p{i}": {"type": rng.choice(["string", "integer"]), "description": self.text(rng)} for i in range(rng.randrange(0, 4))}
        schema = {"type": "object", "properties": properties}
        if rng.random() < 0.5:
            schema["required"] = list(properties)
        return schema


def mark(rng, block):
    """cache_control moves about between requests and must not show."""
    if rng.random() < 0.2:
        block["cache_control"] = {"type": "ephemeral"}
    return block


def anthropic_texts(rng, pieces, least=1):
    return [mark(rng, {"type": "text", "text": pieces.text(rng)}) for _ in range(rng.randrange(least, 4))]


def anthropic_result(rng, pieces, ident):
    block = {"type": "tool_result", "tool_use_id": ident}
    kind = rng.randrange(4)
    if kind == 0:
        block["content"] = anthropic_texts(rng, pieces, 0)
        if rng.random() < 0.2:
            block["content"].append({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}})
    elif kind < 3:
        block["content"] = pieces.text(rng)
    if rng.random() < 0.3:
        block["is_error"] = rng.random() < 0.5
    return mark(rng, block)


def anthropic_answer(rng, pieces, number, sorted_ids):
    """An assistant message, and the results that the next message must open with."""
    if rng.random() < 0.2:
        return {"role": "assistant", "content": pieces.text(rng)}, []
    blocks = []
    if rng.random() < 0.6:
        for _ in range(rng.choice([1, 1, 2])):
            block = {"type": "thinking", "thinking": pieces.text(rng)}
            if rng.random() < 0.7:
                block["signature"] = "sig"
            blocks.append(block)
    if rng.random() < 0.15:
        blocks.append({"type": "server_tool_use", "id": f"st{number}", "name": "web_search", "input": {"query": "q"}})
        blocks.append({"type": "web_search_tool_result", "tool_use_id": f"st{number}", "content": []})
    blocks += anthropic_texts(rng, pieces, 0)
    results = []
    if rng.random() < 0.5 or not blocks:
        idents = [f"toolu_{number}_{i}" for i in range(rng.randrange(1, 4))]
        if not sorted_ids:
            rng.shuffle(idents)
        for ident in idents:
            blocks.append(mark(rng, {"type": "tool_use", "id": ident, "name": "tool_0", "input": pieces.arguments(rng)}))
            results.append(anthropic_result(rng, pieces, ident))
        rng.shuffle(results)
    return {"role": "assistant", "content": blocks}, results


def anthropic_tools(rng, pieces):
    tools = []
    for i in range(rng.randrange(1, 4)):
        tool = {"name": f"tool_{i}", "input_schema": pieces.schema(rng)}
        if rng.random() < 0.7:
            tool["description"] = pieces.text(rng)
        tools.append(mark(rng, tool))
    if rng.random() < 0.3:
        tools.insert(rng.randrange(len(tools) + 1), {"type": "web_search_20250305", "name": "web_search", "max_uses": 3})
    return tools


def anthropic(rng, pieces, sorted_ids):
    messages = []
    for number in range(rng.randrange(1, 5)):
        results = messages.pop()["pending"] if messages and "pending" in messages[-1] else []
        content = results + anthropic_texts(rng, pieces, 0 if results else 1)
        if not results and rng.random() < 0.5:
            content = pieces.text(rng)
        messages.append({"role": "user", "content": content})
        if rng.random() < 0.15:
            messages.append({"role": "user", "content": pieces.text(rng)})
        if rng.random() < 0.2:
            messages.append({"role": "system", "content": rng.choice([pieces.text(rng), anthropic_texts(rng, pieces)])})
        if rng.random() < 0.7:
            message, results = anthropic_answer(rng, pieces, number, sorted_ids)
            messages.append(message)
            if results:
                messages.append({"pending": results})
    if "pending" in messages[-1]:
        messages[-1] = {"role": "user", "content": messages[-1]["pending"]}
    body = {"max_tokens": 100, "messages": messages}
    if rng.random() < 0.6:
        words = "s" + pieces.text(rng)
        body["system"] = rng.choice([words, [mark(rng, {"type": "text", "text": words})] + anthropic_texts(rng, pieces, 0)])
    if rng.random() < 0.4:
        body["thinking"] = rng.choice([{"type": "disabled"}, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024}])
    if rng.random() < 0.4:
        body["output_config"] = {"effort": rng.choice(EFFORTS)}
    if rng.random() < 0.5:
        body["tools"] = anthropic_tools(rng, pieces)
        if rng.random() < 0.5:
            body["tool_choice"] = rng.choice([{"type": "none"}, {"type": "auto"}, {"type": "any", "disable_parallel_tool_use": True},
                                              {"type": "tool", "name": "tool_0"}, {"type": "tool", "name": "web_search"}])
            if body["tool_choice"].get("name") == "web_search" and len(body["tools"]) == len([t for t in body["tools"] if "type" not in t]):
                body["tool_choice"] = {"type": "auto"}
    if rng.random() < 0.2:
        body["metadata"] = {"user_id": "u"}
    return body


def responses_parts(rng, pieces, kind):
    return [{"type": kind, "text": pieces.text(rng)} for _ in range(rng.randrange(1, 4))]


def responses_message(rng, pieces, role):
    kind = "output_text" if role == "assistant" else "input_text"
    message = {"role": role, "content": rng.choice([pieces.text(rng), responses_parts(rng, pieces, kind)])}
    if rng.random() < 0.6:
        message["type"] = "message"
    return message


def responses_calls(rng, pieces, number, sorted_ids):
    idents = [f"call_{number}_{i}" for i in range(rng.randrange(1, 4))]
    if not sorted_ids:
        rng.shuffle(idents)
    calls, outputs = [], []
    for ident in idents:
        output = rng.choice([pieces.text(rng), responses_parts(rng, pieces, "input_text"), []])
        if rng.random() < 0.15:
            calls.append({"type": "custom_tool_call", "call_id": ident, "name": "apply_patch", "input": pieces.text(rng)})
            outputs.append({"type": "custom_tool_call_output", "call_id": ident, "output": output})
            continue
        spelt = json.dumps(pieces.arguments(rng), ensure_ascii=rng.random() < 0.5) if rng.random() < 0.9 else "not json"
        call = {"type": "function_call", "call_id": ident, "name": "tool_0", "arguments": spelt}
        if rng.random() < 0.2:
            call["namespace"] = rng.choice(["space", "other_"])
        calls.append(call)
        outputs.append({"type": "function_call_output", "call_id": ident, "output": output})
    rng.shuffle(outputs)
    if rng.random() < 0.3 and len(calls) > 1:  # the first answered before the others are told
        first = next(o for o in outputs if o["call_id"] == calls[0]["call_id"])
        return [calls[0], first] + calls[1:] + [o for o in outputs if o is not first]
    return calls + outputs


def responses_answer(rng, pieces, number, sorted_ids):
    items = []
    if rng.random() < 0.6:
        for _ in range(rng.choice([1, 1, 2])):
            item = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": None}
            if rng.random() < 0.9:
                item["content"] = [{"type": "reasoning_text", "text": pieces.text(rng)} for _ in range(rng.choice([1, 1, 2]))]
            items.append(item)
    if rng.random() < 0.2:
        items.append({"type": "web_search_call", "id": "ws_1", "status": "completed"})
    for _ in range(rng.choice([0, 1, 1, 2])):
        items.append(responses_message(rng, pieces, "assistant"))
    if rng.random() < 0.4:
        items += responses_calls(rng, pieces, number, sorted_ids)
    if rng.random() < 0.1:
        items.append({"type": "item_reference", "id": "x"})
    return items


def responses_tools(rng, pieces):
    tools = []
    for i in range(rng.randrange(1, 4)):
        tool = {"type": "function", "name": f"tool_{i}", "parameters": pieces.schema(rng)}
        if rng.random() < 0.7:
            tool["description"] = pieces.text(rng)
        if rng.random() < 0.3:
            tool["strict"] = False
        tools.append(tool)
    if rng.random() < 0.3:
        tools.append({"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}})
    if rng.random() < 0.4:
        inner = [{"type": "function", "name": name, "parameters": pieces.schema(rng)} for name in rng.sample(["tool_0", "_b", "c"], 2)]
        space = {"type": "namespace", "name": rng.choice(["space", "tool", "space_"]), "tools": inner}
        if rng.random() < 0.7:
            space["description"] = pieces.text(rng)
        tools.append(space)
    if rng.random() < 0.3:
        tools.append({"type": rng.choice(["web_search", "web_search_2025_08_26", "local_shell"])})
    rng.shuffle(tools)
    return tools


def responses(rng, pieces, sorted_ids):
    items = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        items.append(responses_message(rng, pieces, rng.choice(["system", "developer"])))
    for number in range(rng.randrange(1, 5)):
        for _ in range(rng.choice([1, 1, 1, 2])):
            items.append(responses_message(rng, pieces, "user"))
        if rng.random() < 0.15:
            items.append(responses_message(rng, pieces, rng.choice(["system", "developer"])))
        if rng.random() < 0.7:
            items += responses_answer(rng, pieces, number, sorted_ids)
    body = {"input": items if rng.random() < 0.9 else pieces.text(rng)}
    if rng.random() < 0.4:
        body["instructions"] = "i" + pieces.text(rng)
    if rng.random() < 0.6:
        body["reasoning"] = {"effort": rng.choice(EFFORTS), "summary": rng.choice([None, "auto"])}
    if rng.random() < 0.5:
        body["tools"] = responses_tools(rng, pieces)
        if rng.random() < 0.5:
            body["tool_choice"] = rng.choice(["none", "auto", "required", {"type": "function", "name": "tool_0"}, {"type": "web_search"}])
    elif rng.random() < 0.3:
        body["instructions"] = "Answer in json."
        body["text"] = {"format": rng.choice([{"type": "json_object"}, {"type": "text"},
                                              {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}}])}
    if rng.random() < 0.3:
        body.update({"store": False, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "parallel_tool_calls": True})
    return body
