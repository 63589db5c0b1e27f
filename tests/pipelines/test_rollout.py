"""Long stories: windows, what each segment draws, and what comes out."""

from typing import Any

import pytest
import torch

from segdiff import StoryPipeline
from segdiff.pipelines import writing
from segdiff.pipelines.rollout import Window, drawn, windows
from segdiff.pipelines.writing import Draft, Passage

FAST: dict[str, Any] = {"num_inference_steps": 2}


def test_windows():
    assert list(windows([1.0] * 10, 4, 3)) == [Window(0, 0, 4, 4), Window(1, 4, 8, 8), Window(5, 8, 10, 10)]
    # given segments are skipped, counted in a group, and seen when they follow
    levels = [0.0, 0.0, 1, 1, 0, 1, 1, 0, 0, 0, 0]
    assert list(windows(levels, 3, 4)) == [Window(0, 2, 5, 5), Window(3, 5, 8, 10)]
    assert list(windows([1.0] * 3, 1, 0)) == [Window(0, 0, 1, 1), Window(1, 1, 2, 2), Window(2, 2, 3, 3)]
    assert list(windows([0.0, 0.5, 0.0], 1, 2)) == [Window(0, 1, 2, 3)]


@pytest.mark.parametrize(("group", "context"), [(1, 0), (2, 5), (4, 8), (7, 3)])
def test_windows_write_everything_once_and_stay_small(group, context):
    levels = [float(index % 7 != 3) for index in range(100)]
    plan = list(windows(levels, group, context))
    written = [index for window in plan for index in range(window.start, window.stop) if levels[index]]
    assert written == [index for index, level in enumerate(levels) if level]
    assert all(window.last - window.first <= group + context for window in plan)


def test_what_is_drawn_depends_on_seed_candidate_and_position_alone():
    noise, uniforms = drawn([5, 6], 2, range(3, 6), (2, 8), 4)
    assert noise.shape == (4, 3, 2, 8) and uniforms.shape == (4, 3, 4)
    again, _ = drawn([6], 2, range(5, 9), (2, 8), 4)
    assert torch.equal(again[:, 0], noise[2:, 2])
    assert len({float(x) for x in noise[..., 0, 0].flatten()}) == 12
    many, _ = drawn(range(200), 1, range(5), (2, 8), 1)
    assert abs(float(many.mean())) < 0.03 and abs(float(many.std()) - 1) < 0.03


def test_a_hundred_segments_exactly(pipeline):
    widths: list[int] = []
    hook = pipeline.denoiser.register_forward_pre_hook(lambda _m, inputs: widths.append(inputs[0].shape[1]))
    story = pipeline("A kite", num_segments=100, group=5, window=3, seed=1, **FAST)[0]
    hook.remove()
    assert len(story.segments) == 100 and all(story.segments)
    assert max(widths) == 5 and story.denoiser_calls == len(widths) == 40
    assert len(set(story.segments)) > 10


def test_given_segments_in_a_long_story(pipeline):
    given = {0: " Anna  lost her keys.", 13: "\u00e9t\u00e9", 39: "The end."}
    story = pipeline(keep=given, num_segments=40, **FAST)[0]
    assert {index: story.segments[index] for index in given} == given
    assert all(story.segments)
    segments = [None] * 20 + ["A kite."] + [None] * 5
    assert pipeline(segments=segments, group=4, window=2, **FAST)[0].segments[20] == "A kite."


def test_long_stories_do_not_depend_on_the_batch(pipeline):
    options: dict[str, Any] = {"num_segments": 17, "group": 3, "window": 4, "temperature": 1.0, **FAST}
    together = pipeline("A kite", num_stories=3, seed=4, **options)
    assert len({story.text for story in together}) == 3
    for story in together:
        assert pipeline("A kite", seed=story.seed, **options)[0].segments == story.segments


def test_groups_of_stories_whose_length_the_model_chooses(pipeline):
    options: dict[str, Any] = {"group": 2, "window": 2, **FAST}
    together = pipeline("A kite", num_stories=8, seed=0, **options)
    assert len({len(story.segments) for story in together}) > 1
    for story in together:
        (alone,) = pipeline("A kite", seed=story.seed, **options)
        assert (alone.segments, alone.text) == (story.segments, story.text)  # paragraphs are the same, too


def test_what_was_written_before_matters_and_the_window_bounds_it(pipeline):
    def last(first: str, window: int) -> str:
        options: dict[str, Any] = {"guidance_scale": 1, "temperature": 1.0, **FAST}
        return pipeline(start=[first], keywords=["kite"], num_segments=3, group=1, window=window, **options)[
            0
        ].segments[2]

    assert last("Tom had a kite.", 2) != last("Sue had eleven lamps.", 2)
    assert last("Tom had a kite.", 0) == last("Sue had eleven lamps.", 0)


@pytest.mark.parametrize("options", [{"num_segments": 11, "group": 3}, {"num_segments": 4}, {"end": ["Bye."]}], ids=str)
def test_passages_are_the_story(pipeline, options):
    passages: list[Passage] = []
    (story,) = pipeline("A kite", callback_on_group_end=passages.append, **options, **FAST)
    assert [segment for passage in passages for segment in passage.segments[0]] == story.segments
    assert "".join(passage.text[0] for passage in passages) == story.text
    assert [passage.first for passage in passages] == ([0, 3, 6, 9] if "group" in options else [0])
    assert all(passage.seeds == [story.seed] for passage in passages)


def test_long_stories_have_paragraphs(pipeline):
    options: dict[str, Any] = {"num_segments": 30, "group": 4, "seed": 3, **FAST}
    (story,) = pipeline("A kite", **options)
    lengths = [paragraph.count(" ") for paragraph in story.text.split("\n\n")]
    assert 3 <= len(lengths) <= 12
    assert story.separators.count("\n\n") == len(lengths) - 1
    (block,) = pipeline("A kite", paragraph_length=0, **options)
    assert "\n" not in block.text and block.segments == story.segments
    (short,) = pipeline("A kite", num_segments=4, seed=3, **FAST)
    assert "\n" not in short.text
    (parted,) = pipeline("A kite", num_segments=4, seed=3, paragraph_length=1, **FAST)
    assert parted.text == "\n\n".join(short.segments)
    together = pipeline("A kite", num_stories=2, **{**options, "seed": 2})
    assert together[1].text == story.text


def test_white_space_around_rewritten_segments_stays(pipeline):
    texts = [f"Tom ran {place} miles." for place in range(20)]
    (story,) = pipeline(segments=texts, strength=[None] * 7 + [0.9] + [None] * 12, paragraph_length=1, **FAST)
    assert "\n" not in story.text and story.segments[:7] == texts[:7]


def test_given_white_space_stays_where_paragraphs_are_made(pipeline):
    given = {"start": ["Tom ran.", "He fell."], "separators": ["\n"], "end": ["Bye.", "The end."]}
    (story,) = pipeline(**given, num_segments=7, paragraph_length=1, **FAST)
    assert story.text.startswith("Tom ran.\nHe fell.\n\n") and story.text.endswith("\n\nBye. The end.")


def test_drafts(pipeline):
    drafts: list[Draft] = []
    options: dict[str, Any] = {"num_segments": 6, "group": 3, "num_inference_steps": 4}
    story = pipeline(start=["Tom ran."], callback_on_draft=drafts.append, **options)[0]
    assert [(draft.step, draft.num_steps, draft.first) for draft in drafts] == [
        (step, 4, first) for first in (1, 4) for step in (1, 2, 3, 4)
    ]
    assert drafts[-1].segments[0] == story.segments[4:]  # the last estimate is the result
    assert drafts[3].segments[0] == story.segments[1:4]
    assert drafts[0].segments[0] != drafts[3].segments[0]
    assert pipeline(start=["Tom ran."], **options)[0].segments == story.segments  # looking changes nothing


# --------------------------------------------------------------------------------------- candidates


def test_the_first_candidate_is_the_story_itself(pipeline, monkeypatch):
    plain = pipeline("A kite", num_segments=3, num_stories=2, **FAST)
    seen: list[list[str]] = []

    def first(candidates, _scores, _wishes):
        seen.extend(candidates)
        return 0

    monkeypatch.setattr("segdiff.pipelines.writing.best", first)
    chosen = pipeline("A kite", num_segments=3, num_stories=2, num_candidates=3, **FAST)
    assert [story.segments for story in chosen] == [story.segments for story in plain]
    assert len({" ".join(one) for one in seen}) == 6


@pytest.mark.parametrize("choose", ["mbr", "likelihood"])
def test_candidates_do_not_depend_on_the_batch(pipeline, choose):
    options: dict[str, Any] = {"num_candidates": 4, "choose": choose, "num_segments": 8, "group": 3, **FAST}
    together = pipeline("A kite", num_stories=3, **options)
    assert pipeline("A kite", seed=1, **options)[0].segments == together[1].segments
    plain = pipeline("A kite", num_stories=3, **{**options, "num_candidates": 1})
    assert [story.segments for story in plain] != [story.segments for story in together]


@pytest.fixture
def readable(pipeline, monkeypatch) -> StoryPipeline:
    """The pipeline with plain words of one kind or another for latents: what the tiny decoder says has none."""

    def render(_decoder, _tokenizer, latents, exists, *_rest, wanted, **_options):
        number = (latents.flatten(2).sum(-1).abs() * 1000).long() % 7
        words = [["rain", "sun", "snow"][n % 3] for n in range(7)]
        return [
            [
                " ".join([words[int(n)]] * (1 + int(n))) if is_wanted else ""
                for n, is_wanted in zip(row, seen, strict=True)
            ]
            for row, seen in zip(number, wanted.tolist(), strict=True)
        ]

    monkeypatch.setattr("segdiff.pipelines.writing.render", render)
    return pipeline


def test_candidates_are_chosen_by_what_they_must_mention(readable):
    def count(**options: Any) -> int:
        stories = readable(num_segments=4, group=2, window=2, num_stories=8, **options, **FAST)
        return sum("snow" in story.text and "sun" in story.text for story in stories)

    assert count(mention=["snow", "sun"], num_candidates=8) > count(keywords=["snow", "sun"])


def test_a_word_that_is_never_said_pulls_the_first_groups_only(readable, monkeypatch):
    numbers: list[int] = []

    def sample(*arguments: Any, gradients: Any, **options: Any):
        numbers.append(len(gradients))
        return plain(*arguments, gradients=gradients, **options)

    plain = writing.sample
    monkeypatch.setattr(writing, "sample", sample)
    readable(num_segments=10, group=2, window=2, mention=["bicycle"], **FAST)
    assert numbers == [1, 1, 1, 0, 0]


def test_candidates_are_chosen_by_length(readable):
    def words(length: int | str) -> float:
        options: dict[str, Any] = {"num_segments": 2, "num_stories": 8, "num_candidates": 8, **FAST}
        stories = readable(words_per_segment=length, **options)
        return sum(len(segment.split()) for story in stories for segment in story.segments) / 16

    assert words(1) < words(4) < words("medium")
