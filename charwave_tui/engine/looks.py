"""Answers to whoever looks at the layers of the run in hand: no look moves the run, nor holds it when it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.inspection import InspectLayer, LayerInspected, ReportChanges
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, LayersProbed, ProbeLayers
from charwave_tui.core.readings import LayerStats
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.faults import harmless
from charwave_tui.engine.insights.inside import inside
from charwave_tui.engine.look import Look, looked
from charwave_tui.engine.probe import figures

SMALL = 2**22
"""Numbers of a look up to which it is kept until the run moves, so that who asks on at the same step waits less."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A look at a run, and of what."""

    run: CurrentRun
    step: int
    batch: ProbeBatch
    look: Look
    layers: tuple[LayerStats, ...]


class Looks:
    """Looks at the layers of a run, once for all who ask for it at the same step."""

    def __init__(self) -> None:
        self._seen: _Seen | None = None

    def obey(
        self, command: ProbeLayers | InspectLayer | ReportChanges, run: CurrentRun, answer: Callable[[Event], None]
    ) -> None:
        """Answer `command`; raises Mistake where a person asked for what cannot be, or the look failed."""
        try:
            self._obey(command, run, answer)
        except Mistake:
            raise
        except Exception as error:
            self.forget()
            raise harmless("the layers cannot be looked at", error) from error

    def forget(self) -> None:
        """Let go of the last look, since the run moves on."""
        self._seen = None

    def _obey(
        self, command: ProbeLayers | InspectLayer | ReportChanges, run: CurrentRun, answer: Callable[[Event], None]
    ) -> None:
        began, step = time.perf_counter(), run.trainer.step
        match command:
            case ReportChanges():
                answer(run.trainer.movement.changes.reported())
            case ProbeLayers(batch=batch):
                layers = self._look(run, batch).layers
                answer(LayersProbed(step, layers, time.perf_counter() - began))
            case InspectLayer(lens=lens, batch=batch, request=request):
                if not 0 <= lens.layer < len(run.trainer.model.layers):
                    return
                seen = self._look(run, batch)
                insight = inside(run.trainer, seen.look, lens)
                seconds = time.perf_counter() - began
                answer(LayerInspected(step, request, seen.layers[lens.layer], insight, seconds))

    def _look(self, run: CurrentRun, batch: ProbeBatch) -> _Seen:
        trainer = run.trainer
        seen = self._seen
        if seen is not None and (seen.run, seen.step, seen.batch) == (run, trainer.step, batch):
            return seen
        self.forget()
        look = looked(trainer.model, run.batches.of(batch))
        seen = _Seen(run, trainer.step, batch, look, tuple(figures(look, trainer.movement.ratios)))
        if look.numbers <= SMALL:
            self._seen = seen
        return seen
