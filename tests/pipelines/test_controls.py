"""Controls: trained on labelled segments, they pull what is written towards a label."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from segdiff.diffusion.guidance import pulled
from segdiff.pipelines.controls import Control, LatentClassifier, control_gradients, load_control, mention_gradient
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.train_control import train_control

FAST: dict[str, Any] = {"num_segments": 4, "num_inference_steps": 6, "guidance_scale": 1.0}
WORDS = ["kite", "boat", "lamp", "puppy", "letter", "garden", "bike", "cake"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """Segments that differ by their first words."""
    file = tmp_path_factory.mktemp("labelled") / "people.jsonl"
    rows = [
        {"text": f"{person} the {word} {number} times.", "label": label}
        for label, person in [("tom", "Tom wanted"), ("nobody", "There was no one at")]
        for word in WORDS
        for number in range(2, 7)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def control(labelled, tiny_model_dir, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "people"
    result = train_control(labelled, out, model=str(tiny_model_dir), steps=150)
    assert result["labels"] == {"nobody": 40, "tom": 40} and result["chance"] == 0.5
    assert result["accuracy"]["noise level 0"] > 0.8 and result["left_out"] == 0
    assert json.loads((out / "control.json").read_text()) == result
    return out


def test_it_is_saved_whole_and_without_pickles(control):
    files = {path.name for path in control.iterdir()}
    assert files == {"config.json", "control.json", "diffusion_pytorch_model.safetensors"}
    assert [path.name for path in control.parent.iterdir()] == [control.name]


def test_training_is_reproducible(control, labelled, tiny_model_dir, tmp_path):
    torch.manual_seed(3)
    train_control(labelled, tmp_path / "again", model=str(tiny_model_dir), steps=150)
    first, second = (load_control(folder, "tom").classifier for folder in (control, tmp_path / "again"))
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_stories_are_pulled_towards_the_label(control, tiny_pipeline):
    """By the classifier's own judgement of the latents: the tiny decoder says nothing that could be judged."""
    found: dict[tuple[str, float], float] = {}
    for label in ("tom", "nobody"):
        for scale in (0.0, 5.0):
            one = load_control(control, label, scale)
            estimates: list[torch.Tensor] = []
            tiny_pipeline(
                controls=[one],
                num_stories=4,
                callback_on_step_end=lambda _, z, found=estimates: found.append(z),
                **FAST,
            )
            latents = estimates[-1]
            chance = one.classifier(latents, torch.full(latents.shape[:2], 14.0)).softmax(-1)
            found[label, scale] = float(chance[..., one.classifier.config.labels.index(label)].mean())
    for label in ("tom", "nobody"):
        assert found[label, 5.0] > found[label, 0.0] + 0.05, found


def test_given_segments_are_not_pulled(control, tiny_pipeline):
    one = load_control(control, "tom", 20.0)
    story = tiny_pipeline(segments=["There was no one.", None], controls=[one], num_inference_steps=3)[0]
    assert story.segments[0] == "There was no one."


def test_the_story_without_scale_is_the_story_without_control(control, tiny_pipeline):
    plain = tiny_pipeline(**FAST)[0].segments
    assert tiny_pipeline(controls=[load_control(control, "tom", 0.0)], **FAST)[0].segments == plain


def test_gist_alone_is_seen_where_there_is_one():
    classifier = LatentClassifier(["a", "b"], num_latents=3, latent_dim=4, gist_latents=2).eval()
    latents = torch.randn(5, 3, 4)
    other = latents.clone()
    other[:, 2] += 1
    snr = torch.zeros(5)
    assert torch.equal(classifier(latents, snr), classifier(other, snr))
    assert not torch.equal(classifier(latents, snr), classifier(latents, snr + 3))


# -------------------------------------------------------------------------------------------- mention


def test_a_word_pulls_the_segment_that_is_nearest_already():
    words = torch.eye(8).view(8, 2, 4)[:2]  # two words, K = 2, D = 4
    estimate = torch.zeros(2, 3, 2, 4)
    estimate[:, :, 1, 3] = 1.0
    estimate[:, 1, 0, 0] = 0.5  # the middle one is nearest to the first word
    missing = torch.tensor([[True, False], [False, False]])
    everything = torch.ones(2, 3, dtype=torch.bool)
    moved = pulled(estimate, torch.zeros(2, 3), [mention_gradient(words, missing, everything, 0, 4.0)]) - estimate
    towards = moved[0, :, 0, 0]
    assert towards[1] > 3 * towards[0] > 0 and towards[0] == pytest.approx(float(towards[2]))
    assert not moved[1].any(), "nothing is missing there"
    not_the_middle = torch.tensor([[True, False, True]] * 2)
    moved = pulled(estimate, torch.zeros(2, 3), [mention_gradient(words, missing, not_the_middle, 0, 4.0)]) - estimate
    assert not moved[0, 1].any() and (moved[0, [0, 2], 0, 0] > 0).all()
    gist = mention_gradient(words, missing, everything, 1, 4.0)
    assert not (pulled(estimate, torch.zeros(2, 3), [gist]) - estimate)[:, :, 1].any(), "the gist alone is pulled"


def test_written_latents_come_nearer_to_words_to_be_mentioned(tiny_pipeline):
    words = encode_texts(tiny_pipeline.encoder, tiny_pipeline.tokenizer, ["kite"]).flatten()

    def nearest(scale: float) -> float:
        estimates: list[torch.Tensor] = []
        tiny_pipeline(
            mention=["kite"], mention_scale=scale, callback_on_step_end=lambda _, z: estimates.append(z), **FAST
        )
        return float(torch.cosine_similarity(estimates[-1].flatten(2), words, dim=-1).max())

    assert nearest(100.0) > nearest(0.0) + 0.02


# --------------------------------------------------------------------------------------------- errors


def test_unfit_controls(control, tiny_pipeline):
    one, other = load_control(control, "tom"), load_control(control, "nobody")
    with pytest.raises(ValueError, match="contradictory controls: every segment is to be both 'tom' and 'nobody'"):
        tiny_pipeline(controls=[one, other], **FAST)
    with pytest.raises(ValueError, match="the scale of a control is -1; it must be between 0 and 1000"):
        tiny_pipeline(controls=[Control(one.classifier, "tom", -1)], **FAST)
    with pytest.raises(ValueError, match="no label 'x'; this control has: nobody, tom"):
        control_gradients([Control(one.classifier, "x")], tiny_pipeline.encoder)
    foreign = LatentClassifier(["a", "b"], num_latents=2, latent_dim=8, encoder_fingerprint="other")
    with pytest.raises(ValueError, match="the control a/b was trained on the latents of another model"):
        tiny_pipeline(controls=[Control(foreign, "a")], **FAST)


def test_unfit_folders(control, tmp_path):
    with pytest.raises(ValueError, match="has no label 'anna'; its labels are: nobody, tom"):
        load_control(control, "anna")
    with pytest.raises(FileNotFoundError, match=r"no control in .*; train one with: segdiff train control"):
        load_control(tmp_path, "tom")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 labels; a control needs two at least"),
        ('{"text": "A.", "label": "x"}\n' * 9, "has 1 label; a control needs two at least"),
        (
            '{"text": "A.", "label": "x"}\n' * 9 + '{"text": "B.", "label": "y"}',
            "has 1 examples of 'y'; each label needs 5",
        ),
        ('{"text": "A."}', 'line 1 must have a text and a label: {"text": ..., "label": ...}'),
        ('{"text": "A.", "label": 1}', "line 1 must have a text and a label"),
        ("[]", "line 1 must have a text and a label"),
        ("\n{", "line 2 is no JSON"),
    ],
)
def test_unfit_files(tmp_path, tiny_model_dir, text, message):
    file = tmp_path / "labelled.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        train_control(file, tmp_path / "out", model=str(tiny_model_dir))
    assert not (tmp_path / "out").exists()


def test_missing_file_and_occupied_folder(labelled, tiny_model_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.jsonl"):
        train_control(tmp_path / "nowhere.jsonl", tmp_path / "out", model=str(tiny_model_dir))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="mine holds something else than a control; give another --out"):
        train_control(labelled, tmp_path / "mine", model=str(tiny_model_dir))
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_too_long_segments_are_left_out(labelled, tiny_model_dir, tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text(labelled.read_text() + json.dumps({"text": "kite " * 90, "label": "tom"}) + "\n")
    assert train_control(file, tmp_path / "out", model=str(tiny_model_dir), steps=2)["left_out"] == 1


def test_latents_of_labelled_texts_are_what_it_was_trained_on(control, tiny_pipeline):
    one = load_control(control, "tom").classifier
    latents = encode_texts(tiny_pipeline.encoder, tiny_pipeline.tokenizer, ["Tom wanted the drum 3 times."])
    assert one(latents, torch.full((1,), 14.0)).argmax(-1).item() == one.config.labels.index("tom")
