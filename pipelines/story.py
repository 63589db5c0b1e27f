"""StoryPipeline: title, keywords or some of the segments -> a whole story.

B stories, S segments, K latents per segment, D latent width, C condition states.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ..defaults import DEFAULT_MODEL
from ..diffusion import SegmentCritic, SegmentDenoiser, make_scheduler
from ..encoders import ConditionEncoder, SegmentEncoder
from .choosing import check_choice, check_words, make_wishes
from .controls import Control, control_gradients
from .known_words import KnownWords
from .loading import check_match, load_component, resolve
from .rendering import check_text, encode_texts
from .template import MAX_SEGMENTS as MAX_SEGMENTS
from .template import MAX_TOGETHER, Template, join_segments, make_template
from .tokenization import condition_tokens, pad_tokens
from .writing import BatchWriter, Draft, Passage, Settings

GROUP = 4  # segments that are denoised together where a story is longer than the model was trained on
MENTION_SCALE = 150.0
WHOLE = (
    "num_stories",
    "num_inference_steps",
    "batch_size",
    "seed",
    "num_candidates",
    "group",
    "window",
    "paragraph_length",
)
MAX_ROWS = 512  # candidates that are written at once
DECODER_LEVEL = 0.85  # of models that say nothing else
# one story a seed, of the likeliest words: for measurements in which nothing else is to be varied or chosen
LIKELIEST: dict[str, Any] = {"temperature": 0.0, "min_p": 0.0, "num_candidates": 1}


@dataclass(frozen=True)
class Story:
    """A written story.

    Attributes:
        segments: its segments in order; given ones as they were given.
        title: the title that conditioned it, if any.
        seed: writes this story again, alone or in any batch.
        seconds: wall-clock time of the batch over its number of stories.
        denoiser_calls: calls of the denoiser for the batch it was written in.
        separators: between the segments; spaces where there are too few.
    """

    segments: list[str]
    title: str | None
    seed: int
    seconds: float
    denoiser_calls: int
    separators: list[str] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        """The story as one string."""
        return join_segments(self.segments, self.separators)

    def __str__(self) -> str:
        return self.text


def stories_at_once(batch_size: int, num_candidates: int) -> int:
    """How many of `batch_size` stories go into one batch, so that their candidates fit into it."""
    return min(batch_size, max(1, MAX_ROWS // num_candidates)) if num_candidates > 1 else batch_size


def default_scheduler() -> DPMSolverMultistepScheduler:
    """DPM-Solver++ 2M on the cosine schedule; it takes clean-latent predictions as they are."""
    return make_scheduler("dpm++")


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


class StoryPipeline(DiffusionPipeline):
    """Writes stories: condition -> number of segments -> noise -> latents -> text.

    Args:
        encoder: texts of given segments -> latents.
        condition_encoder: title, keywords or first lines -> states.
        denoiser: noised latents -> clean latents.
        decoder: latents -> text.
        scheduler: a diffusers scheduler (DDIM, DPM-Solver++, UniPC, flow matching).
        tokenizer: shared by all of them.
        critic: chooses among candidates; None: the model has none.
        decoder_level, temperature, min_p, num_candidates: defaults of the arguments of these names of a call; kept with
            the model.

    Raises:
        ValueError: the denoiser or the critic was trained on the latents of another encoder.
    """

    _optional_components = ["critic"]
    _known_words: KnownWords | None = None

    def __init__(
        self,
        encoder: SegmentEncoder,
        condition_encoder: ConditionEncoder,
        denoiser: SegmentDenoiser,
        decoder: SegmentDecoder,
        scheduler: Any,
        tokenizer: PreTrainedTokenizerFast,
        critic: SegmentCritic | None = None,
        decoder_level: float = DECODER_LEVEL,
        temperature: float = 0.0,
        min_p: float = 0.0,
        num_candidates: int = 1,
    ) -> None:
        super().__init__()
        fingerprint = encoder.fingerprint()
        for name, trained in {"denoiser": denoiser, "critic": critic}.items():
            recorded = fingerprint if trained is None else trained.config.encoder_fingerprint
            if recorded != fingerprint:
                raise ValueError(
                    f"the {name} was trained on the latents of another encoder (it records {recorded or 'none'}, this "
                    f"encoder is {fingerprint}); use the encoder it was trained with, or train the {name} again"
                )
        check_match(encoder, decoder, tokenizer)
        self.register_modules(
            encoder=encoder,
            condition_encoder=condition_encoder,
            denoiser=denoiser,
            decoder=decoder,
            scheduler=scheduler,
            tokenizer=tokenizer,
            critic=critic,
        )
        self.register_to_config(
            decoder_level=decoder_level, temperature=temperature, min_p=min_p, num_candidates=num_candidates
        )
        for module in (encoder, condition_encoder, denoiser, decoder, critic):
            if module is not None:
                module.eval()

    @classmethod
    def from_pretrained(cls, model: str | Path = DEFAULT_MODEL, **options: Any) -> "StoryPipeline":
        """Load a bundled model by name, a folder, or a hub model.

        Args:
            model: "stories-small", a folder written by `save_pretrained`, or a hub name.
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
            alone = (Path(where) / "encoder").is_dir() and (Path(where) / "decoder").is_dir()
            hint = "; it is an encoder and a decoder alone, for which `segdiff train diffusion` makes the rest"
            raise FileNotFoundError(f"{where} holds no story model: model_index.json is missing{hint if alone else ''}")
        dtype = options.pop("dtype", torch.float32)
        kinds = {
            "encoder": SegmentEncoder,
            "condition_encoder": ConditionEncoder,
            "denoiser": SegmentDenoiser,
            "decoder": SegmentDecoder,
            "critic": SegmentCritic,
        }
        for name, kind in kinds.items():
            if name == "critic" and not (Path(where) / name).is_dir():
                continue
            if name not in options:
                options[name] = load_component(kind, Path(where) / name, dtype=dtype)
        try:
            with _without_progress_bar():
                return super().from_pretrained(where, **options)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(f"cannot load the model in {where}: {why}") from error

    @torch.no_grad()
    def __call__(
        self,
        title: str | None = None,
        num_segments: int | None = None,
        *,
        segments: Sequence[str | None] | None = None,
        start: Sequence[str] = (),
        end: Sequence[str] = (),
        keep: Mapping[int, str] | None = None,
        strength: Sequence[float | None] | None = None,
        separators: Sequence[str] = (),
        end_separators: Sequence[str] = (),
        keywords: Sequence[str] = (),
        mention: Sequence[str] = (),
        mention_scale: float = MENTION_SCALE,
        negative: Sequence[str] = (),
        controls: Sequence[Control] = (),
        words_per_segment: int | str | None = None,
        num_stories: int = 1,
        num_inference_steps: int = 20,
        guidance_scale: float = 2.0,
        guidance_interval: tuple[float, float] = (0.0, 1.0),
        temperature: float | None = None,
        min_p: float | None = None,
        known_words: bool | None = None,
        decoder_level: float | None = None,
        num_candidates: int | None = None,
        choose: str | None = None,
        group: int | None = None,
        window: int | None = None,
        paragraph_length: int | None = None,
        seed: int = 0,
        batch_size: int = 16,
        callback_on_step_end: Callable[[int, Tensor], None] | None = None,
        callback_on_draft: Callable[[Draft], None] | None = None,
        callback_on_group_end: Callable[[Passage], None] | None = None,
    ) -> list[Story]:
        """Write stories.

        Args:
            title: conditions the story.
            num_segments: how many segments; None lets the model choose (or is the length of `segments`).
            segments: the story with None for what is to be written; given segments come back as they are.
            start: first segments, kept; they also condition the story when there is no title and no keyword.
            end: last segments, kept.
            keep: segments to be kept, by their index, counted from 0.
            strength: noise level per segment in [0, 1] that a given segment is rewritten from; None or 0 keeps it.
            separators: white space between the segments of `segments` or `start`; a space where there are too few.
            end_separators: the same for `end`.
            keywords: condition the story, beside the title where there is one.
            mention: words that must occur: they condition the story as `keywords` do, pull the latents of a segment
                towards each of them, and of several candidates one with as many of them as possible is chosen.
            mention_scale: how strongly they pull; 0 = not at all.
            negative: keywords of what the story is to be guided away from.
            controls: classifiers that pull the latents towards a label.
            words_per_segment: of several candidates one whose segments are about so long is chosen; a number of words,
                or "short", "medium" or "long".
            num_stories: how many; story i has the seed `seed + i`.
            num_inference_steps: steps of the scheduler.
            guidance_scale: classifier-free guidance; 1 = off.
            guidance_interval: lowest and highest noise level, in [0, 1], at which there is guidance.
            temperature: of the decoder; 0 = its likeliest text. None: the model's own.
            min_p: at a temperature above 0, tokens with less than this share of the likeliest one's probability are
                never drawn: fewer words are odd. None: the model's own.
            known_words: the text is made of words that the training texts have, or what is given here. None: where
                the model has a list of them (`SegmentDecoder.words`).
            decoder_level: noise level in [0, 1] that the decoder takes the gist latents (all latents, of a model
                without a gist) to have at most: the higher, the more it writes on its own, as a language model.
                None: the model's own.
            num_candidates: written of every story (of every group of a longer one), the best of which is kept. The
                first is what one candidate alone would be. None: the model's own.
            choose: "critic", the candidate that the model's critic takes for a human text most, "mbr", the one that is
                most like the others, or "likelihood", the one that the decoder finds likeliest; after `mention` and
                `words_per_segment`. None: "critic" where the model has one, else "mbr".
            group: segments that are denoised together; a longer story is written group by group. None: all of them
                where there are no more than the model was trained on, else 4.
            window: clean segments around a group that it is written to fit; None: what the model was trained on, less
                the group.
            paragraph_length: sentences of a paragraph, on average; one begins where the topic turns. 0: there are no
                paragraphs but those that are given. None: 5 in stories that are written group by group, else 0.
            seed: of the first story.
            batch_size: stories written at once.
            callback_on_step_end: called with the step and the current clean latents (B, S, K, D) of what is written.
            callback_on_draft: called after every step with the current best text of every segment (decoded for this:
                it takes time).
            callback_on_group_end: called with each group of a batch when it is finished.

        Raises:
            ValueError: an argument is out of range, or nothing is left to write.
        """
        own = self.resolved(
            decoder_level=decoder_level,
            temperature=temperature,
            min_p=min_p,
            num_candidates=num_candidates,
            choose=choose,
            known_words=known_words,
        )
        decoder_level, temperature, min_p = own["decoder_level"], own["temperature"], own["min_p"]
        num_candidates, choose = own["num_candidates"], own["choose"]
        for value, name, low, high in [
            (num_stories, "num_stories", 1, 100_000),
            (num_inference_steps, "num_inference_steps", 1, 1000),
            (batch_size, "batch_size", 1, 10_000),
            (seed, "seed", 0, 2**63 - int(num_stories) - 1),
            (guidance_scale, "guidance_scale", 0, 100),
            (temperature, "temperature", 0, 100),
            (min_p, "min_p", 0, 1),
            (decoder_level, "decoder_level", 0, 1),
            (num_candidates, "num_candidates", 1, 1000),
            (mention_scale, "mention_scale", 0, 10_000),
            (1 if group is None else group, "group", 1, MAX_TOGETHER),
            (0 if window is None else window, "window", 0, MAX_TOGETHER),
            (0 if paragraph_length is None else paragraph_length, "paragraph_length", 0, 1000),
        ]:
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} is {value}; it must be between {low} and {high}")
            if name in WHOLE and not isinstance(value, int):
                raise ValueError(f"{name} is {value}; it must be a whole number")
        check_words(keywords=keywords, mention=mention, negative=negative)
        pair = isinstance(guidance_interval, tuple | list) and all(
            isinstance(x, int | float) for x in guidance_interval
        )
        if not (pair and len(guidance_interval) == 2 and 0 <= guidance_interval[0] <= guidance_interval[1] <= 1):
            raise ValueError(
                f"guidance_interval is {guidance_interval}; it must be two noise levels, 0 <= lowest <= highest <= 1"
            )
        if negative and guidance_scale == 1:
            raise ValueError("negative does nothing with guidance_scale 1; give more guidance or leave it out")
        template = make_template(num_segments, segments, start, end, keep, strength, separators, end_separators)
        together = min(int(self.denoiser.config.max_count), MAX_TOGETHER)
        said = [title or "", *keywords, *mention, *(text or "" for text in (*template.head, *template.tail))]
        settings = Settings(
            prompts=self._prompts(title, [*keywords, *mention], start),
            negative=self._keyword_prompt(negative) if negative else [],
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            guidance_interval=guidance_interval,
            temperature=temperature,
            min_p=min_p,
            lexicon=self._words().lexicon(said) if own["known_words"] else None,
            decoder_level=decoder_level,
            together=group or together,
            group=group or GROUP,
            window=max(together - (group or GROUP), 1) if window is None else window,
            candidates=num_candidates,
            wishes=make_wishes(mention, words_per_segment, choose, num_candidates),
            mention_scale=mention_scale,
            paragraph_length=paragraph_length,
            gradients=control_gradients(controls, self.encoder),
            on_step=callback_on_step_end,
            on_draft=callback_on_draft,
        )
        stories: list[Story] = []
        batch_size = stories_at_once(batch_size, num_candidates)
        for first in range(0, num_stories, batch_size):
            seeds = list(range(seed + first, seed + min(first + batch_size, num_stories)))
            began = time.perf_counter()
            texts, joints, calls = self._write(template, settings, seeds, callback_on_group_end)
            seconds = (time.perf_counter() - began) / len(seeds)
            stories += [
                Story(text, title, one, seconds, calls, between)
                for text, between, one in zip(texts, joints, seeds, strict=True)
            ]
        return stories

    def _write(
        self,
        template: Template,
        settings: Settings,
        seeds: list[int],
        on_passage: Callable[[Passage], None] | None,
    ) -> tuple[list[list[str]], list[list[str]], int]:
        """The segments of a batch of stories, what is between them, and the calls of the denoiser that they took."""
        counts = self._counts(template, settings.prompts[0], seeds)
        # through a moving window only stories of the same length go side by side
        apart = max(counts) > settings.together
        stories: dict[int, list[str]] = {seed: [] for seed in seeds}
        separators: dict[int, list[str]] = {}
        calls = 0
        for count in sorted(set(counts)) if apart else [None]:
            rows = [(seed, each) for seed, each in zip(seeds, counts, strict=True) if count in (None, each)]
            writer = BatchWriter(self, settings, template, [seed for seed, _ in rows], [each for _, each in rows])
            for passage in writer.write():
                for (seed, _), written in zip(rows, passage.segments, strict=True):
                    stories[seed] += written
                if on_passage is not None:
                    on_passage(passage)
            calls += writer.denoiser_calls
            separators |= {seed: joiner.separators for (seed, _), joiner in zip(rows, writer.joiners, strict=True)}
        return [stories[seed] for seed in seeds], [separators[seed] for seed in seeds], calls

    def resolved(self, **options: Any) -> dict[str, Any]:
        """Options of a call, with what the model decides in place of those that are absent or None.

        Raises:
            ValueError: an unknown `choose`, or a critic or a list of words that the model does not have.
        """
        names = ("decoder_level", "temperature", "min_p", "num_candidates")
        own = {name: self.config[name] for name in names}
        given = {name: value for name, value in options.items() if value is not None}
        choose = check_choice(given.get("choose"), has_critic=self.critic is not None)
        known_words = given.get("known_words", self.decoder.lexicon is not None)
        if not isinstance(known_words, bool):
            raise ValueError(f"known_words is {known_words!r}; it must be True, False or None")
        if known_words:
            self._words()
        return {**own, **given, "known_words": known_words, "choose": choose}

    def _words(self) -> KnownWords:
        """The model's list of words, made ready when it is first needed."""
        if self._known_words is None or self._known_words.listed is not self.decoder.lexicon:  # moved, or another list
            self._known_words = KnownWords(self.decoder, self.tokenizer)
        return self._known_words

    def _counts(self, template: Template, prompt: list[int], seeds: list[int]) -> list[int]:
        """How many segments each story has: as the template says, or sampled from the count head."""
        if template.count is not None:
            return [template.count] * len(seeds)
        if template.least >= self.denoiser.config.max_count:
            return [template.least] * len(seeds)
        device = self.denoiser.device
        latents = torch.zeros(1, max(len(template.head), 1), *self.encoder.latent_mean.shape, device=device)
        given = torch.zeros(latents.shape[:2], dtype=torch.bool, device=device)
        kept = [index for index, level in enumerate(template.levels) if level == 0]
        if kept:
            given[0, kept] = True
            texts = [str(template.head[index]) for index in kept]
            latents[0, kept] = encode_texts(self.encoder, self.tokenizer, texts).to(latents)
        ids, mask = (each.to(device) for each in pad_tokens([prompt], 0))
        latents = latents.to(self.denoiser.dtype)
        logits = self.denoiser.count_logits(*self.condition_encoder(ids, mask), latents, given).float().cpu()[0]
        logits[: template.least - 1] = -torch.inf
        chances = logits.softmax(-1)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return [int(torch.multinomial(chances, 1, generator=one)) + 1 for one in generators]

    def _prompts(self, title: str | None, keywords: Sequence[str], start: Sequence[str]) -> list[list[int]]:
        """Token ids of each condition: title and keywords, else the first lines, else nothing."""
        prompts = []
        if title is not None:
            check_text(title, "the title")
            prompts.append(condition_tokens(self.tokenizer, "title", title, self._prompt_limit))
        if keywords:
            prompts.append(self._keyword_prompt(keywords))
        if not prompts and start:
            prompts.append(condition_tokens(self.tokenizer, "start", " ".join(start), self._prompt_limit))
        return prompts or [[]]

    def _keyword_prompt(self, words: Sequence[str]) -> list[int]:
        """Token ids of keywords as a condition."""
        return condition_tokens(self.tokenizer, "keywords", ", ".join(words), self._prompt_limit)

    @property
    def _prompt_limit(self) -> int:
        return int(self.condition_encoder.config.max_tokens)
