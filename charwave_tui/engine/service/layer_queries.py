"""Replies to ProbeLayers, InspectLayer and ReportUpdateRatios, which neither change nor halt the run."""

from __future__ import annotations

import time
from dataclasses import dataclass

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.commands import InspectLayer, ProbeLayers, ReportUpdateRatios
from charwave_tui.core.protocol.events import LayerInspected, LayersProbed
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.engine.inspection.layer_insights import layer_insight
from charwave_tui.engine.inspection.probe import LayerCapture, capture_layers, layer_stats
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runtime.cooperative import Reply, log_as_user_error

MAX_CACHED_NUMBERS = 2**22  # in a capture that is cached until the next step

LayerQuery = ProbeLayers | InspectLayer | ReportUpdateRatios


@dataclass(frozen=True, slots=True)
class _CachedCapture:
    run: ActiveRun
    step: int
    batch: ProbeBatch
    capture: LayerCapture
    stats: tuple[LayerStats, ...]


class LayerQueries:
    """Captures the layers of a run once for all queries at the same step."""

    def __init__(self) -> None:
        self._cached: _CachedCapture | None = None

    def answer(self, query: LayerQuery, run: ActiveRun, reply: Reply) -> None:
        """Reply to `query`; raises UserError, also where the capture failed."""
        start, step = time.perf_counter(), run.trainer.step
        try:
            match query:
                case ReportUpdateRatios():
                    reply(run.trainer.update_ratios.history.report())
                case ProbeLayers(batch=batch):
                    stats = self._capture(run, batch).stats
                    reply(LayersProbed(step, stats, time.perf_counter() - start))
                case InspectLayer(query=insight_query, batch=batch, request=request):
                    if not 0 <= insight_query.layer < len(run.trainer.model.layers):
                        return
                    cached = self._capture(run, batch)
                    insight = layer_insight(run.trainer, cached.capture, insight_query)
                    seconds = time.perf_counter() - start
                    reply(LayerInspected(step, request, cached.stats[insight_query.layer], insight, seconds))
        except UserError:
            raise
        except Exception as error:
            self.invalidate()
            raise log_as_user_error("the layers cannot be looked at", error) from error

    def invalidate(self) -> None:
        """Drop the cached capture, before a step is taken."""
        self._cached = None

    def _capture(self, run: ActiveRun, batch: ProbeBatch) -> _CachedCapture:
        trainer, cached = run.trainer, self._cached
        if cached is not None and (cached.run, cached.step, cached.batch) == (run, trainer.step, batch):
            return cached
        self.invalidate()  # before the next one is captured: both together may not fit into memory
        capture = capture_layers(trainer.model, run.probe_batches.get(batch))
        stats = tuple(layer_stats(capture, trainer.update_ratios.ratios))
        cached = _CachedCapture(run, trainer.step, batch, capture, stats)
        if capture.output_numel <= MAX_CACHED_NUMBERS:
            self._cached = cached
        return cached
