"""`segdiff generate` under control, and `segdiff train control`."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from segdiff import cli
from segdiff.commands import given
from segdiff.pipelines.template import MAX_SEGMENTS, join_segments

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys, monkeypatch, tiny_model_dir: Path) -> Run:
    """`run("generate", "--num", 2)` with the tiny model and few steps -> exit code, stdout, stderr."""

    def run(*arguments: object, model: bool = True) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        fixed = ["--model", str(tiny_model_dir)] if model else []
        if arguments[0] == "generate" and model:
            fixed += ["--steps", "2"]
        with pytest.raises(SystemExit) as end:
            cli.main([*map(str, arguments), *fixed])
        return (int(str(end.value.code)), *capsys.readouterr())

    return run


def rows(result: tuple[int, str, str]) -> list[dict]:
    code, out, err = result
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_the_longest_story_is_the_same_here_and_there():
    assert given.MAX_SEGMENTS == MAX_SEGMENTS


def test_keep(run):
    kept = ["--keep", "3=She  found = them.", "--keep", "1= Anna ran."]
    (row,) = rows(run("generate", "--segments", 4, *kept, "--json"))
    assert row["segments"][0] == " Anna ran." and row["segments"][2] == "She  found = them."
    assert len(row["segments"]) == 4
    (row,) = rows(run("generate", "--keep", "2=She ran.", "--json"))
    assert len(row["segments"]) >= 2 and row["segments"][1] == "She ran."


def test_template_with_paragraphs(run, tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("Anna lost her keys.\n___\n\n___\nShe laughed.\n")
    (row,) = rows(run("generate", "--template", file, "--json"))
    assert row["segments"][0] == "Anna lost her keys." and row["segments"][3] == "She laughed."
    assert row["text"] == join_segments(row["segments"], [" ", "\n\n", " "]) and "\n\n" in row["text"]
    assert run("generate", "--template", file, "--seed", row["seed"])[1] == row["text"] + "\n"


def test_paragraphs_of_what_is_given_are_kept(run):
    texts = ["--start", "Tom ran.\n\nIt rained.", "--end", "He slept.\n\nThe end."]
    (row,) = rows(run("generate", "--segments", 5, *texts, "--json"))
    assert row["text"].startswith("Tom ran.\n\nIt rained. ") and row["text"].endswith(" He slept.\n\nThe end.")


def test_strength(run, tmp_path):
    file = tmp_path / "story.txt"
    file.write_text("Anna lost her keys.\nShe laughed.\n")
    (row,) = rows(run("generate", "--template", file, "--strength", "2=0.9", "--json"))
    assert row["segments"][0] == "Anna lost her keys." and row["segments"][1] != "She laughed."
    options = ["--keep", "2=She laughed.", "--strength", "2=0.9", "--end", "Bye.", "--segments", 4]
    (row,) = rows(run("generate", *options, "--json"))
    assert row["segments"][1] != "She laughed." and row["segments"][3] == "Bye."


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "dpm++sde", "unipc", "flow-euler", "flow-heun"])
def test_samplers(run, sampler):
    (row,) = rows(run("generate", "A kite", "--segments", 2, "--sampler", sampler, "--json"))
    assert row["denoiser_calls"] == (3 if sampler == "flow-heun" else 2)


def test_everything_at_once(run):
    options = ["--mention", "kite, rain", "--negative", "boat", "--guidance-interval", 0.1, 0.9, "--length", "short"]
    written = rows(run("generate", "A kite", "--segments", 3, "--num", 2, "--seed", 3, *options, "--json"))
    assert [row["seed"] for row in written] == [3, 4]
    for row in written:
        assert list(row) == ["title", "segments", "text", "seed", "seconds", "denoiser_calls"]
    alone = rows(run("generate", "A kite", "--segments", 3, "--seed", 4, *options, "--json"))
    assert alone[0]["text"] == written[1]["text"]


def test_a_long_story_is_printed_group_by_group(run):
    options = ["--segments", 15, "--group", 4, "--window", 2, "--seed", 1]
    (row,) = rows(run("generate", *options, "--json"))
    code, out, err = run("generate", *options)
    assert (code, out) == (0, row["text"] + "\n") and len(row["segments"]) == 15
    assert err.endswith(" s, 8 denoiser calls\n")


def test_watch_shows_every_step(run):
    code, out, err = run("generate", "A kite", "--segments", 3, "--seed", 1, "--watch")
    assert code == 0 and out == run("generate", "A kite", "--segments", 3, "--seed", 1)[1]
    lines = err.split("\n")
    assert lines[0].startswith("step 1/2: ") and lines[1].startswith("step 2/2: ") and lines[2].startswith("seed 1")
    assert lines[1] == f"step 2/2: {' '.join(out.split())}"


def test_control(run, tmp_path):
    labelled = tmp_path / "labelled.jsonl"
    texts = [f"{person} had {number} kites." for number in range(9) for person in ("Tom", "Nobody")]
    lines = (json.dumps({"text": text, "label": text.split()[0]}) + "\n" for text in texts)
    labelled.write_text("".join(lines))
    code, out, err = run("train", "control", labelled, "--out", tmp_path / "who", "--steps", 20)
    assert code == 0 and out.startswith("held-out accuracy: ") and "--control" in err
    story = ["generate", "--segments", 2, "--seed", 1, "--json"]
    plain = rows(run(*story))
    assert (
        rows(run(*story, "--control", f"{tmp_path / 'who'}=Tom", "--control-scale", 0))[0]["text"] == plain[0]["text"]
    )
    assert len(rows(run(*story, "--control", f"{tmp_path / 'who'}=Tom"))) == 1
    assert "has no label 'Sue'" in run(*story, "--control", f"{tmp_path / 'who'}=Sue")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--segments", 5, "--keep", "7=A."], "--keep 7 is out of range: segments are numbered 1 to 5"),
        (["--keep", "0=A."], "--keep 0 is out of range"),
        (["--keep", "7" * 5000 + "=A."], "--keep 77777777777777777777 is out of range"),
        (["--keep", "A."], "--keep is 'A.'; it must be a segment's number and its value, as in 3=..."),
        (["--keep", "2=A.", "--keep", "2=B."], "--keep 2 is given twice"),
        (["--keep", "2= "], "--keep 2= is empty"),
        (["--keep", "1=A.", "--start", "B."], "--keep 1: this segment is given by --start"),
        (["--keep", "3=A.", "--end", "B.", "--segments", 3], "--keep 3: this segment is given by --end"),
        (["--template", "nowhere.txt"], "no template file 'nowhere.txt'"),
        (["--template", "FULL"], "has no blank; mark what is to be written with a line ___"),
        (["--template", "FULL", "--start", "A."], "give either --template, or --start, --end and --keep"),
        (["--template", "FULL", "--segments", 1], "--segments is 1, fewer than the 2 lines of"),
        (["--template", "FULL", "--strength", "1=2"], "--strength 1=2: a noise level is a number from 0 to 1"),
        (["--template", "FULL", "--strength", "9=0.5"], "--strength 9 is out of range: segments are numbered 1 to 2"),
        (["--start", "A.", "--segments", 3, "--strength", "2=0.5"], "--strength 2: this segment is not given"),
        (["--segments", 10_001], "--segments"),
        (["--sampler", "euler"], "no sampler 'euler'; did you mean 'flow-euler'? There are: ddim"),
        (["--choose", "luck"], "choose is 'luck'; known: critic, mbr, likelihood"),
        (["--length", "huge"], "words_per_segment is 'huge'"),
        (["--guidance-interval", 0.9, 0.1], "guidance_interval is (0.9, 0.1)"),
        (["--mention", "dog", "--negative", "Dog"], "contradictory: 'dog' is both asked for and in negative"),
        (["--negative", ","], "--negative is empty"),
        (["--control", "runs"], "--control is 'runs'; it must be FOLDER=LABEL"),
        (["--control", "nowhere=happy"], "no control in 'nowhere'; train one with: segdiff train control"),
        (["--watch", "--num", 2], "--watch shows one story; leave out --num"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_mistakes_are_one_line(run, tmp_path, arguments, message):
    file = tmp_path / "full.txt"
    file.write_text("A.\nB.\n")
    code, out, err = run("generate", *[str(file) if one == "FULL" else one for one in arguments])
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert err.startswith("segdiff: error: ") and message in err


def test_a_critic_that_the_model_does_not_have(run: Run) -> None:
    code, out, err = run("generate", "A kite", "--choose", "critic", "--candidates", 2)
    assert (code, out) == (2, "")
    assert (
        err.strip()
        == "segdiff: error: choose is 'critic', and this model has none; train one with: segdiff train critic"
    )
