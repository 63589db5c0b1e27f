"""What the decoder makes use of: its loss on human stories when it is told everything, the gists alone, or less.

    python benchmarks/decoder_use.py DATA/stories/roc.test.jsonl.gz --model stories-tiny

Nats a token of the true text, teacher-forced. "Without" hides the latents of the segments around; what is of no use
costs nothing to leave out.
"""

from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from segdiff.decoders import with_neighbours
from segdiff.encoders.latents import add_noise, noise_level
from segdiff.pipelines.card import table
from segdiff.pipelines.codec import ModelCodec
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.story import LIKELIEST, StoryPipeline
from segdiff.pipelines.tokenization import pad_tokens, segment_tokens

BATCH = 256


@torch.no_grad()
def loss(pipeline: StoryPipeline, texts: list[str], latents: Tensor, level: Tensor, near: bool) -> float:
    """Nats a token of stories of S segments each; latents (B, S, K, D), told levels (B, S, K)."""
    decoder = pipeline.decoder
    own, around, seen, level, around_level = with_neighbours(
        latents, torch.ones(latents.shape[:2], dtype=torch.bool), level, decoder.config.context_window
    )
    memory = decoder.memory(own, around, seen & near, level, around_level)
    tokens, mask = pad_tokens(segment_tokens(pipeline.tokenizer, texts), 0)
    parts = zip(*(part.split(BATCH) for part in (tokens, mask, *memory)), strict=True)
    return float(sum(decoder.loss(*part).sum() for part in parts) / mask.sum())


def main(
    corpus: Annotated[Path, typer.Argument(help="Stories that the model was not trained on.")],
    model: str = "stories-tiny",
    num_stories: int = 200,
    num_segments: Annotated[int, typer.Option(help="Stories of this length are taken.")] = 5,
) -> None:
    """Print the table."""
    pipeline = StoryPipeline.from_pretrained(model)
    pipeline.register_to_config(**LIKELIEST)
    codec = ModelCodec(pipeline.encoder, pipeline.decoder, pipeline.tokenizer)
    fitting = (
        list(one.segments)
        for one in read_documents(corpus)
        if len(one.segments) == num_segments and all(codec.fits(list(one.segments)))
    )
    stories = list(islice(fitting, num_stories))
    texts = [text for story in stories for text in story]
    latents = codec.encode(texts).unflatten(0, (len(stories), num_segments))
    torch.manual_seed(0)
    strength = torch.ones(latents.shape[:2])
    hidden = torch.arange(latents.shape[2]) >= pipeline.decoder.context_latents  # all but the gist

    def told(gist: float, words: float) -> Tensor:
        return torch.where(hidden, words, gist).expand(latents.shape[:3])

    cases = {
        "everything": (latents, told(0.0, 0.0)),
        "the gist": (latents, told(0.0, 1.0)),
        "the gist, with as much noise": (add_noise(latents, strength), told(float(noise_level(strength)[0, 0]), 1.0)),
        "nothing of its own": (latents, told(1.0, 1.0)),
    }
    near = {"with neighbours": True, "without": False}
    rows = [
        {"told": name} | {column: loss(pipeline, texts, *case, near=seen) for column, seen in near.items()}
        for name, case in cases.items()
    ]
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
