"""The training loop of every stage, on `accelerate`: schedule, accumulation, metrics, checkpoints, resume."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from ..configs.schema import LoopConfig
from .batches import TensorBatch
from .checkpoints import (
    latest_checkpoint,
    load_checkpoint,
    load_optimizer,
    module_tensors,
    optimizer_tensors,
    save_checkpoint,
)
from .runs import METRICS

BatchAt = Callable[[int], TensorBatch]


def learning_rate(step: int, total_steps: int | None, loop: LoopConfig) -> float:
    """Learning rate of a step (0-based): linear warm-up, then cosine to `final_learning_rate_share`.

    `total_steps` is None during calibration, which lies inside the warm-up and so needs no total.
    """
    if step < loop.warmup_steps:
        return loop.learning_rate * (step + 1) / loop.warmup_steps
    if total_steps is None:
        return loop.learning_rate
    progress = min(1.0, (step - loop.warmup_steps) / max(1, total_steps - loop.warmup_steps))
    share = loop.final_learning_rate_share
    return loop.learning_rate * (share + (1 - share) * 0.5 * (1 + math.cos(math.pi * progress)))


def steps_for(minutes: float, seconds_per_step: float, done: int) -> int:
    """Total step count that fits a wall-clock budget, at least one more than `done`."""
    return max(done + 1, int(minutes * 60 / seconds_per_step))


class MetricsFile:
    """JSON lines, one per logged step; on resume, lines after the checkpoint's step are dropped."""

    def __init__(self, path: Path, from_step: int) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = []
        for line in lines:
            try:
                if json.loads(line)["step"] <= from_step:
                    kept.append(line)
            except (json.JSONDecodeError, KeyError):
                continue  # a line that a kill cut short
        path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def write(self, **values: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Denormal numbers count as zero: the tiny gradients of hidden states halve the speed of a CPU otherwise."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def check_loop(loop: LoopConfig) -> None:
    """Refuse a loop that does not say how long it is.

    Raises:
        ValueError: neither `max_steps` nor `max_minutes`, or no room to calibrate the latter.
    """
    if loop.max_steps is None and loop.max_minutes is None:
        raise ValueError("give loop.max_steps or loop.max_minutes (--max-minutes)")
    if loop.max_minutes is not None and loop.max_steps is None and loop.warmup_steps < loop.calibration_steps:
        raise ValueError(
            f"loop.calibration_steps ({loop.calibration_steps}) must lie inside loop.warmup_steps ({loop.warmup_steps})"
        )


@flushed_denormals()
def fit(
    objective: nn.Module,
    batch_at: BatchAt,
    loop: LoopConfig,
    folder: Path,
    accelerator: Accelerator,
    count: Callable[[Any], int],
    validate: Callable[[], dict[str, float]] | None = None,
    ema_decay: float | None = None,
    ema_of: nn.Module | None = None,
) -> dict[str, Any]:
    """Train `objective` until its step count is reached, resuming from the newest checkpoint in `folder`.

    Args:
        objective: module whose call on a batch gives a dict of scalar losses, "loss" among them.
        batch_at: micro-step -> batch; a function of its argument alone.
        loop: options.
        folder: run folder: `metrics.jsonl`, `checkpoint-<step>/`.
        accelerator: device, processes and precision.
        count: segments of a batch, for segments/s.
        validate: metrics of held-out data, called before every checkpoint except that of the calibration, and at the
            end.
        ema_decay: decay of the weights' moving average; None keeps none.
        ema_of: the part of `objective` that is averaged (all of it when None). Its weights are the average at return.

    Returns:
        The last state: step, total_steps, seconds, losses.

    Raises:
        ValueError: neither `max_steps` nor `max_minutes`; a loss or gradient that is not finite; a damaged checkpoint.
    """
    check_loop(loop)
    objective.to(accelerator.device)
    decayed = [p for p in objective.parameters() if p.requires_grad and p.ndim >= 2]
    plain = [p for p in objective.parameters() if p.requires_grad and p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": loop.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=loop.learning_rate,
        betas=loop.betas,
        fused=True,
    )
    averaged = None
    if ema_decay is not None:
        averaged = AveragedModel(ema_of or objective, multi_avg_fn=get_ema_multi_avg_fn(ema_decay), use_buffers=False)

    step, total_steps, seconds = 0, loop.max_steps, 0.0
    losses: dict[str, float] = {}
    checkpoint = latest_checkpoint(folder)
    if checkpoint is not None:
        stems = ["model", "optimizer", *(["ema"] if averaged is not None else [])]
        tensors, state = load_checkpoint(checkpoint, stems)
        missing = objective.load_state_dict(tensors["model"], strict=False).missing_keys
        known = set(module_tensors(objective))
        if set(missing) & known:
            raise ValueError(f"checkpoint {checkpoint} was written with another configuration; use a new folder")
        load_optimizer(optimizer, tensors["optimizer"])
        if averaged is not None:
            averaged.load_state_dict(tensors["ema"])
        step, seconds, losses = state["step"], state["seconds"], state.get("losses", {})
        total_steps = state["total_steps"] if loop.max_steps is None else loop.max_steps

    model = torch.compile(objective) if loop.compile else objective
    model, optimizer = accelerator.prepare(model, optimizer)
    metrics = MetricsFile(folder / METRICS, step) if accelerator.is_main_process else None

    def checkpoint_now() -> None:
        if not accelerator.is_main_process:
            return
        tensors = {
            "model": module_tensors(objective),
            "optimizer": optimizer_tensors(getattr(optimizer, "optimizer", optimizer)),
        }
        if averaged is not None:
            tensors["ema"] = averaged.state_dict()
        save_checkpoint(folder, step, tensors, {"total_steps": total_steps, "seconds": seconds, "losses": losses})

    sums: dict[str, Tensor] = {}
    norms = torch.zeros((), device=accelerator.device)
    started, segments = time.perf_counter(), 0
    window_start = started
    first, warm_seconds = step, 0.0
    with tqdm(total=total_steps, initial=step, unit="step", disable=not accelerator.is_local_main_process) as progress:
        while total_steps is None or step < total_steps:
            model.train()
            seed_step(loop.seed, step, accelerator.process_index)
            rate = learning_rate(step, total_steps, loop)
            for group in optimizer.param_groups:
                group["lr"] = rate
            sums = {}
            for micro in range(loop.accumulate):
                batch = batch_at(step * loop.accumulate + micro).to(accelerator.device)
                segments += count(batch)
                with accelerator.autocast():
                    values = model(batch)
                accelerator.backward(values["loss"] / loop.accumulate)
                for name, value in values.items():
                    sums[name] = sums.get(name, 0) + value.detach() / loop.accumulate
            norm = accelerator.clip_grad_norm_(objective.parameters(), loop.max_grad_norm)
            if accelerator.scaler is None:  # a scaler leaves out the steps whose gradient overflows
                norms += norm.detach()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            progress.update()
            if averaged is not None:
                averaged.update_parameters(ema_of or objective)
            now = time.perf_counter()
            elapsed = seconds + now - started
            if total_steps is None and step - first == loop.calibration_steps // 2:
                warm_seconds = elapsed  # the first steps of a process warm caches and compilers up
            calibrated = total_steps is None and step - first >= loop.calibration_steps
            if calibrated:
                assert loop.max_minutes is not None
                per_step = (elapsed - warm_seconds) / (loop.calibration_steps - loop.calibration_steps // 2)
                total_steps = agree(steps_for(loop.max_minutes, per_step, step), accelerator)
                progress.total = total_steps
            if step % loop.log_every == 0 or step == total_steps:
                losses = finite_losses(sums, norms, step)
                rate_segments = segments / (now - window_start)
                progress.set_postfix(loss=f"{losses['loss']:.3f}", segments_s=f"{rate_segments:.0f}")
                if metrics is not None:
                    metrics.write(
                        step=step,
                        **losses,
                        learning_rate=rate,
                        grad_norm=float(norm),
                        segments_per_second=round(rate_segments, 1),
                        seconds=round(elapsed, 2),
                    )
                segments, window_start = 0, time.perf_counter()
            regular = step % loop.checkpoint_every == 0 or step == total_steps
            if regular or calibrated:  # after calibration the schedule is fixed, whatever happens
                paused = time.perf_counter()
                seconds += paused - started
                finite_losses(sums, norms, step)  # a checkpoint of broken weights would replace the last good one
                if regular and validate is not None and metrics is not None:
                    objective.eval()
                    metrics.write(step=step, **validate())  # a kill after the checkpoint would lose it for good
                checkpoint_now()
                started = time.perf_counter()
                window_start += started - paused
    if averaged is not None:
        with torch.no_grad():
            for target, source in zip((ema_of or objective).parameters(), averaged.parameters(), strict=True):
                target.copy_(source)
    objective.eval()
    return {"step": step, "total_steps": total_steps, "seconds": seconds, **losses}


def finite_losses(sums: dict[str, Tensor], norms: Tensor, step: int) -> dict[str, float]:
    """The losses of a step as numbers.

    Args:
        sums: loss by name.
        norms: sum of the gradient norms so far; one that is not finite makes it so.
        step: steps done.

    Raises:
        ValueError: a loss or `norms` is not finite.
    """
    losses = {name: float(value) for name, value in sums.items()}
    if not all(math.isfinite(value) for value in losses.values()):
        raise ValueError(f"the loss is not finite at step {step} ({losses}); lower loop.learning_rate")
    if not math.isfinite(float(norms)):
        raise ValueError(f"the gradient is not finite at step {step} or shortly before; lower loop.learning_rate")
    return losses


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed torch's generators from (seed, step, rank), so that a step's randomness does not depend on the past."""
    mixed = (seed * 1_000_003 + step) * 1009 + rank
    torch.manual_seed(mixed & 0x7FFF_FFFF_FFFF)


def agree(value: int, accelerator: Accelerator) -> int:
    """The main process's value on every process."""
    if accelerator.num_processes == 1:
        return value
    from accelerate.utils import broadcast

    return int(broadcast(torch.tensor(value, device=accelerator.device)))
