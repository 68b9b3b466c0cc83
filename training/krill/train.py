"""Trains krill: `python training/krill/train.py --out DIR --tokenizer FILE [--workers N]`. Interrupt it whenever you like and
start it again with the same arguments: it goes on from the last checkpoint with the rows it would have seen.

Workers are processes of one thread each. They share the parameters in memory; every step each works on its rows, then each updates
its share of the parameters from the gradients of all.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from queue import Full

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")  # row counts of experts vary; rebuilding kernels is slow
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", "8000000000")  # keep freed activations, do not return them each step
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "20000000000")
os.environ.setdefault("MALLOC_TOP_PAD_", "200000000")

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

import batches
import curriculum
from batches import TASK_NAMES, make_batch, step_shape
from model import Config, Krill, deepen, silence
from optim import Optimizer
from tokenizer import Vocabulary


_TASK_WEIGHTS = torch.tensor([1.0] + [float(curriculum.TASK_WEIGHT.get(name, 1)) for name in TASK_NAMES])


def rate_at(tokens: int) -> float:
    """Share of the full learning rate: straight lines between the points of curriculum.RATES."""
    before, after = [(a, b) for a, b in zip(curriculum.RATES, curriculum.RATES[1:]) if a[0] <= tokens][-1]
    part = min(1.0, (tokens - before[0]) / (after[0] - before[0]))
    return before[1] + part * (after[1] - before[1])


def _produce(queue, vocabulary_path: str, seed: int, step: int, tokens: int, rank: int, workers: int):
    """Makes batches ahead of the worker, in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(1)
    vocabulary = Vocabulary(vocabulary_path)
    worker = os.getppid()
    while os.getppid() == worker:
        batch = make_batch(vocabulary, seed, step, tokens, rank, workers)
        while os.getppid() == worker:  # a worker that was killed takes nothing any more
            try:
                queue.put(batch, timeout=2)
                break
            except Full:
                pass
        rows, length = step_shape(seed, step, tokens)
        tokens += rows * length
        step += 1


def losses(model: Krill, batch: batches.Batch, trained: int, generator: torch.Generator, count_answers, workers: int):
    """The loss of a worker's rows, its share of the step's: the sum over workers is the mean over the step's answers. `trained`: tokens
    before this step."""
    tokens = torch.from_numpy(batch.tokens)
    learn = torch.from_numpy(batch.learn)
    rows, length = tokens.shape
    following = torch.roll(tokens, -1, 1).view(-1)
    task = torch.roll(learn, -1, 1)
    task[:, -1] = 0
    task = task.view(-1)
    answer = task > 0
    usable = torch.ones(rows, length, dtype=torch.bool)
    usable[:, -1] = False
    context = ~answer & (following != 2) & usable.view(-1)
    context &= torch.rand(rows * length, generator=generator) < curriculum.CONTEXT_SHARE
    answer_at, context_at = answer.nonzero()[:, 0], context.nonzero()[:, 0]
    at = torch.cat([answer_at, context_at])
    answers = len(answer_at)

    select = trained >= curriculum.SELECT_FROM
    with_mtp = trained >= curriculum.MTP_FROM
    # The indexer is taught at some positions only: half of them where answers begin, half anywhere.
    queries = torch.randint(0, length, (rows, max(16, length // 16)), generator=generator)
    for row in range(rows):
        own = answer.view(rows, length)[row].nonzero()[:, 0]
        if len(own):
            half = queries.shape[1] // 2
            queries[row, :half] = own[torch.randint(0, len(own), (half,), generator=generator)]

    out = model(tokens, at, positions=torch.from_numpy(batch.positions), mtp=with_mtp, select=select, index_queries=queries)
    target = following[at]
    kinds = task[answer_at].long()
    weight = _TASK_WEIGHTS[kinds]
    if trained >= curriculum.FIRST_FROM:
        begins = torch.ones(answers, dtype=torch.bool)
        begins[1:] = (answer_at[1:] != answer_at[:-1] + 1) | (kinds[1:] != kinds[:-1])
        weight = torch.where(begins, curriculum.FIRST_WEIGHT * weight, weight)
    weight = torch.cat([weight, torch.ones(len(context_at))])
    loss = F.cross_entropy(out.logits, target, reduction="none") * weight
    all_answers, all_context = count_answers(answers, len(context_at))
    answer_loss = loss[:answers].sum() / max(1, all_answers)
    context_loss = loss[answers:].sum() / max(1, all_context)
    total = answer_loss + curriculum.CONTEXT_WEIGHT * context_loss + curriculum.INDEX_WEIGHT / workers * out.index_loss
    if with_mtp:
        second = torch.roll(tokens, -2, 1).view(-1)[at]
        mtp_loss = F.cross_entropy(out.mtp_logits, second, reduction="none") * weight * (at % length < length - 2)
        total = total + curriculum.MTP_WEIGHT * (
            mtp_loss[:answers].sum() / max(1, all_answers) + curriculum.CONTEXT_WEIGHT * mtp_loss[answers:].sum() / max(1, all_context)
        )

    with torch.no_grad():
        right = (out.logits[:answers].argmax(-1) == target[:answers]).float()
        per_task = torch.zeros(len(TASK_NAMES) + 1, 2)
        per_task[:, 0].index_add_(0, kinds, right)
        per_task[:, 1].index_add_(0, kinds, torch.ones_like(right))
    return total, {
        "answer_loss": answer_loss.item(),
        "context_loss": context_loss.item(),
        "index_loss": out.index_loss.item(),
        "per_task": per_task,
        "expert_load": out.expert_load,
    }


class Shared:
    """What the workers have in common, in shared memory."""

    def __init__(self, model: Krill, workers: int):
        self.model = model.share_memory()
        size = sum(parameter.numel() for parameter in model.parameters())
        self.gradients = torch.zeros(workers, size).share_memory_()
        self.counts = torch.zeros(workers, 2).share_memory_()
        self.load = torch.zeros(workers, *model.expert_bias().shape).share_memory_()
        self.log = torch.zeros(workers, len(TASK_NAMES) + 1, 2).share_memory_()
        self.numbers = torch.zeros(workers, 4).share_memory_()
        # The running mean of the weights: what is measured and exported. It stands where a lower learning rate would lead.
        self.average = {name: tensor.detach().clone().share_memory_() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update_average(self, tokens: int):
        """After a step of `tokens` tokens."""
        newest = 1 - curriculum.AVERAGE ** (tokens / 2048)
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point():
                self.average[name].lerp_(tensor, newest)


def _worker(rank: int, workers: int, shared: Shared, optimizer: Optimizer, barrier, start: dict, options, stop):
    torch.set_num_threads(1)
    if options.cpus:
        os.sched_setaffinity(0, {options.cpus[rank % len(options.cpus)]})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    model = shared.model
    parameters = list(model.parameters())
    step, tokens = start["step"], start["tokens"]
    context = mp.get_context("spawn")
    queue = context.Queue(3)
    producer = context.Process(
        target=_produce, args=(queue, str(options.tokenizer), options.seed, step, tokens, rank, workers), daemon=True
    )
    producer.start()
    flat = shared.gradients[rank]
    views, offset = [], 0
    for parameter in parameters:
        views.append(flat[offset : offset + parameter.numel()].view(parameter.shape))
        offset += parameter.numel()

    def count_answers(answers: int, context_count: int):
        shared.counts[rank] = torch.tensor([answers, context_count], dtype=torch.float32)
        barrier.wait()
        return shared.counts.sum(0).tolist()

    report = Report(options, start) if rank == 0 else None
    model.train()
    while tokens < start["until"]:
        rows, length = step_shape(options.seed, step, tokens)
        batch = queue.get()
        began = time.perf_counter()
        generator = torch.Generator().manual_seed(hash((options.seed, step, rank)) & 0x7FFFFFFF)
        loss, facts = losses(model, batch, tokens, generator, count_answers, workers)
        if not torch.isfinite(loss):
            raise SystemExit(f"the loss of step {step} is {loss.item()}")
        loss.backward()
        for parameter, view in zip(parameters, views):
            if parameter.grad is None:
                view.zero_()
            else:
                view.copy_(parameter.grad)
            parameter.grad = None
        shared.load[rank] = facts["expert_load"]
        shared.log[rank] = facts["per_task"]
        shared.numbers[rank] = torch.tensor([facts["answer_loss"], facts["context_loss"], facts["index_loss"] / workers, loss.item()])
        barrier.wait()
        optimizer.step(shared.gradients, rank, workers, rate_at(tokens))
        if rank == 0:
            model.balance_experts(shared.load.sum(0))
        barrier.wait()
        step += 1
        tokens += rows * length
        if rank == 0:
            shared.update_average(rows * length)
            report.step(step, tokens, length, rows * length / (time.perf_counter() - began), shared)
            if report.due_checkpoint() or tokens >= start["until"] or stop.is_set():
                save(options.out, shared, optimizer, step, tokens, options)
                stop_now = stop.is_set()
                report.checkpoint(shared, step, tokens)
                if stop_now:
                    shared.numbers[:, 3] = float("inf")
        barrier.wait()
        if torch.isinf(shared.numbers[0, 3]):
            break
    producer.kill()


class Report:
    """The live line, and log.jsonl beside the checkpoint."""

    def __init__(self, options, start: dict):
        self.options = options
        self.file = open(options.out / "log.jsonl", "a", buffering=1)
        self.last_line = self.last_save = self.last_eval = time.monotonic()
        self.seconds = start.get("seconds", 0.0)
        self.began = time.monotonic()
        self.first_tokens = start["tokens"]
        self.sums = torch.zeros(len(TASK_NAMES) + 1, 2)
        self.numbers = torch.zeros(3)
        self.steps = 0
        self.vocabulary = Vocabulary(options.tokenizer)
        self.emit(event="start", step=start["step"], tokens=start["tokens"], workers=options.workers, total=options.total, seed=options.seed)

    def emit(self, **record):
        self.file.write(json.dumps(record) + "\n")

    def elapsed(self) -> float:
        return self.seconds + time.monotonic() - self.began

    def step(self, step: int, tokens: int, length: int, speed: float, shared: Shared):
        self.sums += shared.log.sum(0)
        self.numbers += shared.numbers[:, :3].sum(0)
        self.steps += 1
        if time.monotonic() - self.last_line < self.options.every:
            return
        rate = (tokens - self.first_tokens) / (time.monotonic() - self.began)
        left = (self.options.total - tokens) / rate
        accuracy = {name: round(float(self.sums[i + 1, 0] / self.sums[i + 1, 1]), 4) for i, name in enumerate(TASK_NAMES) if self.sums[i + 1, 1]}
        answer, context, index = (self.numbers / self.steps).tolist()
        self.emit(event="train", step=step, tokens=tokens, seconds=round(self.elapsed()), answer_loss=round(answer, 4),
                  context_loss=round(context, 4), index_loss=round(index, 4), accuracy=accuracy, speed=round(rate))  # fmt: skip
        overall = float(self.sums[:, 0].sum() / self.sums[:, 1].sum().clamp_min(1))
        worst = " ".join(f"{name} {value:.2f}" for name, value in sorted(accuracy.items(), key=lambda item: item[1])[:5])
        print(f"{tokens / 1e6:6.1f}M of {self.options.total / 1e6:.0f}M  length {length:5d}  loss {answer:.3f}  right {overall:.3f} ({worst})  "
              f"{rate:.0f} tokens/s  {left / 60:.0f} min left", flush=True)  # fmt: skip
        self.sums.zero_()
        self.numbers.zero_()
        self.steps = 0
        self.last_line = time.monotonic()

    def due_checkpoint(self) -> bool:
        return time.monotonic() - self.last_save > self.options.save_every

    def checkpoint(self, shared: Shared, step: int, tokens: int):
        self.last_save = time.monotonic()
        if self.options.eval_every and time.monotonic() - self.last_eval > self.options.eval_every:
            model = Krill(shared.model.config)
            model.load_state_dict(shared.average)
            scores = held_out(model, self.vocabulary)
            self.emit(event="held_out", step=step, tokens=tokens, seconds=round(self.elapsed()), scores=scores)
            print("held-out words, given the gold history: " + " ".join(f"{k} {v:.2f}" for k, v in scores.items()), flush=True)
            self.last_eval = time.monotonic()


@torch.no_grad()
def held_out(model: Krill, vocabulary: Vocabulary, rows: int = 12, length: int = 1024) -> dict[str, float]:
    """Share of answers of which every token is right, by task, with words and phrasings kept from training."""
    model.eval()
    right: dict[str, list[int]] = {}
    names = ("mixed", "multi", "extract", "tools", "json_schema", "fim", "prefix", "identity", "refuse")
    for name in names:
        made = [batches.make_row(vocabulary, random.Random(f"held/{name}/{row}"), {name: 1.0}, length, held=True) for row in range(rows)]
        tokens = torch.stack([torch.from_numpy(ids) for ids, _ in made])
        learn = torch.stack([torch.from_numpy(marks) for _, marks in made])
        task = torch.roll(learn, -1, 1)
        task[:, -1] = 0
        at = (task.view(-1) > 0).nonzero()[:, 0]
        positions = torch.arange(length, dtype=torch.int32).repeat(rows, 1)
        out = model(tokens, at, positions=positions, select=True)
        good = out.logits.argmax(-1) == torch.roll(tokens, -1, 1).view(-1)[at]
        kinds = task.view(-1)[at]
        begins = torch.ones(len(at), dtype=torch.bool)
        begins[1:] = (at[1:] != at[:-1] + 1) | (kinds[1:] != kinds[:-1])
        answer = begins.cumsum(0) - 1
        whole = torch.ones(int(answer[-1]) + 1, dtype=torch.bool)
        whole[answer[~good]] = False
        for kind, ok in zip(kinds[begins].tolist(), whole.tolist()):
            right.setdefault(TASK_NAMES[kind - 1], []).append(int(ok))
    return {name: round(sum(values) / len(values), 3) for name, values in right.items()}


def save(out: Path, shared: Shared, optimizer: Optimizer, step: int, tokens: int, options):
    """Written beside and renamed, so that a kill leaves the old one or the new one. Weights that are no numbers end the run instead: they
    show in the loss a step later, or never where a part is not in use."""
    wrong = [name for name, tensor in shared.model.state_dict().items() if not torch.isfinite(tensor).all()]
    if wrong:
        raise SystemExit(f"after step {step} {wrong[0]} is not finite")
    state = {
        "config": dict(vars(shared.model.config)),
        "model": shared.model.state_dict(),
        "average": shared.average,
        "optimizer": optimizer.state_dict(),
        "step": step,
        "tokens": tokens,
        "seed": options.seed,
    }
    temporary = out / "checkpoint.pt.new"
    torch.save(state, temporary)
    temporary.replace(out / "checkpoint.pt")


def main(arguments: list[str]):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="directory of checkpoint.pt and log.jsonl")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cpus", type=lambda text: [int(part) for part in text.split(",")], default=[], help="CPU of each worker, e.g. 0,1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total", type=float, default=curriculum.TOTAL, help="tokens after which it ends")
    parser.add_argument("--every", type=float, default=15, help="seconds between lines of the log")
    parser.add_argument("--save-every", type=float, default=180, help="seconds between checkpoints")
    parser.add_argument("--eval-every", type=float, default=600, help="seconds between held-out scores; 0: never")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    context = mp.get_context("spawn")
    stop = context.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: (print("saving and stopping", flush=True), stop.set()))
    for until in [start for start, _ in curriculum.LAYERS[1:] if start < options.total] + [options.total]:
        if not stop.is_set():
            run(options, until, context, stop)


def run(options, until: float, context, stop) -> None:
    """Goes on from the last checkpoint, or from nothing, until so many tokens; in between the model keeps its layers."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    checkpoint = options.out / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=False) if checkpoint.exists() else None
    start = {"step": 0, "tokens": 0, "until": until}
    if state:
        start |= {"step": state["step"], "tokens": state["tokens"]}
        print(f"going on from {checkpoint}: {state['tokens'] / 1e6:.1f}M tokens", flush=True)
    if start["tokens"] >= until:
        return
    model = Krill(Config(**curriculum.model_at(start["tokens"])))
    optimizer = Optimizer(model, options.workers)
    if state:
        if tuple(state["config"]["compress_ratios"]) != model.config.compress_ratios:
            state = deepened(state, model, optimizer)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    optimizer.share_memory()
    shared = Shared(model, options.workers)
    if state:
        for name, tensor in state["average"].items():
            shared.average[name].copy_(tensor)
    barrier = context.Barrier(options.workers)
    workers = [
        context.Process(target=_worker, args=(rank, options.workers, shared, optimizer, barrier, start, options, stop))
        for rank in range(options.workers)
    ]
    for process in workers:
        process.start()
    while any(process.is_alive() for process in workers):
        for process in workers:
            process.join(1)
            if process.exitcode not in (None, 0):
                for other in workers:
                    other.kill()
                raise SystemExit(f"a worker ended with {process.exitcode}; the last checkpoint stands")


def deepened(state: dict, model: Krill, optimizer: Optimizer) -> dict:
    """The state of a checkpoint for `model`, which has more layers; both are fresh."""
    origins = next(
        ([origin for _, origin in layers] for _, layers in curriculum.LAYERS if tuple(r for r, _ in layers) == model.config.compress_ratios)
    )
    if sum(origin is not None for origin in origins) != len(state["config"]["compress_ratios"]):
        raise SystemExit(f"the checkpoint's layers {state['config']['compress_ratios']} are not those that LAYERS continues")
    for block, origin in zip(model.layers, origins):
        if origin is None:
            silence(block)
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    own = optimizer.state_dict()
    moments = {part: deepen(state["optimizer"][part], origins, own[part]) for part in ("first", "second")}
    return state | {
        "model": deepen(state["model"], origins, fresh),
        "average": deepen(state["average"], origins, fresh),
        "optimizer": {"steps": state["optimizer"]["steps"]} | moments,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
