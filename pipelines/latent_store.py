"""Latents of a corpus on disk: numbered safetensors shards and an index; written, resumed and read in little memory.

n segments of a shard, K latents per segment, D latent width.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .files import write_json

INDEX = "index.json"
AGAIN = "delete its folder and encode the corpus again"
SHARDS = "latents-*.safetensors"


@dataclass
class LatentIndex:
    """What a folder of latents holds; `index.json`.

    Attributes:
        fingerprint: of the encoder.
        num_latents, latent_dim: K and D.
        dtype: "float32" or "float16".
        shard_segments: segments of every shard but the last.
        by: what the corpus was cut into.
        corpus: SHA-256 of the file.
        count: segments so far.
        line, line_segments: number (from 1) of the last segment's line, and the segments of that line so far.
        complete: the whole corpus is encoded.
        shards: file name and segments of each.
    """

    fingerprint: str
    num_latents: int
    latent_dim: int
    dtype: str
    shard_segments: int
    by: str
    corpus: str
    count: int = 0
    line: int = 0
    line_segments: int = 0
    complete: bool = False
    shards: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> "LatentIndex":
        """Read `folder/index.json`.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged.
        """
        file = folder / INDEX
        if not file.is_file():
            raise FileNotFoundError(f"{folder} holds no latents: {INDEX} is missing")
        try:
            index = TypeAdapter(cls).validate_json(file.read_bytes(), strict=True)
            names = [PurePath(shard["file"]).name == shard["file"] for shard in index.shards]
            if not all(names) or sum(shard["count"] for shard in index.shards) != index.count:
                raise ValueError("its shards are not what it counts")
            return index
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            first = " ".join(str(error).split()[:20])
            raise ValueError(f"{file} is damaged ({first}); encode the corpus again") from None

    def save(self, folder: Path) -> None:
        write_json(folder / INDEX, asdict(self))


def open_store(folder: Path, new: LatentIndex) -> LatentIndex:
    """The index of the encoding that was begun in `folder`, or begin `new` there.

    Raises:
        ValueError: `folder` holds something else, an encoding with other options, or a damaged shard.
    """
    if not (folder / INDEX).exists():
        own = (".tmp", ".lock")
        foreign = [path.name for path in folder.iterdir() if path.suffix not in own] if folder.is_dir() else []
        if foreign:
            raise ValueError(
                f"{folder} is not empty and holds no latents (it has {sorted(foreign)[0]}); use another --out"
            )
        folder.mkdir(parents=True, exist_ok=True)
        new.save(folder)
        return new
    index = LatentIndex.load(folder)
    for name in ("fingerprint", "corpus", "by", "dtype", "shard_segments"):
        there, here = getattr(index, name), getattr(new, name)
        if there != here:
            raise ValueError(
                f"{folder} holds another encoding: {name} is {there} there and {here} now; use another --out"
            )
    for shard in index.shards:
        with open_shard(folder, shard, index):
            pass
    return index


def write_latents(folder: Path, index: LatentIndex, parts: Iterable[tuple[Tensor, list[int]]]) -> Iterator[int]:
    """Write shards of `index.shard_segments` as latents come; each is renamed from a temporary file when it is whole.

    Args:
        folder: made by `open_store`.
        index: where to go on; brought up to date, on disk too, after every shard.
        parts: latents (n, K, D) and the n numbers of their lines, in order.

    Yields:
        The segments that were written, after every shard.
    """
    latents: list[Tensor] = []
    lines: list[int] = []

    def shard(stored: Tensor, numbers: list[int]) -> int:
        name = f"latents-{len(index.shards):05d}.safetensors"
        temporary = folder / f"{name}.tmp"
        save_file({"latents": stored.contiguous(), "lines": torch.tensor(numbers, dtype=torch.int64)}, temporary)
        os.replace(temporary, folder / name)
        before = index.line_segments if numbers[0] == numbers[-1] == index.line else 0
        index.line, index.line_segments = numbers[-1], before + numbers.count(numbers[-1])
        index.count += len(numbers)
        index.shards.append({"file": name, "count": len(numbers)})
        index.save(folder)
        return len(numbers)

    for part, numbers in parts:
        latents.append(part.to(getattr(torch, index.dtype)))
        lines.extend(numbers)
        while len(lines) >= index.shard_segments:
            whole = torch.cat(latents)
            yield shard(whole[: index.shard_segments], lines[: index.shard_segments])
            latents, lines = [whole[index.shard_segments :].clone()], lines[index.shard_segments :]
    if lines:
        yield shard(torch.cat(latents), lines)
    index.complete = True
    index.save(folder)


def read_latents(folder: Path, index: LatentIndex, batch_size: int = 512) -> Iterator[tuple[Tensor, list[int]]]:
    """Latents (n, K, D), n <= `batch_size`, with the numbers of their lines, in the order of the corpus.

    Raises:
        FileNotFoundError, ValueError: a shard is missing, truncated or of other latents.
    """
    for shard in index.shards:
        with open_shard(folder, shard, index) as file:
            latents, lines = file.get_slice("latents"), file.get_slice("lines")
            for start in range(0, shard["count"], batch_size):
                part = latents[start : start + batch_size]
                if not part.isfinite().all():
                    raise ValueError(f"the shard {folder / shard['file']} holds numbers that are not finite; {AGAIN}")
                yield part, lines[start : start + batch_size].tolist()


def open_shard(folder: Path, shard: dict[str, Any], index: LatentIndex) -> Any:
    """A shard as an open `safe_open`.

    Raises:
        FileNotFoundError, ValueError: it is missing, truncated or not what the index says.
    """
    path = folder / shard["file"]
    if not path.is_file():
        raise FileNotFoundError(f"the shard {path} is missing; {AGAIN}")
    try:
        file = safe_open(path, framework="pt")
        shape, lines = file.get_slice("latents").get_shape(), file.get_slice("lines").get_shape()
    except (SafetensorError, OSError) as error:
        raise ValueError(f"the shard {path} is damaged ({error}); {AGAIN}") from None
    wanted = [shard["count"], index.num_latents, index.latent_dim]
    if shape != wanted or lines != wanted[:1]:
        raise ValueError(
            f"the shard {path} holds latents of the shape {shape} of {lines} lines; {INDEX} says {wanted}; {AGAIN}"
        )
    return file
