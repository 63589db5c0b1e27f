"""The representation stage: every loss term teaches the encoder, and a killed run ends as an unbroken one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from segdiff.configs.schema import RepresentationConfig
from segdiff.pipelines.batches import SegmentBatch, segment_batch
from segdiff.pipelines.checkpoints import module_tensors
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.data import load_data
from segdiff.pipelines.loading import load_representation
from segdiff.pipelines.prepared import PreparedCorpus, prepare
from segdiff.pipelines.representation import RepresentationObjective, encode_chunks, length_chunks
from segdiff.pipelines.tokenization import train_tokenizer
from segdiff.pipelines.train_representation import build, encode_corpus, take_over, train_representation
from segdiff.pipelines.training import fit

Prepared = tuple[PreTrainedTokenizerFast, PreparedCorpus]
TEXT = {"d_model": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16, "d_ff": 48}
BASE: dict[str, Any] = {
    "data": {"max_tokens": 64},
    "encoder": {"text_config": TEXT, "num_latents": 2, "latent_dim": 8, "states_per_latent": 2},
    "decoder": {"text_config": TEXT, "states_per_latent": 2, "context_window": 1},
    "dropout": 0.0,
    "contrastive": {"pairs": 6},
    "adversarial": {"segments": 6},
}
OFF: dict[str, Any] = {
    "contrastive": {"weight": 0.0},
    "adversarial": {"weight": 0.0},
    "noise": {"max_strength": 0.0},
    "context_dropout": 0.0,
}
PRIOR: dict[str, Any] = {"prior": {"weight": 0.5, "projections": 16}}
VIRTUAL: dict[str, Any] = {"adversarial": {"kind": "virtual"}}


def config(*changes: dict[str, Any]) -> RepresentationConfig:
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in BASE.items()}
    for change in changes:
        for name, value in change.items():
            merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    return RepresentationConfig.model_validate(merged)


@pytest.fixture(scope="module")
def prepared(tiny_corpus: Path) -> Prepared:
    documents = list(read_documents(tiny_corpus))
    tokenizer = train_tokenizer((text for document in documents for text in document.segments), vocab_size=300)
    return tokenizer, prepare(documents, [], tokenizer, max_tokens=64)


@pytest.fixture(scope="module")
def batch(prepared: Prepared) -> SegmentBatch:
    _, corpus = prepared
    windows = [(document, 0, int(corpus.documents.lengths[document])) for document in range(6)]
    batch = segment_batch(corpus, windows, 6, np.random.default_rng(0))
    assert batch.has_negative is not None and batch.has_negative.any()
    return batch


def make(prepared: Prepared, *changes: dict[str, Any]) -> RepresentationObjective:
    torch.manual_seed(0)
    options = config(*changes)
    return RepresentationObjective(*build(options, prepared[0]), options).eval()


def gradient(objective: RepresentationObjective, batch: SegmentBatch, term: str = "loss") -> Tensor:
    """Gradient of a term on all weights of the encoder, at fixed random numbers."""
    torch.manual_seed(7)
    objective.zero_grad()
    objective(batch)[term].backward()
    parameters = list(objective.encoder.parameters())
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])


# ------------------------------------------------------------------------------------------------- terms


@pytest.mark.parametrize(
    ("term", "options"),
    [
        ("reconstruction", {}),
        ("reconstruction", {"segment_dropout": 0.5}),
        ("contrastive", {}),
        ("contrastive", {"contrastive": {"similarity": "slots"}}),
        ("contrastive", {"contrastive": {"similarity": "mean"}}),
        ("adversarial", {}),
        ("adversarial", {"adversarial": {"num_steps": 3}}),
        ("adversarial", VIRTUAL),
        ("prior", PRIOR),
    ],
)
def test_every_term_teaches_the_encoder(prepared, batch, term, options):
    objective = make(prepared, options)
    assert gradient(objective, batch, term).norm() > (
        1e-7 if options is VIRTUAL else 1e-4
    )  # a fresh decoder says little
    for name, parameter in objective.encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), f"{term} does not reach {name}"


@pytest.mark.parametrize("term", ["contrastive", "adversarial", "prior"])
def test_a_term_adds_its_weight_times_its_gradient(prepared, batch, term):
    """The gradient of the whole loss, with and without the term: the difference is the term and nothing else."""
    alone = gradient(make(prepared, {term: {"weight": 1.0}}), batch, term)
    without = gradient(make(prepared, {term: {"weight": 0.0}}), batch)
    for weight in (0.5, 1.0):
        difference = gradient(make(prepared, {term: {"weight": weight}}), batch) - without
        assert difference.norm() > 1e-4
        torch.testing.assert_close(difference, weight * alone, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "option",
    [
        {"noise": {"max_strength": 0.6, "clean_share": 0.0}},
        {"context_dropout": 1.0},
        {"segment_dropout": 0.5},
    ],
)
def test_noise_and_dropouts_change_what_is_learned(prepared, batch, option):
    plain, changed = gradient(make(prepared, OFF), batch), gradient(make(prepared, OFF, option), batch)
    assert changed.norm() > 1e-4
    assert (changed - plain).norm() > 0.01 * plain.norm()


CHANGES = [
    {"contrastive": {"weight": 0.0}},
    {"contrastive": {"temperature": 0.5}},
    {"contrastive": {"hard_negatives": False}},
    {"adversarial": {"weight": 0.0}},
    {"adversarial": {"radius": 0.0}},
    {"adversarial": {"num_steps": 3}},
    {"adversarial": {"segments": 2}},
    {"noise": {"max_strength": 0.0}},
    {"noise": {"clean_share": 1.0}},
    {"context_dropout": 0.0},
    {"segment_dropout": 0.3},
    {"contrastive": {"similarity": "slots"}},
    {"contrastive": {"similarity": "mean"}},
    VIRTUAL,
    PRIOR,
    {"tie_embeddings": False},
]


def learned(prepared: Prepared, batch: SegmentBatch, *changes: dict[str, Any]) -> Tensor:
    """Weights of the encoder after three steps."""
    objective = make(prepared, *changes)
    optimizer = torch.optim.SGD(objective.encoder.parameters(), lr=0.1)
    for step in range(3):
        torch.manual_seed(step)
        optimizer.zero_grad()
        objective(batch)["loss"].backward()
        optimizer.step()
    return torch.cat([parameter.detach().flatten() for parameter in objective.encoder.parameters()])


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: json.dumps(change).replace('"', ""))
def test_every_option_changes_the_learned_weights(prepared, batch, change):
    base = learned(prepared, batch)
    assert torch.equal(learned(prepared, batch), base)
    assert (learned(prepared, batch, change) - base).abs().max() > 1e-5


@pytest.mark.parametrize("noise", [{"gist_only_share": 0.9}, {"max_gist_strength": 0.1}])
def test_every_option_of_the_gist_changes_the_learned_weights(prepared, batch, noise):
    gist = {"encoder": {"gist_latents": 1}}
    assert (learned(prepared, batch, gist, {"noise": noise}) - learned(prepared, batch, gist)).abs().max() > 1e-5


@torch.no_grad()
def test_what_is_learned_of_the_gist_alone_is_contrasted(prepared, batch):
    objective = make(prepared, {"encoder": {"gist_latents": 2, "topic_latents": 1, "num_latents": 3}})
    assert objective.encoder.gist is not None
    before = objective.contrast(batch)
    objective.encoder.gist.topics.normal_()
    objective.encoder.pooling.slot.normal_()
    assert objective.contrast(batch) == before
    objective.encoder.gist.out.weight.normal_()
    assert objective.contrast(batch) != before


def test_tied_embeddings_are_one_tensor(prepared):
    for tied in (True, False):
        objective = make(prepared, {"tie_embeddings": tied})
        encoder, decoder = objective.encoder.text_encoder, objective.decoder.transformer
        assert (encoder.embed_tokens.weight is decoder.embed_tokens.weight) == tied


@torch.no_grad()
def test_length_chunks_only_save_padding(prepared, batch):
    losses = [make(prepared, OFF, {"length_chunks": chunks})(batch)["loss"] for chunks in (1, 3, 7)]
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses[2], losses[0], rtol=1e-4, atol=1e-5)
    encoder = make(prepared).encoder
    whole = encoder(batch.tokens, batch.token_mask)
    torch.testing.assert_close(encode_chunks(encoder, batch.tokens, batch.token_mask, 4), whole, rtol=1e-4, atol=1e-5)
    chunks = length_chunks(batch.token_mask, 4)
    assert sorted(torch.cat([rows for rows, _ in chunks]).tolist()) == list(range(len(batch.tokens)))
    assert sum(len(rows) * width for rows, width in chunks) < batch.tokens.numel()


@torch.no_grad()
def test_noise_strength_is_drawn_per_segment(prepared):
    objective = make(prepared, {"noise": {"max_strength": 0.8, "clean_share": 0.25}})
    latents = torch.randn(2000, 2, 8)
    ratio = (objective.noised(latents)[0] - latents).flatten(1).norm(dim=1) / latents.flatten(1).norm(dim=1)
    assert abs(float((ratio == 0).float().mean()) - 0.25) < 0.03
    assert abs(float(ratio[ratio > 0].mean()) - 0.4) < 0.03
    assert float(ratio.max()) > 0.7


@torch.no_grad()
def test_noise_grows_over_its_warm_up_and_the_count_of_batches_is_resumed(prepared, batch):
    noise = {"noise": {"max_strength": 0.8, "clean_share": 0.0}, "noise_warmup_steps": 4}
    objective = make(prepared, OFF, noise).train()
    latents = torch.randn(500, 2, 8)

    def largest() -> float:
        return float(
            ((objective.noised(latents)[0] - latents).square().mean((1, 2)) / latents.square().mean((1, 2))).max()
        )

    assert largest() == 0
    for _ in range(2):
        objective(batch)
    half = largest()
    for _ in range(3):
        objective(batch)
    assert 0.2 < half < 0.65 and 1.4 * half < largest() < 1.6
    assert int(module_tensors(objective)["batches_seen"]) == 5


@torch.no_grad()
def test_context_is_dropped_per_segment(prepared, batch, monkeypatch):
    objective = make(prepared, OFF, {"context_dropout": 0.5})
    seen: list[Tensor] = []
    memory = objective.decoder.memory

    def watched(own: Tensor, around: Tensor, around_mask: Tensor, *levels: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(around_mask)
        return memory(own, around, around_mask, *levels)

    monkeypatch.setattr(objective.decoder, "memory", watched)
    for seed in range(5):
        torch.manual_seed(seed)
        objective(batch)
    with_context = torch.stack([mask.any(1) for mask in seen]).float()
    assert all(0 < float(row.mean()) < 1 for row in with_context), "drawn per batch, not per segment"
    assert 0.3 < float(with_context.mean()) < 0.7


def test_a_dropped_segment_is_not_shown_and_teaches_its_neighbours(prepared, batch, monkeypatch):
    """Also where context is dropped: its own latents get no gradient, those next to it do."""
    objective = make(prepared, OFF, {"context_dropout": 1.0, "segment_dropout": 0.5})
    memory, calls = objective.decoder.memory, []

    def watched(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(inputs)
        return memory(*inputs)

    monkeypatch.setattr(objective.decoder, "memory", watched)
    torch.manual_seed(0)
    latents = objective.encoder.encode(batch.tokens, batch.token_mask).detach().requires_grad_()
    objective.reconstruction(batch, latents, torch.zeros(latents.shape[:2])).sum().backward()
    ((_, _, seen, level, around_level),) = calls
    dropped = level[:, 0] == 1
    assert 0.2 < float(dropped.float().mean()) < 0.8 and not level[~dropped].any() and not around_level.any()
    assert bool(seen[dropped].any(1).all()) and not seen[~dropped].any()
    assert latents.grad is not None
    reached = latents.grad.flatten(1).any(1)
    document = batch.segment_mask.nonzero()[:, 0]
    beside = torch.zeros_like(dropped)  # of a dropped segment of the same document; the window is 1
    beside[1:] |= dropped[:-1] & (document[1:] == document[:-1])
    beside[:-1] |= dropped[1:] & (document[1:] == document[:-1])
    assert torch.equal(reached, ~dropped | beside)


def test_segment_dropout_without_neighbours_is_refused(prepared):
    with pytest.raises(ValueError, match="segment_dropout needs a decoder that sees neighbours"):
        make(prepared, {"segment_dropout": 0.1, "decoder": {"context_window": 0}})


def test_options_that_are_off_leave_losses_and_saved_models_as_they_are(prepared, batch):
    plain, off = make(prepared), make(prepared, {"prior": {"weight": 0.0, "projections": 7}, "segment_dropout": 0.0})
    losses = []
    for objective in (plain, off):
        torch.manual_seed(3)
        losses.append(objective(batch))
    assert losses[0].keys() == losses[1].keys() == {"loss", "reconstruction", "contrastive", "adversarial"}
    assert losses[0]["loss"] == losses[1]["loss"]
    on = make(prepared, PRIOR, VIRTUAL, {"segment_dropout": 0.3})
    assert on.state_dict().keys() == plain.state_dict().keys()
    assert on.encoder.fingerprint() == plain.encoder.fingerprint()


def test_virtual_term_has_no_dropout_and_grows_with_the_radius(prepared, batch):
    """With dropout, two passes differ even where nothing is perturbed."""
    terms = []
    for radius in (0.0, 0.1, 0.4):
        objective = make(prepared, VIRTUAL, {"dropout": 0.3, "adversarial": {"radius": radius}})
        objective.decoder.train()
        latents = objective.encoder.encode(batch.tokens, batch.token_mask)
        torch.manual_seed(1)
        terms.append(float(objective.adversarial(batch, latents)))
        assert objective.decoder.training
    assert abs(terms[0]) < 1e-6 < terms[1] < terms[2]


def test_contrastive_batches_cannot_be_told_apart_by_length(data_dir):
    """In-batch and hard negatives are as long as the positive, to a token or two: far closer than random segments."""
    documents = list(read_documents(data_dir / "stories" / "roc.valid.jsonl.gz", max_documents=800))
    tokenizer = train_tokenizer((text for document in documents for text in document.segments), vocab_size=1000)
    corpus = prepare(documents, [], tokenizer, max_tokens=40)
    generator = np.random.default_rng(0)
    spreads: dict[str, list[float]] = {"anchor": [], "positive": [], "negative": []}
    for seed in range(40):
        drawn = segment_batch(corpus, [(0, 0, 1)], 24, np.random.default_rng(seed))
        assert drawn.triple_mask is not None and drawn.has_negative is not None
        anchor, positive, negative = drawn.triple_mask.sum(2).float()
        spreads["anchor"].append(float((anchor[:, None] - anchor).abs().mean()))
        spreads["positive"].append(float((anchor[:, None] - positive).abs().mean()))
        spreads["negative"].append(float((anchor - negative)[drawn.has_negative].abs().mean()))
    lengths = generator.choice(corpus.anchors.lengths, (2, 5000)).astype(float)
    chance = float(np.abs(lengths[0] - lengths[1]).mean())
    found = {name: float(np.mean(values)) for name, values in spreads.items()}
    assert found["anchor"] < 0.25 * chance, (found, chance)
    assert found["positive"] < 0.5 * chance and found["negative"] < 0.5 * chance, (found, chance)


@torch.no_grad()
def test_absent_hard_negatives_do_not_count(prepared, batch):
    objective = make(prepared)
    assert batch.triples is not None and batch.has_negative is not None
    absent = batch.has_negative.clone()
    absent[0] = False
    other = batch.triples.clone()
    other[2, 0] = 9
    losses = [
        objective.contrast(
            SegmentBatch(batch.tokens, batch.token_mask, batch.segment_mask, triples, batch.triple_mask, absent)
        )
        for triples in (batch.triples, other)
    ]
    assert torch.equal(*losses)


def test_statistics_follow_the_latents_in_training_only(prepared, batch):
    objective = make(prepared)
    before = objective.encoder.latent_mean.clone()
    objective(batch)
    assert torch.equal(objective.encoder.latent_mean, before)
    objective.train()(batch)
    assert not torch.equal(objective.encoder.latent_mean, before)


def test_loss_falls_on_ten_examples(prepared, tmp_path):
    _, corpus = prepared
    objective = make(prepared)
    ten = segment_batch(corpus, [(0, 0, 3), (1, 0, 4), (3, 0, 3)], 6, np.random.default_rng(0))
    assert len(ten.tokens) == 10
    loop = config({"loop": {"max_steps": 60, "warmup_steps": 5, "learning_rate": 5e-3, "log_every": 1}}).loop
    fit(objective, lambda _: ten, loop, tmp_path, Accelerator(), lambda _: 10)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for term in ("loss", "reconstruction", "adversarial", "contrastive"):
        first, last = ([line[term] for line in part] for part in (lines[:3], lines[-3:]))
        assert np.mean(last) < 0.6 * np.mean(first), term


# ------------------------------------------------------------------------------------------------- stage


def stage(tiny_corpus: Path, **loop: Any) -> RepresentationConfig:
    data = {"train": [str(tiny_corpus)], "valid": [str(tiny_corpus)], "vocab_size": 300}
    defaults = {"max_steps": 12, "warmup_steps": 3, "batch_documents": 5, "checkpoint_every": 4, "log_every": 1}
    return config({"data": data, "dropout": 0.1, "loop": {**defaults, **loop}})


def losses(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "segments_per_second")} for line in lines]


@pytest.fixture(scope="module")
def whole_run(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("representation") / "run"
    train_representation(stage(tiny_corpus), folder)
    return folder


def test_stage_writes_a_model_whose_latents_are_standard(whole_run, tiny_corpus):
    encoder, decoder, tokenizer = load_representation(whole_run / "model")
    data = load_data(stage(tiny_corpus).data, whole_run)
    assert tokenizer.get_vocab() == data.tokenizer.get_vocab()
    raw = encode_corpus(encoder, data.train, batch_size=7)
    one = int(data.train.segments.lengths.argmax())
    ids = torch.from_numpy(data.train.segments[one].astype(np.int64))[None]
    torch.testing.assert_close(raw[one : one + 1], encoder(ids, torch.ones_like(ids)), rtol=1e-4, atol=1e-5)
    latents = encoder.normalize(raw)
    torch.testing.assert_close(latents.mean(0), torch.zeros(2, 8), rtol=0, atol=1e-3)
    torch.testing.assert_close(latents.std(0), torch.ones(2, 8), rtol=1e-3, atol=0)
    assert decoder.config.max_tokens == encoder.config.max_tokens == 64
    result = json.loads((whole_run / "result.json").read_text())
    assert result["metrics"]["step"] == 12 and "valid_noise_0.3_exact" in result["metrics"]


def test_resume_after_a_kill_is_bit_identical(whole_run, tiny_corpus, tmp_path, killed_at):
    with killed_at(9):
        train_representation(stage(tiny_corpus), tmp_path / "run")
    assert (tmp_path / "run" / "checkpoint-8").is_dir() and not (tmp_path / "run" / "model").exists()
    train_representation(stage(tiny_corpus), tmp_path / "run")
    assert losses(tmp_path / "run") == losses(whole_run)
    for part in ("encoder", "decoder"):
        name = f"model/{part}/diffusion_pytorch_model.safetensors"
        assert (tmp_path / "run" / name).read_bytes() == (whole_run / name).read_bytes(), part
    first, last = losses(whole_run)[0], losses(whole_run)[-3]
    assert last["loss"] < first["loss"]  # it did train


def test_another_seed_is_another_run(whole_run, tiny_corpus, tmp_path):
    train_representation(stage(tiny_corpus, seed=1, max_steps=4), tmp_path / "run")
    assert losses(tmp_path / "run")[0]["loss"] != losses(whole_run)[0]["loss"]


def test_fine_tuning_starts_from_the_given_model(whole_run, tiny_corpus, tmp_path):
    tuned = stage(tiny_corpus, max_steps=2, learning_rate=1e-9)
    train_representation(tuned, tmp_path / "run", init=str(whole_run / "model"))
    old, new = (load_representation(folder / "model")[1] for folder in (whole_run, tmp_path / "run"))
    for name, tensor in old.state_dict().items():
        torch.testing.assert_close(new.state_dict()[name], tensor, rtol=0, atol=1e-6)


def test_what_fits_is_reused_and_the_rest_starts_anew(whole_run, tiny_corpus, tmp_path):
    tuned = stage(tiny_corpus, max_steps=2, learning_rate=1e-9)
    tuned = tuned.model_copy(
        update={"encoder": tuned.encoder.model_copy(update={"num_latents": 3, "gist_latents": 2, "topic_latents": 1})}
    )
    train_representation(tuned, tmp_path / "run", reuse=str(whole_run / "model"))
    old, new = (load_representation(folder / "model")[0] for folder in (whole_run, tmp_path / "run"))
    assert new.gist is not None and new.gist.topics.any(), "topics are learned where none are taken over"
    for name, tensor in old.named_parameters():
        if name != "pooling.slot":  # one aligned latent fewer
            torch.testing.assert_close(new.get_parameter(name), tensor, rtol=0, atol=1e-6)
    assert {name for name, _ in new.named_parameters()} > {name for name, _ in old.named_parameters()}
    with pytest.raises(ValueError, match=r"give either init .* or reuse"):
        train_representation(tuned, tmp_path / "both", init="a", reuse="b")
    with pytest.raises(ValueError, match="no tensor of the model to be reused fits"):
        take_over(torch.nn.Linear(2, 2), torch.nn.Linear(3, 3))
