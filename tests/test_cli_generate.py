"""`segdiff generate`, `reconstruct` and `models`, and models that cannot be loaded."""

import shutil
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from segdiff.commands import writing

Run = Callable[..., Any]


@pytest.fixture
def broken_model(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be broken."""
    return shutil.copytree(tiny_model_dir, tmp_path / "broken")


def test_generate_json(run: Run, tiny_model_dir: Path) -> None:
    arguments = ["generate", "A kite", "--segments", 3, "--num", 3, "--batch-size", 2, "--seed", 5, "--steps", 4]
    written = run(*arguments, "--json", "--model", tiny_model_dir)
    assert (written.code, written.err) == (0, "")
    assert [row["seed"] for row in written.rows] == [5, 6, 7]
    for row in written.rows:
        assert list(row) == ["title", "segments", "text", "seed", "seconds", "denoiser_calls"]
        assert row["title"] == "A kite" and len(row["segments"]) == 3 and row["denoiser_calls"] > 0


def test_same_seed_same_text_whatever_the_batch(run: Run, tiny_model_dir: Path) -> None:
    def texts(seed: int, num: int, batch_size: int) -> list[str]:
        arguments = ["--seed", seed, "--num", num, "--batch-size", batch_size, "--temperature", 1]
        written = run("generate", "A kite", *arguments, "--json", "--model", tiny_model_dir)
        return [row["text"] for row in written.rows]

    all_at_once = texts(0, 5, 16)
    assert texts(0, 5, 2) == all_at_once
    assert texts(0, 5, 1) == all_at_once
    assert texts(3, 1, 16) == all_at_once[3:4]
    assert len(set(all_at_once)) > 1


def test_generate_text(run: Run, tiny_model_dir: Path) -> None:
    arguments = ["generate", "A kite", "--segments", 2, "--seed", 1, "--model", tiny_model_dir]
    expected = [row["text"] for row in run(*arguments, "--num", 2, "--json").rows]
    one = run(*arguments)
    assert one.out == expected[0] + "\n"
    assert one.err.startswith("seed 1, ") and one.err.endswith(" s, 20 denoiser calls\n")
    two = run(*arguments, "--num", 2)
    assert two.out == f"# A kite (seed 1)\n{expected[0]}\n\n# A kite (seed 2)\n{expected[1]}\n"
    assert two.err.startswith("seeds 1 to 2, ")


def test_a_random_seed_is_said_and_writes_the_story_again(run: Run, tiny_model_dir: Path) -> None:
    first = run("generate", "--temperature", 1, "--model", tiny_model_dir)
    seed = first.err.split(",")[0].removeprefix("seed ")
    assert run("generate", "--temperature", 1, "--seed", seed, "--model", tiny_model_dir).out == first.out


def test_min_p_leaves_the_likeliest_words_alone(run: Run, tiny_model_dir: Path) -> None:
    arguments = ["generate", "A kite", "--segments", 4, "--seed", 1, "--model", tiny_model_dir]
    greedy, drawn, narrow = (
        run(*arguments, *more).out
        for more in ([], ["--temperature", 3], ["--temperature", 3, "--min-p", 1])  # 1: nothing but the likeliest
    )
    assert narrow == greedy != drawn
    assert "min-p" in run(*arguments, "--min-p", 2).error


def test_given_segments_come_back(run: Run, tiny_model_dir: Path) -> None:
    given = ["--start", "Tom ran.", "--start", "It rained.", "--end", "They went home."]
    (row,) = run("generate", *given, "--json", "--model", tiny_model_dir).rows
    assert row["title"] is None and len(row["segments"]) >= 4  # the model chooses how many
    assert row["segments"][:2] == ["Tom ran.", "It rained."] and row["segments"][-1] == "They went home."
    (row,) = run("generate", "--start", "Tom ran.", "--segments", 3, "--json", "--model", tiny_model_dir).rows
    assert row["segments"][0] == "Tom ran." and len(row["segments"]) == 3


def test_keywords_condition_the_story(run: Run, tiny_model_dir: Path) -> None:
    arguments = ["generate", "--seed", 0, "--segments", 4, "--json", "--model", tiny_model_dir, "--guidance", 20]
    with_words = run(*arguments, "--keywords", "kite, rain,").rows[0]["segments"]
    assert with_words != run(*arguments).rows[0]["segments"]
    assert with_words == run(*arguments, "--keywords", " kite,rain").rows[0]["segments"]


# --- models that cannot be loaded


@pytest.mark.parametrize("command", ["generate", "reconstruct"])
@pytest.mark.parametrize("weights", ["encoder", "decoder"])
def test_damaged_weights(run: Run, broken_model: Path, command: str, weights: str) -> None:
    arguments = [command, *(["-"] if command == "reconstruct" else []), "--model", broken_model]
    file = broken_model / weights / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert str(broken_model / weights) in run(*arguments, stdin=b"Hello.").error
    file.unlink()
    assert str(broken_model / weights) in run(*arguments, stdin=b"Hello.").error


@pytest.mark.parametrize("missing", ["model_index.json", "denoiser/config.json", "tokenizer"])
def test_missing_parts_of_a_model(run: Run, broken_model: Path, missing: str) -> None:
    path = broken_model / missing
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert str(broken_model) in run("generate", "--model", broken_model).error


def test_unknown_models(run: Run) -> None:
    assert "no model at 'stories-huge'" in run("generate", "--model", "stories-huge").error
    assert "no folder 'nobody/nothing'" in run("generate", "--model", "nobody/nothing").error
    assert "no folder 'nobody/nothing'" in run("reconstruct", "-", "--model", "nobody/nothing").error


def test_unusable_devices(run: Run) -> None:
    for device in ("abacus", "meta"):
        assert f"device '{device}' cannot be used here" in run("generate", "--device", device).error


# --- reconstruct


def test_reconstruct_lines(run: Run, tiny_model_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("Tom ran. It rained.\r\n\n  \nSué laughed.".encode())
    text = run("reconstruct", file, "--model", tiny_model_dir)
    assert (text.code, text.err) == (0, "")
    piped = run("reconstruct", "-", "--json", "--model", tiny_model_dir, stdin=file.read_bytes())
    assert [row["text"] for row in piped.rows] == ["Tom ran. It rained.", "Sué laughed."]
    assert all(list(row) == ["text", "reconstruction"] for row in piped.rows)
    first, last = (row["reconstruction"] for row in piped.rows)
    assert text.out == f"{first}\n\n\n{last}\n"


def test_reconstruct_refuses_what_is_no_text(run: Run, tiny_model_dir: Path) -> None:
    failed = run("reconstruct", "-", "--model", tiny_model_dir, stdin=b"fine\n\xff\xfe\n")
    assert "line 2 is not UTF-8" in failed.error
    assert "line 1 holds NUL bytes" in run("reconstruct", "-", "--model", tiny_model_dir, stdin=b"a\0b\n").error
    for noise in (-1, "nan"):
        assert run("reconstruct", "-", "--noise", noise).error.startswith("Invalid value for '--noise'")
    failed = run("reconstruct", "-", "--noise", "inf", "--model", tiny_model_dir, stdin=b"A.\n")
    assert failed.error == "noise is inf; it must be a finite number, 0 or more"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
def test_reconstruct_says_that_there_is_no_text(run: Run, tiny_model_dir: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "empty.txt"
    file.write_bytes(content)
    assert run("reconstruct", file, "--model", tiny_model_dir).error == f"{file} is empty; give some text"
    failed = run("reconstruct", "-", "--model", tiny_model_dir, stdin=content)
    assert failed.error == "standard input is empty; give some text"


# --- models


def test_models(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "files", lambda package: tmp_path)
    assert astuple(run("models")) == (0, "", "no model is bundled; give --model a folder or a hub name\n")
    for name, card in [("small", "---\nlicense: x\n---\n\n# A small one\n\nMore."), ("other", None)]:
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "weights.safetensors").write_bytes(bytes(1_500_000))
        if card:
            (tmp_path / "models" / name / "README.md").write_text(card)
    assert run("models").out.splitlines() == ["other  1.5 MB", "small  1.5 MB  A small one"]
