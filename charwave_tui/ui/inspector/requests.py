"""What the inspector asks the engine, and how often."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from charwave_tui.core.protocol.commands import Command, InspectLayer, ReportUpdateRatios
from charwave_tui.core.protocol.events import LayerInspected
from charwave_tui.core.protocol.layer_insights import InsightQuery, ProbeBatch
from charwave_tui.ui.inspector.views.embedding import align_axes
from charwave_tui.ui.state.pending_request import PendingRequest

POLL_INTERVAL = 1.0  # seconds
MAX_TIME_SHARE = 0.03  # of the engine's time


class InspectionRequests:
    """Requests an insight into one layer at a time, repeats it while training changes it, and keeps the last response.

    At most one request is open; of those made meanwhile the newest is sent after the response. `send` sends a command
    to the engine; `poll` is to be called every POLL_INTERVAL seconds.
    """

    def __init__(self, send: Callable[[Command], object]) -> None:
        self._send = send
        self._pending = PendingRequest(self._send_commands, MAX_TIME_SHARE)
        self._includes_update_ratios = False
        self._response: LayerInspected | None = None

    def response_for(self, layer: int) -> LayerInspected | None:
        """Return the last response if it is about the layer of that index."""
        answered = self._pending.answered
        return self._response if isinstance(answered, InspectLayer) and answered.query.layer == layer else None

    def request(
        self, query: InsightQuery, batch: ProbeBatch, *, includes_update_ratios: bool, repeat: bool = False
    ) -> None:
        """Request an insight, unless it was the last one answered; with `repeat` even then."""
        self._includes_update_ratios = includes_update_ratios
        self._pending.request(lambda number: InspectLayer(query, batch, number), repeat=repeat)

    def accept(self, response: LayerInspected) -> bool:
        """Keep the response if it answers the last request; return whether it does."""
        if not self._pending.accept(response.request, response.seconds):
            return False
        previous = self._response.insight if self._response else None
        self._response = msgspec.structs.replace(response, insight=align_axes(previous, response.insight))
        return True

    def poll(self, *, is_training: bool) -> bool:
        """Return whether to repeat the request: it got no response, or training has changed the layer since."""
        was_open = self._pending.number != 0
        return self._pending.poll(at_rest=not is_training) and (was_open or is_training)

    def cancel(self) -> None:
        """Expect no response any more, but keep the last one."""
        self._pending.cancel()

    def forget(self) -> None:
        """Expect no response any more, and drop the last one: it was of another model."""
        self._pending.cancel()
        self._pending.answered = None
        self._response = None

    def _send_commands(self, command: Command) -> None:
        self._send(command)
        if self._includes_update_ratios:
            self._send(ReportUpdateRatios())
