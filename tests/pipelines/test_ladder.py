"""The ladder's human row is perfect, and every planted fault is counted under its name."""

from copy import deepcopy
from itertools import islice

import pytest

from segdiff.pipelines.corpus import Document, read_documents
from segdiff.pipelines.ladder import (
    LATENT_NOISE,
    NUM_EXAMPLES,
    START_LEVELS,
    diversity,
    evaluate_ladder,
    faults,
    loops,
    other_stories,
    row,
    sampled_rung,
)


@pytest.fixture(scope="module")
def documents(tiny_corpus):
    """Eight stories, one of them without a title."""
    found = list(islice(read_documents(tiny_corpus), 8))
    return [*found[:2], Document(found[2].segments, None), *found[3:]]


@pytest.fixture(scope="module")
def ladder(documents, tiny_pipeline):
    pipeline = deepcopy(tiny_pipeline)
    for model in (pipeline.encoder, pipeline.decoder):
        model.register_to_config(max_tokens=60)  # so that all stories fit
    return evaluate_ladder(pipeline, documents, num_stories=6, num_inference_steps=3)


def test_rows_and_examples(ladder, documents):
    names = [scores["row"] for scores in ladder["table"]]
    assert names == [
        "human",
        "random human",
        "reconstructed",
        *(f"reconstructed, noise {strength}" for strength in LATENT_NOISE),
        *(f"denoised from {level}" for level in START_LEVELS),
        "sampled",
    ]
    assert len(ladder["examples"]) == NUM_EXAMPLES
    for example, document in zip(ladder["examples"], documents, strict=False):
        assert example["title"] == document.title
        assert example["human"] == list(document.segments)
        assert {len(example[name]) for name in names} == {len(document.segments)}
    assert ladder["settings"]["num_stories"] == 6


def test_human_row_is_perfect_and_chance_is_not(ladder):
    rows = {scores["row"]: scores for scores in ladder["table"]}
    human = rows["human"]
    assert human["bleu"] == pytest.approx(100)
    assert human["chrf"] == pytest.approx(100)
    assert human["exact"] == 1
    assert human["empty"] == human["endless"] == human["looping"] == 0
    assert rows["random human"]["bleu"] < 100
    assert rows["random human"]["exact"] < 1
    assert human["words"] > 1
    for scores in ladder["table"]:
        shares = [value for name, value in scores.items() if name not in ("row", "bleu", "chrf", "words")]
        assert all(0 <= value <= 1 for value in shares)


def test_same_seed_same_ladder(documents, tiny_pipeline):
    short = [Document(("He ran.", "She ran."), "Run"), Document(("It was.",), None)]
    first, again, other = (
        evaluate_ladder(tiny_pipeline, short, num_inference_steps=2, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert other["settings"]["seed"] == 1


def test_stories_that_do_not_fit_are_left_out_and_counted(tiny_pipeline):
    fine = [Document(("He ran.",)), Document(("She ran.",))]
    result = evaluate_ladder(tiny_pipeline, [Document(("word " * 100,)), *fine], num_inference_steps=1)
    assert result["settings"]["left_out"] == 1
    assert result["settings"]["num_stories"] == 2
    with pytest.raises(ValueError, match="no story fits the model: 1 read"):
        evaluate_ladder(tiny_pipeline, [Document(("word " * 100,))])
    alone = evaluate_ladder(tiny_pipeline, fine[:1], num_inference_steps=1)
    assert "random human" not in [scores["row"] for scores in alone["table"]]


def test_planted_faults_are_found():
    stories = [
        ["A cat sat.", "", "A cat sat.", "It left."],  # empty, and repeated twice but not adjacent
        ["He ran.", "he ran. ", "He slept.", "She went home and she went home and she went home."],
    ]
    assert faults(stories) == {
        "empty": 1 / 8,
        "repeated": 4 / 8,
        "adjacent_duplicate": 1 / 8,
        "looping": 1 / 8,
    }
    assert faults([["", ""]]) == {"empty": 1, "repeated": 0, "adjacent_duplicate": 0, "looping": 0}
    assert faults([["One here."], ["One here."]])["repeated"] == 0  # of another story
    assert set(faults([]).values()) == {0}


def test_loops_need_three_words_three_times():
    assert loops("no no no no no")
    assert not loops("no no no no")
    assert not loops("he came and he came and left")
    assert not loops("")


def test_diversity():
    assert diversity(["a b", "a c"]) == {"distinct_1": 3 / 4, "distinct_2": 1, "words": 2}
    assert diversity([]) == {"distinct_1": 0, "distinct_2": 0, "words": 0}


def test_other_stories_keep_the_number_of_segments():
    assert other_stories([["a", "b", "c"], ["d"], ["e", "f"]]) == [["d", "d", "d"], ["e"], ["a", "b"]]


def test_endless_segments_are_those_without_an_end_token(tiny_pipeline, monkeypatch):
    kind = type(tiny_pipeline.decoder)
    generate = kind.generate

    def first_never_ends(decoder, *args, **options):
        token_ids = generate(decoder, *args, **options)
        token_ids[0] = token_ids[0].masked_fill(token_ids[0] == decoder.config.eos_token_id, 9)
        token_ids[1:, -1] = decoder.config.eos_token_id
        return token_ids

    monkeypatch.setattr(kind, "generate", first_never_ends)
    documents = [Document(("a", "b", "c"), "T"), Document(("a",))]
    rung = sampled_rung(tiny_pipeline, documents, seed=0, guidance_scale=2.0, num_inference_steps=2)
    assert rung.ended == [False, True, True, False]
    assert [len(story) for story in rung.stories] == [3, 1]
    assert row(rung, [["a", "b", "c"], ["a"]])["endless"] == 1 / 2
    assert "generate" not in vars(tiny_pipeline.decoder)
