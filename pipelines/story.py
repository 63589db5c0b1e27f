"""StoryPipeline: title, keywords or some of the segments -> a whole story.

B stories, S segments, K latents per segment, D latent width, C condition states.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler
from diffusers.utils import logging
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder
from ..diffusion import SegmentDenoiser, sample
from ..encoders import ConditionEncoder, SegmentEncoder
from .loading import DEFAULT_MODEL, check_match, load_component, resolve
from .rendering import check_text, encode_texts, render
from .tokenization import condition_tokens, pad_tokens

MAX_SEGMENTS = 64
DECODER_LEVEL = 0.85  # of models that say nothing else


@dataclass(frozen=True)
class Story:
    """A written story.

    Attributes:
        segments: its segments in order; given ones as they were given.
        title: the title that conditioned it, if any.
        seed: writes this story again, alone or in any batch.
        seconds: wall-clock time of the batch over its number of stories.
        denoiser_calls: calls of the denoiser for the batch it was written in.
    """

    segments: list[str]
    title: str | None
    seed: int
    seconds: float
    denoiser_calls: int
    separator: str = field(default=" ", repr=False)

    @property
    def text(self) -> str:
        """The story as one string."""
        return self.separator.join(segment for segment in self.segments if segment)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Template:
    """What is given of a story.

    Attributes:
        head: its first segments, None where text is wanted.
        tail: its last segments.
        levels: noise level each segment of `head` starts from: 1 = to be written, 0 = kept.
        count: how many segments there are; None when the model is to choose.
    """

    head: list[str | None]
    tail: list[str]
    levels: list[float]
    count: int | None

    def kept(self, count: int) -> dict[int, str]:
        """Segments of a story of `count` segments that come back as they were given."""
        first = {
            index: text
            for index, (text, level) in enumerate(zip(self.head, self.levels, strict=True))
            if text is not None and level == 0
        }
        return first | {count - len(self.tail) + index: text for index, text in enumerate(self.tail)}


def default_scheduler() -> DPMSolverMultistepScheduler:
    """DPM-Solver++ 2M on the cosine schedule; it takes clean-latent predictions as they are."""
    return DPMSolverMultistepScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="sample")


@contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Silence the progress bar of diffusers, and leave it as it was."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def told_levels(decoder: SegmentDecoder, levels: Tensor, decoder_level: float) -> Tensor:
    """What the decoder is told of denoised segments: (B, S) levels that they started from -> (B, S, K).

    The level of gist latents (of all latents, without a gist) is bounded by `decoder_level`. The others', which the
    denoiser knows least about, stay: the decoder is not shown those of a segment written from nothing.
    """
    is_gist = torch.arange(decoder.config.num_latents, device=levels.device) < decoder.context_latents
    levels = levels.unsqueeze(-1)
    return torch.where(is_gist, levels.clamp_max(decoder_level), levels)


class StoryPipeline(DiffusionPipeline):
    """Writes stories: condition -> number of segments -> noise -> latents -> text.

    Args:
        encoder: texts of given segments -> latents.
        condition_encoder: title, keywords or first lines -> states.
        denoiser: noised latents -> clean latents.
        decoder: latents -> text.
        scheduler: a diffusers scheduler (DDIM, DPM-Solver++, UniPC, flow matching).
        tokenizer: shared by all of them.
        decoder_level: default of the argument of this name of a call; kept with the model.

    Raises:
        ValueError: the denoiser was trained on the latents of another encoder.
    """

    def __init__(
        self,
        encoder: SegmentEncoder,
        condition_encoder: ConditionEncoder,
        denoiser: SegmentDenoiser,
        decoder: SegmentDecoder,
        scheduler: Any,
        tokenizer: PreTrainedTokenizerFast,
        decoder_level: float = DECODER_LEVEL,
    ) -> None:
        super().__init__()
        recorded = denoiser.config.encoder_fingerprint
        if recorded != encoder.fingerprint():
            raise ValueError(
                f"the denoiser was trained on the latents of another encoder (it records {recorded or 'none'}, this "
                f"encoder is {encoder.fingerprint()}); use the encoder it was trained with, or train the denoiser again"
            )
        check_match(encoder, decoder, tokenizer)
        self.register_modules(
            encoder=encoder,
            condition_encoder=condition_encoder,
            denoiser=denoiser,
            decoder=decoder,
            scheduler=scheduler,
            tokenizer=tokenizer,
        )
        self.register_to_config(decoder_level=decoder_level)
        for module in (encoder, condition_encoder, denoiser, decoder):
            module.eval()

    @classmethod
    def from_pretrained(cls, model: str | Path = DEFAULT_MODEL, **options: Any) -> "StoryPipeline":
        """Load a bundled model by name, a folder, or a hub model.

        Args:
            model: "stories-tiny", a folder written by `save_pretrained`, or a hub name.
            options: components to use instead of the saved ones, `dtype`, and other options of diffusers.

        Raises:
            FileNotFoundError: no such model.
            ValueError: a file of the model is missing or damaged.
        """
        where = resolve(model)
        if not Path(where).is_dir():
            with _without_progress_bar():
                return super().from_pretrained(where, use_safetensors=True, **options)
        if not (Path(where) / "model_index.json").is_file():
            raise FileNotFoundError(f"{where} holds no story model: model_index.json is missing")
        dtype = options.pop("dtype", torch.float32)
        kinds = {
            "encoder": SegmentEncoder,
            "condition_encoder": ConditionEncoder,
            "denoiser": SegmentDenoiser,
            "decoder": SegmentDecoder,
        }
        for name, kind in kinds.items():
            if name not in options:
                options[name] = load_component(kind, Path(where) / name, dtype=dtype)
        try:
            with _without_progress_bar():
                return super().from_pretrained(where, **options)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(f"cannot load the model in {where}: {why}") from None

    @torch.no_grad()
    def __call__(
        self,
        title: str | None = None,
        num_segments: int | None = None,
        *,
        segments: Sequence[str | None] | None = None,
        start: Sequence[str] = (),
        end: Sequence[str] = (),
        keywords: Sequence[str] = (),
        strength: Sequence[float | None] | None = None,
        num_stories: int = 1,
        num_inference_steps: int = 20,
        guidance_scale: float = 4.0,
        temperature: float = 0.0,
        decoder_level: float | None = None,
        seed: int = 0,
        batch_size: int = 16,
        callback_on_step_end: Callable[[int, Tensor], None] | None = None,
    ) -> list[Story]:
        """Write stories.

        Args:
            title: conditions the story.
            num_segments: how many segments; None lets the model choose (or is the length of `segments`).
            segments: the story with None for what is to be written; given segments come back as they are.
            start: first segments, kept; they also condition the story when there is no title and no keyword.
            end: last segments, kept.
            keywords: condition the story when there is no title.
            strength: noise level per segment in [0, 1] that a given segment is rewritten from; None or 0 keeps it.
            num_stories: how many; story i has the seed `seed + i`.
            num_inference_steps: steps of the scheduler.
            guidance_scale: classifier-free guidance; 1 = off.
            temperature: of the decoder; 0 = its likeliest text.
            decoder_level: noise level in [0, 1] that the decoder takes the gist latents (all latents, of a model
                without a gist) to have at most: the higher, the more it writes on its own, as a language model.
                None: the model's own.
            seed: of the first story.
            batch_size: stories written at once.
            callback_on_step_end: called with the step and the current clean latents (B, S, K, D).

        Raises:
            ValueError: an argument is out of range, or nothing is left to write.
        """
        decoder_level = self.config.decoder_level if decoder_level is None else decoder_level
        for value, name, low, high in [
            (num_stories, "num_stories", 1, 100_000),
            (num_inference_steps, "num_inference_steps", 1, 1000),
            (batch_size, "batch_size", 1, 10_000),
            (seed, "seed", 0, 2**63 - num_stories - 1),
            (guidance_scale, "guidance_scale", 0, 100),
            (temperature, "temperature", 0, 100),
            (decoder_level, "decoder_level", 0, 1),
        ]:
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} is {value}; it must be between {low} and {high}")
        template = self._template(num_segments, segments, start, end, strength)
        if title is not None:
            check_text(title, "the title")
        prompt = self._prompt(title, keywords, start)
        stories: list[Story] = []
        for first in range(0, num_stories, batch_size):
            seeds = list(range(seed + first, seed + min(first + batch_size, num_stories)))
            began = time.perf_counter()
            texts, calls = self._write(
                prompt,
                template,
                seeds,
                num_inference_steps,
                guidance_scale,
                temperature,
                decoder_level,
                callback_on_step_end,
            )
            seconds = (time.perf_counter() - began) / len(seeds)
            stories += [Story(text, title, one, seconds, calls) for text, one in zip(texts, seeds, strict=True)]
        return stories

    def _write(
        self,
        prompt: list[int],
        template: Template,
        seeds: list[int],
        num_inference_steps: int,
        guidance_scale: float,
        temperature: float,
        decoder_level: float,
        on_step: Callable[[int, Tensor], None] | None,
    ) -> tuple[list[list[str]], int]:
        """One batch. Every story draws from a generator of its own, so that the batch does not matter."""
        device, dtype = self.denoiser.device, self.denoiser.dtype
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        ids, mask = (row.to(device).expand(len(seeds), -1) for row in pad_tokens([prompt], 0))
        condition, condition_mask = self.condition_encoder(ids, mask)
        null_condition, null_mask = self.condition_encoder(torch.zeros_like(ids), torch.zeros_like(mask))

        given = {index: text for index, text in enumerate(template.head) if text is not None}
        texts = [*given.values(), *template.tail]
        known = encode_texts(self.encoder, self.tokenizer, texts).to(dtype) if texts else None
        shape = tuple(self.encoder.latent_mean.shape)
        head = torch.zeros(len(template.head), *shape, device=device, dtype=dtype)
        if known is not None:
            head[list(given)] = known[: len(given)]
        counts = self._counts(template, head, condition, condition_mask, generators)
        width, num_head, num_tail = max(counts), len(template.head), len(template.tail)
        segment_mask = torch.arange(width, device=device) < torch.tensor(counts, device=device)[:, None]
        latents = torch.zeros(len(seeds), width, *shape, device=device, dtype=dtype)
        levels = torch.ones(len(seeds), width, device=device, dtype=dtype)
        latents[:, :num_head] = head
        levels[:, :num_head] = torch.tensor(template.levels, device=device, dtype=dtype)
        for row, count in enumerate(counts):
            if known is not None and num_tail:
                latents[row, count - num_tail : count] = known[len(given) :]
                levels[row, count - num_tail : count] = 0
        noise = torch.zeros(len(seeds), width, *shape)
        uniforms = torch.zeros(len(seeds), width, self.decoder.config.max_tokens)
        for row, (count, generator) in enumerate(zip(counts, generators, strict=True)):
            noise[row, :count] = torch.randn(count, *shape, generator=generator)
            uniforms[row, :count] = torch.rand(uniforms[row, :count].shape, generator=generator)
        output = sample(
            self.denoiser,
            self.scheduler,
            num_inference_steps,
            noise.to(device, dtype),
            segment_mask,
            condition,
            condition_mask,
            null_condition,
            null_mask,
            guidance_scale=guidance_scale,
            latents=latents,
            start_level=levels,
            generator=generators,
            on_step=on_step,
        )
        stories = render(
            self.decoder,
            self.tokenizer,
            output.latents,
            segment_mask,
            temperature,
            uniforms.to(device),
            told_levels(self.decoder, levels, decoder_level),
        )
        for story, count in zip(stories, counts, strict=True):
            for index, text in template.kept(count).items():
                story[index] = text
        return stories, output.denoiser_calls

    def _counts(
        self,
        template: Template,
        head: Tensor,
        condition: Tensor,
        condition_mask: Tensor,
        generators: list[torch.Generator],
    ) -> list[int]:
        """How many segments each story has: as the template says, or sampled from the count head."""
        if template.count is not None:
            return [template.count] * len(generators)
        given = (
            head.expand(len(generators), -1, -1, -1)
            if len(head)
            else head.new_zeros(len(generators), 1, *head.shape[1:])
        )
        clean_mask = torch.full(given.shape[:2], len(head) > 0, device=head.device)
        logits = self.denoiser.count_logits(condition, condition_mask, given, clean_mask).float().cpu()
        least = len(template.head) + len(template.tail) + 1
        if least >= logits.shape[1]:
            return [least] * len(generators)
        logits[:, : least - 1] = -torch.inf
        rows = zip(logits.softmax(-1), generators, strict=True)
        return [int(torch.multinomial(row, 1, generator=generator)) + 1 for row, generator in rows]

    @staticmethod
    def _template(
        num_segments: int | None,
        segments: Sequence[str | None] | None,
        start: Sequence[str],
        end: Sequence[str],
        strength: Sequence[float | None] | None,
    ) -> Template:
        """Check what is given and what is to be written."""
        if num_segments is not None and not 1 <= num_segments <= MAX_SEGMENTS:
            raise ValueError(f"num_segments is {num_segments}; it must be between 1 and {MAX_SEGMENTS}")
        if segments is not None and (start or end):
            raise ValueError("give either segments, or start and end")
        if segments is None and strength is not None:
            raise ValueError("strength needs segments")
        for value, name in [(segments, "segments"), (start, "start"), (end, "end")]:
            if value is not None and not isinstance(value, list | tuple):
                raise ValueError(f"{name} must be a list of texts; got {type(value).__name__}")
        head: list[str | None] = list(start) if segments is None else list(segments)
        for text in (*head, *end):
            if text is not None:
                check_text(text, "a given segment")
        given = len(head) + len(end)
        if segments is None and num_segments is None and given and given >= MAX_SEGMENTS:
            raise ValueError(f"start and end give {given} segments; with one to write, at most {MAX_SEGMENTS} fit")
        if segments is not None and num_segments is None:
            num_segments = given
        if given > MAX_SEGMENTS or num_segments == 0:
            raise ValueError(f"segments has {given} entries; it must have between 1 and {MAX_SEGMENTS}")
        if num_segments is not None:
            if num_segments < given:
                raise ValueError(f"num_segments is {num_segments}, fewer than the {given} segments given")
            head += [None] * (num_segments - given)
        if strength is not None and len(strength) != len(head):
            raise ValueError(f"strength has {len(strength)} entries for {len(head)} segments")
        wanted = strength or [None] * len(head)
        levels = [1.0 if text is None else float(level or 0) for text, level in zip(head, wanted, strict=True)]
        if not all(0 <= level <= 1 for level in levels):
            raise ValueError(f"strength must be between 0 and 1; got {list(wanted)}")
        if num_segments is not None and not any(levels):
            raise ValueError("every segment is given; leave at least one to write (None) or give it a strength")
        return Template(head, list(end), levels, num_segments)

    def _prompt(self, title: str | None, keywords: Sequence[str], start: Sequence[str]) -> list[int]:
        """Token ids of the condition: the title, else keywords, else the first lines, else nothing."""
        if not isinstance(keywords, list | tuple):
            raise ValueError(f"keywords must be a list of texts; got {type(keywords).__name__}")
        limit = self.condition_encoder.config.max_tokens
        if title is not None:
            return condition_tokens(self.tokenizer, "title", title, limit)
        if keywords:
            for word in keywords:
                check_text(word, "a keyword")
            return condition_tokens(self.tokenizer, "keywords", ", ".join(keywords), limit)
        return condition_tokens(self.tokenizer, "start", " ".join(start), limit) if start else []
