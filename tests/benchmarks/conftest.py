"""Makes the benchmarks' own modules importable, as running one of their scripts does."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """Scripts leave them flushed, which is of the whole process."""
    yield
    torch.set_flush_denormal(False)
