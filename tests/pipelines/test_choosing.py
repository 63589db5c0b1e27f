"""The best of several candidates."""

import pytest
import torch

from segdiff.decoders import with_neighbours
from segdiff.pipelines.choosing import Wishes, best, length_error, likelihood_scores, mbr_scores, mentioned
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.tokenization import pad_tokens, segment_tokens


def test_mentioned():
    text = "He rode two Bicycles when it rained. The dog's bone."
    assert mentioned(["bicycle", "rain", "dog", "bon", "cat", "two bicycles"], text) == [
        "bicycle",
        "rain",
        "dog",
        "two bicycles",
    ]
    assert mentioned(["(x)"], "a (x) b") == ["(x)"]  # no pattern


def test_length_error():
    assert length_error(["one two three", "one"], 3) == 1


def test_what_is_asked_for_comes_before_the_score():
    candidates = [["A cat."], ["A dog ran."], ["A dog."], ["A dog sat in the rain."]]
    scores = [9.0, 1.0, 2.0, 0.0]
    assert best(candidates, scores, Wishes()) == 0
    assert best(candidates, scores, Wishes(mention=("dog",))) == 2
    assert best(candidates, scores, Wishes(mention=("dog", "rain"))) == 3
    assert best(candidates, scores, Wishes(mention=("dog",), words=3)) == 1
    assert best(candidates, [0.0] * 4, Wishes()) == 0  # the first of equals


def test_mbr_finds_the_one_in_the_middle():
    angle = torch.tensor([0.0, 0.9, 1.0, 1.1, 3.0])
    latents = torch.stack([angle.cos(), angle.sin()], -1)[:, None, None].expand(-1, 3, 2, -1)
    scores = mbr_scores(latents, slice(None))
    assert scores.index(max(scores)) == 2
    assert scores[2] == pytest.approx(float(torch.cos(angle[2] - angle[[0, 1, 3, 4]]).mean()), abs=1e-5)


def test_likelihood_is_the_mean_over_the_tokens_of_written_segments(tiny_pipeline):
    pipe = tiny_pipeline
    decoder, tokenizer = pipe.decoder, pipe.tokenizer
    texts = [["Tom ran.", "He had a kite."], ["No.", "Tom wanted a puppy."]]
    latents = encode_texts(pipe.encoder, tokenizer, [*texts[0], *texts[1]]).view(2, 2, *pipe.encoder.latent_mean.shape)
    exists, levels = torch.ones(2, 2, dtype=torch.bool), torch.full(latents.shape[:3], 0.5)

    def by_hand(row: int, columns: list[int]) -> float:
        own = [part[2 * row : 2 * row + 2] for part in with_neighbours(latents, exists, levels, 1)]
        limit = decoder.config.max_tokens  # it can say no more
        ids, mask = pad_tokens([tokens[:limit] for tokens in segment_tokens(tokenizer, texts[row])], 0)
        loss = decoder.loss(ids, mask, *decoder.memory(*own))
        return -float(loss[columns].sum() / mask[columns].sum())

    for columns in ([0, 1], [1]):
        written = torch.tensor([[0 in columns, True]] * 2)
        scores = likelihood_scores(decoder, tokenizer, latents, exists, levels, texts, written)
        assert scores == pytest.approx([by_hand(0, columns), by_hand(1, columns)], rel=1e-4)
