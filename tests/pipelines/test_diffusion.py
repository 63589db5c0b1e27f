"""The diffusion objective: batches of latents, what is drawn per example, and gradients."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from segdiff.configs.schema import ConditionConfig, DiffusionConfig
from segdiff.encoders import SegmentEncoder
from segdiff.pipelines.corpus import Document
from segdiff.pipelines.diffusion import DiffusionObjective
from segdiff.pipelines.latent_batches import ConditionDrawer, LatentBatch, latent_batch
from segdiff.pipelines.loading import load_representation
from segdiff.pipelines.prepared import PreparedCorpus, prepare
from segdiff.pipelines.tokenization import CONDITION_KINDS, detokenize
from segdiff.pipelines.train_diffusion import build, start_from_embedding
from segdiff.pipelines.training import fit

CONDITION = {"text_config": {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 32}, "max_tokens": 24}
Model = tuple[SegmentEncoder, PreTrainedTokenizerFast]
DENOISER = {"width": 32, "num_layers": 2, "num_heads": 2, "dropout": 0.0}
DOCUMENTS = [
    Document(("Tom got a kite.", "It flew high.", "He was happy."), "The kite"),
    Document(tuple(f"Line number {index} of a long text." for index in range(9))),
    Document(("Anna baked bread.", "It burned."), "Bread"),
]


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    encoder, _, tokenizer = load_representation(tiny_model_dir)
    return encoder, tokenizer


@pytest.fixture(scope="module")
def corpus(model: Model) -> PreparedCorpus:
    return prepare(DOCUMENTS, [], model[1], max_tokens=40)


@pytest.fixture(scope="module")
def latents(corpus: PreparedCorpus) -> Tensor:
    return torch.randn(len(corpus.segments), 2, 8, generator=torch.Generator().manual_seed(0)).half()


def drawer(
    corpus: PreparedCorpus, tokenizer: PreTrainedTokenizerFast, max_tokens: int = 24, **options: Any
) -> ConditionDrawer:
    return ConditionDrawer(corpus, tokenizer, ConditionConfig(**{"dropout": 0.0, **options}), max_tokens)


# ----------------------------------------------------------------------------------------------- batches


def test_places_counts_and_latents_of_windows(model, corpus, latents):
    windows = [(1, 3, 4), (0, 0, 3), (2, 0, 2), (1, 0, 4)]
    batch = latent_batch(corpus, latents, windows, drawer(corpus, model[1]), 6, np.random.default_rng(0))
    assert batch.segment_mask.sum(1).tolist() == [4, 3, 2, 4]
    before = [row[mask].tolist() for row, mask in zip(batch.before, batch.segment_mask, strict=True)]
    after = [row[mask].tolist() for row, mask in zip(batch.after, batch.segment_mask, strict=True)]
    assert before == [[3, 4, 5, 6], [0, 1, 2], [0, 1], [0, 1, 2, 3]]
    assert after == [[5, 4, 3, 2], [2, 1, 0], [1, 0], [8, 7, 6, 5]]
    assert batch.count.tolist() == [0, 3, 2, 0]  # a window of a longer text does not teach its length
    rows = [3 + 3 + index for index in range(4)] + [0, 1, 2] + [12, 13] + [3 + index for index in range(4)]
    assert torch.equal(batch.latents[batch.segment_mask], latents[rows].float())
    assert not batch.latents[~batch.segment_mask].any()


def test_texts_longer_than_the_count_head_do_not_teach_it(model, corpus, latents):
    windows = [(1, 0, 9), (0, 0, 3)]
    draw = drawer(corpus, model[1])
    assert latent_batch(corpus, latents, windows, draw, 9, np.random.default_rng(0)).count.tolist() == [9, 3]
    assert latent_batch(corpus, latents, windows, draw, 8, np.random.default_rng(0)).count.tolist() == [0, 3]


def draws(
    corpus: PreparedCorpus, tokenizer: PreTrainedTokenizerFast, window: tuple, count: int, **options: Any
) -> dict:
    """Kind -> the texts drawn for it."""
    draw = drawer(corpus, tokenizer, **options)
    kinds = {tokenizer.convert_tokens_to_ids(f"<{kind}>"): kind for kind in CONDITION_KINDS}
    found: dict[str, list[str]] = {}
    rng = np.random.default_rng(0)
    for _ in range(count):
        row = draw(window, rng)
        kind = kinds[int(row[0])] if len(row) else "nothing"
        found.setdefault(kind, []).append(
            detokenize(tokenizer, torch.tensor([row[1:].tolist()]))[0] if len(row) else ""
        )
    return found


def test_all_kinds_of_condition_are_drawn(model, corpus):
    found = draws(corpus, model[1], (0, 0, 3), 2000, title=0.4, keywords=0.3, start=0.2, nothing=0.1, max_tokens=60)
    shares = {kind: len(texts) / 2000 for kind, texts in found.items()}
    assert shares == pytest.approx({"title": 0.4, "keywords": 0.3, "start": 0.2, "nothing": 0.1}, abs=0.04)
    assert set(found["title"]) == {"The kite"}
    assert set(found["start"]) == {"Tom got a kite."}  # half of the window at most
    words = {word for text in found["keywords"] for word in text.split(", ")}
    assert {"kite", "happy"} <= words
    assert {text.count(", ") for text in found["keywords"]} >= {0, 1}
    assert len(set(found["keywords"])) > 3


def test_what_a_text_does_not_have_is_not_drawn(model, corpus):
    found = draws(corpus, model[1], (1, 4, 4), 300, max_tokens=60)
    assert "title" not in found
    assert set(found["start"]) == {
        "Line number 4 of a long text.",
        "Line number 4 of a long text. Line number 5 of a long text.",
    }


@pytest.mark.parametrize("dropout", [0.0, 0.5, 1.0])
def test_condition_dropout_is_drawn_per_example(model, corpus, latents, dropout):
    draw = drawer(corpus, model[1], title=1.0, keywords=0.0, start=0.0, nothing=1e-9, dropout=dropout)
    batch = latent_batch(corpus, latents, [(0, 0, 3)] * 400, draw, 6, np.random.default_rng(0))
    empty = batch.condition_mask.sum(1) == 0
    assert abs(float(empty.float().mean()) - dropout) < 0.08
    assert not batch.condition_ids[empty].any()


def test_conditions_are_cut(model, corpus):
    draw = drawer(corpus, model[1], max_tokens=3)
    rng = np.random.default_rng(0)
    assert max(len(draw((1, 0, 9), rng)) for _ in range(50)) == 3


# --------------------------------------------------------------------------------------------- objective


def make(model: Model, **options: Any) -> DiffusionObjective:
    """An objective whose denoiser has left its start at zero."""
    torch.manual_seed(0)
    given: dict[str, Any] = {"condition": CONDITION, "denoiser": DENOISER, **options}
    config = DiffusionConfig.model_validate(given)
    denoiser, condition_encoder = build(config, *model)
    for layer in (denoiser.modulation, denoiser.output):
        torch.nn.init.normal_(layer.weight, std=0.1)
    return DiffusionObjective(denoiser, condition_encoder, config).eval()


@pytest.fixture(scope="module")
def batch(model: Model, corpus: PreparedCorpus, latents: Tensor) -> LatentBatch:
    windows = [(0, 0, 3), (1, 2, 6), (2, 0, 2)] * 8
    return latent_batch(corpus, latents, windows, drawer(corpus, model[1]), 12, np.random.default_rng(0))


def test_every_weight_has_a_gradient(model, batch):
    objective = make(model)
    torch.manual_seed(0)
    losses = objective(batch)
    losses["loss"].backward()
    without = [name for name, p in objective.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
    torch.testing.assert_close(losses["loss"], losses["denoising"] + objective.config.count_weight * losses["count"])


def test_details_weigh_what_the_config_says(model, batch):
    def losses(gist_latents: int, weight: float) -> dict[str, Tensor]:
        objective = make(model, detail_weight=weight, count_weight=0.0)
        objective.gist_latents = gist_latents
        torch.manual_seed(0)
        return objective(batch)

    plain, light, heavy = losses(1, 1.0), losses(1, 0.25), losses(1, 1e6)
    gist, both = plain["gist"], plain["denoising"]
    details = 2 * both - gist  # two latents
    torch.testing.assert_close(plain["loss"], both)
    torch.testing.assert_close(light["loss"], (gist + 0.25 * details) / 1.25)
    torch.testing.assert_close(heavy["loss"], details, rtol=1e-4, atol=1e-5)
    without = losses(0, 0.25)
    assert "gist" not in without
    torch.testing.assert_close(without["loss"], both)


def test_the_condition_may_start_from_the_segments_embedding(model):
    encoder, tokenizer = model[0], model[1]
    given = {"condition": {**CONDITION, "embedding": "segments"}, "denoiser": DENOISER}
    _, condition_encoder = build(DiffusionConfig.model_validate(given), encoder, tokenizer)
    start_from_embedding(condition_encoder, encoder)
    source = encoder.text_encoder.get_input_embeddings().weight.detach()
    own = condition_encoder.text_encoder.get_input_embeddings().weight.detach()
    width = min(source.shape[1], own.shape[1])
    assert abs(float(own[:, :width].std()) - 1) < 0.05
    if source.shape[1] <= own.shape[1]:  # nothing is projected away: distances are kept, up to one factor
        ratio = torch.pdist(own[:, :width]) / torch.pdist(source)
        assert float(ratio.std() / ratio.mean()) < 1e-3


@pytest.mark.parametrize(("term", "reached"), [("denoising", "denoiser.output"), ("count", "denoiser.count_head")])
def test_each_term_reaches_its_part_and_the_condition_encoder(model, batch, term, reached):
    objective = make(model)
    torch.manual_seed(0)
    objective(batch)[term].backward()
    touched = {name for name, p in objective.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith(reached) for name in touched)
    assert any(name.startswith("condition_encoder.text_encoder") for name in touched)
    assert any(name.startswith("denoiser.count_head") for name in touched) == (term == "count")


def test_no_count_weight_no_count_gradient(model, batch):
    objective = make(model, count_weight=0.0)
    objective(batch)["loss"].backward()
    gradients = [parameter.grad for parameter in objective.denoiser.count_head.parameters()]
    assert all(gradient is None or not gradient.any() for gradient in gradients)


@torch.no_grad()
def test_count_loss_is_the_cross_entropy_of_known_lengths(model, batch, monkeypatch):
    objective = make(model)
    sure = torch.full((len(batch.count), 12), -50.0)
    sure[torch.arange(len(batch.count)), (batch.count - 1).clamp_min(0)] = 50.0
    sure[batch.count == 0] = 0.0  # wrong where the length is not known: does not matter
    monkeypatch.setattr(objective.denoiser, "count_logits", lambda *_: sure)
    assert float(objective(batch)["count"]) == pytest.approx(0.0, abs=1e-5)
    monkeypatch.setattr(objective.denoiser, "count_logits", lambda *_: sure.roll(1, dims=1))
    assert float(objective(batch)["count"]) == pytest.approx(100.0, rel=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_self_conditioning_is_drawn_per_example(model, batch, share):
    """Some examples of every batch see an earlier estimate, others than in the batch before."""
    objective = make(model, self_conditioning=share)
    calls: list[tuple] = []
    hook = objective.denoiser.register_forward_pre_hook(lambda _m, inputs: calls.append(inputs))
    seen = []
    for seed in range(10):
        torch.manual_seed(seed)
        calls.clear()
        objective(batch)
        assert len(calls) == 2 and len(calls[0]) == 8  # the earlier estimate is made without one
        seen.append(calls[-1][8].flatten(1).any(1))
    hook.remove()
    for rows in seen:
        assert float(rows.float().mean()) == pytest.approx(share, abs=0.01)
    assert len({tuple(rows.tolist()) for rows in seen}) == (10 if share == 0.5 else 1)


def test_no_self_conditioning_no_second_pass_and_no_weights_for_it(model, batch):
    objective, usual = make(model, self_conditioning=0.0), make(model)
    assert usual.denoiser.input.in_features == 2 * objective.denoiser.input.in_features
    calls: list[tuple] = []
    objective.denoiser.register_forward_pre_hook(lambda _m, inputs: calls.append(inputs))
    objective(batch)
    assert len(calls) == 1 and calls[0][8] is None
    found = [objective.denoiser(*calls[0][:8], earlier) for earlier in (None, torch.ones_like(batch.latents))]
    assert torch.equal(*found), "the sampler gives every network its last estimate"


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 3])
def test_self_conditioning_keeps_its_share_in_small_batches(model, corpus, latents, monkeypatch, size):
    objective = make(model, self_conditioning=0.5)
    few = latent_batch(corpus, latents, [(0, 0, 3)] * size, drawer(corpus, model[1]), 12, np.random.default_rng(0))
    monkeypatch.setattr(objective.denoiser, "forward", lambda latents, *_: torch.ones_like(latents))
    inputs = (few.latents, *[few.segment_mask] * 5)
    condition = objective.condition_encoder(few.condition_ids, few.condition_mask)
    counts = []
    for seed in range(200):
        torch.manual_seed(seed)
        counts.append(int(objective.earlier_estimate(inputs, *condition).flatten(1).any(1).sum()))
    assert set(counts) == {size // 2, size // 2 + 1}
    assert np.mean(counts) == pytest.approx(size / 2, abs=0.1)


@torch.no_grad()
def test_earlier_estimates_belong_to_their_examples(model, batch):
    """With every example chosen, each sees the estimate of its own latents."""
    objective = make(model, self_conditioning=1.0, levels={"share_given": 0.0})
    calls: list[tuple] = []
    outputs: list[Tensor] = []
    hooks = [
        objective.denoiser.register_forward_pre_hook(lambda _m, inputs: calls.append(inputs)),
        objective.denoiser.register_forward_hook(lambda _m, _i, out: outputs.append(out)),
    ]
    torch.manual_seed(0)
    objective(batch)
    for hook in hooks:
        hook.remove()
    for row, latents in enumerate(calls[0][0]):
        (place,) = (index for index, other in enumerate(calls[1][0]) if torch.equal(latents, other))
        torch.testing.assert_close(calls[1][8][place], outputs[0][row])


@torch.no_grad()
def test_levels_and_given_segments_reach_the_denoiser(model, batch):
    objective = make(model, levels={"share_given": 0.5, "share_independent": 0.2}, self_conditioning=0.0)
    calls: list[tuple] = []
    hook = objective.denoiser.register_forward_pre_hook(lambda _m, inputs: calls.append(inputs))
    torch.manual_seed(0)
    objective(batch)
    hook.remove()
    noised, log_snr, segment_mask, clean_mask, before, after, *_ = calls[0]
    assert clean_mask.any() and torch.equal(noised[clean_mask], batch.latents[clean_mask])
    noisy = segment_mask & ~clean_mask
    assert not torch.isclose(noised[noisy], batch.latents[noisy]).all(-1).all(-1).any()
    assert len(log_snr[:, 0].unique()) == len(log_snr)
    assert torch.equal(before, batch.before) and torch.equal(after, batch.after)


def test_loss_falls_on_ten_examples(model, corpus, latents, tmp_path):
    objective = make(model)
    windows = [(0, 0, 3), (1, 0, 5), (2, 0, 2)]  # ten segments
    ten = latent_batch(corpus, latents, windows, drawer(corpus, model[1]), 12, np.random.default_rng(0))
    loop = DiffusionConfig.model_validate(
        {"loop": {"max_steps": 150, "warmup_steps": 5, "learning_rate": 5e-3, "log_every": 1}}
    ).loop
    fit(objective, lambda _: ten, loop, tmp_path, Accelerator(), lambda _: 10)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for term in ("denoising", "count"):
        first, last = ([line[term] for line in part] for part in (lines[:10], lines[-10:]))
        assert np.mean(last) < 0.6 * np.mean(first), term
