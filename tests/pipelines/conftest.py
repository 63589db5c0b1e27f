"""What tests of pipelines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from segdiff import StoryPipeline


class Killed(Exception):
    """In place of SIGKILL."""


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[None]]:
    """`with killed_at(9):` a training run in it comes to its end, from outside, where it draws the batch of step 9."""
    from segdiff.pipelines.batches import DocumentSampler

    draw = DocumentSampler.__call__

    @contextmanager
    def killed_at(last: int) -> Iterator[None]:
        def killed(self: DocumentSampler, step: int) -> list[tuple[int, int, int]]:
            if step == last:
                raise Killed
            return draw(self, step)

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(DocumentSampler, "__call__", killed)
            yield

    return killed_at


@pytest.fixture(scope="module")
def pipeline(tiny_model_dir: Path) -> StoryPipeline:
    """The tiny pipeline with a decoder that writes something: a fresh one repeats its first token."""
    import torch

    from segdiff import StoryPipeline

    pipeline = StoryPipeline.from_pretrained(tiny_model_dir)
    pipeline.set_progress_bar_config(disable=True)
    transformer = pipeline.decoder.transformer
    with torch.no_grad():
        transformer.embed_tokens.weight.mul_(0.05)
        transformer.embed_tokens.weight[:6] = 0  # special tokens are not written
        transformer.final_layer_norm.weight.mul_(100)
        transformer.block[0].layer[1].EncDecAttention.o.weight.mul_(20)
        transformer.block[0].layer[2].DenseReluDense.wo.weight.mul_(8)
    return pipeline
