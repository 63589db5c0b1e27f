"""Formulas of the denoiser's blocks with their gradients written out.

They are short sums and products over large tensors, so that memory decides how long they take; autograd alone makes
twice as many passes. `tests/diffusion/test_fused.py` holds the plain formulas and compares.

B documents, S segments, P tokens of a segment, L = S * P tokens, H width, A heads, W width of a head.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Table = tuple[Tensor, Tensor]
Heads = tuple[Tensor, Tensor, Tensor]


def normalised(x: Tensor, weight: Tensor, table: Table | None = None, eps: float = 1e-6) -> Tensor:
    """RMS norm (arXiv 1910.07467) of heads (B, L, A, W) by weight (W,), then rotated by the positions of a table.

    The result is in single precision; the table is a `layers.rotary_table` (arXiv 2104.09864), None for no positions.
    """
    cos, sin = table if table is not None else (None, None)
    return _Normalised.apply(x, weight, cos, sin, eps)


def projected(qkv: Tensor, query_weight: Tensor, key_weight: Tensor, table: Table, eps: float = 1e-6) -> Heads:
    """Queries, keys and values (B, L, A, W) of one projection (B, L, 3 A W): the first two `normalised` and rotated."""
    return _Projected.apply(qkv, query_weight, key_weight, *table, eps)


def modulated(x: Tensor, shift: Tensor, scale: Tensor, base: Tensor, eps: float = 1e-6) -> Tensor:
    """Layer norm of tokens (B, L, H) * (1 + scale) + shift, both (B, S, H) (adaLN, arXiv 2212.09748).

    `base` (2, H) is added to shift and scale of all segments.
    """
    return _Modulated.apply(x, shift, scale, base, eps)


def gated(x: Tensor, update: Tensor, gate: Tensor, base: Tensor) -> Tensor:
    """x + update * (gate + base) of tokens (B, L, H), gate (B, S, H), base (H,)."""
    return _Gated.apply(x, update, gate, base)


def swiglu(x: Tensor) -> Tensor:
    """(..., 2 F) -> (..., F): the first half times SiLU of the second (arXiv 2002.05202)."""
    return _SwiGLU.apply(x)


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, cos: Tensor | None, sin: Tensor | None, eps: float) -> Tensor:
        out, normal, scale = _normal(x, weight, cos, sin, eps)
        ctx.save_for_backward(normal, scale, weight, cos, sin)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:  # type: ignore[override]
        x_grad = torch.empty_like(grad, memory_format=torch.contiguous_format)
        return x_grad, _normal_backward(x_grad, grad, ctx.saved_tensors), None, None, None


class _Projected(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, eps: float) -> Heads:
        parts = qkv.unflatten(-1, (3, cos.shape[-2], cos.shape[-1])).unbind(2)
        (queries, *one), (keys, *other) = (
            _normal(part, weight, cos, sin, eps) for part, weight in zip(parts, (query, key), strict=False)
        )
        ctx.save_for_backward(*one, query, *other, key, cos, sin)
        return queries, keys, parts[2].contiguous()

    @staticmethod
    def backward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        *saved, cos, sin = ctx.saved_tensors
        grad = values.new_empty((*values.shape[:2], 3, *values.shape[2:]))  # one tensor, where a chunk would join three
        weights = [
            _normal_backward(grad[:, :, index], part, (*saved[3 * index : 3 * index + 3], cos, sin))
            for index, part in enumerate((queries, keys))
        ]
        grad[:, :, 2] = values
        return grad.flatten(2), *weights, None, None, None


def _normal(x: Tensor, weight: Tensor, cos: Tensor | None, sin: Tensor | None, eps: float) -> Heads:
    """RMS norm, scaled and rotated; without either; and the factors (B, L, A, 1) of the norm."""
    single = x.float()
    scale = (torch.linalg.vector_norm(single, dim=-1, keepdim=True).square() / x.shape[-1] + eps).rsqrt()
    normal = single * scale
    if cos is None or sin is None:
        return normal * weight, normal, scale
    return _turned(normal, weight * cos, weight.roll(weight.shape[0] // 2) * sin), normal, scale


def _normal_backward(out: Tensor, grad: Tensor, saved: Sequence[Any]) -> Tensor:
    """Writes the gradient of x to `out`; returns that of the weight."""
    normal, scale, weight, cos, sin = saved
    grad = grad.clone() if cos is None or sin is None else _turned(grad, cos, -sin)  # the transpose turns the other way
    product = grad * normal
    weight_grad = product.sum((0, 1, 2))
    mean = (product.flatten(0, 2) @ (weight / weight.shape[0]).to(product.dtype)).view_as(scale)
    torch.mul(grad.mul_(weight).addcmul_(normal, mean, value=-1), scale, out=out)
    return weight_grad


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Channels i and i + W / 2 of x (B, L, A, W): x_i cos_i - x_j sin_i, and x_j cos_j + x_i sin_j."""
    half = x.shape[-1] // 2
    out = x * cos
    out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
    out[..., half:].addcmul_(x[..., :half], sin[..., half:])
    return out


class _Modulated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, scale: Tensor, base: Tensor, eps: float) -> Tensor:
        normal, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, eps)
        factor = (scale + (1 + base[1])).unsqueeze(2)
        parts = normal.unflatten(1, (scale.shape[1], -1))  # (B, S, P, H)
        ctx.save_for_backward(x, parts, mean, rstd, factor)
        return torch.addcmul((shift + base[0]).unsqueeze(2), parts, factor).flatten(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, parts, mean, rstd, factor = ctx.saved_tensors
        grad = grad.reshape(parts.shape)
        product = grad * parts
        scale_grad, shift_grad = product.sum(2), grad.sum(2)
        base_grad = torch.stack([shift_grad.sum((0, 1)), scale_grad.sum((0, 1))])
        normal_grad = torch.mul(grad, factor, out=product).view_as(x).to(x.dtype)
        x_grad, _, _ = torch.ops.aten.native_layer_norm_backward(
            normal_grad, x, x.shape[-1:], mean, rstd, None, None, (True, False, False)
        )
        return x_grad, shift_grad, scale_grad, base_grad, None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, update: Tensor, gate: Tensor, base: Tensor) -> Tensor:
        gate = gate + base
        ctx.save_for_backward(update, gate)
        shape = (gate.shape[1], -1)
        return torch.addcmul(x.unflatten(1, shape), update.unflatten(1, shape), gate.unsqueeze(2)).flatten(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        update, gate = ctx.saved_tensors
        parts = grad.unflatten(1, (gate.shape[1], -1))  # (B, S, P, H)
        product = parts * update.reshape(parts.shape)
        gate_grad = product.sum(2)
        update_grad = torch.mul(parts, gate.unsqueeze(2), out=product).flatten(1, 2)
        return grad, update_grad, gate_grad, gate_grad.sum((0, 1))


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        hidden, open_ = x.chunk(2, dim=-1)
        gate = F.silu(open_)
        ctx.save_for_backward(x, gate)
        return hidden * gate

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        x, gate = ctx.saved_tensors
        hidden, open_ = x.chunk(2, dim=-1)
        out = torch.empty_like(x)
        half = gate.shape[-1]
        torch.mul(grad, gate, out=out[..., :half])
        torch.ops.aten.silu_backward.grad_input(grad * hidden, open_, grad_input=out[..., half:])
        return out
