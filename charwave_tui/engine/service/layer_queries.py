"""Answers to whoever looks at the layers of the run in hand: no look moves the run, nor holds it when it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.commands import InspectLayer, ProbeLayers, ReportUpdateRatios
from charwave_tui.core.protocol.events import Event, LayerInspected, LayersProbed
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.engine.inspection.layer_insights import layer_insight
from charwave_tui.engine.inspection.probe import LayerCapture, capture_layers, layer_stats
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runtime.cooperative import log_as_user_error

SMALL = 2**22
"""Numbers of a look up to which it is kept until the run moves, so that who asks on at the same step waits less."""


@dataclass(frozen=True, slots=True)
class _CachedCapture:
    """A look at a run, and of what."""

    run: ActiveRun
    step: int
    batch: ProbeBatch
    look: LayerCapture
    layers: tuple[LayerStats, ...]


class LayerQueries:
    """Looks at the layers of a run, once for all who ask for it at the same step."""

    def __init__(self) -> None:
        self._seen: _CachedCapture | None = None

    def dispatch(
        self, command: ProbeLayers | InspectLayer | ReportUpdateRatios, run: ActiveRun, answer: Callable[[Event], None]
    ) -> None:
        """Answer `command`; raises Mistake where a person asked for what cannot be, or the look failed."""
        try:
            self._obey(command, run, answer)
        except UserError:
            raise
        except Exception as error:
            self.invalidate()
            raise log_as_user_error("the layers cannot be looked at", error) from error

    def invalidate(self) -> None:
        """Let go of the last look, since the run moves on."""
        self._seen = None

    def _obey(
        self, command: ProbeLayers | InspectLayer | ReportUpdateRatios, run: ActiveRun, answer: Callable[[Event], None]
    ) -> None:
        began, step = time.perf_counter(), run.trainer.step
        match command:
            case ReportUpdateRatios():
                answer(run.trainer.update_ratios.history.report())
            case ProbeLayers(batch=batch):
                layers = self._look(run, batch).layers
                answer(LayersProbed(step, layers, time.perf_counter() - began))
            case InspectLayer(lens=lens, batch=batch, request=request):
                if not 0 <= lens.layer < len(run.trainer.model.layers):
                    return
                seen = self._look(run, batch)
                insight = layer_insight(run.trainer, seen.look, lens)
                seconds = time.perf_counter() - began
                answer(LayerInspected(step, request, seen.layers[lens.layer], insight, seconds))

    def _look(self, run: ActiveRun, batch: ProbeBatch) -> _CachedCapture:
        trainer = run.trainer
        seen = self._seen
        if seen is not None and (seen.run, seen.step, seen.batch) == (run, trainer.step, batch):
            return seen
        self.invalidate()
        look = capture_layers(trainer.model, run.batches.get(batch))
        seen = _CachedCapture(run, trainer.step, batch, look, tuple(layer_stats(look, trainer.update_ratios.ratios)))
        if look.output_numel <= SMALL:
            self._seen = seen
        return seen
