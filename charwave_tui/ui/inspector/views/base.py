"""LayerView, ViewData, CompositeView."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from charwave_tui.core.metrics import LayerStats
from charwave_tui.core.protocol.events import UpdateRatiosReported
from charwave_tui.core.protocol.layer_insights import AnyInsight, InsightQuery
from charwave_tui.ui.drawing.styled_text import StyledLine
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.state.inspector_state import ViewCursor


@dataclass(frozen=True, slots=True)
class CursorAxes:
    """What the keys move the cursor among: `across` by `h` `l`, `down` by `j` `k`, `on` by `p`; empty for nothing."""

    across: str = ""
    down: str = ""
    on: str = ""


@dataclass(frozen=True, slots=True)
class ViewData:
    """All that a view draws: the layer's figures and insight after `step`, as soon as there are any, and the gaze.

    `layers` are the figures of all layers, `symbols` the characters in id order from 1, `changes` how far steps have
    moved the matrices, None before the first answer.
    """

    step: int
    layers: tuple[LayerStats, ...]
    stats: LayerStats
    insight: AnyInsight
    gaze: ViewCursor
    symbols: str = ""
    changes: UpdateRatiosReported | None = None


class LayerView(Protocol):
    """One kind of layer's view, in `parts` that `tab` goes through; all of it is pure."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its parts, at least one."""

    def nouns(self, part: int) -> CursorAxes:
        """What the keys of `moved` move the cursor among in that part."""

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """Its figures with what each means and what is healthy of it."""

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """What to ask the engine for, so as to fill so many columns and lines."""

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """The gaze after `h`, `j`, `k` or `l` (left, down, up, right), `p` or `P` (position on, back).

        None where the key means nothing in this part.
        """

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The view in at most `height` lines of at most `width` columns."""


class CompositeView:
    """Shows the parts of the first view, then those of the next; each hears of its own alone."""

    def __init__(self, *views: LayerView) -> None:
        self._views = views

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts of all views."""
        return tuple(part for view in self._views for part in view.parts)

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """What the part's own view asks for."""
        view, first = self._of(gaze.part)
        return view.query(replace(gaze, part=gaze.part - first), width, height)

    def nouns(self, part: int) -> CursorAxes:
        """What the part's own view says."""
        view, first = self._of(part)
        return view.nouns(part - first)

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """The figures of the part's own view."""
        view, first = self._of(shown.gaze.part)
        return view.diagnostics(replace(shown, gaze=replace(shown.gaze, part=shown.gaze.part - first)))

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """Where the part's own view lets the key lead."""
        view, first = self._of(shown.gaze.part)
        gaze = view.move_cursor(replace(shown, gaze=replace(shown.gaze, part=shown.gaze.part - first)), key)
        return gaze and replace(gaze, part=gaze.part + first)

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """What the part's own view draws."""
        view, first = self._of(shown.gaze.part)
        return view.lines(replace(shown, gaze=replace(shown.gaze, part=shown.gaze.part - first)), width, height)

    def _of(self, part: int) -> tuple[LayerView, int]:
        """The view that a part belongs to, and the first part that it has; the last view where there is none."""
        first = 0
        for view in self._views[:-1]:
            if part < first + len(view.parts):
                return view, first
            first += len(view.parts)
        return self._views[-1], first
