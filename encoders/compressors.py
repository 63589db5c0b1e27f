"""Token states of a segment -> K fixed latents.

N segments, T tokens, H hidden width, K latents per segment, D latent width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POOLING_MODES = ("mean", "cls", "max")


class AlignedPooling(nn.Module):
    """Position-aligned pooling: latent k summarises the k-th K-th of the segment.

    The T token states are resampled (linear interpolation) to K * E states; each group of E is projected to one
    slot, one attention layer mixes the slots. Order survives without being learned, so copying is learned fast.

    Args:
        hidden_size: H.
        num_latents: K.
        latent_dim: D.
        num_heads: attention heads of the mixing layer.
        states_per_latent: E, interpolated token states per latent.
        dropout: dropout of the mixing layer.
    """

    def __init__(
        self,
        hidden_size: int,
        num_latents: int,
        latent_dim: int,
        num_heads: int,
        states_per_latent: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.num_latents = num_latents
        self.states_per_latent = states_per_latent
        narrow = max(hidden_size // 4, 8)
        self.narrow = nn.Linear(hidden_size, narrow)
        self.gather = nn.Linear(narrow * states_per_latent, hidden_size)
        self.slot = nn.Parameter(torch.randn(num_latents, hidden_size) * 0.02)
        self.mix = nn.TransformerEncoderLayer(
            hidden_size,
            num_heads,
            2 * hidden_size,
            dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.out = nn.Linear(hidden_size, latent_dim)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(N, T, H) states and (N, T) mask -> (N, K, D)."""
        num_points = self.num_latents * self.states_per_latent
        narrow = self.narrow(states)
        last = mask.sum(dim=1, keepdim=True).clamp_min(1).to(narrow.dtype) - 1  # index of the last token
        position = torch.linspace(0, 1, num_points, device=states.device, dtype=narrow.dtype) * last  # (N, K*E)
        low = position.floor().long()
        high = torch.minimum(low + 1, last.long())
        share = (position - low).unsqueeze(-1)

        def at(index: Tensor) -> Tensor:
            return narrow.gather(1, index.unsqueeze(-1).expand(-1, -1, narrow.shape[-1]))

        points = at(low) * (1 - share) + at(high) * share
        slots = self.gather(points.reshape(points.shape[0], self.num_latents, -1)) + self.slot
        return self.out(self.mix(slots))


class PerceiverPooling(nn.Module):
    """Learned-query pooling: K queries attend to the token states (Perceiver resampler, arXiv 2204.14198).

    Args:
        hidden_size: H.
        num_latents: K.
        latent_dim: D.
        num_heads: attention heads.
        num_layers: layers of self-attention, cross-attention and feed-forward.
        dropout: dropout inside the layers.
    """

    def __init__(
        self,
        hidden_size: int,
        num_latents: int,
        latent_dim: int,
        num_heads: int,
        num_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(num_latents, hidden_size) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                hidden_size,
                num_heads,
                2 * hidden_size,
                dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(num_layers)
        )
        self.out = nn.Linear(hidden_size, latent_dim)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(N, T, H) states and (N, T) mask -> (N, K, D)."""
        slots = self.query.expand(states.shape[0], -1, -1)
        padding = ~mask.bool()
        for layer in self.layers:
            slots = layer(slots, states, memory_key_padding_mask=padding)
        return self.out(slots)


class SentencePooling(nn.Module):
    """One latent: the sentence vector as `sentence-transformers` makes it, projected only where D differs from H.

    Args:
        hidden_size: H.
        latent_dim: D.
        mode: "mean" or "max" over the tokens, or "cls" (the first state).
        unit_length: scale the vector to length one, before the projection.

    Raises:
        ValueError: unknown `mode`.
    """

    def __init__(self, hidden_size: int, latent_dim: int, mode: str = "mean", unit_length: bool = False) -> None:
        super().__init__()
        if mode not in POOLING_MODES:
            raise ValueError(f"pooling_mode is {mode!r}; known modes: {', '.join(POOLING_MODES)}")
        self.mode = mode
        self.unit_length = unit_length
        self.out = nn.Identity() if latent_dim == hidden_size else nn.Linear(hidden_size, latent_dim)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(N, T, H) states and (N, T) mask -> (N, 1, D)."""
        there = mask.unsqueeze(-1).to(states.dtype)
        if self.mode == "cls":
            vector = states[:, 0]
        elif self.mode == "max":
            vector = states.masked_fill(there == 0, torch.finfo(states.dtype).min).amax(dim=1)
        else:
            vector = (states * there).sum(dim=1) / there.sum(dim=1).clamp_min(1)
        if self.unit_length:
            vector = F.normalize(vector, dim=-1)
        return self.out(vector).unsqueeze(1)
