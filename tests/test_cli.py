"""The command line: every command, and one clear line for every mistake."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from segdiff import __version__, cli
from segdiff.commands import writing


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> str:
        """The message of a failed command, which says nothing else."""
        assert self.code == 2 and self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("segdiff: error: ")
        return line.removeprefix("segdiff: error: ")


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`run("generate", "--num", 2)` is `segdiff generate --num 2`, in this process."""

    def run(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(end.value.code, int)
        return Result(end.value.code, *capsys.readouterr())

    with mock.patch.dict(os.environ):
        yield run


@pytest.fixture
def broken_model(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be broken."""
    return shutil.copytree(tiny_model_dir, tmp_path / "broken")


def in_a_new_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "segdiff", *arguments], stderr=subprocess.PIPE, text=True, check=False, **options
    )


# --- the command as a whole


def test_exit_codes_and_lines_of_the_installed_command() -> None:
    done = in_a_new_process("--version", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"segdiff {__version__}\n", "")
    failed = in_a_new_process("generate", "", stdout=subprocess.PIPE)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "segdiff: error: the title is empty; give some text or leave it out\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = in_a_new_process("--version", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "segdiff: error: the disk is full; free some space and try again\n"


def test_a_closed_pipe_is_one_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = in_a_new_process("--version", stdout=writing)
    os.close(writing)
    assert done.returncode == 2
    assert done.stderr == "segdiff: error: whoever read the output has closed it\n"


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from segdiff import cli
for arguments in (["--help"], ["train", "--help"], ["generate", "--help"]):
    try:
        cli.main(arguments)
    except SystemExit as end:
        assert end.code == 0
print(sorted({"torch", "transformers", "diffusers", "spacy", "rich"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "Write stories." in done.stdout and "--max-minutes" not in done.stdout


@pytest.mark.parametrize("group", [[], ["train"], ["evaluate"]])
def test_a_group_alone_shows_its_help(run: Run, group: list[str]) -> None:
    shown = run(*group)
    assert shown.code == 0 and "Commands:" in shown.out and shown == run(*group, "--help")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generat"], "generate"),
        (["generate", "--segment", "2"], "--segments"),
        (["generate", "--segments", "0"], "--segments"),
        (["generate", "--segments", "two"], "--segments"),
        (["generate", "--num", "0"], "--num"),
        (["generate", "--steps", "0"], "--steps"),
        (["generate", "--seed", "-1"], "--seed"),
        (["generate", "--seed", str(2**63 - 2)], "at most"),
        (["generate", "  "], "the title is empty"),
        (["generate", "--keywords", " , "], "--keywords is empty"),
        (["generate", "A kite", "--keywords", "kite"], "either a title or --keywords"),
        (["generate", "--segments", "2", "--start", "A.", "--end", "B."], "leave at least one to write"),
        (["reconstruct"], "FILE"),
        (["reconstruct", "nowhere.txt"], "no file 'nowhere.txt'"),
        (["train", "representation"], "--out"),
        (["train", "everything"], "everything"),
        (["train", "adaptation", "--out", "x", "--init", "y"], "--init"),
        (["train", "story-model", "--data", "nowhere", "--out", "x"], "nowhere"),
        (["evaluate", "ladder"], "--data"),
        (["evaluate", "ladder", "--data", "x", "--out", "nowhere/x.json"], "no folder nowhere"),
    ],
)
def test_wrong_arguments(run: Run, arguments: list[str], message: str) -> None:
    assert message.lower() in run(*arguments).error.lower()


def test_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGDIFF_DEBUG", "1")
    with pytest.raises(ValueError, match="the title is empty"):
        run("generate", "")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "model.bin"), "the disk is full (writing model.bin)"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "the disk is full;"),
        (PermissionError(13, "Permission denied", "/data/x"), "Permission denied: /data/x"),
        (ValueError("one\n  two"), "one two"),
        (MemoryError(), "out of memory"),
    ],
)
def test_failures_of_the_machine(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    monkeypatch.setattr(writing, "load_pipeline", mock.Mock(side_effect=error))
    assert run("generate").error.startswith(message)


def test_a_mistake_of_ours_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "load_pipeline", mock.Mock(side_effect=ZeroDivisionError))
    with pytest.raises(ZeroDivisionError):
        run("generate")


def test_interrupt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "load_pipeline", mock.Mock(side_effect=KeyboardInterrupt))
    assert run("generate") == Result(130, "", "segdiff: error: interrupted\n")


# --- generate


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
    assert run("reconstruct", "-", "--noise", -1).error.startswith("Invalid value for '--noise'")


# --- train

TINY = ["encoder", "decoder"]
TINY_REPRESENTATION = [
    "data.vocab_size=300",
    "loop.warmup_steps=1",
    "loop.max_steps=4",
    "loop.checkpoint_every=2",
    "loop.batch_documents=8",
    "encoder.num_latents=2",
    "encoder.latent_dim=8",
    *(f"{part}.text_config={{d_model: 16, num_layers: 1, num_heads: 2, d_kv: 8, d_ff: 16}}" for part in TINY),
]


def sets(*overrides: str) -> list[str]:
    return [argument for override in overrides for argument in ("--set", override)]


def test_train_interrupt_resume_and_finish(
    run: Run, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.pipelines import training

    arguments = ["train", "representation", tiny_corpus, "--out", tmp_path / "run", *sets(*TINY_REPRESENTATION)]
    save = training.save_checkpoint

    def save_and_interrupt(*positional: Any, **named: Any) -> None:
        save(*positional, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", save_and_interrupt)
        stopped = run(*arguments)
    checkpoint = tmp_path / "run" / "checkpoint-2"
    message = f"interrupted; the last checkpoint is {checkpoint} (step 2); the same command resumes from it"
    assert stopped.code == 130 and stopped.out == ""
    assert stopped.err.endswith(f"segdiff: error: {message}\n")

    other = run(*arguments, "--set", "loop.learning_rate=0.5")
    assert "loop.learning_rate is 0.002 there and 0.5 now; use another --out" in other.error

    resumed = run(*arguments)
    assert resumed.code == 0 and f"segdiff: resuming from {checkpoint}\n" in resumed.err
    assert json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]["step"] == 4

    again = run(*arguments)
    assert again.code == 0 and "is finished" in again.err and "resuming" not in again.err
    assert run("reconstruct", "-", "--model", tmp_path / "run" / "model", stdin=b"Tom ran.\n").code == 0


def test_interrupt_before_the_first_checkpoint(
    run: Run, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.pipelines import train_representation

    monkeypatch.setattr(train_representation, "train_representation", mock.Mock(side_effect=KeyboardInterrupt))
    stopped = run("train", "representation", tiny_corpus, "--out", tmp_path / "run", "--max-minutes", 1)
    assert stopped.code == 130 and "no checkpoint was written yet" in stopped.err


@pytest.mark.parametrize(
    ("stage", "option"), [("representation", "--init"), ("diffusion", "--representation"), ("adaptation", "--model")]
)
def test_every_stage_gets_its_options(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, option: str
) -> None:
    import importlib

    train = mock.Mock()
    monkeypatch.setattr(importlib.import_module(f"segdiff.pipelines.train_{stage}"), f"train_{stage}", train)
    options = ["--max-minutes", 2.5, option, "some where", "--set", "loop.seed=7", "--set", "loop.batch_documents=3"]
    done = run("train", stage, "a [b].jsonl", "ü.txt", "--out", tmp_path / "run", *options)
    assert done.code == 0 and done.out == ""
    config, folder, *init = train.call_args.args
    assert config.data.train == ["a [b].jsonl", "ü.txt"] and folder == tmp_path / "run"
    assert (config.loop.max_minutes, config.loop.max_steps) == (2.5, None)
    assert (config.loop.seed, config.loop.batch_documents) == (7, 3)
    given = {"representation": lambda: init[0], "diffusion": lambda: config.representation}
    assert given.get(stage, lambda: config.model)() == "some where"
    stored = (tmp_path / "run" / "config.yaml").read_text()
    assert ("init: some where" in stored) == (option == "--init")


def test_train_diffusion_and_adaptation(run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    loop = sets("loop.max_steps=2", "loop.warmup_steps=1", "loop.batch_documents=8")
    small = sets("denoiser.width=16", "denoiser.num_heads=2", "denoiser.num_layers=1")
    arguments = [tiny_corpus, "--out", tmp_path / "diffusion", "--representation", tiny_model_dir, *loop, *small]
    assert run("train", "diffusion", *arguments).code == 0
    model = tmp_path / "diffusion" / "model"
    assert run("generate", "A kite", "--steps", 2, "--model", model).code == 0
    arguments = [tiny_corpus, "--out", tmp_path / "adaptation", "--model", model, *loop]
    assert run("train", "adaptation", *arguments).code == 0
    assert run("generate", "A kite", "--steps", 2, "--model", tmp_path / "adaptation" / "model").code == 0


def test_configs_that_are_wrong(run: Run, tmp_path: Path) -> None:
    def error(*options: object) -> str:
        return run("train", "representation", "--out", tmp_path / "run", *options).error

    assert "nearest known key: 'loop.max_steps'" in error("--set", "loop.max_step=3")
    assert "loop.max_steps" in error("--set", "loop.max_steps=many")
    assert "expected dotted.key=value" in error("--set", "loop")
    assert "no config file 'nowhere'" in error("--config", "nowhere")
    (tmp_path / "bad.yaml").write_text("lopp:\n  seed: 1\n")
    assert "nearest known key: 'loop'" in error("--config", tmp_path / "bad.yaml")
    (tmp_path / "bad.yaml").write_text("loop: [")
    assert "invalid YAML" in error("--config", tmp_path / "bad.yaml")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("stage", "option", "message"),
    [
        ("representation", "encoder.text_config={d_model: x}", "encoder.text_config: Field 'd_model' expected int"),
        ("representation", "decoder.text_config={d_kv: 1.5}", "decoder.text_config: Field 'd_kv' expected int"),
        ("representation", "encoder.text_config={feed_forward_proj: fast}", "options do not make a model: 'fast'"),
        ("diffusion", "condition.text_config={d_model: x}", "condition.text_config: Field 'd_model' expected int"),
        ("diffusion", "condition.text_config={d_modl: 8}", "unknown key 'd_modl' in condition.text_config"),
    ],
)
def test_text_configs_that_are_wrong(
    run: Run, tiny_corpus: Path, tiny_model_dir: Path, tmp_path: Path, stage: str, option: str, message: str
) -> None:
    options = [*(["--representation", tiny_model_dir] if stage == "diffusion" else []), *sets("data.vocab_size=300")]
    failed = run("train", stage, tiny_corpus, "--out", tmp_path / "run", *options, "--set", option)
    assert message in failed.error and not (tmp_path / "run").exists()


def test_corpora_that_are_wrong(run: Run, tmp_path: Path) -> None:
    """Nothing is left of a start that fails so early."""

    def error(*data: object) -> str:
        failed = run("train", "representation", *data, "--out", tmp_path / "run", *sets("loop.max_steps=1"))
        assert not (tmp_path / "run").exists()
        return failed.error

    assert "no training data" in error()
    assert "nowhere.jsonl" in error("nowhere.jsonl")
    file = tmp_path / "stories.jsonl"
    file.write_text('{"segments": ["A."]}\n{"segments": \n')
    assert f"{file} line 2 is not valid JSON" in error(file)
    file.write_text('{"words": ["A."]}\n')
    assert f"{file} line 1 has no field to read" in error(file)
    file.write_text("\n")
    assert "holds no documents" in error(file)


def test_a_folder_that_is_no_run_is_refused(run: Run, tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    failed = run("train", "representation", tiny_corpus, "--out", tmp_path, *sets("loop.max_steps=1"))
    assert "is not empty and holds no run (it has thesis.tex)" in failed.error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert "is a file" in run("train", "representation", "--out", tmp_path / "thesis.tex").error


def test_train_story_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from segdiff.pipelines import driver

    build = mock.Mock()
    monkeypatch.setattr(driver, "build_story_model", build)
    options = ["--data", tmp_path, "--out", tmp_path / "run", "--set", "a=1", "--set", "b=2"]
    assert run("train", "story-model", *options).code == 0
    assert build.call_args.args[:4] == ("stories-tiny", tmp_path, tmp_path / "run", ["a=1", "b=2"])

    from segdiff.pipelines.runs import locked

    with locked(tmp_path / "run"):
        assert "another process is at work" in run("train", "story-model", *options).error
        with locked(tmp_path / "run" / "representation"):  # a stage's lock is its own
            pass


# --- evaluate, models


def test_evaluate_ladder(
    run: Run, tiny_model_dir: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segdiff.pipelines import ladder

    table = [{"row": "human", "bleu": 100.0, "words": 5}, {"row": "sampled", "bleu": 3.25, "novel": 0.98765}]
    seen: list[Any] = []

    def evaluate(pipeline: object, documents: Any, num_stories: int, seed: int) -> dict[str, Any]:
        seen.extend([len(list(documents)), num_stories, seed])
        return {"table": table}

    monkeypatch.setattr(ladder, "evaluate_ladder", evaluate)
    options = ["--model", tiny_model_dir, "--data", tiny_corpus, "--stories", 12, "--seed", 3]
    done = run("evaluate", "ladder", *options, "--out", tmp_path / "ladder.json")
    assert (done.code, done.err, seen) == (0, "", [40, 12, 3])
    assert done.out.splitlines() == [
        "row      bleu  words  novel",
        "human     100      5      -",
        "sampled  3.25      -  0.988",
    ]
    assert json.loads((tmp_path / "ladder.json").read_text()) == {"table": table}
    assert "nowhere" in run("evaluate", "ladder", "--model", tiny_model_dir, "--data", "nowhere").error


def test_models(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "files", lambda package: tmp_path)
    assert run("models") == Result(0, "", "no model is bundled; give --model a folder or a hub name\n")
    for name, card in [("small", "---\nlicense: x\n---\n\n# A small one\n\nMore."), ("other", None)]:
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "weights.safetensors").write_bytes(bytes(1_500_000))
        if card:
            (tmp_path / "models" / name / "README.md").write_text(card)
    assert run("models").out.splitlines() == ["other  1.5 MB", "small  1.5 MB  A small one"]
