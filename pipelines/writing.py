"""One batch of stories, window by window: noise, denoising, decoding, the choice among candidates.

B stories, N candidates each, S segments of a window, K latents per segment, D latent width, C condition states.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..decoders import Lexicon, SegmentDecoder
from ..diffusion import sample
from ..diffusion.guidance import Condition, Gradient
from .choosing import Wishes, best, critic_scores, likelihood_scores, mbr_scores, mentioned
from .controls import mention_gradient
from .paragraphs import Paragraphs
from .rendering import encode_texts, read_back, render
from .rollout import STEPS, Window, drawn, generator, windows
from .template import PARAGRAPH, SEPARATOR, Joiner, Template
from .tokenization import pad_tokens

if TYPE_CHECKING:
    from .story import StoryPipeline

PARAGRAPH_LENGTH = 5  # sentences, on average, of a story that is written group by group
MAX_PULLS = 3  # groups of a long story that a word pulls: one that is never said would bend the whole story


@dataclass(frozen=True)
class Draft:
    """What is being written, after a step: the current best text of every segment.

    Attributes:
        step, num_steps: of the denoising of these segments, `step` counted from 1.
        first: place in the story of the first of them.
        seeds: of each story of the batch.
        segments: of each story of the batch.
    """

    step: int
    num_steps: int
    first: int
    seeds: list[int]
    segments: list[list[str]]


@dataclass(frozen=True)
class Passage:
    """Segments that are finished, given ones among them.

    Attributes:
        first: place in the story of the first of them.
        seeds: of the stories.
        segments: of each story.
        text: what they add to the text of each story, the separator before them included.
    """

    first: int
    seeds: list[int]
    segments: list[list[str]]
    text: list[str]


@dataclass(frozen=True)
class Settings:
    """How to write; see `StoryPipeline.__call__`. `prompts` and `negative` are token ids of conditions."""

    prompts: list[list[int]]
    negative: list[int]
    num_inference_steps: int
    guidance_scale: float
    guidance_interval: tuple[float, float]
    temperature: float
    min_p: float
    lexicon: Lexicon | None  # words that the text may be made of; None: any
    decoder_level: float
    together: int  # a longer story is written through a moving window
    group: int
    window: int
    candidates: int
    wishes: Wishes
    mention_scale: float = 0.0
    paragraph_length: int | None = None  # sentences, on average; 0: no paragraphs but the given ones
    gradients: list[Gradient] = field(default_factory=list)
    on_step: Callable[[int, Tensor], None] | None = None
    on_draft: Callable[[Draft], None] | None = None


def told_levels(decoder: SegmentDecoder, levels: Tensor, decoder_level: float) -> Tensor:
    """What the decoder is told of denoised segments: (B, S) levels that they started from -> (B, S, K).

    The level of gist latents (of all latents, without a gist) is bounded by `decoder_level`. The others', which the
    denoiser knows least about, stay: the decoder is not shown those of a segment written from nothing.
    """
    is_gist = torch.arange(decoder.config.num_latents, device=levels.device) < decoder.context_latents
    levels = levels.unsqueeze(-1)
    return torch.where(is_gist, levels.clamp_max(decoder_level), levels)


class BatchWriter:
    """Writes a batch of stories.

    Args:
        pipeline: whose models write.
        settings: how.
        template: what is given.
        seeds: B of them.
        counts: B numbers of segments; all the same when one is above `settings.together`.

    Attributes:
        denoiser_calls: so far.
    """

    def __init__(
        self, pipeline: "StoryPipeline", settings: Settings, template: Template, seeds: list[int], counts: list[int]
    ) -> None:
        self.pipeline, self.settings, self.template = pipeline, settings, template
        self.seeds, self.counts = seeds, counts
        self.device, self.dtype = pipeline.denoiser.device, pipeline.denoiser.dtype
        self.shape: tuple[int, ...] = tuple(pipeline.encoder.latent_mean.shape)
        self.texts = [template.texts(count) for count in counts]
        self.starts = [template.starts(count) for count in counts]
        given = [*dict.fromkeys(text for text in (*template.head, *template.tail) if text is not None)]
        latents = self.encode(given) if given else torch.empty(0)
        self.given = dict(zip(given, latents, strict=True))  # latents (K, D) of each given text
        self.clean: dict[int, Tensor] = {}  # latents (B, K, D) of written segments that a window may still see
        self.joiners = [Joiner(template.joints(count)) for count in counts]
        wanted = settings.paragraph_length
        if wanted is None:  # by the length of these stories alone, so that it is the same in every batch
            wanted = PARAGRAPH_LENGTH if min(counts) > settings.together else 0
        self.paragraphs = [Paragraphs(wanted, count) for count in counts if wanted]
        self.written: dict[int, Tensor] = {}  # latents (B, K, D) of the segments of the last window
        words = settings.wishes.mention
        self.words = self.encode(words) if words and settings.mention_scale else None
        said = mentioned(words, " ".join(given))
        self.open = [[word for word in words if word not in said] for _ in seeds]  # still to be mentioned
        self.conditions = [self.condition(prompt) for prompt in (settings.prompts or [[]])]
        self.null = self.condition(settings.negative)
        self.pulls = 0
        self.denoiser_calls = 0

    def write(self) -> Iterator[Passage]:
        """Passages in order; together they are the whole stories."""
        width = max(self.counts)
        done = 0
        plan: list[Window] | Iterator[Window] = [Window(0, 0, width, width)]
        if width > self.settings.together:
            plan = windows(self.starts[0], self.settings.group, self.settings.window)
        for window in plan:
            before = [self.finished(row, range(done, window.start), []) for row in range(len(self.seeds))]
            written = self.write_window(window)
            yield self.passage(done, [left + right for left, right in zip(before, written, strict=True)])
            done = window.stop
        if done < width:
            yield self.passage(done, [self.finished(row, range(done, width), []) for row in range(len(self.seeds))])

    def passage(self, first: int, segments: list[list[str]]) -> Passage:
        """Finished segments and their text."""
        for story, paragraphs in enumerate(self.paragraphs):
            texts, starts, separators = self.texts[story], self.starts[story], self.joiners[story].separators
            for place in range(first, first + len(segments[story])):
                latents = self.written[place][story] if starts[place] else self.given[str(texts[place])]
                before = separators[place - 1] if place else SEPARATOR
                given = before != SEPARATOR or (place > 0 and None not in texts[place - 1 : place + 1])
                if paragraphs.begins(self.topic(latents), "\n" in before if given else None) and not given:
                    separators[place - 1] = PARAGRAPH
        text = [joiner.add(one) for joiner, one in zip(self.joiners, segments, strict=True)]
        return Passage(first, self.seeds, segments, text)

    def write_window(self, window: Window) -> list[list[str]]:
        """The texts of segments `window.start` to `window.stop` of every story."""
        settings, pipeline, n = self.settings, self.pipeline, self.settings.candidates
        positions = range(window.first, window.last)
        counts = torch.tensor(self.counts, device=self.device).repeat_interleave(n).unsqueeze(1)
        before = torch.arange(window.first, window.last, device=self.device).expand(len(counts), -1)
        exists = before < counts
        latents, levels = (each.repeat_interleave(n, 0) for each in self.known(positions, window.start))
        tokens = pipeline.decoder.config.max_tokens
        noise, uniforms = (x.to(self.device) for x in drawn(self.seeds, n, positions, self.shape, tokens))
        wanted = exists & (levels > 0)
        told = told_levels(pipeline.decoder, levels, settings.decoder_level)

        def texts_of(denoised: Tensor, chosen: slice) -> list[list[str]]:
            return render(
                pipeline.decoder,
                pipeline.tokenizer,
                denoised[chosen],
                exists[chosen],
                settings.temperature,
                uniforms[chosen],
                told[chosen],
                wanted=wanted[chosen],
                min_p=settings.min_p,
                lexicon=settings.lexicon,
            )

        def on_step(step: int, estimate: Tensor) -> None:
            first_candidates = slice(None, None, n)
            if settings.on_step is not None:
                settings.on_step(step, estimate[first_candidates])
            if settings.on_draft is not None:
                rows = texts_of(estimate, first_candidates)
                segments = [
                    self.finished(row, positions, text)[window.start - window.first :] for row, text in enumerate(rows)
                ]
                settings.on_draft(
                    Draft(step + 1, len(pipeline.scheduler.timesteps), window.start, self.seeds, segments)
                )

        condition, *more = [self.rows(condition) for condition in self.conditions]
        output = sample(
            pipeline.denoiser,
            pipeline.scheduler,
            settings.num_inference_steps,
            noise.to(self.dtype),
            exists,
            *condition,
            *self.rows(self.null),
            guidance_scale=settings.guidance_scale,
            latents=latents,
            start_level=levels,
            before=before,
            after=(counts - 1 - before).clamp_min(0),
            generator=[generator(seed, index, window.start, STEPS) for seed in self.seeds for index in range(n)],
            on_step=on_step if settings.on_step or settings.on_draft else None,
            guidance_interval=settings.guidance_interval,
            more_conditions=[Condition(*states, settings.guidance_scale) for states in more],
            gradients=[*settings.gradients, *self.mention(wanted)],
            cached=(levels == 0).all(0) & self.everywhere(positions),
        )
        self.denoiser_calls += output.denoiser_calls
        rows = texts_of(output.latents, slice(None))
        whole = [self.finished(row // n, positions, text) for row, text in enumerate(rows)]
        goes_on = window.stop < max(self.counts)
        read = None
        if goes_on or (n > 1 and settings.wishes.choose != "likelihood"):
            read = read_back(pipeline.encoder, pipeline.tokenizer, whole, output.latents)
        chosen = list(range(len(self.seeds)))
        if n > 1:
            scores = self.scores(whole, output.latents, exists, told, wanted, read, before, counts - 1 - before)
            chosen = [self.choose(story, whole[story * n :][:n], wanted[story * n], scores) for story in chosen]
        if goes_on and read is not None:
            self.remember(window, read[chosen])
        begin = window.start - window.first
        if self.paragraphs:
            self.written = {
                position: output.latents[chosen, position - window.first]
                for position in range(window.start, window.stop)
            }
        stories = [whole[row][begin : begin + window.stop - window.start] for row in chosen]
        for story, segments in enumerate(stories):
            said = mentioned(self.open[story], " ".join(segments))
            self.open[story] = [word for word in self.open[story] if word not in said]
        return stories

    def topic(self, latents: Tensor) -> Tensor:
        """What a segment of latents (K, D) is about: its gist (C,)."""
        return latents[: self.pipeline.decoder.context_latents].flatten().float()

    def mention(self, written: Tensor) -> list[Gradient]:
        """What pulls the `written` (B * N, S) segments towards words that their story does not mention yet."""
        self.pulls += 1
        if self.words is None or not any(self.open) or self.pulls > MAX_PULLS:
            return []
        n, settings = self.settings.candidates, self.settings
        missing = [[word in open_ for word in settings.wishes.mention] for open_ in self.open]
        rows = torch.tensor(missing, device=self.device).repeat_interleave(n, 0)
        gist_latents = self.pipeline.encoder.config.gist_latents
        return [mention_gradient(self.words, rows, written, gist_latents, settings.mention_scale)]

    # ------------------------------------------------------------------------------------------ context

    def everywhere(self, positions: range) -> Tensor:
        """(S,) `positions` at which every story of this template has the same, of whatever length it is.

        What runs through the network once must not depend on the other stories of the batch.
        """
        same = self.template.count is not None or max(self.counts) > self.settings.together
        return torch.tensor([same or place < len(self.template.head) for place in positions], device=self.device)

    def condition(self, ids: list[int]) -> tuple[Tensor, Tensor]:
        """States (1, C, H) and mask (1, C) of a condition; of none, without tokens."""
        tokens, mask = (each.to(self.device) for each in pad_tokens([ids], 0))
        return self.pipeline.condition_encoder(tokens, mask)

    def rows(self, condition: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The same for all B * N rows."""
        states, mask = condition
        num_rows = len(self.seeds) * self.settings.candidates
        return states.expand(num_rows, -1, -1), mask.expand(num_rows, -1)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """(M, K, D) latents of M texts."""
        return encode_texts(self.pipeline.encoder, self.pipeline.tokenizer, texts).to(self.dtype)

    def known(self, positions: range, start: int) -> tuple[Tensor, Tensor]:
        """Latents (B, S, K, D) of what is known at `positions` and levels (B, S); those before `start` are finished."""
        latents = torch.zeros(len(self.seeds), len(positions), *self.shape, device=self.device, dtype=self.dtype)
        levels = torch.ones(latents.shape[:2], device=self.device, dtype=self.dtype)
        for column, position in enumerate(positions):
            for row, (texts, starts) in enumerate(zip(self.texts, self.starts, strict=True)):
                if position >= len(texts):
                    continue
                text = texts[position]
                if position < start and starts[position] > 0:
                    latents[row, column], levels[row, column] = self.clean[position][row], 0
                elif text is not None:
                    latents[row, column], levels[row, column] = self.given[text], starts[position]
        return latents, levels

    def remember(self, window: Window, latents: Tensor) -> None:
        """Keep latents (B, S, K, D) of what was written for later windows, and drop what none of them can see."""
        for position in range(window.start, window.stop):
            self.clean[position] = latents[:, position - window.first]
        for position in [one for one in self.clean if one < window.stop - self.settings.window]:
            del self.clean[position]

    def finished(self, story: int, positions: range, written: Sequence[str]) -> list[str]:
        """Texts at `positions` that exist: given ones as they were given, the others from `written`."""
        texts, starts = self.texts[story], self.starts[story]
        return [
            written[column] if starts[position] > 0 else str(texts[position])
            for column, position in enumerate(positions)
            if position < len(texts)
        ]

    # ------------------------------------------------------------------------------------------- choice

    def scores(
        self,
        texts: list[list[str]],
        denoised: Tensor,
        exists: Tensor,
        told: Tensor,
        wanted: Tensor,
        read: Tensor | None,
        before: Tensor,
        after: Tensor,
    ) -> list[float]:
        """How good each of the B * N rows is among the candidates of its story."""
        pipeline, n = self.pipeline, self.settings.candidates
        if self.settings.wishes.choose == "likelihood" or read is None:
            decoder, tokenizer = pipeline.decoder, pipeline.tokenizer
            return likelihood_scores(decoder, tokenizer, denoised, exists, told, texts, wanted)
        if self.settings.wishes.choose == "critic":
            return critic_scores(pipeline.critic, read, exists, before, after, [self.rows(c) for c in self.conditions])
        scores: list[float] = []
        for start in range(0, len(texts), n):
            rows = read[start : start + n][:, wanted[start]]
            scores += mbr_scores(rows, pipeline.encoder.meaning)
        return scores

    def choose(self, story: int, texts: list[list[str]], wanted: Tensor, scores: list[float]) -> int:
        """The row of the best candidate of a story."""
        n = self.settings.candidates
        written = [[text for text, is_wanted in zip(one, wanted.tolist(), strict=False) if is_wanted] for one in texts]
        wishes = Wishes(tuple(self.open[story]), self.settings.wishes.words)
        return story * n + best(written, scores[story * n : story * n + n], wishes)
