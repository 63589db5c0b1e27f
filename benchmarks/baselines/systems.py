"""Trained baselines as writers of stories: what is given of a story -> its segments."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from baselines import ar, masked, transformer
from baselines.sequences import Example, Row, Vocabulary
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from segdiff import StoryPipeline
from segdiff.pipelines.choice_cases import Option
from segdiff.pipelines.data import load_tokenizer
from segdiff.pipelines.runs import RESULT
from segdiff.pipelines.tokenization import condition_tokens, segment_tokens


@dataclass(frozen=True)
class Sampling:
    """How the token baselines sample; `steps`, `remask` and `order_noise` are the masked one's."""

    temperature: float = 1.0
    top_p: float = 0.95
    steps: int = 64
    remask: bool = False
    order_noise: float = 1.0


@dataclass(frozen=True)
class Written:
    """A story's segments, given ones as they were given, and whether each came to its end."""

    segments: list[str]
    ended: list[bool]


class TokenWriter:
    """The autoregressive or the masked baseline of a run folder.

    Raises:
        FileNotFoundError: the folder holds no finished run.
        ValueError: the model is damaged, or given text is too long for a segment.
    """

    def __init__(self, folder: Path, config: dict) -> None:
        self.kind, self.max_tokens = config["kind"], config["data"]["max_tokens"]
        self.condition_tokens = config["condition"]["max_tokens"]
        self.tokenizer: PreTrainedTokenizerFast = load_tokenizer(folder / "tokenizer")
        self.model: LlamaForCausalLM = transformer.load(folder / "model")
        self.vocabulary = Vocabulary.of(self.tokenizer)
        self.lengths = None
        if self.kind == "masked":
            self.lengths = masked.LengthDrawer(json.loads((folder / "lengths.json").read_text(encoding="utf-8")))

    def write(
        self,
        templates: Sequence[Sequence[str | None]],
        titles: Sequence[str | None],
        sampling: Sampling,
        seed: int,
    ) -> list[Written]:
        """Write one batch.

        Args:
            templates: of each story its segments, None where text is wanted.
            titles: of each story, None for none.
            sampling: options.
            seed: decides what is drawn.
        """
        generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        conditions = [self.condition(title) for title in titles]
        known = [self.rows(template) for template in templates]
        if self.kind == "ar":
            prompts, counts = zip(
                *(
                    ar.prompt(rows, condition, self.vocabulary)
                    for rows, condition in zip(known, conditions, strict=True)
                ),
                strict=True,
            )
            options = (sampling.temperature, sampling.top_p, self.max_tokens, generator)
            new = ar.write(self.model, self.vocabulary, prompts, counts, *options)
        else:
            assert self.lengths is not None
            canvases = [
                masked.prompt(rows, condition, self.vocabulary, self.lengths, rng)
                for rows, condition in zip(known, conditions, strict=True)
            ]
            ids = masked.unmask(
                self.model,
                self.vocabulary,
                masked.canvas_batch(canvases),
                sampling.steps,
                sampling.temperature,
                sampling.top_p,
                sampling.order_noise,
                sampling.remask,
                generator,
            )
            new = [
                masked.written_segments(row[: len(flags)], flags, self.vocabulary)
                for row, (_, flags) in zip(ids.tolist(), canvases, strict=True)
            ]
        return [self.joined(template, rows) for template, rows in zip(templates, new, strict=True)]

    def condition(self, title: str | None) -> Row:
        return [] if title is None else condition_tokens(self.tokenizer, "title", title, self.condition_tokens)

    def rows(self, template: Sequence[str | None]) -> list[Row | None]:
        """Token ids of the given segments."""
        given = iter(segment_tokens(self.tokenizer, [text for text in template if text is not None]))
        return [None if text is None else next(given) for text in template]

    def joined(self, template: Sequence[str | None], new: list[Row]) -> Written:
        """A template with the written segments in its holes."""
        left = iter(new)
        segments, ended = [], []
        for text in template:
            row = next(left) if text is None else []
            segments.append(self.tokenizer.decode(row, skip_special_tokens=True).strip() if text is None else text)
            ended.append(text is not None or row[-1] == self.vocabulary.eos)
        return Written(segments, ended)

    def log_likelihoods(self, options: Sequence[Option], samples: int, alone: bool = False) -> list[float]:
        """log p(candidate | context) of each option in nats; of the masked baseline a bound, given the tokens' number.

        Args:
            options: whole texts with the place of the candidate.
            samples: masks of the masked baseline's bound.
            alone: without the context: as part of a text of which nothing else is known.
        """
        examples, places = [], []
        for option in options:
            part = slice(option.start, option.stop)
            rows = segment_tokens(self.tokenizer, option.candidate if alone else option.segments)
            cut = alone and part.start > 0, alone and part.stop < len(option.segments)
            examples.append(Example([], rows, *cut))
            places.append((0, len(rows)) if alone else (part.start, part.stop))
        if self.kind == "ar":
            pairs = [ar.candidate(row, *place, self.vocabulary) for row, place in zip(examples, places, strict=True)]
            return ar.log_likelihoods(self.model, [head for head, _ in pairs], [rest for _, rest in pairs])
        canvases = [
            masked.canvas(row, [not first <= i < last for i in range(len(row.segments))], self.vocabulary)
            for row, (first, last) in zip(examples, places, strict=True)
        ]
        return masked.log_likelihood_bounds(self.model, self.vocabulary, canvases, samples)

    def num_tokens(self, options: Sequence[Option]) -> list[int]:
        """Tokens of each option's candidate, segment ends included."""
        return [sum(map(len, segment_tokens(self.tokenizer, option.candidate))) for option in options]


class PassageWriter:
    """The passage-level latent baseline of a run folder: a title or nothing -> a text, cut into sentences."""

    kind = "passage"

    def __init__(self, folder: Path) -> None:
        from segdiff.encoders.segmenters import SentenceSegmenter

        self.pipeline = StoryPipeline.from_pretrained(folder / "adaptation" / "model")
        self.segmenter = SentenceSegmenter()

    def write(
        self,
        templates: Sequence[Sequence[str | None]],
        titles: Sequence[str | None],
        sampling: Sampling,
        seed: int,
    ) -> list[Written]:
        """Write one batch, each text as long as the model makes it.

        Raises:
            ValueError: a segment is given.
        """
        if any(text is not None for template in templates for text in template):
            raise ValueError("the passage baseline cannot be given segments; it does the tasks title and unconditional")
        texts = [
            self.pipeline(title, num_segments=1, seed=seed + index)[0].segments[0] for index, title in enumerate(titles)
        ]
        cut = [[str(sentence).strip() for sentence in self.segmenter(text)] or [text] for text in texts]
        return [Written(segments, [True] * len(segments)) for segments in cut]


def load_writer(folder: Path) -> TokenWriter | PassageWriter:
    """The baseline of a finished run.

    Raises:
        FileNotFoundError: the folder holds none.
        ValueError: it is damaged.
    """
    file = folder / RESULT
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no finished run of a baseline; train it with train.py")
    config = json.loads(file.read_text(encoding="utf-8"))["config"]
    return PassageWriter(folder) if config.get("kind") == "passage" else TokenWriter(folder, config)
