"""Choice tests: reading of cases, scores of options, tables, and the command."""

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segdiff import RepresentationPipeline, StoryPipeline, cli
from segdiff.pipelines.choice import (
    EMBEDDING,
    GIST,
    LESS,
    LIKELIHOOD,
    OptionBatch,
    evaluate_choice,
    fitting_cases,
    main_row,
    option_noise,
    score_cases,
)
from segdiff.pipelines.choice_cases import Case, Option, cases_of_stories, draw_cases, read_cases
from segdiff.pipelines.choice_scores import accuracy_table, credit, read_scores, write_scores
from segdiff.pipelines.corpus import Document

CLOZE = {"id": "a", "set": "one", "context": ["Tom ran.", "He fell."], "endings": ["He cried.", "It was a cat."]}
CLOZE |= {"right": 1}
REWRITE: dict[str, Any] = {
    "id": "r",
    "premise": "Anna had a kite.",
    "initial": "It was windy.",
    "counterfactual": "It was calm.",
    "original_ending": ["The kite flew.", "She laughed."],
    "edited_endings": [["The kite fell.", "She cried.", "She left."], ["No."]],
}


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    three = {**CLOZE, "id": "b", "context": ["Sue sang."], "endings": ["All clapped.", "A boat sank.", "Rain."]}
    return read_cases(write(tmp_path / "cases.jsonl", CLOZE, three, {**CLOZE, "id": "c", "set": "two"}, REWRITE))


# --- cases


def test_cloze_records(tmp_path: Path):
    file = tmp_path / "cases.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(CLOZE).encode()))
    (case,) = read_cases(file)
    assert (case.id, case.set, case.right) == ("a", "one", 1)
    assert [option.segments for option in case.options] == [
        ("Tom ran.", "He fell.", "He cried."),
        ("Tom ran.", "He fell.", "It was a cat."),
    ]
    assert case.options[1].candidate == ("It was a cat.",) and case.options[1].context == ("Tom ran.", "He fell.")


def test_a_rewrite_is_three_cases(tmp_path: Path):
    context, initial, counterfactual = read_cases(write(tmp_path / "cases.jsonl", REWRITE))
    assert [option.segments[1] for option in context.options] == ["It was windy.", "It was calm."]
    assert context.options[0].candidate == context.options[1].candidate == tuple(REWRITE["original_ending"])
    assert context.right == 0
    for case, second, right in ((initial, "It was windy.", 0), (counterfactual, "It was calm.", 1)):
        assert {option.segments[:2] for option in case.options} == {("Anna had a kite.", second)}
        assert [len(option.candidate) for option in case.options] == [2, 3] and case.right == right
    assert len({case.set for case in (context, initial, counterfactual)}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"endings": None}, "`endings` must be a list of sentences; got NoneType"),
        ({"endings": ["One."]}, "`endings` has 1 texts; at least two"),
        ({"endings": ["One.", " "]}, "a sentence of `endings` must be text that is not empty"),
        ({"endings": ["One.", "\ud800"]}, "lone surrogate"),
        ({"right": 2}, "`right` is 2; it must be a number from 0 to 1"),
        ({"right": True}, "`right` is True"),
        ({"right": None}, "`right` is None"),
        ({"context": []}, "`context` is empty"),
        ({"context": "Tom ran."}, "`context` must be a list of sentences; got str"),
    ],
)
def test_mistakes_in_cloze_records(tmp_path: Path, change: dict[str, Any], message: str):
    file = write(tmp_path / "cases.jsonl", CLOZE, {**CLOZE, "id": "x", **change})
    with pytest.raises(ValueError) as error:
        read_cases(file)
    assert str(error.value).startswith(f"{file} line 2") and message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"premise": ""}, "`premise` must be text"),
        ({"original_ending": []}, "`original_ending` is empty"),
        ({"edited_endings": []}, "`edited_endings` must be a list of lists"),
        ({"edited_endings": [[]]}, "the first of `edited_endings` is empty"),
        ({"edited_endings": ["text"]}, "`edited_endings` must be a list of sentences; got str"),
    ],
)
def test_mistakes_in_rewrites(tmp_path: Path, change: dict[str, Any], message: str):
    file = write(tmp_path / "cases.jsonl", {**REWRITE, **change})
    with pytest.raises(ValueError, match=message) as error:
        read_cases(file)
    assert str(error.value).startswith(f"{file} line 1")


def test_files_that_are_no_cases(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_cases(tmp_path / "absent.jsonl")
    with pytest.raises(ValueError, match=r"line 1 has no `endings` and no `original_ending`; it must have `context`"):
        read_cases(write(tmp_path / "stories.jsonl", {"text": "Once."}))
    with pytest.raises(ValueError, match=r"line 2 has the id and the set of .* line 1"):
        read_cases(write(tmp_path / "double.jsonl", CLOZE, CLOZE))
    with pytest.raises(ValueError, match="holds no cases"):
        read_cases(write(tmp_path / "empty.jsonl"))
    (tmp_path / "broken.jsonl").write_text(json.dumps(CLOZE) + "\n{")
    with pytest.raises(ValueError, match="line 2 is not valid JSON"):
        read_cases(tmp_path / "broken.jsonl")


@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=30),
    st.sampled_from(["middle", "left", "ending"]),
    st.integers(0, 99),
)
def test_every_sentence_is_once_right_and_once_wrong(lengths: list[int], task: str, seed: int):
    stories = [
        Document((f"start {index}", " ".join(["word"] * length) + f" {index}", f"then {index}", f"end {index}"))
        for index, length in enumerate(lengths)
    ]
    cases = cases_of_stories([*stories, Document(("too", "short"))], task, seed)
    assert len(cases) == len(stories)
    right = [case.options[case.right].candidate for case in cases]
    wrong = [case.options[1 - case.right].candidate for case in cases]
    assert sorted(right) == sorted(wrong) and all(one != other for one, other in zip(right, wrong, strict=True))
    for case, story in zip(cases, stories, strict=True):
        place = 3 if task == "ending" else 2
        assert case.options[case.right].segments == (story.segments[: place + 1] if task == "left" else story.segments)
        assert case.options[case.right].candidate == (story.segments[place],)
        assert case.options[0].context == case.options[1].context


def test_wrong_sentences_have_like_length():
    stories = [Document(("a", " ".join(["w"] * length) + f" {length}", "b")) for length in range(1, 30)]
    cases = cases_of_stories(stories, "middle", 0)
    gaps = sorted(abs(len(c.options[0].candidate[0].split()) - len(c.options[1].candidate[0].split())) for c in cases)
    assert gaps[:-1] == [1] * 28
    assert 5 < sum(case.right for case in cases) < 24, "the right option is not always at the same place"


def test_impossible_stories():
    with pytest.raises(ValueError, match="task is 'title'; known: ending, middle, left"):
        cases_of_stories([], "title", 0)
    with pytest.raises(ValueError, match="1 stories have three sentences or more"):
        cases_of_stories([Document(("a", "b", "c"))], "ending", 0)


def test_drawn_cases_keep_their_order(cases: list[Case]):
    drawn = draw_cases(cases, 4, 1)
    assert len(drawn) == 4 and [case for case in cases if case in drawn] == drawn
    assert draw_cases(cases, 4, 1) == drawn and draw_cases(cases, 99, 1) == draw_cases(cases, None, 1) == cases


# --- scores


def test_scores_of_a_real_pipeline(tiny_pipeline: StoryPipeline, cases: list[Case], monkeypatch: pytest.MonkeyPatch):
    scores = score_cases(tiny_pipeline, cases, samples=3)
    assert list(scores) == [LIKELIHOOD, LIKELIHOOD + LESS, EMBEDDING], "this model has no gist"
    for row in scores.values():
        assert [len(values) for values in row] == [len(case.options) for case in cases]
        assert all(math.isfinite(value) for values in row for value in values)
    assert main_row(scores) == LIKELIHOOD + LESS
    # neither the batch nor the other cases change a case's scores; another seed does
    monkeypatch.setattr("segdiff.pipelines.choice.BATCH_CASES", 1)
    alone = score_cases(tiny_pipeline, cases[2:], samples=3)
    for row, values in alone.items():
        for one, other in zip(values, scores[row][2:], strict=True):
            assert one == pytest.approx(other, rel=1e-4, abs=1e-2)
    other_seed = score_cases(tiny_pipeline, cases[:1], samples=3, seed=5)
    assert other_seed[LIKELIHOOD][0] != pytest.approx(scores[LIKELIHOOD][0], rel=1e-4)
    assert other_seed[EMBEDDING][0] == pytest.approx(scores[EMBEDDING][0])


def test_the_unconditional_score_knows_no_context(tiny_pipeline: StoryPipeline, cases: list[Case]):
    """Of one ending after two contexts the part that is taken off is the same, so that both rows order them alike."""
    context = next(case for case in cases if case.set.startswith("context"))
    scores = score_cases(tiny_pipeline, [context], samples=3)
    off = [plain - less for plain, less in zip(scores[LIKELIHOOD][0], scores[LIKELIHOOD + LESS][0], strict=True)]
    assert off[0] == pytest.approx(off[1], rel=1e-5)
    assert scores[LIKELIHOOD][0][0] != pytest.approx(scores[LIKELIHOOD][0][1], rel=1e-6)


def test_options_meet_the_same_noise(cases: list[Case]):
    (case,) = [case for case in cases if case.set.startswith("initial")]
    short, long = option_noise(case, 3, (2, 4), seed=0)
    assert short.shape == (3, 4, 2, 4) and long.shape == (3, 5, 2, 4)
    assert torch.equal(short, long[:, :4])
    assert not torch.equal(short, option_noise(case, 3, (2, 4), seed=1)[0])
    middle = Option(("a", "b", "c"), 1, 2)
    left, right = option_noise(Case("m", "s", (middle, middle), 0, ""), 2, (1, 1), seed=0)
    assert torch.equal(left, right) and len(set(left[0].flatten().tolist())) == 3


def changed(model: Any, **options: Any) -> Any:
    """A new model of the same config but for `options`."""
    config = {name: value for name, value in model.config.items() if not name.startswith("_")}
    return type(model)(**{**config, **options})


def test_gist_rows_are_the_part_of_the_first_latents(tiny_pipeline: StoryPipeline, cases: list[Case]):
    whole = tiny_pipeline
    encoder, decoder = (changed(model, gist_latents=1) for model in (whole.encoder, whole.decoder))
    denoiser = changed(whole.denoiser, encoder_fingerprint=encoder.fingerprint())
    denoiser.load_state_dict(whole.denoiser.state_dict())
    pipeline = StoryPipeline(encoder, whole.condition_encoder, denoiser, decoder, whole.scheduler, whole.tokenizer)
    batch = OptionBatch.of(pipeline, cases[:1], 3, 0)
    given, free = batch.bound(pipeline, 3, hide=False), batch.bound(pipeline, 3, hide=True)
    scores = score_cases(pipeline, cases[:1], samples=3)
    assert scores[GIST][0] == pytest.approx((-given[:, 0]).tolist(), rel=1e-5)
    assert scores[GIST + LESS][0] == pytest.approx((free - given)[:, 0].tolist(), rel=1e-3, abs=1e-3)
    assert scores[LIKELIHOOD][0] == pytest.approx((-given.sum(1)).tolist(), rel=1e-5)
    assert main_row(scores) == GIST + LESS


def test_embedding_row_is_the_cosine_of_the_projects_embeddings(tiny_pipeline: StoryPipeline, cases: list[Case]):
    codec = RepresentationPipeline(tiny_pipeline.encoder, tiny_pipeline.decoder, tiny_pipeline.tokenizer)
    (found, *_) = score_cases(tiny_pipeline, cases[:1], samples=1)[EMBEDDING]
    context = torch.from_numpy(codec.embed(cases[0].options[0].context)).mean(0)
    endings = torch.from_numpy(codec.embed([option.candidate[0] for option in cases[0].options]))
    assert found == pytest.approx(torch.cosine_similarity(endings, context, dim=-1).tolist(), abs=1e-5)


def test_cases_that_do_not_fit_are_named(tiny_pipeline: StoryPipeline, tmp_path: Path):
    long = {**CLOZE, "id": "long", "endings": ["Tom " * 80, "No."]}
    cases = read_cases(write(tmp_path / "cases.jsonl", CLOZE, long))
    kept, reasons = fitting_cases(tiny_pipeline, cases)
    assert [case.id for case in kept] == ["a"]
    assert len(reasons) == 1 and "cases.jsonl line 2: a sentence has" in reasons[0] and "at most 40 fit" in reasons[0]


# --- tables


def test_ties_are_shared():
    assert credit([1.0, 3.0, 2.0], 1) == 1 and credit([1.0, 3.0, 2.0], 0) == 0
    assert credit([2.0, 2.0], 0) == 0.5 and credit([1.0, 2.0, 2.0], 0) == 0


def test_table(cases: list[Case]):
    perfect = [[float(index == case.right) for index in range(len(case.options))] for case in cases]
    table = accuracy_table(cases, {"perfect": perfect, "flat": [[0.0] * len(case.options) for case in cases]})
    rows = {(row["set"], row["row"]): row for row in table}
    assert list(dict.fromkeys(row["set"] for row in table))[:3] == ["all", "one", "two"]
    assert rows["all", "perfect"]["accuracy"] == 1 and rows["all", "perfect"]["cases"] == len(cases) == 6
    assert rows["all", "perfect"]["low"] == pytest.approx(1 / (1 + 1.959964**2 / 6))  # Wilson's lower end of n of n
    assert rows["one", "flat"]["accuracy"] == rows["one", "chance"]["accuracy"] == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_scores_come_back(cases: list[Case], tmp_path: Path):
    scores = {"x": [[float(i), *range(1, len(case.options))] for i, case in enumerate(cases)]}
    write_scores(tmp_path / "out.jsonl", cases, scores, "x")
    assert read_scores(tmp_path / "out.jsonl", cases) == scores["x"]
    assert read_scores(tmp_path / "out.jsonl", cases[2:4]) == scores["x"][2:4], "more cases than asked for do no harm"


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"id": "a", "scores": [1]}], "line 1: `scores` must be 2 finite numbers"),
        ([{"id": "a", "scores": [1, float("nan")]}], "line 1: `scores` must be 2 finite numbers"),
        ([{"id": "a", "scores": [1, 2]}, {"id": "a", "scores": [1, 2]}], "line 2: the case 'a' has had its scores"),
        ([{"id": "a", "right": 7, "scores": [1, 2]}], "line 1: the case 'a' has other options"),
        ([{"id": "z", "scores": [1, 2]}], "has no scores of 2 of 2 cases, the first is 'a'"),
    ],
)
def test_mistakes_in_scores(cases: list[Case], tmp_path: Path, records: list[Any], message: str):
    with pytest.raises(ValueError, match=message):
        read_scores(write(tmp_path / "scores.jsonl", *records), cases[:2])


def test_an_id_of_several_sets_needs_its_set(cases: list[Case], tmp_path: Path):
    rewrites = cases[-3:]
    with pytest.raises(ValueError, match="line 1: the id 'r' is of the sets"):
        read_scores(write(tmp_path / "scores.jsonl", {"id": "r", "scores": [1, 2]}), rewrites)
    lines = [{"id": "r", "set": case.set, "scores": [1, index]} for index, case in enumerate(rewrites)]
    assert read_scores(write(tmp_path / "scores.jsonl", *lines), rewrites) == [[1, 0], [1, 1], [1, 2]]


def test_rows_of_others_have_names_of_their_own(tiny_pipeline: StoryPipeline, cases: list[Case]):
    with pytest.raises(ValueError, match="the row 'embedding' is our own"):
        evaluate_choice(tiny_pipeline, cases[:1], 1, 0, {"embedding": [[1.0, 2.0]]})


# --- the command


def run(code: int, *arguments: object) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["evaluate", "choice", *map(str, arguments)])
    assert end.value.code == code


def test_command(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cases = write(tmp_path / "cases.jsonl", CLOZE, {**CLOZE, "id": "b", "set": "two"})
    other = write(tmp_path / "ar.jsonl", *({"id": name, "scores": [0, 1]} for name in "ab"))
    out, scores_out = tmp_path / "out.json", tmp_path / "scores.jsonl"
    options = ("--cases", cases, "--model", tiny_model_dir, "--samples", 2, "--scores", f"AR={other}")
    run(0, *options, "--out", out, "--scores-out", scores_out)
    text = capsys.readouterr().out
    assert text.startswith("set") and "two  AR" in text
    table = json.loads(out.read_text())["table"]
    assert next(row["accuracy"] for row in table if (row["set"], row["row"]) == ("all", "AR")) == 1
    assert [sorted(json.loads(line)) for line in scores_out.read_text().splitlines()] == [
        ["id", "right", "rows", "scores", "set"]
    ] * 2
    run(0, *options, "--scores", f"ours={scores_out}", "--json")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if row["row"] not in ("ours",)] == table
    ours = [row["accuracy"] for row in rows if row["row"] == "ours"]
    assert ours == [row["accuracy"] for row in table if row["row"] == LIKELIHOOD + LESS]


def test_command_on_stories(tiny_model_dir: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]):
    options = ("--data", tiny_corpus, "--model", tiny_model_dir, "--samples", 1, "--max-cases", 5, "--json")
    for task in ("middle", "ending"):
        run(0, *options, "--task", task)
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {row["cases"] for row in rows} == {5} and {row["set"] for row in rows} == {"all"}


def test_mistakes_are_one_line(tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cases = write(tmp_path / "cases.jsonl", CLOZE)
    long = write(tmp_path / "long.jsonl", {**CLOZE, "context": ["Tom " * 80]})
    for arguments, message in [
        ((), "give either --cases"),
        (("--cases", cases, "--data", cases), "give either --cases"),
        (("--cases", cases, "--task", "ending"), "--task ending is for the stories of --data"),
        (("--cases", tmp_path / "absent.jsonl"), "absent.jsonl does not exist"),
        (("--cases", cases, "--scores", "AR"), "--scores is 'AR'; give NAME=FILE"),
        (("--cases", cases, "--scores", f"AR={tmp_path / 'none.jsonl'}"), "none.jsonl does not exist"),
        (("--cases", cases, "--out", tmp_path / "no" / "out.json"), "there is no folder"),
        (("--cases", long), "no case fits the model; "),
        (("--data", cases, "--task", "title"), "task is 'title'"),
    ]:
        run(2, *arguments, "--model", tiny_model_dir)
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("segdiff: error: ") and err.count("\n") == 1 and message in err


def test_on_the_real_cases(data_dir: Path):
    cases = read_cases(data_dir / "cloze" / "cloze.valid.jsonl.gz")
    assert len(cases) == 3427 and {case.set for case in cases} == {"2016-valid", "2018-valid"}
    assert len(read_cases(data_dir / "cloze" / "counterfactual.valid.jsonl.gz")) == 3 * 1871
