"""Controls: small classifiers of segments' latents, whose gradients pull a story towards a label while it is written.

K latents per segment, D latent width, L labels; (...) is any number of segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from ..diffusion.guidance import Gradient
from ..encoders import SegmentEncoder
from .loading import load_component

LEVEL_FEATURES = 8
SHARPNESS = 10.0  # of the soft maximum over segments; high = one segment takes a word, low = all share it


class LatentClassifier(ModelMixin, ConfigMixin):
    """Estimates of a segment's clean latents, and the noise level they were made at -> logits of L labels.

    It reads the gist latents alone where there are such: a segment that is written from nothing is decoded from them.

    Args:
        labels: L names.
        num_latents: K.
        latent_dim: D.
        gist_latents: of the encoder.
        width: of the hidden layer.
        dropout: on the hidden layer.
        encoder_fingerprint: `SegmentEncoder.fingerprint()` of the latents it was trained on.
    """

    @register_to_config
    def __init__(
        self,
        labels: list[str],
        num_latents: int,
        latent_dim: int,
        gist_latents: int = 0,
        width: int = 128,
        dropout: float = 0.2,
        encoder_fingerprint: str = "",
    ) -> None:
        super().__init__()
        self.seen = gist_latents or num_latents
        self.layers = nn.Sequential(
            nn.Linear(self.seen * latent_dim + LEVEL_FEATURES, width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(width, len(labels)),
        )

    def forward(self, latents: Tensor, log_snr: Tensor) -> Tensor:
        """(..., K, D) and (...) -> (..., L)."""
        frequency = torch.arange(1, LEVEL_FEATURES // 2 + 1, device=latents.device) * 0.2
        angle = log_snr.unsqueeze(-1).to(latents.dtype) * frequency.to(latents.dtype)
        return self.layers(torch.cat([latents[..., : self.seen, :].flatten(-2), angle.cos(), angle.sin()], dim=-1))


@dataclass(frozen=True)
class Control:
    """A label that every written segment is to have.

    Attributes:
        classifier: trained by `segdiff train control`.
        label: one of its labels.
        scale: how strongly; 0 = not at all.
    """

    classifier: LatentClassifier
    label: str
    scale: float = 3.0


def load_control(folder: str | Path, label: str, scale: float = 3.0) -> Control:
    """A control from the folder that `segdiff train control` wrote.

    Raises:
        FileNotFoundError, ValueError: it is missing or damaged, or knows no such label.
    """
    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(f"no control in {str(folder)!r}; train one with: segdiff train control")
    classifier: LatentClassifier = load_component(LatentClassifier, folder)
    labels = classifier.config.labels
    if label not in labels:
        raise ValueError(f"the control {folder} has no label {label!r}; its labels are: {', '.join(labels)}")
    return Control(classifier, label, scale)


def control_gradients(controls: Sequence[Control], encoder: SegmentEncoder) -> list[Gradient]:
    """What pulls towards the labels of `controls`.

    Raises:
        ValueError: no list of controls, one is of another encoder, its scale is out of range, or two ask for different
            labels of the same classifier.
    """
    if not isinstance(controls, list | tuple) or not all(isinstance(control, Control) for control in controls):
        raise ValueError(f"controls must be a list of what `load_control` gives; got {controls!r:.60}")
    fingerprint = encoder.fingerprint() if controls else ""
    wanted: dict[tuple[Any, ...], str] = {}
    for control in controls:
        config = control.classifier.config
        if config.encoder_fingerprint != fingerprint:
            raise ValueError(
                f"the control {'/'.join(config.labels)} was trained on the latents of another model; train it again "
                "with --model"
            )
        if control.label not in config.labels:
            raise ValueError(f"no label {control.label!r}; this control has: {', '.join(config.labels)}")
        if not 0 <= control.scale <= 1000:
            raise ValueError(f"the scale of a control is {control.scale}; it must be between 0 and 1000")
        if wanted.setdefault(tuple(config.labels), control.label) != control.label:
            other = wanted[tuple(config.labels)]
            raise ValueError(f"contradictory controls: every segment is to be both {other!r} and {control.label!r}")
    return [control_gradient(control) for control in controls if control.scale > 0]


def control_gradient(control: Control) -> Gradient:
    """The pull of one control."""
    classifier = control.classifier.eval()
    index = classifier.config.labels.index(control.label)

    def log_probability(estimate: Tensor, log_snr: Tensor) -> Tensor:
        classifier.to(estimate.device)
        return classifier(estimate.float(), log_snr.float()).log_softmax(-1)[..., index]

    return Gradient(log_probability, control.scale)


def mention_gradient(words: Tensor, missing: Tensor, written: Tensor, gist_latents: int, scale: float) -> Gradient:
    """What pulls some segment of each story towards each word that it must mention: no training, only the encoder.

    A word is alone in a segment what a segment is that says nothing else. So the pull is towards a high cosine between
    the word's gist latents (all latents, without a gist) and those of the segment that is nearest already, by a soft
    maximum over segments.

    Args:
        words: (M, K, D) latents of M words.
        missing: (B, M), True where a story still has to mention a word.
        written: (B, S), True for segments that may.
        gist_latents: of the encoder.
        scale: how strongly.
    """
    seen = gist_latents or words.shape[1]
    wanted = F.normalize(words[:, :seen].flatten(1).float(), dim=-1)

    def log_probability(estimate: Tensor, log_snr: Tensor) -> Tensor:
        found = F.normalize(estimate[:, :, :seen].flatten(2).float(), dim=-1)
        alike = torch.einsum("bsd,md->bsm", found, wanted) * SHARPNESS
        nearest = alike.masked_fill(~written.unsqueeze(-1), -1e4).logsumexp(1) / SHARPNESS
        return nearest * (missing & written.any(1, keepdim=True))

    return Gradient(log_probability, scale)
