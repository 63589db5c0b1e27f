"""The critic: shapes, padding, and what it may not depend on."""

import pytest
import torch

from segdiff.diffusion import SegmentCritic


@pytest.fixture(scope="module")
def critic() -> SegmentCritic:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SegmentCritic(num_latents=3, latent_dim=4, condition_dim=6, width=16, num_layers=2, num_heads=2).eval()


def inputs(documents: int = 2, segments: int = 4, condition: int = 5) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    before = torch.arange(segments).expand(documents, -1)
    return {
        "latents": torch.randn(documents, segments, 3, 4, generator=source),
        "segment_mask": torch.ones(documents, segments, dtype=torch.bool),
        "before": before,
        "after": segments - 1 - before,
        "condition": torch.randn(documents, condition, 6, generator=source),
        "condition_mask": torch.ones(documents, condition, dtype=torch.long),
    }


@torch.no_grad()
def test_padding_changes_nothing(critic):
    given = inputs()
    given["segment_mask"][:, 3] = False
    given["condition_mask"][:, 4] = 0
    expected = critic(**given)
    assert expected.shape == (2,) and expected[0] != expected[1]
    given["latents"][:, 3], given["condition"][:, 4] = 1e3, -1e3
    torch.testing.assert_close(critic(**given), expected)
    shorter = {name: value[:, :3] for name, value in given.items() if not name.startswith("condition")}
    shorter |= {name: value[:, :4] for name, value in given.items() if name.startswith("condition")}
    torch.testing.assert_close(critic(**shorter), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("part", ["latents", "before", "after", "condition"])
def test_everything_that_it_is_told_counts(critic, part):
    given = inputs()
    first = critic(**given)
    given[part] = given[part] + 1
    assert not torch.allclose(critic(**given), first)


@torch.no_grad()
def test_it_tells_the_order_of_segments_without_places(critic):
    given = inputs(documents=1)
    given["before"] = given["after"] = torch.zeros_like(given["before"])
    first = critic(**given)
    given["latents"] = given["latents"].flip(1)
    assert not torch.allclose(critic(**given), first)


@torch.no_grad()
def test_a_condition_may_be_nothing(critic):
    given = inputs()
    given["condition_mask"].zero_()
    assert critic(**given).isfinite().all()


@torch.no_grad()
def test_long_texts_and_saving(critic, tmp_path):
    given = inputs(segments=40)
    expected = critic(**given)
    assert expected.isfinite().all()
    critic.save_pretrained(tmp_path)
    again = SegmentCritic.from_pretrained(tmp_path).eval()(**given)
    torch.testing.assert_close(again, expected, rtol=0, atol=1e-6)  # kernels depend on where a tensor lies in memory
