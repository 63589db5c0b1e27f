"""The benchmarks of writing run on a tiny model and report what they promise."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from segdiff.pipelines.evaluation.texts import read_stories, read_written

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@contextmanager
def script(name: str) -> Iterator[ModuleType]:
    """A benchmark as a module; the number of threads is left as it was."""
    spec = spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    threads = torch.get_num_threads()
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        with torch.random.fork_rng(devices=[]):
            yield module
    finally:
        torch.set_num_threads(threads)
        del sys.modules[spec.name]


def test_samplers(tiny_model_dir: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with script("samplers") as module:
        options = {
            "num_stories": 3,
            "calls": "4",
            "guidance": "2",
            "intervals": "0-1,0.2-0.8",
            "num_segments": 3,
            "candidates": "1,2-likelihood",
        }
        module.main(tiny_corpus, tiny_corpus, model=str(tiny_model_dir), samplers="ddim,flow-heun", **options)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 1 + 2 * 2 * 2
    assert "| ddim | 4 | 2 | 0-1 | 1 |" in lines[3] and "| flow-heun | 3 | 2 | 0.2-0.8 | 2-likelihood |" in lines[10]


def test_where_lost(tiny_model_dir: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    records = [json.loads(line) for line in tiny_corpus.read_text(encoding="utf-8").splitlines()]
    texts = sorted({text for record in records for text in record["segments"]}, key=len)[:6]  # the model's are short
    short = [{"title": "A kite", "sentences": [one, other]} for one, other in zip(texts[::2], texts[1::2], strict=True)]
    untitled = {"sentences": short[0]["sentences"]}
    corpus = tmp_path / "short.jsonl"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in [untitled, *short]), encoding="utf-8")
    with script("where_lost") as module:
        options = {"num_stories": 4, "bank_size": 30, "threads": 1}
        module.main(corpus, corpus, tmp_path / "out", model=str(tiny_model_dir), **options)
    stories = read_stories(corpus, 4)[1:]
    found = {path.stem: read_written(path, stories) for path in (tmp_path / "out").iterdir()}
    assert set(found) == {f"{gists}-gists{way}" for gists in ("true", "sampled") for way in ("", "-retrieved")}
    bank = {segment for story in read_stories(corpus) for segment in story.segments}
    stories = [story for story in stories if story.id in {text.id for text in found["true-gists"]}]
    assert stories  # those that fit the model
    for name, texts in found.items():
        assert [(text.id, len(text.segments)) for text in texts] == [(story.id, 2) for story in stories]
        if name.endswith("retrieved"):
            assert bank.issuperset(segment for text in texts for segment in text.segments)
    # what is in the bank finds itself
    assert [text.segments for text in found["true-gists-retrieved"]] == [story.segments for story in stories]


def test_rollout(tiny_model_dir: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with script("rollout") as module:
        options = {"num_stories": 2, "length": 20, "steps": 2, "threads": 1, "repetitions": 1, "memory_lengths": ""}
        module.main(tiny_corpus, model=str(tiny_model_dir), out=tmp_path / "numbers.json", **options)
    result = json.loads((tmp_path / "numbers.json").read_text())
    assert [row["segments"] for row in result["quality"]][:3] == ["2 to 2", "3 to 4", "5 to 6"]
    assert [len(story) for story in result["stories"]] == [20, 20]
    ours, plain = result["speed"]
    assert ours["seconds"] > 0 and plain["times GPT-2"] == 1 and ours["segments"] == 20
    assert "First story" in capsys.readouterr().out


def test_infilling(tiny_model_dir: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelling = tmp_path / "moods.jsonl"
    moods = [f"I was {mood} {number} times." for mood in ("happy", "sad") for number in range(8)]
    moods += [f"He saw {number} lamps in the old garden behind the house of his uncle." for number in range(8)]
    moods += [f"He had {number} boats and a bike there." for number in range(8)]
    labelling.write_text(json.dumps({"segments": moods}) + "\n")
    with script("infilling") as module:
        module.main(tiny_corpus, labelling, model=str(tiny_model_dir), num_stories=3, candidates=2, steps=2)
    out = capsys.readouterr().out
    for name in ("the middle", "the ending", "mention, best of 2", "best of 2", "mood", "person", "length"):
        assert f"| {name} |" in out, name
    rows = [line.split("|") for line in out.splitlines() if line.startswith(("| the middle", "| the ending"))]
    assert [row[3].strip() for row in rows if "all others" in row[2]] == ["1", "1"]  # given segments come back
    assert [row[5].strip() for row in rows if row[2].strip() == "human"] == ["1", "1"]
    assert [row[2].strip() for row in rows][:3] == ["all others given", "those before", "none"]


def test_paragraphs(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "stories.jsonl"
    story = {"sentences": ["Tom got a kite.", "It flew high.", "He was happy.", "The wind fell.", "He went home."]}
    corpus.write_text((json.dumps(story) + "\n") * 6, encoding="utf-8")
    with script("paragraphs") as module:
        module.main(corpus, model=str(tiny_model_dir), num_texts=2, together=3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| breaks | number | precision | recall |")
    assert any(line.startswith("| every five, from the third |") and "| 0 | 0 |" in line for line in lines)


def test_candidates(tiny_model_dir: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    with script("candidates") as module:
        module.SEGMENTS = 2
        module.main(tiny_corpus, tmp_path, model=str(tiny_model_dir), stories=3, most=4, temperature=1.0)
        humans = read_stories(tiny_corpus)
        first, best = (read_written(tmp_path / f"{name}.jsonl", humans) for name in ("first", "mbr-4"))
        assert [text.seed for text in first] == [0, 1000, 2000]
        assert {(text.seed or 0) % 1000 for text in best} <= {0, 1, 2, 3} and len(best) == 3
        written = json.loads((tmp_path / "candidates.json").read_text(encoding="utf-8"))["stories"]
        with pytest.raises(ValueError, match="is of other titles or options; give another OUT"):
            module.main(tiny_corpus, tmp_path, model=str(tiny_model_dir), stories=3, most=5, temperature=1.0)
        assert [len(stories) for stories in written] == [4, 4, 4]
        chosen = written[0][(best[0].seed or 0) % 1000]
        assert best[0].segments == tuple(" ".join(text.split()) for text in chosen)
