"""Many clients at once, and what each of them feels, from one light asyncio process.

    python tests/load/streams.py streams [--clients 200] [--seconds 8]     inter-token times of all streams against the engine's step
    python tests/load/streams.py fairness [--tokens 100000]                one stream while another client's long prompt is read
    python tests/load/streams.py pacing [--clients 200]                    answers of a script lane at 200 tokens a second: lateness, CPU
    python tests/load/streams.py idle [--connections 10000]                connections that do nothing, and a request meanwhile
"""

import argparse
import asyncio
import json
import os
import re
import resource
import sys
import tempfile
import time

from server import Server

MODEL = "deepseek-v4-flash"
TEXT = b'"delta":{"content":"'  # of a chunk with some of the answer; the one before it that only opens the answer has a role in front
LAST = b'"delta":{"content":""'

STREAM_MIB = 2  # of memory that a stream may add; krill's state and its blocks are under one
PACE = 200  # tokens a second of each scripted stream
LATE_SECONDS = 0.25
TOKEN_SECONDS = 0.01 / PACE  # of CPU a streamed token may cost: 1 % of a core at that pace
FAIR_GAPS = 300  # between tokens, alone and beside the prompt: too few say nothing of a hundredth


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rss_mib(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def stream(url: str, content: str, tokens: int, user: str, times: list[float] | None = None, **fields) -> list[float]:
    """Times at which the pieces of one streamed answer came, appended to `times` as they come; raises unless it ended as it should."""
    times = [] if times is None else times
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(
        {"model": MODEL, "messages": [{"role": "user", "content": content}], "max_tokens": tokens, "stream": True, "user_id": user,
         "thinking": {"type": "disabled"}, **fields}
    ).encode()  # fmt: skip
    head = f"POST /chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    status = (await reader.readline()).split()[1]
    if status != b"200":
        raise RuntimeError(f"status {status.decode()}: {(await reader.read())[-300:]!r}")
    done = False
    try:
        while line := await reader.readline():
            if TEXT in line and LAST not in line:
                times.append(time.monotonic())
            done = done or line.startswith(b"data: [DONE]")
    finally:
        writer.close()
    if not done:
        raise RuntimeError("a stream ended early")
    return times


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in zip(times, times[1:])]


def mean(before: tuple[float, float], after: tuple[float, float]) -> float:
    return (after[1] - before[1]) / max(1, after[0] - before[0])


async def streams(options: argparse.Namespace) -> bool:
    """All answers run at once: none ends until the client hangs up. Measured from when the last one has begun."""
    with Server("--scheduler-streams-max", str(options.clients), *options.server.split()) as server:
        await stream(server.url, "Hello.", 8, "warm")
        memory = rss_mib(server.process.pid)
        times: list[list[float]] = [[] for _ in range(options.clients)]
        jobs = [
            asyncio.create_task(stream(server.url, f"Tell me about number {i}.", options.tokens, f"u{i}", own, ignore_eos=True))
            for i, own in enumerate(times)
        ]
        while not all(times) and not any(job.done() for job in jobs):
            await asyncio.sleep(0.05)
        before = await asyncio.to_thread(server.seconds, "engine_step")
        begin = time.monotonic()
        await asyncio.sleep(options.seconds)
        end = time.monotonic()
        step = mean(before, await asyncio.to_thread(server.seconds, "engine_step"))
        grown = rss_mib(server.process.pid) - memory
        errors = [job.exception() or RuntimeError("a stream ended early") for job in jobs if job.done()]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
    for error in errors[:3]:
        print(f"  {error}", file=sys.stderr)
    found = [gap for own in times for gap in gaps([at for at in own if begin <= at <= end])]
    worst = percentile(found, 0.999)
    good = not errors and worst <= 3 * step and grown <= options.clients * STREAM_MIB
    print(
        f"streams: {options.clients} at once for {options.seconds:g} s, {len(errors)} errors, {len(found)} gaps, p50 {percentile(found, 0.5) * 1e3:.1f} ms,"
        f" p99 {percentile(found, 0.99) * 1e3:.1f} ms, p99.9 {worst * 1e3:.1f} ms, {worst / step:.2f} mean steps of {step * 1e3:.1f} ms (bar: 3),"
        f" memory +{grown:.0f} MiB (bar: {STREAM_MIB} a stream): {'pass' if good else 'FAIL'}"
    )
    return good


async def story(url: str, number: int) -> list[float]:
    return gaps(await stream(url, f"Tell me story {number}.", 300, "a", ignore_eos=True))


async def fairness(options: argparse.Namespace) -> bool:
    with Server(*options.server.split()) as server:
        at = server.seconds("inter_token")
        alone: list[float] = []
        while len(alone) < FAIR_GAPS:
            alone += await story(server.url, len(alone))
        between = server.seconds("inter_token")
        sentence = "The old bridge crosses the river near the station. "
        count = json.loads(server.post("/anthropic/v1/messages/count_tokens", {"model": MODEL, "messages": [{"role": "user", "content": 100 * sentence}]}))
        text = sentence * (100 * options.tokens // count["input_tokens"])
        reading = asyncio.create_task(stream(server.url, text, 1, "b"))
        await asyncio.sleep(0.3)  # until the prompt is encoded and waits
        during: list[float] = []
        while not reading.done():
            during += await story(server.url, len(during))
        await reading
        ratio = mean(between, server.seconds("inter_token")) / mean(at, between)
    if len(during) < FAIR_GAPS:
        print(f"fairness: only {len(during)} gaps while the prompt was read: FAIL")
        return False
    ratios = [percentile(during, share) / percentile(alone, share) for share in (0.5, 0.99)]
    good = max(ratios) <= 3
    print(
        f"fairness: {len(during)} gaps while {options.tokens} tokens of another client were read: p50 {percentile(during, 0.5) * 1e3:.2f} ms"
        f" ({ratios[0]:.2f}x of alone), p99 {percentile(during, 0.99) * 1e3:.2f} ms ({ratios[1]:.2f}x) (bar: 3x);"
        f" mean in the server {ratio:.2f}x: {'pass' if good else 'FAIL'}"
    )
    return good


async def pacing(options: argparse.Namespace) -> bool:
    digits = "0123456789" * 60  # a token each
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as script:
        script.write(json.dumps({"text": digits, "tokens_per_second": PACE}) + "\n")
        script.flush()
        with Server("--lane", f"script:{script.name}", "--scheduler-streams-max", str(options.clients)) as server:
            await stream(server.url, "Hello.", 8, "warm")
            cpu = cpu_seconds(server.process.pid)
            jobs = [stream(server.url, f"Number {i}.", len(digits), f"u{i}") for i in range(options.clients)]
            results = await asyncio.gather(*jobs)
            cpu = cpu_seconds(server.process.pid) - cpu
    whole = all(len(times) == len(digits) for times in results)
    late = 0.0
    for times in results:  # a stream's schedule begins where none of its chunks is early
        offsets = [at - number / PACE for number, at in enumerate(times)]
        late = max(late, max(offsets) - min(offsets))
    count = sum(map(len, results))
    good = whole and late <= LATE_SECONDS and cpu / count <= TOKEN_SECONDS
    print(
        f"pacing: {options.clients} streams of {PACE} tokens a second, {count} chunks, latest {late * 1e3:.0f} ms behind its schedule"
        f" (bar: {LATE_SECONDS * 1e3:.0f}), {cpu / count * 1e6:.1f} us of CPU a token (bar: {TOKEN_SECONDS * 1e6:.0f}): {'pass' if good else 'FAIL'}"
    )
    return good


async def idle(options: argparse.Namespace) -> bool:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, options.connections + 1000), most))
    with Server("--limits-connections", str(options.connections + 100)) as server:
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
        for _, writer in held:
            writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        alive = 0
        for reader, writer in held:
            alive += (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 200")
            writer.close()
    good = alive == options.connections and took < 1
    print(
        f"idle: {alive} of {options.connections} held and answered afterwards, {grown * 1024 / options.connections:.1f} KiB each,"
        f" a request meanwhile took {took * 1e3:.0f} ms: {'pass' if good else 'FAIL'}"
    )
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("test", choices=("streams", "fairness", "pacing", "idle"))
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--seconds", type=float, default=8, help="of streams that all run")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--server", default="", help="more options of baleen serve")
    options = parser.parse_args()
    options.tokens = options.tokens or {"streams": 20_000, "fairness": 100_000}.get(options.test)
    return 0 if asyncio.run(globals()[options.test](options)) else 1


if __name__ == "__main__":
    sys.exit(main())
