"""Kills the server under load, again and again. Every answer whose end a client saw must be in the ledger by its request's id, keys must
hold with their limits, the configuration file must be read as before, and every start must take less than two seconds.

    python tests/load/kills.py [--times 50] [--clients 8]
"""

import argparse
import http.client
import json
import random
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from server import Server

START_SECONDS_MAX = 2.0
FIRST_ANSWER_SECONDS = 20  # a sanitized build is slow
LIMITS = ("id", "name", "shown", "revoked", "concurrency", "rate", "budget", "currency")  # of a key; what is left of its budget changes
CONFIGURATION = """keys = "required"
[limits]
body_bytes = "64KiB"
"""


def post(url: str, key: str, body: dict) -> tuple[str, bytes]:
    """Request id and body of an answer; an exception unless it came whole."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + "/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["x-request-id"], answer.read()


class Client(threading.Thread):
    """Asks one short question after another and keeps the ids of the answers whose end it saw."""

    def __init__(self, url: str, key: str, seed: int):
        super().__init__(daemon=True)
        self.url, self.key, self.random = url, key, random.Random(seed)
        self.whole: list[str] = []
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            stream = self.random.random() < 0.5
            question = {"role": "user", "content": f"Say {self.random.randrange(10**6)}."}
            body = {"model": "deepseek-v4-flash", "messages": [question], "max_tokens": self.random.randint(1, 12), "stream": stream}
            try:
                name, text = post(self.url, self.key, body)
            except (OSError, http.client.HTTPException):  # killed meanwhile
                continue
            if not stream or b"data: [DONE]" in text:
                self.whole.append(name)


def limits(server: Server) -> list[dict]:
    return [{name: key[name] for name in LIMITS} for key in json.loads(server.command("keys", "list", "--json"))]


def refused(server: Server, key: str, body: dict) -> int:
    """Status of an answer that is an error; 200 otherwise."""
    try:
        post(server.url, key, body)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split(".")[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    server = Server()
    configuration = Path(server.data) / "baleen.toml"
    configuration.write_text(CONFIGURATION)
    server.arguments = ("--config", str(configuration))
    keys = [
        json.loads(server.command("keys", "add", f"client{i}", "--json", "--budget", f"{1000 + i}USD", "--rate", "100000/m"))["key"] for i in range(2)
    ]
    before = limits(server)
    long_body = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "a" * 100_000}]}
    whole: list[str] = []
    starts: list[float] = []
    failures: list[str] = []
    draw = random.Random(1)
    for turn in range(options.times + 1):
        starts.append(server.start())
        if (status := refused(server, "sk-nobody", long_body | {"messages": []})) != 401:
            failures.append(f"start {turn}: a wrong key is answered with {status}")
        if (status := refused(server, keys[0], long_body)) != 413:
            failures.append(f"start {turn}: a body above the configured 64 KiB is answered with {status}")
        if turn == options.times:
            break
        clients = [Client(server.url, keys[i % 2], turn * 1000 + i) for i in range(options.clients)]
        for client in clients:
            client.start()
        waited = time.monotonic() + FIRST_ANSWER_SECONDS
        while not any(client.whole for client in clients) and time.monotonic() < waited:
            time.sleep(0.01)
        time.sleep(draw.uniform(0.1, 0.6))
        server.kill()
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join()
            whole += client.whole
    if limits(server) != before:
        failures.append(f"keys were {before} and are {limits(server)}")
    server.stop()
    with sqlite3.connect(Path(server.data) / "baleen.db") as database:
        kept = {row[0] for row in database.execute("SELECT id FROM usage WHERE status = 200")}
    if lost := [name for name in whole if name not in kept]:
        failures.append(f"{len(lost)} answers whose end was seen are not in the ledger, {lost[0]} among them")
    if len(whole) < options.times:
        failures.append(f"only {len(whole)} answers ended: no load")
    if max(starts) > START_SECONDS_MAX:
        failures.append(f"a start took {max(starts):.2f} s, the bar is {START_SECONDS_MAX}")
    verdict = "; ".join(failures) or "pass"
    print(
        f"kills: {options.times} times under {options.clients} clients, {len(whole)} answers seen to their end, {len(kept)} rows,"
        f" slowest start {max(starts):.2f} s: {verdict}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
