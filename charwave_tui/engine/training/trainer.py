"""Trainer: takes training steps, evaluates, and saves and loads its state; LossWindow: losses averaged into points."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from charwave_tui.core.config.choices import Norm, Precision, Repeats, StepKind
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LossPoint, Split
from charwave_tui.engine.data.dropout import apply_dropout
from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.splits import SplitDatasets
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.fast_step.step import FastStep
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.optim.lr_schedule import learning_rate
from charwave_tui.engine.optim.optimizers import Optimizer, shapes_and_dtypes
from charwave_tui.engine.optim.update_ratios import UpdateRatioMeter, UpdateRatioState
from charwave_tui.engine.runtime.cooperative import Cooperative
from charwave_tui.engine.runtime.devices import cpu_has_bfloat16
from charwave_tui.engine.runtime.random_streams import training_generator
from charwave_tui.engine.training.evaluation import (
    SplitLoss,
    evaluate_prefixes,
    evaluate_windows,
    prefix_block_size,
    window_block_size,
)
from charwave_tui.engine.training.train_step import AutogradStep, TrainStep

MAX_WINDOW = 100  # losses per point of the curve, as in the lecture; fewer in a short run
MIN_CURVE_POINTS = 200  # of a short run
BATCH_STREAM = "batch_stream"  # name of the loader's state among the weights in a checkpoint


class LossWindow:
    """The losses of an unfinished point of the curve; `size` losses complete it."""

    def __init__(self, size: int, losses: Iterable[float] = ()) -> None:
        self.size = size
        self._losses = list(losses)

    @property
    def losses(self) -> tuple[float, ...]:
        return tuple(self._losses)

    def add(self, step: int, loss: float) -> list[LossPoint]:
        """Append the `loss` of a `step`; return the point that it completes, if any."""
        self._losses.append(loss)
        if len(self._losses) < self.size:
            return []
        point, self._losses = _loss_point(step, self._losses), []
        return [point]

    def partial_point(self, step: int) -> LossPoint | None:
        return _loss_point(step, self._losses) if self._losses else None


def _loss_point(step: int, losses: list[float]) -> LossPoint:
    return LossPoint(step, math.fsum(losses) / len(losses), min(losses), max(losses))


class Trainer:
    """Model, loader and optimizer of a run. Raises UserError if `config` does not fit `corpus`.

    `step` counts the steps taken; `first_loss` is that of the untrained model, `last_loss` the latest. If a loss is not
    finite, its batch is `failed_batch`: its step changed no weight and is not counted, its loss is in no point, and no
    step follows. `corpus` is the one trained on, without repeats if the config says so.
    """

    def __init__(self, config: RunConfig, corpus: Corpus, device: torch.device) -> None:
        self.corpus = corpus.without_repeats if config.repeats == Repeats.ONCE else corpus
        self.device = device
        self.config = config.validated()
        self.corpus.summary()  # made first: what it takes and what a long list's windows take would add up
        self.splits = SplitDatasets(self.corpus, self.config, device)
        self.splits.check_batch_size(config.batch_size)
        generator = training_generator(config.seed)
        self.model = build_model(config, corpus.vocab_size, generator).to(device)
        self._loader = self.splits.train_loader(generator)
        self._optimizer = Optimizer(self.model, self.config)
        self._train_step: TrainStep = AutogradStep(self.model, self._optimizer)
        if config.step == StepKind.FAST and device.type == "cpu":
            self._train_step = FastStep(self.model, self._optimizer, self.precision)
        self.update_ratios = UpdateRatioMeter(self.model, config.max_steps)
        self.step = 0
        self.window = LossWindow(min(max(config.max_steps // MIN_CURVE_POINTS, 1), MAX_WINDOW))
        self.first_loss: float | None = None
        self.last_loss: float | None = None
        self.failed_batch: WindowBatch | PrefixBatch | None = None
        self._burst_start: tuple[int, dict[str, Tensor]] | None = None  # step and state before the last burst
        self._step_seconds = 0.0

    @property
    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def all_finite(self) -> bool:
        return all(bool(tensor.isfinite().all()) for tensor in self.model.state_dict().values())

    @property
    def precision(self) -> Precision:
        """Precision of the matrix products: bfloat16 only in the fast step, on a CPU that has it."""
        usable = self.config.step == StepKind.FAST and self.device.type == "cpu" and cpu_has_bfloat16()
        return self.config.precision if usable else Precision.FLOAT32

    @property
    def diverged(self) -> bool:
        return self.failed_batch is not None

    @property
    def finished(self) -> bool:
        return self.step >= self.config.max_steps

    @property
    def partial_point(self) -> LossPoint | None:
        return self.window.partial_point(self.step)

    def train_for(self, seconds: float, max_steps: int | None = None) -> list[LossPoint]:
        """Take at least one step, and more for about `seconds`; return the completed points of the curve.

        At most `max_steps`, even beyond the config's; by default those left to it. Stops at a loss that is not finite.
        """
        start = now = time.perf_counter()
        points = []
        last_step = self.config.max_steps if max_steps is None else self.step + max_steps
        previous_start, is_ending = self._burst_start, False
        if self._optimizer.is_plain_sgd and isinstance(self._train_step, FastStep):  # which leaves no gradients
            self._burst_start = self.step, self.state_dict()
        while self.step < last_step and self.failed_batch is None and not is_ending:
            # The step that will use up the time is the last one, so that its update can be measured.
            is_ending = now + self._step_seconds >= start + seconds or self.step + 1 == last_step
            seconds_left = self._step_seconds if is_ending else None
            is_measured = self.update_ratios.before_step(self.step + 1, last_step, seconds_left)
            points += self._step()
            self._step_seconds, now = (clock := time.perf_counter()) - now, clock
            if is_measured and self.failed_batch is None:
                self.update_ratios.after_step(self.step, now - start)
        if self._burst_start is not None and self._burst_start[0] == self.step:  # its first step failed
            self._burst_start = previous_start
        return points

    def _step(self) -> list[LossPoint]:
        config = self.config
        batch = apply_dropout(self._loader.next_batch(config.batch_size), config, self.step)
        self.last_loss = self._train_step(batch, learning_rate(config, self.step))
        if not math.isfinite(self.last_loss):
            self.failed_batch = batch
            return []
        if self.step == 0:
            self.first_loss = self.last_loss
        self.step += 1
        return self.window.add(self.step, self.last_loss)

    def replay_with_autograd(self) -> Trainer | None:
        """Return another trainer that took the last burst's steps by autograd, leaving gradients; None if none."""
        if self._burst_start is None:
            return None
        step, state = self._burst_start
        trainer = Trainer(
            replace(self.config, step=StepKind.PLAIN, precision=Precision.FLOAT32), self.corpus, self.device
        )
        trainer.load_state(state, step)
        trainer.train_for(math.inf, self.step - step)
        return trainer

    def update_config(self, config: RunConfig) -> None:
        """Take over the live fields of `config`. Raises UserError if another differs or the batch is too large."""
        for name in HYPERPARAMETERS:
            if HYPERPARAMETERS[name].effect is EditEffect.REBUILD and name in self.config.changed_fields(config):
                raise UserError(f"{name} cannot change in a running model", "start a new run for it", name)
        self.splits.check_batch_size(config.validated().batch_size)
        self.config = config
        self._optimizer.set_config(config)

    def evaluate(self, split: Split) -> Cooperative[SplitLoss]:
        """Return the mean loss over all of `split` in eval mode, in nats per character; yields after each block."""
        config, vocab_size, splits = self.config, self.corpus.vocab_size, self.splits
        if config.norm == Norm.BATCH_BUG:
            windows, unseen = splits.windows(split), splits.unseen_windows(split)
            return evaluate_windows(self.model, windows, unseen, window_block_size(config, vocab_size))
        words, unseen = splits.prefixes(split), splits.unseen_positions(split)
        return evaluate_prefixes(self.model, words, unseen, prefix_block_size(config, vocab_size))

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies on the CPU of weights, buffers, optimizer and loader state: enough to resume bit for bit."""
        weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.model.state_dict().items()}
        return {**weights, **self._optimizer.state_dict(), BATCH_STREAM: self._loader.get_state()}

    def load_state(
        self, state: Mapping[str, Tensor], step: int, losses: Iterable[float] = (), window: int | None = None
    ) -> None:
        """Continue from `state` after `step` steps, with the `losses` of an unfinished window; may raise UserError."""
        model = self.model.state_dict()
        expected = {**model, BATCH_STREAM: self._loader.get_state()}
        loaded = {name: tensor for name, tensor in state.items() if name in expected}
        if shapes_and_dtypes(loaded) != shapes_and_dtypes(expected):
            raise UserError(
                "the weights do not fit this configuration", "load them with the one they were trained with"
            )
        self._optimizer.load_state_dict({name: tensor for name, tensor in state.items() if name not in expected})
        self.model.load_state_dict({name: state[name] for name in model})
        self._loader.set_state(state[BATCH_STREAM])
        self.step, self.window = step, LossWindow(window or self.window.size, losses)
        self.first_loss = self.last_loss = self.failed_batch = self._burst_start = None
        self.update_ratios.restore((), UpdateRatioState())
