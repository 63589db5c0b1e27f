"""The training loop on a toy: schedule, accumulation, average, resume, refusals."""

import json
import math
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from segdiff.configs.schema import LoopConfig
from segdiff.pipelines import training
from segdiff.pipelines.batches import TensorBatch
from segdiff.pipelines.checkpoints import latest_checkpoint, load_checkpoint
from segdiff.pipelines.training import MetricsFile, fit, learning_rate, seed_step, steps_for


@dataclass
class Points(TensorBatch):
    x: Tensor
    y: Tensor


class Toy(nn.Module):
    """A small regression with dropout, so that the random state matters."""

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 16), nn.Dropout(dropout), nn.GELU(), nn.Linear(16, 1))

    def forward(self, batch: Points) -> dict[str, Tensor]:
        loss = (self.net(batch.x) - batch.y).square().mean()
        return {"loss": loss, "error": loss.sqrt()}


def points(step: int, rows: int = 10) -> Points:
    x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(step))
    return Points(x, x.sum(1, keepdim=True))


def loop(**options: Any) -> LoopConfig:
    defaults = {"max_steps": 12, "warmup_steps": 3, "learning_rate": 0.02, "log_every": 1, "checkpoint_every": 4}
    return LoopConfig(**{**defaults, **options})


def run(
    toy: nn.Module, folder: Path, batch_at: Any = points, ema: float | None = None, **options: Any
) -> dict[str, Any]:
    return fit(toy, batch_at, loop(**options), folder, Accelerator(), lambda batch: len(batch.x), ema_decay=ema)


def logged(folder: Path, *names: str) -> list[tuple]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [tuple(line[name] for name in names) for line in lines]


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


class Killed(Exception):
    pass


def killed_at(micro_step: int, batch_at: Any = points) -> Any:
    def wrapper(step: int) -> Points:
        if step == micro_step:
            raise Killed
        return batch_at(step)

    return wrapper


# ---------------------------------------------------------------------------------------------- schedule


def test_learning_rate_warms_up_then_falls_to_its_share():
    options = loop(learning_rate=1.0, warmup_steps=10, final_learning_rate_share=0.02)
    rates = [learning_rate(step, 110, options) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert rates[10] == 1.0
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[60] == pytest.approx(0.51)
    assert rates[109] == pytest.approx(0.02, abs=1e-3) and rates[110] == pytest.approx(0.02)
    assert learning_rate(5, None, options) == rates[5]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_optimizer_steps_and_rates_under_accumulation(tmp_path, monkeypatch, accumulate):
    """One optimizer step for every `accumulate` batches, on the same learning rates."""
    rates: list[float] = []
    step = torch.optim.AdamW.step

    def counted(self, *arguments, **options):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)
    seen: list[int] = []

    def watched(micro: int) -> Points:
        seen.append(micro)
        return points(micro)

    run(Toy(), tmp_path, watched, accumulate=accumulate)
    assert seen == list(range(12 * accumulate))
    assert rates == pytest.approx([learning_rate(index, 12, loop()) for index in range(12)])
    assert [rate for (rate,) in logged(tmp_path, "learning_rate")] == pytest.approx(rates)


def test_accumulated_batches_are_one_batch(tmp_path):
    def half(micro: int) -> Points:
        whole = points(micro // 2)
        part = slice(0, 5) if micro % 2 == 0 else slice(5, 10)
        return Points(whole.x[part], whole.y[part])

    one, two = Toy(dropout=0.0), Toy(dropout=0.0)
    run(one, tmp_path / "one")
    run(two, tmp_path / "two", half, accumulate=2)
    torch.testing.assert_close(weights(two), weights(one), rtol=1e-3, atol=1e-5)
    assert [a for (a,) in logged(tmp_path / "two", "loss")] == pytest.approx(
        [a for (a,) in logged(tmp_path / "one", "loss")], rel=1e-3
    )


def test_weight_decay_spares_vectors(tmp_path):
    """Without a gradient only the matrices shrink."""

    class Idle(Toy):
        def forward(self, batch):
            return {"loss": 0.0 * sum(parameter.sum() for parameter in self.parameters())}

    toy = Idle()
    before = {name: value.clone() for name, value in toy.state_dict().items()}
    run(toy, tmp_path, weight_decay=0.5)
    for name, value in toy.state_dict().items():
        assert torch.equal(value, before[name]) == (value.ndim < 2), name


def test_gradient_is_clipped(tmp_path):
    toys = [Toy(dropout=0.0), Toy(dropout=0.0)]
    run(toys[0], tmp_path / "loose", max_steps=1)
    run(toys[1], tmp_path / "tight", max_steps=1, max_grad_norm=1e-9)  # far below Adam's epsilon: hardly a step
    start = weights(Toy())
    assert (weights(toys[1]) - start).abs().max() < 0.2 * (weights(toys[0]) - start).abs().max()


def test_loss_falls_on_ten_examples(tmp_path):
    run(Toy(dropout=0.0), tmp_path, lambda _: points(0), max_steps=80, checkpoint_every=100)
    losses = [loss for (loss,) in logged(tmp_path, "loss")]
    assert len(losses) == 80 and losses[-1] < 0.1 * losses[0]


def test_ema_is_the_average_of_the_weights(tmp_path, monkeypatch):
    toy = Toy()
    seen: list[Tensor] = []
    step = torch.optim.AdamW.step

    def watched(self, *arguments, **options):
        result = step(self, *arguments, **options)
        seen.append(weights(toy))
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    run(toy, tmp_path, ema=0.7)
    average = seen[0]
    for value in seen[1:]:
        average = 0.7 * average + 0.3 * value
    torch.testing.assert_close(weights(toy), average)
    assert not torch.allclose(weights(toy), seen[-1])


# ------------------------------------------------------------------------------------------------ resume


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("kill", [1, 9, 16])
def test_resume_after_a_kill_is_bit_identical(tmp_path, ema, kill):
    whole, first, second = Toy(), Toy(), Toy()
    state = run(whole, tmp_path / "whole", ema=ema, accumulate=2)
    with pytest.raises(Killed):
        run(first, tmp_path / "killed", killed_at(kill), ema=ema, accumulate=2)
    (tmp_path / "killed" / "checkpoint-99.tmp").mkdir(parents=True)
    torch.manual_seed(1234)  # whatever the new process did before
    torch.rand(17)
    resumed = run(second, tmp_path / "killed", ema=ema, accumulate=2)
    assert torch.equal(weights(second), weights(whole))
    columns = ("step", "loss", "error", "learning_rate", "grad_norm")
    assert logged(tmp_path / "killed", *columns) == logged(tmp_path / "whole", *columns)
    assert {**resumed, "seconds": 0} == {**state, "seconds": 0}


def test_finished_run_is_not_trained_further(tmp_path):
    first, second = Toy(), Toy()
    run(first, tmp_path, ema=0.9)
    run(second, tmp_path, killed_at(0), ema=0.9)
    assert torch.equal(weights(second), weights(first))


def test_a_finished_run_still_gives_its_losses(tmp_path):
    """A kill may come after the last checkpoint and before the result is written."""
    state = run(Toy(), tmp_path)
    assert run(Toy(), tmp_path, killed_at(0)) == state and {"loss", "error"} <= state.keys()
    file = tmp_path / "checkpoint-12" / "state.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in values.items() if key != "losses"}))  # an older version's
    assert run(Toy(), tmp_path, killed_at(0)) == {key: state[key] for key in ("step", "total_steps", "seconds")}


@pytest.mark.parametrize("kill", [4, 6, 12])
def test_no_row_of_the_metrics_is_lost_at_a_checkpoint(tmp_path, monkeypatch, kill):
    """Killed as soon as a checkpoint is there, that of the calibration at step 6 included."""
    budget = {"max_steps": None, "max_minutes": 0.05, "calibration_steps": 6, "warmup_steps": 10, "log_every": 2}
    save = training.save_checkpoint

    def trained(folder: Path, kill: int | None) -> Tensor:
        def save_and_stop(folder: Path, step: int, *rest: Any) -> None:
            save(folder, step, *rest)
            if step == kill:
                raise Killed

        clock, toy = Clock(0.25, first=0.25), Toy()
        monkeypatch.setattr(training, "time", clock)
        monkeypatch.setattr(training, "save_checkpoint", save_and_stop)

        def validate() -> dict[str, float]:
            torch.rand(3)  # randomness of its own
            with torch.no_grad():
                return {"valid": float(toy(points(99))["loss"])}

        fit(toy, clock.batch_at, loop(**budget), folder, Accelerator(), lambda batch: 10, validate)
        return weights(toy)

    def rows(folder: Path) -> list[dict[str, float]]:
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in ("seconds", "segments_per_second")} for line in lines]

    whole = trained(tmp_path / "whole", None)
    with pytest.raises(Killed):
        trained(tmp_path / "killed", kill)
    assert latest_checkpoint(tmp_path / "killed") == tmp_path / "killed" / f"checkpoint-{kill}"
    assert torch.equal(trained(tmp_path / "killed", None), whole)
    assert [row["step"] for row in rows(tmp_path / "whole") if "valid" in row] == [4, 8, 12]
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


def test_more_steps_continue_a_finished_run(tmp_path):
    toy = Toy()
    run(toy, tmp_path)
    assert run(toy, tmp_path, max_steps=14)["step"] == 14
    assert [step for (step,) in logged(tmp_path, "step")] == list(range(1, 15))


def test_metrics_after_the_checkpoint_are_dropped(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 3}\n{"step": 4, "valid": 1}\n{"step": 5}\n{"st')
    metrics = MetricsFile(file, from_step=4)
    metrics.write(step=5, loss=0.5)
    assert file.read_text() == '{"step": 3}\n{"step": 4, "valid": 1}\n{"step": 5, "loss": 0.5}\n'


class Clock:
    """Time that passes only where batches are made."""

    def __init__(self, seconds: float, first: float) -> None:
        self.now, self.seconds, self.first = 100.0, seconds, first

    def perf_counter(self) -> float:
        return self.now

    def batch_at(self, step: int) -> Points:
        self.now += self.first if step == 0 else self.seconds
        return points(step)


BUDGET = {"max_steps": None, "max_minutes": 0.1, "calibration_steps": 6, "warmup_steps": 6, "checkpoint_every": 50}


def test_minutes_become_steps_once(tmp_path, monkeypatch):
    """Six seconds at a quarter of a second a step, the slow first step left out: 24 steps, also after a kill."""
    clock = Clock(0.25, first=3.0)
    monkeypatch.setattr(training, "time", clock)
    whole = Toy()
    assert run(whole, tmp_path / "whole", clock.batch_at, **BUDGET)["total_steps"] == 24

    clock = Clock(0.25, first=3.0)
    monkeypatch.setattr(training, "time", clock)
    with pytest.raises(Killed):
        run(Toy(), tmp_path / "killed", killed_at(10, clock.batch_at), **BUDGET)
    assert load_checkpoint(tmp_path / "killed" / "checkpoint-6", ["model"])[1]["total_steps"] == 24
    clock = Clock(7.0, first=7.0)  # a slower machine keeps the schedule
    monkeypatch.setattr(training, "time", clock)
    toy = Toy()
    assert run(toy, tmp_path / "killed", clock.batch_at, **BUDGET)["total_steps"] == 24
    assert torch.equal(weights(toy), weights(whole))
    columns = ("step", "loss", "learning_rate")
    assert logged(tmp_path / "killed", *columns) == logged(tmp_path / "whole", *columns)


def test_checkpoints_and_kills_inside_calibration_do_not_change_the_steps(tmp_path, monkeypatch):
    """The same 24 steps: what comes before a checkpoint or in another process is not counted as time of this one."""
    budget = {**BUDGET, "checkpoint_every": 2, "warmup_steps": 12}
    for folder, kill in [("whole", None), ("killed", 5)]:
        if kill is not None:
            clock = Clock(0.25, first=3.0)
            monkeypatch.setattr(training, "time", clock)
            with pytest.raises(Killed):
                run(Toy(), tmp_path / folder, killed_at(kill, clock.batch_at), **budget)
            assert load_checkpoint(tmp_path / folder / "checkpoint-4", ["model"])[1]["total_steps"] is None
        clock = Clock(0.25, first=3.0)
        monkeypatch.setattr(training, "time", clock)
        assert run(Toy(), tmp_path / folder, clock.batch_at, **budget)["total_steps"] == 24


def test_steps_for():
    assert steps_for(2.0, 0.5, 30) == 240
    assert steps_for(0.001, 9.0, 30) == 31


def test_steps_are_seeded_by_seed_step_and_rank():
    drawn = {}
    for key in [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 1009, 0)]:
        seed_step(*key)
        drawn[key] = float(torch.rand(()))
    assert len(set(drawn.values())) == len(drawn)
    seed_step(0, 1, 0)
    assert float(torch.rand(())) == drawn[0, 1, 0]


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_steps": None}, "give loop.max_steps or loop.max_minutes"),
        (
            {"max_steps": None, "max_minutes": 1.0},
            r"loop.calibration_steps \(30\) must lie inside loop.warmup_steps \(3\)",
        ),
    ],
)
def test_budget_errors(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(Toy(), tmp_path, **options)


@pytest.mark.parametrize("log_every", [1, 5, 100])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_not_finite_is_refused_and_never_saved(tmp_path, log_every, value):
    def broken(step: int) -> Points:
        batch = points(step)
        return Points(batch.x, batch.y * value) if step >= 5 else batch

    with pytest.raises(ValueError, match=r"the loss is not finite at step \d+ .*lower loop.learning_rate"):
        run(Toy(), tmp_path, broken, log_every=log_every)
    path = latest_checkpoint(tmp_path)
    assert path is not None and path == tmp_path / "checkpoint-4"
    assert all(tensor.isfinite().all() for tensor in load_checkpoint(path, ["model"])[0]["model"].values())


@pytest.mark.parametrize("log_every", [1, 100])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gradient_that_is_not_finite_is_refused_and_never_saved(tmp_path, log_every, value):
    """The loss of the step before the checkpoint is finite; the weights after it would not be."""
    toy, steps = Toy(), count(1)
    toy.net[0].bias.register_hook(lambda gradient: gradient * (value if next(steps) == 4 else 1))
    with pytest.raises(ValueError, match=r"the gradient is not finite at step 4 .*lower loop.learning_rate"):
        run(toy, tmp_path, log_every=log_every)
    assert latest_checkpoint(tmp_path) is None


def test_the_bar_is_closed_whatever_happens(tmp_path, monkeypatch):
    bars: list[tqdm] = []

    class Bar(tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            bars.append(self)

    monkeypatch.setattr(training, "tqdm", Bar)
    with pytest.raises(Killed):
        run(Toy(), tmp_path, killed_at(2))
    assert [bar.disable for bar in bars] == [True]  # what `close` sets


def test_damaged_checkpoint(tmp_path):
    run(Toy(), tmp_path)
    file = tmp_path / "checkpoint-12" / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"checkpoint .* is damaged"):
        run(Toy(), tmp_path)


def test_checkpoint_of_another_configuration(tmp_path):
    run(Toy(), tmp_path)
    other = Toy()
    other.extra = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="was written with another configuration; use a new folder"):
        run(other, tmp_path)


def test_validation_at_every_checkpoint(tmp_path):
    toy = Toy()
    modes: list[bool] = []

    def validate() -> dict[str, float]:
        modes.append(toy.training)
        return {"valid": 0.5}

    fit(toy, points, loop(), tmp_path, Accelerator(), lambda batch: 10, validate)
    assert modes == [False] * 3 and not toy.training
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "valid" in line] == [4, 8, 12]
