"""krill's own byte-level BPE, in the original's form: V4's three splits, digits single, control tokens first three and last.

`python training/krill/tokenizer.py OUT --vocabulary 1152 --seed 1` trains one on the text of the task generators.
"""

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from encoding import FIRST_CONTROLS, LAST_CONTROLS, Piece, render

# spec encoding 1.1
_DIGITS = r"\p{N}{1,3}"
_ASIAN = "[一-龥぀-ゟ゠-ヿ]+"
_REST = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
    r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
)


def _splits(digits: str, blanks_apart: bool = False):
    split = pre_tokenizers.Split
    return pre_tokenizers.Sequence(
        [split(Regex(pattern), "isolated") for pattern in (digits, _ASIAN, _REST, *([" "] if blanks_apart else []))]
        + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


BLANK = "Ġ"  # how the byte-level alphabet writes a blank
BLANK_TOKENS = 280  # tokens that begin with one


class Vocabulary:
    """A tokenizer.json for training: text pieces to ids the way the engine does it, control tokens only where the template has them."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._tokenizer = Tokenizer.from_file(str(path))
        self.size = self._tokenizer.get_vocab_size()
        self.controls = {token: self._tokenizer.token_to_id(token) for token in (*FIRST_CONTROLS, *LAST_CONTROLS)}
        self.bos, self.eos, self.pad = (self.controls[token] for token in FIRST_CONTROLS)
        self._lengths: dict[str, int] = {}

    def measure(self, text: str) -> int:
        """Number of tokens of a text; remembered, since generators ask again for the same lines."""
        length = self._lengths.get(text)
        if length is None:
            if len(self._lengths) > 200_000:
                self._lengths.clear()
            length = self._lengths[text] = len(self._tokenizer.encode(text, add_special_tokens=False).ids)
        return length

    def decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=False)

    def encode(self, pieces: list[Piece]) -> tuple[list[int], list[str | None]]:
        """Ids, and for each the task it is learned for. Stretches between control tokens are encoded whole, as the engine does;
        only where an answer begins inside a stretch (a given prefix) is it cut, as a prompt ends there."""
        stretches: list[tuple[str, str | None]] = []
        order: list[int | str] = []  # index of a stretch, or a control token
        tasks: list[str | None] = []
        for piece in pieces:
            if piece.control:
                order.append(piece.text)
                tasks.append(piece.task)
            elif order and isinstance(order[-1], int) and (stretches[order[-1]][1] is None) == (piece.task is None):
                text, task = stretches[order[-1]]
                stretches[order[-1]] = (text + piece.text, task)
            else:
                order.append(len(stretches))
                tasks.append(piece.task)
                stretches.append((piece.text, piece.task))
        encoded = self._tokenizer.encode_batch([text for text, _ in stretches], add_special_tokens=False)
        ids: list[int] = []
        learned: list[str | None] = []
        for item, task in zip(order, tasks):
            part = [self.controls[item]] if isinstance(item, str) else encoded[item].ids
            ids += part
            learned += [task] * len(part)
        return ids, learned


def _join_blanks(model: dict, bpe: Tokenizer, texts: list[str]):
    """Adds merges of a blank with the first pieces of words that follow one most often, and of blanks with each other."""
    blank = BLANK
    words: Counter[str] = Counter()
    splits = _splits(r"\p{N}")
    for text in texts:
        words.update(word[1:] for word, _ in splits.pre_tokenize_str(text) if len(word) > 1 and word[0] == blank and word[1] != blank)
    first: Counter[str] = Counter()
    for word, count in words.items():
        text = decoders.ByteLevel().decode([word])
        first[bpe.encode(text, add_special_tokens=False).tokens[0]] += count
    merges = [(blank, blank), (blank * 2, blank * 2)]
    merges += [(blank, piece) for piece, _ in first.most_common(BLANK_TOKENS - len(merges))]
    if len(merges) < BLANK_TOKENS:
        raise SystemExit(f"only {len(merges)} pieces follow a blank in this text")
    as_pairs = not model["merges"] or not isinstance(model["merges"][0], str)
    for left, right in merges:
        model["vocab"][left + right] = len(model["vocab"])
        model["merges"].append([left, right] if as_pairs else f"{left} {right}")


def train(out: Path, vocabulary: int, seed: int, samples: int):
    """Trains on rendered samples of all tasks and writes tokenizer.json.

    Merges are learned without the blanks before words; then a blank joins the most frequent first pieces. So a word falls into the same
    pieces wherever it stands, and copying it from the middle of a sentence to the start of an answer is copying its pieces."""
    from tasks import TASKS
    from words import Words

    rng = random.Random(seed)
    source = Words(rng)
    texts: list[str] = []
    for _ in range(samples):
        for task, make in TASKS.items():
            if task == "prefix":
                continue  # has no text of its own
            pieces = render(make(source, 400, lambda text: len(text) // 3 + 1))
            texts += [piece.text for piece in pieces if not piece.control]

    controls = len(FIRST_CONTROLS) + len(LAST_CONTROLS)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = _splits(r"\p{N}", blanks_apart=True)  # one digit at a time, so that no number becomes a token
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - controls - BLANK_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    description = json.loads(bpe.to_str())
    _join_blanks(description["model"], bpe, texts)

    base = sorted(description["model"]["vocab"].items(), key=lambda item: item[1])
    first = len(FIRST_CONTROLS)
    ids = {token: index for index, token in enumerate(FIRST_CONTROLS)}
    ids |= {token: index + first for index, (token, _) in enumerate(base)}
    last = len(ids)
    if last + len(LAST_CONTROLS) != vocabulary:
        raise SystemExit(f"only {last} tokens could be learned from this text; a vocabulary of {vocabulary} is too large for it")
    description["model"]["vocab"] = ids
    plain = ("<think>", "</think>", "｜DSML｜")  # added tokens that are not special, as in the original
    description["added_tokens"] = [
        {"id": index if index < first else last + index - first, "content": token, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False, "special": token not in plain}
        for index, token in enumerate((*FIRST_CONTROLS, *LAST_CONTROLS))
    ]  # fmt: skip
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.pre_tokenizer = _splits(_DIGITS)  # the file says what V4's says; no merge joins digits
    out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out))
    print(f"{out}: {vocabulary} tokens from {sum(map(len, texts)):,} characters")


def main(arguments: list[str]):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", type=int, default=1152)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=400, help="of each task")
    options = parser.parse_args(arguments)
    train(options.out, options.vocabulary, options.seed, options.samples)


if __name__ == "__main__":
    main(sys.argv[1:])
