"""What the diffusion stage optimises. B documents, S segments, K latents per segment, D latent width."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..configs.schema import DiffusionConfig
from ..diffusion import SegmentDenoiser
from ..diffusion.noise import log_snr, noise_latents, signal_and_noise
from ..diffusion.objective import denoising_loss, draw_levels
from ..encoders import ConditionEncoder
from .latent_batches import LatentBatch


class DiffusionObjective(nn.Module):
    """Denoising loss and count loss of denoiser and condition encoder.

    Args:
        denoiser, condition_encoder: trained together.
        config: levels, self-conditioning and weights.
        gist_latents: how many of the latents, the first ones, are gist latents.
    """

    def __init__(
        self,
        denoiser: SegmentDenoiser,
        condition_encoder: ConditionEncoder,
        config: DiffusionConfig,
        gist_latents: int = 0,
    ) -> None:
        super().__init__()
        self.gist_latents = gist_latents
        self.denoiser = denoiser
        self.condition_encoder = condition_encoder
        self.config = config

    def forward(self, batch: LatentBatch) -> dict[str, Tensor]:
        """Losses of a batch: "loss" (weighted sum), "denoising" of all latents, "gist" of the gist, and "count"."""
        config = self.config
        levels = config.levels
        level, clean_mask = draw_levels(batch.segment_mask, levels.shift, levels.share_given, levels.share_independent)
        noised = noise_latents(batch.latents, level, torch.randn_like(batch.latents))
        noised = torch.where(clean_mask[..., None, None], batch.latents, noised)
        condition, condition_mask = self.condition_encoder(batch.condition_ids, batch.condition_mask)
        keys = self.denoiser.condition_keys(condition)
        inputs = (
            noised,
            log_snr(*signal_and_noise(level)),
            batch.segment_mask,
            clean_mask,
            batch.before,
            batch.after,
        )
        earlier = self.earlier_estimate(inputs, condition, condition_mask) if config.self_conditioning else None
        estimate = self.denoiser(*inputs, keys, condition_mask, earlier)
        wanted = batch.segment_mask & ~clean_mask
        per_latent = denoising_loss(estimate, batch.latents, level, wanted, levels.min_variance)
        terms = {"denoising": per_latent.mean()}
        weight = torch.ones_like(per_latent)
        if self.gist_latents:
            terms["gist"] = per_latent[: self.gist_latents].mean()
            weight[self.gist_latents :] = config.detail_weight
        logits = self.denoiser.count_logits(condition, condition_mask, batch.latents, clean_mask)
        known = batch.count > 0
        count = F.cross_entropy(logits.float(), (batch.count - 1).clamp_min(0), reduction="none")
        count = (count * known).sum() / known.sum().clamp_min(1)
        loss = (weight * per_latent).sum() / weight.sum() + config.count_weight * count
        return {"loss": loss, **terms, "count": count}

    @torch.no_grad()
    def earlier_estimate(self, inputs: tuple[Tensor, ...], condition: Tensor, condition_mask: Tensor) -> Tensor:
        """Estimates (B, S, K, D) for self-conditioning of randomly drawn examples; zeros for the others.

        A share of the batch that is no whole number of examples is rounded at random, so that it holds on average.
        """
        latents = inputs[0]
        earlier = torch.zeros_like(latents)
        whole, rest = divmod(self.config.self_conditioning * latents.shape[0], 1)
        count = int(whole) + int(rest > 0 and float(torch.rand(())) < rest)
        rows = torch.randperm(latents.shape[0], device=latents.device)[:count]
        if len(rows):
            keys = self.denoiser.condition_keys(condition[rows])
            out = self.denoiser(*(tensor[rows] for tensor in inputs), keys, condition_mask[rows])
            earlier[rows] = out.to(earlier.dtype)
        return earlier
