"""The gist latents of a segment: what it is about, whatever its words' order.

N segments, T tokens, H hidden width, V vocabulary, G gist latents, D latent width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GistPooling(nn.Module):
    """G latents: the segment's topic vector, which is not learned by gradients, and what the token states add to it.

    The topic vector is the sum of the vectors in `topics`, a buffer of one vector per token (its weight included), at a
    root mean square of one. It is there from the first step of training, so that the decoder learns to read it and the
    denoiser to write it without waiting for an encoder that names things. What is added starts at zero.

    Args:
        vocab_size: V.
        hidden_size: H.
        gist_latents: G.
        latent_dim: D.
    """

    topics: Tensor

    def __init__(self, vocab_size: int, hidden_size: int, gist_latents: int, latent_dim: int) -> None:
        super().__init__()
        self.gist_latents = gist_latents
        self.register_buffer("topics", torch.zeros(vocab_size, gist_latents * latent_dim))
        self.score = nn.Linear(hidden_size, gist_latents)
        self.out = nn.Linear(gist_latents * hidden_size, gist_latents * latent_dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, input_ids: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """(N, T) token ids, (N, T, H) states and (N, T) mask -> (N, G, D)."""
        about = F.normalize((self.topics[input_ids] * mask.unsqueeze(-1)).sum(1), dim=-1) * self.topics.shape[1] ** 0.5
        score = self.score(states).masked_fill(mask.unsqueeze(-1) == 0, torch.finfo(states.dtype).min)
        pooled = score.softmax(dim=1).transpose(1, 2) @ states
        return (about + self.out(pooled.flatten(1))).unflatten(1, (self.gist_latents, -1))
