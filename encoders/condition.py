"""ConditionEncoder: title, keywords or first lines -> token states that the denoiser attends to.

B documents, C condition tokens, H hidden width.
"""

from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Stack


class ConditionEncoder(ModelMixin, ConfigMixin):
    """A small T5 encoder whose states are preceded by one learned state, so that "no condition" attends to something.

    Args:
        text_config: keyword arguments of `transformers.T5Config` (at least `vocab_size`).
        max_tokens: longest condition in tokens; callers truncate to it.
    """

    @register_to_config
    def __init__(self, text_config: dict[str, Any], max_tokens: int = 32) -> None:
        super().__init__()
        config = T5Config(**text_config)
        self.text_encoder = T5Stack(config)
        self.null = nn.Parameter(torch.randn(config.d_model))

    def forward(self, input_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C) token ids and mask -> states (B, 1 + C, H) and mask (B, 1 + C); a row without tokens is legal."""
        safe = mask.bool() | (torch.arange(mask.shape[1], device=mask.device) == 0)  # no row without keys
        states = self.text_encoder(input_ids=input_ids, attention_mask=safe.long(), use_cache=False).last_hidden_state
        null = self.null.to(states.dtype).expand(states.shape[0], 1, -1)
        return torch.cat([null, states], dim=1), torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1).bool()
