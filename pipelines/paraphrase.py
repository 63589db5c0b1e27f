"""ParaphrasePipeline: a sentence -> other wordings, by moving its latents.

J sentences, P candidates each, N = J * P, S segments of a window, K latents per segment, D latent width, W neighbours
that the decoder sees each side.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..decoders import neighbours
from ..defaults import DEFAULT_MODEL
from ..encoders.segmenters import SentenceSegmenter
from ..encoders.segmenters.segment import Segment, Segmenter
from .candidates import (
    Candidate,
    Embed,
    by_rule,
    changed_information,
    distinct,
    edit_distance,
    invented,
    measure,
    normalised,
    rank,
    similarity_model,
)
from .latents import embeddings
from .loading import load_representation, resolve
from .paraphrase_document import DocumentParaphrases, InContext
from .paraphrase_options import CHANGE_WEIGHT, MIXED, WARNING_WEIGHT, check_options
from .perturbation import Draws, denoised, denoising_level, gaussian, keeping_meaning
from .reconstruct import fitting_pieces
from .rendering import check_text, encode_texts
from .splicing import combinations, single_edits
from .story import StoryPipeline
from .tokenization import detokenize, pad_tokens, segment_tokens
from .writing import told_levels

MAX_CHANGE = 0.5  # of a sentence's words, at strength 1
HARDLY_KNOWN = 0.5  # edit distance of a sentence and what its latents give back unmoved
HARDLY_KNOWN_WARNING = "text hardly known"
RANK_OFFSET = 10  # of a token's number, since the first ones are no words
CONTEXT = 4  # neighbours each side that the denoiser sees: the bundled model was trained on five-sentence stories


@dataclass(frozen=True)
class _Meant:
    """A sentence and what its candidates are measured against.

    Attributes:
        source: the sentence.
        vectors: (M, C) of it and of its rewordings by rule, which mean the same as far as the rules know.
        latents: (K, D).
        nats: its log-probability by the decoder without latents.
        told: the same with its gist.
        count: its tokens.
    """

    source: str
    vectors: Tensor
    latents: Tensor
    nats: Tensor
    told: Tensor
    count: Tensor


class ParaphrasePipeline(StoryPipeline):
    """Paraphrases sentences: encode, perturb, decode with sampling, drop copies, rank.

    Loads any story model, and a representation alone: that one has no denoiser, and no method "denoise".
    """

    _listed: tuple[Tensor | None, set[str]] = (None, set())

    @classmethod
    def from_pretrained(cls, model: str | Path = DEFAULT_MODEL, **options: Any) -> "ParaphrasePipeline":
        """Load a model as `StoryPipeline` does, or a folder of an encoder and a decoder.

        Raises:
            FileNotFoundError: no such model.
            ValueError: a file of the model is missing or damaged, or `options` for an encoder and a decoder alone.
        """
        folder = Path(resolve(model))
        if folder.is_dir() and (folder / "encoder").is_dir() and not (folder / "denoiser").is_dir():
            if options:
                raise ValueError(f"{folder} is an encoder and a decoder alone, which takes no {next(iter(options))}")
            encoder, decoder, tokenizer = load_representation(folder)
            absent: Any = None
            return cls(encoder, absent, absent, decoder, absent, tokenizer)
        found = super().from_pretrained(model, **options)
        assert isinstance(found, cls)
        return found

    @torch.no_grad()
    def __call__(  # type: ignore[override]
        self,
        sentences: Sequence[str | InContext],
        num: int = 5,
        strength: float = 0.4,
        method: str = "mixed",
        *,
        oversample: int = 4,
        temperature: float = 0.5,
        change_weight: float = CHANGE_WEIGHT,
        warning_weight: float = WARNING_WEIGHT,
        strict: bool = False,
        similarity: str | Path | Embed | None = None,
        num_inference_steps: int = 10,
        seed: int = 0,
        batch_size: int = 512,
    ) -> list[list[Candidate]]:
        """Reword sentences.

        Args:
            sentences: J sentences, alone or with their context. A sentence must fit the model; `document` cuts texts.
            num: candidates wanted of each; fewer come back where too few differ from the source and each other.
            strength: in (0, 1]; more strength, more change. Half of it is the share of the words that should change.
            method: "denoise" (noised to `denoising_level`, denoised with the neighbours as context), "meaning" (some
                word latents are drowned, the gist stays), "gaussian" (noise on all latents), "mixed" (one half of the
                candidates by each of the first two, and rewordings by rule; "meaning" and rules without a denoiser).
            oversample: candidates written for each that is wanted.
            temperature: of the decoder; 0 = its likeliest text.
            change_weight: how much meeting that share is worth against similarity; see `rank`.
            warning_weight: what each warning of a candidate costs in the ranking.
            strict: leave out candidates with warnings: those that lost or added a number, name, negation or quotation,
                and all of a sentence that the model hardly knows, such as one in another language.
            similarity: what ranks: a `sentence-transformers` model (folder or hub name), an embedding function, or the
                model's own encoder (None).
            num_inference_steps: of "denoise", counted from pure noise.
            seed: the same seed and sentence give the same candidates, whatever else is in the batch.
            batch_size: candidates decoded at once.

        Returns:
            The candidates of each sentence, best first.

        Raises:
            ValueError: an argument is out of range, or a sentence is empty or too long.
        """
        check_options(
            num=num,
            strength=strength,
            method=method,
            oversample=oversample,
            temperature=temperature,
            change_weight=change_weight,
            warning_weight=warning_weight,
            seed=seed,
            batch_size=batch_size,
        )
        if isinstance(sentences, str):
            raise ValueError("sentences is one string; give a list of sentences")
        jobs = [InContext(one) if isinstance(one, str) else one for one in sentences]
        if other := [job for job in jobs if not isinstance(job, InContext)]:
            raise ValueError(f"sentences has {other[0]!r:.60}; it must have texts")
        for job in jobs:
            check_text(job.text, "a sentence")
        if self.denoiser is None and method == "denoise":
            raise ValueError("method is 'denoise', and this model is an encoder and a decoder alone; use 'meaning'")
        embed = similarity_model(similarity, self.device) if isinstance(similarity, str | Path) else similarity
        embed = embed or self.embed
        lengths = [len(row) for row in segment_tokens(self.tokenizer, [job.text for job in jobs])]
        order = sorted(range(len(jobs)), key=lengths.__getitem__)  # sentences of like length decode together
        ways: tuple[str, ...] = MIXED if method == "mixed" else (method,)
        ways = tuple(way for way in ways if way != "denoise" or self.denoiser is not None)
        pool = -(-num * oversample // len(ways))
        size = max(1, batch_size // pool)
        found: dict[int, list[Candidate]] = {}
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = [jobs[row] for row in rows]
            written: list[list[str]] = [[] for _ in batch]
            for way in ways:
                latents, levels, around, draws = self._perturbed(batch, pool, strength, way, num_inference_steps, seed)
                texts = self._decode(latents, levels, around, draws.uniforms, temperature)
                for i, some in enumerate(written):
                    some.extend(texts[i * pool : (i + 1) * pool])
            if method == "mixed":
                for job, some in zip(batch, written, strict=True):
                    some.extend(by_rule(job.text))
            every = [distinct(job.text, some) for job, some in zip(batch, written, strict=True)]
            sources, wanted = [job.text for job in batch], strength * MAX_CHANGE
            plain = self._plain(batch)
            candidates = self._candidates(sources, every, wanted, 2 * num, embed, warning_weight)
            for row, back, known in zip(rows, plain, candidates, strict=True):
                if _hardly_known(jobs[row].text, back):
                    note = f"{HARDLY_KNOWN_WARNING}: unmoved it comes back as {back!r}"
                    known = [replace(one, warnings=[*one.warnings, note]) for one in known]
                found[row] = rank(known, wanted, change_weight, strict)[:num]
        return [found[row] for row in range(len(jobs))]

    def document(
        self, text: str, which: Sequence[int] | None = None, segmenter: Segmenter | None = None, **options: object
    ) -> DocumentParaphrases:
        """Reword all or some sentences of a document, each in its context; see `documents`.

        Raises:
            ValueError: as `documents`, or the document has no sentence of a number in `which`.
        """
        found = self.documents([text], which, segmenter, **options)[0]
        beyond = [number for number in which or () if not 0 <= number < len(found.segments)]
        if beyond:
            raise ValueError(f"the text has {len(found.segments)} sentences; there is no sentence {beyond[0] + 1}")
        return found

    def documents(
        self,
        texts: Sequence[str],
        which: Sequence[int] | None = None,
        segmenter: Segmenter | None = None,
        **options: object,
    ) -> list[DocumentParaphrases]:
        """Reword documents, all their sentences in the same batches.

        Args:
            texts: documents; a blank one has no segments.
            which: numbers (from 0) of the sentences to reword, of every document that has them; None: all.
            segmenter: cuts a document; `SentenceSegmenter()` when None. What is too long for the model is cut again.
            options: of `__call__`.

        Raises:
            ValueError: as `__call__`.
        """
        cut = [self.segments(text, segmenter or self._segmenter()) for text in texts]
        places = [
            (document, place)
            for document, segments in enumerate(cut)
            for place in range(len(segments))
            if which is None or place in which
        ]
        jobs = []
        for document, place in places:
            around = [segment.text for segment in cut[document]]
            jobs.append(
                InContext(around[place], around[max(0, place - CONTEXT) : place], around[place + 1 :][:CONTEXT])
            )
        found: list[dict[int, list[Candidate]]] = [{} for _ in texts]
        candidates = self(jobs, **options) if jobs else []  # type: ignore[arg-type]
        for (document, place), ranked in zip(places, candidates, strict=True):
            found[document][place] = ranked
        return [DocumentParaphrases(*parts) for parts in zip(texts, cut, found, strict=True)]

    def segments(self, text: str, segmenter: Segmenter) -> list[Segment]:
        """Sentences of a document, and pieces of those that are too long for the model."""
        limit = min(self.encoder.config.max_tokens, self.decoder.config.max_tokens)
        found: list[Segment] = []
        for sentence in segmenter(text) if text.strip() else ():
            check_text(sentence.text, "a sentence")
            end = sentence.start
            for piece in fitting_pieces(sentence.text, self.tokenizer, limit):
                start = text.index(piece, end)
                end = start + len(piece)
                found.append(Segment(piece, start, end))
        return [segment for segment in found if segment.text.strip()]

    def _segmenter(self) -> Segmenter:
        if not hasattr(self, "_sentences"):
            self._sentences = SentenceSegmenter()
        return self._sentences

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (N, C) of N texts, by the model's own encoder."""
        return embeddings(encode_texts(self.encoder, self.tokenizer, texts).float(), self.encoder.meaning)

    def log_probability(
        self, texts: Sequence[str], latents: Tensor | None = None, batch_size: int = 64
    ) -> tuple[Tensor, Tensor]:
        """What N texts are to the decoder: nats and tokens, both (N,).

        Args:
            texts: N texts.
            latents: (N, K, D) of which the gist is shown; None: it is told that it knows no latent.
            batch_size: texts at once.
        """
        rows = segment_tokens(self.tokenizer, texts)
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        nats, counts = torch.empty(len(rows)), torch.tensor([len(row) for row in rows])
        nothing = torch.zeros(1, *self.encoder.latent_mean.shape, device=self.device, dtype=self.decoder.dtype)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            ids, mask = (part.to(self.device) for part in pad_tokens([rows[index] for index in chosen], 0))
            shown = nothing if latents is None else latents[chosen].to(nothing)
            level = torch.ones_like(shown[..., 0])
            level[:, : 0 if latents is None else self.encoder.config.gist_latents] = 0
            states, seen = self.decoder.memory(shown, level=level)
            states, seen = states.expand(len(chosen), -1, -1), seen.expand(len(chosen), -1)
            nats[chosen] = -self.decoder.loss(ids, mask, states, seen).float().cpu()
        return nats, counts

    def _perturbed(
        self, batch: Sequence[InContext], pool: int, strength: float, method: str, steps: int, seed: int
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Draws]:
        """Moved latents (N, K, D) and the decoder's levels (N, K), the neighbours (N, 2W, K, D) and their mask
        (N, 2W), and the random numbers."""
        grid, mask, place, before, after = self._grid(batch)
        rows = torch.arange(len(batch), device=grid.device)
        around, seen = neighbours(grid, mask, self.decoder.config.context_window)
        around, seen = (part[rows, place].repeat_interleave(pool, 0) for part in (around, seen))
        shape, max_tokens = grid.shape[-2:], self.decoder.config.max_tokens
        draws = Draws.joined([Draws.of(_seed_of(seed, job.text), pool, shape, max_tokens) for job in batch])
        latents = grid[rows, place].repeat_interleave(pool, 0)
        if method == "meaning":
            latents, levels = keeping_meaning(latents, strength, draws, self.encoder.config.gist_latents)
        elif method == "gaussian":
            latents, levels = gaussian(latents, strength, draws)
        else:
            nothing = torch.zeros(len(latents), 1, dtype=torch.long, device=grid.device)
            condition = self.condition_encoder(nothing, nothing)
            grids, masks, places, befores, afters = (
                part.repeat_interleave(pool, 0) for part in (grid, mask, place, before, after)
            )
            level = denoising_level(strength)
            latents = denoised(
                self.denoiser,
                self.scheduler,
                condition,
                grids,
                masks,
                places,
                befores,
                afters,
                level,
                draws,
                steps,
            )
            told = torch.full((len(latents), 1), level, device=grid.device, dtype=grid.dtype)
            levels = told_levels(self.decoder, told, self.config.decoder_level).squeeze(1)
        return latents, levels, (around, seen), draws

    def _plain(self, batch: Sequence[InContext]) -> list[str]:
        """What the latents of J sentences give back where they are not moved."""
        grid, mask, place, _, _ = self._grid(batch)
        rows = torch.arange(len(batch), device=grid.device)
        around, seen = (part[rows, place] for part in neighbours(grid, mask, self.decoder.config.context_window))
        latents = grid[rows, place]
        nothing = torch.zeros(len(batch), self.decoder.config.max_tokens)
        return self._decode(latents, torch.zeros_like(latents[..., 0]), (around, seen), nothing, 0.0)

    def _grid(self, batch: Sequence[InContext]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Latents (J, S, K, D) of sentences and their neighbours, mask (J, S), each sentence's place (J,), and the
        segments of the window before and after each (J, S)."""
        windows = [[*job.before, job.text, *job.after] for job in batch]
        counts = torch.tensor([len(window) for window in windows], device=self.device)
        index = torch.arange(int(counts.max()), device=self.device)
        mask = index < counts[:, None]
        unique = list(dict.fromkeys(text for window in windows for text in window))
        number = {text: row for row, text in enumerate(unique)}
        flat = encode_texts(self.encoder, self.tokenizer, unique).to(self.decoder.dtype)
        grid = flat.new_zeros(*mask.shape, *flat.shape[1:])
        grid[mask] = flat[[number[text] for window in windows for text in window]]
        place = torch.tensor([len(job.before) for job in batch], device=self.device)
        return grid, mask, place, index.expand_as(mask), (counts[:, None] - 1 - index).clamp_min(0)

    def _decode(
        self, latents: Tensor, levels: Tensor, around: tuple[Tensor, Tensor], uniforms: Tensor, temperature: float
    ) -> list[str]:
        """Texts of N latents; "" for one that did not come to an end."""
        memory, mask = self.decoder.memory(latents, *around, levels, torch.zeros_like(around[0][..., 0]))
        ids = self.decoder.generate(memory, mask, temperature, uniforms.to(self.device))
        ended = (ids == self.decoder.config.eos_token_id).any(1).tolist()
        return [text if end else "" for text, end in zip(detokenize(self.tokenizer, ids), ended, strict=True)]

    def _candidates(
        self,
        sources: list[str],
        texts: list[list[str]],
        change: float,
        count: int,
        embed: Embed,
        warning_weight: float,
    ) -> list[list[Candidate]]:
        """What was written of each sentence, its edits one by one, and the best of them together."""
        edits = [single_edits(source, some) for source, some in zip(sources, texts, strict=True)]
        whole = [distinct(source, [*some, *one]) for source, some, one in zip(sources, texts, edits, strict=True)]
        meant = self._meant(sources, embed)
        found = self._measure(meant, whole, embed, warning_weight)
        together = []
        for source, one, known in zip(sources, edits, found, strict=True):
            order = sorted((candidate for candidate in known if candidate.text in one), key=lambda each: -each.score)
            wanted = change * len(source.split())
            texts_of = combinations(source, [one[candidate.text] for candidate in order], wanted, count)
            have = [candidate.text for candidate in known]
            together.append(distinct(source, [*have, *texts_of])[len(have) :])
        more = self._measure(meant, together, embed, warning_weight)
        return [[*known, *new] for known, new in zip(found, more, strict=True)]

    def _meant(self, sources: list[str], embed: Embed) -> list[_Meant]:
        """What candidates are measured against."""
        same = [[source, *self._fitting(by_rule(source))] for source in sources]
        vectors = embed([text for some in same for text in some]).float().cpu().split([len(some) for some in same])
        latents = encode_texts(self.encoder, self.tokenizer, sources)
        nats, counts = self.log_probability(sources)
        told, _ = self.log_probability(sources, latents)
        return [_Meant(*parts) for parts in zip(sources, vectors, latents, nats, told, counts, strict=True)]

    def _measure(
        self, meant: list[_Meant], texts: list[list[str]], embed: Embed, warning_weight: float
    ) -> list[list[Candidate]]:
        """Texts that fit the encoder, with their scores."""
        texts = [self._fitting(some) for some in texts]
        flat = [text for some in texts for text in some]
        if not flat:
            return [[] for _ in texts]
        sizes = [len(some) for some in texts]
        latents = torch.stack([one.latents for one in meant]).repeat_interleave(torch.tensor(sizes), 0)
        nats, counts = self.log_probability(flat)
        told, _ = self.log_probability(flat, latents)
        parts = (part.split(sizes) for part in (embed(flat).float().cpu(), nats / counts, told))
        measured, is_word, information = [], cache(self._is_word), cache(self._information)
        for one, some, vectors, fluency, likelihood in zip(meant, texts, *parts, strict=True):
            alike = vectors @ one.vectors.T
            fluent = (fluency - one.nats / one.count).clamp_max(0).tolist()
            likely = ((likelihood - one.told) / one.count).clamp_max(0).tolist()
            odd = [invented(one.source, text, is_word) for text in some]
            changed = [changed_information(one.source, text, information) for text in some]
            scores = alike[:, 0].tolist(), alike.amax(1).tolist(), fluent, likely, odd, changed
            measured.append(measure(one.source, some, *scores, warning_weight))
        return measured

    def _fitting(self, texts: Sequence[str]) -> list[str]:
        """Those that the encoder can read."""
        limit = self.encoder.config.max_tokens
        return [
            text for text, row in zip(texts, segment_tokens(self.tokenizer, texts), strict=True) if len(row) <= limit
        ]

    def _information(self, word: str) -> float:
        """Nats of a lower-case word: vocabularies put frequent tokens first, and by Zipf's law a token of rank r has
        a surprisal of about log r."""
        ids = self.tokenizer.encode(f" {word}", add_special_tokens=False)
        return sum(math.log(RANK_OFFSET + number) for number in ids)

    def _is_word(self, word: str) -> bool:
        """Whether a lower-case word is in the model's list; without a list: one token, as well-known words are."""
        stem = word.replace("’", "'").split("'")[0]
        if not any(letter.isalpha() for letter in stem):
            return True
        if self.decoder.lexicon is not None:
            return stem in self._listed_words()
        return any(len(self.tokenizer.tokenize(form)) == 1 for form in (stem, stem.capitalize()))

    def _listed_words(self) -> set[str]:
        """The words of the decoder's list, in lower case."""
        listed, words = self._listed
        if listed is not self.decoder.lexicon:
            words = {word.strip().lower() for word in self.tokenizer.batch_decode(self.decoder.words)}
            self._listed = self.decoder.lexicon, words
        return words


def _hardly_known(text: str, back: str) -> bool:
    """Whether a text without words comes back as another, or most words of one that has some are not in their place."""
    return edit_distance(text, back) > HARDLY_KNOWN if normalised(text) else text.strip() != back.strip()


def _seed_of(seed: int, text: str) -> int:
    """A sentence's own seed: it has the same candidates in every batch, file and place."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{text}".encode()).digest()[:7], "big")
