"""Points between sentences, neighbours and directions, on a tiny model with random weights."""

import numpy as np
import pytest
import torch

from segdiff import RepresentationPipeline, StoryPipeline
from segdiff.pipelines.latent_tools import apply_direction, direction, interpolate, neighbours


@pytest.fixture
def pipeline(tiny_pipeline: StoryPipeline) -> RepresentationPipeline:
    return RepresentationPipeline(tiny_pipeline.encoder, tiny_pipeline.decoder, tiny_pipeline.tokenizer)


def test_interpolation_has_the_ends_and_the_wanted_number(pipeline: RepresentationPipeline) -> None:
    source, target = "Tom wanted a kite.", "The baker laughed."
    texts = interpolate(pipeline, source, target, 4)
    assert len(texts) == 4
    ends = pipeline.decode(pipeline.encode([source, target]))
    assert [texts[0], texts[-1]] == ends
    with pytest.raises(ValueError, match="steps is 1"):
        interpolate(pipeline, source, target, 1)


def test_neighbours_are_those_of_the_embedding(pipeline: RepresentationPipeline) -> None:
    query = "Tom wanted a kite."
    corpus = ["He laughed.", "Anna wanted a kite.", query, "He laughed.", "They went home.", "Nobody knew why."]
    found = neighbours(pipeline, query, enumerate(corpus, start=1), 3)
    vectors = pipeline.embed([query, *corpus])
    alike = {
        text: float(vectors[0] @ vector) for text, vector in zip(corpus, vectors[1:], strict=True) if text != query
    }
    expected = sorted(alike, key=lambda text: -alike[text])[:3]
    assert [one.text for one in found] == expected
    assert np.allclose([one.similarity for one in found], [alike[text] for text in expected], atol=1e-5)
    assert all(corpus[one.line - 1] == one.text for one in found)
    assert len(neighbours(pipeline, query, enumerate(corpus, start=1), 100)) == 4  # itself and the copy are left out
    with pytest.raises(ValueError, match="num is 0"):
        neighbours(pipeline, query, [], 0)


def test_a_direction_leads_from_one_side_to_the_other(pipeline: RepresentationPipeline) -> None:
    left, right = ["He laughed.", "They went home."], ["Sue wanted a lamp.", "Sue bought the lamp."]
    found = direction(pipeline, left, right)
    assert torch.allclose(found, pipeline.encode(right).mean(0) - pipeline.encode(left).mean(0), atol=1e-5)
    assert apply_direction(pipeline, left, found, 0.0) == pipeline.decode(pipeline.encode(left))
    assert apply_direction(pipeline, left, found, 5.0) != apply_direction(pipeline, left, found, -5.0)
    with pytest.raises(ValueError, match="at least one sentence on each side"):
        direction(pipeline, left, [])


def test_the_default_strength_changes_sentences_of_the_bundled_model() -> None:
    pipeline = RepresentationPipeline.from_pretrained("stories-tiny")
    past = ["Tom walked home.", "She liked the dog.", "He went to the store.", "They played a game.", "We were happy."]
    present = ["Tom walks home.", "She likes the dog.", "He goes to the store.", "They play a game.", "We are happy."]
    texts = ["Anna wanted a cat.", "He loved his new car.", "The dog was sick.", "My mom made a cake."]
    plain = pipeline.decode(pipeline.encode(texts))
    moved = apply_direction(pipeline, texts, direction(pipeline, past, present))
    changed = sum(after != before for after, before in zip(moved, plain, strict=True))
    nearer = apply_direction(pipeline, texts, direction(pipeline, past, present), 1.0)
    assert changed >= 1 and changed >= sum(after != before for after, before in zip(nearer, plain, strict=True))
