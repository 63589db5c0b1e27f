"""SegmentDecoder: latents -> text, autoregressive inside a segment, parallel over all segments.

B documents, S segments, N flat segments, K latents per segment, D latent width, T tokens, W neighbours each side,
M memory states, H hidden width.
"""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin  # a pipeline looks for it in this module
from torch import Tensor, nn
from transformers import T5Config
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.models.t5.modeling_t5 import T5Stack

from ..components import TextComponent
from .lexicon import OUTSIDE, Lexicon

# transformers renamed it in 5.24
CACHE = "cache" if "cache" in inspect.signature(T5Stack.forward).parameters else "past_key_values"

LEVEL_WIDTH = 32


def neighbours(latents: Tensor, segment_mask: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Latents of the segments around each segment, in the order -W .. -1, 1 .. W.

    Args:
        latents: (B, S, K, D).
        segment_mask: (B, S), True where a segment exists.
        window: W.

    Returns:
        (B, S, 2W, K, D) latents and (B, S, 2W) mask, False beyond either end of the document.
    """
    if window == 0:
        return latents.unsqueeze(2)[:, :, :0], segment_mask.unsqueeze(2)[:, :, :0]
    num_segments = latents.shape[1]
    padded = F.pad(latents, (0, 0, 0, 0, window, window))
    padded_mask = F.pad(segment_mask, (window, window))
    offsets = [offset for offset in range(-window, window + 1) if offset != 0]
    starts = [window + offset for offset in offsets]
    around = torch.stack([padded[:, start : start + num_segments] for start in starts], dim=2)
    mask = torch.stack([padded_mask[:, start : start + num_segments] for start in starts], dim=2)
    return around, mask & segment_mask.unsqueeze(-1)


def with_neighbours(
    latents: Tensor, segment_mask: Tensor, level: Tensor, window: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The arguments of `SegmentDecoder.memory` for the existing segments of a grid, row by row.

    Args:
        latents: (B, S, K, D).
        segment_mask: (B, S), True where a segment exists.
        level: (B, S, K) noise levels.
        window: W.

    Returns:
        Own latents (N, K, D), neighbours (N, 2W, K, D), their mask (N, 2W), own levels (N, K), theirs (N, 2W, K).
    """
    around, seen = neighbours(latents, segment_mask, window)
    around_level, _ = neighbours(level.unsqueeze(-1), segment_mask, window)
    grids = (latents, around, seen, level, around_level.squeeze(-1))
    own, around, seen, level, around_level = (grid[segment_mask] for grid in grids)
    return own, around, seen, level, around_level


class SegmentDecoder(TextComponent, ModelMixin, ConfigMixin):
    """A T5 decoder that cross-attends to its segment's latents (expanded) and its neighbours' (as they are, marked).

    Args:
        text_config: keyword arguments of `transformers.T5Config` (`vocab_size`, `d_model`, `num_layers`, ...).
        num_latents: K.
        latent_dim: D.
        gist_latents: G, the first of the K latents, which sum up the segment. A neighbour shows its gist latents alone,
            or all of its latents where G is 0.
        lexicon_size: numbers that its list of `words` is stored in; see `set_words`.
        states_per_latent: E, memory states that each own latent is expanded to.
        context_window: W, neighbours seen each side (0 = none).
        max_tokens: longest rendering in tokens.
        bos_token_id: first input token.
        eos_token_id: token that ends a segment.
        pad_token_id: filler after the end.
    """

    part = "decoder"
    lexicon: Tensor | None

    @register_to_config
    def __init__(
        self,
        text_config: dict[str, Any],
        num_latents: int = 4,
        latent_dim: int = 64,
        states_per_latent: int = 8,
        context_window: int = 2,
        max_tokens: int = 48,
        bos_token_id: int = 2,
        eos_token_id: int = 1,
        pad_token_id: int = 0,
        gist_latents: int = 0,
        lexicon_size: int = 0,
    ) -> None:
        super().__init__()
        config = T5Config(
            **{**text_config, "is_decoder": True, "is_encoder_decoder": False}, attn_implementation="eager"
        )
        self.hidden_size = config.d_model
        self.transformer = T5Stack(config)
        self.expand = nn.Linear(latent_dim, states_per_latent * config.d_model)
        gist_states = gist_latents * states_per_latent * config.d_model
        self.expand_gist = nn.Linear(gist_latents * latent_dim, gist_states) if gist_latents else None
        self.own_position = nn.Parameter(torch.randn(num_latents * states_per_latent, config.d_model) * 0.5)
        self.context = nn.Linear(latent_dim, config.d_model)
        self.context_latents = gist_latents or num_latents
        self.context_slot = nn.Parameter(torch.randn(self.context_latents, config.d_model) * 0.5)
        self.context_offset = nn.Parameter(torch.randn(2 * context_window, config.d_model) * 0.5)
        told = nn.Linear(LEVEL_WIDTH, config.d_model)
        nn.init.zeros_(told.weight)
        nn.init.zeros_(told.bias)
        self.level = nn.Sequential(nn.Linear(1, LEVEL_WIDTH), nn.SiLU(), told)
        self.register_buffer("lexicon", torch.zeros(lexicon_size, dtype=torch.int32) if lexicon_size else None)

    @property
    def words(self) -> list[tuple[int, ...]]:
        """Token ids of each word that the training texts have often enough; empty where the model has no list."""
        if self.lexicon is None:
            return []
        flat = self.lexicon.cpu().numpy()
        ends = np.flatnonzero(flat == self.config.pad_token_id)
        return [tuple(word[:-1].tolist()) for word in np.split(flat, ends + 1)[:-1] if len(word) > 1]

    def set_words(self, words: Iterable[Sequence[int]]) -> None:
        """Keep a list of words with the model, each as its token ids.

        Raises:
            ValueError: a word is empty or has the filler's token.
        """
        rows = [tuple(word) for word in words]
        if bad := [row for row in rows if not row or self.config.pad_token_id in row]:
            raise ValueError(f"the list of words has {bad[0]}; a word has tokens, and none of them is the filler's")
        flat = [token for row in rows for token in (*row, self.config.pad_token_id)]
        self.lexicon = torch.tensor(flat, dtype=torch.int32, device=self.own_position.device) if flat else None
        self.register_to_config(lexicon_size=len(flat))

    def memory(
        self,
        latents: Tensor,
        around: Tensor | None = None,
        around_mask: Tensor | None = None,
        level: Tensor | float = 0.0,
        around_level: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The states that the decoder attends to.

        The decoder is told how far each latent is from a clean one (conditioning augmentation, arXiv 2106.15282): it
        copies what it can trust and writes like a language model where it cannot. A latent of level 1 is not shown.

        Args:
            latents: (N, K, D), normalised.
            around: neighbours (N, 2W, K, D), or None for segments on their own.
            around_mask: (N, 2W), True where a neighbour exists and may be seen.
            level: (N, K) noise levels in [0, 1], (N,) of all latents of a segment, or one for all: 0 = clean,
                s / (1 + s) for noise of strength s, and the level that a denoised segment started from.
            around_level: (N, 2W, K) noise levels of the neighbours; None: the decoder is not told.

        Returns:
            (N, M, H) states and (N, M) mask.
        """
        levels = torch.as_tensor(level, dtype=latents.dtype, device=latents.device)
        levels = (levels.unsqueeze(-1) if levels.dim() == 1 else levels).expand(latents.shape[:2])
        shown = latents.masked_fill((levels >= 1).unsqueeze(-1), 0.0)
        gist, rest = shown.tensor_split([self.config.gist_latents], dim=1)
        own = self.expand(rest).reshape(latents.shape[0], -1, self.hidden_size)
        if self.expand_gist is not None:
            whole = self.expand_gist(gist.flatten(1)).reshape(latents.shape[0], -1, self.hidden_size)
            own = torch.cat([whole, own], dim=1)
        own = own + self.own_position
        own = own + self.level(levels.unsqueeze(-1)).repeat_interleave(self.config.states_per_latent, dim=1)
        mask = torch.ones(own.shape[:2], dtype=torch.bool, device=own.device)
        if around is None or around_mask is None or self.config.context_window == 0:
            return own, mask
        around = around[:, :, : self.context_latents]
        context = self.context(around) + self.context_slot + self.context_offset.unsqueeze(1)
        if around_level is not None:
            context = context + self.level(around_level[:, :, : self.context_latents].unsqueeze(-1))
        context_mask = around_mask.unsqueeze(-1).expand(-1, -1, around.shape[2]).flatten(1)
        return torch.cat([own, context.flatten(1, 2)], dim=1), torch.cat([mask, context_mask], dim=1)

    def logits(self, states: Tensor) -> Tensor:
        """Hidden states (..., H) -> vocabulary logits, by the input embedding (tied, scaled as in T5)."""
        return F.linear(states * self.hidden_size**-0.5, self.transformer.embed_tokens.weight)

    def forward(self, input_ids: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """Teacher-forced next-token logits.

        Args:
            input_ids: (N, T) targets shifted right (first token `bos_token_id`).
            memory: (N, M, H) and memory_mask: (N, M), from `memory`.

        Returns:
            (N, T, vocabulary).
        """
        states = self.transformer(
            input_ids=input_ids,
            encoder_hidden_states=memory,
            encoder_attention_mask=memory_mask.long(),
            use_cache=False,
        ).last_hidden_state
        return self.logits(states)

    def loss(self, token_ids: Tensor, token_mask: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """Summed cross-entropy per segment (N,) in nats of (N, T) token ids that end with the end token."""
        start = torch.full_like(token_ids[:, :1], self.config.bos_token_id)
        logits = self(torch.cat([start, token_ids[:, :-1]], dim=1), memory, memory_mask)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), token_ids.flatten(), reduction="none")
        return (loss.view_as(token_ids) * token_mask).sum(dim=1)

    @torch.no_grad()
    def generate(
        self,
        memory: Tensor,
        memory_mask: Tensor,
        temperature: float = 0.0,
        uniforms: Tensor | None = None,
        max_tokens: int | None = None,
        min_p: float = 0.0,
        lexicon: Lexicon | None = None,
    ) -> Tensor:
        """Render all segments as one batch with a key-value cache; each stops at its end token.

        Args:
            memory: (N, M, H) and memory_mask: (N, M), from `memory`.
            temperature: 0 takes the likeliest token; above 0 samples.
            uniforms: (N, max_tokens) numbers in [0, 1) that drive the sampling, so that a row's text depends on its
                own numbers alone; required when `temperature` > 0.
            max_tokens: longest rendering; the configured one when None.
            min_p: tokens with less than this share of the likeliest one's probability, at this temperature, are not
                drawn (arXiv 2407.01082).
            lexicon: words that the text may be made of; None: any. A row that does not stop may end inside a word.

        Returns:
            (N, <= max_tokens) token ids, padded after the end token. A row without an end token did not stop.

        Raises:
            ValueError: `temperature` is negative, or positive without `uniforms`; `min_p` is no share.
        """
        if temperature < 0 or (temperature > 0 and uniforms is None):
            raise ValueError(f"temperature must be 0, or above 0 with uniforms; got {temperature}")
        if not 0 <= min_p <= 1:
            raise ValueError(f"min_p must be between 0 and 1; got {min_p}")
        max_tokens = max_tokens or self.config.max_tokens
        device = memory.device
        uniforms = None if uniforms is None else uniforms.to(device)
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        rows = torch.arange(memory.shape[0], device=device)  # those that are still computed
        ended = torch.zeros_like(rows, dtype=torch.bool)
        token = torch.full((len(rows), 1), self.config.bos_token_id, device=device)
        spelt = torch.full_like(rows, OUTSIDE)  # where in a word each row is
        tokens = torch.full((len(rows), max_tokens), self.config.pad_token_id, device=device)
        for step in range(max_tokens):
            states = self.transformer(
                input_ids=token,
                encoder_hidden_states=memory,
                encoder_attention_mask=memory_mask.long(),
                use_cache=True,
                **{CACHE: cache},
            ).last_hidden_state[:, -1]
            logits = self.logits(states).float()
            if lexicon is not None:
                logits = logits.masked_fill(~lexicon.allowed(spelt), -torch.inf)
            if temperature > 0:
                assert uniforms is not None
                chances = (logits / temperature).softmax(-1)
                if min_p:
                    chances = chances.masked_fill(chances < min_p * chances.amax(-1, keepdim=True), 0)
                cumulative = chances.cumsum(-1)
                drawn = uniforms[rows, step : step + 1].to(cumulative) * cumulative[:, -1:]
                drawn = drawn.clamp_min(torch.finfo(drawn.dtype).tiny)  # never a token without a chance
                chosen = torch.searchsorted(cumulative, drawn).squeeze(-1).clamp_max(logits.shape[-1] - 1)
            else:
                chosen = logits.argmax(-1)
            chosen = chosen.masked_fill(ended, self.config.pad_token_id)
            tokens[rows, step] = chosen
            ended = ended | (chosen == self.config.eos_token_id)
            token = chosen.unsqueeze(1)
            if lexicon is not None:
                spelt = lexicon.step(spelt, chosen)
            going = (~ended).nonzero().squeeze(1)
            if not len(going):
                return tokens[:, : step + 1]
            if 2 * len(going) <= len(ended):  # short segments end early: the rest goes on without them
                rows, ended, token, spelt, memory, memory_mask = (
                    part[going] for part in (rows, ended, token, spelt, memory, memory_mask)
                )
                cache.batch_select_indices(going)
        return tokens

    def decode(self, latents: Tensor) -> list[str]:
        """Normalised latents (N, K, D) -> N texts, the likeliest, each segment on its own.

        Raises:
            ValueError: no tokenizer was found beside the decoder, or the latents are of another shape.
        """
        from ..pipelines.rendering import decode_latents

        parts = latents.split(512) if len(latents) else ()
        return [text for part in parts for text in decode_latents(self, self.tokenizer, part)]
