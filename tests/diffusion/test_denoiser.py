"""SegmentDenoiser: who sees whom, and what the output depends on."""

from typing import Any

import pytest
import torch
from torch import Tensor

from segdiff.diffusion import SegmentDenoiser
from segdiff.diffusion.denoiser import attention_mask, distance_bucket

NUM_LATENTS, LATENT_DIM, CONDITION_DIM, MAX_COUNT = 4, 2, 16, 6
KINDS = [(None, "sample"), (2, "sample"), (1, "sample"), (None, "velocity"), (1, "velocity")]


def make(
    per_token: int | None = None, prediction: Any = "sample", trained: bool = True, **options: Any
) -> SegmentDenoiser:
    """A tiny denoiser; `trained` gives the layers that start at zero some weight."""
    torch.manual_seed(0)
    shape = {"num_latents": NUM_LATENTS, "latent_dim": LATENT_DIM, "condition_dim": CONDITION_DIM}
    size = {"width": 32, "num_layers": 3, "num_heads": 2, "max_count": MAX_COUNT}
    denoiser = SegmentDenoiser(
        latents_per_token=per_token, prediction=prediction, **shape, **{**size, **options}
    ).eval()
    if trained:
        for layer in (denoiser.modulation, denoiser.output):
            torch.nn.init.normal_(layer.weight, std=0.2)
            torch.nn.init.normal_(layer.bias, std=0.2)
    return denoiser


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0] or 'all'} latents a token, {kind[1]}")
def denoiser(request: pytest.FixtureRequest) -> SegmentDenoiser:
    return make(*request.param)


def inputs(*counts: int, width: int | None = None, seed: int = 1) -> dict[str, Tensor]:
    """Arguments of a call on documents with `counts` segments; a document's numbers do not depend on the others."""
    width = width or max(counts)
    rows: list[dict[str, Tensor]] = []
    for row, count in enumerate(counts):
        generator = torch.Generator().manual_seed(seed + row)
        index = torch.arange(width)
        latents = torch.full((width, NUM_LATENTS, LATENT_DIM), 50.0)  # garbage where nothing exists
        latents[:count] = torch.randn(count, NUM_LATENTS, LATENT_DIM, generator=generator)
        log_snr = torch.full((width,), 9.0)
        log_snr[:count] = 4 * torch.randn(count, generator=generator)
        rows.append(
            {
                "latents": latents,
                "log_snr": log_snr,
                "segment_mask": index < count,
                "clean_mask": torch.zeros(width, dtype=torch.bool),
                "before": index,
                "after": (count - 1 - index).clamp_min(0),
                "condition": torch.randn(3, CONDITION_DIM, generator=generator),
                "condition_mask": torch.ones(3, dtype=torch.bool),
            }
        )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


@torch.no_grad()
def call(denoiser: SegmentDenoiser, values: dict[str, Tensor], self_condition: Tensor | None = None) -> Tensor:
    rest = dict(values)
    keys = denoiser.condition_keys(rest.pop("condition"))
    return denoiser(**rest, condition_keys=keys, self_condition=self_condition)


def close(left: Tensor, right: Tensor) -> bool:
    return torch.allclose(left, right, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------------------------- who sees whom


def test_padded_segments_and_other_documents_change_nothing(denoiser):
    alone = call(denoiser, inputs(3))
    wide = call(denoiser, inputs(3, 5, 1, width=7))
    assert wide.isfinite().all()
    assert close(wide[:1, :3], alone)


def test_segments_see_each_other(denoiser):
    values = inputs(4)
    before = call(denoiser, values)
    values["latents"][0, 3] += 1.0
    moved = (call(denoiser, values) - before)[0].abs().amax((-1, -2))
    assert (moved > 1e-3).all(), moved


def test_attention_mask():
    segment = torch.tensor([[True, True, True, False]])
    clean = torch.tensor([[True, False, False, False]])
    assert attention_mask(segment, clean)[0].int().tolist() == [[1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]]


def states_of_blocks(denoiser: SegmentDenoiser, values: dict[str, Tensor]) -> list[Tensor]:
    """Hidden states (B, S, tokens, H) after every block."""
    states: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, out: states.append(out)) for block in denoiser.blocks]
    call(denoiser, values, self_condition=torch.ones_like(values["latents"]))
    for hook in hooks:
        hook.remove()
    return [state.unflatten(1, (values["latents"].shape[1], -1)) for state in states]


def test_clean_segments_compute_the_same_whatever_the_noisy_ones_hold(denoiser):
    values = inputs(5, 4)
    values["clean_mask"][0, [1, 3]] = True
    values["clean_mask"][1, 0] = True
    clean = values["clean_mask"]
    before = states_of_blocks(denoiser, values)
    changed = {**values, "latents": values["latents"].clone(), "log_snr": values["log_snr"].clone()}
    changed["latents"][~clean] += 1.0
    changed["log_snr"] += 3.0  # of the clean ones too: it is ignored there
    after = states_of_blocks(denoiser, changed)
    assert len(before) == 3
    for old, new in zip(before, after, strict=True):
        assert close(old[clean], new[clean])
        noisy = values["segment_mask"] & ~clean
        assert not close(old[noisy], new[noisy])


def test_noisy_segments_see_the_clean_ones(denoiser):
    values = inputs(4)
    values["clean_mask"][0, 0] = True
    before = call(denoiser, values)
    values["latents"][0, 0] += 1.0
    assert ((call(denoiser, values) - before)[0, 1:].abs().amax((-1, -2)) > 1e-3).all()


def test_given_segments_come_back_as_they_are(denoiser):
    values = inputs(4)
    values["clean_mask"][0, 1] = True
    out = call(denoiser, values)
    assert torch.equal(out[0, 1], values["latents"][0, 1])
    assert not torch.equal(out[0, 0], values["latents"][0, 0])


# --------------------------------------------------------------------------- what the output depends on


def test_level_places_and_condition_matter(denoiser):
    values = inputs(4)
    before = call(denoiser, values)
    for name, change in {"log_snr": 2.0, "before": 5, "after": 5, "condition": 1.0}.items():
        changed = call(denoiser, {**values, name: values[name] + change * torch.ones_like(values[name])})
        assert not close(changed, before), f"{name} is ignored"


def test_condition_behind_the_mask_is_not_seen(denoiser):
    values = inputs(3)
    values["condition_mask"][0, 2] = False
    before = call(denoiser, values)
    values["condition"][0, 2] += 7.0
    assert close(call(denoiser, values), before)
    values["condition"][0, 1] += 1.0
    assert not close(call(denoiser, values), before)


def test_order_of_segments_matters_beyond_the_distances(denoiser):
    """Far from either end the distance buckets are equal; rotary positions still tell the order."""
    values = inputs(4)
    values["before"] = values["before"] + 50
    values["after"] = values["after"] + 50
    order = [1, 0, 2, 3]
    swapped = {**values, "latents": values["latents"][:, order], "log_snr": values["log_snr"][:, order]}
    assert not close(call(denoiser, swapped), call(denoiser, values)[:, order])


def test_self_condition_is_used_and_zero_is_none(denoiser):
    values = inputs(4)
    before = call(denoiser, values)
    assert torch.equal(call(denoiser, values, torch.zeros_like(values["latents"])), before)
    assert not close(call(denoiser, values, torch.ones_like(values["latents"])), before)


def test_self_condition_of_given_segments_is_ignored(denoiser):
    values = inputs(4)
    values["clean_mask"][0, 1] = True
    earlier = torch.randn_like(values["latents"])
    before = call(denoiser, values, earlier)
    earlier[0, 1] += 5.0
    assert torch.equal(call(denoiser, values, earlier), before)


# --------------------------------------------------------------------------------------------- start


@pytest.mark.parametrize(("per_token", "prediction"), KINDS)
def test_output_starts_at_zero_and_blocks_at_the_identity(per_token, prediction):
    denoiser = make(per_token, prediction, trained=False, cross_every=9)
    values = inputs(4)
    out = call(denoiser, values)
    alpha = values["log_snr"].sigmoid().sqrt()[..., None, None]
    wanted = torch.zeros_like(out) if prediction == "sample" else alpha * values["latents"]
    torch.testing.assert_close(out, wanted)
    first, second, third = states_of_blocks(denoiser, values)  # only the first attends to the condition
    assert torch.equal(first, second) and torch.equal(second, third)


def test_velocity_and_sample_mean_the_same():
    """A network whose raw output is the true velocity gives the clean latents."""
    denoiser = make(prediction="velocity", trained=False)
    values = inputs(4)
    clean, noise = torch.randn(2, 1, 4, NUM_LATENTS, LATENT_DIM)
    alpha, sigma = (
        s[..., None, None] for s in (values["log_snr"].sigmoid().sqrt(), (-values["log_snr"]).sigmoid().sqrt())
    )
    values["latents"] = alpha * clean + sigma * noise
    velocity = alpha * noise - sigma * clean
    denoiser.output.register_forward_hook(lambda _m, _i, out: velocity.reshape(out.shape))
    torch.testing.assert_close(call(denoiser, values), clean, rtol=1e-4, atol=1e-5)


def test_unknown_prediction():
    with pytest.raises(ValueError, match="prediction is 'epsilon'; known: sample, velocity"):
        make(prediction="epsilon")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 7}, "width is 32; it must be a multiple of twice num_heads, 7"),
        ({"num_heads": 32}, "width is 32; it must be a multiple of twice num_heads, 32"),
        ({"mlp_ratio": 0.01}, "mlp_ratio is 0.01; of width 32 it must leave at least one channel"),
    ],
)
def test_sizes_that_make_no_network(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_latents_per_token_must_divide():
    assert [make(per_token).tokens_per_segment for per_token in (None, 4, 2, 1)] == [1, 1, 2, 4]
    with pytest.raises(ValueError, match="latents_per_token is 3; it must divide num_latents, 4"):
        make(3)


def test_save_and_load_are_bit_equal(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)
    loaded = SegmentDenoiser.from_pretrained(tmp_path)
    assert torch.equal(call(loaded, inputs(3)), call(denoiser, inputs(3)))
    assert loaded.config.prediction == denoiser.config.prediction


# ----------------------------------------------------------------------------------------- count, buckets


def test_count_depends_on_condition_given_segments_and_their_place():
    denoiser = make()
    values = inputs(4, 4)
    condition, mask, latents = values["condition"], values["condition_mask"], values["latents"]
    clean = torch.tensor([[True, False, False, False], [False] * 4])
    before = denoiser.count_logits(condition, mask, latents, clean)
    assert before.shape == (2, MAX_COUNT)

    def moved(**change: Tensor) -> list[bool]:
        arguments = {"condition": condition, "condition_mask": mask, "latents": latents, "clean_mask": clean, **change}
        return [not close(*rows) for rows in zip(denoiser.count_logits(**arguments), before, strict=True)]

    assert moved(condition=condition + 1) == [True, True]
    assert moved(latents=latents + 1) == [True, False]  # nothing is given in the second text
    assert moved(clean_mask=torch.tensor([[False, True, False, False]] * 2)) == [True, True]
    noisy = latents.clone()
    noisy[:, 1:] += 3.0
    assert moved(latents=noisy) == [False, False]
    hidden = mask.clone()
    hidden[0, 2] = False
    assert moved(condition_mask=hidden) == [True, False]


def test_count_is_finite_beyond_the_largest_count():
    denoiser = make()
    values = inputs(9)
    logits = denoiser.count_logits(
        values["condition"], values["condition_mask"], values["latents"], torch.ones(1, 9, dtype=torch.bool)
    )
    assert logits.shape == (1, MAX_COUNT) and logits.isfinite().all()


def test_distance_buckets():
    distances = torch.tensor([0, 1, 4, 5, 6, 7, 9, 10, 14, 15, 24, 25, 49, 50, 1000])
    assert distance_bucket(distances).tolist() == [0, 1, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10]
