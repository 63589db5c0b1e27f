"""The critic's stage: what it learns from, that it learns, and that a story is chosen by it."""

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segdiff import StoryPipeline
from segdiff.configs.schema import CriticConfig
from segdiff.diffusion import SegmentCritic
from segdiff.pipelines import training
from segdiff.pipelines.critic import SPOILS, CriticBatch, CriticObjective, spoilt
from segdiff.pipelines.latent_batches import LatentBatch
from segdiff.pipelines.train_critic import train_critic

FAST: dict[str, Any] = {"num_inference_steps": 2}


def human(documents: int = 6, segments: int = 4) -> LatentBatch:
    """Texts whose latents say which document and segment they are of; the last one is a segment shorter."""
    mask = torch.ones(documents, segments, dtype=torch.bool)
    mask[-1, -1] = False
    place = torch.arange(documents * segments, dtype=torch.float32).view(documents, segments)
    before = torch.arange(segments).expand(documents, -1)
    return LatentBatch(
        latents=(place * mask)[..., None, None].expand(-1, -1, 2, 8).clone(),
        segment_mask=mask,
        before=before,
        after=mask.sum(1, keepdim=True) - 1 - before,
        condition_ids=torch.arange(documents).unsqueeze(1) + 5,
        condition_mask=torch.ones(documents, 1, dtype=torch.long),
        count=mask.sum(1),
    )


# ---------------------------------------------------------------------------------------------- spoiling


@pytest.mark.parametrize("spoil", SPOILS)
def test_every_rule_spoils(spoil):
    own, other = human().latents[0], human().latents[1]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = spoil(own, seed % 4, other, rng)
        assert found.shape == own.shape and not torch.equal(found, own)
        assert set(found.unique().tolist()) <= {*own.unique().tolist(), *other.unique().tolist()}
        assert not torch.equal(spoil(own[:1], 0, other, rng), own[:1])


def test_one_thing_is_spoilt_of_every_text():
    given = human()
    kinds = set()
    for seed in range(30):
        found = spoilt(given, np.random.default_rng(seed))
        moved = (found.latents != given.latents).flatten(1).any(1)
        asked = (found.condition_ids != given.condition_ids).any(1)
        assert (moved ^ asked).all()
        assert (found.latents[-1, -1] == 0).all()  # what does not exist stays so
        kinds |= {"order" if len(row.unique()) == 4 else "other" for row in found.latents[:5][moved[:5]][:, :, 0, 0]}
    assert kinds == {"order", "other"}
    assert torch.equal(given.latents, human().latents)


def test_a_text_alone_is_not_told_from_itself():
    one = spoilt(human(documents=1), np.random.default_rng(0))
    assert one.latents.shape == (1, 4, 2, 8)


# ------------------------------------------------------------------------------------------------- stage


def plan(tiny_model_dir: Path, tiny_corpus: Path, **loop: Any) -> CriticConfig:
    defaults = {"max_steps": 6, "warmup_steps": 2, "batch_documents": 8, "checkpoint_every": 3, "log_every": 1}
    data = {"train": [str(tiny_corpus)], "valid": [str(tiny_corpus)], "vocab_size": 320, "max_segments": 6}
    options = {"model": str(tiny_model_dir), "data": data}
    shape = {"width": 16, "num_layers": 1, "num_heads": 2}
    return CriticConfig.model_validate({**options, "critic": shape, "loop": {**defaults, **loop}})


def test_a_run_resumes_bit_for_bit(tiny_model_dir, tiny_corpus, tmp_path, monkeypatch):
    whole = train_critic(plan(tiny_model_dir, tiny_corpus), tmp_path / "whole")
    assert 0 <= whole["valid_told"] <= 1

    save = training.save_checkpoint

    def save_and_interrupt(*arguments, **options):
        save(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "save_checkpoint", save_and_interrupt)
        train_critic(plan(tiny_model_dir, tiny_corpus), tmp_path / "halves")
    assert [file.name for file in (tmp_path / "halves").glob("checkpoint-*")] == ["checkpoint-3"]
    again = train_critic(plan(tiny_model_dir, tiny_corpus), tmp_path / "halves")
    assert again["step"] == 6
    models = [StoryPipeline.from_pretrained(tmp_path / name / "model") for name in ("whole", "halves")]
    left, right = (model.critic.state_dict() for model in models)
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns_to_tell_what_is_always_wrong():
    torch.manual_seed(0)
    critic = SegmentCritic(num_latents=2, latent_dim=8, condition_dim=4, width=16, num_layers=1, num_heads=2)

    def condition(ids, mask):
        return torch.zeros(*ids.shape, 4), mask

    objective = CriticObjective(critic, condition)
    optimizer = torch.optim.AdamW(critic.parameters(), lr=3e-3)
    for _ in range(60):
        given = human(documents=16)
        given.latents = torch.randn(given.latents.shape)
        foil = copy(given)
        foil.latents = given.latents + torch.tensor([1.0, -1.0] * 4)
        terms = objective(CriticBatch(given, foil))
        terms["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert terms["told"] > 0.9 and terms["loss"] < 1


def test_every_weight_gets_a_gradient():
    critic = SegmentCritic(num_latents=2, latent_dim=8, condition_dim=4, width=16, num_layers=1, num_heads=2)
    objective = CriticObjective(critic, lambda ids, mask: (torch.randn(*ids.shape, 4), mask))
    given = human()
    objective(CriticBatch(given, spoilt(given, np.random.default_rng(0))))["loss"].backward()
    for name, parameter in critic.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_model_is_needed(tiny_corpus, tmp_path):
    with pytest.raises(ValueError, match="no model: give --model FOLDER"):
        train_critic(CriticConfig.model_validate({"data": {"train": [str(tiny_corpus)]}}), tmp_path)


# -------------------------------------------------------------------------------------------- the choice


@pytest.fixture(scope="module")
def judged(tiny_model_dir) -> StoryPipeline:
    """The tiny pipeline with a critic and choices of its own."""
    base = StoryPipeline.from_pretrained(tiny_model_dir)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        critic = SegmentCritic(
            num_latents=2,
            latent_dim=8,
            condition_dim=16,
            width=16,
            num_heads=2,
            encoder_fingerprint=base.encoder.fingerprint(),
        )
    parts = {name: part for name, part in base.components.items() if name != "critic"}
    return StoryPipeline(**parts, critic=critic, temperature=1.0, min_p=0.05, num_candidates=5)


def test_the_critic_chooses_where_there_is_one(judged):
    def text(**options: Any) -> str:
        return judged("A kite", num_segments=3, **options, **FAST)[0].text

    assert text() == text(choose="critic", num_candidates=5, temperature=1.0, min_p=0.05)
    assert len({text(), text(choose="mbr"), text(choose="likelihood"), text(num_candidates=1)}) > 1


def test_the_best_by_the_critic_is_taken(judged, monkeypatch):
    from segdiff.pipelines import writing

    seen: list[list[float]] = []
    scores = writing.critic_scores

    def noted(*arguments):
        seen.append(scores(*arguments))
        return seen[-1]

    monkeypatch.setattr(writing, "critic_scores", noted)
    stories = judged("A kite", num_segments=3, num_stories=2, **FAST)
    (both,) = seen
    assert len(both) == 10 and len(set(both)) > 2
    for number, story in enumerate(stories):
        best = max(range(5), key=both[5 * number :][:5].__getitem__)
        only = judged("A kite", num_segments=3, seed=number, num_candidates=best + 1, **FAST)[0]
        assert only.text == story.text


def test_long_stories_and_given_segments_are_chosen_too(judged):
    (story,) = judged(segments=["Tom ran.", None, None], **FAST)
    assert story.segments[0] == "Tom ran." and len(story.segments) == 3
    (story,) = judged("A kite", num_segments=9, group=3, keywords=["wind"], **FAST)
    assert len(story.segments) == 9


def test_a_critic_and_the_choices_are_kept_with_the_model(judged, tmp_path):
    judged.save_pretrained(tmp_path / "model")
    again = StoryPipeline.from_pretrained(tmp_path / "model")
    assert isinstance(again.critic, SegmentCritic) and not again.critic.training
    assert (again.config.temperature, again.config.min_p, again.config.num_candidates) == (1.0, 0.05, 5)
    ours, theirs = (pipe("A kite", num_segments=3, **FAST)[0].text for pipe in (judged, again))
    assert ours == theirs
    without = StoryPipeline.from_pretrained(tmp_path / "model", critic=None)
    assert without.critic is None


def test_a_model_without_a_critic(tiny_model_dir):
    pipeline = StoryPipeline.from_pretrained(tiny_model_dir)
    assert pipeline.critic is None and pipeline.config.num_candidates == 1
    with pytest.raises(ValueError, match="choose is 'critic', and this model has none; train one with: segdiff train"):
        pipeline("A kite", choose="critic", num_candidates=2)


def test_the_critic_of_another_encoder_is_refused(judged):
    parts = dict(judged.components)
    parts["critic"] = SegmentCritic(num_latents=2, latent_dim=8, encoder_fingerprint="another")
    with pytest.raises(ValueError, match="the critic was trained on the latents of another encoder"):
        StoryPipeline(**parts)


def test_a_damaged_critic_is_named(judged, tmp_path):
    judged.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "critic" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="critic are damaged"):
        StoryPipeline.from_pretrained(tmp_path / "model")
