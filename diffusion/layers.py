"""Layers of the denoiser. B documents, L tokens, C condition states, H width, A heads, P width of a head."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rotary_table(position: Tensor, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine (L, P / 2) of the rotation angles at positions (L,)."""
    half = head_width // 2
    frequency = torch.exp(-math.log(1000.0) * torch.arange(half, device=position.device) / half)
    angle = position.unsqueeze(-1) * frequency
    return angle.cos(), angle.sin()


def rotary(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding (arXiv 2104.09864) of (B, A, L, P) by a `rotary_table` of its L positions."""
    cos, sin = table
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)


def per_segment(x: Tensor, factor: Tensor, start: Tensor) -> Tensor:
    """start + x * factor of tokens x (B, S * P, H), P a segment; factor (B, S, H); start of either shape."""
    parts = x.unflatten(1, (factor.shape[1], -1))
    start = start.unsqueeze(2) if start.shape == factor.shape else start.view_as(parts)
    return torch.addcmul(start, parts, factor.unsqueeze(2)).flatten(1, 2)


def sinusoid(value: Tensor, width: int) -> Tensor:
    """Sinusoidal features (..., width) of a log signal-to-noise ratio (...)."""
    frequency = torch.exp(torch.linspace(math.log(0.05), math.log(2.0), width // 2, device=value.device))
    angle = value.unsqueeze(-1) * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def attention_bias(allowed: Tensor) -> Tensor:
    """(B, L, L) "may attend" -> (B, 1, L, L), 0 or minus infinity: made once, where every layer would convert it."""
    return torch.zeros(allowed.shape, device=allowed.device).masked_fill_(~allowed, -torch.inf).unsqueeze(1)


class SelfAttention(nn.Module):
    """Self-attention with normalised queries and keys (QK-norm, arXiv 2302.05442) and rotary segment positions."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, table: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        """(B, L, H), a `rotary_table` of the L positions and an `attention_bias` (B, 1, L, L) -> (B, L, H)."""
        heads = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        query, key = rotary(self.query_norm(query.float()), table), rotary(self.key_norm(key.float()), table)
        out = F.scaled_dot_product_attention(query, key, value.to(query.dtype), attn_mask=bias)
        return self.out(out.transpose(1, 2).flatten(2).to(x.dtype))


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
        """(B, C, condition width) -> keys and values (B, A, C, P)."""
        key, value = self.key_value(condition).unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return self.key_norm(key.float()), value

    def forward(self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """(B, L, H), keys and values (B, A, C, P) and an `attention_bias` (B, 1, 1, C) -> (B, L, H)."""
        query = self.query_norm(self.query(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2).float())
        out = F.scaled_dot_product_attention(query, key.to(query.dtype), value.to(query.dtype), bias)
        return self.out(out.transpose(1, 2).flatten(2).to(x.dtype))


class Block(nn.Module):
    """DiT block (arXiv 2212.09748): modulation starts at zero (adaLN-zero), so the block starts as the identity.

    The modulation is shared by all blocks up to a table per block (adaLN-single, arXiv 2310.00426).
    """

    def __init__(
        self, width: int, num_heads: int, condition_width: int | None, mlp_ratio: float, dropout: float
    ) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(6, width))
        self.attention_norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.attention = SelfAttention(width, num_heads)
        self.cross = None
        if condition_width is not None:
            self.cross_norm = nn.LayerNorm(width, eps=1e-6)
            self.cross = CrossAttention(width, condition_width, num_heads)
        self.mlp_norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        hidden = int(width * mlp_ratio)
        self.mlp_in = nn.Linear(width, 2 * hidden)
        self.mlp_out = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def condition_keys(self, condition: Tensor) -> tuple[Tensor, Tensor] | None:
        """Keys and values of the condition, or None where the block does not look at it."""
        return self.cross.keys_and_values(condition) if self.cross is not None else None

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        table: tuple[Tensor, Tensor],
        bias: Tensor,
        keys_values: tuple[Tensor, Tensor] | None,
        condition_bias: Tensor,
    ) -> Tensor:
        """(B, L, H) with modulation (B, S, 6, H) of the S segments -> (B, L, H); shift, scale, gate of either part."""
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = (modulation + self.table).unbind(-2)
        attended = self.attention(per_segment(self.attention_norm(x), 1 + scale, shift), table, bias)
        x = per_segment(self.dropout(attended), gate, x)
        if self.cross is not None and keys_values is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), *keys_values, condition_bias))
        hidden, open_ = self.mlp_in(per_segment(self.mlp_norm(x), 1 + mlp_scale, mlp_shift)).chunk(2, dim=-1)
        return per_segment(self.dropout(self.mlp_out(F.silu(open_) * hidden)), mlp_gate, x)
