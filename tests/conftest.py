"""What all tests share."""

import os
from pathlib import Path

import pytest

# Both are read when the libraries are first imported, so that tests without torch stay fast.
os.environ["HF_HUB_OFFLINE"] = "1"  # no test needs the network
os.environ["OMP_NUM_THREADS"] = "2"  # torch.get_num_threads(); tiny models are slower with more

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real corpora; the test is skipped where there is none."""
    folder = Path(os.environ.get("SEGDIFF_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data: set SEGDIFF_DATA to its folder")
    return folder
