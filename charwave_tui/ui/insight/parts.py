"""Several views of one layer as one, their parts one after another."""

from __future__ import annotations

from dataclasses import replace

from charwave_tui.core.insights import Lens
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.shown import Gaze, LayerView, Nouns, Shown
from charwave_tui.ui.pieces import Line


class Joined:
    """Shows the parts of the first view, then those of the next; each hears of its own alone."""

    def __init__(self, *views: LayerView) -> None:
        self._views = views

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts of all views."""
        return tuple(part for view in self._views for part in view.parts)

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """What the part's own view asks for."""
        view, first = self._of(gaze.part)
        return view.lens(replace(gaze, part=gaze.part - first), width, height)

    def nouns(self, part: int) -> Nouns:
        """What the part's own view says."""
        view, first = self._of(part)
        return view.nouns(part - first)

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """The figures of the part's own view."""
        view, first = self._of(shown.gaze.part)
        return view.figures(replace(shown, gaze=replace(shown.gaze, part=shown.gaze.part - first)))

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """Where the part's own view lets the key lead."""
        view, first = self._of(shown.gaze.part)
        gaze = view.moved(replace(shown, gaze=replace(shown.gaze, part=shown.gaze.part - first)), key)
        return gaze and replace(gaze, part=gaze.part + first)

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
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
