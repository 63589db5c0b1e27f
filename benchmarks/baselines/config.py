"""Options of the baselines' training runs."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from transformers import PreTrainedTokenizerFast

from segdiff import StoryPipeline
from segdiff.configs.loader import Config
from segdiff.configs.schema import ConditionConfig, DataConfig, LoopConfig


class BaselineConfig(Config):
    """`train.py ar` and `train.py masked`."""

    kind: Literal["ar", "masked"] = "ar"
    like: str = "stories-tiny"  # the model whose tokenizer and number of parameters are taken
    parameters: int | None = Field(None, ge=1)  # None: as many as `like` has
    width: int = Field(256, ge=32, multiple_of=32)
    num_layers: int = Field(8, ge=1)
    batch_tokens: int = Field(1024, ge=16)
    tokens: int | None = Field(None, ge=1)  # tokens of training text after which to stop
    fill_in_share: float = Field(0.5, ge=0, le=1)  # ar: examples rearranged to fill a hole
    given_share: float = Field(0.3, ge=0, le=1)  # masked: examples of which some segments are given
    fragment_share: float = Field(0.05, ge=0, le=1)  # examples cut to a few segments out of their context
    data: DataConfig = DataConfig()
    condition: ConditionConfig = ConditionConfig(start=0)  # first segments need no condition here: they are given
    loop: LoopConfig = LoopConfig(learning_rate=1.5e-3, warmup_steps=60, checkpoint_every=250)


def reference(like: str | Path) -> tuple[PreTrainedTokenizerFast, int]:
    """Tokenizer and number of parameters of a model of ours."""
    pipeline = StoryPipeline.from_pretrained(like)
    modules = (pipeline.encoder, pipeline.condition_encoder, pipeline.denoiser, pipeline.decoder)
    return pipeline.tokenizer, sum(parameter.numel() for module in modules for parameter in module.parameters())


class PassageConfig(Config):
    """`train.py passage`."""

    kind: Literal["passage"] = "passage"
    like: str = "stories-tiny"  # the model whose tokenizer is taken and whose latents are multiplied
    minutes: float | None = Field(None, gt=0)  # of all stages together
    tokens: int | None = Field(None, ge=1)  # of training text, all stages together
    shares: tuple[float, float, float] = (0.42, 0.33, 0.25)  # of representation, diffusion and adaptation
    times: int = Field(5, ge=1)  # latents of a passage over those of a segment
    max_tokens: int = Field(100, ge=4)
    data: DataConfig = DataConfig()
    representation: list[str] = []  # key=value for the stages' configs, which are those of the bundled model
    diffusion: list[str] = []
    adaptation: list[str] = []
