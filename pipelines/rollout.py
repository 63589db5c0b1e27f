"""Long stories, group by group: which segments are denoised together and what each of them draws.

A story of any length is written through a window that moves along it: some clean segments, which are context, then a
group of segments that are denoised together (as in block diffusion, arXiv 2503.09573, over segments in place of
tokens). Time grows with the length, memory does not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

POSITION, STEPS = 0, 1  # what a generator is for


@dataclass(frozen=True)
class Window:
    """Segments `first` to `last` of a story are seen, those of `start` to `stop` are written; ends are exclusive."""

    first: int
    start: int
    stop: int
    last: int


def windows(levels: Sequence[float], group: int, context: int) -> Iterator[Window]:
    """The windows that write a story, in order.

    Args:
        levels: noise level each segment starts from; 0 = given.
        group: segments written together; given ones among them count.
        context: clean segments that are seen around a group: those before it, and where given segments follow it, up
            to half of them after it, so that it is written towards them.
    """
    count = len(levels)
    stop = 0
    while (start := next((index for index in range(stop, count) if levels[index] > 0), count)) < count:
        stop = min(start + group, count)
        last = stop
        while last < min(count, stop + context // 2) and levels[last] == 0:
            last += 1
        yield Window(max(0, start - (context - (last - stop))), start, stop, last)


def generator(seed: int, candidate: int, position: int, purpose: int) -> torch.Generator:
    """Random numbers that depend on nothing else: not on the batch, the length of the story or its other segments."""
    state = np.random.SeedSequence([seed, candidate, position, purpose]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


def drawn(
    seeds: Sequence[int], num_candidates: int, positions: range, shape: tuple[int, ...], num_tokens: int
) -> tuple[Tensor, Tensor]:
    """What segments start from and what their decoding draws; rows are stories, each with its candidates in order.

    Returns:
        (rows, S, *shape) standard normal noise and (rows, S, num_tokens) uniform numbers of the S `positions`.
    """
    sources = [
        [generator(seed, candidate, position, POSITION) for position in positions]
        for seed in seeds
        for candidate in range(num_candidates)
    ]
    noise = torch.stack([torch.stack([torch.randn(shape, generator=one) for one in row]) for row in sources])
    uniforms = torch.stack([torch.stack([torch.rand(num_tokens, generator=one) for one in row]) for row in sources])
    return noise, uniforms
