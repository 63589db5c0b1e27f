"""`segdiff train ...`: one stage, or a whole model."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..defaults import DEFAULT_MODEL
from .control import control
from .shared import PLAIN, Config, Data, Init, Minutes, Out, Set, help_without_command, may_be_on_the_hub, offline, say

if TYPE_CHECKING:
    from pydantic import BaseModel

train = typer.Typer(help="Train one stage, or a whole model.", **PLAIN)
train.command()(control)


@train.callback()
def _train(context: typer.Context) -> None:
    help_without_command(context)


def _run_stage(out: Path, config: "BaseModel", run: Callable[[], Any], **beside: str | None) -> None:
    """Open the run folder and train, unless the run is finished.

    Args:
        out: run folder.
        config: of the run.
        run: trains; imports what it needs after the checks.
        beside: what else decides the run, such as the model that it starts from.
    """
    from ..pipelines.checkpoints import latest_checkpoint
    from ..pipelines.runs import is_finished, locked, open_run

    with _interruptible(out), locked(out):
        open_run(out, config, **beside)
        if is_finished(out):
            say(f"segdiff: {out} is finished: its model is in {out / 'model'}; to train again, use another --out")
            return
        checkpoint = latest_checkpoint(out)
        if checkpoint is not None:
            say(f"segdiff: resuming from {checkpoint}")
        run()
    say(f"segdiff: finished; the model is in {out / 'model'}")


@contextmanager
def _interruptible(out: Path) -> Iterator[None]:
    """Ctrl-C says where the run stands and how to go on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        from ..pipelines.runs import progress_of

        interrupt.args = (f"interrupted; {progress_of(out)}",)
        raise


def _overrides(
    data: list[str] | None, minutes: float | None, sets: list[str] | None, **values: str | None
) -> list[str]:
    """Options of the command line as overrides; `--set` comes last and wins."""
    given = {"data.train": data or None, **values, "loop.max_minutes": minutes}
    overrides = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value is not None]
    if minutes is not None:
        overrides.append("loop.max_steps=null")  # steps would come before minutes
    return [*overrides, *(sets or [])]


@train.command()
def representation(
    out: Out,
    data: Data = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
    init: Init = None,
    reuse: Annotated[
        str | None, typer.Option(help="Model to take over what fits the config, the rest starts from random weights.")
    ] = None,
) -> None:
    """Encoder and decoder: text to latents and back."""
    from ..configs import load_config
    from ..configs.schema import RepresentationConfig

    values = load_config(RepresentationConfig, config, _overrides(data, max_minutes, set_))
    teacher = values.distillation.teacher if values.distillation.weight else None
    if not any(map(may_be_on_the_hub, (values.encoder.pretrained, teacher))):
        offline()

    if init is not None:
        from ..pipelines.shapes import with_shapes_of_start

        values = with_shapes_of_start(values, init, set_ or [])

    def run() -> None:
        from ..pipelines.train_representation import train_representation

        train_representation(values, out, init, reuse=reuse)

    _run_stage(out, values, run, init=init, reuse=reuse)


@train.command()
def diffusion(
    out: Out,
    data: Data = None,
    representation: Annotated[str | None, typer.Option(help="Trained representation: its run's model/.")] = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
    init: Init = None,
) -> None:
    """Denoiser and condition encoder, on a trained representation."""
    from ..configs import load_config
    from ..configs.schema import DiffusionConfig

    overrides = _overrides(data, max_minutes, set_, representation=representation)
    values = load_config(DiffusionConfig, config, overrides)
    offline()

    if init is not None:
        from ..pipelines.shapes import with_shapes_of_start

        values = with_shapes_of_start(values, init, set_ or [])

    def run() -> None:
        from ..pipelines.train_diffusion import train_diffusion

        train_diffusion(values, out, init)

    _run_stage(out, values, run, init=init)


@train.command()
def adaptation(
    out: Out,
    data: Data = None,
    model: Annotated[str | None, typer.Option(help="Trained model whose decoder is adapted.")] = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
) -> None:
    """Teach the decoder to read what the denoiser writes."""
    from ..configs import load_config
    from ..configs.schema import AdaptationConfig

    values = load_config(AdaptationConfig, config, _overrides(data, max_minutes, set_, model=model))
    offline()

    def run() -> None:
        from ..pipelines.train_adaptation import train_adaptation

        train_adaptation(values, out)

    _run_stage(out, values, run)


@train.command()
def critic(
    out: Out,
    data: Data = None,
    model: Annotated[str | None, typer.Option(help="Finished model that gets the critic.")] = None,
    config: Config = None,
    set_: Set = None,
    max_minutes: Minutes = None,
) -> None:
    """Teach a critic to choose among what the finished model writes."""
    from ..configs import load_config
    from ..configs.schema import CriticConfig

    values = load_config(CriticConfig, config, _overrides(data, max_minutes, set_, model=model))
    offline()

    def run() -> None:
        from ..pipelines.train_critic import train_critic

        train_critic(values, out)

    _run_stage(out, values, run)


@train.command("story-model")
def story_model(
    data: Annotated[Path, typer.Option(help="Folder that the config's corpora are in.")],
    out: Out,
    config: Annotated[str, typer.Option(help="A bundled config or a YAML file.")] = DEFAULT_MODEL,
    set_: Set = None,
) -> None:
    """Every stage in turn, and the finished model."""
    if not data.is_dir():
        raise FileNotFoundError(f"--data {data} is no folder")
    offline()
    from ..pipelines.runs import locked

    with _interruptible(out), locked(out):
        from ..pipelines.driver import build_story_model

        build_story_model(config, data, out, set_ or [], say=say)
