"""SegmentEncoder: token ids of a segment -> K latents of width D.

N segments, T tokens, K latents per segment, D latent width. *Raw* latents leave the compressor; *normalised* latents
have zero mean and unit variance per slot and channel on the training set. Everything outside this file is normalised.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from transformers import T5Config, T5EncoderModel
from transformers.models.t5.modeling_t5 import T5Stack

from .compressors import AlignedPooling, PerceiverPooling

COMPRESSORS = ("aligned", "perceiver")


class SegmentEncoder(ModelMixin, ConfigMixin):
    """A `transformers` text encoder (T5 family), a compressor to K latents and their normalisation.

    Args:
        text_config: keyword arguments of `transformers.T5Config` (as JSON; at least `vocab_size`).
        num_latents: K, latents per segment.
        latent_dim: D, width of a latent.
        compressor: "aligned" (position-aligned pooling) or "perceiver" (learned queries).
        states_per_latent: token states interpolated per latent ("aligned").
        num_compressor_layers: layers of the "perceiver".
        max_tokens: longest segment in tokens, its end token included.
        std_floor: floor of the standard deviation, as a share of the mean standard deviation over all channels, so
            that dead channels are not blown up by normalisation.

    Raises:
        ValueError: unknown `compressor`.
    """

    @register_to_config
    def __init__(
        self,
        text_config: dict[str, Any],
        num_latents: int = 4,
        latent_dim: int = 64,
        compressor: Literal["aligned", "perceiver"] = "aligned",
        states_per_latent: int = 8,
        num_compressor_layers: int = 2,
        max_tokens: int = 48,
        std_floor: float = 0.1,
    ) -> None:
        super().__init__()
        config = T5Config(**text_config, attn_implementation="eager")
        self.text_encoder = T5Stack(config)
        shape = (config.d_model, num_latents, latent_dim, config.num_heads)
        self.pooling: AlignedPooling | PerceiverPooling
        if compressor == "aligned":
            self.pooling = AlignedPooling(*shape, states_per_latent, config.dropout_rate)
        elif compressor == "perceiver":
            self.pooling = PerceiverPooling(*shape, num_compressor_layers, config.dropout_rate)
        else:
            raise ValueError(f"compressor is {compressor!r}; known compressors: {', '.join(COMPRESSORS)}")
        self.register_buffer("latent_mean", torch.zeros(num_latents, latent_dim))
        self.register_buffer("latent_std", torch.ones(num_latents, latent_dim))

    @classmethod
    def from_text_encoder(cls, name: str | Path, **config: Any) -> "SegmentEncoder":
        """Start from a pretrained T5-family encoder: a hub name or a local folder in the hub's format.

        Args:
            name: hub name or folder.
            config: the other arguments of `SegmentEncoder`.
        """
        pretrained = T5EncoderModel.from_pretrained(str(name))
        encoder = cls(text_config=pretrained.config.to_diff_dict(), **config)
        encoder.text_encoder = pretrained.encoder
        return encoder

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """(N, T) token ids and mask -> raw latents (N, K, D), each latent of unit variance over its width."""
        states = self.text_encoder(input_ids=input_ids, attention_mask=mask, use_cache=False).last_hidden_state
        latents = self.pooling(states, mask)
        return F.layer_norm(latents, latents.shape[-1:])

    def encode(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """(N, T) token ids and mask -> normalised latents (N, K, D)."""
        return self.normalize(self(input_ids, mask))

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
        config = {key: value for key, value in self.config.items() if not key.startswith("_")}
        digest.update(json.dumps(config, sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]
