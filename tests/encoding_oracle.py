"""Our prompts against deepseek-recipe, the service's own request library, on seeded random requests.

# requires: deepseek-recipe==0.2.0

Run by `scripts/oracle encoding [--build DIRECTORY] [--format F] [--requests N] [--seed S]`: N requests of each format. Each
goes through `baleen encode --json` and through the package; prompt text and the places of control tokens must be equal.
Compared twice: with `--rules recipe`, where everything must be equal, and with the default rules, where each difference must
have one of the reasons below; they are counted and shown. Exit 0 equal, 1 different, 77 not run.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys

import encoding_oracle_requests as others

try:
    import deepseek_recipe as recipe
except ImportError as error:
    print(f"{'*' * 72}\nORACLE encoding DID NOT RUN: {error}; use scripts/oracle encoding\n{'*' * 72}")
    sys.exit(77)

VERSIONS = {"0731": "DeepSeek-V4-Pro", "v4.1": "DeepSeek-V4.1-Flash"}

# Where we depart from the package, and why: (name, rules it holds for, does the request have the cause?)
SERVICE = ("service",)
BOTH = ("recipe", "service")
REASONS = [
    ("a later system message of V4 is user text where it stands, not moved to the front (spec encoding 10)", SERVICE,
     lambda body, version: version == "0731" and later_system(body)),
    ("json_object of V4 is stated with the schema sentence (spec encoding 2), not with the package's short one", SERVICE,
     lambda body, version: version == "0731" and answer_format(body) == "json_object"),
    ("a V4 call without parameters has an empty line, as the weights' encoder writes it (spec encoding 7.1)", SERVICE,
     lambda body, version: version == "0731" and any(arguments == "{}" for _, arguments in calls(body))),
    ("without tools, an answer after the last user turn keeps its reasoning (spec encoding 5); the package drops it", SERVICE,
     lambda body, version: answer_after_user(body)),
    ("calls of one turn stand in the client's order, as they were made; the package sorts them by id, in V4 and in Responses", BOTH,
     lambda body, version: (version == "0731" or "input" in body) and not sorted_by_id(body)),
    ("a later system message of V4.1 without text is left out, as both leave it out of chat completions; of Messages and Responses "
     "the package leaves its token", BOTH,
     lambda body, version: version == "v4.1" and empty_system(body)),
]


def turns(body):
    """Role, call ids and whether it is a prefix, of all turns."""
    if "input" in body:
        kinds = {"reasoning": "assistant", "function_call": "assistant", "custom_tool_call": "assistant",
                 "function_call_output": "tool", "custom_tool_call_output": "tool"}
        items = body["input"] if isinstance(body["input"], list) else [{"role": "user"}]
        lead = [("system", False)] if body.get("instructions") else []
        return lead + [(kinds.get(item.get("type"), item.get("role")), False) for item in items if item.get("role") or item["type"] in kinds]
    return [(message["role"], message.get("prefix", False)) for message in body["messages"]]


def answer_after_user(body):
    for role, prefix in reversed(turns(body)):
        if role == "assistant" and not prefix:
            return True
        if role in ("user", "tool"):
            return False
    return False


def calls(body):
    """Id and arguments of all calls in history."""
    if "input" in body:
        items = body["input"] if isinstance(body["input"], list) else []
        return [(item["call_id"], item.get("arguments", "")) for item in items if item.get("type") in ("function_call", "custom_tool_call")]
    found = []
    for message in body["messages"]:
        for call in message.get("tool_calls") or []:
            found.append((call["id"], call["function"]["arguments"]))
        for block in message["content"] if isinstance(message["content"], list) else []:
            if block["type"] == "tool_use":
                found.append((block["id"], json.dumps(block["input"])))
    return found


def sorted_by_id(body):
    idents = [ident for ident, _ in calls(body)]
    return idents == sorted(idents)


def later_system(body):
    roles = [role for role, _ in turns(body)]
    while roles and roles[0] == "system":
        roles.pop(0)
    return "system" in roles


def empty_system(body):
    messages = body.get("input", body.get("messages"))
    texts = [message["content"] for message in messages if isinstance(message, dict) and message.get("role") in ("system", "developer")]
    return any(not "\n\n".join([content] if isinstance(content, str) else [part["text"] for part in content]) for content in texts)


def answer_format(body):
    return (body.get("response_format") or body.get("text", {}).get("format") or {}).get("type")


def text(rng):
    pieces = ["Hello", " ", "world", "\n", "\n\n", "你好", "🙂", "<｜User｜>", "</think>", "<think>", "｜DSML｜", "\"", "\\", "{", "}", "1234",
              "é", "<b>", "&", "/", "\u2028", "json", "\t", "<tool_result>"]
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(0, 8)))


def value(rng, depth=0):
    kinds = 9 if depth < 3 else 7
    kind = rng.randrange(kinds)
    if kind == 0:
        return text(rng)
    if kind == 1:
        return rng.choice([0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 42])
    if kind == 2:
        return rng.choice([1.5, -0.0, 1e16, 1e-5, 1.5e-7, 123456789.123, 1e22, 0.1, 3.0, 5e-324])
    if kind in (3, 4):
        return rng.choice([True, False, None])
    if kind in (5, 6):
        return rng.choice([[], {}, "", "x"])
    if kind == 7:
        return [value(rng, depth + 1) for _ in range(rng.randrange(1, 4))]
    return {text(rng) + str(i): value(rng, depth + 1) for i in range(rng.randrange(1, 4))}


def tool(rng, index):
    function = {"name": f"tool_{index}"}
    if rng.random() < 0.7:
        function["description"] = text(rng)
    if rng.random() < 0.8:
        properties = {f"p{i}": {"type": rng.choice(["string", "integer"]), "description": text(rng)} for i in range(rng.randrange(0, 4))}
        function["parameters"] = {"type": "object", "properties": properties}
        if rng.random() < 0.5:
            function["parameters"]["required"] = list(properties)
    return {"type": "function", "function": function}


def content(rng):
    if rng.random() < 0.2:
        return [{"type": "text", "text": text(rng)} for _ in range(rng.randrange(1, 4))]
    return text(rng)


def assistant(rng, number):
    message = {"role": "assistant", "content": content(rng)}
    if rng.random() < 0.6:
        message["reasoning_content"] = text(rng)
    results = []
    if rng.random() < 0.4:
        message["tool_calls"] = []
        for i in range(rng.randrange(1, 4)):
            arguments = {f"k{j} {text(rng)}".replace('"', ""): value(rng) for j in range(rng.randrange(0, 4))}
            ident = f"c{number}_{i}"
            spelt = json.dumps(arguments, ensure_ascii=rng.random() < 0.5) if rng.random() < 0.9 else "not json"
            message["tool_calls"].append({"id": ident, "type": "function", "function": {"name": "tool_0", "arguments": spelt}})
            results.append({"role": "tool", "tool_call_id": ident, "content": content(rng)})
        rng.shuffle(results)
    return [message] + results


def plain_floats(body):
    """The package spells floats below 1e-4 Rust's way in V4 (0.00001, 1.5e-7) and Python's way in V4.1 (1e-05, 1.5e-07). We
    write Python's in both, as the weights' encoder does (spec encoding 3); V4 requests are kept free of them."""
    return json.loads(json.dumps(body).replace("1e-05", "0.5").replace("1.5e-07", "0.25"))


def request(rng):
    messages = []
    for _ in range(rng.choice([0, 1, 1, 2])):
        messages.append({"role": "system", "content": content(rng)})
    for number in range(rng.randrange(1, 5)):
        for _ in range(rng.choice([1, 1, 1, 2])):
            messages.append({"role": "user", "content": content(rng)})
        if rng.random() < 0.1:
            messages.append({"role": "latest_reminder", "content": text(rng)})
        if rng.random() < 0.15:
            messages.append({"role": "system", "content": content(rng)})
        if rng.random() < 0.7:
            messages += assistant(rng, number)
    body = {"messages": messages}
    if rng.random() < 0.4:
        body["thinking"] = {"type": rng.choice(["disabled", "disabled", "enabled", "adaptive"])}
    if rng.random() < 0.5:
        body["reasoning_effort"] = rng.choice(["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"])
    if rng.random() < 0.4:
        body["tools"] = [tool(rng, i) for i in range(rng.randrange(1, 4))]
        if rng.random() < 0.5:
            body["tool_choice"] = rng.choice(["none", "auto", "required", {"type": "function", "function": {"name": "tool_0"}}])
    elif rng.random() < 0.25:
        body["response_format"] = {"type": "json_object"}
        messages[0]["content"] = "Answer in json."
    refused = "tools" in body or "response_format" in body or calls(body)  # with a prefix, by the package
    if rng.random() < 0.15 and not refused:
        messages.append({"role": "user", "content": text(rng)})
        messages.append({"role": "assistant", "content": rng.choice(["", "```python\n"]), "prefix": True, "reasoning_content": text(rng)})
    return body


PARSERS = {"chat": recipe.ChatCompletionRequest, "anthropic": recipe.MessagesRequest, "responses": recipe.ResponsesRequest}


def theirs(form, body, version):
    options = recipe.ConversionOptions(messages_web_search=recipe.WebSearchBehavior.Drop)
    try:
        converted = PARSERS[form](json.dumps({"model": VERSIONS[version], **body})).convert(options)
    except recipe.ConversionError as error:
        return {"error": json.loads(error.body)["error"]["message"] if error.body.startswith("{") else error.body}
    encoding = recipe.DeepseekV41Encoding() if version == "v4.1" else recipe.DeepseekV4Encoding()
    rendered = encoding.render_conversation(converted.conversation)
    prompt = rendered.prompt
    size = lambda end: len(prompt[:end].encode())
    return {"prompt": prompt, "controls": [[size(a), size(b)] for a, b in rendered.special_ranges]}


def ours(program, form, body, version, rules):
    command = [program, "encode", "--messages", "-", "--json", "--prompt-version", version, "--rules", rules, "--format", form]
    done = subprocess.run(command, input=json.dumps(body).encode(), capture_output=True)
    if done.returncode not in (0, 2):
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
    if done.returncode == 2:
        return {"error": done.stderr.decode().removeprefix("baleen encode: ").rstrip("\n")}
    answer = json.loads(done.stdout)
    return {"prompt": answer["prompt"], "controls": answer["controls"]}


def first_difference(a, b):
    if "error" in a or "error" in b:
        return f"ours {a.get('error', 'accepted')!r}\n  theirs {b.get('error', 'accepted')!r}"
    if a["prompt"] == b["prompt"]:
        return f"other control tokens\n  ours   {a['controls']}\n  theirs {b['controls']}"
    at = next((i for i, (x, y) in enumerate(zip(a["prompt"], b["prompt"])) if x != y), min(len(a["prompt"]), len(b["prompt"])))
    return f"at character {at}\n  ours   {a['prompt'][max(0, at - 60):at + 60]!r}\n  theirs {b['prompt'][max(0, at - 60):at + 60]!r}"


def generate(form, rng):
    pieces = others.Pieces(text, value)
    sorted_ids = rng.random() < 0.9
    if form == "anthropic":
        return others.anthropic(rng, pieces, sorted_ids)
    return others.responses(rng, pieces, sorted_ids)


class Comparison:
    def __init__(self, program):
        self.program = program
        self.reasons = collections.Counter()
        self.unexplained = 0
        self.refused = 0

    def compare(self, form, label, body, version):
        want = theirs(form, body, version)
        self.refused += "error" in want
        for rules in BOTH:
            got = ours(self.program, form, body, version, rules)
            if got == want or ("error" in got and "error" in want):
                continue
            causes = [name for name, holds_for, applies in REASONS if rules in holds_for and applies(body, version)]
            if causes:
                self.reasons[" + ".join(causes)] += 1
                continue
            self.unexplained += 1
            if self.unexplained <= 5:
                print(f"{label}, {version}, rules {rules}: {first_difference(got, want)}\n  {json.dumps(body)[:1500]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--baleen", default="build/release/baleen")
    parser.add_argument("--format", choices=list(PARSERS), help="only this one")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seed", type=int, default=731)
    arguments = parser.parse_args()
    comparison = Comparison(str(pathlib.Path(arguments.baleen).resolve()))
    forms = [arguments.format] if arguments.format else list(PARSERS)
    for form in forms:
        for number in range(arguments.requests):
            rng = random.Random(arguments.seed * 1000003 + number)
            body = request(rng) if form == "chat" else generate(form, rng)
            version = rng.choice(list(VERSIONS))
            if version == "0731":
                body = plain_floats(body)
            comparison.compare(form, f"{form} request {number} (seed {arguments.seed})", body, version)
    print(f"{arguments.requests} requests each of {', '.join(forms)}; {comparison.refused} refused by both sides or compared as such, "
          f"{comparison.unexplained} unexplained differences")
    for name, count in comparison.reasons.items():
        print(f"  {count} explained: {name}")
    return 1 if comparison.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
