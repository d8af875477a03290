"""Log10(std(Δp)/std(p)): the last step, and a series."""

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

CAPACITY = 128
"""Steps that a series has at the most; then every second is let go, and as many fewer are taken up from there on."""


DENSE = 2 * CAPACITY
"""Steps of a whole run that are measured, or up to twice as many: a curve from early on that costs little."""


Ratios = tuple[float | None, ...]
"""One a layer: log10(std(Δp)/std(p)), None where the layer has no weight, or a deviation is 0 or not finite."""


class UpdateRatioState(msgspec.Struct, frozen=True):
    """All that a series needs to go on alike: the steps in it, the ratios [steps, matrices], and how far apart.

    A `stride` of 0 is that of a run that begins.
    """

    steps: tuple[int, ...] = ()
    ratios: FloatMatrix = EMPTY_MATRIX
    stride: int = 0


class UpdateRatioHistory:
    """The update ratios of a model's matrices, the Embedding's and each Linear's, of every `stride`th step.

    Which steps those are depends on their numbers alone, so that a run gives the same series however it is cut. `steps`
    are those that the run is to have: it begins with the stride that makes about DENSE of them.
    """

    def __init__(self, layers: Iterable[nn.Module], steps: int) -> None:
        self._first = 2 ** max(0, (steps // DENSE).bit_length() - 1)
        self._layers = tuple(place for place, layer in enumerate(layers) if isinstance(layer, Embedding | Linear))
        self.take(UpdateRatioState())

    def take(self, kept: UpdateRatioState) -> None:
        """Go on from what was `kept`; from nothing where that is of another model."""
        fits = kept.ratios.columns == len(self._layers) and kept.ratios.rows == len(kept.steps)
        self._stride = kept.stride or self._first
        self._rows = [(step, kept.ratios.row(row)) for row, step in enumerate(kept.steps)] if fits else []

    def wants(self, step: int) -> bool:
        """Whether that step belongs to the series."""
        return step % self._stride == 0

    def add(self, step: int, ratios: Ratios) -> None:
        """Take up the `ratios` of all layers by a step that it `wants`."""
        found = (ratios[layer] for layer in self._layers)
        self._rows.append((step, array("f", (math.nan if ratio is None else ratio for ratio in found))))
        if len(self._rows) >= CAPACITY:
            self._stride *= 2
            self._rows = [(step, row) for step, row in self._rows if self.wants(step)]

    def kept(self) -> UpdateRatioState:
        """All of it, frozen."""
        return UpdateRatioState(self._steps, self._ratios, self._stride)

    def reported(self) -> UpdateRatiosReported:
        """All of it, for who asks."""
        return UpdateRatiosReported(self._steps, self._layers, self._ratios)

    @property
    def _steps(self) -> tuple[int, ...]:
        return tuple(step for step, _ in self._rows)

    @property
    def _ratios(self) -> FloatMatrix:
        return FloatMatrix.of(len(self._layers), (ratio for _, row in self._rows for ratio in row))


SHARE = 0.01
"""The most of the training time that measuring may take: where copies of the weights are slow, fewer steps are."""


class UpdateRatioMeter:
    """The update ratios of one `model`'s layers, by the last step that was measured; it never changes the weights.

    `steps` are those that the run is to have.

    The trainer measures the last step of each burst, so that at rest it is the last step of all, and those that
    `changes` wants for its series. `std(p)` is taken after the step, as the lecture does.
    """

    def __init__(self, model: Sequential, steps: int) -> None:
        self._weights = [
            None if (weight := diagnostic_parameter(layer)) is None else weight.detach() for layer in model.layers
        ]
        self._before: list[Tensor | None] = []
        self._cost = 0.0
        self.changes = UpdateRatioHistory(model.layers, steps)
        self.restore((), UpdateRatioState())

    def restore(self, ratios: Ratios, changes: UpdateRatioState) -> None:
        """Go on with the `ratios` of a step that was measured before, none with (), and with `changes`."""
        whole = len(ratios) == len(self._weights)
        self._known: Ratios = ratios if whole else (None,) * len(self._weights)
        self._fresh = False
        self._next = 0.0
        self.changes.take(changes)

    def before_step(self, step: int, last: int, left: float | None) -> bool:
        """Before `step`: keep the weights where its change is to be measured, and tell if so.

        It is where `changes` wants it and where it is the `last` to be taken; where it ends a burst, in as many seconds
        as are `left` (else None), unless the one before was so short ago that copying would take too large a share.
        """
        self._fresh = False
        wanted = step == last or self.changes.wants(step)
        if not wanted and (left is None or time.monotonic() + left < self._next):
            return False
        self._copy()
        return True

    @torch.no_grad()
    def _copy(self) -> None:
        began = time.monotonic()
        if not self._before:
            self._before = [None if weight is None else torch.empty_like(weight) for weight in self._weights]
        for before, weight in zip(self._before, self._weights, strict=True):
            if before is not None and weight is not None:
                before.copy_(weight)
        self._cost = time.monotonic() - began

    def after_step(self, step: int, seconds: float) -> None:
        """Take in that the step was taken, so many `seconds` into a burst."""
        self._fresh = True
        pause = self._cost / SHARE
        self._next = time.monotonic() + pause
        if self.changes.wants(step):
            self.changes.add(step, self.ratios)
        elif pause > seconds:  # steps that follow unmeasured would spoil what is still to be worked out
            began, _ = time.monotonic(), self.ratios
            self._next += (time.monotonic() - began) / SHARE

    @property
    def ratios(self) -> Ratios:
        """The update ratios of the last step that was measured, one a layer."""
        if self._fresh:
            self._known = tuple(
                None if before is None or weight is None else update_ratio(before, weight)
                for before, weight in zip(self._before, self._weights, strict=True)
            )
            self._fresh = False
        return self._known


def update_ratio(before: Tensor, after: Tensor) -> float | None:
    """log10(std(after − before)/std(after)), by unbiased deviations; None where that is no finite number."""
    if after.numel() < 2:
        return None
    moved, size = (after - before).std().item(), after.std().item()
    if not (0 < moved < math.inf and 0 < size < math.inf):
        return None
    return math.log10(moved) - math.log10(size)
