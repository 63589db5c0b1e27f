"""StoryPipeline: reproducible, faithful to what is given, swappable, and clear about what it cannot do."""

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from diffusers.utils import logging
from safetensors.torch import load_file, save_file

from segdiff import SegmentDecoder, SegmentEncoder, StoryPipeline
from segdiff.pipelines.saving import save_pipeline
from segdiff.pipelines.story import Story
from segdiff.pipelines.tokenization import word_tokens
from segdiff.pipelines.writing import told_levels

COSINE: dict[str, Any] = {"beta_schedule": "squaredcos_cap_v2"}
SCHEDULERS = {
    "ddim": lambda: DDIMScheduler(clip_sample=False, prediction_type="epsilon", **COSINE),
    "dpm": lambda: DPMSolverMultistepScheduler(prediction_type="sample", **COSINE),
    "sde": lambda: DPMSolverMultistepScheduler(prediction_type="sample", algorithm_type="sde-dpmsolver++", **COSINE),
    "unipc": lambda: UniPCMultistepScheduler(prediction_type="v_prediction", **COSINE),
    "flow": lambda: FlowMatchEulerDiscreteScheduler(shift=3.0),
}
FAST: dict[str, Any] = {"num_inference_steps": 4}


def with_scheduler(pipeline: StoryPipeline, scheduler: Any) -> StoryPipeline:
    return StoryPipeline(**{**pipeline.components, "scheduler": scheduler})


def test_the_decoder_is_told_how_noisy_its_latents_are(pipeline, monkeypatch):
    """Gist latents get `decoder_level` or the lower level they were rewritten from, the others that level."""
    told = []
    memory = pipeline.decoder.memory

    def recording(own, around, around_mask, level, around_level):
        told.append(level)
        return memory(own, around, around_mask, level, around_level)

    monkeypatch.setattr(pipeline.decoder, "memory", recording)
    given = ["Tom had a kite.", None, "Bye."]
    pipeline(segments=given, strength=[0.2, None, None], decoder_level=0.6, **FAST)
    torch.testing.assert_close(told[0], torch.tensor([[0.2], [0.6]]).expand(2, 2))  # the last is kept
    with_gist = SegmentDecoder(pipeline.decoder.config.text_config, num_latents=3, gist_latents=2)
    levels = told_levels(with_gist, torch.tensor([[0.2, 1.0, 0.0]]), 0.6)
    torch.testing.assert_close(levels, torch.tensor([[[0.2, 0.2, 0.2], [0.6, 0.6, 1.0], [0.0, 0.0, 0.0]]]))
    pipeline(segments=given, **FAST)
    assert float(told[1][0, 0]) == pytest.approx(0.85), "the model's own"
    with pytest.raises(ValueError, match="decoder_level is"):
        pipeline(decoder_level=1.5)


# ---------------------------------------------------------------------------------------- reproducible


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(
    "options", [{}, {"num_segments": 4, "temperature": 1.0}, {"start": ["Tom had a kite."], "end": ["Bye."]}]
)
def test_same_seed_same_text_in_any_batch(pipeline, scheduler, options):
    writer = with_scheduler(pipeline, SCHEDULERS[scheduler]())
    together = writer("A kite", num_stories=6, seed=3, **FAST, **options)
    assert [story.seed for story in together] == [3, 4, 5, 6, 7, 8]
    assert len({story.text for story in together}) > 2 and all(story.text for story in together)
    if "num_segments" not in options:
        assert len({len(story.segments) for story in together}) > 1  # of different widths in one batch
    for batch_size in (1, 4):
        apart = writer("A kite", num_stories=6, seed=3, batch_size=batch_size, **FAST, **options)
        assert [story.segments for story in apart] == [story.segments for story in together]
    assert writer("A kite", seed=5, **FAST, **options)[0].segments == together[2].segments


def test_global_random_state_does_not_matter(pipeline):
    torch.manual_seed(0)
    first = pipeline("A kite", temperature=1.0, **FAST)[0]
    torch.manual_seed(1)
    assert pipeline("A kite", temperature=1.0, **FAST)[0].segments == first.segments


@pytest.mark.parametrize(
    "change",
    [
        {"title": "The boat"},
        {"title": None},
        {"title": None, "keywords": ["boat", "sea"]},
        {"seed": 1},
        {"guidance_scale": 5.0},
        {"temperature": 3.0},
        {"min_p": 0.9},
        {"num_inference_steps": 2},
        {"start": ["Tom had a kite."]},
        {"end": ["Tom had a kite."]},
    ],
    ids=str,
)
def test_every_argument_changes_the_story(pipeline, change):
    base = {"title": "A kite", "num_segments": 5, "temperature": 1.0, **FAST}
    assert pipeline(**base)[0].segments != pipeline(**{**base, **change})[0].segments


@pytest.fixture
def with_words(pipeline) -> StoryPipeline:
    """The pipeline with a list of words: those of two sentences."""
    tokens, decoder = word_tokens(pipeline.tokenizer), copy.deepcopy(pipeline.decoder)
    rows = pipeline.tokenizer(["Tom had a red kite.", "It was the best day."], add_special_tokens=False)["input_ids"]
    decoder.set_words(tokens.words(np.array([token for row in rows for token in row])))
    writer = StoryPipeline(**{**pipeline.components, "decoder": decoder})
    writer.set_progress_bar_config(disable=True)
    return writer


def words_of(stories) -> set[str]:
    """Whole words: the last of a segment may be cut."""
    return {word for story in stories for text in story.segments for word in re.findall(r"[A-Za-z]+", text)[:-1]}


def test_known_words(with_words):
    known = set(["Tom", "had", "a", "red", "kite", "It", "was", "the", "best", "day"])
    options = {"num_stories": 12, "temperature": 2.0, **FAST}
    assert words_of(with_words(**options)) <= known
    said = words_of(with_words("Quux", **{**options, "num_stories": 40}))
    assert said <= known | {"Quux", "quux"} and said - known  # what is given is known, too
    assert words_of(with_words(start=["Zap!"], **options)) <= known | {"Zap", "zap"}
    assert not words_of(with_words(known_words=False, **options)) <= known
    with pytest.raises(ValueError, match="known_words is 'no'; it must be True, False or None"):
        with_words(known_words="no")


def test_what_is_given_is_known_in_every_form(with_words):
    words = with_words._words()

    def can_write(text: str, *given: str) -> bool:
        lexicon, states = words.lexicon(given), torch.zeros(1, dtype=torch.long)
        for token in with_words.tokenizer(text, add_special_tokens=False)["input_ids"]:
            if not lexicon.allowed(states)[0, token]:
                return False
            states = lexicon.step(states, torch.tensor([token]))
        return True

    assert not can_write("Xanthe had a kite.")
    for text in ("Xanthe had a kite.", '"Xanthe had', "xanthe had", "the best Xanthe"):
        assert can_write(text, "Xanthe’s kite — “Xanthe”"), text
    assert can_write("Zeppelin!", "the zeppelin") and not can_write("Zeppelin!", "the zeppelins")
    assert words.lexicon(["ab" * 3000]) is words.own  # what cannot be written needs no room


def test_a_list_of_words_is_used_unless_told_otherwise(with_words, pipeline):
    assert with_words.resolved()["known_words"] and not with_words.resolved(known_words=False)["known_words"]
    assert not pipeline.resolved()["known_words"]
    with pytest.raises(ValueError, match="known_words: this model has no list of words"):
        pipeline(known_words=True)


def test_story(pipeline):
    story = pipeline("A kite", num_segments=3, **FAST)[0]
    assert len(story.segments) == 3 and story.title == "A kite" and story.seconds > 0
    assert story.denoiser_calls == 4
    assert str(story) == story.text == " ".join(story.segments)
    assert Story(["A.", "", "B."], None, 0, 0.0, 0).text == "A. B."  # an empty rendering leaves no gap


@pytest.mark.parametrize(("options", "count"), [({"num_segments": 1}, 1), ({"num_segments": 64}, 64)])
def test_number_of_segments(pipeline, options, count):
    assert len(pipeline(**options, **FAST)[0].segments) == count


def test_the_model_chooses_how_many(pipeline):
    counts = {len(story.segments) for story in pipeline("A kite", num_stories=30, num_inference_steps=1)}
    assert len(counts) > 2 and counts <= set(range(1, 7))


def test_guidance_of_one_runs_one_pass(pipeline):
    sizes: list[int] = []
    hook = pipeline.denoiser.register_forward_pre_hook(lambda _m, inputs: sizes.append(inputs[0].shape[0]))
    pipeline("A kite", num_segments=2, guidance_scale=1.0, **FAST)
    pipeline("A kite", num_segments=2, guidance_scale=1.5, **FAST)
    hook.remove()
    assert sizes == [1] * 4 + [2] * 4


def test_callback_sees_every_step(pipeline):
    seen: list[tuple[int, tuple]] = []

    def watch(step: int, latents: torch.Tensor) -> None:
        seen.append((step, tuple(latents.shape)))

    pipeline("A kite", num_segments=3, num_stories=2, callback_on_step_end=watch, **FAST)
    assert seen == [(step, (2, 3, 2, 8)) for step in range(4)]


# ---------------------------------------------------------------------------------------------- given


GIVEN = ["  two  spaces\tand a tab ", "e\u0301 \U0001f469\u200d\U0001f680 </s>", "Tom."]


@pytest.mark.parametrize("strength", [None, [0.0] * 5, [None] * 5, [0, None, 0.0, 1.0, None]])
def test_given_segments_come_back_byte_for_byte(pipeline, strength):
    segments = [GIVEN[0], None, GIVEN[1], None, GIVEN[2]]
    for story in pipeline(segments=segments, strength=strength, num_stories=3, **FAST):
        assert [story.segments[index] for index in (0, 2, 4)] == GIVEN
        assert story.segments[1] and story.segments[3]


def test_start_and_end_are_the_first_and_last_segments(pipeline):
    story = pipeline(start=GIVEN[:2], end=GIVEN[2:], num_segments=5, **FAST)[0]
    assert len(story.segments) == 5
    assert story.segments[:2] == GIVEN[:2] and story.segments[-1:] == GIVEN[2:]
    assert pipeline(end=GIVEN, num_segments=4, **FAST)[0].segments[1:] == GIVEN
    assert len(pipeline(segments=[*GIVEN[:1], None], num_segments=3, **FAST)[0].segments) == 3


def test_the_model_chooses_how_many_come_between(pipeline):
    stories = pipeline(start=GIVEN[:2], end=GIVEN[2:], num_stories=20, num_inference_steps=1)
    assert {4, 5, 6} >= {len(story.segments) for story in stories} > {4}
    for story in stories:
        assert story.segments[:2] == GIVEN[:2] and story.segments[-1] == GIVEN[2]
    beyond = pipeline(start=GIVEN * 3, **FAST)[0]  # more than the count head knows
    assert beyond.segments[:9] == GIVEN * 3 and len(beyond.segments) == 10


def test_strength_rewrites_only_where_it_is_above_zero(pipeline):
    stories = pipeline(segments=GIVEN, strength=[0.0, 0.9, None], num_stories=4, **FAST)
    assert all(story.segments[0] == GIVEN[0] and story.segments[2] == GIVEN[2] for story in stories)
    assert all(story.segments[1] != GIVEN[1] for story in stories)


def test_given_segments_shape_the_written_ones(pipeline):
    one, other = (pipeline(segments=[text, None, None], temperature=1.0, **FAST)[0].segments[1:] for text in GIVEN[:2])
    assert one != other


# --------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_stories": 0}, "num_stories is 0; it must be between 1 and 100000"),
        ({"num_inference_steps": 0}, "num_inference_steps is 0; it must be between 1 and 1000"),
        ({"num_inference_steps": 1001}, "num_inference_steps is 1001"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1; it must be between 0"),
        ({"guidance_scale": -0.5}, "guidance_scale is -0.5"),
        ({"guidance_scale": float("nan")}, "guidance_scale is nan"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"min_p": 1.1}, "min_p is 1.1"),
        ({"num_segments": 0}, "num_segments is 0; it must be between 1 and 10000"),
        ({"num_segments": 10**12}, "num_segments is 1000000000000; it must be between 1 and 10000"),
        ({"segments": ["A.", None], "start": ["B."]}, "give either segments, or start and end"),
        ({"segments": ["A.", None], "end": ["B."]}, "give either segments, or start and end"),
        ({"end": ["A.", " "]}, "a given segment is empty"),
        ({"start": ["A."], "end": ["B."], "num_segments": 1}, "num_segments is 1, fewer than the 2 segments given"),
        ({"start": ["A."], "end": ["B."], "num_segments": 2}, "every segment is given"),
        ({"start": ["A."], "strength": [0.5]}, "strength needs segments"),
        ({"segments": ["A.", " ", None]}, "a given segment is empty; give some text"),
        ({"segments": ["\ud800", None]}, "a given segment has a lone surrogate at character 0"),
        ({"segments": []}, "segments has 0 entries; it must have between 1 and 10000"),
        ({"segments": [None] * 10_001}, "segments has 10001 entries"),
        ({"keep": {7: "A."}, "num_segments": 5}, "keep has the index 7; it must be between 0 and 4"),
        ({"keep": {-1: "A."}}, "keep has the index -1"),
        ({"keep": {0: "A."}, "start": ["B."]}, "keep gives the segment with index 0, which is given already"),
        ({"keep": {4: "A."}, "end": ["B."], "num_segments": 5}, "keep gives the segment with index 4, which is given"),
        ({"separators": ["x"], "segments": ["A.", None]}, "separators has 'x'; it must be white space"),
        ({"separators": None, "segments": ["A.", None]}, "separators must be a list of white space; got NoneType"),
        ({"controls": "happy"}, "controls must be a list of what `load_control` gives; got 'happy'"),
        ({"paragraph_length": 2.5}, "paragraph_length is 2.5; it must be a whole number"),
        ({"separators": [" "], "segments": [None]}, "separators has 1 entries for 1 segments"),
        ({"guidance_interval": (0.8, 0.2)}, r"guidance_interval is \(0.8, 0.2\); it must be two noise levels"),
        ({"negative": ["dog"], "guidance_scale": 1}, "negative does nothing with guidance_scale 1"),
        ({"negative": "dog"}, "negative must be a list of texts; got str"),
        ({"mention": ["dog", " "]}, "a word of mention is empty"),
        ({"mention": ["dog"], "mention_scale": -1}, "mention_scale is -1; it must be between 0 and 10000"),
        ({"choose": "luck"}, "choose is 'luck'; known: critic, mbr, likelihood"),
        ({"num_candidates": 0}, "num_candidates is 0"),
        ({"words_per_segment": "huge", "num_candidates": 2}, "words_per_segment is 'huge'; it must be a number or one"),
        ({"words_per_segment": 5}, "words_per_segment chooses among candidates; give num_candidates of 2 or more"),
        ({"group": 0}, "group is 0; it must be between 1 and 64"),
        ({"group": 65}, "group is 65; it must be between 1 and 64"),
        ({"window": -1}, "window is -1; it must be between 0 and 64"),
        ({"segments": ["A.", "B.", None], "num_segments": 2}, "num_segments is 2, fewer than the 3 segments given"),
        ({"segments": ["word " * 60, None]}, "a segment has .* tokens, at most 40 fit: .*cut it into shorter segments"),
        ({"segments": ["A.", "B."]}, "every segment is given; leave at least one to write"),
        ({"segments": ["A.", "B."], "strength": [0, None]}, "every segment is given"),
        ({"strength": [0.5]}, "strength needs segments"),
        ({"segments": ["A.", None], "strength": [0.5]}, "strength has 1 entries for 2 segments"),
        ({"segments": ["A.", None], "strength": [1.5, None]}, "strength must be between 0 and 1"),
        ({"segments": ["A.", None], "strength": [-0.5, None]}, "strength must be between 0 and 1"),
        ({"segments": ["A.", None], "strength": [float("nan"), None]}, "strength must be between 0 and 1"),
        ({"title": " "}, "the title is empty; give some text"),
        ({"title": "a\udc00"}, "the title has a lone surrogate at character 1"),
        ({"keywords": ["kite", ""]}, "a keyword is empty"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
def test_errors(pipeline, options, message):
    with pytest.raises(ValueError, match=message):
        pipeline(**options)


def test_another_encoder_is_refused(pipeline):
    other = SegmentEncoder.from_config(pipeline.encoder.config)
    with pytest.raises(ValueError, match="the denoiser was trained on the latents of another encoder"):
        StoryPipeline(**{**pipeline.components, "encoder": other})


def test_clipping_scheduler_is_refused(pipeline):
    with pytest.raises(ValueError, match="DDIMScheduler must have clip_sample=False"):
        with_scheduler(pipeline, DDIMScheduler())(num_segments=2)


# ----------------------------------------------------------------------------------------------- disk


def test_round_trip(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    parts = {"encoder", "denoiser", "decoder", "scheduler", "tokenizer", "condition_encoder"}
    assert {path.name for path in tmp_path.iterdir()} == {"model_index.json", *parts}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".txt"}
    assert sum(path.suffix == ".safetensors" for path in files) == 4
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "StoryPipeline" and parts <= index.keys()

    loaded = StoryPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    for name in ("encoder", "denoiser", "decoder", "condition_encoder"):
        left, right = getattr(pipeline, name), getattr(loaded, name)
        assert not right.training
        for key, tensor in left.state_dict().items():
            assert torch.equal(right.state_dict()[key], tensor), (name, key)
    assert loaded.config.decoder_level == pipeline.config.decoder_level == 0.85
    loaded.register_to_config(decoder_level=0.3)
    loaded.save_pretrained(tmp_path / "again")
    assert StoryPipeline.from_pretrained(tmp_path / "again").config.decoder_level == 0.3
    loaded.register_to_config(decoder_level=0.85)
    options: dict[str, Any] = {"title": "A kite", "num_stories": 3, "temperature": 0.5, **FAST}
    assert [s.segments for s in loaded(**options)] == [s.segments for s in pipeline(**options)]


def test_half_precision_on_disk_is_single_precision_in_memory(tiny_model_dir, tmp_path):
    whole = StoryPipeline.from_pretrained(tiny_model_dir)
    save_pipeline(whole, tmp_path / "half", half=True)
    assert {parameter.dtype for parameter in whole.denoiser.parameters()} == {torch.float32}  # the caller's stays
    size = [sum(f.stat().st_size for f in d.rglob("*.safetensors")) for d in (tmp_path / "half", tiny_model_dir)]
    assert size[0] < 0.6 * size[1]
    assert [path.name for path in tmp_path.iterdir()] == ["half"]
    loaded = StoryPipeline.from_pretrained(tmp_path / "half")
    assert {parameter.dtype for parameter in loaded.denoiser.parameters()} == {torch.float32}
    assert loaded("A kite", num_segments=2, **FAST)[0].segments


@pytest.mark.parametrize("shown", [True, False])
def test_loading_shows_no_bar_and_leaves_the_setting(tiny_model_dir, capsys, shown):
    (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
    try:
        StoryPipeline.from_pretrained(tiny_model_dir)
        assert logging.is_progress_bar_enabled() == shown
    finally:
        logging.enable_progress_bar()
    assert "Loading" not in capsys.readouterr().err


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_swap_at_loading(tiny_model_dir, name):
    scheduler = SCHEDULERS[name]()
    loaded = StoryPipeline.from_pretrained(tiny_model_dir, scheduler=scheduler)
    assert loaded.scheduler is scheduler
    assert len(loaded("A kite", num_segments=2, **FAST)[0].segments) == 2


@pytest.fixture
def broken(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    shutil.copytree(tiny_model_dir, tmp_path / "model")
    return tmp_path / "model"


PARTS = ["encoder", "denoiser", "decoder", "condition_encoder"]


@pytest.mark.parametrize("part", PARTS)
def test_missing_tensor_is_refused(broken, part):
    file = broken / part / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors.pop(sorted(tensors)[-1])
    save_file(tensors, file)
    with pytest.raises(ValueError, match=f"the weights in .*{part} are incomplete"):
        StoryPipeline.from_pretrained(broken)


@pytest.mark.parametrize("part", PARTS)
def test_truncated_weights_are_refused(broken, part):
    file = broken / part / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"{part}.*damaged|cannot load .* from .*{part}"):
        StoryPipeline.from_pretrained(broken)


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("model_index.json", FileNotFoundError, "holds no story model: model_index.json is missing"),
        ("denoiser/config.json", FileNotFoundError, "no SegmentDenoiser in .*denoiser: config.json is missing"),
        ("decoder/diffusion_pytorch_model.safetensors", FileNotFoundError, "no weights of SegmentDecoder in .*decoder"),
        ("scheduler/scheduler_config.json", ValueError, "cannot load the model in"),
    ],
)
def test_missing_file_is_named(broken, path, error, message):
    (broken / path).unlink()
    with pytest.raises(error, match=message):
        StoryPipeline.from_pretrained(broken)


@pytest.mark.parametrize("name", ["nowhere", "./nowhere", "a/b/c"])
def test_no_such_model(name):
    with pytest.raises(FileNotFoundError, match=f"no model at '{name}'; bundled models: "):
        StoryPipeline.from_pretrained(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_segments": "3"}, "num_segments is 3; it must be between"),
        ({"num_segments": 2.5}, "num_segments is 2.5; it must be between"),
        ({"num_stories": 2.0}, "num_stories is 2.0; it must be a whole number"),
        ({"num_inference_steps": 2.5}, "num_inference_steps is 2.5; it must be a whole number"),
        ({"guidance_interval": None}, "guidance_interval is None; it must be two noise levels"),
        ({"guidance_interval": ("a", "b")}, "it must be two noise levels"),
        ({"keep": ["x"]}, "keep must be a dictionary from places to texts"),
        ({"keep": {1: "x", "a": "y"}}, "keep must be a dictionary from places to texts"),
        ({"segments": ["a.", None], "strength": 0.5}, "strength must be a list of numbers or None"),
        ({"segments": ["a.", None], "strength": ["x", None]}, "strength must be a list of numbers or None"),
    ],
)
def test_values_of_a_wrong_type_are_named(tiny_pipeline, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tiny_pipeline("A walk", **options)
