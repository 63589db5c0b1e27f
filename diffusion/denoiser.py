"""SegmentDenoiser: a diffusion transformer over the latents of all segments of a text.

B documents, S segments, K latents per segment, D latent width, C condition states, H width.
The network knows no scheduler, tokenizer or file: it maps noised latents of unit variance, a log signal-to-noise ratio
per segment and the condition to an estimate of the clean latents.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from .fused import Table
from .layers import Block, Modulation, attention_bias, rotary_table, sinusoid
from .noise import LOG_SNR_LIMIT

LEVEL_WIDTH = 64  # a noise level is one number: a narrow embedding holds it
DISTANCE_BUCKETS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50)


def distance_bucket(distance: Tensor) -> Tensor:
    """Number of segments before or after (any shape, >= 0) -> bucket 0 .. 10: exact when small, coarse when large."""
    edges = torch.tensor(DISTANCE_BUCKETS, device=distance.device)
    return torch.bucketize(distance.contiguous(), edges, right=True) - 1


def attention_mask(segment_mask: Tensor, clean_mask: Tensor) -> Tensor:
    """(B, S) existing and (B, S) clean -> (B, S, S) "segment i may attend to segment j".

    Clean segments attend to clean ones only, so that what they compute does not change while the others are denoised.
    A missing segment attends to itself, which keeps its numbers finite; nothing attends to it.
    """
    allowed = segment_mask.unsqueeze(1) & (clean_mask.unsqueeze(1) | ~clean_mask.unsqueeze(2))
    return allowed | torch.eye(segment_mask.shape[1], dtype=torch.bool, device=segment_mask.device)


@dataclass(frozen=True)
class CleanSegments:
    """What the blocks compute of given segments, which does not change while the others are denoised.

    Attributes:
        keys_values: of every block, (B, M * tokens of a segment, A, P) each.
        mask: (B, M), True where the segment exists.
    """

    keys_values: list[tuple[Tensor, Tensor]]
    mask: Tensor


class SegmentDenoiser(ModelMixin, ConfigMixin):
    """Diffusion transformer with one noise level per segment.

    Args:
        num_latents: K.
        latent_dim: D.
        condition_dim: width of the condition's states.
        width: H.
        num_layers: transformer blocks.
        num_heads: attention heads.
        mlp_ratio: hidden width of the feed-forward part over H.
        cross_every: every how many blocks attend to the condition.
        latents_per_token: how many latents of a segment one token holds; it must divide K. None packs all of them into
            one token, which is fastest; fewer give the network more width per latent.
        prediction: what the network itself outputs, "sample" (clean latents) or "velocity".
        max_count: largest number of segments the count head knows.
        dropout: dropout in the blocks.
        self_conditioning: whether the network reads an earlier estimate of the clean latents (arXiv 2208.04202).
        encoder_fingerprint: `SegmentEncoder.fingerprint()` of the latents it was trained on.

    Raises:
        ValueError: unknown `prediction`, `latents_per_token` does not divide K, or heads or feed-forward part without
            a whole number of channels.
    """

    @register_to_config
    def __init__(
        self,
        num_latents: int = 4,
        latent_dim: int = 64,
        condition_dim: int = 96,
        width: int = 192,
        num_layers: int = 6,
        num_heads: int = 6,
        mlp_ratio: float = 2.0,
        cross_every: int = 2,
        latents_per_token: int | None = None,
        prediction: Literal["sample", "velocity"] = "sample",
        max_count: int = 12,
        dropout: float = 0.0,
        encoder_fingerprint: str = "",
        self_conditioning: bool = True,
    ) -> None:
        super().__init__()
        if prediction not in ("sample", "velocity"):
            raise ValueError(f"prediction is {prediction!r}; known: sample, velocity")
        if width % (2 * num_heads):
            raise ValueError(f"width is {width}; it must be a multiple of twice num_heads, {num_heads}")
        if width * mlp_ratio < 1:
            raise ValueError(f"mlp_ratio is {mlp_ratio}; of width {width} it must leave at least one channel")
        per_token = latents_per_token or num_latents
        if num_latents % per_token:
            raise ValueError(f"latents_per_token is {per_token}; it must divide num_latents, {num_latents}")
        self.tokens_per_segment = num_latents // per_token
        token_dim = latent_dim * per_token
        self.input = nn.Linear((1 + self_conditioning) * token_dim, width)
        self.slot = nn.Parameter(torch.randn(self.tokens_per_segment, width) * 0.02)
        self.before = nn.Embedding(len(DISTANCE_BUCKETS), width)
        self.after = nn.Embedding(len(DISTANCE_BUCKETS), width)
        self.clean = nn.Parameter(torch.randn(LEVEL_WIDTH) * 0.02)
        self.noise_level = nn.Linear(LEVEL_WIDTH, LEVEL_WIDTH)
        self.modulation = nn.Linear(LEVEL_WIDTH, 6 * width)
        self.blocks = nn.ModuleList(
            Block(width, num_heads, condition_dim if index % cross_every == 0 else None, mlp_ratio, dropout)
            for index in range(num_layers)
        )
        self.output_norm = nn.LayerNorm(width, eps=1e-6)
        self.output = nn.Linear(width, token_dim)
        self.count_given = nn.Linear(num_latents * latent_dim, width)
        self.count_last = nn.Embedding(max_count + 1, width)
        self.count_condition = nn.Linear(condition_dim, width)
        self.count_head = nn.Sequential(nn.SiLU(), nn.Linear(width, max_count))
        for layer in (self.modulation, self.output):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for embedding in (self.before, self.after, self.count_last):
            nn.init.normal_(embedding.weight, std=0.02)

    def condition_keys(self, condition: Tensor) -> list[tuple[Tensor, Tensor] | None]:
        """Keys and values of the condition (B, C, condition_dim) for every block; computed once per text."""
        return [block.condition_keys(condition) for block in self.blocks if isinstance(block, Block)]

    def forward(
        self,
        latents: Tensor,
        log_snr: Tensor,
        segment_mask: Tensor,
        clean_mask: Tensor,
        before: Tensor,
        after: Tensor,
        condition_keys: list[tuple[Tensor, Tensor] | None],
        condition_mask: Tensor,
        self_condition: Tensor | None = None,
        position: Tensor | None = None,
        past: CleanSegments | None = None,
    ) -> Tensor:
        """Estimate the clean latents.

        Args:
            latents: (B, S, K, D), noised to unit variance; clean ones as they are.
            log_snr: (B, S), log signal-to-noise ratio of each segment; ignored where clean.
            segment_mask: (B, S), True where a segment exists.
            clean_mask: (B, S), True where the segment is given.
            before: (B, S) int, segments of the text before each one.
            after: (B, S) int, segments of the text after each one.
            condition_keys: from `condition_keys`.
            condition_mask: (B, C), True where a condition state exists.
            self_condition: (B, S, K, D), an earlier estimate of the clean latents, or None; ignored by a network
                without self-conditioning.
            position: (S,) places of the segments in the window; 0 .. S - 1 when None.
            past: given segments at other places, from `clean_segments`; to be left out here.

        Returns:
            (B, S, K, D) clean latents; given ones come back as they are.
        """
        per_segment = self.tokens_per_segment
        given = clean_mask[..., None, None]
        x, modulation = self._embedded(latents, log_snr, clean_mask, before, after, self_condition)
        table = self._rotary_table(segment_mask.shape[1], position, x.device)
        allowed = attention_mask(segment_mask, clean_mask)
        if past is not None:
            allowed = torch.cat([past.mask.unsqueeze(1).expand(-1, allowed.shape[1], -1), allowed], dim=2)
        allowed = allowed.repeat_interleave(per_segment, 1).repeat_interleave(per_segment, 2)
        bias, condition_bias = attention_bias(allowed), attention_bias(condition_mask.bool().unsqueeze(1))
        for index, (block, keys_values) in enumerate(zip(self.blocks, condition_keys, strict=True)):
            known = None if past is None else past.keys_values[index]
            x = block(x, modulation, table, bias, keys_values, condition_bias, known)
        out = self.output(self.output_norm(x)).reshape(latents.shape).to(latents.dtype)
        if self.config.prediction == "velocity":  # v = alpha * e - sigma * z, so z = alpha * x - sigma * v
            alpha, sigma = (
                log_snr.sigmoid().sqrt()[..., None, None],
                (-log_snr).sigmoid().sqrt()[..., None, None],
            )
            out = alpha * latents - sigma * out
        return torch.where(given, latents, out)

    def clean_segments(
        self,
        latents: Tensor,
        segment_mask: Tensor,
        before: Tensor,
        after: Tensor,
        condition_keys: list[tuple[Tensor, Tensor] | None],
        condition_mask: Tensor,
        position: Tensor,
    ) -> CleanSegments:
        """What given segments are to the others: computed once, in place of at every step.

        It is exact, since given segments attend to given ones only. The arguments are those of `forward`, for the M
        segments at `position` (M,) that are given in every document.
        """
        everywhere = torch.ones_like(segment_mask)
        level = torch.full(segment_mask.shape, LOG_SNR_LIMIT, device=latents.device, dtype=latents.dtype)
        x, modulation = self._embedded(latents, level, everywhere, before, after, None)
        table = self._rotary_table(segment_mask.shape[1], position, x.device)
        allowed = attention_mask(segment_mask, everywhere)
        allowed = allowed.repeat_interleave(self.tokens_per_segment, 1).repeat_interleave(self.tokens_per_segment, 2)
        bias, condition_bias = attention_bias(allowed), attention_bias(condition_mask.bool().unsqueeze(1))
        found: list[tuple[Tensor, Tensor]] = []
        for block, keys_values in zip(self.blocks, condition_keys, strict=True):
            assert isinstance(block, Block)
            found.append(block.keys_and_values(x, modulation, table))
            x = block(x, modulation, table, bias, keys_values, condition_bias)
        return CleanSegments(found, segment_mask)

    def _rotary_table(self, num_segments: int, position: Tensor | None, device: torch.device) -> Table:
        """Angles of the tokens of segments at `position` (S,)."""
        place = torch.arange(num_segments, device=device) if position is None else position
        place = place.repeat_interleave(self.tokens_per_segment)
        return rotary_table(place, self.config.num_heads, self.config.width // self.config.num_heads)

    def _embedded(
        self,
        latents: Tensor,
        log_snr: Tensor,
        clean_mask: Tensor,
        before: Tensor,
        after: Tensor,
        self_condition: Tensor | None,
    ) -> tuple[Tensor, Modulation]:
        """The blocks' input (B, S * tokens of a segment, H) and modulation."""
        num_documents, num_segments = clean_mask.shape
        per_segment = self.tokens_per_segment
        given = clean_mask[..., None, None]
        inputs = latents
        if self.config.self_conditioning:
            if self_condition is None:
                self_condition = torch.zeros_like(latents)
            inputs = torch.stack([latents, self_condition.masked_fill(given, 0.0)], dim=3)  # (B, S, K, 2, D)
        tokens = inputs.reshape(num_documents, num_segments, per_segment, -1)
        place = self.before(distance_bucket(before)) + self.after(distance_bucket(after))
        x = self.input(tokens) + self.slot + place.unsqueeze(2)
        x = x.flatten(1, 2)  # (B, S * tokens, H)

        level = log_snr.masked_fill(clean_mask, LOG_SNR_LIMIT)
        level = self.noise_level(sinusoid(level, LEVEL_WIDTH).to(x.dtype)) + clean_mask.unsqueeze(-1) * self.clean
        return x, self.modulation(F.silu(level)).chunk(6, dim=-1)

    def count_logits(self, condition: Tensor, condition_mask: Tensor, latents: Tensor, clean_mask: Tensor) -> Tensor:
        """How many segments the text has: logits (B, max_count) of 1 .. max_count.

        Args:
            condition: (B, C, condition_dim) and condition_mask: (B, C).
            latents: (B, S, K, D), read where `clean_mask` (B, S) says that a segment is given.
        """
        weight = condition_mask.unsqueeze(-1).to(condition.dtype)
        text = (condition * weight).sum(1) / weight.sum(1).clamp_min(1)
        weight = clean_mask.unsqueeze(-1).to(latents.dtype)
        given = (latents.flatten(2) * weight).sum(1) / weight.sum(1).clamp_min(1)
        index = torch.arange(1, clean_mask.shape[1] + 1, device=clean_mask.device)
        last = (clean_mask * index).amax(1).clamp_max(self.config.max_count)
        return self.count_head(self.count_condition(text) + self.count_given(given) + self.count_last(last))
