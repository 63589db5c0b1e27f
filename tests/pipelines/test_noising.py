"""The noise that the decoder learns to read through."""

import torch

from segdiff.configs.schema import NoiseConfig
from segdiff.encoders.latents import noise_level
from segdiff.pipelines.noising import draw_noise

NUM_LATENTS, GIST = 5, 2


def draw(gist_latents: int, **options: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Measured strengths (4000, K) of the noise and the levels told."""
    torch.manual_seed(0)
    latents = torch.randn(4000, NUM_LATENTS, 64)
    noised, level = draw_noise(latents, gist_latents, NoiseConfig.model_validate(options))
    return (noised - latents).square().mean(-1).sqrt() / latents.square().mean((-1, -2)).sqrt()[:, None], level


def test_without_a_gist_all_latents_of_a_segment_share_a_strength():
    strength, level = draw(0, max_strength=0.8, clean_share=0.25, gist_only_share=0.9)
    torch.testing.assert_close(level, noise_level(strength), rtol=0, atol=0.15)
    assert bool((level == level[:, :1]).all()) and abs(float((level[:, 0] == 0).float().mean()) - 0.25) < 0.03


def test_the_gist_is_less_noisy_and_sometimes_alone():
    strength, level = draw(GIST, max_strength=1.5, clean_share=0.2, gist_only_share=0.3, max_gist_strength=0.8)
    gist, rest = level[:, :GIST], level[:, GIST:]
    assert bool((gist == gist[:, :1]).all()) and bool((rest == rest[:, :1]).all())
    hidden = rest[:, 0] == 1
    assert abs(float(hidden.float().mean()) - 0.3) < 0.03
    assert bool((gist[:, 0] <= rest[:, 0]).all()) and float(gist.max()) <= noise_level(0.8)
    torch.testing.assert_close(gist, noise_level(strength[:, :GIST]), rtol=0, atol=0.15)
    assert abs(float(strength[hidden, :GIST].mean()) - 0.4) < 0.03, "the gist that is alone has noise of its own"
    assert float(strength[~hidden, GIST:].max()) > 1.3


def test_growing_noise():
    assert float(draw(GIST, max_strength=1.0)[0].max()) > 0.9
    torch.manual_seed(0)
    latents = torch.randn(500, NUM_LATENTS, 64)
    level = draw_noise(latents, GIST, NoiseConfig(max_strength=1.0, gist_only_share=0.0), torch.tensor(0.1))[1]
    assert float(level.max()) <= noise_level(0.1)
