"""SegmentEncoder: token ids of a segment -> K latents of width D.

N segments, T tokens, K latents per segment, D latent width. *Raw* latents leave the compressor; *normalised* latents
have zero mean and unit variance per slot and channel on the training set. Everything outside this file is normalised.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin  # a pipeline looks for it in this module
from torch import Tensor

from ..components import TextComponent
from .compressors import AlignedPooling, PerceiverPooling, SentencePooling
from .gist import GistPooling
from .text_encoders import KEPT_POSITIONS, build_text_encoder, dropout_options, load_text_encoder
from .text_encoders import text_config as make_text_config

COMPRESSORS = ("aligned", "perceiver", "pooled")
# Options younger than the first saved models; at these values they are no part of a fingerprint.
YOUNGER: dict[str, Any] = {
    "start_token_id": None,
    "pooling_mode": "mean",
    "unit_length": False,
    "gist_latents": 0,
    "topic_latents": 0,
}


class SegmentEncoder(TextComponent, ModelMixin, ConfigMixin):
    """A `transformers` text encoder, a compressor to K latents and their normalisation.

    Args:
        text_config: `model_type` ("t5" when absent) and keyword arguments of its `transformers` configuration (as
            JSON; at least `vocab_size`).
        num_latents: K, latents per segment.
        latent_dim: D, width of a latent.
        compressor: "aligned" (position-aligned pooling), "perceiver" (learned queries) or "pooled" (one sentence
            vector: K = 1).
        states_per_latent: token states interpolated per latent ("aligned").
        num_compressor_layers: layers of the "perceiver".
        max_tokens: longest segment in tokens, its end token included.
        std_floor: floor of the standard deviation, as a share of the mean standard deviation over all channels, so
            that dead channels are not blown up by normalisation.
        start_token_id: put before each segment, as BERT and BART have it; None: nothing is.
        pooling_mode, unit_length: of "pooled"; see `SentencePooling`.
        gist_latents: G, the first of the K latents, which say what the whole segment is about.
        topic_latents: how many of those, the first ones, are its topic; see `GistPooling`.

    Raises:
        ValueError: unknown `text_config["model_type"]` or `compressor`, "pooled" with K other than 1, not fewer
            gist latents than K, not fewer topic latents than gist latents, or `max_tokens` beyond the positions of the
            text encoder.
    """

    part = "encoder"

    @register_to_config
    def __init__(
        self,
        text_config: dict[str, Any],
        num_latents: int = 4,
        latent_dim: int = 64,
        compressor: Literal["aligned", "perceiver", "pooled"] = "aligned",
        states_per_latent: int = 8,
        num_compressor_layers: int = 2,
        max_tokens: int = 48,
        std_floor: float = 0.1,
        start_token_id: int | None = None,
        pooling_mode: str = "mean",
        unit_length: bool = False,
        gist_latents: int = 0,
        topic_latents: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= gist_latents < num_latents:
            raise ValueError(
                f"gist_latents is {gist_latents}; it must be at least 0 and below num_latents, {num_latents}"
            )
        if topic_latents and not 0 < topic_latents < gist_latents:
            raise ValueError(
                f"topic_latents is {topic_latents}; it must be at least 0 and below gist_latents, {gist_latents}"
            )
        config = make_text_config(text_config)
        positions = getattr(config, "max_position_embeddings", None)
        if positions is not None and max_tokens + KEPT_POSITIONS > positions:
            raise ValueError(
                f"max_tokens is {max_tokens}; with {positions} positions the {config.model_type} encoder takes at most "
                f"{positions - KEPT_POSITIONS}"
            )
        self.text_encoder: Any = build_text_encoder(config)
        dropout = next(iter(dropout_options(config, 0.0)), None)
        rate = getattr(config, dropout) if dropout else 0.0
        shape = (config.hidden_size, num_latents - gist_latents, latent_dim, config.num_attention_heads)
        self.gist: GistPooling | None = None
        if gist_latents:
            self.gist = GistPooling(config.vocab_size, config.hidden_size, gist_latents, topic_latents, latent_dim)
        self.pooling: AlignedPooling | PerceiverPooling | SentencePooling
        if compressor == "aligned":
            self.pooling = AlignedPooling(*shape, states_per_latent, rate)
        elif compressor == "perceiver":
            self.pooling = PerceiverPooling(*shape, num_compressor_layers, rate)
        elif compressor == "pooled":
            if num_latents != 1:
                raise ValueError(f"num_latents is {num_latents}; the compressor 'pooled' makes one: it must be 1")
            self.pooling = SentencePooling(config.hidden_size, latent_dim, pooling_mode, unit_length)
        else:
            raise ValueError(f"compressor is {compressor!r}; known compressors: {', '.join(COMPRESSORS)}")
        self.register_buffer("latent_mean", torch.zeros(num_latents, latent_dim))
        self.register_buffer("latent_std", torch.ones(num_latents, latent_dim))

    @classmethod
    def from_text_encoder(
        cls, name: str | Path, dropout: float | None = None, vocab_size: int = 0, **config: Any
    ) -> "SegmentEncoder":
        """Start from a pretrained encoder: a hub name or a local folder of `transformers` or `sentence-transformers`.

        Args:
            name: hub name or folder.
            dropout: rate in place of its own.
            vocab_size: rows that its token embedding has at least.
            config: the other arguments of `SegmentEncoder`.

        Raises:
            OSError, ValueError: see `load_text_encoder`.
        """
        found = load_text_encoder(name, config.get("compressor") == "pooled", dropout, vocab_size)
        pooling = {"pooling_mode": found.pooling_mode, "unit_length": found.unit_length}
        encoder = cls(text_config=found.text_config, **{**pooling, **config})
        encoder.text_encoder = found.text_encoder
        return encoder

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """(N, T) token ids and mask -> raw latents (N, K, D), the gist latents first.

        Each latent has unit variance over its width; a "pooled" one is the sentence vector as it is.
        """
        if self.config.start_token_id is not None:
            input_ids = F.pad(input_ids, (1, 0), value=self.config.start_token_id)
            mask = F.pad(mask, (1, 0), value=1)
        states = self.text_encoder(input_ids=input_ids, attention_mask=mask, use_cache=False).last_hidden_state
        latents = self.pooling(states, mask)
        if self.config.compressor == "pooled":
            return latents
        latents = F.layer_norm(latents, latents.shape[-1:])
        return latents if self.gist is None else torch.cat([self.gist(input_ids, states, mask), latents], dim=1)

    @property
    def meaning(self) -> slice:
        """Which of the K latents texts are compared by: the gist but for its topic, or all without a gist."""
        if not self.config.gist_latents:
            return slice(None)
        return slice(self.config.topic_latents, self.config.gist_latents)

    def encode(self, input_ids: Tensor | Iterable[str], mask: Tensor | None = None) -> Tensor:
        """(N, T) token ids and mask, or N texts -> normalised latents (N, K, D).

        Texts need the tokenizer that `from_pretrained` finds beside the encoder, and carry no gradient.

        Raises:
            ValueError: token ids without a mask, no tokenizer, or a text that is empty, too long or no valid Unicode.
        """
        if isinstance(input_ids, Tensor):
            if mask is None:
                raise ValueError("mask is missing; token ids need one, (N, T)")
            return self.normalize(self(input_ids, mask))
        from ..pipelines.rendering import encode_texts

        return encode_texts(self, self.tokenizer, input_ids)

    def normalize(self, raw: Tensor) -> Tensor:
        """Raw -> normalised latents (..., K, D)."""
        floor = self.config.std_floor * self.latent_std.mean()
        return (raw - self.latent_mean) / torch.maximum(self.latent_std, floor)

    @torch.no_grad()
    def set_statistics(self, mean: Tensor, std: Tensor, momentum: float = 0.0) -> None:
        """Store mean and standard deviation (K, D) of raw latents, blended with the stored ones by `momentum`."""
        self.latent_mean.lerp_(mean.to(self.latent_mean), 1 - momentum)
        self.latent_std.lerp_(std.to(self.latent_std), 1 - momentum)

    def fingerprint(self) -> str:
        """Hash of configuration, weights and normalisation; the same in half and in single precision."""
        digest = hashlib.sha256()
        config = {
            key: value
            for key, value in self.config.items()
            if not key.startswith("_") and not (key in YOUNGER and value == YOUNGER[key])
        }
        digest.update(json.dumps(config, sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]
