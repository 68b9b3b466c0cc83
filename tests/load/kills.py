"""Kills the server under load, again and again: what a client was told is done must be in the ledger, keys must hold, and the server
must be back within two seconds.

    python tests/load/kills.py [--times 50] [--clients 8]
"""

import argparse
import json
import random
import sys
import threading
import time
import urllib.request

from server import Server

START_SECONDS_MAX = 2.0


class Client(threading.Thread):
    """Asks one short question after another and counts the answers whose end it saw."""

    def __init__(self, url: str, key: str, seed: int):
        super().__init__(daemon=True)
        self.url, self.key, self.random = url, key, random.Random(seed)
        self.whole = 0
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            stream = self.random.random() < 0.5
            body = {
                "model": "deepseek-v4-flash",
                "messages": [{"role": "user", "content": f"Say {self.random.randrange(10**6)}."}],
                "max_tokens": self.random.randint(1, 12),
                "stream": stream,
            }
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            request = urllib.request.Request(self.url + "/chat/completions", json.dumps(body).encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    text = answer.read()
            except (OSError, ValueError, EOFError):
                continue
            except Exception:  # http.client's many ways to say that a connection ended
                continue
            if (b"data: [DONE]" in text) if stream else text.rstrip().endswith(b"}"):
                self.whole += 1


def rows(server: Server) -> int:
    report = json.loads(server.command("usage", "--json"))
    found = [row["requests"] for row in report["rows"]] if "rows" in report else []
    return sum(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    server = Server("--keys", "required")
    keys = [server.command("keys", "add", f"client{i}").split()[-1] for i in range(2)]
    listed = server.command("keys", "list")
    whole, slowest, failures = 0, 0.0, []
    draw = random.Random(1)
    for turn in range(options.times):
        took = server.start()
        slowest = max(slowest, took)
        server.get("/user/balance", keys[turn % 2])  # a wrong key would raise
        clients = [Client(server.url, keys[i % 2], turn * 1000 + i) for i in range(options.clients)]
        for client in clients:
            client.start()
        time.sleep(draw.uniform(0.1, 0.6))
        server.kill()
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join()
        whole += sum(client.whole for client in clients)
    server.start()
    kept = rows(server)
    if server.command("keys", "list").splitlines()[0] != listed.splitlines()[0] or len(server.command("keys", "list").splitlines()) != len(listed.splitlines()):
        failures.append("the list of keys changed")
    server.stop()
    if kept < whole:
        failures.append(f"{whole - kept} answers whose end was seen are not in the ledger")
    if whole < options.times:
        failures.append(f"only {whole} answers ended: no load")
    if slowest > START_SECONDS_MAX:
        failures.append(f"a start took {slowest:.2f} s, the bar is {START_SECONDS_MAX}")
    verdict = "; ".join(failures) or "pass"
    print(f"kills: {options.times} times under {options.clients} clients, {whole} answers seen to their end, {kept} rows, slowest start {slowest:.2f} s: {verdict}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
