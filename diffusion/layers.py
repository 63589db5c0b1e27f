"""Layers of the denoiser. B documents, L tokens, C condition states, H width, A heads, P width of a head."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fused import Table, gated, modulated, normalised, projected, swiglu

# (B, S, H) each: shift and scale before attention and its gate, the same three of the feed-forward part.
Modulation = tuple[Tensor, ...]


def rotary_table(position: Tensor, num_heads: int, head_width: int) -> Table:
    """Cosine and sine (L, A, P) of the rotation angles at positions (L,); the channels i and i + P / 2 are a pair."""
    half = head_width // 2
    frequency = torch.exp(-math.log(1000.0) * torch.arange(half, device=position.device) / half)
    angle = (position.unsqueeze(-1) * frequency).repeat(1, 2).unsqueeze(1)
    shape = (-1, num_heads, -1)
    return angle.cos().expand(shape).contiguous(), angle.sin().expand(shape).contiguous()


def sinusoid(value: Tensor, width: int) -> Tensor:
    """Sinusoidal features (..., width) of a log signal-to-noise ratio (...)."""
    frequency = torch.exp(torch.linspace(math.log(0.05), math.log(2.0), width // 2, device=value.device))
    angle = value.unsqueeze(-1) * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def attention_bias(allowed: Tensor) -> Tensor:
    """(B, L, L) "may attend" -> (B, 1, L, L), 0 or minus infinity: made once, where every layer would convert it."""
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill_(~allowed, -torch.inf).unsqueeze(1)


def attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Queries (B, L, A, P), keys and values (B, M, A, P) and an `attention_bias` (B, 1, L or 1, M) -> (B, L, A * P)."""
    query, key, value = (heads.transpose(1, 2) for heads in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Self-attention with normalised queries and keys (QK-norm, arXiv 2302.05442) and rotary segment positions."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)

    def keys_and_values(self, x: Tensor, table: Table) -> tuple[Tensor, Tensor]:
        """(B, L, H) and a `rotary_table` of the L positions -> keys and values (B, L, A, P)."""
        _, key, value = projected(self.qkv(x), self.query_norm.weight, self.key_norm.weight, table)
        return key, value

    def forward(self, x: Tensor, table: Table, bias: Tensor, past: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Tokens that attend to one another, and to others whose keys and values are known.

        Args:
            x: (B, L, H).
            table: a `rotary_table` of the L positions.
            bias: an `attention_bias` (B, 1, L, M + L).
            past: keys and values (B, M, A, P), or None for M = 0.

        Returns:
            (B, L, H).
        """
        query, key, value = projected(self.qkv(x), self.query_norm.weight, self.key_norm.weight, table)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=1), torch.cat([past[1], value], dim=1)
        out = attention(query, key, value.to(query.dtype), bias)
        return self.out(out.to(x.dtype))


class CrossAttention(nn.Module):
    """Attention to the condition, whose keys and values are computed once per text (`keys_and_values`)."""

    def __init__(self, width: int, condition_width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(condition_width, 2 * width)
        self.query_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)

    def keys_and_values(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, condition width) -> keys and values (B, C, A, P)."""
        key, value = (part.unflatten(-1, (self.num_heads, -1)) for part in self.key_value(condition).chunk(2, dim=-1))
        return normalised(key, self.key_norm.weight), value

    def forward(self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """(B, L, H), keys and values (B, C, A, P) and an `attention_bias` (B, 1, 1, C) -> (B, L, H)."""
        query = normalised(self.query(x).unflatten(-1, (self.num_heads, -1)), self.query_norm.weight)
        return self.out(attention(query, key.to(query.dtype), value.to(query.dtype), bias).to(x.dtype))


class Block(nn.Module):
    """DiT block (arXiv 2212.09748): modulation starts at zero (adaLN-zero), so the block starts as the identity.

    The modulation is shared by all blocks up to a table per block (adaLN-single, arXiv 2310.00426).
    """

    def __init__(
        self, width: int, num_heads: int, condition_width: int | None, mlp_ratio: float, dropout: float
    ) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(6, width))
        self.attention = SelfAttention(width, num_heads)
        self.cross = None
        if condition_width is not None:
            self.cross_norm = nn.LayerNorm(width, eps=1e-6)
            self.cross = CrossAttention(width, condition_width, num_heads)
        hidden = int(width * mlp_ratio)
        self.mlp_in = nn.Linear(width, 2 * hidden)
        self.mlp_out = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def condition_keys(self, condition: Tensor) -> tuple[Tensor, Tensor] | None:
        """Keys and values of the condition, or None where the block does not look at it."""
        return self.cross.keys_and_values(condition) if self.cross is not None else None

    def keys_and_values(self, x: Tensor, modulation: Modulation, table: Table) -> tuple[Tensor, Tensor]:
        """Keys and values (B, L, A, P) of tokens (B, L, H), for others to attend to; modulation as in `forward`."""
        shift, scale, *_ = modulation
        return self.attention.keys_and_values(modulated(x, shift, scale, self.table[:2]), table)

    def forward(
        self,
        x: Tensor,
        modulation: Modulation,
        table: Table,
        bias: Tensor,
        keys_values: tuple[Tensor, Tensor] | None,
        condition_bias: Tensor,
        past: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """(B, L, H) with the `Modulation` of the segments -> (B, L, H).

        `past` holds keys and values of tokens that are not in x; see `SelfAttention.forward`.
        """
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = modulation
        attended = self.attention(modulated(x, shift, scale, self.table[:2]), table, bias, past)
        x = gated(x, self.dropout(attended), gate, self.table[2])
        if self.cross is not None and keys_values is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), *keys_values, condition_bias))
        hidden = swiglu(self.mlp_in(modulated(x, mlp_shift, mlp_scale, self.table[3:5])))
        return gated(x, self.dropout(self.mlp_out(hidden)), mlp_gate, self.table[5])
