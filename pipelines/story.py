"""StoryPipeline: title, keywords or some of the segments -> a whole story.

B stories, S segments, K latents per segment, D latent width, C condition states.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..decoders import SegmentDecoder
from ..diffusion import SegmentDenoiser, sample
from ..encoders import ConditionEncoder, SegmentEncoder
from .loading import DEFAULT_MODEL, load_component, resolve
from .rendering import check_text, encode_texts, render
from .tokenization import condition_tokens, pad_tokens

MAX_SEGMENTS = 64


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
        return self.separator.join(self.segments)

    def __str__(self) -> str:
        return self.text


def default_scheduler() -> DPMSolverMultistepScheduler:
    """DPM-Solver++ 2M on the cosine schedule; it takes clean-latent predictions as they are."""
    return DPMSolverMultistepScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="sample")


class StoryPipeline(DiffusionPipeline):
    """Writes stories: condition -> number of segments -> noise -> latents -> text.

    Args:
        encoder: texts of given segments -> latents.
        condition_encoder: title, keywords or first lines -> states.
        denoiser: noised latents -> clean latents.
        decoder: latents -> text.
        scheduler: a diffusers scheduler (DDIM, DPM-Solver++, UniPC, flow matching).
        tokenizer: shared by all of them.

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
    ) -> None:
        super().__init__()
        recorded = denoiser.config.encoder_fingerprint
        if recorded != encoder.fingerprint():
            raise ValueError(
                f"the denoiser was trained on the latents of another encoder (it records {recorded or 'none'}, this "
                f"encoder is {encoder.fingerprint()}); use the encoder it was trained with, or train the denoiser again"
            )
        self.register_modules(
            encoder=encoder,
            condition_encoder=condition_encoder,
            denoiser=denoiser,
            decoder=decoder,
            scheduler=scheduler,
            tokenizer=tokenizer,
        )
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
            return super().from_pretrained(where, **options)
        except OSError as error:
            raise ValueError(f"cannot load the model in {where}: {str(error).splitlines()[0]}") from None

    @torch.no_grad()
    def __call__(
        self,
        title: str | None = None,
        num_segments: int | None = None,
        *,
        segments: Sequence[str | None] | None = None,
        start: Sequence[str] = (),
        keywords: Sequence[str] = (),
        strength: Sequence[float | None] | None = None,
        num_stories: int = 1,
        num_inference_steps: int = 20,
        guidance_scale: float = 2.0,
        temperature: float = 0.0,
        seed: int = 0,
        batch_size: int = 16,
        callback_on_step_end: Callable[[int, Tensor], None] | None = None,
    ) -> list[Story]:
        """Write stories.

        Args:
            title: conditions the story.
            num_segments: how many segments; None asks the model (or `segments`, when given).
            segments: the story with None for what is to be written; given segments come back as they are.
            start: first segments, given; a short way to say `segments`.
            keywords: condition the story when there is no title.
            strength: noise level per segment in [0, 1] that a given segment is rewritten from; None or 0 keeps it.
            num_stories: how many; story i has the seed `seed + i`.
            num_inference_steps: steps of the scheduler.
            guidance_scale: classifier-free guidance; 1 = off.
            temperature: of the decoder; 0 = its likeliest text.
            seed: of the first story.
            batch_size: stories written at once.
            callback_on_step_end: called with the step and the current clean latents (B, S, K, D).

        Raises:
            ValueError: an argument is out of range, or nothing is left to write.
        """
        for value, name, low, high in [
            (num_stories, "num_stories", 1, 100_000),
            (num_inference_steps, "num_inference_steps", 1, 1000),
            (batch_size, "batch_size", 1, 10_000),
            (seed, "seed", 0, 2**63 - num_stories - 1),
            (guidance_scale, "guidance_scale", 0, 100),
            (temperature, "temperature", 0, 100),
        ]:
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; it must be between {low} and {high}")
        template = self._template(num_segments, segments, start)
        if title is not None:
            check_text(title, "the title")
        levels = self._levels(template, strength)
        if template is not None and not any(level > 0 for level in levels):
            raise ValueError("every segment is given; leave at least one to write (None) or give it a strength")
        prompt = self._prompt(title, keywords, start)
        stories: list[Story] = []
        for first in range(0, num_stories, batch_size):
            seeds = list(range(seed + first, seed + min(first + batch_size, num_stories)))
            began = time.perf_counter()
            texts, calls = self._write(
                prompt,
                template,
                levels,
                seeds,
                num_inference_steps,
                guidance_scale,
                temperature,
                callback_on_step_end,
            )
            seconds = (time.perf_counter() - began) / len(seeds)
            stories += [Story(text, title, one, seconds, calls) for text, one in zip(texts, seeds, strict=True)]
        return stories

    def _write(
        self,
        prompt: list[int],
        template: list[str | None] | None,
        levels: list[float],
        seeds: list[int],
        num_inference_steps: int,
        guidance_scale: float,
        temperature: float,
        on_step: Callable[[int, Tensor], None] | None,
    ) -> tuple[list[list[str]], int]:
        """One batch. Every story draws from a generator of its own, so that the batch does not matter."""
        device, dtype = self.denoiser.device, self.denoiser.dtype
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        ids, mask = (row.to(device).expand(len(seeds), -1) for row in pad_tokens([prompt], 0))
        condition, condition_mask = self.condition_encoder(ids, mask)
        null_condition, null_mask = self.condition_encoder(torch.zeros_like(ids), torch.zeros_like(mask))

        given = [index for index, text in enumerate(template or []) if text is not None]
        shape = tuple(self.encoder.latent_mean.shape)
        latents = torch.zeros(len(template or []), *shape, device=device, dtype=dtype)
        if template is not None and given:
            texts = [text for text in template if text is not None]
            latents[given] = encode_texts(self.encoder, self.tokenizer, texts).to(dtype)
        if template is None:
            counts = self._counts(condition, condition_mask, generators)
        else:
            counts = [len(template)] * len(seeds)

        width = max(counts)
        noise = torch.zeros(len(seeds), width, *shape)
        uniforms = torch.zeros(len(seeds), width, self.decoder.config.max_tokens)
        for row, (count, generator) in enumerate(zip(counts, generators, strict=True)):
            noise[row, :count] = torch.randn(count, *shape, generator=generator)
            uniforms[row, :count] = torch.rand(uniforms[row, :count].shape, generator=generator)
        segment_mask = torch.arange(width, device=device) < torch.tensor(counts, device=device)[:, None]
        levels_ = torch.ones(width) if template is None else torch.tensor(levels)
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
            latents=latents.expand(len(seeds), -1, -1, -1) if template is not None else None,
            start_level=levels_.to(device, dtype).expand(len(seeds), -1),
            generator=generators,
            on_step=on_step,
        )
        stories = render(self.decoder, self.tokenizer, output.latents, segment_mask, temperature, uniforms.to(device))
        if template is not None:
            kept = {index: template[index] for index in given if levels[index] == 0}
            stories = [[kept.get(index) or text for index, text in enumerate(story)] for story in stories]
        return stories, output.denoiser_calls

    def _counts(self, condition: Tensor, condition_mask: Tensor, generators: list[torch.Generator]) -> list[int]:
        """Sample how many segments each story has."""
        none = torch.zeros(len(generators), 1, *self.encoder.latent_mean.shape).to(condition)
        clean_mask = torch.zeros(len(generators), 1, dtype=torch.bool, device=condition.device)
        logits = self.denoiser.count_logits(condition, condition_mask, none, clean_mask)
        chances = logits.float().softmax(-1).cpu()
        return [
            int(torch.multinomial(row, 1, generator=generator)) + 1
            for row, generator in zip(chances, generators, strict=True)
        ]

    def _template(
        self, num_segments: int | None, segments: Sequence[str | None] | None, start: Sequence[str]
    ) -> list[str | None] | None:
        """The story's segments with None where text is wanted; None when the model is to choose how many."""
        if num_segments is not None and not 1 <= num_segments <= MAX_SEGMENTS:
            raise ValueError(f"num_segments is {num_segments}; it must be between 1 and {MAX_SEGMENTS}")
        if segments is not None and start:
            raise ValueError("give either segments or start, not both")
        if segments is None and not start:
            return None if num_segments is None else [None] * num_segments
        template: list[str | None] = list(segments) if segments is not None else list(start)
        for text in template:
            if text is not None:
                check_text(text, "a given segment")
        if segments is None and num_segments is None:
            num_segments = len(template) + max(1, 5 - len(template))
        if num_segments is not None:
            if num_segments < len(template):
                raise ValueError(f"num_segments is {num_segments}, fewer than the {len(template)} segments given")
            template += [None] * (num_segments - len(template))
        if not template or len(template) > MAX_SEGMENTS:
            raise ValueError(f"segments has {len(template)} entries; it must have between 1 and {MAX_SEGMENTS}")
        return template

    @staticmethod
    def _levels(template: list[str | None] | None, strength: Sequence[float | None] | None) -> list[float]:
        """Noise level that each segment starts from."""
        if template is None:
            if strength is not None:
                raise ValueError("strength needs segments")
            return []
        if strength is not None and len(strength) != len(template):
            raise ValueError(f"strength has {len(strength)} entries for {len(template)} segments")
        wanted = strength or [None] * len(template)
        levels = [1.0 if text is None else float(level or 0) for text, level in zip(template, wanted, strict=True)]
        if not all(0 <= level <= 1 for level in levels):
            raise ValueError(f"strength must be between 0 and 1; got {list(wanted)}")
        return levels

    def _prompt(self, title: str | None, keywords: Sequence[str], start: Sequence[str]) -> list[int]:
        """Token ids of the condition: the title, else keywords, else the first lines, else nothing."""
        limit = self.condition_encoder.config.max_tokens
        if title is not None:
            return condition_tokens(self.tokenizer, "title", title, limit)
        if keywords:
            for word in keywords:
                check_text(word, "a keyword")
            return condition_tokens(self.tokenizer, "keywords", ", ".join(keywords), limit)
        return condition_tokens(self.tokenizer, "start", " ".join(start), limit) if start else []
