"""How far a training step moved each layer's weight, whatever the optimiser: by the weights before and after it."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from charwave_tui.engine.changes import Changes, KeptChanges, Ratios
from charwave_tui.engine.layers import Sequential, figured

SHARE = 0.01
"""The most of the training time that measuring may take: where copies of the weights are slow, fewer steps are."""


class Movement:
    """The update ratios of one `model`'s layers, by the last step that was measured; it never changes the weights.

    `steps` are those that the run is to have.

    The trainer measures the last step of each burst, so that at rest it is the last step of all, and those that
    `changes` wants for its series. `std(p)` is taken after the step, as the lecture does.
    """

    def __init__(self, model: Sequential, steps: int) -> None:
        self._weights = [None if (weight := figured(layer)) is None else weight.detach() for layer in model.layers]
        self._before: list[Tensor | None] = []
        self._cost = 0.0
        self.changes = Changes(model.layers, steps)
        self.go_to((), KeptChanges())

    def go_to(self, ratios: Ratios, changes: KeptChanges) -> None:
        """Go on with the `ratios` of a step that was measured before, none with (), and with `changes`."""
        whole = len(ratios) == len(self._weights)
        self._known: Ratios = ratios if whole else (None,) * len(self._weights)
        self._fresh = False
        self._next = 0.0
        self.changes.take(changes)

    def brace(self, step: int, last: int, left: float | None) -> bool:
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

    def moved(self, step: int, seconds: float) -> None:
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
                None if before is None or weight is None else ratio(before, weight)
                for before, weight in zip(self._before, self._weights, strict=True)
            )
            self._fresh = False
        return self._known


def ratio(before: Tensor, after: Tensor) -> float | None:
    """log10(std(after − before)/std(after)), by unbiased deviations; None where that is no finite number."""
    if after.numel() < 2:
        return None
    moved, size = (after - before).std().item(), after.std().item()
    if not (0 < moved < math.inf and 0 < size < math.inf):
        return None
    return math.log10(moved) - math.log10(size)
