"""The written-out gradients of the denoiser's blocks against autograd's of the plain formulas."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from segdiff.diffusion.fused import gated, modulated, normalised, projected, swiglu
from segdiff.diffusion.layers import rotary_table

NUM_DOCUMENTS, NUM_SEGMENTS, PER_SEGMENT, WIDTH, NUM_HEADS, HEAD_WIDTH = 2, 3, 2, 12, 2, 6
LENGTH = NUM_SEGMENTS * PER_SEGMENT


def tensor(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype).requires_grad_()


def plain_normalised(x: Tensor, weight: Tensor, table: tuple[Tensor, Tensor] | None) -> Tensor:
    x = F.rms_norm(x.float(), (HEAD_WIDTH,), weight, 1e-6)
    if table is None:
        return x
    cos, sin = (part[..., : HEAD_WIDTH // 2] for part in table)
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)


def plain_projected(qkv: Tensor, query_weight: Tensor, key_weight: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    query, key, value = (part.unflatten(-1, (NUM_HEADS, HEAD_WIDTH)) for part in qkv.chunk(3, dim=-1))
    query, key = plain_normalised(query, query_weight, table), plain_normalised(key, key_weight, table)
    return torch.stack([query, key, value.float()])


def plain_modulated(x: Tensor, shift: Tensor, scale: Tensor, base: Tensor) -> Tensor:
    shift, scale = (
        (part + own).repeat_interleave(PER_SEGMENT, 1) for part, own in ((shift, base[0]), (scale, base[1]))
    )
    return F.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale) + shift


def plain_gated(x: Tensor, update: Tensor, gate: Tensor, base: Tensor) -> Tensor:
    return x + update * (gate + base).repeat_interleave(PER_SEGMENT, 1)


def plain_swiglu(x: Tensor) -> Tensor:
    hidden, open_ = x.chunk(2, dim=-1)
    return hidden * F.silu(open_)


def cases(dtype: torch.dtype = torch.float32) -> dict[str, tuple]:
    """Name -> (ours, plain, inputs with gradients, inputs without)."""
    tokens = tensor(NUM_DOCUMENTS, LENGTH, WIDTH, seed=0, dtype=dtype)
    update = tensor(NUM_DOCUMENTS, LENGTH, WIDTH, seed=1, dtype=dtype)
    one, other = (tensor(NUM_DOCUMENTS, NUM_SEGMENTS, WIDTH, seed=seed) for seed in (2, 3))
    heads = tensor(NUM_DOCUMENTS, LENGTH, NUM_HEADS, HEAD_WIDTH, seed=4, dtype=dtype)
    weight, other_weight = tensor(HEAD_WIDTH, seed=5), tensor(HEAD_WIDTH, seed=6)
    qkv = tensor(NUM_DOCUMENTS, LENGTH, 3 * NUM_HEADS * HEAD_WIDTH, seed=7, dtype=dtype)
    base = tensor(2, WIDTH, seed=8)
    table = rotary_table(torch.arange(LENGTH), NUM_HEADS, HEAD_WIDTH)
    return {
        "normalised": (normalised, plain_normalised, (heads, weight), (None,)),
        "normalised and rotated": (normalised, plain_normalised, (heads, weight), (table,)),
        "projected": (
            lambda *inputs: torch.stack([part.float() for part in projected(*inputs)]),
            plain_projected,
            (qkv, weight, other_weight),
            (table,),
        ),
        "modulated": (modulated, plain_modulated, (tokens, one, other, base), ()),
        "gated": (gated, plain_gated, (tokens, update, one, base[0].detach().requires_grad_()), ()),
        "swiglu": (swiglu, plain_swiglu, (tokens,), ()),
    }


def outcome(function, inputs: tuple[Tensor, ...], rest: tuple) -> list[Tensor]:
    """Output, then the gradient of each input for a fixed gradient of the output."""
    out = function(*inputs, *rest)
    given = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(out.dtype)
    return [out, *torch.autograd.grad(out, inputs, given)]


@pytest.mark.parametrize("name", list(cases()))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_output_and_gradients_are_those_of_the_plain_formula(name, dtype):
    ours, plain, inputs, rest = cases(dtype)[name]
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
    for mine, theirs in zip(outcome(ours, inputs, rest), outcome(plain, inputs, rest), strict=True):
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
        torch.testing.assert_close(mine, theirs, **tolerance)


@pytest.mark.parametrize("name", list(cases()))
def test_gradients_of_parts_of_a_larger_tensor(name):
    """As in attention, where queries, keys and values are slices of one projection."""
    ours, plain, (first, *others), rest = cases()[name]
    wide = torch.cat([first, first + 1], dim=1).detach().requires_grad_()
    results = [
        torch.autograd.grad(function(wide[:, : first.shape[1]], *others, *rest).square().sum(), wide)[0]
        for function in (ours, plain)
    ]
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_a_rotation_keeps_lengths_and_tells_distances():
    x = tensor(1, LENGTH, NUM_HEADS, HEAD_WIDTH, seed=0).detach()
    same = x[:, :1].expand_as(x)
    turned = normalised(same, torch.ones(HEAD_WIDTH), rotary_table(torch.arange(LENGTH), NUM_HEADS, HEAD_WIDTH))
    torch.testing.assert_close(turned.square().mean(-1), torch.ones(1, LENGTH, NUM_HEADS))
    product = torch.einsum("blac,bmac->lm", turned, turned)
    torch.testing.assert_close(product[1:, 1:], product[:-1, :-1])
    assert (product[0, 0] - product[0, 1:]).min() > 1e-3
