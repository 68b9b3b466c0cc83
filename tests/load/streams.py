"""Many clients at once, and what each of them feels, from one light asyncio process.

    python tests/load/streams.py streams [--clients 200] [--tokens 64]     inter-token times of all streams against the engine's step
    python tests/load/streams.py fairness [--tokens 100000]                one stream while another client's long prompt is read
    python tests/load/streams.py idle [--connections 10000]                connections that do nothing, and a request meanwhile
"""

import argparse
import asyncio
import json
import re
import resource
import sys
import time

from server import Server

MODEL = "deepseek-v4-flash"
TEXT = b'"delta":{"content":"'  # of a chunk with some of the answer; the one before it that only opens the answer has a role in front


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rss_mib(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


async def stream(url: str, content: str, tokens: int, user: str) -> list[float]:
    """Times at which the pieces of one streamed answer came; raises unless it ended as it should."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(
        {"model": MODEL, "messages": [{"role": "user", "content": content}], "max_tokens": tokens, "stream": True, "user_id": user,
         "thinking": {"type": "disabled"}, "temperature": 1.5}
    ).encode()  # fmt: skip
    head = f"POST /chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    status = (await reader.readline()).split()[1]
    if status != b"200":
        raise RuntimeError(f"status {status.decode()}: {(await reader.read())[-300:]!r}")
    times: list[float] = []
    done = False
    while line := await reader.readline():
        if TEXT in line:
            times.append(time.monotonic())
        done = done or line.startswith(b"data: [DONE]")
    writer.close()
    if not done:
        raise RuntimeError("a stream ended early")
    return times


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in zip(times, times[1:])]


def step_seconds(server: Server) -> tuple[float, float]:
    """Steps and their seconds so far."""
    text = server.get("/metrics").decode()
    steps = re.search(r"^baleen_engine_step_seconds_count\S* (\S+)", text, re.M)
    total = re.search(r"^baleen_engine_step_seconds_sum\S* (\S+)", text, re.M)
    return float(steps[1]), float(total[1])


async def streams(options: argparse.Namespace) -> bool:
    server = Server("--scheduler-streams-max", str(options.clients))
    server.start()
    try:
        await stream(server.url, "Hello.", 8, "warm")
        before, memory = step_seconds(server), rss_mib(server.process.pid)
        jobs = [stream(server.url, f"Tell me about number {i}.", options.tokens, f"u{i}") for i in range(options.clients)]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        after = step_seconds(server)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors[:3]:
            print(f"  {error}", file=sys.stderr)
        step = (after[1] - before[1]) / max(1, after[0] - before[0])
        found = [gap for result in results if not isinstance(result, BaseException) for gap in gaps(result)]
        worst, grown = percentile(found, 0.999), rss_mib(server.process.pid) - memory
        good = not errors and worst <= 3 * step
        print(f"streams: {options.clients} at once, {len(errors)} errors, {len(found)} gaps, p50 {percentile(found, 0.5) * 1e3:.1f} ms, p99.9 {worst * 1e3:.1f} ms,"
              f" mean step {step * 1e3:.1f} ms (bar: 3 steps), memory +{grown:.0f} MiB: {'pass' if good else 'FAIL'}")  # fmt: skip
        return good
    finally:
        server.stop()


async def fairness(options: argparse.Namespace) -> bool:
    server = Server()
    server.start()
    try:
        alone = gaps(await stream(server.url, "Tell me a story.", 300, "a"))
        for attempt in range(5):  # an answer can be short: what counts is what came while the prompt was read
            text = "The old bridge crosses the river near the station. " * (options.tokens // 11)
            reading = asyncio.create_task(stream(server.url, f"{text} {attempt}", 1, f"b{attempt}"))
            await asyncio.sleep(0.3)
            during: list[float] = []
            while not reading.done():
                during += gaps(await stream(server.url, f"Tell me a story about {len(during)}.", 300, "a"))
            await reading
            if len(during) > 100:
                break
        ratios = [percentile(during, share) / percentile(alone, share) for share in (0.5, 0.99)]
        good = ratios[0] <= 3
        print(f"fairness: {len(during)} gaps while about {options.tokens} tokens of another client were read: p50 {percentile(during, 0.5) * 1e3:.2f} ms"
              f" ({ratios[0]:.2f}x of alone), p99 {percentile(during, 0.99) * 1e3:.2f} ms ({ratios[1]:.2f}x) (bar: p50 3x): {'pass' if good else 'FAIL'}")  # fmt: skip
        return good
    finally:
        server.stop()


async def idle(options: argparse.Namespace) -> bool:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, options.connections + 1000), most))
    server = Server("--limits-connections", str(options.connections + 100))
    server.start()
    try:
        host, port = server.url.removeprefix("http://").split(":")
        memory = rss_mib(server.process.pid)
        held = []
        for first in range(0, options.connections, 200):
            count = min(200, options.connections - first)
            held += await asyncio.gather(*[asyncio.open_connection(host, int(port)) for _ in range(count)])
        began = time.monotonic()
        await stream(server.url, "Hello.", 8, "x")
        took = time.monotonic() - began
        grown = rss_mib(server.process.pid) - memory
        for reader, writer in held:
            writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        alive = 0
        for reader, writer in held:
            alive += (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
            writer.close()
        good = alive == options.connections and took < 1
        print(f"idle: {alive} of {options.connections} held and answered afterwards, {grown * 1024 / options.connections:.1f} KiB each,"
              f" a request meanwhile took {took * 1e3:.0f} ms: {'pass' if good else 'FAIL'}")  # fmt: skip
        return good
    finally:
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("test", choices=("streams", "fairness", "idle"))
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    options.tokens = options.tokens or {"streams": 64, "fairness": 100_000}.get(options.test)
    return 0 if asyncio.run(globals()[options.test](options)) else 1


if __name__ == "__main__":
    sys.exit(main())
