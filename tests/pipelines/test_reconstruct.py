"""Reconstruction of lines: one result a line, whatever the batch, and no line is too long."""

import io
from collections.abc import Iterator

import pytest

from segdiff import StoryPipeline
from segdiff.encoders.segmenters import split_long
from segdiff.pipelines import reconstruct as module
from segdiff.pipelines.reconstruct import fitting_pieces, read_lines, reconstruct
from segdiff.pipelines.tokenization import token_lists

LINES = [
    "Tom wanted a kite.",
    "",
    "Anna had a boat. It was red. She loved it. Then it sank.",
    " \t",
    "Nobody knew why. " * 12,
    "Nobody knew why.",
]


def sentences(text: str) -> list[str]:
    """A segmenter that needs no spaCy."""
    return [part.strip() + "." for part in text.split(".") if part.strip()]


def run(pipeline: StoryPipeline, lines: list[str], noise: float = 0.0, seed: int = 0) -> list[str]:
    parts = (pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    return list(reconstruct(lines, *parts, noise, seed, segmenter=sentences))


def test_one_result_a_line_and_blank_ones_stay_blank(tiny_pipeline: StoryPipeline) -> None:
    results = run(tiny_pipeline, LINES)
    assert len(results) == len(LINES)
    assert results[1] == results[3] == ""
    assert run(tiny_pipeline, []) == [] and run(tiny_pipeline, ["", " "]) == ["", ""]


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_batch_does_not_matter(tiny_pipeline: StoryPipeline, monkeypatch: pytest.MonkeyPatch, noise: float) -> None:
    together = run(tiny_pipeline, LINES, noise)
    monkeypatch.setattr(module, "GRID", 1)
    assert run(tiny_pipeline, LINES, noise) == together


def test_noise_depends_on_the_seed_and_the_line_alone(tiny_pipeline: StoryPipeline) -> None:
    noised = run(tiny_pipeline, LINES, noise=3.0)
    assert noised == run(tiny_pipeline, LINES, noise=3.0)
    assert noised != run(tiny_pipeline, LINES, noise=3.0, seed=100)
    assert noised[2:] == run(tiny_pipeline, ["Another line. Longer.", "x", *LINES[2:]], noise=3.0)[2:]


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_bad_noise(tiny_pipeline: StoryPipeline, noise: float) -> None:
    with pytest.raises(ValueError, match="noise is"):
        run(tiny_pipeline, [], noise)


@pytest.mark.parametrize("text", ["word " * 200, "x" * 500, "漢字" * 100, "🙂" * 60, "one, two; three. " * 40])
def test_pieces_fit_and_lose_nothing(tiny_pipeline: StoryPipeline, text: str) -> None:
    limit = tiny_pipeline.encoder.config.max_tokens
    pieces = fitting_pieces(text, tiny_pipeline.tokenizer, limit)
    assert max(len(row) for row in token_lists(tiny_pipeline.tokenizer, pieces)) < limit
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert len(pieces) > 1
    assert run(tiny_pipeline, [text, "Short."])[0]


def test_text_that_fits_is_not_cut(tiny_pipeline: StoryPipeline) -> None:
    text = "Tom wanted a kite; he had none."
    assert fitting_pieces(text, tiny_pipeline.tokenizer, 40) == [text]
    assert [piece.text for piece in split_long(text, 20)] != [text]


def test_reads_no_further_than_a_batch(tiny_pipeline: StoryPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRID", 4)
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "Tom ran."

    parts = (tiny_pipeline.encoder, tiny_pipeline.decoder, tiny_pipeline.tokenizer)
    results = reconstruct(endless(), *parts, segmenter=sentences)
    for count in range(1, 40):
        next(results)
        assert taken <= count + 4


def test_default_segmenter_sees_sentences(tiny_pipeline: StoryPipeline) -> None:
    line = "Dr. Smith ran. It rained."
    parts = (tiny_pipeline.encoder, tiny_pipeline.decoder, tiny_pipeline.tokenizer)
    cut = list(reconstruct([line], *parts, segmenter=lambda text: ["Dr. Smith ran.", "It rained."]))
    assert list(reconstruct([line], *parts)) == cut


def test_read_lines() -> None:
    stream = io.BytesIO("\ufeffone\r\n\ntwo – three".encode())
    assert list(read_lines(stream, "x")) == ["one", "", "two – three"]
    with pytest.raises(ValueError, match="x line 2 is not UTF-8"):
        list(read_lines(io.BytesIO(b"fine\n\xe9\n"), "x"))
