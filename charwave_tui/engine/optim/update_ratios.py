"""Update ratios log10(std(Δp)/std(p)) per layer: of the last step, and sampled over the run."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Iterable

import msgspec
import torch
from torch import Tensor, nn

from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.float_matrix import EMPTY_MATRIX, FloatMatrix
from charwave_tui.engine.model.layers import Embedding, Linear, Sequential, diagnostic_parameter

CAPACITY = 128  # steps in a history; when it is full every second one is dropped and the stride doubles
MIN_SAMPLED_STEPS = 2 * CAPACITY  # of a whole run, at most twice as many: dense early on, and cheap
MAX_TIME_FRACTION = 0.01  # of the training time: where copies of the weights are slow, fewer steps are measured

Ratios = tuple[float | None, ...]  # one per layer; None without a weight, or where a std is 0 or not finite


class UpdateRatioState(msgspec.Struct, frozen=True):
    """State in checkpoints: `ratios` is [steps, matrices], a `stride` of 0 stands for a run without steps."""

    steps: tuple[int, ...] = ()
    ratios: FloatMatrix = EMPTY_MATRIX
    stride: int = 0


class UpdateRatioHistory:
    """Update ratios of the Embedding and each Linear at every `stride`th step.

    Which steps are sampled depends on their numbers alone, so an interrupted run has the same history as an
    uninterrupted one. `max_steps` of the run sets the first stride.
    """

    def __init__(self, layers: Iterable[nn.Module], max_steps: int) -> None:
        self._first_stride = 2 ** max(0, (max_steps // MIN_SAMPLED_STEPS).bit_length() - 1)
        self._layers = tuple(index for index, layer in enumerate(layers) if isinstance(layer, Embedding | Linear))
        self.load_state(UpdateRatioState())

    def load_state(self, state: UpdateRatioState) -> None:
        """Continue from `state`, or from nothing where it is another model's."""
        fits = state.ratios.columns == len(self._layers) and state.ratios.rows == len(state.steps)
        self._stride = state.stride or self._first_stride
        self._rows = [(step, state.ratios.row(row)) for row, step in enumerate(state.steps)] if fits else []

    def is_sampled(self, step: int) -> bool:
        return step % self._stride == 0

    def add(self, step: int, ratios: Ratios) -> None:
        """Append the `ratios` of all layers at a sampled step."""
        matrix_ratios = (ratios[layer] for layer in self._layers)
        self._rows.append((step, array("f", (math.nan if ratio is None else ratio for ratio in matrix_ratios))))
        if len(self._rows) >= CAPACITY:
            self._stride *= 2
            self._rows = [(step, row) for step, row in self._rows if self.is_sampled(step)]

    def state(self) -> UpdateRatioState:
        ratios = FloatMatrix.from_values(len(self._layers), (ratio for _, row in self._rows for ratio in row))
        return UpdateRatioState(tuple(step for step, _ in self._rows), ratios, self._stride)

    def report(self) -> UpdateRatiosReported:
        state = self.state()
        return UpdateRatiosReported(state.steps, self._layers, state.ratios)


class UpdateRatioMeter:
    """Measures the update ratios of `model`'s layers by copying its weights before a step.

    Measured are the last step of each burst, so that a paused run shows its last step, and every step sampled by
    `history`. std(p) is taken after the step, as in the lecture.
    """

    def __init__(self, model: Sequential, max_steps: int) -> None:
        self._weights = [
            None if (weight := diagnostic_parameter(layer)) is None else weight.detach() for layer in model.layers
        ]
        self._before: list[Tensor | None] = []  # copies of the weights
        self._copy_seconds = 0.0
        self.history = UpdateRatioHistory(model.layers, max_steps)
        self.restore((), UpdateRatioState())

    def restore(self, ratios: Ratios, state: UpdateRatioState) -> None:
        """Continue with the `ratios` of an earlier step, () for none, and the history of `state`."""
        fits = len(ratios) == len(self._weights)
        self._ratios: Ratios = ratios if fits else (None,) * len(self._weights)
        self._is_pending = False  # whether a step was measured whose ratios are not computed yet
        self._next_time = 0.0
        self.history.load_state(state)

    def before_step(self, step: int, last_step: int, seconds_left: float | None) -> bool:
        """Copy the weights if the update ratio of `step` will be measured; return whether it will.

        Measured are the last step, every step sampled by the history, and the final step of a burst (`seconds_left` is
        not None), unless copying would exceed `MAX_TIME_FRACTION` of training time.
        """
        self._is_pending = False
        is_required = step == last_step or self.history.is_sampled(step)
        if not is_required and (seconds_left is None or time.monotonic() + seconds_left < self._next_time):
            return False
        self._copy_weights()
        return True

    @torch.no_grad()
    def _copy_weights(self) -> None:
        start = time.monotonic()
        if not self._before:
            self._before = [None if weight is None else torch.empty_like(weight) for weight in self._weights]
        for before, weight in zip(self._before, self._weights, strict=True):
            if before is not None and weight is not None:
                before.copy_(weight)
        self._copy_seconds = time.monotonic() - start

    def after_step(self, step: int, burst_seconds: float) -> None:
        """Record that the measured step was taken, `burst_seconds` after the burst began."""
        self._is_pending = True
        pause = self._copy_seconds / MAX_TIME_FRACTION
        self._next_time = time.monotonic() + pause
        if self.history.is_sampled(step):
            self.history.add(step, self.ratios)
        elif pause > burst_seconds:  # the steps that follow are not measured, and would change the weights
            start, _ = time.monotonic(), self.ratios
            self._next_time += (time.monotonic() - start) / MAX_TIME_FRACTION

    @property
    def ratios(self) -> Ratios:
        """The update ratios of the last measured step, one per layer, computed at the first access."""
        if self._is_pending:
            self._ratios = tuple(
                None if before is None or weight is None else update_ratio(before, weight)
                for before, weight in zip(self._before, self._weights, strict=True)
            )
            self._is_pending = False
        return self._ratios


def update_ratio(before: Tensor, after: Tensor) -> float | None:
    """Return log10(std(after − before)/std(after)), std unbiased; None where that is not finite."""
    if after.numel() < 2:
        return None
    update_std, weight_std = (after - before).std().item(), after.std().item()
    if not (0 < update_std < math.inf and 0 < weight_std < math.inf):
        return None
    return math.log10(update_std) - math.log10(weight_std)
