"""Trained baselines write the tasks of the evaluation and score its choice cases."""

import json

import pytest
import torch

TASKS = ("title", "unconditional", "continuation", "infilling", "ending")


@pytest.fixture(scope="module")
def runs(train_tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for kind in ("ar", "masked"):
        with torch.random.fork_rng(devices=[]):
            train_tiny(kind, folder / kind, 600)
    return folder


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "stories.jsonl"
    records = [
        {"id": f"s{i}", "title": f"The {w}", "sentences": [f"Tom had  a {w}{j}." for j in range(count)]}
        for i, (w, count) in enumerate([("kite", 5), ("cake", 4), ("boat", 3)])
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return file


@pytest.mark.parametrize("kind", ["ar", "masked"])
def test_every_task_keeps_what_is_given_and_the_number_of_segments(kind, runs, stories, tmp_path):
    from baselines.write import main

    from segdiff.pipelines.evaluation.texts import given_part, read_stories, read_written, written_part

    out = tmp_path / "texts.jsonl"
    main(runs / kind, stories, out, tasks=",".join(TASKS), steps=4, batch_size=2)
    human = read_stories(stories)
    by_id = {story.id: story for story in human}
    written = read_written(out, human)
    assert [(text.task, text.id) for text in written] == [(task, f"s{i}") for task in TASKS for i in range(3)]
    for text in written:
        story = by_id[text.id]
        count = len(story.segments)
        assert len(text.segments) == count == len(text.ended)
        new = written_part(text.task, text.segments, count)
        given = [segment for segment in text.segments if segment not in new]
        assert tuple(given) == given_part(text.task, story)
        assert len(new) + len(given) == count and new
    again = tmp_path / "again.jsonl"
    main(runs / kind, stories, again, tasks=",".join(TASKS), steps=4, batch_size=2)
    assert again.read_bytes() == out.read_bytes()
    main(runs / kind, stories, again, tasks=",".join(TASKS), steps=4, batch_size=2, seed=1)
    assert again.read_bytes() != out.read_bytes()


@pytest.mark.parametrize("kind", ["ar", "masked"])
def test_titles_are_written_again_with_other_seeds(kind, runs, stories, tmp_path):
    from baselines.write import main

    from segdiff.pipelines.evaluation.failures import repeats_of_conditions
    from segdiff.pipelines.evaluation.texts import read_stories, read_written

    human = read_stories(stories)
    for temperature, identical in ((1.0, 0), (0.0, 1)):
        if kind == "masked" and not temperature:
            continue  # lengths are drawn by the seed, too
        out = tmp_path / "texts.jsonl"
        main(runs / kind, stories, out, tasks="title,ending", steps=4, again=2, temperature=temperature)
        written = read_written(out, human)
        assert [text.id for text in written if text.task == "title"] == ["s0", "s1", "s2"] * 3
        assert [text.seed for text in written if text.task == "title"] == [0] * 3 + [1] * 3 + [2] * 3
        assert len([text for text in written if text.task == "ending"]) == 3
        found = repeats_of_conditions("title", written, human)
        assert (found["conditions"], found["texts"], found["identical"]) == (3, 9, identical)


@pytest.mark.parametrize("kind", ["ar", "masked"])
def test_scores_are_read_by_the_choice_evaluation(kind, runs, tmp_path, capsys):
    from baselines.score import main

    from segdiff.pipelines.choice_cases import read_cases
    from segdiff.pipelines.choice_scores import read_scores

    cases = tmp_path / "cases.jsonl"
    context = ["Tom wanted a kite.", "He went home."]
    lines = [
        {"id": f"c{i}", "context": context, "endings": ["It was a good day.", "Nobody knew why he sang."], "right": i}
        for i in (0, 1)
    ]
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    rows = {}
    for measure in ("sum", "mean", "pmi"):
        out = tmp_path / f"{measure}.jsonl"
        main(runs / kind, cases, out, measure=measure, samples=3, batch_size=1)
        rows[measure] = read_scores(out, read_cases(cases))
        assert "all: pmi 0.5" in capsys.readouterr().out  # the same scores in both cases, of which one is right
    assert rows["sum"][0] == pytest.approx(rows["sum"][1], abs=1e-4)
    assert all(value < 0 for value in rows["sum"][0])
    assert rows["mean"][0][0] > rows["sum"][0][0]
    assert rows["pmi"][0] != rows["sum"][0]


def test_cases_are_made_of_plain_stories_as_the_choice_evaluation_does(runs, tmp_path):
    from baselines.score import main

    from segdiff.pipelines.choice_cases import cases_of_stories
    from segdiff.pipelines.choice_scores import read_scores
    from segdiff.pipelines.corpus import read_documents

    stories, out = tmp_path / "stories.jsonl", tmp_path / "scores.jsonl"
    lines = [{"sentences": [f"{name} wanted a kite.", f"{name} saved.", "It flew."]} for name in ("Tom", "Sue", "Ann")]
    stories.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    main(runs / "ar", stories, out, task="middle", batch_size=2)
    assert len(read_scores(out, cases_of_stories(read_documents(stories), "middle", 0))) == 3


def test_scores_of_a_middle_sentence_see_both_sides(runs):
    from baselines.systems import load_writer

    from segdiff.pipelines.choice_cases import Option

    texts = ("Tom wanted a kite.", "He went home.", "It was a good day.")
    other = (*texts[:2], "Nobody knew why.")
    for kind in ("ar", "masked"):
        writer = load_writer(runs / kind)
        first, second = writer.log_likelihoods([Option(texts, 1, 2), Option(other, 1, 2)], samples=3)
        assert first != second
        both = writer.log_likelihoods([Option(texts, 1, 2), Option(other, 1, 2)], samples=3, alone=True)
        assert both[0] == pytest.approx(both[1], abs=1e-4)
        assert writer.num_tokens([Option(texts, 1, 2)]) == [len(writer.rows(["He went home."])[0])]


def test_passages_do_two_tasks_only(tiny_model_dir, stories, tmp_path, capsys):
    import shutil

    from baselines.score import main as score
    from baselines.write import main

    run = tmp_path / "run"
    shutil.copytree(tiny_model_dir, run / "adaptation" / "model")
    (run / "result.json").write_text(json.dumps({"config": {"kind": "passage"}}), encoding="utf-8")
    out = tmp_path / "texts.jsonl"
    main(run, stories, out, stories=2, tasks="title,unconditional,infilling")
    assert "passage cannot: infilling" in capsys.readouterr().err
    tasks = [json.loads(line)["task"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert tasks == ["title"] * 2 + ["unconditional"] * 2
    with pytest.raises(ValueError, match="only the tasks title and unconditional"):
        main(run, stories, out, tasks="ending")
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"id": "a", "context": ["A."], "endings": ["B.", "C."], "right": 0}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="cannot be given a context"):
        score(run, cases, out)


def test_mistakes_are_one_clear_line(runs, stories, tmp_path):
    from baselines.write import main

    with pytest.raises(FileNotFoundError, match="no finished run"):
        main(tmp_path, stories, tmp_path / "out.jsonl")
    with pytest.raises(ValueError, match="known tasks"):
        main(runs / "ar", stories, tmp_path / "out.jsonl", tasks="titel")
    assert not (tmp_path / "out.jsonl").exists()


def test_commands_turn_errors_into_a_line(monkeypatch, capsys):
    from baselines.command import run_command

    def fails() -> None:
        """Fails."""
        raise ValueError("first\nsecond")

    monkeypatch.setattr("sys.argv", ["write.py"])
    with pytest.raises(SystemExit) as end:
        run_command(fails)
    assert end.value.code == 2
    assert capsys.readouterr().err == "write.py: error: first second\n"
