"""Trainer: advance, edit, evaluate, state; the loss window."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LossPoint, Split
from charwave_tui.engine.data.dropout import apply_dropout
from charwave_tui.engine.data.prefix_dataset import PrefixBatch
from charwave_tui.engine.data.splits import SplitDatasets
from charwave_tui.engine.data.window_dataset import WindowBatch
from charwave_tui.engine.fast_step.step import FastStep
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.optim.lr_schedule import learning_rate
from charwave_tui.engine.optim.optimizers import Optimizer
from charwave_tui.engine.optim.update_ratios import UpdateRatioMeter, UpdateRatioState
from charwave_tui.engine.runtime.cooperative import Cooperative
from charwave_tui.engine.runtime.devices import cpu_has_bfloat16
from charwave_tui.engine.runtime.random_streams import training_generator
from charwave_tui.engine.training.evaluation import (
    evaluate_prefixes,
    evaluate_windows,
    prefix_block_size,
    window_block_size,
)
from charwave_tui.engine.training.train_step import AutogradStep, TrainStep

MAX_WINDOW = 100
"""Losses that make a point: the lecture's; of a short run fewer do, so that its curve has POINTS."""


MIN_CURVE_POINTS = 200
"""Points that the curve of a short run has."""


class LossWindow:
    """An unfinished point: `size` losses make one."""

    def __init__(self, size: int, losses: Iterable[float] = ()) -> None:
        self.size = size
        self._losses = list(losses)

    @staticmethod
    def of(config: RunConfig) -> LossWindow:
        """An empty one for a run of `config`."""
        return LossWindow(min(max(config.max_steps // MIN_CURVE_POINTS, 1), MAX_WINDOW))

    @property
    def losses(self) -> tuple[float, ...]:
        """Those that are in it."""
        return tuple(self._losses)

    def add(self, step: int, loss: float) -> list[LossPoint]:
        """Take in the `loss` of a `step`; the point that it completes, if it does."""
        self._losses.append(loss)
        if len(self._losses) < self.size:
            return []
        point, self._losses = _point(step, self._losses), []
        return [point]

    def partial(self, step: int) -> LossPoint | None:
        """The point that there would be if `step` were its last; None while it is empty."""
        return _point(step, self._losses) if self._losses else None


def _point(step: int, losses: list[float]) -> LossPoint:
    return LossPoint(step, math.fsum(losses) / len(losses), min(losses), max(losses))


BATCH_STREAM = "batch_stream"
"""The name, among a run's weights, of where it stands in the endless row of its batches."""


class Trainer:
    """A run in progress, which moves only while it is told to; raises Mistake if `config` does not fit `corpus`.

    `step` counts the steps taken, `window` has the losses of the unfinished point; `first_loss` is that of the
    untrained model, `last_loss` the newest. `diverged`: that one was not finite; it moved nothing, is in no point, and
    no step follows; `failed_on` is its batch. `movement` tells how far the last step moved each layer's weight.
    """

    model: Sequential
    step: int
    window: LossWindow
    first_loss: float | None
    last_loss: float | None
    diverged: bool
    failed_batch: WindowBatch | PrefixBatch | None
    update_ratios: UpdateRatioMeter

    def __init__(self, config: RunConfig, corpus: Corpus, device: torch.device) -> None:
        self.corpus = corpus
        self.device = device
        self.config = config.validated()
        self.splits = SplitDatasets(corpus, self.config, device)
        self.splits.check_batch_size(config.batch_size)
        self.window = LossWindow.of(config)
        self.reset()

    def reset(self) -> None:
        """Back to the same first weights and the same batches, with no step taken."""
        stream = training_generator(self.config.seed)
        self.model = build_model(self.config, self.corpus.vocab_size, stream).to(self.device)
        self._batches = self.splits.train_loader(stream)
        self._update = Optimizer(self.model, self.config)
        self.update_ratios = UpdateRatioMeter(self.model, self.config.max_steps)
        self._take_step: TrainStep = AutogradStep(self.model, self._update)
        if self.config.step == "fast" and self.device.type == "cpu":
            self._take_step = FastStep(self.model, self._update, self.precision)
        self._begin(0, LossWindow(self.window.size))

    def _begin(self, step: int, window: LossWindow) -> None:
        self.step = step
        self.window = window
        self.diverged = False
        self.failed_batch = None
        self._before: tuple[int, dict[str, Tensor]] | None = None
        self._took = 0.0
        self.update_ratios.restore((), UpdateRatioState())
        self.first_loss = self.last_loss = None

    @property
    def parameters(self) -> int:
        """How many numbers the model learns."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def all_finite(self) -> bool:
        """Whether all weights and buffers are finite."""
        return all(bool(tensor.isfinite().all()) for tensor in self.model.state_dict().values())

    @property
    def precision(self) -> str:
        """That of the matrix products in force: bfloat16 only for the fast step, on a CPU that has it."""
        usable = self.config.step == "fast" and self.device.type == "cpu" and cpu_has_bfloat16()
        return self.config.precision if usable else "float32"

    @property
    def finished(self) -> bool:
        """Whether all steps are taken."""
        return self.step >= self.config.max_steps

    @property
    def partial(self) -> LossPoint | None:
        """The unfinished window of losses, None while it is empty."""
        return self.window.partial(self.step)

    def train_for(self, seconds: float, most: int | None = None) -> list[LossPoint]:
        """Take steps for about `seconds`, at least one, and return the windows completed.

        At most `most` steps, which may lead past max_steps, by default those that are left; it ends earlier where a
        loss is not finite.
        """
        start = now = time.perf_counter()
        points = []
        last = self.config.max_steps if most is None else self.step + most
        earlier, ending = self._before, False
        if self._update.is_plain_sgd and isinstance(self._take_step, FastStep):  # which leaves no gradients
            self._before = self.step, self.state_dict()
        while self.step < last and not self.diverged and not ending:
            # The step that will use up the time is the last one, so that its change can be measured.
            ending = now + self._took >= start + seconds or self.step + 1 == last
            braced = self.update_ratios.before_step(self.step + 1, last, self._took if ending else None)
            points += self._step()
            self._took, now = (clock := time.perf_counter()) - now, clock
            if braced and not self.diverged:
                self.update_ratios.after_step(self.step, now - start)
        if self._before is not None and self._before[0] == self.step:  # its first step failed
            self._before = earlier
        return points

    def _step(self) -> list[LossPoint]:
        config = self.config
        batch = apply_dropout(self._batches.next_batch(config.batch_size), config, self.step)
        self.last_loss = self._take_step(batch, learning_rate(config, self.step))
        self.diverged = not math.isfinite(self.last_loss)
        if self.diverged:
            self.failed_batch = batch
            return []
        if self.step == 0:
            self.first_loss = self.last_loss
        self.step += 1
        return self.window.add(self.step, self.last_loss)

    def replay_with_autograd(self) -> Trainer | None:
        """Another trainer that took the steps of the last burst anew, leaving gradients; None if none."""
        if self._before is None:
            return None
        step, weights = self._before
        other = Trainer(replace(self.config, step="plain", precision="float32"), self.corpus, self.device)
        other.load_state(weights, step)
        other.train_for(math.inf, self.step - step)
        return other

    def update_config(self, config: RunConfig) -> None:
        """Go on with the live fields of `config`; raises Mistake where another differs or the batch is too large."""
        for name in HYPERPARAMETERS:
            if HYPERPARAMETERS[name].effect is EditEffect.REBUILD and name in self.config.changed_fields(config):
                raise UserError(f"{name} cannot change in a running model", "start a new run for it", name)
        self.splits.check_batch_size(config.validated().batch_size)
        self.config = config
        self._update.set_config(config)

    def evaluate(self, split: Split) -> Cooperative[float]:
        """The mean loss over all of `split` in eval mode, in nats per character; yields after each block."""
        config, vocab_size = self.config, self.corpus.vocab_size
        if config.norm == "batch-bug":
            return evaluate_windows(self.model, self.splits.windows(split), window_block_size(config, vocab_size))
        return evaluate_prefixes(self.model, self.splits.prefixes(split), prefix_block_size(config, vocab_size))

    def state_dict(self) -> dict[str, Tensor]:
        """Copies, on the CPU, of all that `load` needs to go on to the bit: weights, buffers and the batch stream."""
        own = {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.model.state_dict().items()}
        return {**own, **self._update.state_dict(), BATCH_STREAM: self._batches.state()}

    def load_state(
        self, weights: Mapping[str, Tensor], step: int, losses: Iterable[float] = (), window: int | None = None
    ) -> None:
        """Go on from `weights` as they were after `step` steps, with the `losses` of an unfinished `window`.

        Raises Mistake if they are not of this config.
        """
        model = self.model.state_dict()
        own = {**model, BATCH_STREAM: self._batches.state()}
        if not weights.keys() >= own.keys() or _forms(weights, own) != _forms(own, own):
            raise UserError(
                "the weights do not fit this configuration", "load them with the one they were trained with"
            )
        self._update.load_state_dict({name: tensor for name, tensor in weights.items() if name not in own})
        self.model.load_state_dict({name: weights[name] for name in model})
        self._batches.go_to(weights[BATCH_STREAM])
        self._begin(step, LossWindow(window or self.window.size, losses))


def _forms(weights: Mapping[str, Tensor], names: Iterable[str]) -> list[tuple[torch.Size, torch.dtype]]:
    return [(weights[name].shape, weights[name].dtype) for name in names]
