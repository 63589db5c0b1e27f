"""Every measure of a representation tells a space with its defect from one without, on toy spaces of words."""

import json
import math
import random
import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segdiff.encoders.latents import add_noise, rms
from segdiff.pipelines.codec import Decoded
from segdiff.pipelines.latent_statistics import channel_statistics, effective_rank, explained, spectrum
from segdiff.pipelines.paraphrase_auc import auc, bootstrap_interval, hard_negative, paraphrase_auc, read_pairs
from segdiff.pipelines.robustness import reconstruction, robustness, worst_case
from segdiff.pipelines.smoothness import distributional_smoothness, insert_word, interpolate, local_smoothness
from segdiff.pipelines.trigrams import TrigramModel

SLOTS, WIDTH = 12, 24
PEOPLE = ["Tom", "Anna", "Sue", "Jack", "Emma", "Ryan"]
THINGS = ["car", "house", "kite", "movie", "gift", "boat"]
ENDS = ["in the morning.", "with two friends.", "because it was cheap and very big.", "at last.", "again."]
TEXTS = [f"{person} bought a {thing} {end}" for end in ENDS for person in PEOPLE for thing in THINGS]
random.Random(0).shuffle(TEXTS)


class WordCodec:
    """A slot per word, each a random vector of the word; texts of more than `slots` words are cut."""

    meaning = slice(None)

    def __init__(self, slots: int = SLOTS, scale: float = 1.0) -> None:
        self.slots = slots
        self.generator = torch.Generator().manual_seed(0)
        self.words: list[str] = [""]
        self.table = scale * torch.randn(1, WIDTH, generator=self.generator)

    def indices(self, text: str) -> list[int]:
        for word in text.split():
            if word not in self.words:
                self.words.append(word)
                self.table = torch.cat([self.table, torch.randn(1, WIDTH, generator=self.generator)])
        found = [self.words.index(word) for word in text.split()][: self.slots]
        return found + [0] * (self.slots - len(found))

    def fits(self, texts):
        return [bool(text.strip()) and len(text.split()) <= SLOTS for text in texts]

    def encode(self, texts):
        rows = [self.indices(text) for text in texts]
        return self.table[torch.tensor(rows)]

    def logits(self, latents):
        return -torch.cdist(latents, self.table.expand(len(latents), -1, -1)).square() / 2

    def decode(self, latents, level=0.0):
        rows = self.logits(latents).argmax(-1).tolist()
        return Decoded(
            [" ".join(filter(None, (self.words[index] for index in row))) for row in rows], [True] * len(rows)
        )

    def loss(self, latents, texts, level=0.0):
        target = torch.tensor([self.indices(text) for text in texts])
        return F.cross_entropy(self.logits(latents).flatten(0, 1), target.flatten(), reduction="sum")


class HashCodec(WordCodec):
    """Latents of a text say nothing about any other text."""

    def encode(self, texts):
        generators = [torch.Generator().manual_seed(zlib.crc32(text.encode())) for text in texts]
        return torch.stack([torch.randn(SLOTS, WIDTH, generator=generator) for generator in generators])


class LengthCodec(HashCodec):
    """Latents say how many words there are, and nothing else."""

    def encode(self, texts):
        one = torch.randn(WIDTH, generator=torch.Generator().manual_seed(0))
        two = torch.randn(WIDTH, generator=torch.Generator().manual_seed(1))
        angles = torch.tensor([len(text.split()) / 10 for text in texts])[:, None, None]
        return (angles.cos() * one + angles.sin() * two).expand(-1, SLOTS, -1) + 0.05 * super().encode(texts)


class DeafCodec(WordCodec):
    """Every small word and negation is skipped, so texts that differ in them are the same."""

    def encode(self, texts):
        return super().encode(
            [" ".join(w for w in text.split() if w not in ("not", "didn't", "buy", "bought")) for text in texts]
        )


class SnappingCodec(WordCodec):
    """Every point is decoded as the known text that is nearest."""

    def decode(self, latents, level=0.0):
        known = self.encode(TEXTS).flatten(1)
        return Decoded(
            [TEXTS[index] for index in torch.cdist(latents.flatten(1), known).argmin(1)], [True] * len(latents)
        )


class LoopingCodec(WordCodec):
    """Off the data, decodings go round in circles."""

    def decode(self, latents, level=0.0):
        return Decoded(["he ran and he ran and he ran and he ran and"] * len(latents), [False] * len(latents))


# ------------------------------------------------------------------------------------ reconstruction, noise


def test_too_few_slots_show_in_long_segments():
    whole, cut = (
        reconstruction(TEXTS, codec.decode(codec.encode(TEXTS))) for codec in (WordCodec(), WordCodec(slots=8))
    )
    assert whole["overall"]["exact"] == 1 and whole["overall"]["bleu"] == pytest.approx(100)
    assert [row["words"] for row in cut["by_length"]] == ["5–8", "9–12"]
    assert [row["exact"] for row in cut["by_length"]] == [1, 0]
    assert sum(row["segments"] for row in cut["by_length"]) == cut["overall"]["segments"] == len(TEXTS)


def test_robustness_falls_with_noise_and_faster_in_the_worst_direction():
    codec = WordCodec()
    latents = codec.encode(TEXTS[:60])
    rows = robustness(codec, TEXTS[:60], latents, seed=0)
    assert [row["strength"] for row in rows] == [0, 0.1, 0.2, 0.3, 0.5, 0.7, 1]
    assert rows[0]["random_exact"] == rows[0]["worst_exact"] == 1
    for kind in ("random", "worst"):
        assert rows[0][f"{kind}_bleu"] > rows[-1][f"{kind}_bleu"]
    assert all(row["worst_bleu"] <= row["random_bleu"] + 1e-6 for row in rows)
    assert rows[4]["worst_exact"] < rows[4]["random_exact"] - 0.2
    assert rows == robustness(codec, TEXTS[:60], latents, seed=0)


def test_random_and_worst_move_equally_far():
    codec = WordCodec()
    latents = codec.encode(TEXTS[:5])
    moved = worst_case(codec, TEXTS[:5], latents, 0.5)
    assert bool((rms(moved) <= 0.5 * rms(latents) * 1.001).all())
    assert codec.loss(latents + moved, TEXTS[:5]) > codec.loss(add_noise(latents, 0.5), TEXTS[:5])


# ----------------------------------------------------------------------------------------------- smoothness


def test_hashes_are_not_locally_smooth():
    def relative(codec):
        rows = local_smoothness(codec, TEXTS, codec.encode(TEXTS), seed=0)
        return {row["edit"]: row["relative"] for row in rows}

    words, hashes = relative(WordCodec()), relative(HashCodec())
    assert words["meaning kept"] < 0.85 and words["meaning changed"] < 0.75
    assert all(hashes[edit] == pytest.approx(1, abs=0.1) for edit in hashes)
    assert words["word inserted"] > words["meaning kept"]  # a slot per word: the others shift
    assert words["another segment"] == 1


def test_inserted_word():
    rng = random.Random(0)
    assert all(len(insert_word("Tom ran home.", rng).split()) == 4 for _ in range(20))
    assert insert_word("Tom ran home.", rng).startswith("Tom ") and insert_word("Go", rng).startswith("Go ")


def test_interpolation_keeps_the_norm():
    source, target = torch.randn(2, 7, 4, 8)
    middle = interpolate(source, target, 0.25)
    torch.testing.assert_close(rms(middle), 0.75 * rms(source) + 0.25 * rms(target))
    torch.testing.assert_close(interpolate(source, target, 1.0), target)


def test_holes_and_snapping_between_segments():
    def rows(codec):
        measured = TEXTS[:80]
        found = distributional_smoothness(codec, measured, codec.encode(measured), TrigramModel(TEXTS[80:]), seed=0)
        assert len(found.examples) == 40 and list(found.examples[0]) == ["source", "target", "0.25", "0.5", "0.75"]
        return {row["texts"]: row for row in found.rows}

    words, snapping, looping = (rows(codec()) for codec in (WordCodec, SnappingCodec, LoopingCodec))
    assert words["human"]["well_formed"] == words["at 0.5"]["well_formed"] == 1
    assert words["words shuffled"]["log_probability"] < words["human"]["log_probability"] - 1
    assert words["words shuffled"]["known_trigrams"] < words["human"]["known_trigrams"] - 0.3
    assert looping["at 0.5"]["well_formed"] == 0
    assert snapping["at 0.25"]["on_path"] < words["at 0.5"]["on_path"]
    assert looping["at 0.5"]["log_probability"] < words["human"]["log_probability"]


def test_trigram_model_is_a_distribution():
    model = TrigramModel(["a b a", "b a"])
    words = {gram[0] for gram in model.counts[0]}
    total = sum(math.exp(model._log_probability(("a", "b", word))) for word in [*words, "unknown"])
    assert total == pytest.approx(1)
    assert model.known_trigrams("a b a") == 1 and model.known_trigrams("") == 0


# --------------------------------------------------------------------------------------------------- meaning


def test_auc_of_latents_that_encode_meaning_length_or_nothing():
    pairs = [(text, text.replace("bought", "purchased")) for text in TEXTS]

    def aucs(codec):
        return {row["negatives"]: row for row in paraphrase_auc(codec, {"toy": pairs}, seed=0)}

    words, hashes, length, deaf = (aucs(codec()) for codec in (WordCodec, HashCodec, LengthCodec, DeafCodec))
    assert list(words) == ["random", "like length", "negation", "name", "number"]
    assert words["random"]["auc"] > 0.95
    assert hashes["random"]["auc"] == pytest.approx(0.5, abs=0.1)
    assert length["random"]["auc"] > 0.7 and length["like length"]["auc"] < length["random"]["auc"] - 0.1
    assert deaf["negation"]["auc"] < words["random"]["auc"] - 0.3
    for row in words.values():
        low, high = row["interval"]
        assert low <= row["auc"] <= high
    assert words["name"]["pairs"] == len(pairs) > words["number"]["pairs"] > 0


def test_auc_of_too_few_pairs_is_none():
    (row,) = paraphrase_auc(WordCodec(), {"toy": [("Tom ran.", "Tom ran home.")]}, seed=0)
    assert row["pairs"] == 1 and row["auc"] is None and row["interval"] is None
    rows = paraphrase_auc(WordCodec(), {"toy": [("he ran.", "he ran."), ("it sat.", "it sat.")]}, seed=0)
    assert {row["negatives"]: row["pairs"] for row in rows}["name"] == 0
    assert rows[0]["auc"] is not None and rows[0]["interval"] is None  # resamples of two pairs say nothing


def test_auc_counts_ties_half_and_its_interval_narrows():
    assert auc(np.array([2.0, 3.0]), np.array([1.0, 0.0])) == 1
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([0.0, 2.0]), np.array([1.0])) == 0.5
    drawn = np.random.default_rng(0)
    scores = drawn.normal(1, 1, 800), drawn.normal(0, 1, 800)
    widths = [np.ptp(bootstrap_interval(scores[0][:n], scores[1][:n], 0)) for n in (50, 800)]
    assert widths[1] < widths[0] / 2


def test_hard_negatives_change_one_thing():
    rng = random.Random(0)
    assert hard_negative("Tom was happy.", "negation", rng) == "Tom was not happy."
    assert hard_negative("Tom wasn't happy.", "negation", rng) == "Tom was happy."
    assert hard_negative("They had two dogs.", "number", rng).startswith("They had ")
    assert hard_negative("Tom ran.", "name", rng).endswith(" ran.")
    assert hard_negative("It rained.", "name", rng) is None


def test_pairs_of_every_format(tmp_path):
    records = [
        {"a": "one", "b": "two", "split": "test"},
        {"a": "seen", "b": "seen", "split": "train"},
        {"a": "other", "b": "thing", "label": 0},
        {"a": "half", "b": "like", "score": 2.5},
        {"texts": ["three", "four", "five"]},
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert read_pairs(file, 9) == [("one", "two"), ("three", "four")]
    assert read_pairs(file, 1) == [("one", "two")]
    for bad in ('{"a": "one"}', "[1]", "{", '{"texts": ["one"]}', '{"a": "one", "b": ["two"]}'):
        file.write_text(bad + "\n")
        with pytest.raises(ValueError, match=r"pairs.jsonl line 1 is no pair of texts"):
            read_pairs(file, 9)
    file.write_text(json.dumps(records[1]))
    with pytest.raises(ValueError, match="no held-out pairs"):
        read_pairs(file, 9)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_pairs(tmp_path / "nowhere", 9)


# --------------------------------------------------------------------------------------------------- latents


def test_dead_and_outlying_channels():
    latents = torch.randn(4000, 2, 8, generator=torch.Generator().manual_seed(0))
    found = channel_statistics(latents)
    assert found["summary"]["dead"] == 0 and found["summary"]["channels"] == 16
    assert abs(found["summary"]["median_kurtosis"]) < 0.3
    latents[:, 0, 3] *= 0.1
    latents[:, 1, 2] = latents[:, 1, 2].pow(3) + 2
    summary = channel_statistics(latents)["summary"]
    assert summary["dead"] == 1
    assert summary["largest_kurtosis"] > 3 and summary["largest_absolute_mean"] == pytest.approx(2, abs=0.3)


def test_effective_rank_of_collapsed_and_of_isotropic_latents():
    noise = torch.randn(4000, 2, 8, generator=torch.Generator().manual_seed(0))
    assert effective_rank(noise) > 15
    assert effective_rank(noise[:, :1, :1] * torch.ones(2, 8)) == pytest.approx(1, abs=0.01)
    shares = spectrum(noise)
    assert shares.shape == (16,) and float(shares.sum()) == pytest.approx(1) and bool((shares.diff() <= 0).all())


def test_slots_that_repeat_each_other():
    noise = torch.randn(400, 3, 4, generator=torch.Generator().manual_seed(0))
    assert explained(noise, 0) < 0.2
    repeated = torch.cat([noise[:, :2], noise[:, :1] * 2], dim=1)
    assert explained(repeated, 0) > 0.99 and explained(repeated, 1) < 0.2
    assert explained(noise[:20], 0) is None and explained(noise[:, :1], 0) is None
