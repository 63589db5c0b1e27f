"""SegmentCritic: do these segments make a text, and the one that was asked for? Chooses among what was written.

B documents, S segments, K latents per segment, D latent width, C condition states.
"""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin  # a pipeline looks for it in this module
from torch import Tensor, nn

MAX_PLACE = 16  # segments from either end that are told apart


class SegmentCritic(ModelMixin, ConfigMixin):
    """A transformer over the segments of a text and its condition -> a logit: above 0, a text as people write them.

    It reads the latents of finished text, encoded again, and learns from human texts beside the same ones spoilt: out
    of order, partly of another text, or for another condition. (As a discriminator, of human texts from the model's
    own, it came to prefer rare and broken words: docs/experiments.md.)

    Args:
        num_latents: K.
        latent_dim: D.
        condition_dim: width of the condition states.
        width: of the transformer.
        num_layers: of it.
        num_heads: of its attention.
        dropout: rate, on the latents.
        encoder_fingerprint: `SegmentEncoder.fingerprint()` of the latents it was trained on.
    """

    @register_to_config
    def __init__(
        self,
        num_latents: int = 4,
        latent_dim: int = 64,
        condition_dim: int = 96,
        width: int = 128,
        num_layers: int = 3,
        num_heads: int = 4,
        dropout: float = 0.1,
        encoder_fingerprint: str = "",
    ) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width is {width}; it must be a multiple of num_heads, {num_heads}")
        size = num_latents * latent_dim
        self.segment = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * size, width))
        self.condition = nn.Linear(condition_dim, width)
        self.from_start = nn.Embedding(MAX_PLACE, width)
        self.from_end = nn.Embedding(MAX_PLACE, width)
        self.whole = nn.Parameter(torch.randn(width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, num_heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(
        self,
        latents: Tensor,
        segment_mask: Tensor,
        before: Tensor,
        after: Tensor,
        condition: Tensor,
        condition_mask: Tensor,
    ) -> Tensor:
        """Logits (B,).

        Args:
            latents: (B, S, K, D), normalised, of the segments' texts.
            segment_mask: (B, S), True where a segment exists.
            before, after: (B, S) int, segments of the text before and after each.
            condition: (B, C, condition_dim) states and condition_mask: (B, C).
        """
        own = latents.flatten(2)
        previous = torch.cat([torch.zeros_like(own[:, :1]), own[:, :-1]], dim=1)
        states = self.segment(torch.cat([own, own * previous], dim=-1))
        states = states + self.from_start(before.clamp(0, MAX_PLACE - 1)) + self.from_end(after.clamp(0, MAX_PLACE - 1))
        whole = self.whole.expand(len(latents), 1, -1)
        states = torch.cat([whole, states, self.condition(condition)], dim=1)
        seen = torch.cat([torch.ones_like(segment_mask[:, :1]), segment_mask, condition_mask.bool()], dim=1)
        return self.head(self.layers(states, src_key_padding_mask=~seen)[:, 0]).squeeze(-1)
