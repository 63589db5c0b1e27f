"""`segdiff encode` and `segdiff decode`: there and back, resumed, and one clear line for every mistake."""

import errno
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from segdiff import cli
from segdiff.encoders.segmenters import make_segmenter
from segdiff.pipelines import latent_store
from segdiff.pipelines.encode_corpus import blocks, numbered_segments
from segdiff.pipelines.runs import locked

CORPUS = "Tom wanted a kite. He had none.\n\n  Anna had a boat.  \n" + "Nobody knew why. " * 12 + "\nLast.\n"
Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(0, "encode", ...)`: stdout and stderr of a command that ends with that code."""

    def run(code: int, *arguments: object) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        with mock.patch.dict(os.environ), pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert end.value.code == code, err
        return out, err

    return run


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.txt"
    file.write_text(CORPUS, encoding="utf-8")
    return file


def shards(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.safetensors"))}


@pytest.mark.parametrize(("by", "lines"), [("line", [1, 3, 4, 4, 4, 4, 4, 5]), ("sentence", [1, 1, 3, *[4] * 12, 5])])
def test_there_and_back(
    run: Run, corpus: Path, tmp_path: Path, tiny_model_dir: Path, by: str, lines: list[int]
) -> None:
    out = tmp_path / "latents"
    options = ("--model", tiny_model_dir, "--by", by, "--shard-segments", 4, "--dtype", "float16")
    printed, said = run(0, "encode", corpus, "--out", out, *options)
    assert printed == "" and said.startswith(f"{len(lines)} segments, 2 latents of width 8 each, are in ")
    with safe_open(out / "latents-00000.safetensors", framework="np") as file:
        assert file.get_tensor("latents").shape == (4, 2, 8) and file.get_tensor("latents").dtype == "float16"
    rows = [json.loads(row) for row in run(0, "decode", out, "--model", tiny_model_dir, "--json")[0].splitlines()]
    assert [row["line"] for row in rows] == lines
    texts = run(0, "decode", out, "--model", tiny_model_dir, "--batch-size", 3)[0].splitlines()
    assert texts == [row["text"] for row in rows]


WRAPPED = """The dog ran
away from home. It came
back.

Anna: Who
is there?
Tom: I am. It
is me.
"""


@pytest.mark.parametrize(
    ("by", "segments"),
    [
        ("line", [(1, "The dog ran"), (2, "away from home. It came"), (3, "back."), (5, "Anna: Who")]),
        ("sentence", [(1, "The dog ran away from home."), (2, "It came back."), (5, "Anna: Who is there?")]),
        ("turn", [(5, "Anna: Who is there?"), (7, "Tom: I am. It is me.")]),
        (
            "paragraph",
            [(1, "The dog ran away from home. It came back."), (5, "Anna: Who is there? Tom: I am. It is me.")],
        ),
        ("token", [(1, "The dog ran away from home. It came back.")]),
    ],
)
def test_what_is_wrapped_belongs_together(by: str, segments: list[tuple[int, str]]) -> None:
    found = list(numbered_segments(WRAPPED.splitlines(), make_segmenter(by)))
    assert set(segments) <= set(found)
    for first in (2, 3, 6):
        rest = [segment for segment in found if segment[0] >= first]
        assert list(numbered_segments(WRAPPED.splitlines(), make_segmenter(by), first)) == rest


def test_long_text_without_blank_lines_is_read_in_parts() -> None:
    lines = ["He ran", "away."] * 20_000
    found = list(blocks(lines))
    assert len(found) > 1 and all(block.endswith("away.") for _, block in found)
    assert [line for _, block in found for line in block.split("\n")] == lines
    assert [start for start, _ in found[:2]] == [1, 1 + found[0][1].count("\n") + 1]
    assert max(len(block) for _, block in blocks(["word " * 10] * 20_000)) < 300_000


def test_bytes_alone_are_told_once(run: Run, tmp_path: Path, tiny_model_dir: Path) -> None:
    corpus = tmp_path / "arabic.txt"
    corpus.write_text("Tom ran.\n" + "مرحبا\n" * 5, encoding="utf-8")
    told = "segdiff: 5 of 6 segments are mostly bytes to this model's tokenizer; their reconstruction will be damaged\n"
    options = ("--model", tiny_model_dir)
    assert run(0, "encode", corpus, "--out", tmp_path / "latents", "--batch-size", 1, *options)[1].count(told) == 1
    assert run(0, "reconstruct", corpus, *options)[1] == told


@pytest.mark.parametrize("by", ["sentence", "line", "turn"])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_encoding_goes_on(
    run: Run, corpus: Path, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, stop: int, by: str
) -> None:
    corpus.write_text(CORPUS + "\n" + WRAPPED + "\n" + CORPUS, encoding="utf-8")
    options = ("--model", tiny_model_dir, "--by", by, "--shard-segments", 3, "--batch-size", 1)
    run(0, "encode", corpus, "--out", tmp_path / "whole", *options)
    written = 0

    def failing(*arguments: object) -> None:
        nonlocal written
        written += 1
        if written > stop:
            raise KeyboardInterrupt
        os.replace(*arguments)  # type: ignore[arg-type]

    out = tmp_path / "latents"
    with monkeypatch.context() as patch:
        patch.setattr(latent_store, "os", mock.Mock(replace=failing))
        run(130, "encode", corpus, "--out", out, *options)
    kept = shards(out)
    assert len(kept) == stop
    assert "is unfinished" in run(2, "decode", out, "--model", tiny_model_dir)[1]
    times = {name: (out / name).stat().st_mtime_ns for name in kept}
    run(0, "encode", corpus, "--out", out, *options)
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == times
    first, second = (latent_store.LatentIndex.load(folder) for folder in (out, tmp_path / "whole"))
    assert first == second
    assert shards(out).keys() == shards(tmp_path / "whole").keys()
    rows = [run(0, "decode", folder, "--model", tiny_model_dir, "--json")[0] for folder in (out, tmp_path / "whole")]
    assert rows[0] == rows[1]
    done = shards(out)
    run(0, "encode", corpus, "--out", out, *options)  # nothing is left to do
    assert shards(out) == done


def test_one_encoding_at_a_time(run: Run, corpus: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    out, options = tmp_path / "latents", ("--model", tiny_model_dir, "--shard-segments", 2, "--batch-size", 1)
    with locked(out, latent_store.INDEX):
        _, err = run(2, "encode", corpus, "--out", out, *options)
        assert f"another process is at work in {out}; wait for it, or use another --out" in err
        assert [path.name for path in out.iterdir()] == ["index.json.lock"]
    run(0, "encode", corpus, "--out", out, *options)
    assert "is a file; use another --out" in run(2, "encode", corpus, "--out", corpus, *options)[1]


def test_a_failure_leaves_whole_shards_or_nothing(
    run: Run, corpus: Path, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "latents", ("--model", tiny_model_dir, "--shard-segments", 2, "--batch-size", 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(latent_store, "save_file", full)
        assert "the disk is full" in run(2, "encode", corpus, "--out", out, *options)[1]
        assert not out.exists()
    save = mock.Mock(wraps=latent_store.save_file, side_effect=[mock.DEFAULT, OSError(errno.ENOSPC, "full")])
    monkeypatch.setattr(latent_store, "save_file", save)
    run(2, "encode", corpus, "--out", out, *options)
    assert list(shards(out)) == ["latents-00000.safetensors"]


def test_mistakes_are_one_line(run: Run, corpus: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    out, model = tmp_path / "latents", ("--model", tiny_model_dir)
    (tmp_path / "binary").write_bytes(b"ab\0\xff\n" * 9)
    (tmp_path / "nul").write_bytes(b"ab\0c\n")
    (tmp_path / "empty").write_bytes(b" \n\n")
    for name, message in [
        ("binary", "binary line 1 holds NUL bytes"),
        ("nul", "nul line 1 holds NUL bytes"),
        ("empty", "empty holds no text"),
        ("absent", "no file"),
    ]:
        _, err = run(2, "encode", tmp_path / name, "--out", out, *model)
        assert message in err and err.count("\n") == 1
        assert not out.exists()
    assert "no segmenter 'word'; did you mean" in run(2, "encode", corpus, "--out", out, "--by", "word", *model)[1]
    assert "index.json is missing" in run(2, "decode", tmp_path, *model)[1]

    run(0, "encode", corpus, "--out", out, *model)
    corpus.write_text("Another corpus.\n")
    assert "holds another encoding: corpus is" in run(2, "encode", corpus, "--out", out, *model)[1]
    index = json.loads((out / "index.json").read_text())
    (out / "index.json").write_text(json.dumps({**index, "fingerprint": "0" * 16}))
    assert "was encoded by another model" in run(2, "decode", out, *model)[1]
    wrong: list[dict[str, object]] = [
        {"shards": 5},
        {"shards": [5]},
        {"shards": []},
        {"count": -1},
        {"count": "x"},
        {"shards": [{**one, "file": "../" + one["file"]} for one in index["shards"]]},
    ]
    for change in wrong:
        (out / "index.json").write_text(json.dumps({**index, **change}))
        _, err = run(2, "decode", out, *model)
        assert "index.json is damaged" in err and err.count("\n") == 1
    (out / "index.json").write_text(json.dumps(index))
    shard = out / "latents-00000.safetensors"
    shutil.copy(shard, tmp_path / "kept")
    tensors = load_file(shard)
    save_file({**tensors, "latents": tensors["latents"] * float("nan")}, shard)
    assert "holds numbers that are not finite" in run(2, "decode", out, *model)[1]
    save_file({**tensors, "lines": tensors["lines"][:-1].clone()}, shard)
    assert "holds latents of the shape" in run(2, "decode", out, *model)[1]
    save_file({"latents": tensors["latents"]}, shard)
    assert "is damaged" in run(2, "decode", out, *model)[1]
    shutil.copy(tmp_path / "kept", shard)
    shard.write_bytes(shard.read_bytes()[:-10])
    assert "is damaged" in run(2, "decode", out, *model)[1]
    shard.unlink()
    assert "is missing" in run(2, "decode", out, *model)[1]
