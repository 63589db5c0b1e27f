"""What the benchmarks share: a synthetic corpus, a step of training, clocks, counters and tables."""

import ctypes
import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedTokenizerFast

from segdiff.configs.schema import LoopConfig
from segdiff.pipelines.corpus import Document
from segdiff.pipelines.prepared import PreparedCorpus, prepare
from segdiff.pipelines.tokenization import train_tokenizer

NUM_SEGMENTS = 5
FREQUENT_WORDS = "the a to and his her was in of it he she they had for with on at that so but"

Row = dict[str, Any]


# -------------------------------------------------------------------------------------- synthetic corpus


def synthetic_documents(num_documents: int, seed: int = 0) -> list[Document]:
    """Titled stories of five sentences of 5 to 19 words, whose words are as unevenly frequent as real ones."""
    rng = Random(seed)
    onsets, nuclei, codas = [*"bdfghklmnprstvw", "sh", "ch", "st"], "aeiou", ["", "n", "r", "s", "t"]
    syllables = [onset + nucleus + coda for onset in onsets for nucleus in nuclei for coda in codas]
    seldom = ["".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(3000)]
    frequent = FREQUENT_WORDS.split()
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(seldom))))  # Zipf

    def word() -> str:
        return rng.choices(seldom, cum_weights=weights)[0]

    def sentence() -> str:
        length = min(19, max(5, round(rng.gauss(10, 3.2))))
        rest = [rng.choice(frequent) if rng.random() < 0.55 else word() for _ in range(length - 3)]
        return " ".join([rng.choice(["Tom", "Anna", "Sue", "Frank"]), "was", *rest, word()]) + "."

    return [
        Document(tuple(sentence() for _ in range(NUM_SEGMENTS)), " ".join(word() for _ in range(3)))
        for _ in range(num_documents)
    ]


def synthetic_corpus(
    num_documents: int, vocab_size: int, max_tokens: int
) -> tuple[PreparedCorpus, PreTrainedTokenizerFast]:
    """The synthetic stories with a tokenizer of their own; neighbouring sentences stand for paraphrases."""
    documents = synthetic_documents(num_documents)
    texts = [text for document in documents for text in document.segments]
    tokenizer = train_tokenizer(texts, vocab_size)
    return prepare(documents, pairwise(texts[: 4 * num_documents]), tokenizer, max_tokens), tokenizer


# ---------------------------------------------------------------------------------------------- training


class Contender:
    """One way of training: makes its batch, runs forward, backward and an optimiser step.

    Args:
        model: what is trained.
        batch_at: step -> batch, part of what is timed.
        loss_of: batch -> scalar loss.
        loop: precision and optimiser options, the same for both sides.
        clip: clip gradients as the training loop does (plain does not).
        ema_decay: keep a moving average as the diffusion stage does.
        count: what a batch has of what is counted: segments by default.
    """

    def __init__(
        self,
        model: nn.Module,
        batch_at: Callable[[int], Any],
        loss_of: Callable[[Any], Tensor],
        loop: LoopConfig,
        clip: bool = False,
        ema_decay: float | None = None,
        count: Callable[[Any], int] = lambda batch: int(batch.segment_mask.sum()),
    ) -> None:
        self.count = count
        self.model, self.batch_at, self.loss_of, self.loop, self.clip = model.train(), batch_at, loss_of, loop, clip
        rate = loop.learning_rate / 100  # there is no warm-up of the learning rate here
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=rate, betas=loop.betas, weight_decay=loop.weight_decay, fused=True
        )
        self.averaged = None
        if ema_decay:
            self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay), use_buffers=False)

    def step(self, index: int) -> int:
        """Train on batch `index`; the number of its segments, or of what is counted."""
        batch = self.batch_at(index)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.loop.mixed_precision == "bf16"):
            loss = self.loss_of(batch)
        loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.loop.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        return self.count(batch)

    def num_parameters(self) -> int:
        """Weights, shared ones once."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def loss_of(objective: nn.Module) -> Callable[[Any], Tensor]:
    """Batch -> the weighted sum of an objective's losses."""
    return lambda batch: objective(batch)["loss"]


# -------------------------------------------------------------------------------------- clocks and counters


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of one value, that value."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def spread(name: str, values: Sequence[float]) -> Row:
    """Median and quartiles of repetitions as columns of a table."""
    low, middle, high = quartiles(values)
    return {name: middle, f"{name}, quartiles": f"{cell(low)} to {cell(high)}"}


def interleaved(
    runs: Mapping[str, Callable[[], Any]], repetitions: int, most_seconds: float = float("inf")
) -> dict[str, list[float]]:
    """Seconds of each run in rounds of one run each, so that a drift of the machine hits all.

    No round begins after `most_seconds`, but there are always two where two are asked for. The caller warms up.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    began = time.perf_counter()
    for repetition in range(repetitions):
        if repetition > 1 and time.perf_counter() - began > most_seconds:
            break
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return taken


def flops(run: Callable[[], Any]) -> int:
    """Floating-point operations of the matrix products of a run, attention's and backward's included.

    Attention runs in its plain form here: the counter does not know the fused one of CPUs.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def matrix_peak(size: int, repetitions: int = 4) -> float:
    """FLOP/s of the fastest of some products of two square matrices in single precision."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def peak_of(run: Callable[[], Any]) -> tuple[Any, float | None]:
    """What a run returns, and the MiB by which it lifts resident memory (None where the system does not tell)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    gc.collect()
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)  # what is free already would hide what the run takes
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is resident now
        before = _kib("VmRSS")
    except OSError:
        return run(), None
    result = run()
    return result, (_kib("VmHWM") - before) / 1024


def _kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def peak_memory() -> float:
    """Largest resident memory of this process so far in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


# ---------------------------------------------------------------------------------------------- report


def shown(words: Sequence[str]) -> str:
    """A command line as one would type it."""
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table; a column that a row lacks stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns), *([cell(row.get(name)) for name in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Any) -> str:
    """A value of a table: numbers to four figures."""
    if isinstance(value, float):
        return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
    return "" if value is None else str(value)
