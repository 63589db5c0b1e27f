"""The gist latents of a segment: what it is about and what it means, whatever its words' order.

N segments, T tokens, H hidden width, V vocabulary, G gist latents, D latent width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GistPooling(nn.Module):
    """G latents: first the segment's topic, which is not learned by gradients, then what the token states say.

    The topic is the sum of the vectors in `topics`, a buffer of one vector per token (its weight included), at a root
    mean square of one. It is there from the first step of training, so that the decoder learns to read it and the
    denoiser to write it without waiting for an encoder that names things. The other latents are learned; texts are
    compared by them (the contrastive loss), and the topic is left alone.

    Args:
        vocab_size: V.
        hidden_size: H.
        gist_latents: G.
        topic_latents: how many of them, the first ones, are the topic.
        latent_dim: D.
    """

    topics: Tensor

    def __init__(
        self, vocab_size: int, hidden_size: int, gist_latents: int, topic_latents: int, latent_dim: int
    ) -> None:
        super().__init__()
        learned = gist_latents - topic_latents
        self.shape = (topic_latents, latent_dim)
        self.register_buffer("topics", torch.zeros(vocab_size, topic_latents * latent_dim))
        self.score = nn.Linear(hidden_size, learned)
        self.out = nn.Linear(learned * hidden_size, learned * latent_dim)

    def forward(self, input_ids: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """(N, T) token ids, (N, T, H) states and (N, T) mask -> (N, G, D)."""
        total = (self.topics[input_ids] * mask.unsqueeze(-1)).sum(1)
        topic = F.normalize(total, dim=-1).unflatten(1, self.shape) * self.topics.shape[1] ** 0.5
        score = self.score(states).masked_fill(mask.unsqueeze(-1) == 0, torch.finfo(states.dtype).min)
        pooled = score.softmax(dim=1).transpose(1, 2) @ states
        meaning = self.out(pooled.flatten(1)).unflatten(1, (-1, self.shape[1]))
        return torch.cat([topic, F.layer_norm(meaning, meaning.shape[-1:])], dim=1)
